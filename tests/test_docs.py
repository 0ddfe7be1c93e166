"""The documentation says what holds: its code runs, its commands are understood, its names exist."""

import ast
import importlib.util
import re
import shlex
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from scipy.io import wavfile

import kzoo
from kzoo.cli.options import build_parser
from kzoo.data.modalities import MODALITIES
from kzoo.data.sources.forms import SOURCES
from kzoo.evaluation.user_metrics import METRICS
from kzoo.models.heads import HEADS
from kzoo.pretraining.objectives.objective_registry import OBJECTIVES
from kzoo.specs import registry
from kzoo.specs.catalog.modality import MODALITY_SPECS
from kzoo.specs.recipes import RECIPES
from kzoo.task_kinds.kind_registry import TASK_KINDS
from kzoo.training.losses import LOSSES

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts)
FENCE = re.compile(r"^```(\{code-block\} )?(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WITHOUT_RUNNING = 4
"""Blocks that need a network or files of the reader's, at most."""


def name_of(page: Path) -> str:
    return page.relative_to(DOCS).with_suffix("").as_posix()


def blocks(page: Path, language: str) -> list[tuple[bool, str, int]]:
    """Whether a block runs, its code, and the number of its first line."""
    text = page.read_text(encoding="utf-8")
    found = [each for each in FENCE.finditer(text) if each[2] == language]
    return [(not each[1], each[3], text[: each.start(3)].count("\n")) for each in found]


def extension(name: str) -> types.ModuleType:
    spec = importlib.util.spec_from_file_location(name, DOCS / "extensions" / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_few_blocks_need_a_network():
    marked = [code for page in PAGES for runs, code, _ in blocks(page, "python") if not runs]
    assert len(marked) <= WITHOUT_RUNNING
    opened = sum(page.read_text(encoding="utf-8").count("{code-block} python\n:class: needs-network") for page in PAGES)
    assert len(marked) == opened


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_names_of_kzoo_exist(page: Path):
    # But for modules, as in kzoo.specs.card.BackboneSpec, which Sphinx looks up.
    names = set(re.findall(r"\bkzoo\.([A-Za-z_]+)\b(?!\.\w+\.)", page.read_text(encoding="utf-8")))
    assert names - set(dir(kzoo)) == set()


def test_the_reference_lists_every_public_name():
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"auto(?:class|function):: (\w+)$", text, re.MULTILINE)) == sorted(kzoo.__all__)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_are_understood(page: Path):
    for _, code, _ in blocks(page, "bash"):
        for line in code.splitlines():
            if line.startswith("kzoo "):
                assert build_parser().parse_args(shlex.split(line)[1:]).command


def test_the_command_line_page_lists_every_command():
    text = (DOCS / "guides" / "command_line.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `kzoo (\w+)", text, re.MULTILINE))
    commands = next(each for each in build_parser()._actions if each.dest == "command").choices
    assert listed == set(commands or ())


def test_the_catalog_has_a_row_per_card_and_escapes_it():
    found = extension("model_catalog").table(
        [kzoo.get_card("mobilenet_v2_035"), kzoo.BackboneSpec(name="<b>", constructor="x", paper='"')]
    )
    assert found.count("<tr>") == 3
    assert "<td>mobilenet_v2_035</td><td>image</td><td>keras</td><td>imagenet</td>" in found
    assert "<td>&lt;b&gt;</td>" in found
    assert 'href="&quot;"' in found
    assert "\n\n" not in found


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ('<script src="https://cdn.example/x.js">', 1),
        ("<link rel='stylesheet' href='//cdn.example/x.css'>", 1),
        ("@font-face {src: url(https://cdn.example/x.woff)}", 1),
        ('<img alt="" src="http://example/x.png">', 1),
        ('<a href="https://arxiv.org/abs/1">paper</a><script src="_static/x.js">', 0),
        ("<svg xmlns='http://www.w3.org/2000/svg'>", 0),
    ],
)
def test_what_is_loaded_from_a_network_is_found(text, count):
    assert len(extension("offline").loads(text)) == count


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """The made-up data that the pages name, in a folder."""
    root, rng = tmp_path_factory.mktemp("docs"), np.random.default_rng(0)
    # Under 50 training examples, schedule="auto" is a linear probe alone: quick.
    for colour, name in enumerate(("daisies", "roses", "tulips")):
        (root / "flowers" / name).mkdir(parents=True)
        for number in range(18):
            write_image(root / "flowers" / name / f"{number}.jpg", rng, colour)
    (root / "photos").mkdir()
    for number in range(24):
        write_image(root / "photos" / f"{number}.jpg", rng, number % 3)
    write_image(root / "new.jpg", rng, 0)
    words = {"positive": ("good", "lovely", "great"), "negative": ("bad", "dull", "poor")}
    rows = [(f"film {n}: {words[mood][n % 3]}, {rng.integers(1e6)}", mood) for n in range(40) for mood in words]
    pd.DataFrame(rows, columns=["review", "sentiment"]).to_csv(root / "reviews.csv", index=False)
    photos = [f"photos/{number}.jpg" for number in range(24)]
    pd.DataFrame({"photo": photos, "price": rng.normal(size=24)}).to_csv(root / "houses.csv", index=False)
    tags = [("red", "red,green", "blue")[number % 3] for number in range(24)]
    pd.DataFrame({"photo": photos, "tags": tags}).to_csv(root / "tags.csv", index=False)
    (root / "digits").mkdir()
    for speaker in ("ann", "ben", "cleo", "dan", "eva", "fay"):
        for digit in range(3):
            for take in range(3):
                wave = np.sin(np.arange(4_000) * 0.2 * (digit + 1)) + rng.normal(0, 0.1, 4_000)
                path = root / "digits" / f"{digit}_{speaker}_{take}.wav"
                wavfile.write(path, 8_000, (8_000 * wave).astype(np.int16))
    return root


