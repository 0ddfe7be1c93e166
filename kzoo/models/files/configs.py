"""Configurations of Keras objects in files, checked before Keras deserializes them."""

from __future__ import annotations

import contextlib
import importlib
import math
import sys
import threading
from collections.abc import Iterator, Mapping

import keras

from kzoo.core.graph.walking import operations_of
from kzoo.core.tensors import Shape
from kzoo.specs.checked_json import MEGABYTE

LARGEST = 64 * MEGABYTE
"""Bytes of a configuration as JSON. That of NASNetLarge has 1.3 MB."""

MOST_OBJECTS = 200_000
"""Keras objects in one configuration. NASNetLarge has 5,000."""

LARGEST_OUTPUT = 1 << 28
"""Numbers that one layer gives for one example. VGG19 at 1024 pixels has 2 ** 26."""

LARGEST_FILTERS = 1 << 24
"""Numbers in the table of a mel spectrogram."""

_REFUSED = ("Lambda", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "TFSMLayer")
"""Layers of Keras's that run code or open files named in their configuration."""

_CALLING = ("AssociativeScan", "Cond", "ForiLoop", "Function", "Map", "Scan", "Switch", "VectorizedMap", "WhileLoop")
"""Operations of Keras's that call a function."""

_PUBLIC = (
    *("keras", "keras.layers", "keras.models", "keras.initializers", "keras.regularizers", "keras.constraints"),
    *("keras.dtype_policies", "keras.random", "keras.losses", "keras.metrics", "keras.optimizers"),
    *("keras.optimizers.schedules", "keras.quantizers"),
)
"""Modules of Keras's whose classes may be named."""

_FUNCTIONS = ("keras.activations", "keras.initializers", "keras.losses", "keras.metrics", "keras.ops")
"""Modules of Keras's whose functions may be named."""

_PACKAGES = ("keras_cv", "keras_hub")
"""Packages whose layers may be named; they are imported for it."""

_DTYPES = (
    *("bool", "int4", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "bfloat16", "string"),
)

_FILE_FIELDS = frozenset(
    ("vocabulary", "merges", "proto", "vocabulary_file", "filepath", "file", "path", "url", "preset")
)
"""Fields in which some layer takes the path of a file for its content."""


def check_config(config: object) -> None:
    """Raises ValueError where a serialized Keras object names anything but layers and what belongs to them.

    What may be named: public classes and activations of Keras, layers of keras-cv and KerasHub, and what this process
    registered with ``keras.saving.register_keras_serializable``. No module is imported because a file names it, apart
    from keras-cv and KerasHub.

    Args:
        config: as JSON has it.
    """
    count = 0
    todo = [config]
    while todo:
        value = todo.pop()
        if isinstance(value, Mapping):
            if "class_name" in value:
                count += 1
                _check_object(value)
            _check_fields(value)
            todo += value.values()
        elif isinstance(value, list):
            todo += value
        if count > MOST_OBJECTS:
            raise ValueError(f"A configuration has at most {MOST_OBJECTS:,} objects. This one has more.")


def class_of(config: object) -> type:
    """The class that Keras would make an instance of.

    Raises:
        ValueError: it is none that a file may name.
    """
    if not isinstance(config, Mapping) or not isinstance(config.get("class_name"), str):
        raise ValueError("A serialized Keras object has a class_name. This one has none.")
    name, module = config["class_name"], config.get("module")
    registered = config.get("registered_name", name)
    described = f"{module}.{name}" if module else name
    if registered is not None and not isinstance(registered, str):
        raise ValueError(f"registered_name must be a string. Got one of type {type(registered).__name__}.")
    _import_package(module, registered)
    found = keras.saving.get_registered_object(registered) if registered else None
    if found is None and module in (None, *_PUBLIC):
        found = _public(name, (module,) if module else _PUBLIC)
    if found is None and isinstance(module, str) and module.split(".")[0] in ("keras", *_PACKAGES):
        # What Keras and its packages have imported themselves; nothing more is imported.
        found = vars(sys.modules[module]).get(name) if module in sys.modules else None
    if not isinstance(found, type) or not issubclass(found, _kinds()):
        raise ValueError(
            f"The file names {described[:200]!r}, which is not a layer that Keras, keras-cv, KerasHub or this process "
            "knows. If it is yours, import what registers it with keras.saving.register_keras_serializable first."
        )
    if issubclass(found, tuple(getattr(keras.layers, each) for each in _REFUSED)) or found.__name__ in _CALLING:
        raise ValueError(f"The file has a {found.__name__}, which runs code from the file. kzoo does not open it.")
    return found


