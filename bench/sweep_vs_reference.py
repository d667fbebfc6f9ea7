# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
"""CPU time per subset of quantized layers: the reference against `tessera error sweep`.

Sweep and reference are timed in turn, so that a change of the machine's speed shows. Per subset the
reference quantizes (u8 x s8 per channel), opens a session and runs one image. The best way knows
the ranges, infers shapes once and calls QDQQuantizer itself; the public way calls quantize_static
with the calibration images. Its input is random: only time is compared."""
import argparse
import copy
import json
import logging
import os
import random
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.calibrate import CalibrationDataReader, create_calibrator
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
from onnxruntime.quantization.quant_utils import load_model_with_shape_infer
from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry

CALIBRATION = 20


def session(model):
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


class Reader(CalibrationDataReader):
    def __init__(self, feeds):
        self.feeds = iter(feeds)

    def get_next(self):
        return next(self.feeds, None)


class Reference:
    def __init__(self, path, layers):
        self.path, self.layers = path, layers
        wanted = session(path).get_inputs()[0]
        shape = [d if isinstance(d, int) and d > 0 else 1 for d in wanted.shape]
        rng = np.random.default_rng(1)
        self.feeds = [{wanted.name: (rng.random(shape) * 255).astype(np.float32)}
                      for _ in range(CALIBRATION)]
        self.random = random.Random(1)
        ops = list(set(list(QLinearOpsRegistry) + list(QDQRegistry)))
        self.folder = tempfile.mkdtemp(prefix="sweep")
        calibrator = create_calibrator(Path(path), ops, calibrate_method=CalibrationMethod.MinMax,
                                       augmented_model_path=os.path.join(self.folder, "a.onnx"))
        calibrator.collect_data(Reader(self.feeds))
        self.ranges, self.ops = calibrator.compute_data(), ops
        self.inferred = load_model_with_shape_infer(Path(path))

    def subset(self):
        chosen = [layer for layer in self.layers if self.random.random() < 0.5]
        return chosen or self.layers[:1]

    def best(self):
        quantizer = QDQQuantizer(copy.deepcopy(self.inferred), True, False, QuantType.QInt8,
                                 QuantType.QUInt8, self.ranges, self.subset(), [], self.ops, {})
        quantizer.quantize_model()
        session(quantizer.model.model.SerializeToString()).run(None, self.feeds[0])

    def public(self):
        out = os.path.join(self.folder, "q.onnx")
        quantize_static(self.path, out, Reader(self.feeds), quant_format=QuantFormat.QDQ,
                        per_channel=True, activation_type=QuantType.QUInt8,
                        weight_type=QuantType.QInt8, nodes_to_quantize=self.subset())
        session(out).run(None, self.feeds[0])


def cpu_seconds(work, count):
    times = []
    for _ in range(count):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return times


def sweep(arguments, folder):
    """Seconds per subset, everything before and after the subsets included, and the layers."""
    out = os.path.join(folder, "sweep.jsonl")
    command = [arguments.tessera, "error", "sweep", arguments.model, "--data", arguments.images,
               "--preprocess", arguments.preset, "--ranges", os.path.join(folder, "ranges.json"),
               "--images", "1", "--layers", f"top-macs:{arguments.layers}",
               "--subsets", f"random:{arguments.subsets}", "--per-channel", "-o", out, "--force", "--json", "-q"]
    result = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["result"]
    seconds = (result["cpu_us"]["setup"] + result["cpu_us"]["subsets"]) / 1e6
    return seconds / result["measured"], result


def raised(arguments, folder):
    """The model at opset 13 with all else as it is. The reference stops at some published models or
    makes invalid ones of their opset and per-channel scales; both sides get the same file."""
    opset = next(o.version for o in onnx.load(arguments.model).opset_import if o.domain in ("", "ai.onnx"))
    recipe, out = os.path.join(folder, "float.json"), os.path.join(folder, "raised.onnx")
    with open(recipe, "w", encoding="utf-8") as file:
        json.dump({"default": "float32"}, file)
    subprocess.run([arguments.tessera, "quantize", arguments.model, "-o", out, "--recipe", recipe,
                    "--opset", str(max(13, opset)), "-q"], check=True, capture_output=True)
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("tessera", "model", "images", "preset"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--subsets", type=int, default=1100)
    parser.add_argument("--layers", type=int, default=15)
    parser.add_argument("--rounds", type=int, default=20, help="reference subsets per visit")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    name = os.path.basename(arguments.model)
    folder = tempfile.mkdtemp(prefix="sweep")
    arguments.model = raised(arguments, folder)
    subprocess.run([arguments.tessera, "calibrate", arguments.model, "--data", arguments.images,
                    "--preprocess", arguments.preset, "--samples", str(CALIBRATION), "-q",
                    "-o", os.path.join(folder, "ranges.json")], check=True, capture_output=True)
    first, result = sweep(arguments, folder)
    reference = Reference(arguments.model, [layer["name"] for layer in result["layers"]])
    reference.best()
    best = cpu_seconds(reference.best, arguments.rounds)
    second, result = sweep(arguments, folder)
    best += cpu_seconds(reference.best, arguments.rounds)
    public = cpu_seconds(reference.public, 3)
    ours = [first, second]
    plain = session(arguments.model)
    inference = cpu_seconds(lambda: plain.run(None, reference.feeds[0]), 20)
    print(json.dumps({
        "model": name, "layers": arguments.layers, "subsets": arguments.subsets,
        "cpu_ms_per_subset": {"sweep": [1e3 * s for s in ours], "best": 1e3 * statistics.median(best),
                              "public": 1e3 * statistics.median(public)},
        "cpu_ms_float_inference": 1e3 * statistics.median(inference),
        "ratio_to_best": statistics.median(best) / max(ours),
        "ratio_to_public": statistics.median(public) / max(ours),
        "peak_rss_mib": result["peak_rss_bytes"] / 2**20, "work": result["work"]}, indent=1))


if __name__ == "__main__":
    main()
