"""LiteRT's interpreter and converter, without messages that a user can do nothing about."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import tensorflow as tf


def interpreter_of(content: bytes, *, all_tensors: bool = False) -> Any:
    """An interpreter of a file's content; with `all_tensors`, what is between operations can be read as well."""
    with warnings.catch_warnings():
        # It tells to move to a package that TensorFlow does not require (2.21).
        warnings.simplefilter("ignore")
        return tf.lite.Interpreter(model_content=content, experimental_preserve_all_tensors=all_tensors)


@contextlib.contextmanager
def quiet_converter() -> Iterator[None]:
    """Without what the converter tells of folders of its own, of its arguments, and of inputs (TensorFlow 2.21)."""
    logger = logging.getLogger("tensorflow")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings(), _without_native_messages():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


@contextlib.contextmanager
def _without_native_messages() -> Iterator[None]:
    """Without what is not Python's and writes to standard error."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
