"""Alignment as a whole: images of colours beside texts that name them."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from scipy.io import wavfile

import kzoo
from kzoo.core.storage import DamagedError
from tests.alignment.conftest import COLOURS, pairs_of


def test_texts_find_images_and_images_find_texts(aligned: kzoo.Aligned):
    found = aligned.evaluate()
    assert found.pairs == 12
    for direction in found.directions.values():
        assert direction.recall(5).value > 2 * direction.chance_of(5) or direction.median_rank <= 3
    assert aligned.evaluate() is found
    assert "recall@1" in str(aligned)
    assert "<table" in aligned._repr_html_()


def test_classes_are_known_by_their_names(aligned: kzoo.Aligned):
    fresh = pairs_of(30, seed=9)
    by_name = aligned.classify(list(COLOURS), template=["a {} square", "something {}"])
    answers = by_name.predict(fresh["image"])
    assert np.mean([a == b for a, b in zip(answers.labels, fresh["colour"], strict=True)]) > 0.9
    assert answers.outputs.sum(axis=1) == pytest.approx(np.ones(30), abs=1e-5)
    measured = by_name.evaluate(kzoo.Classification((fresh["image"], fresh["colour"])))
    assert measured["accuracy"] > 0.9


def test_texts_are_classified_by_images(aligned: kzoo.Aligned):
    shown = pairs_of(30, seed=8)
    examples = {
        colour: np.stack([image for image, own in zip(shown["image"], shown["colour"], strict=True) if own == colour])
        for colour in COLOURS
    }
    by_image = aligned.classify(examples, inputs="text")
    assert by_image.predict(["a red square", "a blue square"]).labels == ["red", "blue"]


def test_a_classifier_by_names_is_served_as_it_predicts(aligned: kzoo.Aligned, tmp_path: Path):
    by_name = aligned.classify(list(COLOURS))
    version = by_name.export(tmp_path / "served")
    assert (version / "saved_model.pb").is_file()
    again = kzoo.load(by_name.save(tmp_path / "saved"))
    images = pairs_of(6, seed=7)["image"]
    assert np.array_equal(again.predict(images).outputs, by_name.predict(images).outputs)


def test_what_is_found_is_nearest(aligned: kzoo.Aligned):
    some = pairs_of(12, seed=6)
    found = aligned.retrieve(["a green square"], some["image"], k=4)
    assert {some["colour"][index] for index in found.indices[0]} == {"green"}
    back = aligned.retrieve(some["image"][:1], some["text"], k=1, by="image")
    assert some["colour"][back.indices[0, 0]] == some["colour"][0]
    first, second = aligned.embed(some["image"]), aligned.embed(some["text"], of="text")
    cosines = second[[0]] @ first.T
    found = aligned.retrieve(some["text"][:1], some["image"], k=12)
    assert found.similarities[0] == pytest.approx(np.sort(cosines[0])[::-1], abs=1e-5)


def test_saved_towers_give_the_same_embeddings(aligned: kzoo.Aligned, tmp_path: Path):
    again = kzoo.load(aligned.save(tmp_path / "aligned"))
    assert isinstance(again, kzoo.Aligned)
    images = pairs_of(6, seed=5)["image"]
    assert np.array_equal(again.embed(images), aligned.embed(images))
    assert (again.scale, again.names, again.seen) == (aligned.scale, aligned.names, aligned.seen)
    with pytest.raises(ValueError, match="no test split in this process"):
        again.evaluate()
    other = pairs_of(10, seed=4)
    assert again.evaluate({name: other[name] for name in ("image", "text")}).pairs == 10
    aligned.save(tmp_path / "aligned")  # over what it wrote itself
    (tmp_path / "aligned" / "second" / "card.json").write_text("{}")
    with pytest.raises(DamagedError):
        kzoo.load(tmp_path / "aligned")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="no aligned model"):
        aligned.save(tmp_path / "mine")


def test_pairs_that_it_learned_from_are_not_measured_on(aligned: kzoo.Aligned, table: dict[str, list[object]]):
    found = aligned.evaluate(table)
    assert found.pairs < len(table["text"])
    assert any("were trained or selected" in note or "was trained or selected" in note for note in found.notes)


def test_a_tower_is_adapted_as_any_model(aligned: kzoo.Aligned):
    fresh = pairs_of(40, seed=3)
    task = kzoo.Classification((fresh["image"], fresh["colour"]), validation=0.2, test=0.2)
    adapted = kzoo.adapt(aligned["image"], task, schedule=kzoo.LinearProbe(), verbose=0)
    assert adapted.evaluate()["accuracy"] > 0.8


def test_pairs_that_lack_an_input_are_set_aside_and_named(table: dict[str, list[object]]):
    spoiled = {**table, "text": ["", *table["text"][1:]]}
    found = kzoo.align("kzoo_nano_image", "kzoo_nano_text", spoiled, test=0, verbose=0)
    assert found["image"].record.set_aside == 1
    assert any("a pair without its text" in note for note in found["image"].record.notes)
    assert found.test is None
    with pytest.raises(ValueError, match="strict=True refuses pairs that lack an input"):
        kzoo.align("kzoo_nano_image", "kzoo_nano_text", spoiled, strict=True, verbose=0)


def test_the_order_of_columns_does_not_matter(table: dict[str, list[object]]):
    other = {"caption": table["text"], "picture": table["image"]}
    found = kzoo.align("kzoo_nano_image", "kzoo_nano_text", other, image="picture", text="caption", test=0, verbose=0)
    assert found.names == ("picture", "caption")


def test_the_first_backbone_may_be_of_texts(table: dict[str, list[object]]):
    found = kzoo.align("kzoo_nano_text", "kzoo_nano_image", table, verbose=0)
    assert found.names == ("text", "image")
    other = pairs_of(10, seed=31)
    assert found.evaluate({name: other[name] for name in ("image", "text")}).pairs == 10


def test_rows_are_aligned_and_random_weights_are_told():
    rng = np.random.default_rng(0)
    made = pairs_of(60, seed=32)
    hues = [COLOURS.index(colour) + rng.normal(scale=0.1) for colour in made["colour"]]
    pairs = {"text": made["text"], "hue": hues, "size": rng.normal(size=60).tolist()}
    found = kzoo.align("row_mlp", "kzoo_nano_text", pairs, row=["hue", "size"], text="text", test=0, verbose=0)
    assert found["row"].record.notes[0].startswith("WARNING: row_mlp has random weights")
    assert found.embed({"hue": [1.0], "size": [0.0]}).shape == found.embed(["a red square"], of="text").shape
    others = {
        "text": [f"{text} again" for text in made["text"]],
        "hue": hues[::-1],
        "size": [0.5] * 60,
        "more": [1] * 60,
    }
    assert found.evaluate(others).pairs == 60


def test_two_texts_are_aligned():
    words = ["red", "green", "blue", "warm", "cold", "old", "new", "big"]
    first = [f"{word} {number}" for number in range(8) for word in words]
    second = [f"{number} is very {word}" for number in range(8) for word in words]
    pairs = {"question": first, "answer": second}
    found = kzoo.align("kzoo_nano_text", "kzoo_nano_text", pairs, text=["question", "answer"], verbose=0)
    assert found.names == ("question", "answer")
    assert found["answer"].predict(["7 is very red"]).outputs.shape == found.embed(["red 7"]).shape
    with pytest.raises(ValueError, match="There is no input 'text'"):
        found["text"]


def test_recordings_have_no_names(tmp_path: Path):
    rng = np.random.default_rng(0)
    images, paths = [], []
    for number in range(24):
        paths.append(str(tmp_path / f"{number}.wav"))
        wave = np.sin(np.arange(4000) * (0.1 + 0.2 * (number % 3))) + rng.normal(scale=0.1, size=4000)
        wavfile.write(paths[-1], 8000, (wave * 8000).astype(np.int16))
        images.append(pairs_of(3, seed=number)["image"][number % 3])
    pairs = {"image": images, "audio": paths}
    found = kzoo.align("kzoo_nano_image", "kzoo_nano_audio", pairs, validation=4, test=0, verbose=0)
    with pytest.raises(TypeError, match="names of classes say nothing to it"):
        found.classify(["low", "high"])
    assert found.classify({"low": paths[:3], "high": paths[1:2]}).labels == ["low", "high"]


@pytest.mark.parametrize("train", ["text", "image"])
def test_a_tower_is_tuned_while_the_other_stays(table: dict[str, list[object]], train: str):
    phase = kzoo.Phase("head", epochs=2, learning_rate=1e-3, batch_size=16)
    found = kzoo.align("kzoo_nano_image", "kzoo_nano_text", table, train=train, schedule=phase, test=0, verbose=0)
    told = [note for note in found["text"].record.notes if note.startswith(f"Tuning {train}")]
    assert len(told) == 1
    assert "contrastive loss on validation" in told[0]
    assert len(found[train].record.phases) == (2 if told[0].endswith(", kept") else 1)
    # Which loss is kept is that of what it is.
    assert ("not kept" in told[0]) == (len(found[train].record.phases) == 1)


def test_tuning_that_diverges_leaves_the_closed_solution(table: dict[str, list[object]]):
    phase = kzoo.Phase("*", epochs=1, learning_rate=1e30, optimizer="sgd", batch_size=16)
    found = kzoo.align("kzoo_nano_image", "kzoo_nano_text", table, train="text", schedule=phase, test=0, verbose=0)
    assert "Tuning text diverged: its weights are not used" in found["text"].record.notes
    assert found["text"].record.refitted
    assert np.isfinite(found.embed(["a red square"], of="text")).all()


def test_tuning_makes_hard_pairs_easier():
    """Texts of made-up words: frozen features of them say little."""
    fresh = pairs_of(240, seed=0)
    words = {"red": "zorp", "green": "blick", "blue": "quane"}
    texts = [f"{words[colour]} {number % 40}" for number, colour in enumerate(fresh["colour"])]
    phase = kzoo.Phase("*", epochs=6, learning_rate=3e-3, batch_size=32)
    found = kzoo.align(
        "kzoo_nano_image",
        "kzoo_nano_text",
        {"image": fresh["image"], "text": texts},
        train="text",
        schedule=phase,
        test=0,
        verbose=0,
    )
    assert any(note.endswith(", kept") for note in found["text"].record.notes), found["text"].record.notes
    before, after = (phase.scores for phase in found["text"].record.phases)
    assert -after["val_monitor"] < before["val_loss"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"width": 1}, "width must be an int"),
        ({"validation": 0}, "needs a validation split"),
        ({"train": "photo"}, "train must be the name of one input"),
        ({"text": "caption"}, "has no column 'caption'"),
        ({"train": "text", "schedule": "linear_probe"}, "must take gradient steps"),
    ],
)
def test_what_cannot_be_used_is_named(table: dict[str, list[object]], options: dict[str, object], told: str):
    with pytest.raises(ValueError, match=told):
        kzoo.align("kzoo_nano_image", "kzoo_nano_text", table, verbose=0, **options)


def test_data_with_another_number_of_inputs_is_refused(table: dict[str, list[object]]):
    with pytest.raises(ValueError, match="Pairs have two inputs"):
        kzoo.align("kzoo_nano_image", "kzoo_nano_text", {"image": table["image"]}, verbose=0)
    with pytest.raises(ValueError, match="do not take the inputs"):
        kzoo.align("kzoo_nano_image", "kzoo_nano_image", table, verbose=0)
    with pytest.raises(TypeError, match="Got a fusion"):
        kzoo.align(kzoo.Fusion(["kzoo_nano_image"]), "kzoo_nano_text", table, verbose=0)
    few = {name: values[:9] for name, values in table.items()}
    with pytest.raises(ValueError, match="10 training pairs or more"):
        kzoo.align("kzoo_nano_image", "kzoo_nano_text", few, validation=2, test=0, verbose=0)


def test_classify_needs_classes_that_can_be_read(aligned: kzoo.Aligned):
    with pytest.raises(ValueError, match="two or more classes"):
        aligned.classify(["red"])
    with pytest.raises(ValueError, match=r"must have '\{\}'"):
        aligned.classify(["red", "blue"], template="a square")
    with pytest.raises(ValueError, match="There is no input 'audio'"):
        aligned.classify(["red", "blue"], inputs="audio")
    with pytest.raises(ValueError, match="cannot be read"):
        aligned.classify({"red": ["gone.png"], "blue": ["gone.png"]}, inputs="text")
    with pytest.raises(ValueError, match=r"k must be in 1\.\.2"):
        aligned.retrieve("red", pairs_of(2, seed=0)["image"], k=3)


def test_the_network_is_plain_keras(aligned: kzoo.Aligned):
    assert isinstance(aligned["image"].model, keras.Model)
    assert aligned["image"].model.output_shape[-1] == aligned["text"].model.output_shape[-1]


@pytest.mark.slow
def test_the_tuning_of_a_tower_goes_on(
    table: dict[str, list[object]], tmp_path: Path, killed: Callable[[int], list[int]]
):
    options = {"train": "image", "schedule": kzoo.Phase("head", epochs=3, learning_rate=1e-3), "test": 0, "verbose": 0}
    first = killed(2)
    with pytest.raises(RuntimeError, match="killed"):
        kzoo.align("kzoo_nano_image", "kzoo_nano_text", table, directory=tmp_path / "run", **options)
    begun = killed(-1)
    again = kzoo.align("kzoo_nano_image", "kzoo_nano_text", table, directory=tmp_path / "run", **options)
    assert [*first, *begun] == [0, 1, 1, 2]
    whole = kzoo.align("kzoo_nano_image", "kzoo_nano_text", table, **options)
    for one, other in zip(again["image"].network.get_weights(), whole["image"].network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_directory_without_tuning_is_refused(table: dict[str, list[object]], tmp_path: Path):
    with pytest.raises(ValueError, match="pass train="):
        kzoo.align("kzoo_nano_image", "kzoo_nano_text", table, directory=tmp_path / "run", verbose=0)
