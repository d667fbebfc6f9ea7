# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
"""Times what `tessera optimize` chose against every model the reference quantizer can make.

Run by bench/optimize_vs_reference. The reference gets the model after its own documented
preparation (opset 13, shapes), because it writes invalid models otherwise; tessera gets the file
as published. All models run in one process, one thread, in rounds of a random order.
"""

import argparse
import glob
import json
import os
import random
import statistics
import subprocess
import tempfile
import time

import numpy as np
import onnx
import onnxruntime as ort
import onnxruntime.quantization as quant
from PIL import Image

LEVELS = ort.GraphOptimizationLevel
TYPES = {"u8": quant.QuantType.QUInt8, "s8": quant.QuantType.QInt8}


def model_input(model):
    weights = {i.name for i in model.graph.initializer}
    value = next(i for i in model.graph.input if i.name not in weights)
    return value.name, [max(d.dim_value, 1) for d in value.type.tensor_type.shape.dim]


def letterbox(image, height, width, centred):
    ratio = min(height / image.height, width / image.width)
    small = image.resize((int(image.width * ratio), int(image.height * ratio)), Image.BILINEAR)
    canvas = Image.new("RGB", (width, height), (114, 114, 114))
    place = ((width - small.width) // 2, (height - small.height) // 2) if centred else (0, 0)
    canvas.paste(small, place)
    return canvas


def load(path, shape, preset):
    _, _, height, width = shape
    image = Image.open(path).convert("RGB")
    if preset in ("yolo", "yolox"):
        image = letterbox(image, height, width, preset == "yolo")
    else:
        image = image.resize((width, height), Image.BILINEAR)
    x = np.asarray(image, np.float32).transpose(2, 0, 1)[None]
    if preset == "yolox":
        return np.ascontiguousarray(x[:, ::-1])
    return x if preset == "raw255" else x / np.float32(255)


def session(path, level):
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.graph_optimization_level = level
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def sqnr_db(reference, candidate):
    signal = sum(float(np.sum(np.square(r, dtype=np.float64))) for r in reference)
    noise = sum(float(np.sum(np.square(r.astype(np.float64) - c))) for r, c in zip(reference, candidate))
    return 10 * np.log10(signal / noise) if noise else float("inf")


class Reader(quant.CalibrationDataReader):
    def __init__(self, name, samples):
        self.feeds = iter([{name: s} for s in samples])

    def get_next(self):
        return next(self.feeds, None)


def prepare(path, folder):
    """What the reference's documentation asks for before quantizing."""
    model = onnx.load(path)
    if next(o.version for o in model.opset_import if not o.domain) < 13:
        model = onnx.version_converter.convert_version(model, 13)
    prepared = os.path.join(folder, "prepared.onnx")
    onnx.save(onnx.shape_inference.infer_shapes(model), prepared)
    return prepared


def reference_models(path, folder, name, samples):
    made, refused = {}, {}
    for form in ("QDQ", "QOperator"):
        for activation, weight in (("u8", "s8"), ("u8", "u8"), ("s8", "s8")):
            for per_channel in (False, True):
                tag = f"{form}-{activation}{weight}-{'channel' if per_channel else 'tensor'}"
                out = os.path.join(folder, tag + ".onnx")
                try:
                    quant.quantize_static(
                        path, out, Reader(name, samples), per_channel=per_channel,
                        quant_format=quant.QuantFormat[form], activation_type=TYPES[activation],
                        weight_type=TYPES[weight])
                    made[tag] = out
                except Exception as problem:
                    refused[tag] = f"{type(problem).__name__}: {problem}"[:200]
    return made, refused


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tessera", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--images", required=True)
    parser.add_argument("--preset", default="unit")
    parser.add_argument("--runs", type=int, default=40)
    args = parser.parse_args()
    ort.set_default_logger_severity(4)

    folder = tempfile.mkdtemp(prefix="tessera-bench")
    files = sorted(f for e in ("jpg", "jpeg", "png") for f in glob.glob(f"{args.images}/*.{e}"))
    name, shape = model_input(onnx.load(args.model))
    samples = [load(f, shape, args.preset) for f in files[:: max(1, len(files) // 16)][:16]]

    chosen_dir = os.path.join(folder, "optimize")
    subprocess.run([args.tessera, "optimize", args.model, "--data", args.images, "--preprocess",
                    args.preset, "-o", chosen_dir, "-q"], check=True, stdout=subprocess.DEVNULL)
    summary = json.load(open(os.path.join(chosen_dir, "summary.json")))["result"]
    chosen = next(iter(glob.glob(os.path.join(chosen_dir, "*.onnx"))), args.model)

    refused, made = {}, {}
    try:
        made, refused = reference_models(prepare(args.model, folder), folder, name, samples[:8])
    except Exception as problem:
        refused["prepare"] = f"{type(problem).__name__}: {problem}"[:200]

    level_names = {"basic": LEVELS.ORT_ENABLE_BASIC, "extended": LEVELS.ORT_ENABLE_EXTENDED,
                   "all": LEVELS.ORT_ENABLE_ALL}
    level = level_names[summary["chosen"].get("opt_level", "all")]
    sessions = {"float32": session(args.model, LEVELS.ORT_ENABLE_ALL), "tessera": session(chosen, level)}
    for tag, path in made.items():
        try:
            sessions[tag] = session(path, LEVELS.ORT_ENABLE_ALL)
        except Exception as problem:
            refused[tag] = f"{type(problem).__name__}: {problem}"[:200]

    wanted = [sessions["float32"].run(None, {name: s}) for s in samples]
    error = {}
    for tag, s in sessions.items():
        got = [s.run(None, {name: x}) for x in samples]
        error[tag] = sqnr_db([o for r in wanted for o in r], [o for r in got for o in r])

    times = {tag: [] for tag in sessions}
    # In a fixed order whoever runs right after float32 finds the cache full of its weights and is
    # 4 to 7 % slower. CPU time of the one thread: others on the machine do not count.
    order, shuffle = list(sessions.items()), random.Random(0).shuffle
    for turn in range(args.runs + 3):
        shuffle(order)
        for tag, s in order:
            start = time.thread_time()
            s.run(None, {name: samples[0]})
            if turn >= 3:
                times[tag].append((time.thread_time() - start) * 1e6)
    rows = {tag: {"median_us": statistics.median(t), "p10_us": float(np.quantile(t, .1)),
                  "p90_us": float(np.quantile(t, .9)), "sqnr_db": error[tag]}
            for tag, t in times.items()}
    rivals = {t: r for t, r in rows.items() if t not in ("float32", "tessera")
              and r["sqnr_db"] >= rows["tessera"]["sqnr_db"] - .5}
    best = min(rivals, key=lambda t: rivals[t]["median_us"], default=None)
    print(json.dumps({
        "model": os.path.basename(args.model), "chosen": summary["chosen"], "rows": rows,
        "reference_refused": refused, "best_rival_within_error": best,
        "tessera_over_float32": rows["tessera"]["median_us"] / rows["float32"]["median_us"],
        "tessera_over_best_rival": best and rows["tessera"]["median_us"] / rows[best]["median_us"],
    }, indent=2))


if __name__ == "__main__":
    main()
