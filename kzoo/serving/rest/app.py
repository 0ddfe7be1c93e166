"""The web application: TensorFlow Serving's REST routes, health and metrics.

https://www.tensorflow.org/tfx/serving/api_rest
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from kzoo.serving.rest.batcher import Batcher
from kzoo.serving.rest.counters import Metrics
from kzoo.serving.rest.json_tensors import read_question, to_arrays, to_json
from kzoo.serving.rest.request_error import RequestError
from kzoo.serving.rest.server_options import ServerOptions
from kzoo.serving.rest.versions import DEFAULT, ServedModel, Version

JSON = "application/json"
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


def build_app(model: ServedModel, *, options: ServerOptions, batcher: Batcher, metrics: Metrics) -> FastAPI:
    """The application of a model."""
    # Its pages would load scripts from elsewhere.
    app = FastAPI(title="kzoo", docs_url=None, redoc_url=None, openapi_url=None)
    served = _Served(model, options, batcher, metrics)
    one = "/v1/models/{name}"
    for path in (one, one + "/versions/{version}"):
        app.add_route(path, served.status, methods=["GET"])
        app.add_route(path + "/metadata", served.metadata, methods=["GET"])
        app.add_route(path + ":predict", served.predict, methods=["POST"])
    app.add_route("/healthz", served.health, methods=["GET"])
    app.add_route("/metrics", served.metrics_text, methods=["GET"])
    app.add_exception_handler(RequestError, _tell)
    app.add_exception_handler(HTTPException, _tell_route)
    app.add_exception_handler(Exception, _tell)
    return app


@dataclass(frozen=True, eq=False)
class _Served:
    """The routes of a model."""

    model: ServedModel
    options: ServerOptions
    batcher: Batcher
    metrics: Metrics

    async def status(self, request: Request) -> Response:
        """``GET /v1/models/NAME``: which version is available."""
        version = self.version_of(request)
        status = {"error_code": "OK", "error_message": ""}
        state = {"version": str(version.number), "state": "AVAILABLE", "status": status}
        return JSONResponse({"model_version_status": [state]})

    async def metadata(self, request: Request) -> Response:
        """``GET /v1/models/NAME/metadata``: its signatures."""
        version = self.version_of(request)
        spec = {"name": self.model.name, "signature_name": "", "version": str(version.number)}
        return JSONResponse({"model_spec": spec, "metadata": {"signature_def": {"signature_def": version.described}}})

    async def predict(self, request: Request) -> Response:
        """``POST /v1/models/NAME:predict``."""
        started, running = time.perf_counter(), self.metrics.running
        running.inc()
        code = 500
        try:
            body = await answer(self, request)
            code = 200
            return Response(body, media_type=JSON)
        except RequestError as error:
            code = error.status
            raise
        finally:
            running.dec()
            self.metrics.requests.labels(code=str(code)).inc()
            if code == 200:
                self.metrics.seconds.observe(time.perf_counter() - started)

    async def health(self, request: Request) -> Response:
        """``GET /healthz``."""
        return JSONResponse({"status": "ok", "model": self.model.name, "version": self.model.version.number})

    async def metrics_text(self, request: Request) -> Response:
        """``GET /metrics``."""
        self.metrics.version.set(self.model.version.number)
        return Response(self.metrics.text(), media_type=PROMETHEUS)

    def version_of(self, request: Request) -> Version:
        """The version that an address names, or 404."""
        name, wanted = request.path_params["name"], request.path_params.get("version")
        version = self.model.version
        if name != self.model.name or wanted not in (None, str(version.number)):
            which = f"version {wanted} of model {name!r}" if wanted else f"model {name!r}"
            raise RequestError(
                f"There is no {which}. Served is version {version.number} of {self.model.name!r}.", status=404
            )
        return version


async def _tell(request: Request, error: Exception) -> Response:
    """An error as TensorFlow Serving writes it; what it is, where it is no `RequestError`, is in the server's log."""
    status = error.status if isinstance(error, RequestError) else 500
    message = str(error) if isinstance(error, RequestError) else f"Internal error: {type(error).__name__}."
    headers = {"Retry-After": "1"} if status == 503 else None
    return JSONResponse({"error": message}, status_code=status, headers=headers)


async def _tell_route(request: Request, error: Exception) -> Response:
    """An address or a method that is not there."""
    status = error.status_code if isinstance(error, HTTPException) else 404
    return JSONResponse({"error": f"Malformed request: {request.method} {request.url.path}"}, status_code=status)


async def answer(served: _Served, request: Request) -> bytes:
    """The body of the reply to a predict request."""
    version, options = served.version_of(request), served.options
    if served.metrics.in_flight() > options.most_requests:
        raise RequestError(f"{options.most_requests} requests are being answered. Try again.", status=503)
    question = await asyncio.to_thread(read_question, await read_body(request, most=options.most_bytes))
    name = question.signature or DEFAULT
    signature = version.signatures.get(name)
    if signature is None:
        known = ", ".join(sorted(version.signatures))
        raise RequestError(f"There is no signature {name!r}. The signatures are: {known}.")
    inputs = await asyncio.to_thread(to_arrays, question, signature.inputs)
    outputs = await asyncio.wrap_future(served.batcher.submit(signature, inputs))
    return await asyncio.to_thread(to_json, outputs, rows=question.rows)


async def read_body(request: Request, *, most: int) -> bytes:
    """The body of a request; what is too large is not read to its end."""
    error = RequestError(f"A request must have at most {most:,} bytes.", status=413)
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > most:
        raise error
    parts, total = [], 0
    async for part in request.stream():
        total += len(part)
        if total > most:
            raise error
        parts.append(part)
    return b"".join(parts)
