"""Files of arrays: hostile weight files are refused before an array is read."""

import io
import json
import struct
import zipfile

import h5py
import keras
import numpy as np
import pytest

from kzoo.models.files.arrays import check_h5, check_npz, check_safetensors
from kzoo.models.user_models import card_of_weights
from kzoo.models.weights import WeightsError, load_weights, save_arrays
from kzoo.specs.catalog.keras_applications import CATALOG

NAME = "layers/dense/vars/0"


class Evil:
    def __reduce__(self):
        return (open, ("marker", "w"))


def external_storage(file):
    file.create_dataset(NAME, (4, 2), "f4", external=[("/etc/passwd", 0, 32)])


def virtual(file):
    layout = h5py.VirtualLayout((4, 2), "f4")
    layout[:] = h5py.VirtualSource("secret.h5", "x", (4, 2))
    file.create_virtual_dataset(NAME, layout)


def never_written(file):
    file.create_dataset(NAME, (1 << 16, 1 << 16), "f4")


def chunked_bomb(file):
    file.create_dataset(NAME, (1 << 15, 1 << 15), "f4", chunks=(1024, 1024), compression="gzip")


def wide_chunk(file):
    file.create_dataset(NAME, (4, 2), "f4", chunks=(1 << 14, 1 << 14), maxshape=(None, None), compression="gzip")


def loop(file):
    file["layers/a"] = h5py.SoftLink("/layers")


H5 = {
    "external link": (lambda file: file.__setitem__(NAME, h5py.ExternalLink("secret.h5", "/x")), "a link to another"),
    "soft link in a circle": (loop, "a link to another"),
    "external storage": (external_storage, "in another file"),
    "virtual": (virtual, "in another file"),
    "never written": (never_written, "declares 17,179,869,184"),
    "compressed bomb": (chunked_bomb, "declares 4,294,967,296"),
    "wide chunk": (wide_chunk, "chunks"),
    "strings": (lambda file: file.create_dataset(NAME, data=["a", "b"]), "must have numbers"),
    "named type": (lambda file: file.__setitem__("t", np.dtype("f4")), "neither a group nor an array"),
    "references": (lambda file: file.create_dataset(NAME, (2,), h5py.ref_dtype), "must have numbers"),
    "complex": (lambda file: file.create_dataset(NAME, (2,), "c16"), "must have numbers"),
}


@pytest.fixture
def dense():
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, use_bias=False, name="dense")])


@pytest.mark.parametrize("kind", H5)
def test_a_hostile_h5_file_is_refused(planted, refused, dense, kind):
    write, match = H5[kind]
    with h5py.File(planted / "w.weights.h5", "w") as file:
        write(file)
    with refused(WeightsError, match):
        load_weights(dense, planted / "w.weights.h5")
    with refused(WeightsError, match):
        card_of_weights(planted / "w.weights.h5", CATALOG.values())


def test_groups_in_a_circle_end(tmp_path):
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file["a/b/numbers"] = np.zeros(3)
        file["a/b/a"] = file["a"]
    assert check_h5(tmp_path / "w.h5", stored=(tmp_path / "w.h5").stat().st_size, name="w") == 3


@pytest.mark.parametrize("cut", [0, 100, 1000])
def test_a_cut_h5_file_is_refused(planted, refused, dense, cut):
    dense.save_weights(planted / "w.weights.h5")
    (planted / "w.weights.h5").write_bytes((planted / "w.weights.h5").read_bytes()[:cut])
    with refused(WeightsError, r"w\.weights\.h5 could not be read as HDF5"):
        load_weights(dense, planted / "w.weights.h5")


def npy(shape, content=b"", kind="<f4"):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": kind, "fortran_order": False, "shape": shape})
    return stream.getvalue() + content


def pickled():
    stream = io.BytesIO()
    np.save(stream, np.array([Evil()] * 8, object).reshape(4, 2), allow_pickle=True)
    return stream.getvalue()


