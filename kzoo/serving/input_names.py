"""Names of inputs in a SavedModel that TensorFlow refuses as names of tensors, such as ``sepal length (cm)``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tensorflow.core.protobuf import saved_model_pb2

FILE = "saved_model.pb"


def rename_inputs(directory: Path, names: Mapping[str, str]) -> None:
    """Renames the inputs of all signatures of a SavedModel, for TensorFlow Serving and ``tf.saved_model.load`` alike.

    A specification's name must be one of a node of a graph (TensorFlow 2.21); keys of signatures may be any text.

    Args:
        directory: of the SavedModel.
        names: new names by old ones.
    """
    path = directory / FILE
    model = saved_model_pb2.SavedModel()
    model.ParseFromString(path.read_bytes())
    for graph in model.meta_graphs:
        for signature in graph.signature_def.values():
            for old in [name for name in signature.inputs if name in names]:
                signature.inputs[names[old]].CopyFrom(signature.inputs[old])
                del signature.inputs[old]
        for node in graph.object_graph_def.nodes:
            if node.WhichOneof("kind") == "bare_concrete_function":
                words = node.bare_concrete_function.argument_keywords
                words[:] = [names.get(word, word) for word in words]
    path.write_bytes(model.SerializeToString())
