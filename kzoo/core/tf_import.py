"""TensorFlow, imported without the messages that it prints on import."""

from __future__ import annotations

import os
import sys
import warnings


def import_tensorflow() -> None:
    """Imports TensorFlow and looks for devices, once, with the process's standard error closed meanwhile.

    This hides notices about CPU features and missing GPUs. Errors still raise. Nothing happens where the user has set
    TF_CPP_MIN_LOG_LEVEL or TensorFlow is imported already.
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
        # TensorFlow has read the level. Child processes should not inherit it.
        os.environ.pop("TF_CPP_MIN_LOG_LEVEL", None)
        os.dup2(kept, 2)
        os.close(kept)
