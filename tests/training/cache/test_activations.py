"""Training on held activations is training on the images, wherever they are held."""

import errno

import keras
import numpy as np
import pytest
import tensorflow as tf

import kzoo
from kzoo.training import runtime
from kzoo.training.cache import budget, compute, disk
from kzoo.training.cache.activations import Activations
from kzoo.training.cache.budget import CacheLimits
from kzoo.training.feed import Split
from kzoo.training.feed import read as read_split
from kzoo.training.probes import probe_phase
from kzoo.training.runtime import ImpreciseError, Runtime

PLENTY = 1 << 30
HEAD = kzoo.LinearProbe()
TUNE = kzoo.Phase("last:1", epochs=3, batch_size=8, augmentation="light", views=2)
DEEPER = kzoo.Phase("last:2", epochs=2, batch_size=8, augmentation="light", views=2)


def places(adapted):
    return [phase.activations for phase in adapted.record.phases]


def losses(adapted):
    return [epoch["loss"] for epoch in adapted.record.phases[-1].history]


def assert_alike(one, other, *, within=1e-5):
    """The weights that were kept, and the losses of the last phase."""
    np.testing.assert_allclose(losses(one), losses(other), rtol=within, atol=within)
    for ours, theirs in zip(one.network.get_weights(), other.network.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=within, atol=within)


def assert_same(one, other):
    assert losses(one) == losses(other)
    pairs = zip(one.network.get_weights(), other.network.get_weights(), strict=True)
    assert all(np.array_equal(ours, theirs) for ours, theirs in pairs)


@pytest.fixture(scope="module")
def kept():
    """The plain loop's result."""
    return {}


@pytest.fixture
def plain(adapt, kept):
    """What comes of training on images, without any activations but the probe's."""
    kept["plain"] = kept.get("plain") or adapt(CacheLimits(0, 0))
    assert places(kept["plain"]) == ["memory", "nowhere"]
    return kept["plain"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("limits", "place", "within"),
    [
        (CacheLimits(PLENTY, PLENTY), "memory", 1e-5),
        (CacheLimits(100_000, 0), "memory", 1e-5),
        (CacheLimits(40_000, PLENTY), "memory", 1e-2),
        (CacheLimits(0, PLENTY, half=False), "disk", 1e-5),
        (CacheLimits(0, PLENTY), "disk", 1e-2),
    ],
    ids=["memory", "no store", "memory16", "disk", "disk16"],
)
def test_where_activations_are_held_changes_nothing(adapt, plain, computed, limits, place, within):
    held = adapt(limits)
    assert places(held) == ["memory", place]
    for one, other in zip(plain.record.phases, held.record.phases, strict=True):
        assert one.scores["val_loss"] == pytest.approx(other.scores["val_loss"], rel=within, abs=within)
    assert_alike(plain, held, within=within)
    count = len(computed)
    assert_same(held, adapt(limits))
    assert len(computed) == (count if limits.disk else 2 * count)


@pytest.mark.slow
def test_the_fastest_runtime_changes_nothing(plain, backbone, arrays, cache, monkeypatch):
    monkeypatch.setattr(runtime, "SMALL_WORK", 0)
    found = kzoo.adapt(backbone, kzoo.Classification(arrays), schedule=kzoo.Schedule((HEAD, TUNE)))
    assert places(found) == ["memory", "memory"]
    assert_alike(plain, found, within=1e-2)


def test_all_passes_of_a_phase_share_a_runtime(adapt, runtimes):
    adapt()
    # The probe's, for both splits and for what tuning wants of the validation split; and that of the views.
    assert len(runtimes) == 2


@pytest.fixture
def rough(monkeypatch):
    """Few examples are enough for bfloat16, which here halves what is computed; the samples that were compared."""
    samples = []

    def halve(exact, *, sample):
        samples.append(sample)
        return Runtime("rough", lambda *inputs: [each / 2 for each in exact(*inputs)])

    monkeypatch.setattr(budget, "LEAST_EXAMPLES", 48)
    monkeypatch.setattr(compute, "in_bfloat16", halve)
    return samples


def rows_of(cache):
    """Bytes of all rows, by split."""
    found = {"train": 0, "validation": 0}
    for block in cache.glob("*/[0-9a-f]*"):
        split = "train" if disk.card_of(block)["examples"] == 48 else "validation"
        found[split] += sum(file.stat().st_size for file in block.glob("*.bin"))
    return found


def test_training_activations_in_bfloat16_take_half_and_validation_stays_exact(adapt, cache, rough, monkeypatch):
    schedule, solved = kzoo.Schedule((HEAD,)), []
    solve = probe_phase.solve
    monkeypatch.setattr(probe_phase, "solve", lambda *data, **options: solved.append(data) or solve(*data, **options))
    adapt(schedule=schedule)
    exact_bytes = rows_of(cache)
    found = adapt(CacheLimits(PLENTY, PLENTY, bfloat16=True), schedule=schedule)
    (train, held), (rough_train, rough_held) = solved
    np.testing.assert_array_equal(rough_train[0], (train[0] / 2).astype(np.float16))
    np.testing.assert_array_equal(rough_held[0], held[0])
    # Validation's are those that the exact run kept.
    assert list(found.record.phases[0].runtimes) == ["rough"]
    assert len(rough[0][0]) == compute.NEAR_SAMPLE
    both = rows_of(cache)
    assert both["train"] == 1.5 * exact_bytes["train"]