@contextlib.contextmanager
def at_most(parameters: int) -> Iterator[None]:
    """Within this, layers of this thread make no more parameters than so many, before any memory is taken for them.

    Raises:
        ValueError: they would.
    """
    with _LOCK:
        original, mine, left = keras.Layer.add_weight, threading.get_ident(), parameters

        def counted(
            self: keras.Layer, shape: int | Shape | None = None, *arguments: object, **options: object
        ) -> keras.Variable:
            nonlocal left
            if threading.get_ident() == mine:
                sides = (shape,) if isinstance(shape, int) else tuple(shape or ())
                left -= math.prod(int(side) for side in sides if side is not None)
                if left < 0:
                    raise ValueError(
                        f"The configuration asks for more than the {parameters:,} parameters that the weights allow."
                    )
            return original(self, shape, *arguments, **options)

        keras.Layer.add_weight = counted
        try:
            yield
        finally:
            keras.Layer.add_weight = original


_LOCK = threading.RLock()


def check_outputs(model: keras.Model) -> None:
    """Raises ValueError where a layer would give more than `LARGEST_OUTPUT` numbers for one example."""
    for operation in operations_of(model):
        if isinstance(operation, keras.Model):
            check_outputs(operation)
        try:
            outputs = keras.tree.flatten(operation.output)
        except (AttributeError, ValueError):
            continue
        for tensor in outputs:
            sides = [side for side in tensor.shape[1:] if side is not None]
            if math.prod(sides) > LARGEST_OUTPUT:
                raise ValueError(
                    f"{operation.name!r} gives {tuple(tensor.shape)}: more than {LARGEST_OUTPUT:,} numbers an example."
                )


def _check_object(config: Mapping[str, object]) -> None:
    name, inner = config["class_name"], config.get("config")
    if name == "function":
        _check_function(config)
    elif name in ("__lambda__", "__typespec__"):
        raise ValueError(f"The file has a {name}, which runs what the file says. kzoo does not open it.")
    elif name in ("__tensor__", "__numpy__", "__keras_tensor__"):
        dtype = inner.get("dtype") if isinstance(inner, Mapping) else None
        if dtype not in _DTYPES:
            raise ValueError(
                f"The dtype of a tensor must be one of {', '.join(sorted(_DTYPES))}. Got {str(dtype)[:50]!r}."
            )
    elif name not in ("__bytes__", "__ellipsis__", "__slice__"):
        found = class_of(config)
        if found is keras.layers.MelSpectrogram and isinstance(inner, Mapping):
            _check_filters(inner)


def _check_function(config: Mapping[str, object]) -> None:
    name, module = config.get("config"), config.get("module")
    if isinstance(name, str):
        if keras.saving.get_registered_object(name) is not None:
            return
        modules = _FUNCTIONS if module in (None, "builtins") else (module,) if module in _FUNCTIONS else ()
        if callable(_public(name, modules)):
            return
    raise ValueError(
        f"The file names the function {str(module)[:100]}.{str(name)[:100]}, which is not one of Keras's activations, "
        "initializers, losses, metrics or operations, and not registered in this process."
    )


def _check_fields(config: Mapping[str, object]) -> None:
    if config.get("safe_mode", True) is not True:
        raise ValueError("The file turns Keras's safe mode off. kzoo does not open it.")
    for field in _FILE_FIELDS & set(config):
        if isinstance(path := config[field], str):
            raise ValueError(f"The file has a layer that reads {field}={path[:100]!r} from a path: refused.")


def _check_filters(config: Mapping[str, object]) -> None:
    sizes = [config.get("fft_length", 2048), config.get("num_mel_bins", 128)]
    whole = [size for size in sizes if isinstance(size, int)]
    if whole != sizes or math.prod(whole) > LARGEST_FILTERS:
        raise ValueError(f"fft_length x num_mel_bins must be at most {LARGEST_FILTERS:,}. Got {sizes}.")


def _public(name: str, modules: tuple[str, ...]) -> object:
    """The object that one of some modules of Keras has under a public name, or None."""
    if name.startswith("_") or not name.isidentifier():
        return None
    for module in modules:
        place: object = keras
        for part in module.split(".")[1:]:
            place = getattr(place, part)
        if hasattr(place, name):
            return getattr(place, name)
    return None


def _import_package(module: object, registered: object) -> None:
    for package in _PACKAGES:
        if str(module).split(".")[0] == package or str(registered).startswith(f"{package}>"):
            try:
                importlib.import_module(package)
            except ImportError as error:
                raise ImportError(
                    f"The file has layers of {package}: pip install {package.replace('_', '-')}"
                ) from error


def _kinds() -> tuple[type, ...]:
    """The classes that a configuration may name."""
    return (
        *(keras.Layer, keras.Operation, keras.Initializer, keras.Regularizer, keras.constraints.Constraint),
        *(keras.DTypePolicy, keras.dtype_policies.DTypePolicyMap, keras.random.SeedGenerator, keras.Loss, keras.Metric),
        *(keras.Optimizer, keras.optimizers.schedules.LearningRateSchedule, keras.Quantizer),
        keras.quantizers.QuantizationConfig,
    )
