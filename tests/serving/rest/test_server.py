"""A server of a tiny SavedModel: TensorFlow Serving's routes, limits, metrics and new versions."""

import http.client
import json
import shutil
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest
import tensorflow as tf

from kzoo.serving.rest.server import serving
from kzoo.serving.rest.server_options import ServerOptions
from kzoo.serving.rest.versions import ServedModel

pytest.importorskip("fastapi", reason="extra serve")


class Tiny(tf.Module):
    """Tells the length of strings, times a factor."""

    def __init__(self, factor):
        self.factor = tf.Variable(factor)

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="text")])
    def lengths(self, text):
        tf.debugging.assert_less(tf.reduce_max(tf.strings.length(text)), 50, message="too long")
        return {"lengths": self.factor * tf.strings.length(text), "texts": text}

    @tf.function(input_signature=[tf.TensorSpec((1, 2), tf.float32, name="input")])
    def numeric(self, input):
        return {"sum": tf.reduce_sum(input, axis=1)}


def write(path, factor):
    tiny = Tiny(factor)
    tf.saved_model.save(tiny, str(path), signatures={"serving_default": tiny.lengths, "numeric": tiny.numeric})


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    root = tmp_path_factory.mktemp("rest")
    write(root / "v1", 1)
    write(root / "v2", 2)
    return root


@pytest.fixture
def directory(exported, tmp_path):
    shutil.copytree(exported / "v1", tmp_path / "texts" / "1")
    return tmp_path / "texts"


@pytest.fixture(scope="module")
def url(exported, tmp_path_factory):
    folder = tmp_path_factory.mktemp("served") / "texts"
    shutil.copytree(exported / "v1", folder / "3")
    with serving(folder, ServerOptions(port=0, most_bytes=2_000)) as address:
        yield address


def call(address, body=None):
    """Status and JSON of a reply."""
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(address, data, timeout=20) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_status_and_metadata_are_tensorflow_servings(url):
    state = {"version": "3", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    for path in ("/v1/models/texts", "/v1/models/texts/versions/3"):
        assert call(url + path) == (200, {"model_version_status": [state]})
    code, found = call(url + "/v1/models/texts/metadata")
    assert (code, found["model_spec"]) == (200, {"name": "texts", "signature_name": "", "version": "3"})
    signatures = found["metadata"]["signature_def"]["signature_def"]
    assert set(signatures) == {"serving_default", "numeric"}
    text = signatures["serving_default"]["inputs"]["text"]
    shape = {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False}
    assert (text["dtype"], text["tensor_shape"]) == ("DT_STRING", shape)
    assert signatures["serving_default"]["method_name"] == "tensorflow/serving/predict"


def test_rows_and_columns_are_answered(url):
    rows = [{"lengths": 2, "texts": "hi"}, {"lengths": 3, "texts": "one"}]
    asked = {"instances": ["hi", {"b64": "b25l"}]}
    for path in ("/v1/models/texts:predict", "/v1/models/texts/versions/3:predict"):
        assert call(url + path, asked) == (200, {"predictions": rows})
    columns = {"lengths": [2, 3], "texts": ["hi", "one"]}
    assert call(url + "/v1/models/texts:predict", {"inputs": {"text": ["hi", "one"]}}) == (200, {"outputs": columns})
    numbers = {"signature_name": "numeric", "instances": [[1, 2.5]]}
    assert call(url + "/v1/models/texts:predict", numbers) == (200, {"predictions": [3.5]})


@pytest.mark.parametrize(
    ("path", "body", "code", "message"),
    [
        ("/v1/models/other", None, 404, "There is no model 'other'. Served is version 3 of 'texts'."),
        ("/v1/models/texts/versions/4", None, 404, "There is no version 4 of model 'texts'"),
        ("/v1/models/other:predict", {"instances": ["x"]}, 404, "There is no model 'other'"),
        ("/v1/models/texts:predict", {"instances": [3]}, 400, "'text' must be strings"),
        ("/v1/models/texts:predict", {"instances": ["x" * 60]}, 400, "too long"),
        ("/v1/models/texts:predict", {"instances": ["x" * 3_000]}, 413, "at most 2,000 bytes"),
        (
            "/v1/models/texts:predict",
            {"signature_name": "y", "instances": ["x"]},
            400,
            "There is no signature 'y'. The signatures are: numeric, serving_default.",
        ),
        ("/v1/models/texts:classify", {"examples": []}, 405, "Malformed request: POST /v1/models/texts:classify"),
        ("/", None, 404, "Malformed request: GET /"),
    ],
)
def test_errors_are_json(url, path, body, code, message):
    found, reply = call(url + path, body)
    assert (found, list(reply)) == (code, ["error"])
    assert message in reply["error"]


def test_a_large_body_of_unknown_length_is_not_read_to_its_end(url):
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=20)
    parts = iter([b" " * 1_000] * 5)
    connection.request(
        "POST", "/v1/models/texts:predict", parts, encode_chunked=True, headers={"Transfer-Encoding": "chunked"}
    )
    assert connection.getresponse().status == 413


