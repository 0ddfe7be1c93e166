"""The laws of the house, and what else holds of all its files."""

import ast
import importlib
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import kzoo

ROOT = Path(kzoo.__file__).parent
WORKSHOPS = ("data", "models", "training", "evaluation", "serving", "pretraining.objectives")
FLOORS = (
    ("core",),
    ("specs",),
    ("task_kinds",),
    WORKSHOPS,
    ("results",),
    ("setup",),
    ("pretraining",),
    ("alignment", "choosing", "diagnosis", "distillation", "merging"),
    ("adaptation",),
    ("demo",),
    ("", "cli"),
)
"""Rooms, from the ground floor to the entrances; a room imports from itself and from lower floors."""

WITHOUT_KERAS = ("kzoo.specs", "kzoo.core")
WITH_KERAS = ("kzoo.core.tf_import", "kzoo.core.graph")
"""Of these rooms, what may."""

INTERNALS = "kzoo.core.graph.keras_internals"
"""The one file that touches what Keras does not publish."""

PRIVATE_OF_KERAS = {
    *("_keras_history", "_inbound_nodes"),
    *("_get_variable_index", "_trainable_variables", "_u_product"),
}
"""What that file touches."""

NOT_KERAS = {"kzoo.cli.shell_words": {"_actions"}, "kzoo.serving.litert.exact_head": {"_get_ops_details"}}
"""Private attributes of others: argparse has no public list of options, LiteRT's interpreter none of operations."""
TWINS = [
    {
        "kzoo/data/image",
        "kzoo/data/text",
        "kzoo/data/audio",
        "kzoo/data/arrays",
        "kzoo/data/row",
        "kzoo/data/series",
        "kzoo/data/multimodal",
    }
]
"""Folders with the same files in each, one a modality."""

FILES = sorted(ROOT.rglob("*.py"))


