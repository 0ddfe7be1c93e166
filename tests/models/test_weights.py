"""Weight files: found, fetched whole or not at all, checked, loaded. No test asks the network."""

import hashlib
import http.server
import pickle
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest

from kzoo.models.construction import build
from kzoo.models.weights import WeightsError, cache_path, find_weights, is_published, load_weights, stand_in
from kzoo.specs.card import BackboneSpec, WeightFile
from kzoo.specs.catalog.keras_applications import CATALOG

CONTENT = bytes(range(256)) * 2000


class Handler(http.server.BaseHTTPRequestHandler):
    """Gives CONTENT slowly; half of it, half of it in chunks, or none, as the path says."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.asked.append(self.path)
        if self.path == "/none":
            return self.send_error(404)
        body = CONTENT if "whole" in self.path else CONTENT[: len(CONTENT) // 2]
        self.send_response(200)
        if self.path == "/chunks":
            self.send_header("Transfer-Encoding", "chunked")
            body = f"{len(body) * 2:x}\r\n".encode() + body
        else:
            self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        for start in range(0, len(body), 100_000):
            self.wfile.write(body[start : start + 100_000])
            time.sleep(0.01)
        self.close_connection = True

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as served:
        served.asked = []
        threading.Thread(target=served.serve_forever, daemon=True).start()
        yield served
        served.shutdown()


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def card_of(server, path, digest=None):
    url = f"http://127.0.0.1:{server.server_address[1]}{path}"
    return BackboneSpec("net", "a.b", weights=(WeightFile("net.h5", url, digest),))


def left(home):
    return [path.name for path in home.rglob("*") if path.is_file()]


def test_keras_home_is_where_files_are(home, monkeypatch):
    file = WeightFile("net.h5", "")
    assert cache_path(file) == home / "models" / "net.h5"
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setenv("HOME", "/somewhere")
    assert str(cache_path(file)) == "/somewhere/.keras/models/net.h5"


@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_a_file_is_fetched_once_and_checked(server, home, algorithm):
    card = card_of(server, "/whole", hashlib.new(algorithm, CONTENT).hexdigest())
    server.asked.clear()
    assert find_weights(card, size=224) == find_weights(card, size=32) == home / "models" / "net.h5"
    assert (home / "models" / "net.h5").read_bytes() == CONTENT
    assert server.asked == ["/whole"]


def test_a_fetched_file_can_be_read_by_those_who_can_read_its_folder(server, home):
    path = find_weights(card_of(server, "/whole"), size=224)
    other = home / "other"
    other.write_text("")
    assert path.stat().st_mode == other.stat().st_mode


@pytest.mark.parametrize("path", ["/half", "/chunks", "/none"])
def test_a_download_that_fails_leaves_nothing(server, home, path):
    with pytest.raises(WeightsError, match="could not be fetched"):
        find_weights(card_of(server, path), size=224)
    assert left(home) == []


def test_a_download_of_something_else_leaves_nothing(server, home):
    with pytest.raises(WeightsError, match="the hash of the received file is not 0123"):
        find_weights(card_of(server, "/whole", "0123" * 8), size=224)
    assert left(home) == []


def test_four_threads_get_one_whole_file(server, home):
    server.asked.clear()
    card = card_of(server, "/whole")
    with ThreadPoolExecutor(4) as pool:
        contents = list(pool.map(lambda _: find_weights(card, size=224).read_bytes(), range(4)))
    assert contents == [CONTENT] * 4
    assert server.asked == ["/whole"]


@pytest.mark.slow
def test_four_processes_get_one_whole_file(server, home):
    code = (
        "import hashlib, pickle; from kzoo.models.weights import find_weights;"
        f"card = pickle.loads({pickle.dumps(card_of(server, '/whole'))!r});"
        "print(hashlib.md5(find_weights(card, size=9).read_bytes()).hexdigest())"
    )
    runs = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert {run.communicate()[0].strip() for run in runs} == {hashlib.md5(CONTENT).hexdigest()}
    assert sorted(left(home)) == ["keras.json", "net.h5"]  # the first is Keras's own


@pytest.mark.parametrize(
    "error", [urllib.error.URLError("no route"), TimeoutError("timed out"), ConnectionResetError()]
)
@pytest.mark.parametrize("folder", ["home", "100%_home"])
def test_without_a_network_the_way_out_is_told_at_once(monkeypatch, tmp_path, error, folder):
    def unreachable(url, timeout):
        assert timeout <= 10
        raise error

    monkeypatch.setattr(urllib.request, "urlopen", unreachable)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / folder))
    file = CATALOG["mobilenet_v2_035"].weights[0]
    with pytest.raises(WeightsError) as caught:
        find_weights(CATALOG["mobilenet_v2_035"], size=96)
    told = str(caught.value)
    place = str(tmp_path / folder / "models" / file.name)
    assert all(part in told for part in (file.name, file.url, place, "KERAS_HOME", "weights=None"))
    assert left(tmp_path) == []


def test_a_home_that_cannot_be_written_is_told(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "file"))
    with pytest.raises(WeightsError, match=r"are not in .* and could not be fetched"):
        find_weights(CATALOG["vgg16"], size=224)


def test_a_card_without_weights_says_so():
    with pytest.raises(WeightsError, match=r"published for 'cv_resnet18'\. Pass weights=None"):
        find_weights(CATALOG["cv_resnet18"], size=224)


def test_a_file_of_another_content_is_refused(home):
    file = CATALOG["vgg16"].weights[0]
    (home / "models").mkdir(parents=True)
    (home / "models" / file.name).write_bytes(b"other")
    with pytest.raises(WeightsError, match=f"{file.name} is not the file that Keras publishes.*Delete it"):
        find_weights(CATALOG["vgg16"], size=224)
    assert not is_published(home / "models" / file.name, file)


def dense(units):
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(units, name="only")], name="mine")


def test_weights_are_loaded(tmp_path):
    source, target = dense(2), dense(2)
    source.save_weights(tmp_path / "w.weights.h5")
    load_weights(target, tmp_path / "w.weights.h5")
    np.testing.assert_array_equal(target.get_weights()[0], source.get_weights()[0])


def damaged(path):
    path.write_bytes(path.read_bytes()[:1000])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: dense(5).save_weights(path), r"does not fit mine \(1 layers, 8 parameters\)"),
        (damaged, "does not fit mine"),
        (lambda path: path.write_bytes(b"<html>"), "does not fit mine"),
        (lambda path: path.unlink(), "There is no weight file"),
    ],
    ids=["shapes", "cut", "html", "missing"],
)
def test_weights_that_do_not_fit_are_refused(tmp_path, spoil, message):
    path = tmp_path / "w.weights.h5"
    dense(2).save_weights(path)
    spoil(path)
    with pytest.raises(WeightsError, match=message):
        load_weights(dense(2), path)


SLOW = pytest.mark.slow


@pytest.mark.slow
@pytest.mark.parametrize(
    "weights", ["imagenet", pytest.param("path", marks=SLOW), pytest.param("other path", marks=SLOW)]
)
def test_published_weights_of_efficientnet_divide_by_the_root_of_the_deviations(home, tmp_path, weights):
    """With weights="imagenet" Keras 3.15 puts Rescaling(1 / sqrt(std)) behind the normalization."""
    keras.utils.set_random_seed(0)
    model = keras.applications.EfficientNetB0(weights=None, include_top=False, input_shape=(32, 32, 3))
    norm = next(layer for layer in model.layers if isinstance(layer, keras.layers.Normalization))
    norm.set_weights([np.float32([0.4, 0.5, 0.6]), np.float32([0.04, 0.05, 0.06]), *norm.get_weights()[2:]])
    norm.finalize_state()
    (home / "models").mkdir(parents=True)
    path = home / "models" / "b0.weights.h5"
    model.save_weights(path)
    digest = hashlib.md5(path.read_bytes()).hexdigest() if weights != "other path" else "0" * 32
    card = CATALOG["efficientnet_b0"]
    card = BackboneSpec(card.name, card.constructor, card.arguments, weights=(WeightFile("b0.weights.h5", "", digest),))
    built = build(card, shape=(32, 32, 3), weights="imagenet" if weights == "imagenet" else path)
    pixels = np.random.default_rng(0).uniform(0, 1, (2, 32, 32, 3)).astype(np.float32)
    root = np.sqrt(np.float32([0.229, 0.224, 0.225])) if weights != "other path" else 1
    found = next(layer for layer in built.layers if isinstance(layer, keras.layers.Normalization))
    np.testing.assert_allclose(found(pixels), norm(pixels) / root, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(built.get_weights()[-1], model.get_weights()[-1])


def test_weights_of_another_resolution_take_the_place_of_what_cannot_be_fetched():
    """The nearest of those that are there; with its own there, or none at all, nothing changes."""
    files = tuple(WeightFile(f"{size}.h5", "http://127.0.0.1:9/none", size=size) for size in (96, 160, 192, 224))
    spec = BackboneSpec("cnn", "my_package.cnn", weights=files)
    with pytest.raises(WeightsError, match=r"96\.h5 are not in"):
        find_weights(spec, size=96)
    for size in (160, 224):
        path = cache_path(files[[96, 160, 192, 224].index(size)])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"weights")
    assert find_weights(spec, size=96).name == "160.h5"
    assert stand_in(spec, size=96).size == 160
    assert stand_in(spec, size=224) is None
