# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
"""Counts what tessera makes the same as the TensorFlow converter did, given its activation scales.

Run by bench/litert_official.
"""

import json
import os
import subprocess
import sys
import tempfile

import numpy as np
from ai_edge_litert import schema_py_generated as schema

NUMBERS = {schema.TensorType.INT8: np.int8, schema.TensorType.INT32: np.int32}


def load(path):
    with open(path, "rb") as file:
        return schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(file.read(), 0))


def range_of(tensor):
    scale = float(np.float32(tensor.quantization.scale[0]))
    zero_point = int(tensor.quantization.zeroPoint[0])
    return {"minmax": {"min": (-128 - zero_point) * scale, "max": (127 - zero_point) * scale}}


def ranges(floats, integers):
    """Of inputs and results, by the names that the float model has for them."""
    pairs = list(zip(floats.inputs, integers.inputs))
    for ours, theirs in zip(floats.operators, integers.operators):
        pairs += zip(ours.outputs, theirs.outputs)
    return {
        floats.tensors[ours].name.decode(): range_of(integers.tensors[theirs])
        for ours, theirs in pairs
    }


def values(model, tensor):
    data = model.buffers[tensor.buffer].data
    empty = data is None or len(data) == 0
    return None if empty else np.frombuffer(bytes(data), NUMBERS[tensor.type])


def count(theirs, ours):
    equal = {"weights": 0, "biases": 0, "scales": 0, "activations": 0}
    of = dict(equal)
    a, b = theirs.subgraphs[0], ours.subgraphs[0]
    for x, y in zip(a.operators, b.operators, strict=True):
        places = zip([*x.inputs, *x.outputs], [*y.inputs, *y.outputs], strict=True)
        for left, right in places:
            want, got = a.tensors[left], b.tensors[right]
            if want.quantization is None or want.quantization.scale is None:
                continue
            numbers = values(theirs, want)
            scales = np.array_equal(want.quantization.scale, got.quantization.scale)
            if numbers is None:
                of["activations"] += 1
                zero_points = want.quantization.zeroPoint, got.quantization.zeroPoint
                equal["activations"] += int(scales and np.array_equal(*zero_points))
                continue
            of["scales"] += len(want.quantization.scale)
            equal["scales"] += int(
                np.sum(np.equal(want.quantization.scale, got.quantization.scale)))
            kind = "weights" if want.type == schema.TensorType.INT8 else "biases"
            of[kind] += len(numbers)
            equal[kind] += int(np.sum(numbers == values(ours, got)))
    return {kind: {"equal": equal[kind], "of": of[kind]} for kind in of}


def main():
    tessera, float_path, integer_path = sys.argv[1:]
    floats, integers = load(float_path), load(integer_path)
    if len(floats.subgraphs[0].operators) != len(integers.subgraphs[0].operators):
        sys.exit("error: the files have different operators")
    with tempfile.TemporaryDirectory() as folder:
        ranges_path = os.path.join(folder, "ranges.json")
        written = os.path.join(folder, "ours.tflite")
        with open(ranges_path, "w", encoding="utf-8") as file:
            json.dump({"tensors": ranges(floats.subgraphs[0], integers.subgraphs[0])}, file)
        subprocess.run(
            [tessera, "quantize", float_path, "-o", written, "--ranges", ranges_path, "--method",
             "minmax", "--everywhere", "--io", "int8", "-q"], check=True, stdout=subprocess.DEVNULL)
        print(json.dumps(count(integers, load(written)), indent=2))


main()
