#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
"""Every command over models that others made: the operator models of ONNX's own tests and real
networks that ship inside of Python wheels.

    corpus.py operators|networks --tessera PROGRAM --values PROGRAM [--every N] [--only REGEX] ...

`fetch` puts the files into the cache first; without the package registry the test is skipped (exit
code 77). What the inference library runs in float must go through every command, as it is and with
inputs of its own as samples, except for the reasons of the table ACCEPTED. Prints a table of what
did not, and exits 1 if there is any.
"""
import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import typing

import networks
import onnx_files

HERE = pathlib.Path(__file__).resolve().parent
SKIPPED = 77
PATIENCE_S = 120  # a command that takes longer counts as hanging

# What may fail: step, text of the error, model (all regular expressions), and why it is right.
ACCEPTED = [
    ("calibrate", "the model has no inputs", "",
     "nothing can be fed to a model that computes a constant"),
    ("calibrate|compare", "NaN", "",
     "the corpus feeds NaN to IsNaN, IsInf and trees; no range holds a NaN"),
    ("compare", "no output of .. is computed from a floating value", "",
     "integers and truth values have no distance; compare says so"),
    ("static|dynamic|float16|weight-only", r"SIZE grows: \d{2,4} -> ", "",
     "without weights there is nothing to give back for the nodes of conversions"),
    ("static u16|float16", "DISTANCE", "ch_PP-OCRv4_det",
     "its map of probabilities is empty where there is no text: compared are numbers of 1e-7"),
    ("static u16|float16", "DISTANCE", "basic_pitch/nmp",
     "logarithms of bands in which the test's waves have 1e-5 of their loudest: below 16 bits"),
    ("static u16|float16", "DISTANCE", "melspectrogram",
     "logarithms of powers up to 8e10; float16 with --data keeps those in float32 (54 dB)"),
    ("float16", "DISTANCE", "ddddocr/common_old",
     "its convolutions are quantized by Floor already: what float16 rounds moves whole steps"),
    ("static qdq", "SIZE above", "ddddocr/common.onnx",
     "static mode leaves the weights of an LSTM in float; optimize takes them dynamically"),
    ("static qdq", "SIZE above", "piper_tts/model",
     "static mode leaves the weights of nine GRUs in float, 3.3 of 4.4 MiB"),
    ("static qdq", "SIZE above", "hey_jarvis",
     "half of its weights stand in the bodies of an If"),
    ("static u16", "SIZE grows", "basic_pitch/nmp",
     "94 small operators: the nodes of 273 conversions take more room than their weights give back"),
    ("profile|error sweep", "no operator of the model takes|matches no layer", "silero_vad",
     "all that could be quantized stands in the bodies of an If"),
]


class Failure(Exception):
    """`kind` says what went wrong in words that are the same for all models it happens to."""

    def __init__(self, step, kind, detail=""):
        super().__init__(f"{step}: {kind}")
        self.step, self.kind, self.detail = step, kind, detail


class Outcome(typing.NamedTuple):
    name: str
    kind: str  # "runs", or why it was not tried
    failures: list
    figures: dict


