"""Rows from tables to exported models."""

import datetime

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import kzoo
from kzoo.data.row.column import collect_rows
from kzoo.data.row.columns import fit_column
from kzoo.data.row.dates import days_of, parse_dates
from kzoo.data.row.preprocess import fit_rows, restore_rows, tabulate_rows
from kzoo.data.row.served import serve_rows
from kzoo.results.pretrained import load_pretrained

SIZE = 150


@pytest.fixture(scope="module")
def table():
    """Rows of all kinds of columns, whose label depends on a number, a category and a date; the last column."""
    rng = np.random.default_rng(0)
    classes = np.arange(SIZE) % 3
    days = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 300, SIZE) + 400 * (classes == 2), unit="D")
    frame = pd.DataFrame(
        {
            "height (cm)": rng.normal(size=SIZE) + 5 * classes,
            "colour": np.where(classes == 1, "red", rng.choice(["blue", "green"], SIZE)),
            "größe/2": rng.lognormal(3, 2, SIZE),
            "seen": days.strftime("%Y-%m-%d"),
            "id": np.arange(SIZE),
            "flag": classes > 0,
            "species": np.array(["a", "b", "c"])[classes],
        }
    )
    frame.loc[::7, "colour"] = None
    frame.loc[::9, "größe/2"] = np.nan
    frame["height (cm)"] = frame["height (cm)"].astype(object)
    frame.loc[4, "height (cm)"] = "tall"
    return frame


@pytest.fixture(scope="module")
def preprocessor(table):
    made, notes = fit_rows(
        kzoo.get_card("row_mlp"), collect_rows(table.drop(columns="species")), size=None, resize="crop", channels=3
    )
    assert notes == ["column 'id' is not used: it numbers the rows"]
    return made


@pytest.fixture(scope="module")
def adapted(table, tmp_path_factory):
    path = tmp_path_factory.mktemp("rows") / "table.csv"
    table.to_csv(path, index=False)
    return kzoo.adapt("row_mlp", kzoo.Classification(path), epochs=5, learning_rate=5e-3, batch_size=16, verbose=0)


def test_columns_are_what_training_rows_say(preprocessor):
    kinds = {each.name: each.kind for each in preprocessor.columns}
    assert list(kinds.values()) == ["number", "category", "number", "date", "unused", "category"]
    assert str(preprocessor) == "rows of 5 columns (2 of numbers, 2 of categories, 1 of dates)"
    # Two numbers with gaps, a date without times, then two indices.
    assert preprocessor.shape == (2 + 2 + 5 + 2,)
    assert preprocessor.categories == (5, 3)
    assert restore_rows({"columns": [vars(each) for each in preprocessor.columns]}) == preprocessor


def test_numbers_are_scaled_by_quartiles_and_clipped_smoothly():
    values = [*map(str, range(101)), ""]
    made, _ = fit_rows(kzoo.get_card("row_mlp"), collect_rows({"x": values}), size=None, resize="crop", channels=3)
    found = made.fit(tf.constant([["75"], ["1e9"], [""], ["50"], ["words"]])).numpy()
    z = 25 / 50
    np.testing.assert_allclose(found[:, 0], [z / np.sqrt(1 + (z / 3) ** 2), 3, 0, 0, 0], rtol=1e-5)
    assert found[:, 1].tolist() == [0, 0, 1, 0, 1]


def test_categories_have_indices_with_one_for_others_and_one_for_missing(preprocessor):
    rows = collect_rows({"colour": ["blue", "red", "mauve", None], **{n: [1] * 4 for n in ("height (cm)", "größe/2")}})
    rows = collect_rows({**{n: rows[n] for n in rows.dtype.names}, "seen": ["2020-01-01"] * 4, "flag": [True] * 4})
    found = preprocessor.fit(tf.constant(preprocessor.align(rows).tolist())).numpy()
    assert found[:, -2].tolist() == [1, 3, 0, 4]
    assert found[:, -1].tolist() == [2] * 4


def test_dates_are_days_and_what_comes_again():
    texts = ["1970-01-01", "2024-02-29T18:00", "1969-12-31 06:30:15", "2100-03-01T12:00Z", "nonsense", ""]
    parts, found = parse_dates(tf.constant(texts))
    assert found.numpy().tolist() == [True] * 4 + [False] * 2
    np.testing.assert_allclose(parts[:4, 0], [days_of(text) for text in texts[:4]], rtol=1e-6)
    wanted = (datetime.date(2024, 2, 29) - datetime.date(1970, 1, 1)).days + 0.75
    assert days_of(texts[1]) == wanted
    assert not parts[4:].numpy().any()
    angles = np.arctan2(parts[:, 3], parts[:, 4]) % (2 * np.pi) * 7 / (2 * np.pi)
    # Thursday, Thursday, Wednesday, Monday.
    np.testing.assert_allclose(angles[:4], [3, 3, 2, 0], atol=1e-4)
    np.testing.assert_allclose(parts[1, 5:], [-1, 0], atol=1e-6)


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        (["7"] * 30, "all values are '7'"),
        ([""] * 30, "it has no values"),
        ([f"note {n}" for n in range(30)], "it has 30 different texts in 30 rows"),
        (["1e200"] * 29 + ["2e200"], "its numbers are too large"),
    ],
)
def test_columns_that_say_nothing_are_not_used(cells, reason):
    column, note = fit_column("x", cells)
    assert column.kind == "unused"
    assert note == f"column 'x' is not used: {reason}"


def test_a_category_seen_once_shares_the_index_of_others():
    assert fit_column("x", ["a", "a", "b", "c", "c"])[0].vocabulary == ("a", "c")


