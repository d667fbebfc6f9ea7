#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
"""Renders the images of the example: ten classes of textured shapes, 96x96, colour, JPEG.

Every class is one shape with one texture. Each of the five shapes occurs with two textures and
each of the five textures on two shapes, so neither the outline nor the surface alone tells the
class. Everything else is nuisance, drawn per image: background, clutter, colours, place, size,
rotation, shear, occlusion, light, blur, noise and JPEG quality.

An image is a pure function of (seed, split, index): splits draw from disjoint random streams, and
rendering more images of one split never changes those already rendered. Needs numpy and Pillow
only.

  make_images.py --out .                          writes calibration/ and test/ as shipped
  make_images.py --out DIR --split train --n 50   looks at fifty training images
"""

import argparse
import csv
import io
import os

import numpy as np
from PIL import Image, ImageFilter

SIZE = 96  # pixels of a finished image
OVERSAMPLING = 2  # shapes are drawn at twice the size, then averaged: smooth outlines
CLASSES = (  # (shape, texture, name)
    ("disc", "stripes", "striped disc"),
    ("disc", "checker", "checked disc"),
    ("square", "checker", "checked square"),
    ("square", "dots", "dotted square"),
    ("triangle", "dots", "dotted triangle"),
    ("triangle", "rings", "ringed triangle"),
    ("star", "rings", "ringed star"),
    ("star", "speckle", "speckled star"),
    ("cross", "speckle", "speckled cross"),
    ("cross", "stripes", "striped cross"),
)
TEXTURES = ("stripes", "checker", "dots", "rings", "speckle")
SPLITS = {"train": 0, "validation": 1, "calibration": 2, "test": 3, "extra_test": 4}
SHIPPED = {"calibration": 100, "test": 300}


def rotate(x, y, angle):
    c, s = np.cos(angle), np.sin(angle)
    return c * x + s * y, c * y - s * x


def polygon_distance(x, y, corners):
    """Signed distance to a closed polygon, negative inside (exact, any simple polygon)."""
    best = np.full(x.shape, np.inf, x.dtype)  # squared
    inside = np.zeros(x.shape, bool)
    for (ax, ay), (bx, by) in zip(corners.tolist(), np.roll(corners, -1, axis=0).tolist()):
        ex, ey = bx - ax, by - ay
        t = np.clip(((x - ax) * ex + (y - ay) * ey) / (ex * ex + ey * ey), 0, 1)
        best = np.minimum(best, (x - ax - t * ex) ** 2 + (y - ay - t * ey) ** 2)
        if ay != by:
            inside ^= ((ay > y) != (by > y)) & (x < ex * (y - ay) / ey + ax)
    distance = np.sqrt(best)
    return np.where(inside, -distance, distance)


def star_corners(points, inner):
    angle = np.arange(2 * points) * np.pi / points
    radius = np.where(np.arange(2 * points) % 2 == 0, 1.0, inner)
    return np.stack([radius * np.sin(angle), -radius * np.cos(angle)], axis=1)


def shape_distance(shape, x, y):
    """Signed distance to the outline of a unit shape; the five have about the same area."""
    if shape == "disc":
        return np.hypot(x, y) - 0.88
    if shape == "square":
        return polygon_distance(x, y, 0.80 * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]))
    if shape == "triangle":
        angle = np.arange(3) * 2 * np.pi / 3
        return polygon_distance(x, y, 1.22 * np.stack([np.sin(angle), -np.cos(angle)], axis=1))
    if shape == "star":
        return polygon_distance(x, y, 1.20 * star_corners(5, 0.52))
    arm, width = 1.02, 0.40  # cross
    a = np.array(
        [
            [-width, -arm],
            [width, -arm],
            [width, -width],
            [arm, -width],
            [arm, width],
            [width, width],
        ]
    )
    return polygon_distance(x, y, np.concatenate([a, -a]))


def smooth_noise(rng, size, cells):
    """Random field in [-1, 1] with features of size/cells pixels."""
    grid = rng.random((cells + 1, cells + 1)).astype(np.float32)
    image = Image.fromarray(grid).resize((size, size), Image.Resampling.BICUBIC)
    return 2 * np.asarray(image) - 1


