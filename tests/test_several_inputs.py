"""Examples of several inputs through all verbs: fused, saved, served, answered with some of them missing."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

import kzoo
from kzoo.core.graph.cutting import cut
from kzoo.results.evaluation import measure_on, notes_without
from kzoo.setup.prepare import prepare
from kzoo.specs.training_options import TrainingOptions

WORDS = ("red", "green", "blue")


def make_table(count=120, seed=0):
    """Images and titles that each tell the class of two of three classes, and a number that tells nothing."""
    rng = np.random.default_rng(seed)
    kinds = rng.integers(0, 3, count)
    photos, titles = [], []
    for kind in kinds:
        pixels = rng.integers(0, 40, (24, 24, 3)).astype(np.uint8)
        # The image does not tell blue from green, the title not red from blue.
        pixels[..., 0 if kind == 0 else 1] += 180
        photos.append(pixels)
        titles.append(f"{rng.choice(['one', 'two', 'three'])} {'green' if kind == 1 else 'other'} thing")
    return {
        "photo": photos,
        "title": titles,
        "age": rng.normal(size=count).tolist(),
        "town": rng.choice(["Rome", "Oslo"], count).tolist(),
        "kind": [WORDS[kind] for kind in kinds],
    }


def task_of(table, **more):
    return kzoo.Classification(
        table, image="photo", text="title", row=["age", "town"], label="kind", validation=0.2, test=0.25, **more
    )


MEMBERS = ["kzoo_nano_image", "kzoo_nano_text", "row_mlp"]


@pytest.fixture(scope="module")
def table():
    table = make_table()
    table["title"][::10] = [None] * 12
    return table


@pytest.fixture(scope="module")
def adapted(table):
    return kzoo.adapt(kzoo.Fusion(MEMBERS), task_of(table), schedule="linear_probe", size=32, verbose=0)


def test_all_inputs_tell_more_than_each(adapted):
    whole = adapted.evaluate()["accuracy"]
    assert whole > 0.85
    assert adapted.evaluate(without="photo")["accuracy"] < whole
    assert adapted.evaluate(without="title")["accuracy"] < whole
    assert adapted.evaluate(without="row")["accuracy"] > 0.8


def test_the_record_says_what_is_reached_without_each(adapted):
    told = [note for note in adapted.record.notes if note.startswith("Without")]
    assert [note.split(":")[0] for note in told] == ["Without photo", "Without title", "Without row"]
    assert f"accuracy {adapted.evaluate(without='photo')['accuracy']:.3f}" in told[0]


def test_what_is_reached_without_an_input_is_compared_on_the_same_examples(adapted, monkeypatch):
    test = adapted.splits().test
    column = test.columns["multimodal"].copy()
    # Every other example has its photo alone, and is left out where that is left out.
    column["text: title"][::2] = ""
    for name in column["row"].dtype.names:
        column["row"][name][::2] = ""
    examples = dataclasses.replace(test, columns={"multimodal": column})
    monkeypatch.setattr("kzoo.results.evaluation.unseen_examples", lambda adapted, data: (examples, []))
    whole = measure_on(adapted, examples, [])
    told = next(note for note in notes_without(adapted, whole) if note.startswith("Without photo"))
    same = measure_on(adapted, examples.take(np.arange(1, len(examples), 2)), [])
    assert told.endswith(f"with all {same['accuracy']:.3f}")


def test_an_input_that_is_not_there_is_named(adapted):
    with pytest.raises(ValueError, match=r"no input 'sound'.* photo, title, row"):
        adapted.evaluate(without="sound")


def test_names_and_forms_of_inputs_are_the_users(adapted, table):
    first = {name: values[:3] for name, values in table.items() if name != "kind"}
    wanted = adapted.predict(first).outputs
    dicts = [{name: values[place] for name, values in first.items()} for place in range(3)]
    np.testing.assert_array_equal(adapted.predict(dicts).outputs, wanted)
    np.testing.assert_array_equal(adapted.predict(dicts[1]).outputs, wanted[1:2])
    by_modality = {"image": first["photo"], "text": first["title"], "age": first["age"], "town": first["town"]}
    np.testing.assert_array_equal(adapted.predict(by_modality).outputs, wanted)
    pandas = pytest.importorskip("pandas")
    np.testing.assert_array_equal(adapted.predict(pandas.DataFrame(first)).outputs, wanted)


def test_one_example_is_taken_with_values_of_any_kind(adapted, table):
    image = pytest.importorskip("PIL.Image")
    pandas = pytest.importorskip("pandas")
    plain = {"photo": table["photo"][0], "title": table["title"][1], "age": 0.5, "town": None}
    wanted = adapted.predict(plain).outputs
    assert len(wanted) == 1
    odd = {"photo": image.fromarray(table["photo"][0]), "title": table["title"][1], "age": np.float32(0.5)}
    np.testing.assert_array_equal(adapted.predict(odd | {"town": pandas.NA}).outputs, wanted)
    spaced = {" photo": [table["photo"][0]], "title ": [table["title"][1]], " age": [0.5]}
    np.testing.assert_array_equal(adapted.predict(spaced).outputs, wanted)


def test_a_misspelt_name_is_not_a_missing_input(adapted, table):
    rows = {"pictures": table["photo"][:2], "title": table["title"][1:3]}
    assert adapted.predict(rows).outputs.shape == (2, 3)
    rows["photos"] = rows.pop("pictures")
    with pytest.raises(ValueError, match=r"no 'photo', .* but 'photos'\. Rename"):
        adapted.predict(rows)
    assert adapted.predict(rows | {"photo": None}).outputs.shape == (2, 3)


def test_a_row_is_there_where_the_model_can_read_a_value_of_it(table, tmp_path):
    """One definition in training and serving: constant columns are not used, and dirt is missing."""
    odd = {**table, "same": ["x"] * 120, "age": [*table["age"][:-4], "inf", "1e50", "?", "unknown"]}
    odd["same"][3], odd["age"][3], odd["age"][7] = "", "", ""
    task = kzoo.Classification(
        {name: odd[name] for name in ("title", "age", "same", "kind")},
        text="title",
        row=["age", "same"],
        label="kind",
        validation=0.2,
        test=0.25,
    )
    made = kzoo.adapt(kzoo.Fusion(MEMBERS[1:]), task, schedule="linear_probe", verbose=0)
    served = tf.saved_model.load(str(made.export(tmp_path / "served"))).signatures["serving_default"]
    ages = ["inf", "1e50", "unknown", ""]
    asked = made.predict({"title": ["one thing"] * 4, "age": ages, "same": ["x"] * 4}).outputs
    np.testing.assert_array_equal(asked, asked[[3, 3, 3, 3]])
    found = served(title=tf.constant(["one thing"] * 4), age=tf.constant([np.inf, np.nan, np.nan, np.nan], tf.float32))
    np.testing.assert_allclose(found["probabilities"], asked, atol=1e-5)


def test_a_column_may_be_an_input_of_two_modalities_and_called_row(tmp_path):
    table = {"title": ["red", "blue", "green"] * 20, "row": [0.5, 2.5, 1.5, 0.25] * 15, "kind": ["a", "b", "c"] * 20}
    task = kzoo.Classification(table, text="title", row=["title", "row"], label="kind", test=0.2)
    made = kzoo.adapt(kzoo.Fusion(MEMBERS[1:]), task, schedule="linear_probe", verbose=0)
    asked = {"title": ["red", "blue"], "row": [0.5, 2.5]}
    wanted = made.predict(asked)
    assert wanted.labels == ["a", "b"]
    served = tf.saved_model.load(str(made.export(tmp_path / "served"))).signatures["serving_default"]
    titles = tf.constant(asked["title"])
    found = served(title=titles, title_row=titles, row=tf.constant([0.5, 2.5]))
    np.testing.assert_allclose(found["probabilities"], wanted.outputs, atol=1e-5)


def test_missing_inputs_are_answered_and_damaged_ones_are_named(adapted):
    found = adapted.predict([{"title": "one green thing"}, {"photo": b"no image", "title": "x"}, {"photo": None}])
    assert np.isfinite(found.outputs[0]).all()
    assert next(iter(found.errors.values())).startswith("image: photo: ")
    assert list(found.errors.values())[1] == "an example without any input"


def test_inputs_without_names_are_refused(adapted):
    with pytest.raises(TypeError, match="must have names"):
        adapted.predict(["a.png", "b.png"])
    with pytest.raises(ValueError, match="such as 'photo', 'title'"):
        adapted.predict({"picture": ["a.png"]})


def test_it_is_saved_and_loaded_and_served_as_it_answers(adapted, table, tmp_path):
    rows = {name: values[:4] for name, values in table.items() if name != "kind"}
    wanted = adapted.predict(rows).outputs
    again = kzoo.load(adapted.save(tmp_path / "saved"))
    np.testing.assert_array_equal(again.predict(rows).outputs, wanted)
    served = tf.saved_model.load(str(adapted.export(tmp_path / "served"))).signatures["serving_default"]
    inputs = {
        "photo": tf.constant([tf.io.encode_png(photo).numpy() for photo in rows["photo"]]),
        "title": tf.constant([title or "" for title in rows["title"]]),
        "age": tf.constant(rows["age"], tf.float32),
        "town": tf.constant(rows["town"]),
    }
    found = served(**inputs)
    np.testing.assert_allclose(found["probabilities"], wanted, atol=1e-5)
    alone = served(
        photo=tf.constant(["", "damaged", ""]),
        title=tf.constant(["one green thing", "x", ""]),
        age=tf.constant([np.nan] * 3, tf.float32),
        town=tf.constant([""] * 3),
    )
    errors = [each.decode() for each in alone["errors"].numpy()]
    assert errors[0] == ""
    assert errors[1].startswith("image: photo: ")
    assert errors[2] == "all inputs are empty"
    asked = adapted.predict({"title": ["one green thing"]}).outputs
    np.testing.assert_allclose(alone["probabilities"][:1], asked, atol=1e-5)


def test_what_such_a_model_does_not_do_is_said(adapted, table, tmp_path):
    rows = {name: values[:2] for name, values in table.items() if name != "kind"}
    with pytest.raises(ValueError, match="no map of what mattered"):
        adapted.explain(rows)
    with pytest.raises(ValueError, match="without small=True"):
        adapted.save(tmp_path, small=True)
    with pytest.raises(ValueError, match=r"made from a kzoo\.Fusion"):
        kzoo.plan(adapted, task_of(table))


def test_a_single_backbone_says_that_it_reads_one_input(table):
    with pytest.raises(ValueError, match=r"Pass a kzoo\.Fusion"):
        kzoo.plan("kzoo_nano_image", task_of(table), size=32)


def test_auto_takes_a_backbone_for_each_modality(table, monkeypatch):
    monkeypatch.setattr("kzoo.setup.auto_model._unavailable", lambda card, size: "not here")
    plan = str(kzoo.plan("auto", task_of(table), size=32))
    assert "kzoo_nano_image + kzoo_nano_text + row_mlp" in plan
    assert "model='auto' chose kzoo_nano_image" in plan


@pytest.mark.parametrize(
    ("members", "message"),
    [(MEMBERS[:2], "No member of the fusion reads 'row'"), ([*MEMBERS, "kzoo_nano_audio"], "reads recordings")],
)
def test_members_and_inputs_must_match(table, members, message):
    with pytest.raises(ValueError, match=message):
        kzoo.plan(kzoo.Fusion(members), task_of(table), size=32)


def test_several_images_of_an_example_have_a_copy_of_the_backbone_each(table):
    both = {"front": table["photo"], "back": table["photo"][::-1], "kind": table["kind"]}
    task = kzoo.Classification(both, image=["front", "back"], label="kind")
    plan = kzoo.plan(kzoo.Fusion(["kzoo_nano_image", "kzoo_nano_image"]), task, size=32, schedule="lp_ft")
    assert "kzoo_nano_image_front/stage3" in str(plan)
    assert "kzoo_nano_image_2_back/stage3" in str(plan)


def test_levels_of_a_member_are_missing_with_its_input(table):
    head = kzoo.Head(levels="all")
    adapted = kzoo.adapt(kzoo.Fusion(MEMBERS), task_of(table), schedule="linear_probe", size=32, head=head, verbose=0)
    plain = kzoo.adapt(kzoo.Fusion(MEMBERS), task_of(table), schedule="linear_probe", size=32, verbose=0)
    assert adapted.embedding.output_shape[-1] > plain.embedding.output_shape[-1]
    found = adapted.inference.raw_embeddings(
        [{"title": "one thing"}, {"title": "one thing", "photo": table["photo"][0]}]
    )
    widths = [each.shape[-1] for each in adapted.network.get_layer("fusion_parts").input]
    assert not found[0, : widths[0]].any()
    assert found[1, : widths[0]].any()


def test_a_size_without_images_is_refused(table):
    task = kzoo.Classification(table, text="title", row=["age", "town"], label="kind")
    with pytest.raises(ValueError, match=r"size= is that of images, .* Got 32"):
        kzoo.plan(kzoo.Fusion(MEMBERS[1:]), task, size=32)


def test_what_joins_inputs_trains_with_the_head(table):
    """So that a phase of the head alone drops inputs too, and not only phases that train something below."""
    prepared = prepare(
        kzoo.Fusion(MEMBERS),
        task_of(table),
        options=TrainingOptions(schedule=kzoo.Phase("head", epochs=1)),
        weights="auto",
        head=None,
        size=32,
        resize=None,
        strategy="one",
        seed=0,
    )
    assembled = prepared.assembled
    assert assembled.groups["head"][0] is assembled.joined
    assert assembled.cuts["head"] == tuple(assembled.joined.input)
    assert assembled.joined in cut(assembled.model, assembled.cuts["head"]).tail.layers


def test_two_backbones_read_one_text(table):
    texts = {"title": [title or "none" for title in table["title"]], "kind": table["kind"]}
    task = kzoo.Classification(texts, text="title", label="kind")
    adapted = kzoo.adapt(kzoo.Fusion(["kzoo_nano_text", "kzoo_nano_text"]), task, schedule="linear_probe", verbose=0)
    assert adapted.evaluate()["accuracy"] > 0.5


@pytest.mark.slow
@pytest.mark.parametrize("how", ["concat", "gated", "attention"])
def test_inputs_are_tuned_together(table, how, tmp_path):
    fusion = kzoo.Fusion(MEMBERS, how=how)
    # After four epochs, gates have not converged with every seed.
    schedule = kzoo.Phase("last:1", epochs=12, learning_rate=3e-3, batch_size=16)
    adapted = kzoo.adapt(fusion, task_of(table), schedule=schedule, size=32, verbose=0)
    assert adapted.evaluate()["accuracy"] > 0.8
    again = kzoo.load(adapted.save(tmp_path / "saved"))
    rows = {name: values[:4] for name, values in table.items() if name != "kind"}
    np.testing.assert_array_equal(again.predict(rows).outputs, adapted.predict(rows).outputs)
    adapted.export(tmp_path / "served")
