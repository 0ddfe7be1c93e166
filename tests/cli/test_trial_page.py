"""The page of ``kzoo try``, by Gradio's client and in headless Chromium."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from kzoo.cli.trial import Answer, Trial

gradio = pytest.importorskip("gradio", reason="extra try")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def chromium():
    """A Chromium of this machine: $KZOO_CHROMIUM, on the path, or Playwright's."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    kept = Path.home() / ".cache" / "ms-playwright"
    found = [os.environ.get("KZOO_CHROMIUM"), *map(shutil.which, names), *map(str, kept.glob("chromium*/*/chrome*"))]
    return next((path for path in found if path and os.access(path, os.X_OK)), None)


def answer(text):
    """An answer with all parts of a page."""
    picture = tf.io.encode_jpeg(np.full((40, 40, 3), 200, np.uint8)).numpy()
    figure = tf.io.encode_png(np.full((30, 60, 3), 90, np.uint8)).numpy()
    nearest = [(picture, "good (0.98): a.jpg"), (None, "bad (0.40): <b>text</b>")]
    return Answer({"good": 0.75, "bad": 0.25}, [f"good of {text}", "<i>sure</i>"], figure, nearest)


@pytest.fixture(scope="module")
def url():
    from kzoo.cli.trial_page import build_page, launch

    page = build_page(Trial("reviews", "words", True, answer))
    yield launch(page, host="127.0.0.1", port=None, wait=False)
    page.close()


def test_the_client_gets_the_answer(url):
    client = pytest.importorskip("gradio_client").Client(url, verbose=False)
    outputs, words, figure, images, names = client.predict("a film", api_name="/predict")
    assert outputs["label"] == "good"
    assert [each["confidence"] for each in outputs["confidences"]] == [0.75, 0.25]
    assert words == "<p><b>good of a film</b></p><p>&lt;i&gt;sure&lt;/i&gt;</p>"
    assert Path(figure).stat().st_size > 0
    assert [each["caption"] for each in images["value"]] == ["good (0.98): a.jpg"]
    assert "bad (0.40)" in names["value"]
    assert client.predict("", api_name="/predict")[1] == "<p><b>Give an input first.</b></p>"


def test_it_listens_on_this_machine_alone(url):
    assert url.startswith("http://127.0.0.1:")


def test_a_browser_shows_the_answer_and_loads_nothing_from_elsewhere(url, tmp_path):
    api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    path = chromium()
    if path is None:
        pytest.skip("needs a Chromium: set KZOO_CHROMIUM")
    asked = []
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1000, "height": 900})
        page.on("request", lambda request: asked.append(request.url))
        page.goto(url)
        page.get_by_label("Text").fill("what a film")
        page.get_by_role("button", name="Predict").click()
        page.get_by_text("of what a film").wait_for(timeout=20_000)
        page.wait_for_function(
            "[...document.images].filter(each => each.naturalWidth >= 40).length >= 2", timeout=20_000
        )
        text = page.inner_text("body")
        page.screenshot(path=os.environ.get("KZOO_SCREENSHOT", tmp_path / "page.png"), full_page=True)
        browser.close()
    assert "75%" in text
    assert "bad (0.40): <b>text</b>" in text
    assert {address for address in asked if not address.startswith((url, "data:", "blob:"))} == set()
