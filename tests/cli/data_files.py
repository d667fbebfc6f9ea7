#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
"""For data.bats and data_slow.bats: models and arrays, without numpy.

data_files.py step FILE                a recurrent cell: x (?x8), h (?x8), rate (scalar int64) ->
                                       y, next
data_files.py decoder FILE             one step of a decoder: token (?x1 int64), encoded (?x?x8),
                                       past (?x?x8) -> y, present
data_files.py points FILE              two layers over any number of points: p (?x8) -> q
data_files.py npy FILE EXTENT...       float32 numbers
data_files.py npz FILE NAME:AxBxC...   the same, compressed
data_files.py zeros FILE ROWS WIDTH    an archive of one array `p` of zeros, written piece by piece
"""

import array
import math
import pathlib
import random
import sys
import zipfile

FLOAT, INT64 = 1, 7


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out) + bytes([number])


def field(number, value):
    """One field of a protobuf message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def numbers(count, seed):
    draw = random.Random(seed)
    return array.array("f", (draw.gauss(0, 1) for _ in range(count)))


def weights(name, rows, columns, seed):
    values = array.array("f", (v / math.sqrt(rows) for v in numbers(rows * columns, seed)))
    return (
        field(1, rows) + field(1, columns) + field(2, FLOAT) + field(8, name)
        + field(9, values.tobytes())
    )  # fmt: skip


def value(name, dtype, extents):
    dims = b"".join(
        field(1, field(2, e) if isinstance(e, str) else field(1, e)) for e in extents
    )
    return field(1, name) + field(2, field(1, field(1, dtype) + field(2, dims)))


def node(op, inputs, output, attributes=b""):
    names = b"".join(field(1, name) for name in inputs)
    return names + field(2, output) + field(3, output + "_node") + field(4, op) + attributes


def model(nodes, tensors, inputs, outputs):
    graph = b"".join(field(1, n) for n in nodes) + field(2, "g")
    graph += b"".join(field(5, t) for t in tensors)
    graph += b"".join(field(11, i) for i in inputs) + b"".join(field(12, o) for o in outputs)
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 17))


def step_model():
    to_float = field(5, field(1, "to") + field(3, FLOAT) + field(20, 2))
    return model(
        [
            node("MatMul", ["x", "w"], "m"),
            node("Add", ["m", "h"], "a"),
            node("Tanh", ["a"], "next"),
            node("MatMul", ["next", "v"], "o"),
            node("Cast", ["rate"], "r", to_float),
            node("Mul", ["o", "r"], "y"),
        ],
        [weights("w", 8, 8, 1), weights("v", 8, 8, 2)],
        [value("x", FLOAT, ["N", 8]), value("h", FLOAT, ["N", 8]), value("rate", INT64, [])],
        [value("y", FLOAT, ["N", 8]), value("next", FLOAT, ["N", 8])],
    )


def decoder_model():
    joined = field(5, field(1, "axis") + field(3, 1) + field(20, 2))
    turned = field(5, field(1, "perm") + b"".join(field(8, a) for a in (0, 2, 1)) + field(20, 7))
    return model(
        [
            node("Gather", ["table", "token"], "e"),
            node("Concat", ["past", "e"], "present", joined),
            node("Transpose", ["present"], "kt", turned),
            node("MatMul", ["e", "kt"], "s"),
            node("Softmax", ["s"], "a"),
            node("MatMul", ["a", "present"], "c"),
            node("MatMul", ["c", "wq"], "q"),
            node("Transpose", ["encoded"], "et", turned),
            node("MatMul", ["q", "et"], "s2"),
            node("Softmax", ["s2"], "a2"),
            node("MatMul", ["a2", "encoded"], "d"),
            node("MatMul", ["d", "wo"], "y"),
        ],
        [weights("table", 30, 8, 1), weights("wq", 8, 8, 2), weights("wo", 8, 8, 3)],
        [
            value("token", INT64, ["N", 1]),
            value("encoded", FLOAT, ["N", "F", 8]),
            value("past", FLOAT, ["N", "P", 8]),
        ],
        [value("y", FLOAT, ["N", 1, 8]), value("present", FLOAT, ["N", "P1", 8])],
    )


def points_model():
    return model(
        [
            node("MatMul", ["p", "w"], "m"),
            node("Relu", ["m"], "r"),
            node("MatMul", ["r", "v"], "q"),
        ],
        [weights("w", 8, 16, 1), weights("v", 16, 4, 2)],
        [value("p", FLOAT, ["N", 8])],
        [value("q", FLOAT, ["N", 4])],
    )


def npy_header(extents):
    shape = "".join(f"{extent}, " for extent in extents)
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({shape}), }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()


def npy(extents, seed):
    return npy_header(extents) + numbers(math.prod(extents), seed).tobytes()


def write_npz(path, arrays):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for index, text in enumerate(arrays):
            name, _, extents = text.partition(":")
            extents = [int(extent) for extent in extents.split("x")]
            archive.writestr(name + ".npy", npy(extents, f"{path} {index}"))


def write_zeros(path, rows, width):
    block = 4096
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("p.npy", "w", force_zip64=True) as entry:
            entry.write(npy_header([rows, width]))
            for begin in range(0, rows, block):
                entry.write(bytes(4 * width * min(block, rows - begin)))


def main(command, path, *rest):
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    if command == "step":
        pathlib.Path(path).write_bytes(step_model())
    elif command == "decoder":
        pathlib.Path(path).write_bytes(decoder_model())
    elif command == "points":
        pathlib.Path(path).write_bytes(points_model())
    elif command == "npy":
        pathlib.Path(path).write_bytes(npy([int(extent) for extent in rest], path))
    elif command == "npz":
        write_npz(path, rest)
    elif command == "zeros":
        write_zeros(path, *map(int, rest))
    else:
        sys.exit(__doc__)


main(*sys.argv[1:])
