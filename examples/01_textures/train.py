#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
"""Trains the network of the example on rendered images and exports it to ONNX.

A developer script: nothing of tessera needs it to build or to run. Needs torch, numpy, Pillow and
onnx. Training and validation images are rendered into --cache first (about four minutes on two
cores) and are used again by the next run. No shipped image is ever seen here: calibration and
test have splits of their own.

  train.py --cache ~/.cache/tessera/example_01 --out textures.onnx
"""

import argparse
import copy
import functools
import multiprocessing
import os
import time

import numpy as np
import onnx
import torch
from torch import nn
from torch.nn import functional as F

import make_images


class ConvNorm(nn.Sequential):
    def __init__(self, channels_in, channels_out, kernel, stride=1, groups=1):
        super().__init__()
        self.conv = nn.Conv2d(
            channels_in, channels_out, kernel, stride, kernel // 2, groups=groups, bias=False
        )
        self.norm = nn.BatchNorm2d(channels_out)


class ResidualBlock(nn.Module):
    """Two plain 3x3 convolutions and ReLU (He et al. 2016)."""

    def __init__(self, channels):
        super().__init__()
        self.first = ConvNorm(channels, channels, 3)
        self.second = ConvNorm(channels, channels, 3)

    def forward(self, x):
        return F.relu(x + self.second(F.relu(self.first(x))))


class SeparableBlock(nn.Module):
    """Depthwise 3x3, pointwise, ReLU, with a residual."""

    def __init__(self, channels):
        super().__init__()
        self.depthwise = ConvNorm(channels, channels, 3, groups=channels)
        self.pointwise = ConvNorm(channels, channels, 1)

    def forward(self, x):
        return x + F.relu(self.pointwise(F.relu(self.depthwise(x))))


class InvertedResidual(nn.Module):
    """Expand, depthwise, project; linear bottleneck (Sandler et al. 2018)."""

    def __init__(self, channels_in, channels_out, expansion, kernel, stride, activation):
        super().__init__()
        hidden = channels_in * expansion
        self.expand = ConvNorm(channels_in, hidden, 1)
        self.depthwise = ConvNorm(hidden, hidden, kernel, stride, groups=hidden)
        self.project = ConvNorm(hidden, channels_out, 1)
        self.activation = activation
        self.residual = stride == 1 and channels_in == channels_out

    def forward(self, x):
        y = self.project(self.activation(self.depthwise(self.activation(self.expand(x)))))
        return x + y if self.residual else y


class Reduction(nn.Module):
    """Halves the image by a strided convolution beside a max pool; the channels add up."""

    def __init__(self, channels_in, channels_conv):
        super().__init__()
        self.conv = ConvNorm(channels_in, channels_conv, 3, stride=2)
        self.pool = nn.MaxPool2d(2)

    def forward(self, x):
        return torch.cat([F.relu(self.conv(x)), self.pool(x)], dim=1)


class TextureNet(nn.Module):
    """[N, 3, 96, 96] colours in [0, 1] -> [N, 10] logits."""

    def __init__(self, classes=10):
        super().__init__()
        relu6, silu = F.relu6, F.silu
        self.stem = ConvNorm(3, 32, 3, stride=2)
        self.texture = SeparableBlock(32)  # 48x48
        self.reduce = Reduction(32, 32)  # 24x24, 64 channels
        self.residual1 = ResidualBlock(64)
        self.inverted1 = InvertedResidual(64, 64, 2, 3, 1, relu6)
        self.inverted2 = InvertedResidual(64, 96, 2, 3, 2, relu6)  # 12x12
        self.inverted3 = InvertedResidual(96, 96, 2, 3, 1, silu)
        self.inverted4 = InvertedResidual(96, 96, 2, 5, 1, silu)
        self.inverted5 = InvertedResidual(96, 128, 2, 5, 2, silu)  # 6x6
        self.head = ConvNorm(128, 256, 1)
        self.dropout = nn.Dropout(0.1)
        self.classifier = nn.Linear(256, classes)

    def forward(self, x):
        x = F.relu(self.stem(x))
        x = self.residual1(self.reduce(self.texture(x)))
        x = self.inverted5(self.inverted4(self.inverted3(self.inverted2(self.inverted1(x)))))
        x = F.silu(self.head(x))
        x = torch.flatten(F.adaptive_avg_pool2d(x, 1), 1)
        return self.classifier(self.dropout(x))


def render_chunk(seed, split, indices):
    """Pixels after the JPEG round trip, as the network will see them."""
    rendered = [make_images.render_jpeg(seed, split, i) for i in indices]
    return np.stack([make_images.pixels_of(j) for j, _ in rendered]), np.array(
        [c for _, c in rendered], np.int64
    )