def texture_field(rng, texture, x, y, period):
    """Values in [0, 1] over pixel coordinates; `period` in the same pixels."""
    u, v = rotate(x, y, rng.uniform(0, np.pi))
    u, v = u + rng.uniform(0, period), v + rng.uniform(0, period)
    wave = 2 * np.pi / period
    if texture == "stripes":
        field = np.sin(wave * u) + rng.uniform(-0.25, 0.25)
    elif texture == "checker":
        field = 1.6 * np.sin(wave * u) * np.sin(wave * v)
    elif texture == "rings":
        away, around = rng.uniform(0, 1.2) * period, rng.uniform(0, 2 * np.pi)
        field = np.sin(wave * np.hypot(x - away * np.cos(around), y - away * np.sin(around)))
    elif texture == "dots":
        du, dv = u % period - period / 2, v % period - period / 2
        field = rng.uniform(0.25, 0.33) * period - np.hypot(du, dv)
    else:  # speckle: blobs without a lattice
        size = x.shape[0]
        field = 2.2 * smooth_noise(rng, size, max(4, round(2.0 * size / period))) + rng.uniform(
            -0.2, 0.2
        )
    sharpness = rng.uniform(1.5, 4.0)
    return 0.5 + 0.5 * np.tanh(sharpness * field)


def draw_color(rng, away_from=(), distance=0.35):
    """A colour at least `distance` (in the unit cube) from each given one, if 40 tries find it."""
    for _ in range(40):
        color = rng.uniform(0.04, 0.96, 3)
        if all(np.linalg.norm(color - other) >= distance for other in away_from):
            break
    return color


def blend(canvas, color, alpha):
    return canvas + alpha[..., None] * (color - canvas)


def background(rng, x, y, size):
    first = draw_color(rng)
    second = np.clip(first + rng.normal(0, 0.18, 3), 0, 1)
    ramp = rotate(x, y, rng.uniform(0, 2 * np.pi))[0] / size + 0.5
    canvas = first + np.clip(ramp, 0, 1)[..., None] * (second - first)
    canvas = (
        canvas + rng.uniform(0, 0.12) * smooth_noise(rng, size, int(rng.integers(3, 12)))[..., None]
    )
    if rng.random() < 0.55:  # a texture outside the shape must not count
        field = texture_field(rng, rng.choice(TEXTURES), x, y, OVERSAMPLING * rng.uniform(6, 26))
        canvas = blend(canvas, draw_color(rng, [first], 0.2), rng.uniform(0.08, 0.45) * field)
    return canvas, first


def clutter(rng, canvas, x, y, size):
    for _ in range(rng.integers(0, 5)):
        radius = rng.uniform(0.03, 0.09) * size
        angle = rng.uniform(0, 2 * np.pi)
        away = rng.uniform(0.36, 0.62) * size
        u, v = rotate(x - away * np.cos(angle), y - away * np.sin(angle), rng.uniform(0, np.pi))
        shape = rng.choice(["disc", "square", "triangle", "cross"])
        alpha = np.clip(0.5 - radius * shape_distance(shape, u / radius, v / radius), 0, 1)
        canvas = blend(canvas, draw_color(rng), alpha * rng.uniform(0.5, 1.0))
    return canvas


def foreground(rng, canvas, ground, x, y, size, shape, texture):
    radius = rng.uniform(0.24, 0.40) * size
    room = 0.5 * size - 0.85 * radius
    cx, cy = rng.uniform(-room, room, 2)
    u, v = rotate(x - cx, y - cy, rng.uniform(0, 2 * np.pi))
    u = u + rng.normal(0, 0.10) * v  # shear
    u = u * np.exp(rng.normal(0, 0.08))  # aspect
    mask = np.clip(0.5 - radius * shape_distance(shape, u / radius, v / radius), 0, 1)
    light = draw_color(rng, [ground], 0.30)
    dark = draw_color(rng, [ground, light], rng.uniform(0.22, 0.55))
    period = OVERSAMPLING * rng.uniform(6.5, 13.0)
    field = texture_field(rng, texture, x - cx, y - cy, period)
    surface = light + field[..., None] * (dark - light)
    return canvas + mask[..., None] * (surface - canvas), (cx, cy, radius)


