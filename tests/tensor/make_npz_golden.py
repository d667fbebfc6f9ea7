# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
"""Writes the archives that tests/tensor/npy_test.cc reads. Needs numpy.

Usage: python make_npz_golden.py OUTPUT_FOLDER
"""
import io
import pathlib
import sys
import zipfile

import numpy as np

ARRAYS = {
    "x": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "y": np.array([1, 2, 3], dtype=np.int64),
}


def archive(compression, force_zip64=False):
    """numpy.savez without the clock: the same bytes on every run."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        for name, array in ARRAYS.items():
            content = io.BytesIO()
            np.save(content, array)
            info = zipfile.ZipInfo(name + ".npy")
            info.compress_type = compression
            with file.open(info, "w", force_zip64=force_zip64) as member:
                member.write(content.getvalue())
    return buffer.getvalue()


def with_zip64_fields(data):
    """Moves the sizes and the offset of every directory entry into a zip64 extra field."""
    end = data.rindex(b"PK\x05\x06")
    start = int.from_bytes(data[end + 16:end + 20], "little")
    body, directory, cursor, count = data[:start], b"", start, 0
    while cursor < end:
        entry = bytearray(data[cursor:cursor + 46])
        name_bytes, extra_bytes, comment_bytes = (
            int.from_bytes(entry[at:at + 2], "little") for at in (28, 30, 32))
        fields = b"".join(bytes(entry[at:at + 4]) + b"\0" * 4 for at in (24, 20, 42))
        for at in (20, 24, 42):
            entry[at:at + 4] = b"\xff" * 4
        extra = b"\x01\x00" + len(fields).to_bytes(2, "little") + fields
        entry[30:32] = len(extra).to_bytes(2, "little")
        name = data[cursor + 46:cursor + 46 + name_bytes]
        directory += bytes(entry) + name + extra
        cursor += 46 + name_bytes + extra_bytes + comment_bytes
        count += 1
    record = (b"PK\x06\x06" + (44).to_bytes(8, "little") + b"\x2d\0\x2d\0" + b"\0" * 8 +
              count.to_bytes(8, "little") * 2 + len(directory).to_bytes(8, "little") +
              start.to_bytes(8, "little"))
    locator = (b"PK\x06\x07" + b"\0" * 4 + (start + len(directory)).to_bytes(8, "little") +
               (1).to_bytes(4, "little"))
    last = b"PK\x05\x06" + b"\0" * 4 + b"\xff" * 12 + b"\0\0"
    return body + directory + record + locator + last


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        "stored.npz": archive(zipfile.ZIP_STORED),
        "deflated.npz": archive(zipfile.ZIP_DEFLATED),
        "zip64.npz": with_zip64_fields(archive(zipfile.ZIP_STORED, force_zip64=True)),
    }
    for name, data in files.items():
        loaded = np.load(io.BytesIO(data))
        assert all(np.array_equal(loaded[key], ARRAYS[key]) for key in ARRAYS), name
        (folder / name).write_bytes(data)


if __name__ == "__main__":
    main()
