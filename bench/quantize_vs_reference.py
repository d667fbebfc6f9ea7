# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
"""Compares the accuracy of tessera's and the reference's quantized models at equal scheme.

Run by bench/quantize_vs_reference. Both get the same calibration tensors (an .npz). The reference
cannot take old files as published (it writes invalid models or stops), so it gets the float model
as tessera raised it to opset 13, with harmless paddings (see there); the error is measured against
the published file.
"""

import argparse
import contextlib
import glob
import json
import os
import resource
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnx
import onnxruntime as ort
import onnxruntime.quantization as quant
from onnxruntime.quantization.calibrate import CalibrationMethod, TensorsData, create_calibrator
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry

from optimize_vs_reference import load, model_input, session

OURS = ("minmax", "percentile", "entropy", "mse", "distribution")
REFINED = {"fast": ("--refine", "fast"), "output": ("--method", "output"),
           "bias": ("--bias-correction",), "rounding": ("--rounding", "adaptive"),
           "equalize": ("--equalize",), "scales": ("--refine-scales",), "full": ("--refine", "full")}
THEIRS = {"minmax": CalibrationMethod.MinMax, "entropy": CalibrationMethod.Entropy,
          "percentile": CalibrationMethod.Percentile}


def tensor_outputs_only(path, folder):
    """The file without its ZipMap: maps have no distance. Unchanged if there is none."""
    model = onnx.load(path)
    maps = [n for n in model.graph.node if n.op_type == "ZipMap"]
    if not maps:
        return path
    kept = {n.input[0] for n in maps}
    del model.graph.output[:]
    for name in sorted(kept):
        model.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    needed, nodes = set(kept), []
    for node in reversed(model.graph.node):
        if needed.intersection(node.output):
            needed.update(node.input)
            nodes.append(node)
    del model.graph.node[:]
    model.graph.node.extend(reversed(nodes))
    cut = os.path.join(folder, "cut.onnx")
    onnx.save(model, cut)
    return cut


def tessera(args, *words):
    start = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([args.tessera, *words, "-q"], check=True, stdout=subprocess.DEVNULL)
    end = resource.getrusage(resource.RUSAGE_CHILDREN)
    return end.ru_utime + end.ru_stime - start.ru_utime - start.ru_stime


def ours(args, model, data, folder):
    ranges = os.path.join(folder, "ranges.json")
    seconds = {"calibrate_all_methods_s": tessera(args, "calibrate", model, "--data", data, "-o", ranges)}
    made = {}
    for method in OURS:
        out = os.path.join(folder, f"tessera-{method}.onnx")
        seconds[f"quantize_{method}_s"] = tessera(
            args, "quantize", model, "-o", out, "--ranges", ranges, "--format", "qdq", "--activation",
            "u8", "--weight", "s8", "--per-channel", "--method", method)
        made[f"tessera-{method}"] = out
    for name in args.refine:
        out = os.path.join(folder, f"tessera-{name}.onnx")
        few = ("--error-samples", str(args.error_samples)) if args.error_samples else ()
        seconds[f"quantize_{name}_s"] = tessera(
            args, "quantize", model, "-o", out, "--data", data, "--format", "qdq", "--activation",
            "u8", "--weight", "s8", "--per-channel", *REFINED[name], *few)
        made[f"tessera-{name}"] = out
    return made, seconds


class OneSample(quant.CalibrationDataReader):
    def __init__(self, feed):
        self.feed = feed

    def get_next(self):
        feed, self.feed = self.feed, None
        return feed


def reference_ranges(path, method, op_types, feeds, folder):
    """Sample by sample: the reference keeps every tensor of every sample that it is given at once."""
    calibrator = create_calibrator(path, op_types, os.path.join(folder, "augmented.onnx"), method)
    for feed in feeds:
        calibrator.collect_data(OneSample(feed))
    ranges = calibrator.compute_data()
    assert isinstance(ranges, TensorsData)
    return ranges


def pad_positive_values_with_zero(model):
    """What a careful user would do by hand: for a maximum over values >= 0, padding with 0 is as
    good as padding with the lowest float32, of which the reference would make a range."""
    values = {i.name: onnx.numpy_helper.to_array(i) for i in model.graph.initializer}
    values.update({n.output[0]: onnx.numpy_helper.to_array(n.attribute[0].t)
                   for n in model.graph.node if n.op_type == "Constant" and n.attribute[0].name == "value"})
    positive = set()
    for node in model.graph.node:  # in topological order
        if node.op_type == "Relu" or (node.op_type in ("Concat", "MaxPool") and positive.issuperset(node.input)):
            positive.add(node.output[0])
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.float32(0), "tessera_bench_zero"))
    for node in model.graph.node:
        lowest = node.op_type == "Pad" and len(node.input) > 2 and node.input[2] in values and \
            float(values[node.input[2]]) < -1e30
        if lowest and node.input[0] in positive:
            node.input[2] = "tessera_bench_zero"
    return model


