#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
"""Networks of the kinds that integers have to pay on, and a race of what `tessera quantize` makes of them
against float32: models, ms (CPU time of one thread, medians of interleaved runs in random order), speed-up and
SQNR. Weights are random with BatchNorm folded in, so figures are of speed and rounding, not of any task.

  kernels_networks.py build FOLDER                             writes the networks as float32 models
  kernels_networks.py race --tessera build/release/tessera FOLDER [--only NAME]... [--rounds 40]

Needs numpy and onnx; race needs onnxruntime.
"""

import argparse
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np


class Builder:
    """A model operator by operator; values are known by name, with their shapes [N, C, H, W]."""

    def __init__(self, side):
        self.nodes, self.weights, self.random = [], [], np.random.default_rng(0)
        self.shapes = {"x": (1, 3, side, side)}
        self.outputs = []

    def op(self, kind, inputs, shape, **attributes):
        return self.ops(kind, inputs, [shape], **attributes)[0]

    def ops(self, kind, inputs, shapes, **attributes):
        from onnx import helper

        names = [f"{kind.lower()}{len(self.nodes)}_{i}" for i in range(len(shapes))]
        self.nodes.append(helper.make_node(kind, inputs, names, names[0], **attributes))
        self.shapes.update(zip(names, shapes))
        return names

    def constant(self, values, dtype=np.float32):
        from onnx import numpy_helper

        name = f"constant{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def conv(self, x, outputs, kernel=1, stride=1, group=1, gain=1.0):
        _, inputs, height, width = self.shapes[x]
        fan_in = inputs // group * kernel * kernel
        w = self.random.standard_normal((outputs, inputs // group, kernel, kernel)) * gain * (2 / fan_in) ** 0.5
        b = self.random.standard_normal(outputs) * 0.1
        shape = (1, outputs, -(-height // stride), -(-width // stride))
        return self.op("Conv", [x, self.constant(w), self.constant(b)], shape, kernel_shape=[kernel] * 2,
                       strides=[stride] * 2, pads=[kernel // 2] * 4, group=group)

    def depthwise(self, x, kernel=3, stride=1):
        channels = self.shapes[x][1]
        return self.conv(x, channels, kernel, stride, channels)

    def unary(self, kind, x, **attributes):
        return self.op(kind, [x], self.shapes[x], **attributes)

    def leaky(self, x):
        return self.unary("LeakyRelu", x, alpha=0.1)

    def relu6(self, x):
        return self.op("Clip", [x, self.constant(0), self.constant(6)], self.shapes[x])

    def silu(self, x):
        return self.op("Mul", [x, self.unary("Sigmoid", x)], self.shapes[x])

    def add(self, a, b):
        return self.op("Add", [a, b], self.shapes[a])

    def concat(self, values, axis=1):
        shape = list(self.shapes[values[0]])
        shape[axis] = sum(self.shapes[value][axis] for value in values)
        return self.op("Concat", values, tuple(shape), axis=axis)

    def split(self, x, parts):
        n, _, *rest = self.shapes[x]
        return self.ops("Split", [x, self.constant(parts, np.int64)], [(n, part, *rest) for part in parts], axis=1)

    def reshape(self, x, shape):
        return self.op("Reshape", [x, self.constant(shape, np.int64)], tuple(shape))

    def transpose(self, x, axes):
        return self.op("Transpose", [x], tuple(self.shapes[x][axis] for axis in axes), perm=axes)

    def shuffle(self, x, groups):
        n, channels, height, width = self.shapes[x]
        x = self.reshape(x, (n, groups, channels // groups, height, width))
        return self.reshape(self.transpose(x, [0, 2, 1, 3, 4]), (n, channels, height, width))

    def pool(self, kind, x, kernel, stride):
        n, channels, height, width = self.shapes[x]
        return self.op(kind, [x], (n, channels, -(-height // stride), -(-width // stride)),
                       kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[kernel // 2] * 4)

    def global_pool(self, x):
        return self.op("GlobalAveragePool", [x], (*self.shapes[x][:2], 1, 1))

    def matmul(self, a, b):
        return self.op("MatMul", [a, b], (*self.shapes[a][:-1], self.shapes[b][-1]))

    def classifier(self, x, classes=1000):
        channels = self.shapes[x][1]
        flat = self.op("Flatten", [self.global_pool(x)], (1, channels))
        w = self.random.standard_normal((channels, classes)) * channels**-0.5
        return self.op("Gemm", [flat, self.constant(w), self.constant(np.zeros(classes))], (1, classes))

    def save(self, path, outputs):
        from onnx import TensorProto, checker, helper, save

        def info(name):
            return helper.make_tensor_value_info(name, TensorProto.FLOAT, self.shapes[name])

        graph = helper.make_graph(self.nodes, path.stem, [info("x")], [info(name) for name in outputs], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        checker.check_model(model, full_check=True)
        save(model, path)


def shufflenet(path):
    """Units of both kinds: sums behind a shuffle at 28 x 28, splits before one from 14 x 14 on."""
    net = Builder(224)
    x = net.pool("MaxPool", net.leaky(net.conv("x", 24, 3, 2)), 3, 2)

    def branch(x, outputs, stride, groups):
        inner = net.leaky(net.conv(x, outputs))
        if groups > 1:
            inner = net.shuffle(inner, groups)
        return net.conv(net.depthwise(inner, 3, stride), outputs, gain=0.7)

    x = net.leaky(net.concat([net.pool("AveragePool", x, 3, 2), branch(x, 96, 2, 4)]))
    for _ in range(3):
        x = net.leaky(net.add(x, branch(x, net.shapes[x][1], 1, 4)))
    for width, units in [(232, 7), (464, 3)]:
        left = net.leaky(net.conv(net.depthwise(x, 3, 2), width // 2))
        x = net.shuffle(net.concat([left, net.leaky(branch(x, width // 2, 2, 1))]), 2)
        for _ in range(units):
            left, right = net.split(x, [width // 2] * 2)
            x = net.shuffle(net.concat([left, net.leaky(branch(right, width // 2, 1, 1))]), 2)
    net.save(path, [net.classifier(net.leaky(net.conv(x, 1024)))])


def mobilenet_v2(path):
    net = Builder(224)
    x = net.relu6(net.conv("x", 32, 3, 2))
    for expand, width, count, stride in [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1),
                                         (6, 160, 3, 2), (6, 320, 1, 1)]:
        for i in range(count):
            inputs = net.shapes[x][1]
            inner = net.relu6(net.conv(x, inputs * expand)) if expand > 1 else x
            inner = net.relu6(net.depthwise(inner, 3, stride if i == 0 else 1))
            inner = net.conv(inner, width, gain=0.7)
            x = net.add(x, inner) if i > 0 else inner
    net.save(path, [net.classifier(net.relu6(net.conv(x, 1280)))])


def mobilenet_v3(path):
    net = Builder(224)

    def hard_swish(x):
        return net.unary("HardSwish", x)

    def relu(x):
        return net.unary("Relu", x)

    def squeeze_excite(x):
        channels = net.shapes[x][1]
        inner = relu(net.conv(net.global_pool(x), channels // 4 // 8 * 8))
        gate = net.unary("HardSigmoid", net.conv(inner, channels), alpha=1 / 6)
        return net.op("Mul", [x, gate], net.shapes[x])

    x = hard_swish(net.conv("x", 16, 3, 2))
    for kernel, inner_width, width, excite, act, stride in [
            (3, 16, 16, False, relu, 1), (3, 64, 24, False, relu, 2), (3, 72, 24, False, relu, 1),
            (5, 72, 40, True, relu, 2), (5, 120, 40, True, relu, 1), (5, 120, 40, True, relu, 1),
            (3, 240, 80, False, hard_swish, 2), (3, 200, 80, False, hard_swish, 1), (3, 184, 80, False, hard_swish, 1),
            (3, 184, 80, False, hard_swish, 1), (3, 480, 112, True, hard_swish, 1), (3, 672, 112, True, hard_swish, 1),
            (5, 672, 160, True, hard_swish, 2), (5, 960, 160, True, hard_swish, 1), (5, 960, 160, True, hard_swish, 1)]:
        inner = act(net.depthwise(act(net.conv(x, inner_width)), kernel, stride))
        inner = net.conv(squeeze_excite(inner) if excite else inner, width, gain=0.7)
        x = net.add(x, inner) if net.shapes[inner] == net.shapes[x] else inner
    net.save(path, [net.classifier(hard_swish(net.conv(x, 960)))])


def segmenter(path, side=640, width=1.0):
    """A one-stage segmentation network: SiLU blocks, pyramid, attention, boxes as distributions, masks."""
    net = Builder(side)

    def of(channels):
        return max(8, int(channels * width) // 8 * 8)

    def conv(x, channels, kernel=1, stride=1):
        return net.silu(net.conv(x, channels, kernel, stride))

    def bottleneck(x, channels, inner=None):
        return net.add(x, conv(conv(x, inner or channels // 2, 3), channels, 3))

    def block(x, channels, inner, deep):
        """Split, one bottleneck or two within a second split by 1 x 1 convolutions, all joined."""
        a, b = net.split(conv(x, 2 * inner), [inner] * 2)
        if deep:
            y = bottleneck(bottleneck(conv(b, inner // 2), inner // 2, inner // 2), inner // 2, inner // 2)
            y = conv(net.concat([y, conv(b, inner // 2)]), inner)
        else:
            y = bottleneck(b, inner)
        return conv(net.concat([a, b, y]), channels)

    def pyramid_pool(x, channels):
        values = [conv(x, channels // 2)]
        for _ in range(3):
            values.append(net.pool("MaxPool", values[-1], 5, 1))
        return conv(net.concat(values), channels)

    def attention(x):
        _, channels, height, w = net.shapes[x]
        heads, dim, pixels = max(1, channels // 64), 64, height * w
        qkv = net.reshape(net.conv(x, 2 * channels), (1, heads, 2 * dim, pixels))
        _, _, *rest = net.shapes[qkv]
        parts = net.constant([32, 32, 64], np.int64)
        q, k, v = net.ops("Split", [qkv, parts], [(1, heads, n, pixels) for n in (32, 32, 64)], axis=2)
        scores = net.matmul(net.transpose(q, [0, 1, 3, 2]), k)
        scores = net.op("Mul", [scores, net.constant(32**-0.5)], net.shapes[scores])
        weights = net.unary("Softmax", scores, axis=-1)
        y = net.reshape(net.matmul(v, net.transpose(weights, [0, 1, 3, 2])), net.shapes[x])
        y = net.add(y, net.depthwise(net.reshape(v, net.shapes[x])))
        return net.conv(y, channels)

    def attend(x, channels):
        a, b = net.split(conv(x, channels), [channels // 2] * 2)
        b = net.add(b, attention(b))
        b = net.add(b, net.conv(conv(b, channels), channels // 2))
        return conv(net.concat([a, b]), channels)

    def upsample(x):
        n, channels, height, w = net.shapes[x]
        return net.op("Resize", [x, "", net.constant([1, 1, 2, 2])], (n, channels, 2 * height, 2 * w),
                      mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")

    x = conv(conv("x", of(16), 3, 2), of(32), 3, 2)
    x = conv(block(x, of(64), of(16), False), of(64), 3, 2)
    p3 = block(x, of(128), of(32), False)
    p4 = block(conv(p3, of(128), 3, 2), of(128), of(64), True)
    x = block(conv(p4, of(256), 3, 2), of(256), of(128), True)
    p5 = attend(pyramid_pool(x, of(256)), of(256))
    n4 = block(net.concat([upsample(p5), p4]), of(128), of(64), False)
    o3 = block(net.concat([upsample(n4), p3]), of(64), of(32), False)
    o4 = block(net.concat([conv(o3, of(64), 3, 2), n4]), of(128), of(64), False)
    o5 = block(net.concat([conv(o4, of(128), 3, 2), p5]), of(256), of(128), True)

    boxes, classes, masks = [], [], []
    for level in (o3, o4, o5):
        pixels = net.shapes[level][2] * net.shapes[level][3]
        box = net.conv(conv(conv(level, 64, 3), 64, 3), 64)
        wide = of(80)
        kind = conv(net.silu(net.depthwise(level)), wide)
        kind = net.conv(conv(net.silu(net.depthwise(kind)), wide), 80)
        mask = net.conv(conv(conv(level, 32, 3), 32, 3), 32)
        for values, value, channels in ((boxes, box, 64), (classes, kind, 80), (masks, mask, 32)):
            values.append(net.reshape(value, (1, channels, pixels)))
    box, kind, mask = (net.concat(values, 2) for values in (boxes, classes, masks))
    pixels = net.shapes[box][2]
    bins = net.transpose(net.reshape(box, (1, 4, 16, pixels)), [0, 2, 1, 3])
    bins = net.unary("Softmax", bins, axis=1)
    distance = net.op("Conv", [bins, net.constant(np.arange(16).reshape(1, 16, 1, 1))], (1, 1, 4, pixels))
    distance = net.reshape(distance, (1, 4, pixels))
    result = net.concat([distance, net.unary("Sigmoid", kind), mask])

    protos = conv(o3, of(64), 3)
    n, channels, height, w = net.shapes[protos]
    weights = net.random.standard_normal((channels, channels, 2, 2)) * channels**-0.5
    protos = net.op("ConvTranspose", [protos, net.constant(weights), net.constant(np.zeros(channels))],
                    (n, channels, 2 * height, 2 * w), kernel_shape=[2, 2], strides=[2, 2])
    net.save(path, [result, conv(conv(protos, of(64), 3), 32)])


NETWORKS = {
    "shufflenet": shufflenet,
    "mobilenet_v2": mobilenet_v2,
    "mobilenet_v3": mobilenet_v3,
    "segmenter": segmenter,
    "segmenter_wide": lambda path: segmenter(path, width=4.0),
}
FORMS = {"qdq": ["--format", "qdq"], "qoperator": ["--format", "qoperator"], "kernels": ["--kernels", "tessera"]}


def build(folder, only):
    folder.mkdir(parents=True, exist_ok=True)
    for name in only:
        NETWORKS[name](folder / f"{name}.onnx")


def quantize(tessera, source, form):
    target = source.with_suffix(f".{form}.onnx")
    ranges = source.with_suffix(".ranges.json")
    if not ranges.exists():
        subprocess.run([tessera, "calibrate", source, "--data", "random:4", "--method", "minmax", "-o", ranges, "-q"],
                       check=True)
    subprocess.run([tessera, "quantize", source, "--ranges", ranges, "--per-channel", *FORMS[form], "-o", target,
                    "--force", "-q", "--no-check"], check=True)
    return target


def race(models, library, rounds):
    import onnxruntime

    sessions = {}
    for name, path in models.items():
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 4
        if name == "kernels":
            options.register_custom_ops_library(str(library))
        sessions[name] = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    model_input = sessions["float32"].get_inputs()[0]
    feeds = {model_input.name: np.random.default_rng(1).standard_normal(model_input.shape, np.float32)}
    results = {name: session.run(None, feeds) for name, session in sessions.items()}
    times = {name: [] for name in sessions}
    for _ in range(rounds):
        for name in random.sample(list(sessions), len(sessions)):
            start = time.thread_time()
            sessions[name].run(None, feeds)
            times[name].append(time.thread_time() - start)
    wanted = results["float32"]
    power = sum(float((value.astype(np.float64)**2).sum()) for value in wanted)
    float_ms = np.median(times["float32"]) * 1e3
    for name, values in times.items():
        error = sum(float(((a.astype(np.float64) - b)**2).sum()) for a, b in zip(wanted, results[name]))
        ms = np.median(values) * 1e3
        print(f"  {name:10} {ms:8.2f} ms (least {min(values) * 1e3:.2f})  {float_ms / ms:.2f} x  "
              f"{10 * np.log10(power / max(error, 1e-30)):.1f} dB", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["build", "race"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tessera", type=Path, default=Path("build/release/tessera"))
    parser.add_argument("--only", action="append", choices=NETWORKS)
    parser.add_argument("--rounds", type=int, default=40)
    arguments = parser.parse_args()
    only = arguments.only or list(NETWORKS)
    if arguments.command == "build":
        build(arguments.folder, only)
        return
    for name in only:
        source = arguments.folder / f"{name}.onnx"
        if not source.exists():
            build(arguments.folder, [name])
        print(name, flush=True)
        models = {"float32": source} | {form: quantize(arguments.tessera, source, form) for form in FORMS}
        race(models, arguments.tessera.parent / "libtessera_kernels.so", arguments.rounds)


if __name__ == "__main__":
    sys.exit(main())
