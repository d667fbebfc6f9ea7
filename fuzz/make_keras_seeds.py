#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
"""Makes the seeds in fuzz/corpus/hdf5 and fuzz/corpus/keras. Needs h5py; run in fuzz/."""
import io
import json
import pathlib
import zipfile

import h5py
import numpy as np

HDF5 = pathlib.Path("corpus/hdf5")
KERAS = pathlib.Path("corpus/keras")
F32 = np.arange(6, dtype="<f4").reshape(2, 3)


def layer(class_name, name, inbound=None, **config):
    made = {"class_name": class_name, "config": {"name": name, "dtype": "float32", **config}}
    if inbound is not None:
        made |= {"name": name, "inbound_nodes": inbound}
    return made


SEQUENTIAL = {
    "class_name": "Sequential",
    "config": {
        "name": "s",
        "layers": [
            layer("Dense", "d", units=3, batch_input_shape=[None, 2]),
            layer("Activation", "a", activation="relu"),
        ],
    },
}


def history(name, node=0):
    return {"class_name": "__keras_tensor__", "config": {"keras_history": [name, node, 0]}}


INNER = {
    "class_name": "Functional",
    "config": {
        "name": "inner",
        "layers": [
            layer("InputLayer", "i", [], batch_shape=[None, 2]),
            layer("Dense", "d", [{"args": [history("i")], "kwargs": {"training": None}}], units=2),
        ],
        "input_layers": [["i", 0, 0]],
        "output_layers": [["d", 0, 0]],
    },
    "name": "inner",
    "inbound_nodes": [{"args": [history("x")], "kwargs": {}}],
}
FUNCTIONAL = {
    "class_name": "Functional",
    "config": {
        "name": "f",
        "layers": [
            layer("InputLayer", "x", [], batch_shape=[None, 2]),
            INNER,
            layer(
                "TimeDistributed",
                "t",
                [{"args": [history("inner", 1)], "kwargs": {"mask": 1}}],
                layer=layer("Dense", "w", units=2),
            ),
            layer("Add", "+", [{"args": [[history("t"), history("x")], 2.0], "kwargs": {}}]),
        ],
        "input_layers": ["x", 0, 0],
        "output_layers": {"y": ["+", 0, 0]},
    },
}
KERAS2 = {
    "class_name": "Model",
    "keras_version": "2.4.0",
    "config": {
        "name": "m",
        "layers": [
            layer("InputLayer", "x", [], batch_input_shape=[None, 2]),
            layer("Custom>QDense", "q", [[["x", 0, 0, {}]], [["q", 0, 0, {}]]], units=2),
            layer("TFOpLambda", "op", [["q", 1, 0, {"y": ["x", 0, 0], "z": 2.0}]]),
            layer("Dot", "dot", [[["op", 0, 0, {}], ["_CONSTANT_VALUE", -1, 3, {}]]]),
        ],
        "input_layers": [["x", 0, 0]],
        "output_layers": [["dot", 0, 0]],
    },
}


NUMBERS = {
    "class_name": "Functional",
    "config": {
        "name": "m",
        "layers": [
            layer("InputLayer", "x", [], batch_shape=[None, 2]),
            layer("Multiply", "two", [{"args": [1, 2], "kwargs": {}}]) | {"module": "keras.src.ops.numpy"},
            layer("Reshape", "r", [{"args": [history("two")], "kwargs": {}}], target_shape=[2]),
        ],
        "input_layers": [["x", 0, 0]],
        "output_layers": [["r", 0, 0]],
    },
}


def put_arrays(file):
    file.create_dataset("plain", data=F32)
    file.create_dataset("big", data=F32.astype(">f8"))
    file.create_dataset("half", data=F32.astype("<f2"))
    file.create_dataset("scalar", data=np.int64(7))
    file.create_dataset("chunked", data=np.arange(30, dtype="<i2").reshape(5, 6), chunks=(2, 4),
                        compression="gzip", shuffle=True, fletcher32=True)
    file.create_dataset("texts", data=["a", "b"])
    group = file.create_group("group")
    group.create_group("deeper").attrs["names"] = np.array([b"one", b"three"])
    group.attrs["texts"] = ["x", "yy"]
    file.attrs["text"] = "word"
    file.attrs["number"] = 3.5


def put_sequential(file):
    file.attrs["model_config"] = json.dumps(SEQUENTIAL)
    file.attrs["keras_version"] = "2.15.0"
    weights = file.create_group("model_weights")
    weights.attrs["layer_names"] = [b"d", b"a"]
    dense = weights.create_group("d")
    dense.attrs["weight_names"] = [b"d/kernel:0", b"d/bias:0"]
    dense["d/kernel:0"] = F32
    dense["d/bias:0"] = F32[0]
    weights.create_group("a").attrs["weight_names"] = []


def put_numbered(file):
    for path, arrays in {
        "layers/functional/layers/dense": [F32],
        "layers/time_distributed/layer": [F32, F32[0]],
        "layers/add": [],
    }.items():
        group = file.create_group(f"{path}/vars")
        for i, array in enumerate(arrays):
            group[str(i)] = array


def file_of(put, **options):
    memory = io.BytesIO()
    with h5py.File(memory, "w", **options) as file:
        put(file)
    return memory.getvalue()


def archive_of(method):
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", method) as archive:
        for name, content in {
            "metadata.json": json.dumps({"keras_version": "3.0.0"}),
            "config.json": json.dumps(FUNCTIONAL),
            "model.weights.h5": file_of(put_numbered),
        }.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return memory.getvalue()


def main():
    HDF5.mkdir(parents=True, exist_ok=True)
    KERAS.mkdir(parents=True, exist_ok=True)
    (HDF5 / "arrays.h5").write_bytes(file_of(put_arrays))
    (HDF5 / "arrays_new.h5").write_bytes(file_of(put_arrays, libver="latest"))
    (HDF5 / "many.h5").write_bytes(
        file_of(lambda file: [file.create_group(f"group{i}") for i in range(10)]))
    (KERAS / "sequential.h5").write_bytes(file_of(put_sequential))
    (KERAS / "stored.keras").write_bytes(archive_of(zipfile.ZIP_STORED))
    (KERAS / "deflated.keras").write_bytes(archive_of(zipfile.ZIP_DEFLATED))
    for name, config in {"sequential": SEQUENTIAL, "functional": FUNCTIONAL,
                         "keras2": KERAS2, "numbers": NUMBERS}.items():
        (KERAS / f"{name}.json").write_text(json.dumps(config))


main()
