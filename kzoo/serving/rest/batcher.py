"""Dynamic batching: requests that wait while the model is busy are answered together."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np

from kzoo.serving.rest.request_error import RequestError
from kzoo.serving.rest.signature import Signature

Outputs = dict[str, np.ndarray]


@dataclass(eq=False)
class _Waiting:
    signature: Signature
    inputs: Mapping[str, np.ndarray]
    reply: Future[Outputs] = field(default_factory=Future)

    @property
    def count(self) -> int | None:
        """Its examples; None where it cannot be joined with others."""
        sizes = {array.shape[:1] for array in self.inputs.values()}
        (size,) = sizes if len(sizes) == 1 else ((),)
        return size[0] if size and size[0] and self.signature.batches else None

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        return [array.shape[1:] for array in self.inputs.values()]

    def joins(self, other: _Waiting) -> bool:
        """Whether both can be one batch."""
        return self.signature is other.signature and other.count is not None and self.shapes == other.shapes


class Batcher:
    """Answers requests in one thread, those of the same signature and shape together.

    No request waits for others to come: whatever came while the model was busy is the next batch.

    Args:
        most: examples of a batch that is joined of several requests.
        observe: is told the number of examples of each batch.
    """

    def __init__(self, *, most: int = 64, observe: Callable[[int], None] = lambda count: None) -> None:
        self._most, self._observe = most, observe
        self._queue: deque[_Waiting] = deque()
        self._ready = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="kzoo-batcher", daemon=True)
        self._thread.start()

    def submit(self, signature: Signature, inputs: Mapping[str, np.ndarray]) -> Future[Outputs]:
        """The outputs for some inputs, later; its error is a `RequestError` where the request is at fault."""
        waiting = _Waiting(signature, inputs)
        with self._ready:
            if self._closed:
                raise RequestError("The server is stopping.", status=503)
            self._queue.append(waiting)
            self._ready.notify()
        return waiting.reply

    def close(self) -> None:
        """Answers what waits, and ends the thread."""
        with self._ready:
            self._closed = True
            self._ready.notify()
        self._thread.join()

    def _work(self) -> None:
        while True:
            with self._ready:
                while not self._queue and not self._closed:
                    self._ready.wait()
                if not self._queue:
                    return
                batch = self._take()
            _answer(batch, self._observe)

    def _take(self) -> list[_Waiting]:
        """The first request, and those that can be joined with it, in their order."""
        first = self._queue.popleft()
        batch, total = [first], first.count
        if total is None:
            return batch
        for other in list(self._queue):
            if first.joins(other) and total + (other.count or 0) <= self._most:
                batch.append(other)
                total += other.count or 0
                self._queue.remove(other)
        return batch


def _answer(batch: Sequence[_Waiting], observe: Callable[[int], None]) -> None:
    batch = [each for each in batch if each.reply.set_running_or_notify_cancel()]
    if not batch:
        return
    try:
        found = _joined(batch)
        observe(sum(each.count or 1 for each in batch))
    except Exception as error:
        if len(batch) == 1:
            batch[0].reply.set_exception(error)
            return
        # One of them may be at fault: each is answered by itself.
        for each in batch:
            try:
                each.reply.set_result(each.signature.run(each.inputs))
                observe(each.count or 1)
            except Exception as own:
                each.reply.set_exception(own)
        return
    for each, outputs in zip(batch, found, strict=True):
        each.reply.set_result(outputs)


def _joined(batch: Sequence[_Waiting]) -> list[Outputs]:
    """The outputs of each request, from one call."""
    first = batch[0]
    if len(batch) == 1:
        return [first.signature.run(first.inputs)]
    inputs = {name: np.concatenate([each.inputs[name] for each in batch]) for name in first.inputs}
    counts = [each.count or 0 for each in batch]
    outputs = first.signature.run(inputs)
    if any(array.shape[:1] != (sum(counts),) for array in outputs.values()):
        raise ValueError("An output has no batch dimension.")
    ends = np.cumsum(counts)[:-1]
    parts = {name: np.split(array, ends) for name, array in outputs.items()}
    return [{name: split[place] for name, split in parts.items()} for place in range(len(batch))]