def of_types(node: ast.AST) -> bool:
    """Whether a node is ``if TYPE_CHECKING:``, whose imports are names for annotations and never run."""
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path, *, types: bool = True) -> set[str]:
    """The modules that a file imports, with or without those that it imports for annotations alone."""
    found = set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if not types:
        tree.body = [node for node in tree.body if not of_types(node)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            found.add(node.module or "")
    return found


def room_of(module: str) -> str:
    inside = module.removeprefix("kzoo").removeprefix(".")
    return next((room for room in WORKSHOPS if f"{inside}.".startswith(f"{room}.")), inside.split(".")[0])


def floor_of(module: str) -> int:
    return next(number for number, rooms in enumerate(FLOORS) if room_of(module) in rooms)


def test_every_room_has_a_floor():
    assert {room_of(module_of(path)) for path in FILES} == {room for rooms in FLOORS for room in rooms}


def test_there_are_at_most_twenty_rooms_of_at_most_fifteen_files():
    entries = [path for path in ROOT.iterdir() if path.suffix == ".py" or any(path.rglob("*.py"))]
    assert len(entries) <= 20
    assert {folder: number for folder, number in Counter(path.parent for path in FILES).items() if number > 15} == {}


def test_a_file_name_stands_once_unless_its_folders_are_twins():
    folders: dict[str, set[str]] = {}
    for path in FILES:
        if path.name != "__init__.py":
            folders.setdefault(path.name, set()).add(path.parent.relative_to(ROOT.parent).as_posix())
    twice = {name: found for name, found in folders.items() if len(found) > 1}
    assert {name: found for name, found in twice.items() if not any(found <= twins for twins in TWINS)} == {}


@pytest.mark.parametrize("path", [path for path in FILES if room_of(module_of(path)) in WORKSHOPS], ids=module_of)
def test_no_workshop_imports_another(path: Path):
    others = set(WORKSHOPS) - {room_of(module_of(path))}
    assert not {room_of(name) for name in imports_of(path) if name.startswith("kzoo.")} & others


@pytest.mark.parametrize("path", [path for path in FILES if module_of(path).startswith(WITHOUT_KERAS)], ids=module_of)
def test_the_ground_floor_knows_neither_keras_nor_tensorflow(path: Path):
    found = {name.split(".")[0] for name in imports_of(path)} & {"keras", "tensorflow", "keras_cv"}
    found |= {name for name in imports_of(path) if name.startswith(WITH_KERAS)}
    assert not found or module_of(path).startswith(WITH_KERAS)


@pytest.mark.parametrize("path", [path for path in FILES if module_of(path) != "kzoo"], ids=module_of)
def test_imports_go_down(path: Path):
    mine = module_of(path)
    ours = {name for name in imports_of(path) if name.startswith("kzoo.") and room_of(name) != room_of(mine)}
    assert {name for name in ours if floor_of(name) >= floor_of(mine)} == set()


def test_no_circles():
    edges = {module_of(path): {n for n in imports_of(path, types=False) if n.startswith("kzoo.")} for path in FILES}
    edges["kzoo"] = set()
    done: set[str] = set()

    def visit(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, " -> ".join((*way, module))
        if module not in done:
            for other in edges.get(module, ()):
                visit(other, (*way, module))
            done.add(module)

    for module in edges:
        visit(module, ())


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_only_public_keras(path: Path):
    assert not [name for name in imports_of(path) if name.startswith(("keras.src", "tensorflow.python"))]


def private_names(path: Path) -> set[str]:
    """Private attributes that a file uses and does not define, so that they are somebody else's."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    used: set[str] = set()
    own: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.endswith("_"):
            used.add(node.attr)
            if isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "self":
                own.add(node.attr)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            own.add(node.name)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            own.add(node.target.id)
    return used - (own - PRIVATE_OF_KERAS)


def test_what_keras_does_not_publish_is_used_in_one_file():
    found = {module_of(path): private_names(path) - NOT_KERAS.get(module_of(path), set()) for path in FILES}
    assert {module: names for module, names in found.items() if names} == {INTERNALS: PRIVATE_OF_KERAS}


MODALITY_TABLES = ("kzoo.data.modalities", "kzoo.specs.catalog.modality")
"""Where the rows of modalities stand: no other file asks for one by its name."""

MODALITY_NAMES = {"image", "text", "audio", "row", "series"}


def literals(node: ast.expr) -> set[str]:
    """The strings in an expression that is a literal, or a tuple, list or set of them."""
    parts = node.elts if isinstance(node, ast.Tuple | ast.List | ast.Set) else [node]
    return {str(part.value) for part in parts if isinstance(part, ast.Constant)}


def names_modality(node: ast.expr) -> bool:
    """Whether an expression is called a modality, or is the name of one, alone or in a tuple."""
    if isinstance(node, ast.Tuple | ast.List):
        return any(map(names_modality, node.elts))
    if isinstance(node, ast.Attribute):
        return node.attr == "modality" or (node.attr == "name" and names_modality(node.value))
    return isinstance(node, ast.Name) and node.id in ("modality", "modality_name")


def asks_for_a_modality(node: ast.AST) -> bool:
    """Whether a node compares a modality with a literal, or has the names of two as keys."""
    if isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
        return any(map(names_modality, sides)) and bool(set().union(*map(literals, sides)) & MODALITY_NAMES)
    if isinstance(node, ast.Match):
        return names_modality(node.subject)
    if isinstance(node, ast.Dict):
        keys = [key for key in node.keys if key is not None]
        names = [name for key in keys for name in literals(key) & MODALITY_NAMES]
        return len(set(names)) > 1 or (len(names) > 1 and any(isinstance(key, ast.Tuple) for key in keys))
    return False


@pytest.mark.parametrize(
    ("code", "asks"),
    [
        ("card.modality == 'image'", True),
        ("modality.name in ('text', 'audio')", True),
        ("(card.modality, card.scaling) == ('image', 'none')", True),
        ("{'image': 1, 'text': 2}", True),
        ("{('image', 'A'): 1, ('image', 'B'): 2}", True),
        ("{'image': inputs}", False),
        ("card.modality in kind.modalities", False),
        ("'image' in columns", False),
    ],
)
def test_what_asks_for_a_modality_is_found(code: str, asks: bool):
    assert any(map(asks_for_a_modality, ast.walk(ast.parse(code)))) == asks


@pytest.mark.parametrize("path", [path for path in FILES if module_of(path) not in MODALITY_TABLES], ids=module_of)
def test_a_modality_is_one_row(path: Path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert [node.lineno for node in ast.walk(tree) if asks_for_a_modality(node)] == []


KINDS = ("classification", "multi_label", "regression")
OTHER_KINDS = {
    "of heads, an argument of kzoo.Head": ("specs.head",),
    "of front ends, a field of cards and of saved models": ("data.audio.reader", "data.audio.spectrogram"),
    "of WebP images, a byte of their headers": ("data.image.graph_headers",),
    "of leftovers, a part of their file names": ("core.leftovers", "core.storage"),
}
"""Modules that compare something else which is called kind, by what it is of."""


def asks_for_a_kind(node: ast.AST) -> bool:
    """Whether a comparison, a table or a pattern tells kinds of task apart by their names."""
    if isinstance(node, ast.Dict):
        return len({key.value for key in node.keys if isinstance(key, ast.Constant)} & set(KINDS)) > 1
    if not isinstance(node, ast.Compare | ast.Match | ast.Call):
        return False
    if isinstance(node, ast.Match):
        return any(strings_in(case.pattern) & set(KINDS) for case in node.cases)
    if isinstance(node, ast.Call):
        tasks = {"Classification", "MultiLabel", "Regression"}
        inside = {getattr(each, "id", getattr(each, "attr", "")) for each in ast.walk(node)}
        return getattr(node.func, "id", "") == "isinstance" and bool(inside & tasks)
    return bool(strings_in(node) & set(KINDS))


def compares_a_kind(node: ast.AST) -> bool:
    """Whether something that is called kind, but NumPy's of a dtype, is compared with strings."""
    if not isinstance(node, ast.Compare):
        return False
    sides = [node.left, *node.comparators]
    called = [
        each
        for each in sides
        if getattr(each, "id", "") == "kind"
        or (isinstance(each, ast.Attribute) and each.attr == "kind" and getattr(each.value, "attr", "") != "dtype")
        or (isinstance(each, ast.Subscript) and strings_in(each.slice) == {"kind"})
    ]
    return bool(called) and any(strings_in(each) for each in sides if each not in called)


def strings_in(tree: ast.AST) -> set[str]:
    return {each.value for each in ast.walk(tree) if isinstance(each, ast.Constant) and isinstance(each.value, str)}


@pytest.mark.parametrize(
    ("code", "asks"),
    [
        ("task.kind == 'classification'", True),
        ("kind in ('multi_label', 'count')", True),
        ("record['kind'] != 'count'", True),
        ("{'classification': 1, 'regression': 2}", True),
        ("isinstance(task, kzoo.Regression)", True),
        ("targets.dtype.kind in 'iu'", False),
        ("first.kind != second.kind", False),
        ("kind.exclusive == True", False),
    ],
)
def test_what_asks_for_a_kind_is_found(code: str, asks: bool):
    nodes = list(ast.walk(ast.parse(code)))
    assert any(asks_for_a_kind(node) or compares_a_kind(node) for node in nodes) == asks


@pytest.mark.parametrize("path", [p for p in FILES if room_of(module_of(p)) != "task_kinds"], ids=module_of)
def test_a_kind_of_task_is_one_row(path: Path):
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    assert [node.lineno for node in nodes if asks_for_a_kind(node)] == []
    others = {f"kzoo.{name}" for names in OTHER_KINDS.values() for name in names}
    assert any(map(compares_a_kind, nodes)) == (module_of(path) in others)


@pytest.mark.parametrize(
    "use",
    [
        "import kzoo; kzoo.list_models('resnet*'); kzoo.Phase('head'); dir(kzoo)",
        # What --help and the shell's completion wait for.
        "from kzoo.cli.options import build_parser; build_parser()",
    ],
    ids=["kzoo", "command line"],
)
def test_importing_kzoo_imports_neither_tensorflow_nor_keras(use: str):
    code = (
        f"import sys; {use}; "
        "print([m for m in ('tensorflow', 'keras', 'keras_cv', 'pandas', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


PUBLIC = [
    *(
        "L2SP",
        "Adapted",
        "Aligned",
        "BackboneSpec",
        "BitFit",
        "Classification",
        "Evaluation",
        "Fusion",
        "Head",
        "LinearProbe",
        "LoRA",
        "MultiLabel",
        "MultiTask",
        "Phase",
    ),
    *(
        "Plan",
        "Predictions",
        "Pretrained",
        "Regression",
        "Schedule",
        "SerialAdapter",
        "adapt",
        "align",
        "align_languages",
        "compare",
        "create_model",
    ),
    *("distill", "distill_static", "doctor"),
    *("ensemble", "fine_tune", "get_card", "gradual", "learning_curve", "linear_probe"),
    *("list_models", "load"),
    *("lp_ft", "plan", "pretrain", "rank", "register", "register_head", "register_loss"),
    *("register_metric", "register_modality", "register_objective", "register_recipe", "register_source"),
    *("register_task_kind", "soup", "stages", "transfer_table", "tune", "verdict", "verify"),
]


def test_public_names_are_these():
    assert kzoo.__all__ == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names_are_documented(name: str):
    value = getattr(kzoo, name)
    assert value.__doc__
    assert not value.__doc__.startswith(f"{name}(")
    assert importlib.import_module(value.__module__).__doc__


def registering(tree: ast.Module) -> bool:
    """Whether a file makes classes known to Keras."""
    names = (node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "") for node in ast.walk(tree))
    return "register_keras_serializable" in set(names)


def test_all_registered_classes_are_imported_with_keras():
    found = {module_of(path) for path in FILES if registering(ast.parse(path.read_text(encoding="utf-8")))}
    assert found == set(kzoo._REGISTERING)


def test_what_registers_is_not_imported_by_half():
    """A package imports Keras before any of its modules does, so that what is registered then is imported whole."""
    for name in kzoo._REGISTERING:
        parts = name.split(".")[1:-1]
        above = [ROOT.joinpath(*parts[: number + 1], "__init__.py") for number in range(len(parts))]
        assert any("keras" in imports_of(path) for path in above), name


SAVE = """
import sys
import numpy as np
import keras, kzoo
from kzoo.models.assembly import assemble
from kzoo.specs.head import Head
from kzoo.training.optimizers import build_optimizer
keras.utils.set_random_seed(0)
inputs = keras.Input((8, 8, 3))
backbone = keras.Model(inputs, keras.layers.Conv2D(4, 3)(inputs))
model = assemble(backbone, head=Head(), outputs=3).model
model.compile(build_optimizer("adam", model.trainable_variables), "mse")
model.save(sys.argv[1])
np.save(sys.argv[2], model.predict(np.ones((2, 8, 8, 3)), verbose=0))
"""

LOAD = """
import sys
{imports}
import numpy as np
found = keras.models.load_model(sys.argv[1])
assert type(found.optimizer).__name__ == "GroupedAdam"
np.testing.assert_allclose(found.predict(np.ones((2, 8, 8, 3)), verbose=0), np.load(sys.argv[2]), rtol=1e-6)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "imports",
    ["import kzoo, keras", "import keras, kzoo", "import kzoo, tensorflow, keras", "import kzoo.models.weights, keras"],
)
def test_a_keras_file_loads_in_a_fresh_process(tmp_path_factory, imports):
    folder = tmp_path_factory.getbasetemp() / "keras_file"
    files = [str(folder / "model.keras"), str(folder / "answers.npy")]
    if not folder.exists():
        folder.mkdir()
        subprocess.run([sys.executable, "-c", SAVE, *files], check=True)
    done = subprocess.run([sys.executable, "-c", LOAD.format(imports=imports), *files], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