def load_split(cache, seed, split, count, workers):
    path = os.path.join(cache, f"{split}_{seed}_{count}.npz")
    if not os.path.exists(path):
        os.makedirs(cache, exist_ok=True)
        start = time.monotonic()
        chunks = np.array_split(np.arange(count), max(1, count // 100))
        with multiprocessing.Pool(workers) as pool:
            parts = pool.map(
                functools.partial(render_chunk, seed, split), [c.tolist() for c in chunks], 1
            )
        np.savez(
            path,
            pixels=np.concatenate([p for p, _ in parts]),
            classes=np.concatenate([c for _, c in parts]),
        )
        print(f"rendered {count} images of {split} in {time.monotonic() - start:.0f} s", flush=True)
    data = np.load(path)
    return data["pixels"], data["classes"]


def to_batch(pixels):
    """uint8 [N, H, W, 3] -> float [N, 3, H, W] in [0, 1], channels last in memory."""
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div_(255)


def augment(rng, pixels):
    """Symmetries that keep the class: the square's eight, and any order of the colour channels."""
    if rng.random() < 0.5:
        pixels = pixels[:, :, ::-1]
    pixels = np.rot90(pixels, int(rng.integers(4)), axes=(1, 2))
    return np.ascontiguousarray(pixels[..., rng.permutation(3)])


@torch.no_grad()
def accuracy(model, pixels, classes, batch=100):
    model.eval()
    hits = sum(
        int(
            (
                model(to_batch(pixels[i : i + batch])).argmax(1).numpy() == classes[i : i + batch]
            ).sum()
        )
        for i in range(0, len(pixels), batch)
    )
    return hits / len(pixels)


def train(model, train_set, validation_set, args):
    pixels, classes = train_set
    rng = np.random.default_rng([args.seed, 1000])
    average = torch.optim.swa_utils.AveragedModel(
        model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.995), use_buffers=True
    )
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.02)
    steps = args.epochs * (len(pixels) // args.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, args.rate, total_steps=steps, pct_start=0.2
    )
    start = time.monotonic()
    for epoch in range(args.epochs):
        model.train()
        order = rng.permutation(len(pixels))
        total = 0.0
        for i in range(len(pixels) // args.batch):
            chosen = np.sort(order[i * args.batch : (i + 1) * args.batch])
            halves = [augment(rng, pixels[part]) for part in np.array_split(chosen, 4)]
            target = torch.from_numpy(
                np.concatenate([classes[part] for part in np.array_split(chosen, 4)])
            )
            with torch.autocast("cpu", torch.bfloat16, enabled=args.bfloat16):
                logits = model(to_batch(np.concatenate(halves)))
            loss = F.cross_entropy(logits.float(), target, label_smoothing=0.05)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            average.update_parameters(model)
            total += loss.item()
        print(
            f"epoch {epoch + 1}/{args.epochs}: loss {total / (i + 1):.4f}, "
            f"validation {100 * accuracy(average.module, *validation_set):.2f} %, "
            f"{time.monotonic() - start:.0f} s",
            flush=True,
        )
    return average.module.eval()


def fold_norms(module):
    """Replaces every ConvNorm by one convolution with bias."""
    for name, child in module.named_children():
        if isinstance(child, ConvNorm):
            setattr(module, name, nn.utils.fusion.fuse_conv_bn_eval(child.conv, child.norm))
        else:
            fold_norms(child)
    return module


def export(model, path):
    """Opset 17, batch 1, norms folded; by the TorchScript exporter, whose graph is short."""
    folded = fold_norms(copy.deepcopy(model).to(memory_format=torch.contiguous_format).eval())
    with torch.no_grad():
        torch.onnx.export(
            folded,
            (torch.zeros(1, 3, make_images.SIZE, make_images.SIZE),),
            path,
            dynamo=False,
            opset_version=17,
            input_names=["image"],
            output_names=["logits"],
        )
    graph = onnx.shape_inference.infer_shapes(
        onnx.load(path), check_type=True, strict_mode=True, data_prop=True
    )
    graph.graph.name = "texture_net"
    onnx.helper.set_model_props(
        graph, {"classes": ",".join(name for _, _, name in make_images.CLASSES)}
    )
    onnx.checker.check_model(graph, full_check=True)
    onnx.save(graph, path)
    print(f"{path}: {os.path.getsize(path)} bytes, {len(graph.graph.node)} nodes")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--cache", required=True, help="folder for rendered images and the checkpoint"
    )
    parser.add_argument("--out", required=True, help="the .onnx file to write")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--images", type=int, default=20000)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument(
        "--rate", type=float, default=4e-3, help="highest learning rate of the one-cycle schedule"
    )
    parser.add_argument("--bfloat16", action="store_true", help="train in mixed bfloat16")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    train_set = load_split(args.cache, args.seed, "train", args.images, args.threads)
    validation_set = load_split(args.cache, args.seed, "validation", 1000, args.threads)
    model = TextureNet().to(memory_format=torch.channels_last)
    model = train(model, train_set, validation_set, args)
    torch.save(model.state_dict(), os.path.join(args.cache, "textures.pt"))
    export(model, args.out)


if __name__ == "__main__":
    main()
