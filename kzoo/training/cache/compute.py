"""Computes all missing activations of a split in one pass over the data."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import keras
import numpy as np

from kzoo.core.graph.calling import pack
from kzoo.core.graph.walking import follow, meet
from kzoo.core.progress import ProgressBar
from kzoo.core.tensors import Tensor
from kzoo.training.cache import disk
from kzoo.training.cache.budget import CacheRequest, narrow
from kzoo.training.cache.fingerprint import fingerprint
from kzoo.training.cache.rows import MemoryBlock, Rows, joined
from kzoo.training.feed import Feed, Split, read, verified
from kzoo.training.runtime import Runtime, fastest, in_bfloat16

BATCH = 64
"""Examples that go through the trunk at once."""

SAMPLE = 4
"""Examples for comparing the speed of runtimes."""

NEAR_SAMPLE = 16
"""Examples for comparing bfloat16 with float32."""


@dataclass
class Passes:
    """Computes activations as long as the weights below the cuts do not change.

    Args:
        model: from scaled images to logits.
        cuts: the tensors that enter each group, from the input to the head; one entry for each branch of a group.
        feed: the data.
        fold: returns a model with the same outputs and fewer operations.
        rows: the cached activations by key. New ones are added.
    """

    model: keras.Model
    cuts: Mapping[str, Sequence[Tensor]]
    feed: Feed
    fold: Callable[..., keras.Model]
    rows: dict[tuple[str, str], Rows]
    _runtimes: dict[tuple[str, ...], Runtime] = field(default_factory=dict)
    _prints: dict[str, str] = field(default_factory=dict)
    _used: set[str] = field(default_factory=set)

    @property
    def runtimes(self) -> list[str]:
        """Names of the runtimes used so far."""
        return sorted(self._used)

    def key(self, request: CacheRequest) -> tuple[str, str]:
        """A hash of everything that determines the activations except the examples' content; and the split."""
        if request.group not in self._prints:
            self._prints[request.group] = fingerprint(keras.Model(self.model.input, list(self.cuts[request.group])))
        values: dict[str, Any] = {
            "format": disk.FORMAT,
            "trunk": self._prints[request.group],
            "view": {**self.feed.key(request.augmentation), "number": request.number},
            "dtype": request.dtype,
        }
        if request.precision != "float32":
            values["precision"] = [request.precision, version("openvino")]
        if self.feed.mixes(request.augmentation):
            part = self._part(request)
            values["mixed"] = hashlib.sha256("".join(part.digests).encode() + part.targets.tobytes()).hexdigest()
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:32], request.split

    def run(
        self, requests: Sequence[CacheRequest], groups: Sequence[str], *, use_store: bool, bar: ProgressBar
    ) -> None:
        """Reads the requested activations of one split and augmentation from the cache, and computes missing ones.

        Other processes that need the same activations wait for this one and read its results.

        Args:
            requests: all of one split and augmentation.
            groups: the runtime computes at the cuts of these groups: those of the requests, and others it will serve.
            use_store: whether to use the disk cache.
            bar: progress, in examples.
        """
        keys = {request: self.key(request) for request in requests}
        digests = self._part(requests[0]).digests
        with contextlib.ExitStack() as locks:
            blocks: dict[CacheRequest, list[disk.Block | MemoryBlock]] = {request: [] for request in requests}
            if use_store:
                bar.state("checking cache")
                for shelf in sorted({key for key, _ in keys.values()}):
                    locks.enter_context(disk.shelf_lock(shelf))
                for request in requests:
                    blocks[request].extend(disk.find(keys[request][0]))
            known = {request: {d for block in blocks[request] for d in block.digests} for request in requests}
            missing = [request for request in requests if not known[request].issuperset(digests)]
            if missing:
                wanted = [n for n, d in enumerate(digests) if any(d not in known[request] for request in missing)]
                order = self._order(missing[0], wanted)
                made = self._compute(missing, groups, order, use_store=use_store, bar=bar)
                blocks |= {request: [*blocks[request], block] for request, block in made.items()}
            for request in requests:
                mapped, mixed = request.place == "disk", self.feed.mixes(request.augmentation)
                key = keys[request]
                self.rows[key] = joined(blocks[request], digests, mapped=mapped, mixed=mixed, key=key[0])

    def at_cuts(
        self, groups: Sequence[str], inputs: Sequence[Tensor], *, below: str = "", precision: str = "float32"
    ) -> dict[str, list[np.ndarray]]:
        """Activations at the cuts below `groups`, of model inputs or of activations at the cut `below`.

        Raises:
            ImpreciseError: bfloat16 gives results that differ too much.
        """
        runtime = self._runtime(groups, inputs, below, precision)
        self._used.add(runtime.name)
        outputs = iter(runtime(*inputs))
        return {group: [next(outputs) for _ in self.cuts[group]] for group in groups}

    def _runtime(self, groups: Sequence[str], inputs: Sequence[Tensor], below: str, precision: str) -> Runtime:
        name = (precision, below, *groups)
        if name in self._runtimes:
            return self._runtimes[name]
        if precision == "bfloat16":
            exact = self._runtime(groups, inputs, below, "float32")
            found = in_bfloat16(exact, sample=[each[:NEAR_SAMPLE] for each in inputs])
        else:
            tensors = [tensor for group in groups for tensor in self.cuts[group]]
            part = keras.Model(pack(self.cuts[below]) if below else self.model.input, tensors, name="trunk")
            found = fastest(part, fold=self.fold, sample=[each[:SAMPLE] for each in inputs], examples=self._examples)
        self._runtimes[name] = found
        return found

    @property
    def _examples(self) -> int:
        """How many examples a runtime is made for: all of both splits, whatever is cached already."""
        return len(self.feed.train) + len(self.feed.validation)

    def _part(self, request: CacheRequest) -> Split:
        return getattr(self.feed, request.split)

    def _order(self, request: CacheRequest, indices: Sequence[int]) -> np.ndarray:
        """The order of computing examples: random if an augmentation mixes batches, otherwise the given order."""
        order = np.asarray(indices, np.int64)
        return (
            np.random.default_rng(self.feed.seed).permutation(order) if self.feed.mixes(request.augmentation) else order
        )

    def _compute(
        self,
        requests: Sequence[CacheRequest],
        groups: Sequence[str],
        order: np.ndarray,
        *,
        use_store: bool,
        bar: ProgressBar,
    ) -> dict[CacheRequest, disk.Block | MemoryBlock]:
        numbers = len({request.number for request in requests})
        bar.state(f"computing {numbers} views" if numbers > 1 else "computing features")
        known = self._part(requests[0]).digests
        digests: list[str] = [known[int(index)] for index in order]
        writers: dict[CacheRequest, disk.Writer | MemoryBlock] = {request: MemoryBlock(digests) for request in requests}
        with contextlib.ExitStack() as stack:
            for request in requests if use_store else ():
                view = f"{request.augmentation} {request.number}"
                card = {
                    "model": self.model.name.removesuffix("_adapted"),
                    "below": request.group,
                    "view": view,
                    "examples": len(order),
                }
                writing = disk.writing(self.key(request)[0], digests=digests, card=card)
                writers[request] = stack.enter_context(writing)
            for number, outputs, targets in self._outputs(requests, order, groups, bar):
                for request in requests:
                    if request.number == number and request.group in outputs:
                        arrays = [narrow(array, request.dtype) for array in outputs[request.group]]
                        mixed = self.feed.mixes(request.augmentation)
                        writers[request].append([*arrays, targets] if mixed else arrays)
                bar.update(len(targets))
        return {request: writer.block for request, writer in writers.items()}

    def _outputs(
        self, requests: Sequence[CacheRequest], order: np.ndarray, groups: Sequence[str], bar: ProgressBar
    ) -> Iterator[tuple[int, dict[str, list[np.ndarray]], np.ndarray]]:
        """Yields batches: index of the view, its activations at the requested cuts, its targets."""
        request, part = requests[0], self._part(requests[0])
        numbers = sorted({each.number for each in requests})
        fresh: list[str] = []
        for wanted in self._together({each.group for each in requests}):
            lower, rows_below = self._lower(request, wanted, numbers)
            if not lower:
                fresh += wanted
                continue
            bar.total += len(order) * len(numbers)
            for number, rows in zip(numbers, rows_below, strict=True):
                for start in range(0, len(order), BATCH):
                    chosen = order[start : start + BATCH]
                    found = self.at_cuts(wanted, rows.gather(chosen), below=lower, precision=request.precision)
                    yield number, found, rows.targets_of(chosen, part.targets).numpy()
        if not fresh:
            return
        bar.total += len(order) * len(numbers)
        # One runtime also serves other requests, but not branches of which nothing is missing.
        served = [name for name in groups if any(self._are_together(name, each) for each in fresh)]
        batch = BATCH if self.feed.mixes(request.augmentation) else max(BATCH // len(numbers), 1)
        with verified(part, order):
            for inputs, targets in read(part, order, request.augmentation, numbers, batch=batch):
                found = self.at_cuts(served, (inputs,), precision=request.precision)
                for place, number in enumerate(numbers):
                    span = slice(place, None, len(numbers))
                    yield number, {name: [a[span] for a in found[name]] for name in fresh}, targets[span].numpy()

    def _together(self, groups: set[str]) -> list[list[str]]:
        """Lists of groups that share a branch of the trunk, from the input to the head."""
        bundles: list[list[str]] = []
        for name in sorted(groups, key=list(self.cuts).index):
            bundle = next((each for each in bundles if any(self._are_together(name, other) for other in each)), None)
            if bundle is None:
                bundles.append([name])
            else:
                bundle.append(name)
        return bundles

    def _are_together(self, one: str, other: str) -> bool:
        return one == other or meet(self.cuts[one], self.cuts[other])

    def _lower(self, request: CacheRequest, groups: Sequence[str], numbers: Sequence[int]) -> tuple[str, list[Rows]]:
        """The highest cut below all of `groups` where these views are still cached, and their rows."""
        names = list(self.cuts)
        wanted = [tensor for group in groups for tensor in self.cuts[group]]
        for name in reversed(names[: names.index(groups[0])]):
            keys = [self.key(dataclasses.replace(request, group=name, number=number)) for number in numbers]
            if all(key in self.rows for key in keys) and follow(wanted, self.cuts[name]):
                return name, [self.rows[key] for key in keys]
        return "", []
