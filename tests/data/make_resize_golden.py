# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
"""Writes the golden images that tests/data compares with. Needs numpy and Pillow.

Usage: python make_resize_golden.py OUTPUT_FOLDER
"""
import math
import pathlib
import sys

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 37, 23
SIZES = [(64, 48), (16, 11), (37, 10), (5, 50), (1, 1), (36, 22), (111, 7)]  # width, height


def source():
    """Gradients, edges and noise: what resampling gets wrong shows in one of them."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    red = 255 * x / (WIDTH - 1)
    green = 255 * ((x // 4 + y // 3) % 2)
    blue = rng.integers(0, 256, (HEIGHT, WIDTH))
    return np.stack([red, green, blue], -1).astype(np.uint8)


def resize(pixels, size):
    return np.asarray(Image.fromarray(pixels).resize(size, Image.BILINEAR))


def letterbox_centre(pixels, width, height):
    """Ultralytics: size rounded to nearest, border on both sides."""
    ratio = min(width / pixels.shape[1], height / pixels.shape[0])
    new_width, new_height = round(pixels.shape[1] * ratio), round(pixels.shape[0] * ratio)
    canvas = np.full((height, width, 3), 114, np.uint8)
    top = int(round((height - new_height) / 2 - 0.1))
    left = int(round((width - new_width) / 2 - 0.1))
    canvas[top:top + new_height, left:left + new_width] = resize(pixels, (new_width, new_height))
    return canvas


def letterbox_top_left(pixels, width, height):
    """YOLOX: size rounded down, border right and below, BGR."""
    ratio = min(width / pixels.shape[1], height / pixels.shape[0])
    new_width, new_height = int(pixels.shape[1] * ratio), int(pixels.shape[0] * ratio)
    canvas = np.full((height, width, 3), 114, np.uint8)
    canvas[:new_height, :new_width] = resize(pixels, (new_width, new_height))
    return canvas[:, :, ::-1]


def centre_crop(pixels, size, fraction=0.875):
    """torchvision: Resize(shorter side), CenterCrop(size)."""
    shorter = math.floor(size / fraction)
    height, width = pixels.shape[:2]
    if width <= height:
        new = (shorter, int(shorter * height / width))
    else:
        new = (int(shorter * width / height), shorter)
    resized = resize(pixels, new)
    top = int(round((new[1] - size) / 2.0))
    left = int(round((new[0] - size) / 2.0))
    return resized[top:top + size, left:left + size]


def codec_files(folder, pixels):
    image = Image.fromarray(pixels)
    alpha = np.tile(np.linspace(0, 255, WIDTH).astype(np.uint8), (HEIGHT, 1))
    deep = pixels[:, :, 0].astype(np.uint16) * 257
    files = {
        "rgb.png": image,
        "gray.png": image.convert("L"),
        "palette.png": image.quantize(16),
        "alpha.png": Image.fromarray(np.dstack([pixels, alpha])),
        "gray16.png": Image.fromarray(deep),
    }
    for name, variant in files.items():
        variant.save(folder / name)
    image.save(folder / "rgb.jpg", quality=90, subsampling=2)
    image.save(folder / "progressive.jpg", quality=90, progressive=True)
    image.convert("L").save(folder / "gray.jpg", quality=90)
    image.convert("CMYK").save(folder / "cmyk.jpg", quality=90)
    for name in ("rgb.jpg", "progressive.jpg", "gray.jpg", "cmyk.jpg", "palette.png", "gray.png"):
        np.save(folder / (name + ".npy"), np.asarray(Image.open(folder / name).convert("RGB")))


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    pixels = source()
    np.save(folder / "source.npy", pixels)
    for width, height in SIZES:
        np.save(folder / f"resize_{width}x{height}.npy", resize(pixels, (width, height)))
    tall = np.ascontiguousarray(pixels.transpose(1, 0, 2))
    for name, image in (("wide", pixels), ("tall", tall)):
        np.save(folder / f"yolo_{name}.npy", letterbox_centre(image, 32, 40))
        np.save(folder / f"yolox_{name}.npy",
                np.ascontiguousarray(letterbox_top_left(image, 32, 40)))
        np.save(folder / f"crop_{name}.npy", centre_crop(image, 28))
    codec_files(folder, pixels)


if __name__ == "__main__":
    main()
