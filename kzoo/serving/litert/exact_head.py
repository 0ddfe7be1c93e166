"""The head of a LiteRT file of 8 bits: weights of 16 bits, exact features, and logits that are right on average."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from tensorflow.lite.python import schema_py_generated as schema

from kzoo.serving.litert.compact import packed, unpacked
from kzoo.serving.litert.interpreter import interpreter_of

DENSE = "FULLY_CONNECTED"

BEFORE = ("SUB", "CONCATENATION", "RESHAPE", "MEAN", "AVERAGE_POOL_2D")
"""Operations without weights that bring the trunk's features to the last dense layer."""


@dataclass(frozen=True)
class Head:
    """The last dense layer of a file, by the names of tensors.

    Args:
        logits: what the layer gives.
        outputs: this, all that is computed from it, and what brings it features.
    """

    logits: str
    outputs: tuple[str, ...]


def find_head(content: bytes) -> Head | None:
    """The last dense layer; None where no operation after it would be left, or there is none."""
    interpreter = interpreter_of(content, all_tensors=True)
    names = {each["index"]: each["name"] for each in interpreter.get_tensor_details()}
    operations = interpreter._get_ops_details()
    dense = [number for number, each in enumerate(operations) if each["op_name"] == DENSE]
    if not dense:
        return None
    reached, needed = set(operations[dense[-1]]["outputs"]), {int(operations[dense[-1]]["inputs"][0])}
    for operation in operations[dense[-1] + 1 :]:
        if reached & set(operation["inputs"]):
            reached |= set(operation["outputs"])
    for operation in reversed(operations[: dense[-1]]):
        if operation["op_name"] in BEFORE and needed & set(operation["outputs"]):
            reached |= set(operation["outputs"])
            needed |= set(operation["inputs"])
    logits = operations[dense[-1]]["outputs"][0]
    return Head(names[logits], tuple(names[index] for index in sorted(reached)))


def logits_of(content: bytes, head: Head, examples: np.ndarray) -> np.ndarray:
    """What the head gives for examples, (N, K)."""
    interpreter = interpreter_of(content, all_tensors=True)
    interpreter.allocate_tensors()
    (into,) = interpreter.get_input_details()
    place = next(each["index"] for each in interpreter.get_tensor_details() if each["name"] == head.logits)
    found = []
    for example in examples:
        interpreter.set_tensor(into["index"], example[None])
        interpreter.invoke()
        found.append(interpreter.get_tensor(place)[0])
    return np.stack(found)


def with_exact_head(content: bytes, head: Head) -> bytes:
    """The content with weights of the head in float16, of float32 before, and means of float32 below it."""
    model = unpacked(content)
    (graph,) = model.subgraphs
    dense = _dense(model, head)
    source, weights, bias = (*dense.inputs, -1)[:3]
    kernel = _values(model, graph.tensors[weights])
    values = np.zeros(graph.tensors[weights].shape[0], np.float32)
    if bias >= 0:
        values = values + _values(model, graph.tensors[bias])
        _forget(model, bias)
    before = next((each for each in graph.operators if source in each.outputs), None)
    if before is not None and _is_shift(model, before):
        # (x - m) W = x W - m W: without an operation, and without one number for each feature.
        values = values - kernel.reshape(len(values), -1) @ _values(model, graph.tensors[before.inputs[1]])
        source = before.inputs[0]
        graph.operators.remove(before)
        _forget(model, before.inputs[1])
    _pool_exactly(model)
    half = _add_constant(model, kernel.astype(np.float16), graph.tensors[weights].shape, schema.TensorType.FLOAT16)
    changed = _add_constant(model, values, np.array(values.shape, np.int32), schema.TensorType.FLOAT32)
    _forget(model, weights)
    dense.inputs = np.array([source, weights, changed], np.int32)
    graph.operators.insert(graph.operators.index(dense), _dequantize(model, half, weights))
    return packed(model, names=True)


def with_shift(content: bytes, head: Head, shift: np.ndarray) -> bytes:
    """The content in which the head's bias has gained (K,); it has one."""
    model = unpacked(content)
    bias = model.subgraphs[0].tensors[_dense(model, head).inputs[2]]
    model.buffers[bias.buffer].data = (_values(model, bias) + shift).astype(np.float32).view(np.uint8)
    return packed(model)


def _dense(model: Any, head: Head) -> Any:
    (graph,) = model.subgraphs
    return next(each for each in graph.operators if graph.tensors[each.outputs[0]].name == head.logits.encode())


def _add_constant(model: Any, values: np.ndarray, shape: np.ndarray, kind: int) -> int:
    """The index of a new tensor."""
    buffer, tensor = schema.BufferT(), schema.TensorT()
    buffer.data = values.view(np.uint8)
    tensor.buffer, tensor.shape, tensor.type = len(model.buffers), shape, kind
    model.buffers.append(buffer)
    model.subgraphs[0].tensors.append(tensor)
    return len(model.subgraphs[0].tensors) - 1


def _forget(model: Any, index: int) -> None:
    """Takes the values of a tensor away, unless others have them too."""
    (graph,) = model.subgraphs
    place = graph.tensors[index].buffer
    # The first buffer is empty: that of all that is computed.
    graph.tensors[index].buffer = 0
    if all(each.buffer != place for each in graph.tensors):
        model.buffers[place].data = None


def _pool_exactly(model: Any) -> None:
    """Takes means of float32 where they are needed so: as integers they have the steps of their map, which are wide."""
    (graph,) = model.subgraphs
    for pool in [each for each in graph.operators if _is(model, each, schema.BuiltinOperator.AVERAGE_POOL_2D)]:
        users = [each for each in graph.operators if pool.outputs[0] in each.inputs]
        if len(users) == 1 and _is(model, users[0], schema.BuiltinOperator.DEQUANTIZE):
            exact, between = graph.tensors[pool.outputs[0]], pool.outputs
            exact.shape, exact.type = graph.tensors[pool.inputs[0]].shape, schema.TensorType.FLOAT32
            exact.quantization = exact.shapeSignature = None
            users[0].inputs, pool.inputs = pool.inputs, between
            users[0].outputs, pool.outputs = between, users[0].outputs
            graph.operators.remove(users[0])
            graph.operators.insert(graph.operators.index(pool), users[0])


def _is_shift(model: Any, operation: Any) -> bool:
    """Whether it subtracts a constant."""
    (graph,) = model.subgraphs
    constant = model.buffers[graph.tensors[operation.inputs[-1]].buffer].data
    return _is(model, operation, schema.BuiltinOperator.SUB) and constant is not None


def _is(model: Any, operation: Any, code: int) -> bool:
    return model.operatorCodes[operation.opcodeIndex].builtinCode == code


def _values(model: Any, tensor: Any) -> np.ndarray:
    """The float32 values of a constant tensor."""
    return np.frombuffer(model.buffers[tensor.buffer].data.tobytes(), np.float32)


def _dequantize(model: Any, source: int, target: int) -> Any:
    """An operation that makes float32 of a tensor."""
    code = schema.BuiltinOperator.DEQUANTIZE
    known = [each.builtinCode for each in model.operatorCodes]
    if code not in known:
        made = schema.OperatorCodeT()
        # Files of before 2020 had one byte for it; readers take the greater of both.
        made.builtinCode, made.deprecatedBuiltinCode, made.version = code, code, 3
        model.operatorCodes.append(made)
    operation = schema.OperatorT()
    operation.opcodeIndex = [each.builtinCode for each in model.operatorCodes].index(code)
    operation.inputs, operation.outputs = np.array([source], np.int32), np.array([target], np.int32)
    return operation