def theirs(args, model, feeds, folder):
    recipe = os.path.join(folder, "float.json")
    with open(recipe, "w", encoding="utf-8") as out:
        json.dump({"default": "float32"}, out)
    prepared = os.path.join(folder, "prepared.onnx")
    own = next(o.version for o in onnx.load(model).opset_import if not o.domain)
    tessera(args, "quantize", model, "-o", prepared, "--recipe", recipe, "--opset", str(max(13, own)))
    inferred = onnx.shape_inference.infer_shapes(pad_positive_values_with_zero(onnx.load(prepared)))
    onnx.save(inferred, prepared)
    op_types = sorted(set(QLinearOpsRegistry) | set(QDQRegistry))
    made, refused, seconds = {}, {}, {}
    for name, method in THEIRS.items():
        start = time.process_time()
        try:
            ranges = reference_ranges(prepared, method, op_types, feeds, folder)
            quantizer = QDQQuantizer(onnx.load(prepared), True, False, quant.QuantType.QInt8,
                                     quant.QuantType.QUInt8, ranges, [], [], op_types, {})
            quantizer.quantize_model()
            out = os.path.join(folder, f"reference-{name}.onnx")
            quantizer.model.save_model_to_file(out, False)
            session(out, ort.GraphOptimizationLevel.ORT_ENABLE_ALL)
            made[f"reference-{name}"] = out
        except Exception as problem:  # pylint: disable=broad-except  # a refusal is a result
            refused[f"reference-{name}"] = f"{type(problem).__name__}: {problem}"[:200]
        seconds[f"{name}_s"] = time.process_time() - start
    return made, refused, seconds


def decibel(signal, noise):
    return 10 * float(np.log10(signal / noise)) if noise else None


def error_of(path, feeds, wanted):
    """SQNR over all outputs and images, and the median of single images."""
    quantized = session(path, ort.GraphOptimizationLevel.ORT_ENABLE_ALL)
    signals, noises = [], []
    for feed, expected in zip(feeds, wanted):
        got = quantized.run(None, feed)
        signals.append(sum(float(np.sum(np.square(e, dtype=np.float64))) for e in expected))
        noises.append(sum(float(np.sum(np.square(e.astype(np.float64) - g))) for e, g in zip(expected, got)))
    each = [decibel(s, n) for s, n in zip(signals, noises)]
    finite = [e for e in each if e is not None]
    return {"sqnr_db": decibel(sum(signals), sum(noises)),
            "median_sqnr_db": float(np.median(finite)) if finite else None,
            "size_bytes": os.path.getsize(path)}


def best(rows, prefix):
    named = {t: r["sqnr_db"] for t, r in rows.items() if t.startswith(prefix) and r["sqnr_db"] is not None}
    return max(named, key=named.get, default=None)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tessera", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--images", required=True)
    parser.add_argument("--preset", default="unit")
    parser.add_argument("--calibration", type=int, default=20)
    parser.add_argument("--test", type=int, default=10)
    parser.add_argument("--refine", nargs="*", default=[], choices=sorted(REFINED))
    parser.add_argument("--error-samples", type=int, default=0)
    args = parser.parse_args()
    ort.set_default_logger_severity(4)

    folder = tempfile.mkdtemp(prefix="tessera-bench")
    model = tensor_outputs_only(args.model, folder)
    name, shape = model_input(onnx.load(model))
    files = sorted(f for e in ("jpg", "jpeg", "png") for f in glob.glob(f"{args.images}/*.{e}"))
    if len(files) < args.calibration + args.test:
        parser.error(f"{args.images} holds {len(files)} images; {args.calibration + args.test} are needed")
    samples = [load(f, shape, args.preset) for f in files[:args.calibration + args.test]]
    calibration, test = samples[:args.calibration], samples[args.calibration:]
    data = os.path.join(folder, "samples.npz")
    np.savez(data, **{name: np.concatenate(calibration)})

    feeds = [{name: s} for s in test]
    float_session = session(model, ort.GraphOptimizationLevel.ORT_ENABLE_ALL)
    wanted = [float_session.run(None, feed) for feed in feeds]

    made, our_seconds = ours(args, model, data, folder)
    with contextlib.redirect_stdout(sys.stderr):  # the reference prints its progress
        rival, refused, their_seconds = theirs(args, model, [{name: s} for s in calibration], folder)
    rows = {tag: error_of(path, feeds, wanted) for tag, path in {**made, **rival}.items()}
    first, second = best(rows, "tessera-"), best(rows, "reference-")
    print(json.dumps({
        "model": os.path.basename(args.model), "scheme": "qdq-u8s8-channel",
        "calibration_images": len(calibration), "test_images": len(test),
        "rows": rows, "reference_refused": refused, "best_tessera": first, "best_reference": second,
        "difference_db": first and second and rows[first]["sqnr_db"] - rows[second]["sqnr_db"],
        "tessera_seconds": our_seconds, "reference_seconds": their_seconds,
        "reference_peak_rss_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
    }, indent=2))


if __name__ == "__main__":
    main()