def test_requests_at_the_same_time_get_their_own_answers(url):
    texts = ["x" * (number % 40) for number in range(60)]
    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(lambda text: call(url + "/v1/models/texts:predict", {"instances": [text]}), texts))
    assert found == [(200, {"predictions": [{"lengths": len(text), "texts": text}]}) for text in texts]


def test_health_and_metrics(url):
    assert call(url + "/healthz") == (200, {"status": "ok", "model": "texts", "version": 3})
    call(url + "/v1/models/texts:predict", {"instances": ["x"]})
    with urllib.request.urlopen(url + "/metrics", timeout=20) as reply:
        text = reply.read().decode()
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert float(lines['kzoo_requests_total{code="200"}']) >= 1
    assert float(lines["kzoo_batch_examples_count"]) >= 1
    assert (float(lines["kzoo_model_version"]), float(lines["kzoo_running_requests"])) == (3, 0)


def test_more_requests_than_the_limit_are_sent_away(directory, monkeypatch):
    entered, go = threading.Event(), threading.Event()
    with serving(directory, ServerOptions(port=0, most_requests=1)) as address:
        from kzoo.serving.rest.signature import Signature

        run = Signature.run
        monkeypatch.setattr(Signature, "run", lambda self, inputs: (entered.set(), go.wait(10), run(self, inputs))[2])
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(call, address + "/v1/models/texts:predict", {"instances": ["hi"]})
            assert entered.wait(10)
            code, reply = call(address + "/v1/models/texts:predict", {"instances": ["hi"]})
            assert (code, reply) == (503, {"error": "1 requests are being answered. Try again."})
            go.set()
            assert first.result(10)[0] == 200


@pytest.mark.filterwarnings("ignore")
def test_an_error_of_the_server_is_json_too(directory, monkeypatch, caplog):
    from kzoo.serving.rest.signature import Signature

    def fail(self, inputs):
        raise KeyError("secret")

    monkeypatch.setattr(Signature, "run", fail)
    monkeypatch.setattr("kzoo.serving.rest.versions.read_warmup", lambda folder: [])
    with serving(directory, ServerOptions(port=0)) as address:
        code, reply = call(address + "/v1/models/texts:predict", {"instances": ["hi"]})
    assert (code, reply) == (500, {"error": "Internal error: KeyError."})


def test_a_newer_version_is_picked_up_and_a_damaged_one_is_not(directory, exported):
    told = []
    model = ServedModel(directory, seconds=1_000, report=told.append)
    try:
        assert (model.name, model.version.number) == ("texts", 1)
        (directory / "9").mkdir()
        (directory / "9" / "saved_model.pb").write_bytes(b"damaged")
        model.refresh()
        model.refresh()
        assert model.version.number == 1
        shutil.copytree(exported / "v2", directory / "10")
        model.refresh()
        assert model.version.number == 10
        assert model.version.signatures["serving_default"].run({"text": [b"hi"]})["lengths"].tolist() == [4]
    finally:
        model.close()
    assert told[0].startswith("Version 9 could not be loaded, version 1 stays")
    assert told[1:] == ["Loaded version 10"]


def test_one_version_is_served_by_its_path(directory):
    model = ServedModel(directory / "1", report=print)
    assert (model.name, model.version.number) == ("texts", 1)


def test_what_is_no_exported_model_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no directory"):
        ServedModel(tmp_path / "none", report=print)
    with pytest.raises(ValueError, match=r"contains no exported model\. Write one with: kzoo export"):
        ServedModel(tmp_path, report=print)
    (tmp_path / "card.json").write_text("{}")
    with pytest.raises(ValueError, match="is a saved model; the server takes an exported one"):
        ServedModel(tmp_path, report=print)


def test_a_port_in_use_is_named(directory):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=rf"Cannot listen on 127\.0\.0\.1 port {port}"):
            serving(directory, ServerOptions(port=port)).__enter__()


WITHOUT_KERAS = """
import sys
sys.modules["keras"] = None
from kzoo.serving.rest.server import serving
from kzoo.serving.rest.server_options import ServerOptions
import json, urllib.request
with serving(sys.argv[1], ServerOptions(port=0)) as url:
    body = json.dumps({"instances": ["hi"]}).encode()
    print(urllib.request.urlopen(url + "/v1/models/texts:predict", body).read().decode())
"""


@pytest.mark.slow
def test_the_server_needs_tensorflow_alone(directory):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_KERAS, str(directory)], capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines()[-1:] == ['{"predictions": [{"lengths": 2, "texts": "hi"}]}'], done.stderr[-2_000:]
