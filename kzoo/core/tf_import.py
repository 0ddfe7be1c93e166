"""TensorFlow, imported without the messages that it prints on import."""

from __future__ import annotations

import os
import sys
import warnings


def import_tensorflow() -> None:
    """Imports TensorFlow and looks for devices, once, with the process's standard error closed meanwhile.

    What is hidden are the notices about CPU features and missing GPUs; what goes wrong raises all the same. Where
    TF_CPP_MIN_LOG_LEVEL is set, or TensorFlow is imported already, nothing is done: the user has decided.
    """
    if "tensorflow" in sys.modules or "TF_CPP_MIN_LOG_LEVEL" in os.environ:
        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            os.dup2(nowhere.fileno(), 2)
            import tensorflow as tf

            tf.config.list_physical_devices()
            tf.get_logger().setLevel("WARNING")
    finally:
        # TensorFlow has read the level by now: processes that this one starts decide for themselves.
        os.environ.pop("TF_CPP_MIN_LOG_LEVEL", None)
        os.dup2(kept, 2)
        os.close(kept)
