"""The server of an exported model, in this thread or in one of its own. Extra ``serve``: FastAPI and uvicorn."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from kzoo.serving.rest.batcher import Batcher
from kzoo.serving.rest.server_options import ServerOptions
from kzoo.serving.rest.versions import ServedModel

if TYPE_CHECKING:
    import uvicorn


def serve(directory: str | Path, options: ServerOptions, *, report: Callable[[str], None]) -> None:
    """Serves the newest version in a folder until Ctrl-C.

    Args:
        directory: that `kzoo.Adapted.export` wrote to, or one version in it.
        options: see `ServerOptions`.
        report: is told the address, and what is loaded later.

    Raises:
        ImportError: the extra ``serve`` is missing.
        OSError: the port is in use; or there is no such directory.
        ValueError: the directory has no exported model.
    """
    with _server(directory, options, report) as (server, listening), contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[listening])


@contextlib.contextmanager
def serving(
    directory: str | Path, options: ServerOptions | None = None, *, report: Callable[[str], None] = lambda line: None
) -> Iterator[str]:
    """The same in a thread of its own while a block runs, which gets the address, as ``http://127.0.0.1:8501``."""
    with _server(directory, options or ServerOptions(), report) as (server, listening):
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        try:
            yield address_of(listening)
        finally:
            server.should_exit = True
            thread.join()


@contextlib.contextmanager
def _server(
    directory: str | Path, options: ServerOptions, report: Callable[[str], None]
) -> Iterator[tuple[uvicorn.Server, socket.socket]]:
    try:
        import uvicorn

        from kzoo.serving.rest.app import build_app
        from kzoo.serving.rest.counters import Metrics
    except ImportError as error:
        raise ImportError("The server needs FastAPI and uvicorn: pip install 'kzoo[serve]'") from error
    with _listen(options) as listening, contextlib.ExitStack() as stack:
        model = ServedModel(directory, name=options.name, report=report)
        stack.callback(model.close)
        metrics = Metrics()
        batcher = Batcher(most=options.most_examples, observe=metrics.batches.observe)
        stack.callback(batcher.close)
        app = build_app(model, options=options, batcher=batcher, metrics=metrics)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off"))
        where = f"{address_of(listening)}/v1/models/{model.name}:predict"
        report(f"Serving version {model.version.number} at {where}")
        yield server, listening


def _listen(options: ServerOptions) -> socket.socket:
    """A socket that listens, before the model is loaded: a port in use is told at once."""
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    try:
        return socket.create_server((options.host, options.port), family=family)
    except OSError as error:
        raise OSError(
            f"Cannot listen on {options.host} port {options.port}: {error.strerror}. Choose another with port=8502."
        ) from error


def address_of(listening: socket.socket) -> str:
    """The address of a listening socket, as ``http://127.0.0.1:8501``."""
    host, port = listening.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
