# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
"""Compares quantized .tflite files by tessera and by the reference quantizer with the float model.

Run by bench/litert_vs_reference. All models are judged in LiteRT's Python package, one thread, on
the same tensors. Integer inputs are fed with the nearest values of the float ones, and integer
outputs are read by their scale. The reference refuses to calibrate a file without a signature: it is
given one with a signature added, which is not timed.
"""

import argparse
import glob
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image

PRESETS = {"raw255": (1, 0), "unit": (1 / 255, 0), "signed": (1 / 127.5, -1)}
# What each tool calls the same thing.
MODES = {
    "static int8": (["--mode", "static"], "static_wi8_ai8"),
    "static int16 activations": (["--mode", "static", "--activation", "s16"], "static_wi8_ai16"),
    "dynamic": (["--mode", "dynamic"], "dynamic_wi8_afp32"),
    "weight-only": (["--mode", "weight-only"], "weight_only_wi8_afp32"),
}


# --- tensors and models ---------------------------------------------------------------------------


def interpreter(path, builtin):
    from ai_edge_litert import interpreter as litert
    kinds = litert.OpResolverType
    kind = kinds.BUILTIN_WITHOUT_DEFAULT_DELEGATES if builtin else kinds.AUTO
    runner = litert.Interpreter(model_path=path, num_threads=1, experimental_op_resolver_type=kind)
    runner.allocate_tensors()
    return runner


def image_size(path):
    shape = interpreter(path, True).get_input_details()[0]["shape"]
    return int(shape[1]), int(shape[2])


def tensor(file, size, preset):
    scale, offset = PRESETS[preset]
    image = Image.open(file).convert("RGB").resize((size[1], size[0]), Image.BILINEAR)
    return np.asarray(image, np.float32)[None] * np.float32(scale) + np.float32(offset)


def to_integers(values, detail):
    scale, zero_point = detail["quantization"]
    limits = np.iinfo(detail["dtype"])
    return np.clip(np.rint(values / scale) + zero_point, limits.min, limits.max).astype(detail["dtype"])


def to_floats(values, detail):
    if values.dtype.kind == "f":
        return values.astype(np.float64)
    scale, zero_point = detail["quantization"]
    return (values.astype(np.float64) - zero_point) * scale


def outputs(path, samples, builtin):
    """A row per sample: all outputs as real numbers."""
    runner = interpreter(path, builtin)
    given = runner.get_input_details()[0]
    made = runner.get_output_details()
    rows = []
    for sample in samples:
        fed = sample if given["dtype"] == np.float32 else to_integers(sample, given)
        runner.set_tensor(given["index"], fed)
        runner.invoke()
        rows.append(np.concatenate([to_floats(runner.get_tensor(one["index"]), one).ravel() for one in made]))
    return np.stack(rows)


def judge(path, samples, wanted):
    row = {"bytes": os.path.getsize(path)}
    for kernels in ("builtin", "xnnpack"):
        try:
            got = outputs(path, samples, kernels == "builtin")
        except Exception as error:  # whatever the library throws is a result of its own
            row[kernels] = {"error": str(error).splitlines()[0][:200]}
            continue
        noise = ((got - wanted) ** 2).sum()
        row[kernels] = {
            "sqnr_db": None if noise == 0 else round(10 * float(np.log10((wanted ** 2).sum() / noise)), 2),
            "same_top_1": round(float((got.argmax(1) == wanted.argmax(1)).mean()), 4)}
    return row


# --- quantizing -----------------------------------------------------------------------------------


def with_signature(model, target):
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils
    content = flatbuffer_utils.read_model(model)
    if content.signatureDefs:
        return model
    graph = content.subgraphs[0]
    signature = schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = b"serving_default", 0
    for attribute, tensors in (("inputs", graph.inputs), ("outputs", graph.outputs)):
        entries = []
        for i, index in enumerate(tensors):
            entry = schema.TensorMapT()
            entry.name, entry.tensorIndex = f"{attribute}_{i}".encode(), int(index)
            entries.append(entry)
        setattr(signature, attribute, entries)
    content.signatureDefs = [signature]
    flatbuffer_utils.write_model(content, target)
    return target


def reference(args):
    """In a process of its own: quantizes as the package's documentation does."""
    from ai_edge_quantizer import quantizer, recipe
    tool = quantizer.Quantizer(args.model)
    tool.load_quantization_recipe(getattr(recipe, args.stage)())
    ranges = None
    if tool.need_calibration:
        runner = interpreter(args.model, True)
        key, names = next(iter(runner.get_signature_list().items()))
        size = image_size(args.model)
        files = open(args.list).read().split("\n")
        samples = [{names["inputs"][0]: tensor(file, size, args.preset)} for file in files]
        ranges = tool.calibrate({key: samples}, num_threads=1)
    tool.quantize(ranges).export_model(args.output, overwrite=True)


