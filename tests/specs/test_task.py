"""Tasks and heads: values that refuse what cannot be."""

import dataclasses

import numpy as np
import pytest

import kzoo
from kzoo.specs.head import Head, as_head
from kzoo.specs.task import Classification, MultiLabel, Regression, Task, as_task, as_tasks


@pytest.mark.parametrize(
    ("kind", "name"), [(Classification, "classification"), (MultiLabel, "multi_label"), (Regression, "regression")]
)
def test_kinds(kind, name):
    assert kind("data").kind == name


@pytest.mark.parametrize("kind", [Classification, MultiLabel, Regression])
def test_help_documents_each_argument(kind):
    described = {line.split(":")[0].strip() for line in kind.__doc__.splitlines() if line.startswith("    ")}
    assert {each.name for each in dataclasses.fields(kind)} <= described
    assert "{arguments}" not in kind.__doc__


def test_a_task_by_itself_is_refused():
    with pytest.raises(TypeError, match="Use Classification, MultiLabel or Regression"):
        Task("data")


@pytest.mark.parametrize("size", [1.0, -0.1, 1.5, -3, True, False, np.nan, "half", ["ann"]])
@pytest.mark.parametrize("name", ["validation", "test"])
def test_what_is_no_size_of_a_split_is_refused(name, size):
    wanted = rf"{name} must be a fraction in \(0, 1\), a number of examples \(an int\), 0 for none.*Got"
    with pytest.raises(ValueError, match=wanted):
        Classification("data", **{name: size})


@pytest.mark.parametrize(("size", "held"), [(0, False), (0.0, False), (0.3, True), (1, True), (np.int64(200), True)])
@pytest.mark.parametrize("name", ["validation", "test"])
def test_sizes_of_splits(name, size, held):
    task = Classification("data", **{name: size})
    assert getattr(task, name) == size
    assert task.holds_out(name) is held


def test_named_groups_are_held_out():
    assert Classification("data", groups="who", test=["ann"]).holds_out("test")


def test_shares_leave_something_to_train_on():
    with pytest.raises(ValueError, match=r"must be less than 1. Got 0\.5 \+ 0\.5"):
        Classification("data", validation=0.5, test=0.5)


def test_options_go_by_keyword():
    with pytest.raises(TypeError, match="positional"):
        Classification("data", "image")


def test_tasks_are_comparable():
    assert Classification("data", seed=1) == Classification("data", seed=1) != Classification("data", seed=2)


def test_data_alone_is_a_classification():
    task = Regression("data")
    assert as_task("data") == Classification("data")
    assert as_task(task) is task


@pytest.mark.parametrize(
    ("field", "value"),
    [("pooling", "sum"), ("hidden", -1), ("hidden", 1.5), ("dropout", 1.0), ("dropout", -0.1)],
)
def test_a_head_names_what_is_wrong(field, value):
    with pytest.raises(ValueError, match=rf"{field} must be .* Got {value!r}"):
        Head(**{field: value})


@pytest.mark.parametrize(("head", "linear"), [(Head(), True), (Head(hidden=8), False), (Head(kind="own"), False)])
def test_linear(head, linear):
    assert head.linear is linear


def test_a_head_is_one_or_none():
    assert as_head(None) == Head()
    assert as_head(Head(hidden=3)) == Head(hidden=3)
    with pytest.raises(TypeError, match=r"head must be a kzoo\.Head, .*Got int.*register_head"):
        as_head(3)
    assert as_head("knn") == Head(kind="knn")


def test_several_columns_of_classes_are_several_tasks():
    found = as_tasks(kzoo.Classification("a.csv", label=["kind", "2nd colour"], test=0.2))
    assert {name: (task.kind, task.label, task.test) for name, task in found.tasks.items()} == {
        "kind": ("classification", "kind", 0.2),
        "_2nd_colour": ("classification", "2nd colour", 0.2),
    }
    for task in (
        kzoo.Classification("a.csv", label=["kind"]),
        kzoo.MultiLabel("a.csv", label=["cat", "dog"]),
        kzoo.Regression("a.csv", label=["width", "height"]),
        kzoo.Classification("a", label=str),
    ):
        assert as_tasks(task).kind == task.kind
    with pytest.raises(ValueError, match="Each column of labels needs a name of its own"):
        as_tasks(kzoo.Classification("a.csv", label=["a b", "a_b"]))


ONE = kzoo.Classification("a.csv", label="kind")


@pytest.mark.parametrize(
    ("tasks", "error", "message"),
    [
        ([ONE], TypeError, "dict from names to tasks"),
        ({"a": ONE, "b": "b.csv"}, TypeError, "dict from names to tasks"),
        ({}, ValueError, "needs one task or more. Got none"),
        ({"a": ONE, "b c": kzoo.Regression("b.csv")}, ValueError, "Python identifier, as 'price'. Got 'b c'"),
        ({"a": ONE, "a_b": kzoo.Regression("b.csv")}, ValueError, "with '_' and more. Got 'a' and 'a_b'"),
        ({"a": ONE, "b": kzoo.Regression("a.csv")}, ValueError, "needs label=.* Got None for 'b'"),
        (
            {"a": ONE, "b": kzoo.Regression("a.csv", label="price", test=0.3)},
            ValueError,
            "The tasks a and b have the same data, so test must be the same. Got 0.1 and 0.3",
        ),
    ],
)
def test_tasks_that_do_not_fit_together_are_refused(tasks, error, message):
    with pytest.raises(error, match=message):
        kzoo.MultiTask(tasks)


@pytest.mark.parametrize(
    ("weights", "message"), [({"c": 1}, "of the tasks a, b. Got 'c'"), ({"a": 0}, "Got 0 for 'a'")]
)
def test_weights_that_mean_nothing_are_refused(weights, message):
    with pytest.raises(ValueError, match=message):
        kzoo.MultiTask({"a": ONE, "b": kzoo.Regression("b.csv")}, weights=weights)


def test_several_tasks_are_no_task():
    several = kzoo.MultiTask({"a": ONE, "b": kzoo.Regression("b.csv")})
    with pytest.raises(TypeError, match=r"takes one task. Pass one of a, b: multi_task.tasks\['a'\]"):
        as_task(several)
