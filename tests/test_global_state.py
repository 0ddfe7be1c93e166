"""`import kzoo`, `list_models` and `plan` leave the process as they find it."""

import json
import subprocess
import sys

import pytest

STATE = """
import json, locale, logging, os, random, signal, sys, warnings
try:
    import resource
except ImportError:
    resource = None

def state():
    found = {
        "filters": [repr(each) for each in warnings.filters],
        "showwarning": repr(warnings.showwarning),
        "limits": resource and [resource.getrlimit(n) for n in (resource.RLIMIT_NOFILE, resource.RLIMIT_AS)],
        "environment": dict(os.environ),
        "root": [[repr(each) for each in logging.root.handlers], logging.root.level],
        "random": repr(random.getstate()),
        "signals": [repr(signal.getsignal(n)) for n in (signal.SIGINT, signal.SIGTERM)],
        "folder": os.getcwd(),
        "hooks": [repr(sys.excepthook), repr(sys.displayhook), sys.getrecursionlimit()],
        "locale": locale.setlocale(locale.LC_ALL),
    }
    if "numpy" in sys.modules:
        import numpy
        found["numpy"] = [repr(numpy.random.get_state()), repr(numpy.geterr()), repr(numpy.get_printoptions())]
    if "keras" in sys.modules:
        import keras, tensorflow as tf
        seeds = keras.src.backend.common.global_state.get_global_attribute("global_seed_generator")
        found["keras"] = [
            repr(None if seeds is None else seeds.state.numpy()),
            keras.config.dtype_policy().name, keras.config.floatx(), keras.config.epsilon(),
            keras.config.image_data_format(), keras.config.is_interactive_logging_enabled(),
            keras.config.is_traceback_filtering_enabled(),
        ]
        found["tensorflow"] = [
            repr(tf.random.get_global_generator().state.numpy()),
            tf.config.threading.get_inter_op_parallelism_threads(),
            tf.config.threading.get_intra_op_parallelism_threads(), tf.config.get_soft_device_placement(),
            tf.config.functions_run_eagerly(), repr(tf.distribute.get_strategy().__class__),
        ]
    return found

def changed(before, after):
    return {name: [before[name], after[name]] for name in before if before[name] != after[name]}
"""

IMPORTED = """
import numpy
before = state()
import kzoo
kzoo.list_models("mobilenet*")
dir(kzoo)
print(json.dumps(changed(before, state())))
"""

PLANNED = """
import kzoo
from kzoo.core.tf_import import import_tensorflow
before = state()
import_tensorflow()
import numpy, keras, tensorflow, h5py, pandas, scipy.optimize, sklearn.linear_model, PIL.Image
after = state()
environment = {name: value for name, value in after["environment"].items() if before["environment"].get(name) != value}
inputs = keras.Input((16, 16, 3))
model = keras.Model(inputs, keras.layers.Conv2D(4, 3)(inputs))
images = numpy.zeros((40, 16, 16, 3), numpy.uint8) + numpy.arange(40, dtype=numpy.uint8)[:, None, None, None]
before = state()
kzoo.plan(model, (images, [str(each % 2) for each in range(40)]), verbose=0)
print(json.dumps([environment, changed(before, state())]))
"""

BY_TENSORFLOW = {
    "TF2_BEHAVIOR",
    "TPU_ML_PLATFORM",
    "KMP_INIT_AT_FORK",
    "KMP_DUPLICATE_LIB_OK",
    "ENABLE_RUNTIME_UPTIME_TELEMETRY",
}
"""Variables that TensorFlow, and what it imports, set by themselves."""


def run(code, monkeypatch):
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    done = subprocess.run([sys.executable, "-c", STATE + code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1]), done.stderr


def test_import_and_list_models_change_nothing(monkeypatch):
    assert run(IMPORTED, monkeypatch)[0] == {}


@pytest.mark.slow
def test_plan_changes_nothing(monkeypatch):
    (environment, changed), stderr = run(PLANNED, monkeypatch)
    assert set(environment) <= BY_TENSORFLOW
    assert changed == {}
    assert stderr == ""