class Workshop:
    """Runs programs on one model, in a folder of its own."""

    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.failures = []
        self.figures = {}

    def run(self, *words):
        try:
            return subprocess.run([str(word) for word in words], cwd=self.folder, text=True,
                                  errors="replace", stdin=subprocess.DEVNULL,
                                  capture_output=True, timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            raise Failure(str(words[1]), f"no answer within {PATIENCE_S} s") from None

    def tessera(self, step, *words):
        """The `result` of a command's answer, or None if it failed (which is noted)."""
        try:
            process = self.run(self.options.tessera, *words, "--json", "-q")
            if process.returncode == 0:
                return json.loads(process.stdout)["result"]
            raise Failure(step, *reason_of(process))
        except Failure as failure:
            self.note(failure)
        return None

    def note(self, failure):
        self.failures.append(failure)

    def distances(self, inputs, expected, *models):
        """What corpus_values says of each model; a model it crashed on has an error."""
        process = self.run(self.options.values, inputs, expected, *models)
        lines = [json.loads(line) for line in process.stdout.splitlines()]
        if process.returncode != 0:
            lines.append({"error": f"the runtime ended with {process.returncode}: "
                                   f"{process.stderr.strip()[-200:]}"})
        return lines


def reason_of(process):
    """(kind, whole error) of a command that failed."""
    error = next((line for line in process.stderr.splitlines() if line.startswith("error: ")), "")
    if process.returncode < 0:
        return f"SIGNAL {-process.returncode}", process.stderr[-300:]
    if process.returncode == 70 or not error:
        return f"EXIT {process.returncode}", process.stderr[-300:]
    general = re.sub(r"'[^']*'|\"[^\"]*\"|\([^()]*\)", "..", error[len("error: "):])
    general = re.sub(r"\b[\w./:#]*\d[\w./:#]*", "N", general)
    return f"exit {process.returncode}: {general[:140]}", error[:400]


# --- one model -----------------------------------------------------------------------------------

# step -> options of `quantize`; `ranges`: from the file that calibrate wrote.
WAYS = {
    "static qdq": ["--ranges", "ranges.json", "--per-channel"],
    "static qoperator": ["--ranges", "ranges.json", "--format", "qoperator"],
    "static u16": ["--ranges", "ranges.json", "--activation", "u16", "--weight", "s16"],
    "dynamic": ["--mode", "dynamic"],
    "float16": ["--mode", "float16", "--keep-io"],
    "weight-only": ["--mode", "weight-only", "--weight", "s8"],
}


def quantize_all(shop, model, samples):
    """Writes the model in every way; the files that were written, by step."""
    written = {}
    calibrated = shop.tessera("calibrate", "calibrate", model, "--data", samples, "-o",
                              "ranges.json", "--force")
    for step, options in WAYS.items():
        if calibrated is None and step.startswith("static"):
            continue
        name = step.replace(" ", "_") + ".onnx"
        result = shop.tessera(step, "quantize", model, *options, "-o", name, "--force")
        if result is None:
            continue
        written[step] = (shop.folder / name, result)
    return written


# How far the outputs may be from those expected, as a share of the largest expected value.
DISTANCE = {"float16": 2e-2, "static u16": 2e-2}
# Scales, zero points and conversions that an operator may bring; models of the corpus are tiny.
BYTES_PER_OPERATOR = 320


def total_size(path):
    return sum(file.stat().st_size for file in path.parent.glob(path.name + "*"))


def check_sizes(shop, model, written):
    before = total_size(model)
    for step, (path, result) in written.items():
        size = total_size(path)
        if size > before + BYTES_PER_OPERATOR * len(result["ops"]):
            shop.note(Failure(step, "SIZE grows", f"{before} -> {size} bytes"))


def check_distances(shop, inputs, expected, written):
    steps = [step for step in DISTANCE if step in written]
    if not steps:
        return
    answers = shop.distances(inputs, expected, *(written[step][0] for step in steps))
    for step, answer in zip(steps, answers):
        if "error" in answer:
            shop.note(Failure(step, "RUN what was written does not run", answer["error"][:300]))
            continue
        for name, far in answer["outputs"].items():
            if far.get("error"):
                shop.note(Failure(step, "DISTANCE shape", f"{name}: {far['error']}"))
            elif far.get("different") or far.get("of_range", 0) > DISTANCE[step]:
                shop.note(Failure(step, "DISTANCE from the expected output", f"{name}: {far}"))


def try_model(options, model, data_folder):
    name = model.parent.name
    with tempfile.TemporaryDirectory(prefix="corpus-") as text:
        folder = pathlib.Path(text)
        shop = Workshop(options, folder)
        try:
            runs = check_model(shop, model, data_folder)
        except Failure as failure:
            shop.note(failure)
            runs = "failed"
        return Outcome(name, runs, shop.failures, shop.figures)


def check_model(shop, model, data_folder):
    inspected = shop.tessera("inspect", "inspect", model)
    interface = onnx_files.Interface(model)
    try:
        values = onnx_files.read_values(data_folder, "input", interface.inputs)
        expected = onnx_files.read_values(data_folder, "output", interface.outputs)
    except onnx_files.Unsupported as reason:
        return f"no samples: {reason}"
    one, samples, outputs = (shop.folder / f"{x}.npz" for x in ("one", "samples", "expected"))
    onnx_files.write_npz(one, values)
    onnx_files.write_npz(samples, [(n, d, [1, *s], raw) for n, d, s, raw in values])
    onnx_files.write_npz(outputs, expected)
    answers = shop.distances(one, outputs, model)
    if not answers or "error" in answers[0]:
        return "not by the runtime"
    if inspected is None:
        return "runs"
    # Not all of the corpus's outputs are what this runtime computes: the float model's own then.
    far = [d.get("of_range", 0) for d in answers[0]["outputs"].values()]
    if any(d.get("error") or d.get("different") for d in answers[0]["outputs"].values()) or \
            max(far, default=0) > 1e-3:
        onnx_files.write_npz(outputs, [])
    written = quantize_all(shop, model, samples)
    check_sizes(shop, model, written)
    check_distances(shop, one, outputs, written)
    for step in ("static qdq", "dynamic"):
        if step in written:
            shop.tessera(f"compare {step}", "compare", model, written[step][0], "--data", samples)
    return "runs"


def operator_models(options):
    root = options.folder("onnx") / "onnx/backend/test/data/node"
    models = sorted(root.glob("*/model.onnx"))[options.offset::options.every]
    return [(path, path.parent / "test_data_set_0") for path in models
            if re.search(options.only, path.parent.name)]


# --- networks ------------------------------------------------------------------------------------

CALIBRATED, JUDGED = 4, 2  # samples
LEAST_DB = {"float16": 35, "static u16": 25}  # of outputs, on samples that calibrated nothing
LARGEST_SHARE = .35  # of the original's size: static int8 where weights dominate

# step -> the command's words behind the model; it must end with 0.
THOROUGH = {
    "bench": ["bench", "{model}", "--data", "samples.npz", "--budget", "5"],
    "profile": ["profile", "{model}", "--data", "samples.npz", "--budget", "10", "-o", "p.json"],
    "optimize": ["optimize", "{model}", "--data", "samples.npz", "--budget", "20", "-o", "out"],
    "error sweep": ["error", "sweep", "{model}", "--data", "samples.npz", "--layers", "all",
                    "--subsets", "random:2", "--images", "1", "-o", "sweep.jsonl"],
}


def try_network(options, network):
    name = f"{network.wheel}/{pathlib.PurePath(network.path).name}"
    model = options.folder(network.wheel) / network.path
    with tempfile.TemporaryDirectory(prefix="corpus-") as text:
        shop = Workshop(options, pathlib.Path(text))
        try:
            check_network(shop, network, model)
        except Failure as failure:
            shop.note(failure)
        return Outcome(name, "runs", shop.failures, shop.figures)


def check_network(shop, network, model):
    shop.tessera("inspect", "inspect", model)
    samples, others = shop.folder / "samples.npz", shop.folder / "others.npz"
    onnx_files.write_npz(samples, networks.samples(network, CALIBRATED))
    onnx_files.write_npz(others, networks.samples(network, JUDGED, seed=1))
    written = quantize_all(shop, model, samples)
    check_sizes(shop, model, written)
    shop.figures["size"] = total_size(model)
    for step, (path, result) in written.items():
        quantized = sum(op["quantized"] for op in result["ops"])
        compared = shop.tessera(f"compare {step}", "compare", model, path, "--data", others,
                                "--outputs-only")
        # Equal outputs have no ratio.
        sqnr = compared["overall"]["sqnr_db"] if compared else None
        share = total_size(path) / total_size(model)
        reasons = collections.Counter(op.get("reason", "") for op in result["ops"]
                                      if not op["quantized"])
        shop.figures[step] = {"share": share, "sqnr_db": sqnr, "quantized": quantized,
                              "of": len(result["ops"]), "why": reasons.most_common(4)}
        if network.heavy and step == "static qdq" and share > LARGEST_SHARE:
            shop.note(Failure(step, f"SIZE above {LARGEST_SHARE} of the original", f"{share:.2f}"))
        if sqnr is not None and sqnr < LEAST_DB.get(step, sqnr):
            shop.note(Failure(step, f"DISTANCE: less than {LEAST_DB[step]} dB", f"{sqnr:.1f} dB"))
    if network.thorough or shop.options.thorough:
        for step, words in THOROUGH.items():
            shop.tessera(step, *(str(model) if word == "{model}" else word for word in words))


# --- all of them ---------------------------------------------------------------------------------

def accepted(name, failure):
    return any(re.search(step, failure.step) and
               re.search(text, f"{failure.kind}: {failure.detail}") and
               re.search(model, name) for step, text, model, _ in ACCEPTED)


def table(outcomes):
    """What failed and is not accepted, the most frequent first: (lines, number of failures)."""
    where = collections.defaultdict(list)
    for outcome in outcomes:
        for failure in outcome.failures:
            if not accepted(outcome.name, failure):
                where[(failure.step, failure.kind)].append((outcome.name, failure.detail))
    lines = []
    for (step, kind), models in sorted(where.items(), key=lambda item: -len(item[1])):
        lines.append(f"{len(models):5} {step}: {kind}")
        lines += [f"        {name}: {detail[:200]}" for name, detail in models[:2]]
        lines += ["        " + " ".join(name for name, _ in models[2:20])] if models[2:] else []
    return lines, sum(map(len, where.values()))


class Options(argparse.Namespace):
    """The command line, and where things are."""

    def folder(self, wheel):
        return self.cache / f"{wheel}-{self.versions[wheel]}"


def read_options():
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser()
    parser = argparse.ArgumentParser()
    parser.add_argument("part", choices=["operators", "networks"])
    parser.add_argument("--tessera", type=pathlib.Path, required=True)
    parser.add_argument("--values", type=pathlib.Path, required=True)
    parser.add_argument("--every", type=int, default=6, help="operator models: each Nth")
    parser.add_argument("--offset", type=int, default=0, help="the first of them")
    parser.add_argument("--only", default="", help="regular expression of names")
    parser.add_argument("--thorough", action="store_true",
                        help="bench, profile, optimize and sweep of every network")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--report", type=pathlib.Path, help="figures of the networks, JSON")
    options = parser.parse_args(namespace=Options())
    options.tessera, options.values = options.tessera.resolve(), options.values.resolve()
    options.cache = cache / "tessera/corpus"
    options.versions = dict(re.findall(r"^corpus_(\w+)_version=(\S+)",
                                       (HERE / "../../scripts/versions").read_text(), re.M))
    return options


def main():
    options = read_options()
    if subprocess.run([HERE / "fetch"]).returncode == SKIPPED:
        print("SKIPPED: the corpora were NOT tested, the package registry cannot be reached")
        return SKIPPED
    started = time.time()
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        if options.part == "operators":
            outcomes = list(pool.map(lambda pair: try_model(options, *pair),
                                     operator_models(options)))
        else:
            chosen = [n for n in networks.NETWORKS if re.search(options.only, n.path)]
            outcomes = list(pool.map(lambda network: try_network(options, network), chosen))
    if options.report:
        figures = {outcome.name: outcome.figures for outcome in outcomes}
        options.report.write_text(json.dumps(figures, indent=1) + "\n")
    lines, failures = table(outcomes)
    counted = collections.Counter(outcome.kind for outcome in outcomes)
    print(f"{len(outcomes)} models in {time.time() - started:.0f} s: " +
          ", ".join(f"{count} {kind}" for kind, count in counted.most_common()))
    print("\n".join([f"{failures} failures", *lines]))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
