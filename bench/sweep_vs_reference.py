# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
"""CPU time per subset of quantized layers: the reference against `tessera error sweep`.

The reference is timed three times, before, between and after two sweeps, so that a change of the
machine's speed shows. Per subset it quantizes, opens a session and runs one image; the best way
knows the ranges, infers shapes once and calls QDQQuantizer itself, the public way calls
quantize_static with the calibration images. The input is random: only time is compared."""
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
    def __init__(self, path, layers, per_channel):
        self.path, self.layers, self.per_channel = path, layers, per_channel
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
        quantizer = QDQQuantizer(copy.deepcopy(self.inferred), self.per_channel, False, QuantType.QInt8,
                                 QuantType.QUInt8, self.ranges, self.subset(), [], self.ops, {})
        quantizer.quantize_model()
        session(quantizer.model.model.SerializeToString()).run(None, self.feeds[0])

    def public(self):
        out = os.path.join(self.folder, "q.onnx")
        quantize_static(self.path, out, Reader(self.feeds), quant_format=QuantFormat.QDQ,
                        per_channel=self.per_channel, activation_type=QuantType.QUInt8,
                        weight_type=QuantType.QInt8, nodes_to_quantize=self.subset())
        session(out).run(None, self.feeds[0])


def cpu_seconds(work, count):
    times = []
    for _ in range(count):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return times


def sweep(arguments, folder, per_channel):
    """Seconds per subset, everything before and after the subsets included, and the layers."""
    out = os.path.join(folder, "sweep.jsonl")
    command = [arguments.tessera, "error", "sweep", arguments.model, "--data", arguments.images,
               "--preprocess", arguments.preset, "--ranges", os.path.join(folder, "ranges.json"),
               "--images", "1", "--layers", f"top-macs:{arguments.layers}",
               "--subsets", f"random:{arguments.subsets}", "-o", out, "--force", "--json", "-q"]
    if per_channel:
        command.append("--per-channel")
    result = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["result"]
    seconds = (result["cpu_us"]["setup"] + result["cpu_us"]["subsets"]) / 1e6
    return seconds / result["measured"], result


def loads(path):
    """Opset and operators of some published models make an invalid model of per-channel scales."""
    model = onnx.load(path)
    return next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx")) >= 13


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("tessera", "model", "images", "preset"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--subsets", type=int, default=1100)
    parser.add_argument("--layers", type=int, default=15)
    parser.add_argument("--rounds", type=int, default=20, help="reference subsets per visit")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    per_channel = loads(arguments.model)
    folder = tempfile.mkdtemp(prefix="sweep")
    subprocess.run([arguments.tessera, "calibrate", arguments.model, "--data", arguments.images,
                    "--preprocess", arguments.preset, "--samples", str(CALIBRATION), "-q",
                    "-o", os.path.join(folder, "ranges.json")], check=True, capture_output=True)
    first, result = sweep(arguments, folder, per_channel)
    reference = Reference(arguments.model, [layer["name"] for layer in result["layers"]], per_channel)
    reference.best()
    best = cpu_seconds(reference.best, arguments.rounds)
    second, result = sweep(arguments, folder, per_channel)
    best += cpu_seconds(reference.best, arguments.rounds)
    public = cpu_seconds(reference.public, 3)
    ours = [first, second]
    print(json.dumps({
        "model": os.path.basename(arguments.model), "layers": arguments.layers, "per_channel": per_channel,
        "subsets": arguments.subsets,
        "cpu_ms_per_subset": {"sweep": [1e3 * s for s in ours], "best": 1e3 * statistics.median(best),
                              "public": 1e3 * statistics.median(public)},
        "ratio_to_best": statistics.median(best) / max(ours),
        "ratio_to_public": statistics.median(public) / max(ours),
        "peak_rss_mib": result["peak_rss_bytes"] / 2**20, "work": result["work"]}, indent=1))


if __name__ == "__main__":
    main()
