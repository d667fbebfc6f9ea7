#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
"""For large_slow.bats.

large_model.py write FOLDER          FOLDER/large.onnx, a chain of matrix products with 2.02 GiB of
                                     weights in large.onnx.data, which takes 140 MB of disk
large_model.py peak COMMAND...       runs a command; prints its peak resident set in MiB on stdout
"""

import array
import pathlib
import random
import resource
import subprocess
import sys

NARROW, WIDE, LAST = 4096, 32768, 1024
SHAPES = [(NARROW, WIDE), (WIDE, NARROW), (NARROW, WIDE), (WIDE, NARROW), (NARROW, LAST)]
FILLED_EVERY = 16 << 20  # the rest of the file is a hole: zeros that take no disk


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


def tensor(name, shape, offset):
    """A float32 TensorProto whose data lie in the file of weights."""
    place = {"location": "large.onnx.data", "offset": offset, "length": 4 * shape[0] * shape[1]}
    entries = b"".join(
        field(13, field(1, key) + field(2, str(value))) for key, value in place.items()
    )
    dims = field(1, shape[0]) + field(1, shape[1])
    return dims + field(2, 1) + field(8, name) + entries + field(14, 1)


def value_info(name, width):
    shape = field(1, field(1, 1)) + field(1, field(1, width))
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, shape)))


def write(folder):
    nodes = tensors = b""
    offset = 0
    for i, shape in enumerate(SHAPES):
        inputs = field(1, f"h{i}" if i else "x") + field(1, f"w{i}")
        output = field(2, f"h{i + 1}" if i + 1 < len(SHAPES) else "y")
        nodes += field(1, inputs + output + field(3, f"matmul{i}") + field(4, "MatMul"))
        tensors += field(5, tensor(f"w{i}", shape, offset))
        offset += 4 * shape[0] * shape[1]
    ends = field(11, value_info("x", NARROW)) + field(12, value_info("y", LAST))
    graph = nodes + field(2, "large") + tensors + ends
    model = field(1, 8) + field(8, field(1, "") + field(2, 21)) + field(7, graph)
    folder = pathlib.Path(folder)
    (folder / "large.onnx").write_bytes(model)
    rng = random.Random(1)
    some = array.array("f", [rng.gauss(0, 0.02) for _ in range(1 << 18)]).tobytes()
    with open(folder / "large.onnx.data", "wb") as file:
        file.truncate(offset)
        for at in range(0, offset - len(some), FILLED_EVERY):
            file.seek(at)
            file.write(some)


def peak(command):
    code = subprocess.run(command, stdout=sys.stderr, check=False).returncode
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10)
    return code


if __name__ == "__main__":
    sys.exit(write(sys.argv[2]) if sys.argv[1] == "write" else peak(sys.argv[2:]))
