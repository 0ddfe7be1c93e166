"""The local page of ``kzoo try``. Extra ``try``: Gradio."""

from __future__ import annotations

import html
import io
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kzoo.cli.trial import NEAREST, Answer, Trial

if TYPE_CHECKING:
    import gradio  # pyright: ignore[reportMissingImports]

FONTS = ("system-ui", "sans-serif")
"""Of this machine: Gradio's own fonts would be loaded from elsewhere."""


def build_page(trial: Trial) -> gradio.Blocks:
    """The page of a model: an input, a button, and what the model says.

    Raises:
        ImportError: Gradio is missing.
    """
    gr = _gradio()
    inputs = {
        "pixels": lambda: gr.Image(type="filepath", label="Image", height=320, buttons=[]),
        "words": lambda: gr.Textbox(label="Text", lines=5),
        "spectrogram": lambda: gr.Audio(type="filepath", format="wav", label="Recording"),
    }
    with gr.Blocks(title=f"kzoo: {trial.title}", analytics_enabled=False) as page:
        gr.Markdown(f"# {trial.title}")
        with gr.Row():
            with gr.Column():
                given = inputs[trial.form]()
                button = gr.Button("Predict", variant="primary")
            with gr.Column():
                words = gr.HTML(_paragraphs(["Give an input, then press Predict."]))
                outputs = gr.Label(num_top_classes=10, label="Outputs")
        # Its other buttons would share with other servers.
        buttons = ["fullscreen"]
        figure = gr.Image(label="Explanation", interactive=False, visible=trial.explains, buttons=buttons)
        images = gr.Gallery(
            label="Nearest training examples",
            columns=NEAREST,
            height=240,
            object_fit="contain",
            visible=False,
            buttons=buttons,
        )
        names = gr.HTML(visible=False)

        def show(value: str | None) -> list[Any]:
            if not value:
                return [gr.skip(), _paragraphs(["Give an input first."]), gr.skip(), gr.skip(), gr.skip()]
            return _shown(gr, trial.answer(value))

        button.click(show, [given], [outputs, words, figure, images, names], api_name="predict")
    return page


def show_page(trial: Trial, *, host: str, port: int | None) -> None:
    """Serves the page until Ctrl-C.

    Args:
        trial: the model.
        host: address to listen on.
        port: None: the first that is free from 7860 on.
    """
    launch(build_page(trial), host=host, port=port, wait=True)


def launch(page: gradio.Blocks, *, host: str, port: int | None, wait: bool) -> str:
    """Serves a page, to its end where it should `wait`; returns its address."""
    theme = _gradio().themes.Default(font=FONTS, font_mono=("monospace",))
    # Nothing is shared with other servers, and nothing is counted.
    _, address, _ = page.launch(
        server_name=host,
        server_port=port,
        share=False,
        inbrowser=False,
        prevent_thread_lock=not wait,
        theme=theme,
        quiet=not wait,
        footer_links=[],
        ssr_mode=False,
    )
    return address


def _shown(gr: Any, answer: Answer) -> list[Any]:
    """The values of the page's parts."""
    seen = [(_image(small), caption) for small, caption in answer.nearest if small is not None]
    others = "".join(f"<li>{html.escape(caption)}</li>" for small, caption in answer.nearest if small is None)
    probable = answer.outputs if all(0 <= value <= 1 for value in answer.outputs.values()) else {}
    return [
        dict(probable) or None,
        _paragraphs(answer.lines),
        None if answer.figure is None else _image(answer.figure),
        gr.update(value=seen, visible=bool(seen)),
        gr.update(value=f"<b>Nearest training examples</b><ul>{others}</ul>", visible=bool(others)),
    ]


def _paragraphs(lines: Sequence[str]) -> str:
    """Lines as HTML, the first one in bold."""
    first, *others = map(html.escape, lines)
    return "".join([f"<p><b>{first}</b></p>", *(f"<p>{line}</p>" for line in others)])


def _image(encoded: bytes) -> Any:
    from PIL import Image

    return Image.open(io.BytesIO(encoded))


def _gradio() -> Any:
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    try:
        import gradio  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise ImportError("The page needs Gradio: pip install 'kzoo[try]'") from error
    return gradio
