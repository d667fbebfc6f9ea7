#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
"""Top-1 accuracy of ONNX models on a folder of labelled images, by ONNX Runtime in Python.

An independent check of what `tessera compare --labels` says; needs onnxruntime, numpy and Pillow.
With more than one model it also prints how often each agrees with the first, and the
signal-to-noise ratio of its logits against those of the first.

  evaluate.py --data test textures.onnx out/model.onnx
"""

import argparse
import collections
import csv
import os

import numpy as np
import onnxruntime
from PIL import Image


def read_labels(folder):
    with open(os.path.join(folder, "labels.csv"), newline="", encoding="utf-8") as file:
        return [(row["file"], int(row["class_index"]), row["name"]) for row in csv.DictReader(file)]


def load_image(path):
    """Preset `unit`: RGB, [1, 3, H, W], 0..1."""
    pixels = np.asarray(Image.open(path).convert("RGB"), np.float32)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None]) / np.float32(255)


def logits_of(model, samples, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return np.concatenate([session.run(None, {name: x})[0] for x in samples])


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="+")
    parser.add_argument("--data", required=True, help="folder with images and labels.csv")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--confusion", action="store_true", help="list the confused pairs of each model"
    )
    args = parser.parse_args()
    labels = read_labels(args.data)
    names = {index: name for _, index, name in labels}
    truth = np.array([index for _, index, _ in labels])
    samples = [load_image(os.path.join(args.data, file)) for file, _, _ in labels]
    reference = None
    for model in args.models:
        logits = logits_of(model, samples, args.threads).astype(np.float64)
        guess = logits.argmax(axis=1)
        hits = int((guess == truth).sum())
        line = f"{model}: top-1 {100 * hits / len(truth):.2f} % ({hits} of {len(truth)})"
        if reference is None:
            reference = logits
        else:
            noise = np.linalg.norm(logits - reference)
            sqnr_db = 20 * np.log10(np.linalg.norm(reference) / noise) if noise else np.inf
            agreement = 100 * (guess == reference.argmax(axis=1)).mean()
            line += (
                f", agrees with the first {agreement:.2f} %, SQNR of the logits {sqnr_db:.2f} dB"
            )
        print(line)
        if args.confusion:
            pairs = collections.Counter(
                (names[t], names[g]) for t, g in zip(truth, guess) if t != g
            )
            for (true_name, guessed), count in pairs.most_common():
                print(f"  {count:3d} x {true_name} taken for {guessed}")


if __name__ == "__main__":
    main()
