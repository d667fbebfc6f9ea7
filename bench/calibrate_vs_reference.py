# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
"""Measures calibration by tessera, plain float inference, and the reference's percentile method.

Run by bench/calibrate_vs_reference. Every figure comes from a process of its own, on one thread:
wall and CPU seconds and peak resident memory, the decoding of the images included.

Plain inference runs in ONNX Runtime's Python package without graph optimizations, as the reference
calibrates. Of its memory the interpreter with its packages has a part, which is given, too. The
reference keeps every tensor of every sample it is given at once, so it gets one sample at a time.
"""

import argparse
import glob
import json
import os
import resource
import subprocess
import sys
import tempfile
import time

import onnxruntime as ort

from optimize_vs_reference import Reader, load, model_input, prepare, session


def spent(start):
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {"wall_s": round(time.perf_counter() - start, 3),
            "cpu_s": round(usage.ru_utime + usage.ru_stime, 3),
            "peak_rss_mib": round(usage.ru_maxrss / 1024, 1)}


def spread(files, count):
    count = min(count, len(files))
    return [files[i * len(files) // count] for i in range(count)]


def plain(args, files):
    import onnx
    name, shape = model_input(onnx.load(args.model))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    start = time.perf_counter()
    runner = session(args.model, ort.GraphOptimizationLevel.ORT_DISABLE_ALL)
    for file in files:
        runner.run(None, {name: load(file, shape, args.preset)})
    return {**spent(start), "rss_of_interpreter_mib": round(before, 1)}


def reference(args, files):
    import onnx
    from onnxruntime.quantization.calibrate import CalibrationMethod, create_calibrator
    with tempfile.TemporaryDirectory() as folder:
        path = prepare(args.model, folder)
        name, shape = model_input(onnx.load(path))
        start = time.perf_counter()
        calibrator = create_calibrator(path, None, augmented_model_path=os.path.join(folder, "augmented.onnx"),
                                       calibrate_method=CalibrationMethod.Percentile,
                                       extra_options={"symmetric": False})
        for file in files:
            calibrator.collect_data(Reader(name, [load(file, shape, args.preset)]))
        ranges = calibrator.compute_data()
        return {**spent(start), "tensors": len(list(ranges.keys()))}


def tessera(args, count, folder):
    out = os.path.join(folder, f"ranges{count}.json")
    command = [args.tessera, "calibrate", args.model, "--data", args.images, "--preprocess", args.preset,
               "--samples", str(count), "--threads", "1", "-o", out, "-q"]
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    wall = time.perf_counter() - start
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = json.load(open(out))["result"]
    return {"wall_s": round(wall, 3), "cpu_s": round(usage.ru_utime + usage.ru_stime, 3),
            "peak_rss_mib": round(result["peak_rss_bytes"] / 2**20, 1), "tensors": len(result["tensors"]),
            "methods": len(result["methods"])}


def child(args, stage, count):
    command = [sys.executable, os.path.abspath(__file__), "--stage", stage, "--tessera", args.tessera,
               "--model", args.model, "--images", args.images, "--preset", args.preset, "--samples", str(count)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.splitlines()[-1])


def report(args):
    few, many = min(20, args.samples), args.samples
    result = {"model": os.path.basename(args.model), "samples": many,
              "plain": child(args, "plain", many), "tessera": child(args, "tessera", many),
              "tessera_few": {"samples": few, **child(args, "tessera", few)}}
    if args.reference_samples:
        result["reference_percentile"] = {"samples": args.reference_samples,
                                          **child(args, "reference", args.reference_samples)}
        result["tessera_as_many"] = child(args, "tessera", args.reference_samples)
    ours, floor = result["tessera"], result["plain"]
    result["ratios"] = {
        "wall_to_plain": round(ours["wall_s"] / floor["wall_s"], 3),
        "cpu_to_plain": round(ours["cpu_s"] / floor["cpu_s"], 3),
        "rss_to_plain": round(ours["peak_rss_mib"] / floor["peak_rss_mib"], 3),
        f"rss_{many}_to_{few}": round(ours["peak_rss_mib"] / result["tessera_few"]["peak_rss_mib"], 3)}
    if args.reference_samples:
        result["ratios"]["reference_to_tessera"] = round(
            result["reference_percentile"]["wall_s"] / result["tessera_as_many"]["wall_s"], 2)
    print(json.dumps(result, indent=2))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("tessera", "model", "images", "preset"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--reference-samples", type=int, default=20)
    parser.add_argument("--stage", choices=["plain", "reference", "tessera"], help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.stage is None:
        return report(args)
    if args.stage == "tessera":
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(tessera(args, args.samples, folder)))
        return None
    files = sorted(f for f in glob.glob(os.path.join(args.images, "*"))
                   if f.lower().endswith((".jpg", ".jpeg", ".png")))
    stage = plain if args.stage == "plain" else reference
    print(json.dumps(stage(args, spread(files, args.samples))))
    return None


if __name__ == "__main__":
    main()