@pytest.mark.slow
def test_float32_keeps_bfloat16_out(adapt, rough):
    exact = adapt()
    assert_alike(exact, adapt(CacheLimits(PLENTY, PLENTY, bfloat16=True), precision="float32"))
    assert not rough


@pytest.mark.slow
def test_what_bfloat16_changes_too_much_is_computed_exactly(adapt, rough, computed, monkeypatch, caplog):
    exact, known = adapt(), len(computed)

    def refuse(exact, *, sample):
        raise ImpreciseError("its features differ")

    monkeypatch.setattr(compute, "in_bfloat16", refuse)
    caplog.set_level("INFO", "kzoo")
    assert_same(exact, adapt(CacheLimits(PLENTY, PLENTY, bfloat16=True)))
    # It tried, once, and then found what the exact run had kept.
    assert len(computed) == known + 1
    assert caplog.text.count("its features differ") == 1


def test_iterations_do_not_wait_for_the_tuning_of_tf_data():
    split = Split(
        lambda index, augmentation, numbers: tf.fill((1, 2), index),
        lambda loaded, targets, augmentation, **_: (loaded, targets),
        digests=[],
        targets=np.zeros((2, 1), np.float32),
    )
    assert not read_split(split, np.arange(2), "none", [0], batch=2).options().autotune.enabled


@pytest.mark.slow
def test_a_disk_that_fills_up_does_not_stop_training(adapt, plain, cache, monkeypatch, caplog):
    append, rows = disk.Writer.append, []

    def full(self, arrays):
        rows.append(len(arrays[0]))
        if len(rows) > 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        append(self, arrays)

    monkeypatch.setattr(disk.Writer, "append", full)
    found = adapt(CacheLimits(0, PLENTY))
    assert places(found) == ["memory", "nowhere"]
    assert_alike(plain, found)
    assert [record.levelname for record in caplog.records].count("WARNING") == 1
    assert "No space left on device" in caplog.text
    assert not [path for path in cache.rglob("*") if path.is_file() and path.parent.name.startswith(".")]


def test_a_store_that_cannot_be_made_is_done_without(tmp_path, monkeypatch, backbone, arrays):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("KZOO_CACHE", str(tmp_path / "file" / "cache"))
    found = kzoo.adapt(backbone, kzoo.Classification(arrays), schedule=kzoo.Schedule((HEAD, TUNE)))
    assert places(found) == ["memory", "memory"]


@pytest.mark.slow
def test_activations_beyond_float16_are_held_in_float32(adapt, backbone):
    """The second stage gives numbers of 1e6, which the kernel of the last one makes small again."""
    norms = [layer for layer in backbone.layers if isinstance(layer, keras.layers.BatchNormalization)]
    gamma, *others = norms[1].get_weights()
    norms[1].set_weights([gamma * 1e6, *others])
    last = [layer for layer in backbone.layers if isinstance(layer, keras.layers.Conv2D)][-1]
    last.set_weights([last.get_weights()[0] * 1e-6])
    # Adam would move a kernel this small in the first step to where nothing is finite.
    tune = kzoo.Phase("last:1", epochs=2, batch_size=8, augmentation="light", views=2, learning_rate=1e-9)
    schedule = kzoo.Schedule((HEAD, tune))
    plain = adapt(CacheLimits(0, 0), schedule=schedule)
    held = adapt(CacheLimits(0, PLENTY), schedule=schedule)
    assert places(held) == ["memory", "disk"]
    assert {path.stat().st_size % 4 for path in disk.folder().rglob("0.bin")} == {0}
    dtypes = {dtype for key in disk.folder().iterdir() for b in disk.find(key.name) for _, dtype in b.tensors}
    assert dtypes == {"float32"}
    assert_alike(plain, held)


@pytest.mark.slow
def test_all_that_is_wanted_of_a_picture_comes_from_one_decoding(adapt, read):
    """A probe, the last stage, the last two: the third phase's activations come from the passes of the first two."""
    adapted = adapt(schedule=kzoo.Schedule((HEAD, TUNE, DEEPER)))
    assert places(adapted) == ["memory"] * 3
    assert sorted(read) == [(6, "none", [0]), (48, "light", [0, 1]), (48, "none", [0])]


@pytest.mark.slow
def test_a_higher_cut_after_a_deeper_one_goes_on_from_what_is_held(adapt, read):
    schedule = kzoo.Schedule((DEEPER, TUNE))
    held = adapt(schedule=schedule)
    assert sorted(read) == [(6, "none", [0]), (48, "light", [0, 1])]
    assert_alike(held, adapt(CacheLimits(0, 0), schedule=schedule), within=1e-4)


def test_validation_images_are_traced_once_for_all_epochs(adapt, monkeypatch):
    traced = []

    def counted(*given, **options):
        traced.append(given)
        return read_split(*given, **options)

    monkeypatch.setattr("kzoo.training.cache.activations.read", counted)
    adapted = adapt(schedule=kzoo.Phase("*", epochs=3, batch_size=8))
    assert len(adapted.record.phases[-1].history) == 3
    assert len(traced) == 1


def test_what_no_phase_wants_any_more_is_let_go(adapt, monkeypatch):
    kept, plain = [], Activations.fill

    def filled(self, phases, **options):
        plain(self, phases, **options)
        kept.append(sorted(split for _, split in self._rows))

    monkeypatch.setattr(Activations, "fill", filled)
    adapt()
    assert kept == [["train", "validation", "validation"], ["train", "train", "validation"]]
