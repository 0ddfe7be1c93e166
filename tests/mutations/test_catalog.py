"""Every row of the list of mutations can be applied, and a sample of them is killed."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def _load(name):
    """A module beside this one, by the name that `catalog` imports it by."""
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


run = _load("run")
MUTATIONS = _load("catalog").MUTATIONS


def test_there_are_enough_and_each_has_a_name_of_its_own():
    assert len(MUTATIONS) >= 60
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_each_changes_one_expression_and_names_a_test(mutation):
    path, text = run.apply(mutation, run.ROOT)
    assert ast.dump(ast.parse(text)) != ast.dump(ast.parse(path.read_text(encoding="utf-8")))
    file, _, name = mutation.test.partition("::")
    tests = {node.name for node in ast.parse((run.ROOT / file).read_text()).body if isinstance(node, ast.FunctionDef)}
    assert tests
    assert not name or name in tests


def test_an_expression_that_is_not_there_once_is_refused():
    for function, old in (("judge", "no such thing"), ("no_such_function", "logits"), ("judge", "kind")):
        mutation = run.Mutation("a fault", function, old, "None", "tests/core/test_tables.py")
        with pytest.raises(LookupError, match="a fault: "):
            run.apply(mutation, run.ROOT)


@pytest.mark.slow
def test_a_sample_is_killed():
    """In a process of its own: TensorFlow is not forked once it has been used."""
    command = [sys.executable, HERE / "run.py", "--every", "24"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    count = len(MUTATIONS[::24])
    assert done.returncode == 0, done.stdout[-3_000:] + done.stderr[-2_000:]
    assert done.stdout.splitlines()[-1] == f"{count} of {count} mutations killed"
