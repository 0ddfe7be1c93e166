"""Rows of cached activations as tensors, in memory or memory-mapped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from kzoo.core.tensors import Tensor
from kzoo.training.cache.branches import BranchJoin
from kzoo.training.cache.disk import Block, writing

CHUNK = 256


class MemoryBlock:
    """Rows in memory only, for when the disk cache cannot be used. It has the methods of a `Block` and of a `Writer`.

    Args:
        digests: digests of the examples, in the order in which rows are appended.
    """

    def __init__(self, digests: Sequence[str]) -> None:
        self.digests = digests
        self.parts: list[Sequence[np.ndarray]] = []

    def append(self, arrays: Sequence[np.ndarray]) -> None:
        """Appends rows (B, ...) of each tensor."""
        self.parts.append(arrays)

    @property
    def block(self) -> MemoryBlock:
        """The block itself: complete as soon as all rows are appended."""
        return self

    def arrays(self) -> tuple[np.ndarray, ...]:
        """The rows as arrays (N, ...)."""
        return tuple(np.concatenate(each) for each in zip(*self.parts, strict=True))


class RowSource:
    """Base class of `Rows` and `BranchRows`."""

    index: np.ndarray

    def gather(self, examples: Tensor) -> tuple[Tensor, ...]:
        """Activations of the examples with these indices, int64 (B,): a tensor (B, ...) for each tensor at the cut."""
        raise NotImplementedError

    def targets_of(self, examples: Tensor, targets: Tensor) -> Tensor:
        """Targets of some examples, float32 (B, outputs): as mixed by an augmentation, otherwise rows of `targets`.

        Args:
            examples: indices, int64 (B,).
            targets: of all examples, float32 (N, outputs).
        """
        raise NotImplementedError

    def take(self, start: int, stop: int) -> tuple[np.ndarray, ...]:
        """Activations of the examples from `start` to `stop`, float32 (stop - start, ...), in order."""
        return tuple(each.numpy() for each in self.gather(np.arange(start, min(stop, len(self.index)))))


@dataclass(frozen=True)
class Rows(RowSource):
    """Activations of N examples.

    Args:
        parts: for each tensor at the cut (R, ...), float32 or float16: a tensor in main memory or a mapped array.
        index: the row of each example, int64 (N,).
        targets: float32 (R, outputs) if an augmentation mixes examples, otherwise None.
    """

    parts: tuple[Tensor | np.ndarray, ...]
    index: np.ndarray
    targets: Tensor | np.ndarray | None = None

    def gather(self, examples: Tensor) -> tuple[Tensor, ...]:
        """See `RowSource`."""
        rows = self._rows(examples)
        return tuple(_wide(_picked(part, rows)) for part in self.parts)

    def targets_of(self, examples: Tensor, targets: Tensor) -> Tensor:
        """See `RowSource`."""
        if self.targets is None:
            return tf.gather(targets, examples)
        return _picked(self.targets, self._rows(examples))

    def _rows(self, examples: Tensor) -> Tensor:
        return tf.gather(tf.constant(self.index), examples)


@dataclass(frozen=True)
class BranchRows(RowSource):
    """Activations of N examples from several branches, cached separately.

    Args:
        strands: the rows of each branch.
        join: computes the tensors at the cut from those of all branches.
    """

    strands: Sequence[Rows]
    join: BranchJoin

    @property
    def index(self) -> np.ndarray:
        """See `Rows`; the same for all branches."""
        return self.strands[0].index

    def gather(self, examples: Tensor) -> tuple[Tensor, ...]:
        """See `RowSource`."""
        return self.join([tensor for rows in self.strands for tensor in rows.gather(examples)])

    def targets_of(self, examples: Tensor, targets: Tensor) -> Tensor:
        """See `RowSource`."""
        return self.strands[0].targets_of(examples, targets)


def _picked(part: Tensor | np.ndarray, rows: Tensor) -> Tensor:
    if tf.is_tensor(part):
        return tf.gather(part, rows)
    # tf.data would copy a captured mapped tensor into memory (TensorFlow 2.21): NumPy reads it instead.
    found = tf.numpy_function(lambda places: np.asarray(part[places]), [rows], part.dtype)
    found.set_shape((None, *part.shape[1:]))
    return found


def joined(
    blocks: Sequence[Block | MemoryBlock], digests: Sequence[str], *, mapped: bool, mixed: bool, key: str
) -> Rows:
    """Rows of the examples with these digests, from blocks that together contain all of them.

    Args:
        blocks: blocks of one key.
        digests: digests of the examples.
        mapped: whether to leave the rows on disk. Several blocks are then merged into one.
        mixed: whether the last tensor holds targets.
        key: the key of the blocks.
    """
    whole = next((block for block in blocks if set(digests) <= set(block.digests)), None)
    if whole is None and mapped:
        whole = _merge([block for block in blocks if isinstance(block, Block)], digests, key)
    if whole is not None:
        blocks = [whole]
    places = _places(blocks)
    found = [places[digest] for digest in digests]
    if mapped:
        parts, index = blocks[0].arrays(), np.array([row for _, row in found], np.int64)
    else:
        parts, index = _loaded(blocks, found)
    return Rows(parts[:-1], index, parts[-1]) if mixed else Rows(parts, index)


def _loaded(
    blocks: Sequence[Block | MemoryBlock], found: Sequence[tuple[int, int]]
) -> tuple[tuple[Tensor, ...], np.ndarray]:
    """The requested rows of all blocks, concatenated, and the row of each example in them."""
    order = sorted(range(len(found)), key=found.__getitem__)
    index = np.empty(len(found), np.int64)
    index[order] = np.arange(len(found))
    picked = []
    for number, block in enumerate(blocks):
        rows = [found[example][1] for example in order if found[example][0] == number]
        if rows:
            picked.append([array[rows] for array in block.arrays()])
    # Main memory even on a machine with a GPU, which receives batch after batch.
    with tf.device("CPU:0"):
        parts = tuple(
            tf.constant(each[0] if len(each) == 1 else np.concatenate(each)) for each in zip(*picked, strict=True)
        )
    return parts, index


def _merge(blocks: Sequence[Block], digests: Sequence[str], key: str) -> Block:
    """A new block with exactly these examples."""
    places = _places(blocks)
    arrays = [block.arrays() for block in blocks]
    with writing(key, digests=digests, card=blocks[0].card() | {"examples": len(digests)}) as writer:
        for start in range(0, len(digests), CHUNK):
            found = [places[digest] for digest in digests[start : start + CHUNK]]
            tensors = range(len(arrays[0]))
            writer.append([np.stack([arrays[number][each][row] for number, row in found]) for each in tensors])
    return writer.block


def _places(blocks: Sequence[Block | MemoryBlock]) -> dict[str, tuple[int, int]]:
    """Block and row of each example."""
    return {digest: (number, row) for number, block in enumerate(blocks) for row, digest in enumerate(block.digests)}


def _wide(tensor: Tensor) -> Tensor:
    return tf.cast(tensor, tf.float32) if tensor.dtype == tf.float16 else tensor
