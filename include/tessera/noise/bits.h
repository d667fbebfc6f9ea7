// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tessera/core/json.h"
#include "tessera/core/monitor.h"
#include "tessera/core/result.h"
#include "tessera/data/sample_set.h"
#include "tessera/keras/width_energy.h"
#include "tessera/network/network.h"
#include "tessera/quantize/recipe.h"
#include "tessera/runtime/library.h"
#include "tessera/runtime/session.h"

/// How few bits the weights and activations of each layer can have, without training.
namespace tessera::noise {

enum class BitsCost : std::uint8_t {
  kEnergy,  ///< pJ of one inference: products, sums, and moving weights and activations
  kBits,    ///< of all weights and of all activations that are rounded
};

struct BitsOptions {
  std::vector<int> weight_bits = {8, 6, 5, 4, 3, 2};
  std::vector<int> activation_bits = {16, 8, 6, 4};
  BitsCost cost = BitsCost::kEnergy;
  keras::BitStore store = keras::BitStore::kSram;
  std::string alpha = "auto";  ///< of quantized_bits for weights: "auto" or "auto_po2"
  /// No step goes below; absent: down to the fewest bits.
  std::optional<double> min_sqnr_db;
};

/// A layer of the Keras file that the model was imported from.
struct NamedLayer {
  std::string name;
  std::string class_name;
  std::string value;  ///< its result in the model
};

/// Nothing of it is owned.
struct BitsSetup {
  const network::Network* model = nullptr;  ///< ONNX, types inferred
  std::shared_ptr<const runtime::Library> library;
  runtime::SessionOptions session;
  const data::SampleSet* samples = nullptr;      ///< on which SQNR is measured; all are held
  const data::SampleSet* calibration = nullptr;  ///< on which grids of activations are chosen
  std::vector<NamedLayer> layers;                ///< of a Keras file; else empty
};

/// One thing that has a width: the weights of a layer, or the activations that it ends with.
struct BitsLayer {
  std::string layer;
  std::string type;  ///< of the operator
  std::optional<int> weight_bits;
  std::optional<int> activation_bits;
  std::string quantizer;  ///< as QKeras writes it; empty: as in the file
};

/// What model_quantize() of QKeras is told of a layer.
struct QuantizerEntry {
  std::string layer;
  std::string activation;  ///< of a layer that is an activation: nothing else is said of it
  /// "kernel_quantizer" and the like; absent: none.
  std::map<std::string, std::optional<std::string>> quantizers;
};

/// One width was lowered, besides those before it.
struct BitsStep {
  std::string layer;
  std::optional<int> weight_bits;
  std::optional<int> activation_bits;
  double cost = 0;
  double sqnr_db = 0;
  bool front = false;  ///< no other point of the path has more SQNR at no more cost
};

struct Bits {
  std::string cost_unit;     ///< "pJ" or "bits"
  double cost = 0;           ///< with the most bits everywhere
  double sqnr_db = 0;        ///< with the most bits everywhere
  std::int64_t samples = 0;  ///< that SQNR is measured on
  std::int64_t models = 0;   ///< settings that were run on all of them
  std::vector<BitsStep> steps;
  std::int64_t chosen = 0;        ///< steps up to the point that was chosen
  double chosen_cost = 0;         ///< there
  double chosen_sqnr_db = 0;      ///< there
  std::vector<BitsLayer> layers;  ///< there
  quantize::Recipe recipe;        ///< there, in the types that kernels have
  /// There: what model_quantize() of QKeras takes, by layer.
  std::vector<QuantizerEntry> quantizer_config;
  /// There: activations that the dictionary cannot say, for a QActivation behind the layer.
  std::vector<BitsLayer> by_hand;
};

/// Lowers widths one after the other from the most bits, always the one that adds least noise for
/// what it saves of the cost.
///
/// Every setting is run: weights as QKeras' quantized_bits makes them (per output channel, of
/// depthwise layers per channel, of transposed convolutions per channel that goes in), activations
/// rounded in float on grids of powers of two (quantized_relu, quantized_bits), in whatever kernels
/// the runtime computes floats with, and SQNR is over all judged outputs and samples against the
/// model as it is. What a width adds is measured again after a step for those that may still be
/// best (Minoux 1978).
///
/// Weights: those of convolutions, fully connected layers and products with a constant matrix.
/// Activations: what these read, back to where it is computed (past moves, maxima and averages),
/// and results of ReLU. Weights and activations that are on a grid in the file start as they are.
/// Everything else stays float, inputs of the network too (counted with 8 bits).
/// Without a limit, the point is chosen where the front bends most in SQNR over log cost.
/// Deterministic. Cost: a few runs of the samples per step.
/// Errors: kUnimplemented for formats other than ONNX; kInvalidArgument for widths beyond 2..8 and
/// 4..16, for another `alpha` and without samples; kFailedPrecondition if no layer has such weights
/// or an extent is open; those of the runtime; kCancelled.
[[nodiscard]] Result<Bits> find_bits(const BitsSetup& setup, const BitsOptions& options,
                                     Monitor& monitor);

[[nodiscard]] Json to_json(const Bits& bits);
/// {layer: quantizer, layer: {"kernel_quantizer": quantizer or null, ...}}
[[nodiscard]] Json to_json(const std::vector<QuantizerEntry>& config);

}  // namespace tessera::noise
