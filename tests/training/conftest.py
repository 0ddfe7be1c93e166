"""What tests of held activations share: an empty store, `adapt` under limits, and counters of what is computed."""

import functools

import pytest

import kzoo
from kzoo.training.cache import compute
from kzoo.training.cache.activations import Activations
from kzoo.training.cache.budget import CacheLimits
from kzoo.training.runtime import Runtime, graph_call

PLENTY = 1 << 30
SCHEDULE = kzoo.Schedule(
    (
        kzoo.LinearProbe(),
        kzoo.Phase("last:1", epochs=3, batch_size=8, augmentation="light", views=2),
    )
)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty store of the test's own."""
    monkeypatch.setenv("KZOO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "activations"


@pytest.fixture
def runtimes():
    """The models that a runtime was made for."""
    return []


@pytest.fixture
def adapt(backbone, arrays, monkeypatch, cache, runtimes):
    """`kzoo.adapt` of the tiny backbone on 48 + 6 + 6 images, under limits, without a search for the runtime."""

    def run(limits=None, *, model=backbone, data=None, schedule=SCHEDULE, **options):
        limits = limits or CacheLimits(PLENTY, PLENTY)
        monkeypatch.setattr("kzoo.training.loop.Activations", functools.partial(Activations, limits=limits))
        monkeypatch.setattr(
            compute,
            "fastest",
            lambda part, **_: runtimes.append(part) or Runtime("Keras", graph_call(part)),
        )
        return kzoo.adapt(model, data or kzoo.Classification(arrays), schedule=schedule, **options)

    return run


@pytest.fixture
def read(monkeypatch):
    """Number of examples, augmentation and versions of each pass over images."""
    found, plain = [], compute.read

    def counted(split, indices, augmentation, numbers, **options):
        found.append((len(indices), augmentation, list(numbers)))
        return plain(split, indices, augmentation, numbers, **options)

    monkeypatch.setattr(compute, "read", counted)
    return found


@pytest.fixture
def computed(monkeypatch):
    """Digests of what each pass computes, from images or from activations."""
    found, plain = [], compute.Passes._compute

    def counted(self, requests, groups, order, **options):
        digests = getattr(self.feed, requests[0].split).digests
        found.append({digests[index] for index in order})
        return plain(self, requests, groups, order, **options)

    monkeypatch.setattr(compute.Passes, "_compute", counted)
    return found