NPZ = {
    "pickle": ({"arr_0.npy": pickled()}, "must have numbers"),
    "another shape": ({"arr_0.npy": npy((1 << 20, 1 << 20))}, r"must have the shape \(4, 2\)"),
    "another type": ({"arr_0.npy": npy((4, 2), bytes(32), "<U1")}, "must have numbers"),
    "too many": ({"arr_0.npy": npy((4, 2), bytes(32)), "arr_1.npy": b""}, "must have 1 arrays"),
    "another name": ({"../marker": npy((4, 2), bytes(32))}, "must have 1 arrays|arr_0"),
    "not NumPy's": ({"arr_0.npy": b"x" * 1000}, "magic"),
    "cut": ({"arr_0.npy": npy((4, 2), bytes(3))}, "w.npz"),
}


@pytest.mark.parametrize("kind", NPZ)
def test_a_hostile_npz_file_is_refused(planted, refused, dense, kind):
    members, match = NPZ[kind]
    with zipfile.ZipFile(planted / "w.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with refused(WeightsError, match):
        load_weights(dense, planted / "w.npz")


def test_an_npz_file_that_is_no_archive_is_refused(planted, refused, dense):
    (planted / "w.npz").write_bytes(b"PK\x03\x04 cut")
    with refused(WeightsError, "could not be read as an .npz file"):
        load_weights(dense, planted / "w.npz")


@pytest.mark.parametrize("name", ["w.bin", "w.weights.json", "w.ckpt"])
def test_another_kind_of_file_is_refused(planted, refused, dense, name):
    (planted / name).write_bytes(b"x")
    with refused(WeightsError, r"must end in \.h5"):
        load_weights(dense, planted / name)


def test_honest_files_are_loaded(tmp_path, dense):
    wanted = np.arange(8, dtype=np.float32).reshape(4, 2)
    for name in ("w.weights.h5", "w.npz", "w.keras"):
        dense.set_weights([wanted])
        if name == "w.npz":
            save_arrays(dense, tmp_path / name)
        else:
            (dense.save if name == "w.keras" else dense.save_weights)(tmp_path / name)
        dense.set_weights([np.zeros((4, 2))])
        load_weights(dense, tmp_path / name)
        np.testing.assert_array_equal(dense.get_weights()[0], wanted)
    check_npz(tmp_path / "w.npz", [(4, 2)])


def tensors(path, header, content, length=None):
    encoded = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(encoded) if length is None else length) + encoded + content)
    return path


def entry(shape=(2, 2), dtype="F32", at=(0, 16)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(at)}


TENSORS = {
    "long header": ({}, b"", 1 << 60, "declares a header"),
    "huge shape": ({"a": entry((1 << 40,))}, bytes(16), None, "as many bytes as its shape"),
    "beyond the end": ({"a": entry((1 << 20,), at=(0, 4 << 20))}, bytes(16), None, "one after the other"),
    "overlapping": ({"a": entry(), "b": entry()}, bytes(16), None, "one after the other"),
    "hole": ({"a": entry(at=(16, 32))}, bytes(32), None, "one after the other"),
    "negative": ({"a": entry((-2, -2))}, bytes(16), None, "as many bytes"),
    "unknown type": ({"a": entry(dtype="PICKLE")}, bytes(16), None, "no dtype"),
    "not valid JSON": (b"{" * 100, b"", None, "not valid JSON"),
    "deep": (b"[" * 1_000_000, b"", None, "nested"),
    "a list": ([1], b"", None, "must be a dict"),
}


@pytest.mark.parametrize("kind", TENSORS)
def test_a_hostile_safetensors_file_is_refused(planted, refused, kind):
    header, content, length, match = TENSORS[kind]
    path = tensors(planted / "model.safetensors", header, content, length)
    with refused(ValueError, match):
        check_safetensors(path)


def test_weights_of_safetensors_are_counted(tmp_path):
    header = {"__metadata__": {"format": "pt"}, "b": entry((2,), "F16", (16, 20)), "a": entry()}
    assert check_safetensors(tensors(tmp_path / "m.safetensors", header, bytes(20))) == 4 + 2
