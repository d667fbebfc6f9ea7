# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
"""CPU time per subset of quantized layers of a .tflite file: the reference against `tessera error
sweep`.

Run by bench/litert_sweep_vs_reference. Sweep and reference are timed in turn, so that a change of the
machine's speed shows. Per subset the reference quantizes those layers (static, int8, per channel),
opens an interpreter with XNNPACK, runs the samples and takes the error against the float outputs, which
it has. The best way keeps the parsed model and calls the reference's parts; the public way makes a
Quantizer and calls quantize(): the files are the same. Calibration, once for all, is not timed."""
import argparse
import json
import os
import random
import re
import statistics
import subprocess
import tempfile
import time

import numpy as np

import litert_vs_reference as common

CALIBRATION = 20


def runner_of(content):
    from ai_edge_litert import interpreter as litert
    runner = litert.Interpreter(model_content=bytes(content), num_threads=1)
    runner.allocate_tensors()
    return runner


def run(runner, samples):
    given = runner.get_input_details()[0]["index"]
    made = [one["index"] for one in runner.get_output_details()]
    rows = []
    for sample in samples:
        runner.set_tensor(given, sample)
        runner.invoke()
        rows.append([runner.get_tensor(index) for index in made])
    return rows


class Reference:
    def __init__(self, path, layers, files, size, preset, images):
        from ai_edge_quantizer import quantizer
        self.make = quantizer.Quantizer
        self.path, self.layers, self.random = path, layers, random.Random(1)
        with open(path, "rb") as file:
            self.content = file.read()
        loaded = [common.tensor(file, size, preset) for file in files]
        self.samples = loaded[:images]
        runner = runner_of(self.content)
        self.wanted = run(runner, self.samples)
        tool = self.make(path, self.recipe(layers))
        key, names = next(iter(runner.get_signature_list().items()))
        calibrated = [{names["inputs"][0]: sample} for sample in loaded[:CALIBRATION]]
        self.ranges = tool.calibrate({key: calibrated}, num_threads=1)
        self.tool = self.make(path)

    @staticmethod
    def recipe(layers):
        config = {"activation_tensor_config": {"num_bits": 8, "symmetric": False, "granularity": "TENSORWISE",
                                               "dtype": "INT"},
                  "weight_tensor_config": {"num_bits": 8, "symmetric": True, "granularity": "CHANNELWISE",
                                           "dtype": "INT"},
                  "compute_precision": "INTEGER", "explicit_dequantize": False, "skip_checks": False,
                  "min_weight_elements": 0}
        return [{"regex": "^" + re.escape(layer) + ";?$", "operation": "*", "algorithm_key": "min_max_uniform_quantize",
                 "op_config": config} for layer in layers]

    def subset(self):
        chosen = [layer for layer in self.layers if self.random.random() < 0.5]
        return chosen or self.layers[:1]

    def error(self, content):
        """Mean over samples of |difference| / elements."""
        runner = runner_of(content)
        errors = []
        for got, wanted in zip(run(runner, self.samples), self.wanted):
            difference = [a.ravel() - b.ravel() for a, b in zip(got, wanted)]
            whole = np.concatenate(difference)
            errors.append(float(np.linalg.norm(whole)) / whole.size)
        return statistics.mean(errors)

    def best(self):
        self.tool.load_quantization_recipe(self.recipe(self.subset()))
        parameters = self.tool._get_quantization_params(self.ranges, False)
        return self.error(self.tool._get_quantized_model(parameters))

    def public(self):
        tool = self.make(self.path, self.recipe(self.subset()))
        return self.error(tool.quantize(self.ranges, enable_progress_report=False).quantized_model)


def cpu_seconds(work, count):
    times, errors = [], []
    for _ in range(count):
        began = time.process_time()
        errors.append(work())
        times.append(time.process_time() - began)
    return times, errors


def sweep(args, folder, files):
    """Seconds per subset, everything before and after the subsets included, and the result."""
    command = [args.tessera, "error", "sweep", args.model, "--data", files, "--preprocess", args.preset,
               "--ranges", os.path.join(folder, "ranges.json"), "--images", str(args.images),
               "--layers", f"top-macs:{args.layers}", "--subsets", f"random:{args.subsets}",
               "-o", os.path.join(folder, "sweep.jsonl"), "--force", "--json", "-q"]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    result = json.loads(answer)["result"]
    return (result["cpu_us"]["setup"] + result["cpu_us"]["subsets"]) / 1e6 / result["measured"], result


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("tessera", "model", "data", "preset"):
        parser.add_argument(f"--{name}", required=True)
    for name, number in (("subsets", 1000), ("layers", 15), ("visit", 10), ("images", 4)):
        parser.add_argument(f"--{name}", type=int, default=number)
    args = parser.parse_args()
    files = sorted(os.path.join(os.path.abspath(args.data), name) for name in os.listdir(args.data)
                   if name.lower().endswith((".jpg", ".jpeg", ".png")))[:CALIBRATION]
    with tempfile.TemporaryDirectory() as folder:
        listed = os.path.join(folder, "list.txt")
        with open(listed, "w") as stream:
            stream.write("\n".join(files))
        subprocess.run([args.tessera, "calibrate", args.model, "--data", listed, "--preprocess", args.preset,
                        "-q", "-o", os.path.join(folder, "ranges.json")], check=True, capture_output=True)
        first, result = sweep(args, folder, listed)
        layers = [layer["name"] for layer in result["layers"]]
        signed = common.with_signature(args.model, os.path.join(folder, "signed.tflite"))
        reference = Reference(signed, layers, files, common.image_size(args.model), args.preset, args.images)
        reference.best()
        best, errors = cpu_seconds(reference.best, args.visit)
        second, result = sweep(args, folder, listed)
        more, other = cpu_seconds(reference.best, args.visit)
        public, _ = cpu_seconds(reference.public, max(3, args.visit // 2))
    best += more
    errors += other
    ours = [first, second]
    print(json.dumps({
        "model": os.path.basename(args.model), "layers": len(layers), "images": args.images,
        "subsets": {"sweep": result["measured"], "best": len(best), "public": len(public)},
        "cpu_ms_per_subset": {"sweep": [round(1e3 * s, 3) for s in ours],
                              "best": round(1e3 * statistics.median(best), 3),
                              "public": round(1e3 * statistics.median(public), 3)},
        "reference_errors": {"distinct": len(set(errors)), "median": statistics.median(errors)},
        "ratio_to_best": round(statistics.median(best) / max(ours), 1),
        "ratio_to_public": round(statistics.median(public) / max(ours), 1),
        "peak_rss_mib": round(result["peak_rss_bytes"] / 2**20), "work": result["work"]}, indent=1))


if __name__ == "__main__":
    main()