def occlude(rng, canvas, x, y, place):
    """Zero to two bars or blobs over the shape, each hiding up to about a sixth of it."""
    cx, cy, radius = place
    for _ in range(rng.choice([0, 1, 2], p=[0.4, 0.4, 0.2])):
        angle, away = rng.uniform(0, 2 * np.pi), rng.uniform(0.35, 1.05) * radius
        u, v = rotate(
            x - cx - away * np.cos(angle), y - cy - away * np.sin(angle), rng.uniform(0, np.pi)
        )
        if rng.random() < 0.5:
            distance = np.abs(u) - rng.uniform(0.06, 0.16) * radius
        else:
            distance = np.hypot(u, v * rng.uniform(0.6, 1.4)) - rng.uniform(0.18, 0.42) * radius
        canvas = blend(canvas, draw_color(rng), np.clip(0.5 - distance, 0, 1))
    return canvas


def finish(rng, canvas, x, y, size):
    """Light, averaging to the final size, blur, noise: float colours to 8 bit."""
    light = 1 + rng.uniform(0, 0.35) * rotate(x, y, rng.uniform(0, 2 * np.pi))[0] / (0.5 * size)
    canvas = np.clip(canvas * light[..., None], 0, 1)
    canvas = canvas.reshape(SIZE, OVERSAMPLING, SIZE, OVERSAMPLING, 3).mean(axis=(1, 3))
    canvas = 0.5 + (canvas - 0.5) * rng.uniform(0.55, 1.05)
    image = Image.fromarray(np.round(255 * np.clip(canvas, 0, 1)).astype(np.uint8))
    image = image.filter(ImageFilter.GaussianBlur(max(0.0, rng.uniform(-0.4, 1.25))))
    pixels = np.asarray(image) + rng.normal(0, 1, (SIZE, SIZE, 3)) * rng.uniform(0, 16)
    return Image.fromarray(np.round(np.clip(pixels, 0, 255)).astype(np.uint8))


def render_jpeg(seed, split, index):
    """The bytes of one JPEG and its class; classes take turns, so every prefix is balanced."""
    rng = np.random.default_rng([seed, SPLITS[split], index])
    class_index = index % len(CLASSES)
    shape, texture, _ = CLASSES[class_index]
    size = SIZE * OVERSAMPLING
    axis = np.arange(size, dtype=np.float32) - np.float32(0.5 * (size - 1))
    x, y = np.meshgrid(axis, axis)
    canvas, ground = background(rng, x, y, size)
    canvas = clutter(rng, canvas, x, y, size)
    canvas, place = foreground(rng, canvas, ground, x, y, size, shape, texture)
    canvas = occlude(rng, canvas, x, y, place)
    image = finish(rng, canvas, x, y, size)
    data = io.BytesIO()
    image.save(data, "JPEG", quality=int(rng.integers(58, 93)))
    return data.getvalue(), class_index


def pixels_of(jpeg):
    return np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB"))


def write_split(folder, seed, split, count, with_labels):
    os.makedirs(folder, exist_ok=True)
    rows = []
    for index in range(count):
        data, class_index = render_jpeg(seed, split, index)
        name = f"{index:04d}.jpg"
        with open(os.path.join(folder, name), "wb") as file:
            file.write(data)
        rows.append((name, class_index, CLASSES[class_index][2]))
    if with_labels:
        with open(os.path.join(folder, "labels.csv"), "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("file", "class_index", "name"))
            writer.writerows(rows)
    print(f"{folder}: {count} images")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", required=True, help="folder that gets one sub-folder per split")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--split", choices=sorted(SPLITS), help="only this split (default: those shipped)"
    )
    parser.add_argument("--n", type=int, help="number of images (default: as shipped, else 100)")
    args = parser.parse_args()
    for split in [args.split] if args.split else list(SHIPPED):
        count = args.n if args.n is not None else SHIPPED.get(split, 100)
        write_split(
            os.path.join(args.out, split),
            args.seed,
            split,
            count,
            with_labels=split != "calibration",
        )


if __name__ == "__main__":
    main()