def test_plain_models_get_missing_values_and_one_hot_columns(preprocessor, table):
    found = tabulate_rows(preprocessor, collect_rows(table))
    assert found.cells.shape == (SIZE, 11)
    assert found.categorical.tolist() == [False] * 9 + [True] * 2
    # The gap of a number follows it.
    assert np.isnan(found.cells[::9, 2]).all()
    assert np.isfinite(found.dense).all()
    assert found.dense.shape == (SIZE, 9 + 5 + 3)
    assert found.dense[:, 9:14].sum(axis=1).tolist() == [1.0] * SIZE


def test_served_columns_give_the_same_numbers_bit_for_bit(preprocessor, table):
    rows = collect_rows(table)
    wanted = preprocessor.fit(tf.constant(preprocessor.align(rows).tolist())).numpy()
    columns = [
        tf.constant(pd.to_numeric(table[each.name], errors="coerce"), tf.float32)
        if each.kind == "number"
        else tf.constant([f" {cell} " if cell else "NA" for cell in rows[each.name]])
        for each in preprocessor.used
    ]
    found, errors = serve_rows(preprocessor).read(*columns)
    assert np.array_equal(found.numpy(), wanted)
    assert not any(errors.numpy())


def test_rows_are_found_by_name_or_by_place(preprocessor, table):
    inputs = table.drop(columns="species")
    wanted = preprocessor.align(collect_rows(inputs)).tolist()
    assert preprocessor.align(collect_rows(inputs[inputs.columns[::-1]])).tolist() == wanted
    assert preprocessor.align(collect_rows(inputs.to_numpy())).tolist() == wanted
    assert preprocessor.align(collect_rows(inputs.drop(columns="id"))).tolist() == wanted
    with pytest.raises(ValueError, match=r"lack the columns 'seen'\. Pass them, with None"):
        preprocessor.align(collect_rows(inputs.drop(columns="seen")))
    with pytest.raises(ValueError, match=r"Each row must have 6 values\. Got 2"):
        preprocessor.align(collect_rows(np.zeros((3, 2))))


def test_a_table_is_adapted_saved_and_exported_with_named_columns(adapted, table, tmp_path):
    assert adapted.evaluate()["accuracy"] > 0.8
    notes = str(adapted.splits().audit)
    assert "labels from column 'species'" in notes
    assert "Column 'height (cm)': 1 cell is no number" in notes
    wanted = adapted.predict(table)
    assert np.array_equal(kzoo.load(adapted.save(tmp_path / "saved")).predict(table).outputs, wanted.outputs)
    assert adapted.predict(table.iloc[0].to_dict()).labels == wanted.labels[:1]
    served = tf.saved_model.load(str(adapted.export(tmp_path / "served"))).signatures
    inputs = {
        "height (cm)": tf.constant(pd.to_numeric(table["height (cm)"], errors="coerce"), tf.float32),
        "colour": tf.constant(table["colour"].fillna("").tolist()),
        "größe/2": tf.constant(table["größe/2"], tf.float32),
        "seen": tf.constant(table["seen"].tolist()),
        "flag": tf.constant([str(each) for each in table["flag"]]),
    }
    found = served["serving_default"](**inputs)
    np.testing.assert_allclose(found["probabilities"], wanted.outputs, atol=1e-6)
    assert found["labels"].numpy().tolist() == [label.encode() for label in wanted.labels]
    assert served["features"](**inputs)["features"].shape == (SIZE, 256)
    assert "`größe/2`: float32 (B,)" in next((tmp_path / "served").rglob("README.md")).read_text()


def test_strict_stops_at_a_dirty_cell(table):
    with pytest.raises(ValueError, match=r"1 have parts that cannot be used(.|\n)*'height \(cm\)' is 'tall'"):
        kzoo.plan("row_mlp", kzoo.Classification(table, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["row_resnet", "row_ft_transformer"])
def test_other_backbones_learn_rows(name, table):
    task = kzoo.Regression((table[["colour", "flag", "größe/2"]], table["id"] * 1.0))
    adapted = kzoo.adapt(name, task, epochs=3, verbose=0)
    assert adapted.predict(table[["colour", "flag", "größe/2"]]).outputs.shape == (SIZE, 1)
    assert len(kzoo.plan(name, task, schedule="gradual").phases.rows) == 3


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["scarf", "masked_columns"])
def test_rows_are_pretrained_and_adapted_with_the_same_columns(objective, table, tmp_path):
    inputs = table.drop(columns="species")
    made = kzoo.pretrain("row_mlp", inputs, objective=objective, steps=20, batch_size=32)
    again = load_pretrained(made.save(tmp_path / "rows"))
    assert [each["name"] for each in again.card.reads["columns"]] == list(inputs.columns)
    other = table[["colour", "species", "height (cm)"]].assign(new=1.0)
    adapted = kzoo.adapt(again, kzoo.Classification(other, label="species"), verbose=0)
    assert "not trained on the columns 'new'" in str(adapted.splits().audit)
    assert adapted.record.weights


@pytest.mark.slow
def test_the_verdict_shows_the_models_that_are_usual_for_rows(adapted, table):
    found = kzoo.verdict(adapted, verbose=0)
    assert [each.name for each in found] == [
        *("random features", "boosting", "logistic regression", "SVM", "constant answer")
    ]
    assert found["boosting"].score.value > 0.8
    assert found["SVM"].score.value > 0.8
    task = kzoo.Regression((table[["größe/2", "flag"]], np.arange(SIZE) % 3 + 0.5))
    values = kzoo.verdict(kzoo.adapt("row_mlp", task, epochs=3, verbose=0), verbose=0)
    assert values["ridge regression"].score.value > 0.5
    assert values["SVM"].score.value > 0.3