def reference_command(args, recipe, model, files, output):
    return [sys.executable, os.path.abspath(__file__), "--stage", recipe, "--model", model, "--images",
            args.images, "--preset", args.preset, "--tessera", args.tessera, "--list", files,
            "--output", output]


def tessera_command(args, options, files, output):
    command = [args.tessera, "quantize", args.model, "-o", output, "--force", "--threads", "1", "-q", *options]
    if "static" in options:
        command += ["--data", files, "--preprocess", args.preset]
    return command


# A process counts the memory of the one that it was forked from as its own until it runs a program
# of its own: what starts the programs has to be small.
STARTER = """
import json, os, sys, time
start = time.perf_counter()
child = os.fork()
if child == 0:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.execvp(sys.argv[1], sys.argv[1:])
_, status, usage = os.wait4(child, 0)
print(json.dumps({"wall_s": time.perf_counter() - start, "cpu_s": usage.ru_utime + usage.ru_stime,
                  "peak_rss_mib": usage.ru_maxrss / 1024, "exit": os.waitstatus_to_exitcode(status)}))
"""


def spent(command):
    """Wall and CPU seconds and peak memory of a process."""
    process = subprocess.run([sys.executable, "-I", "-S", "-c", STARTER, *command], check=True,
                             capture_output=True, text=True, errors="replace")
    result = json.loads(process.stdout)
    code = result.pop("exit")
    if code != 0:
        lines = [line for line in process.stderr.splitlines() if "rror" in line] or [f"exit code {code}"]
        result["error"] = lines[-1][:200]
    return result


def race(args, contestants):
    """The contestants take turns in a random order."""
    runs = {name: [] for name in contestants}
    order = random.Random(1)
    for _ in range(args.rounds):
        names = list(contestants)
        order.shuffle(names)
        for name in names:
            runs[name].append(spent(contestants[name]))
    report = {}
    for name, rows in runs.items():
        failed = [row["error"] for row in rows if "error" in row]
        report[name] = {"error": failed[0]} if failed else {
            key: round(statistics.median(row[key] for row in rows), 3) for key in rows[0]}
    if all("error" not in row for row in report.values()):
        report["reference_to_tessera"] = {
            key: round(report["reference"][key] / report["tessera"][key], 2) for key in ("wall_s", "cpu_s", "peak_rss_mib")}
    return report


# --- the report -----------------------------------------------------------------------------------


def report(args):
    files = sorted(f for f in glob.glob(os.path.join(args.images, "*")) if f.lower().endswith((".jpg", ".jpeg", ".png")))
    size = image_size(args.model)
    tested = [tensor(file, size, args.preset) for file in files[args.calibration:]]
    wanted = outputs(args.model, tested, True)
    with tempfile.TemporaryDirectory() as folder:
        listed = os.path.join(folder, "calibration.txt")
        with open(listed, "w") as stream:
            stream.write("\n".join(os.path.abspath(file) for file in files[:args.calibration]))
        signed = with_signature(args.model, os.path.join(folder, "signed.tflite"))
        rows = {"float": judge(args.model, tested, wanted)}
        for name, (options, recipe) in MODES.items():
            commands = {"tessera": lambda out: tessera_command(args, options, listed, out),
                        "reference": lambda out: reference_command(args, recipe, signed, listed, out)}
            for tool, command in commands.items():
                out = os.path.join(folder, "quantized.tflite")
                made = spent(command(out))
                rows[f"{tool}, {name}"] = {"error": made["error"]} if "error" in made else judge(out, tested, wanted)
        for other in args.other:
            rows[os.path.basename(other)] = judge(other, tested, wanted)
        options, recipe = MODES["static int8"]
        processes = race(args, {
            "tessera": tessera_command(args, options, listed, os.path.join(folder, "ours.tflite")),
            "reference": reference_command(args, recipe, signed, listed, os.path.join(folder, "theirs.tflite"))})
    print(json.dumps({"model": os.path.basename(args.model), "calibration": args.calibration, "tested": len(tested),
                      "static_int8_as_a_process": {"rounds": args.rounds, **processes}, "outputs": rows}, indent=2))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("tessera", "model", "images"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--preset", required=True, choices=sorted(PRESETS))
    parser.add_argument("--other", action="append", default=[])
    parser.add_argument("--calibration", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=7)
    for name in ("stage", "list", "output"):
        parser.add_argument("--" + name, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.stage:
        reference(args)
    else:
        report(args)


if __name__ == "__main__":
    main()