def write_image(path: Path, rng: np.random.Generator, colour: int) -> None:
    """Noise in which one channel is bright, 48 x 48 pixels."""
    pixels = rng.integers(0, 120, (48, 48, 3))
    pixels[..., colour] += 120
    keras.utils.save_img(path, pixels, scale=False)


@pytest.fixture
def registries() -> Iterator[None]:
    """What a page registers is gone after it."""
    rows = [
        registry._REGISTRY,
        RECIPES,
        HEADS,
        LOSSES,
        METRICS,
        OBJECTIVES,
        SOURCES,
        MODALITIES,
        MODALITY_SPECS,
        TASK_KINDS,
    ]
    copies = [each.copy() for each in rows]
    yield
    for each, copy in zip(rows, copies, strict=True):
        each.clear()
        each.extend(copy) if isinstance(each, list) else each.update(copy)


def test_registering_takes_few_lines():
    for _, code, line in blocks(DOCS / "guides" / "extending.md", "python"):
        if "kzoo.register_" not in code:
            continue
        lines = [each for each in code.splitlines() if each.strip()]
        assert len(lines) < 16, f"the block after line {line} has {len(lines)} lines"


@pytest.mark.slow
@pytest.mark.usefixtures("registries")
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=name_of)
def test_the_code_of_a_page_runs(page: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for each in data.iterdir():
        (tmp_path / each.name).symlink_to(each)
    monkeypatch.chdir(tmp_path)
    module = types.ModuleType(f"page_{name_of(page).replace('/', '_')}")
    # kzoo.register finds a constructor again by its module.
    monkeypatch.setitem(sys.modules, module.__name__, module)
    for runs, code, line in blocks(page, "python"):
        if runs:
            exec(compile("\n" * line + code, str(page), "exec"), vars(module))


def parameters(node: ast.AST) -> list[str]:
    """Names of a function's parameters, or of a dataclass's fields that a user gives."""
    if isinstance(node, ast.FunctionDef):
        found = [*node.args.args, *node.args.kwonlyargs, *filter(None, [node.args.vararg, node.args.kwarg])]
        return [each.arg for each in found]
    fields = [each for each in getattr(node, "body", ()) if isinstance(each, ast.AnnAssign)]
    return [each.target.id for each in fields if isinstance(each.target, ast.Name) and "ClassVar" not in ast.dump(each)]


@pytest.mark.parametrize("name", [name for name in kzoo.__all__ if name != "plan"])
def test_every_parameter_is_documented(name: str):
    path = DOCS.parent.joinpath(*kzoo._PUBLIC[name].split(".")).with_suffix(".py")
    (node,) = [each for each in ast.parse(path.read_text(encoding="utf-8")).body if getattr(each, "name", "") == name]
    doc = getattr(kzoo, name).__doc__
    assert [each for each in parameters(node) if not re.search(rf"^\s*\**{each}: ", doc, re.MULTILINE)] == []


@pytest.mark.slow
def test_outputs_of_notebooks_are_compared_by_kind_titles_and_rows(monkeypatch):
    monkeypatch.syspath_prepend(DOCS.parent / "notebooks")
    execute = importlib.import_module("execute")

    def cell(**data):
        output = execute.nbformat.v4.new_output("execute_result", {"text/plain": "", **data})
        return execute.nbformat.v4.new_code_cell(outputs=[output])

    html = "<table><tr><th>label</th><th>train</th></tr><tr><th>cat</th><td>{}</td></tr></table>"
    stored = cell(**{"text/html": html.format(3)})
    assert execute.outline(stored) == [("execute_result", ["text/html", "text/plain"], [(["label", "train"], 2)])]
    assert execute.outline(stored) == execute.outline(cell(**{"text/html": html.format(5)}))
    longer = html.replace("</table>", "<tr><td>dog</td></tr></table>")
    assert execute.outline(stored, tables=False) == execute.outline(cell(**{"text/html": longer}), tables=False)
    for other in (cell(), cell(**{"text/html": html.replace("train", "test")}), cell(**{"text/html": longer})):
        assert execute.outline(stored) != execute.outline(other)
