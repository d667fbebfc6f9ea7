# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
"""What the corpus tests read of ONNX files, and how they hand it on: tensors of `.pb` files become
arrays of an .npz archive. Nothing but the standard library; tensors stay bytes."""
import io
import struct
import zipfile

# TensorProto.DataType -> (numpy's descriptor, struct code of an element of the repeated fields)
DTYPES = {1: "<f4", 2: "|u1", 3: "|i1", 4: "<u2", 5: "<i2", 6: "<i4", 7: "<i8", 9: "|b1", 10: "<f2",
          11: "<f8", 12: "<u4", 13: "<u8"}
CODES = {"<f4": "f", "|u1": "B", "|i1": "b", "<u2": "H", "<i2": "h", "<i4": "i", "<i8": "q",
         "|b1": "B", "<f2": "H", "<f8": "d", "<u4": "I", "<u8": "Q"}
KINDS = {1: "tensor", 4: "sequence", 5: "map", 8: "sparse tensor", 9: "optional"}


class Unsupported(Exception):
    """A value that an .npz archive cannot hold."""


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def fields(data):
    """(number, value) of every field of a message: ints for varints, bytes for all others."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = varint(data, at)
        elif wire == 2:
            length, at = varint(data, at)
            value, at = data[at:at + length], at + length
        else:
            length = {1: 8, 5: 4}[wire]
            value, at = data[at:at + length], at + length
        yield number, value


def integers(value):
    if isinstance(value, int):
        return [value]
    result, at = [], 0
    while at < len(value):
        number, at = varint(value, at)
        result.append(number)
    return result


def tensor_of(data):
    """(name, descriptor, shape, bytes) of a TensorProto."""
    name, kind, shape, raw, words, blob = "", 0, [], None, [], b""
    for number, value in fields(data):
        if number == 1:
            shape += integers(value)
        elif number == 2:
            kind = value
        elif number in (5, 7, 11):
            words += integers(value)
        elif number in (4, 10):
            blob += value
        elif number == 8:
            name = value.decode()
        elif number == 9:
            raw = value
    if kind not in DTYPES:
        raise Unsupported(f"values of element type {kind}")
    dtype = DTYPES[kind]
    if raw is None:
        size = struct.calcsize(CODES[dtype])
        mask = (1 << 8 * size) - 1
        raw = blob or b"".join((word & mask).to_bytes(size, "little") for word in words)
    return name, dtype, shape, bytes(raw)


def npy(dtype, shape, raw):
    shape_text = "(" + "".join(f"{extent}," for extent in shape) + ")"
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape_text}}}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + raw


def write_npz(path, arrays):
    """`arrays`: (name, descriptor, shape, bytes)."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, dtype, shape, raw in arrays:
            archive.writestr(name + ".npy", npy(dtype, shape, raw))


class Interface:
    """Names and kinds of a model's inputs and outputs, without its weights, and its operators."""

    def __init__(self, path):
        graph = next(value for number, value in fields(path.read_bytes()) if number == 7)
        self.inputs, self.outputs, self.op_types, weights = [], [], set(), set()
        for number, value in fields(graph):
            if number == 11:
                self.inputs.append(self.value_info(value))
            elif number == 12:
                self.outputs.append(self.value_info(value))
            elif number == 5:
                weights |= {text.decode() for field, text in fields(value) if field == 8}
            elif number == 1:
                self.op_types |= {text.decode() for field, text in fields(value) if field == 4}
        self.inputs = [(name, kind) for name, kind in self.inputs if name not in weights]

    @staticmethod
    def value_info(data):
        name, kind = "", "tensor"
        for number, value in fields(data):
            if number == 1:
                name = value.decode()
            elif number == 2:
                for field, _ in fields(value):
                    kind = KINDS.get(field, kind)
        return name, kind


def read_values(folder, prefix, interface):
    """The tensors <prefix>_N.pb of a folder, under the names of `interface`."""
    arrays = []
    for index, (name, kind) in enumerate(interface):
        if kind != "tensor":
            raise Unsupported(f"a {kind}")
        path = folder / f"{prefix}_{index}.pb"
        if path.exists():
            arrays.append((name, *tensor_of(path.read_bytes())[1:]))
    return arrays
