#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
"""Trains the quantized network of the example with QKeras, and writes what tessera is checked by.

A developer script: nothing of tessera needs it to build or to run. Needs tensorflow 2.15, qkeras
0.9.0, numpy and Pillow. Images are those of example 1, rendered into --cache first and used again
by the next run; none of those that the repository carries is seen in training.

  train.py --cache ~/.cache/tessera/example_02 --out .        writes model.h5 and golden.npz
"""

import argparse
import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../01_textures"))
import make_images

SEED = 0
TRAIN, VALIDATION = 3000, 400
TEXTURES = sorted({texture for _, texture, _ in make_images.CLASSES})


def images_of(split, count, cache):
    """Pixels [count, 96, 96, 3] of 0 to 255, and places of their textures in TEXTURES."""
    path = os.path.join(cache, f"{split}_{count}.npz")
    if not os.path.exists(path):
        os.makedirs(cache, exist_ok=True)
        rendered = [make_images.render_jpeg(SEED, split, index) for index in range(count)]
        pixels = np.stack([make_images.pixels_of(jpeg) for jpeg, _ in rendered])
        np.savez(path, pixels=pixels, classes=np.array([index for _, index in rendered]))
    saved = np.load(path)
    textures = [TEXTURES.index(make_images.CLASSES[index][1]) for index in saved["classes"]]
    return saved["pixels"], np.array(textures)


def build():
    """About 2 million multiply-accumulates; weights of 4 to 8 bits, activations of 4 to 8."""
    from qkeras import (
        QActivation,
        QBatchNormalization,
        QConv2D,
        QConv2DBatchnorm,
        QDense,
        QDepthwiseConv2D,
    )
    from tensorflow.keras import Input, Model
    from tensorflow.keras.layers import (
        Add,
        BatchNormalization,
        GlobalAveragePooling2D,
        MaxPooling2D,
    )

    def weights(bits):
        return f"quantized_bits({bits},0,1,alpha='auto_po2')"

    bias = "quantized_bits(8,3,1)"

    def relu(x, name):
        return QActivation("quantized_relu(4,2)", name=name)(x)

    def convolution(x, channels, kernel, name):
        x = QConv2D(
            channels,
            kernel,
            padding="same",
            kernel_quantizer=weights(4),
            use_bias=False,
            name=name,
        )(x)
        return BatchNormalization(momentum=0.9, name=f"{name}_norm")(x)

    image = Input((96, 96, 3), name="image")
    x = QActivation("quantized_relu(8,0)", name="pixels")(image)
    # The normalization is part of its weights.
    x = QConv2DBatchnorm(
        16,
        3,
        strides=2,
        padding="same",
        kernel_quantizer=weights(6),
        bias_quantizer=bias,
        momentum=0.9,
        name="stem",
    )(x)
    x = relu(x, "stem_relu")
    x = MaxPooling2D(name="pool1")(x)
    x = QDepthwiseConv2D(
        3, padding="same", depthwise_quantizer=weights(6), bias_quantizer=bias, name="depthwise"
    )(x)
    x = QActivation("quantized_bits(6,2,1)", name="depthwise_grid")(x)
    x = relu(convolution(x, 24, 1, "pointwise"), "pointwise_relu")
    x = shortcut = MaxPooling2D(name="pool2")(x)
    x = relu(convolution(x, 24, 3, "block1"), "block1_relu")
    x = convolution(x, 24, 3, "block2")
    x = relu(Add(name="residual")([x, shortcut]), "residual_relu")
    x = MaxPooling2D(name="pool3")(x)
    # Powers of two: what multiplies is a shifter.
    x = QConv2D(24, 3, kernel_quantizer="quantized_po2(4,1)", use_bias=False, name="shifts")(x)
    x = QBatchNormalization(
        gamma_quantizer="quantized_relu_po2(6,2048)",
        beta_quantizer="quantized_bits(8,3,1)",
        mean_quantizer="quantized_bits(10,4,1)",
        variance_quantizer="quantized_relu_po2(6,quadratic_approximation=True)",
        momentum=0.9,
        name="shifts_norm",
    )(x)
    x = relu(x, "shifts_relu")
    x = GlobalAveragePooling2D(name="average")(x)
    x = QActivation("quantized_bits(8,2,1)", name="average_grid")(x)
    x = QDense(len(TEXTURES), kernel_quantizer=weights(8), bias_quantizer=bias, name="logits")(x)
    return Model(image, x, name="textures_qkeras")


def write_golden(model, pixels, path):
    """Inputs, and what the network makes of them layer by layer, of all but the largest layers."""
    import tensorflow as tf

    most = 7000  # elements of a sample
    x = pixels.astype(np.float32) / np.float32(255)
    taps = tf.keras.Model(model.inputs, [layer.output for layer in model.layers[1:]])
    values = [value.numpy() for value in taps(tf.constant(x), training=False)]
    layers = {
        f"layer/{layer.name}": value
        for layer, value in zip(model.layers[1:], values)
        if value[0].size <= most
    }
    np.savez_compressed(path, x=x, y=values[-1], **layers)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cache", required=True, help="where rendered images are kept")
    parser.add_argument("--out", default=".", help="folder of model.h5 and golden.npz")
    parser.add_argument("--epochs", type=int, default=14)
    options = parser.parse_args()

    import tensorflow as tf

    tf.keras.utils.set_random_seed(SEED)
    train, train_textures = images_of("train", TRAIN, options.cache)
    validation, validation_textures = images_of("validation", VALIDATION, options.cache)
    unit = np.float32(1 / 255)
    model = build()
    model.summary()
    batch, steps = 32, options.epochs * (TRAIN // 32)
    rate = tf.keras.optimizers.schedules.CosineDecay(6e-3, steps)
    model.compile(
        tf.keras.optimizers.Adam(rate),
        tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(
        train * unit,
        train_textures,
        batch_size=batch,
        epochs=options.epochs,
        validation_data=(validation * unit, validation_textures),
        verbose=2,
    )
    model.save(os.path.join(options.out, "model.h5"), include_optimizer=False)
    write_golden(model, validation[:2], os.path.join(options.out, "golden.npz"))


if __name__ == "__main__":
    main()
