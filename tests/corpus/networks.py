# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
"""Networks that people use, as they ship inside of Python wheels, and inputs of their kind."""
import array
import math
import random
import typing


class Network(typing.NamedTuple):
    wheel: str  # as in scripts/versions, without the version
    path: str   # inside of the wheel
    # name -> (kind of values, extents of one batch)
    inputs: dict
    # Weights are most of the file, so that static int8 must shrink it to about a quarter.
    heavy: bool = False
    # bench, profile, optimize and error sweep as well.
    thorough: bool = False


MODELS = "rapidocr_onnxruntime/models/"
VAD = "silero_vad/data/"
WAKE = "openwakeword/resources/models/"
LIGHT = "onnx/backend/test/data/light/light_"


def sound(length):
    return ("sound", [1, length])


def vad(step, rate=True, split=True):
    inputs = {"input": sound(step)}
    inputs |= {"state": ("zeros", [2, 1, 128])} if split else {}
    return inputs | ({"sr": ("16000", [])} if rate else {})


NETWORKS = [
    Network("rapidocr_onnxruntime", MODELS + "ch_PP-OCRv4_det_infer.onnx",
            {"x": ("picture", [1, 3, 160, 224])}, heavy=True),
    Network("rapidocr_onnxruntime", MODELS + "ch_PP-OCRv4_rec_infer.onnx",
            {"x": ("picture", [1, 3, 48, 160])}, heavy=True, thorough=True),
    Network("rapidocr_onnxruntime", MODELS + "ch_ppocr_mobile_v2.0_cls_infer.onnx",
            {"x": ("picture", [1, 3, 48, 192])}, thorough=True),
    Network("ddddocr", "ddddocr/common.onnx", {"input1": ("picture", [1, 1, 64, 160])}, heavy=True),
    Network("ddddocr", "ddddocr/common_old.onnx", {"input1": ("picture", [1, 1, 64, 160])}),
    Network("ddddocr", "ddddocr/common_det.onnx", {"images": ("pixels", [1, 3, 416, 416])},
            heavy=True),
    Network("silero_vad", VAD + "silero_vad.onnx", vad(576), thorough=True),
    Network("silero_vad", VAD + "silero_vad_16k_op15.onnx", vad(576)),
    Network("silero_vad", VAD + "silero_vad_half.onnx", vad(576, rate=False)),
    Network("silero_vad", VAD + "silero_vad_op18_ifless.onnx", vad(576)),
    Network("silero_vad", VAD + "silero_vad_openvino_16k.onnx", vad(576, rate=False)),
    Network("silero_vad", VAD + "silero_vad_16k_sequence.onnx",
            {"input": ("sound", [4, 576]), "h": ("zeros", [1, 1, 128]),
             "c": ("zeros", [1, 1, 128])}),
    Network("basic_pitch", "basic_pitch/saved_models/icassp_2022/nmp.onnx",
            {"serving_default_input_2:0": ("sound", [1, 43844, 1])}),
    Network("magika", "magika/models/standard_v3_3/model.onnx", {"bytes": ("bytes", [1, 2048])},
            heavy=True),
    Network("piper_tts", "piper/tashkeel/model.onnx",
            {"char_inputs": ("tokens", [1, 24]), "diac_inputs": ("ones", [1, 24]),
             "input_lengths": ("24", [1])}, heavy=True),
    Network("captcha_whisperer", "captcha_whisperer/models/captcha_crnn.onnx",
            {"image": ("picture", [1, 3, 60, 160])}),
    Network("openwakeword", WAKE + "melspectrogram.onnx", {"input": ("pulse", [1, 12400])}),
    Network("openwakeword", WAKE + "embedding_model.onnx", {"input_1": ("normal", [1, 76, 32, 1])},
            heavy=True),
    Network("openwakeword", WAKE + "silero_vad.onnx",
            {"input": sound(1536), "sr": ("16000", []), "h": ("zeros", [2, 1, 64]),
             "c": ("zeros", [2, 1, 64])}),
    *(Network("openwakeword", f"{WAKE}{name}_v0.1.onnx", {tensor: ("normal", [1, steps, 96])},
              heavy=name != "hey_mycroft")
      for name, tensor, steps in (("alexa", "onnx::Flatten_0", 16), ("hey_jarvis", "x.1", 16),
                                  ("hey_marvin", "onnx::Flatten_0", 16),
                                  ("hey_mycroft", "input_1", 16),
                                  ("timer", "onnx::Flatten_0", 34),
                                  ("weather", "onnx::Flatten_0", 22))),
    *(Network("onnx", f"{LIGHT}{name}.onnx", {tensor: ("picture", [1, 3, 224, 224])})
      for name, tensor in (("bvlc_alexnet", "data_0"), ("densenet121", "data_0"),
                           ("inception_v1", "data_0"), ("inception_v2", "data_0"),
                           ("resnet50", "gpu_0/data_0"), ("shufflenet", "gpu_0/data_0"),
                           ("squeezenet", "data_0"), ("vgg19", "data_0"),
                           ("zfnet512", "gpu_0/data_0"))),
]


def waves(source, length):
    """A sum of three sines with a fading envelope, within -1 and 1."""
    terms = [(source.uniform(.001, .2), source.uniform(0, 6.3), source.uniform(.05, .3))
             for _ in range(3)]
    return [sum(a * math.sin(f * i + p) for f, p, a in terms) * (1 - i / (2 * length))
            for i in range(length)]


def picture(source, extents):
    """Dark strokes on a lighter ground with a gradient and a little noise, within 0 and 1."""
    channels, height, width = extents[-3:]
    plane = [.7 + .2 * x / width - .1 * y / height for y in range(height) for x in range(width)]
    for _ in range(width // 8):
        x0, y0 = source.randrange(width), source.randrange(height)
        wide, tall = source.choice([(2, height // 2), (width // 12 + 1, 2)])
        for y in range(y0, min(height, y0 + tall)):
            for x in range(x0, min(width, x0 + wide)):
                plane[y * width + x] = .1
    return [value * tint + source.gauss(0, .02) for tint in (1, .9, .8)[:channels]
            for value in plane]


def values_of(kind, extents, source):
    """(numpy's descriptor, bytes)"""
    count = math.prod(extents)
    if kind == "picture":
        floats = [2 * value - 1 for value in picture(source, extents)]
    elif kind == "pixels":
        floats = [255 * value for value in picture(source, extents)]
    elif kind == "sound":
        floats = waves(source, count)
    elif kind == "pulse":
        floats = [10000 * value for value in waves(source, count)]
    elif kind == "normal":
        floats = [source.gauss(0, 1) for _ in range(count)]
    elif kind == "zeros":
        floats = [0.] * count
    else:
        draw = {"bytes": lambda: source.randrange(257), "tokens": lambda: source.randrange(1, 30),
                "ones": lambda: 1}.get(kind, lambda: int(kind))
        code, dtype = ("i", "<i4") if kind == "bytes" else ("q", "<i8")
        return dtype, array.array(code, (draw() for _ in range(count))).tobytes()
    return "<f4", array.array("f", floats).tobytes()


def samples(network, count, seed=0):
    """(name, descriptor, shape, bytes) per input, with one axis more for the samples."""
    arrays = []
    for name, (kind, extents) in network.inputs.items():
        drawn = [values_of(kind, extents, random.Random(f"{name} {seed} {index}"))
                 for index in range(count)]
        arrays.append((name, drawn[0][0], [count, *extents], b"".join(raw for _, raw in drawn)))
    return arrays
