#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
"""Time and memory of `tessera quantize` with ranges at hand, on a synthetic ResNet of 60 M parameters
and on any models given. Needs numpy and onnx to build the model; prints one JSON object.

  quantize_speed.py --tessera build/release/tessera [--model M --ranges R.json]... [--runs 3]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def resnet_60m(folder):
    """Bottleneck blocks 3-8-36-3 as in ResNet-152, with ranges for every value."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper, save

    rng = np.random.default_rng(0)
    nodes, weights, values = [], [], ["x"]

    def conv(x, inputs, outputs, kernel, stride=1):
        name = f"conv{len(nodes)}"
        w = rng.standard_normal((outputs, inputs, kernel, kernel), np.float32)
        weights.append(numpy_helper.from_array(w * np.float32(0.02), f"{name}_w"))
        weights.append(numpy_helper.from_array(np.zeros(outputs, np.float32), f"{name}_b"))
        pads = [kernel // 2] * 4
        nodes.append(helper.make_node("Conv", [x, f"{name}_w", f"{name}_b"], [name], name, pads=pads,
                                      strides=[stride, stride], kernel_shape=[kernel, kernel]))
        values.append(name)
        return name

    def op(kind, *inputs, **attributes):
        name = f"{kind.lower()}{len(nodes)}"
        nodes.append(helper.make_node(kind, list(inputs), [name], name, **attributes))
        values.append(name)
        return name

    x = op("Relu", conv("x", 3, 64, 7, 2))
    x = op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    width = 64
    for stage, blocks in enumerate((3, 8, 36, 3)):
        inner = 64 << stage
        for block in range(blocks):
            stride = 2 if stage > 0 and block == 0 else 1
            y = op("Relu", conv(x, width, inner, 1))
            y = op("Relu", conv(y, inner, inner, 3, stride))
            y = conv(y, inner, inner * 4, 1)
            x = conv(x, width, inner * 4, 1, stride) if block == 0 else x
            width = inner * 4
            x = op("Relu", op("Add", y, x))
    x = op("Flatten", op("GlobalAveragePool", x))
    weights.append(numpy_helper.from_array(rng.standard_normal((width, 1000), np.float32), "fc_w"))
    weights.append(numpy_helper.from_array(np.zeros(1000, np.float32), "fc_b"))
    nodes.append(helper.make_node("Gemm", [x, "fc_w", "fc_b"], ["y"], "fc"))
    values.append("y")
    graph = helper.make_graph(
        nodes, "resnet", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 224, 224])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1000])], weights)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8),
         str(folder / "resnet60m.onnx"))
    tensors = {v: {"minmax": {"min": 0.0 if v[0] in "rm" else -4.0, "max": 4.0}} for v in values}
    (folder / "resnet60m.json").write_text(json.dumps({"tensors": tensors}))


def build_apart(folder):
    """In a process of its own: a child's peak RSS starts at that of the process that forks it."""
    subprocess.run([sys.executable, __file__, "--build", folder], check=True)
    return os.path.join(folder, "resnet60m.onnx"), os.path.join(folder, "resnet60m.json")


def measure(tessera, model, ranges, out, runs, extra):
    seconds, cpu, rss, inside = [], [], [], []
    for _ in range(runs):
        began = time.perf_counter()
        process = subprocess.Popen(
            [tessera, "quantize", model, "--ranges", ranges, "-o", out, "--force", "--no-check",
             "--per-channel", "--json", "-q", *extra], stdout=subprocess.PIPE)
        answer = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        if status != 0:
            sys.exit(f"tessera failed on {model}")
        seconds.append(time.perf_counter() - began)
        cpu.append(usage.ru_utime + usage.ru_stime)
        rss.append(usage.ru_maxrss * 1024)
        inside.append(json.loads(answer)["result"].get("wall_us", 0))
    return {"model": Path(model).name, "file_bytes": os.path.getsize(model),
            "median_s": sorted(seconds)[runs // 2], "cpu_s": min(cpu), "quantize_and_save_us": sorted(inside)[runs // 2],
            "peak_rss_bytes": max(rss), "rss_per_file_byte": max(rss) / os.path.getsize(model)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tessera", default="build/release/tessera")
    parser.add_argument("--build", help=argparse.SUPPRESS)
    parser.add_argument("--model", action="append", default=[])
    parser.add_argument("--ranges", action="append", default=[])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", default="1")
    arguments = parser.parse_args()
    if arguments.build:
        resnet_60m(Path(arguments.build))
        return
    with tempfile.TemporaryDirectory() as folder:
        jobs = [build_apart(folder), *zip(arguments.model, arguments.ranges)]
        rows = [measure(arguments.tessera, m, r, os.path.join(folder, "out.onnx"), arguments.runs,
                        ["--threads", arguments.threads]) for m, r in jobs]
    print(json.dumps({"rows": rows}, indent=2))


if __name__ == "__main__":
    main()
