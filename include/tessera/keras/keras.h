// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/result.h"
#include "tessera/keras/tensor_report.h"
#include "tessera/onnx/model.h"
#include "tessera/tensor/tensor.h"
#include "tessera/tensor/value_type.h"

/// Keras and QKeras files (.h5, .keras) as ONNX models, without TensorFlow.
namespace tessera::keras {

struct ImportOptions {
  /// Inputs and outputs keep the axes that Keras has, channels last. Otherwise images are [N, C, H,
  /// W], and sequences that go into 1-D convolutions [N, C, T], as everything in between is.
  bool keep_layout = false;
  /// BatchNormalization behind a convolution goes into its weights; values in between are gone
  /// then. Equal up to rounding, but for convolutions on 8-bit grids: their biases are rounded as
  /// well, and about one result in a thousand falls one step of its grid beside.
  bool fold_batch_norm = false;
  /// Imported::tensors is filled: one more pass over weights that have quantizers.
  bool reports = false;
  /// The architecture as JSON, for .h5 files that hold weights alone; empty: the file has it.
  std::filesystem::path config;
};

/// How a value lies in the ONNX model, against its axes in Keras.
enum class Layout : std::uint8_t {
  kKeras,              ///< the same
  kChannelsFirst,      ///< the last axis comes second: [N, H, W, C] is [N, C, H, W]
  kFlatChannelsFirst,  ///< [N, features], of [N, C, H, W] instead of [N, H, W, C]
};

/// "Nx8x8x3", "?" where an extent has no name, "scalar" without any.
[[nodiscard]] std::string to_string(const std::vector<Dim>& shape);

/// An output of one call of a layer.
struct ImportedLayer {
  std::string name;        ///< of the layer; "outer/inner" in nested networks; "x_1": second call
  std::string class_name;  ///< "Conv2D"
  std::string value;       ///< in the ONNX model; layers that do nothing have that of their input
  std::vector<Dim> shape;  ///< in Keras' order, batch first
  Layout layout = Layout::kKeras;
  /// Extents behind the batch in Keras' order, before they were flattened: of kFlatChannelsFirst.
  Shape unflattened;
};

struct Imported {
  onnx::Model model;
  std::vector<ImportedLayer> layers;   ///< in the order in which they are computed
  std::vector<ImportedLayer> inputs;   ///< as model.inputs()
  std::vector<ImportedLayer> outputs;  ///< as model.outputs()
  /// Of quantized weights and activations, in the order in which layers are computed; with
  /// ImportOptions::reports. A layer that is called twice is there once.
  std::vector<TensorReport> tensors;
};

/// Reads a Keras file and makes an ONNX model of it: opset 17, or 21 where quantizers of 9 to 16
/// bits ask for it. The batch is the symbol "N". Every layer's result is a value called after the
/// layer; weights of QKeras layers are integers with DequantizeLinear, or floats on their grid.
/// Cost: O(weights), about twice their size in memory.
/// Errors: those of reading the file; kUnimplemented naming layer and class for what is not known
/// (Lambda, custom layers), with the classes that are; kDataLoss naming the layer where weights are
/// not those of its configuration, or no numbers.
[[nodiscard]] Result<Imported> import(const std::filesystem::path& file,
                                      const ImportOptions& options = {});

/// Whether import() would read the file, as far as its first bytes (8, or all of a shorter one)
/// and its name tell.
[[nodiscard]] bool is_keras_file(std::string_view first_bytes, const std::filesystem::path& path);

/// A value of the model with its axes in Keras' order. Errors: kInvalidArgument for a tensor that
/// is not of that layer.
[[nodiscard]] Result<Tensor> in_keras_order(const TensorView& value, const ImportedLayer& layer);
/// The other way: an input as the model takes it.
[[nodiscard]] Result<Tensor> as_imported(const TensorView& value, const ImportedLayer& layer);

}  // namespace tessera::keras
