// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tessera/core/json.h"
#include "tessera/core/result.h"
#include "tessera/tensor/tensor.h"

/// What a Keras file says, whichever of its forms it has: layers with their configurations and
/// weights, and how they are called.
namespace tessera::keras {

struct Weight {
  /// What the layer calls it: "kernel", "moving_mean". The number that it has in a .keras file
  /// where the layer's class is not known.
  std::string name;
  std::string path;  ///< as the file has it
  Tensor value;
};

/// A tensor: one output of one call of a layer.
struct TensorRef {
  std::size_t layer = 0;   ///< place in Model::layers
  std::size_t call = 0;    ///< place in Layer::calls
  std::size_t output = 0;  ///< of the call

  bool operator==(const TensorRef&) const = default;
};

/// A layer that is used twice has two calls, and its weights once.
struct Call {
  /// In the order of the file: arguments without a name, then those that `arguments` names.
  std::vector<TensorRef> inputs;
  /// By name: constants, flags, and places in `inputs` as {"__input__": place}. Under "*args" all
  /// those without a name, where one of them is a constant.
  Json arguments = Json::object();
};

struct Model;

struct Layer {
  std::string name;
  std::string class_name;  ///< "Conv2D", "QDense", "InputLayer", without a package
  Json config = Json::object();
  std::vector<Weight> weights;  ///< in the order of the layer's own list of them
  std::vector<Call> calls;      ///< an InputLayer has one, without inputs
  /// The network that the layer is (Functional, Sequential, Model), or the one layer that it wraps
  /// (TimeDistributed, Bidirectional, QuantizeWrapperV2), as a model of one layer.
  std::shared_ptr<const Model> inner;
  /// A function of keras.ops (Keras 3: `x * 2`) and no layer, though it may be called like one
  /// ("Multiply"). It has no weights; constants are in Call::arguments["*args"].
  bool is_operation = false;

  /// A network of its own: what a wrapper holds has no inputs.
  [[nodiscard]] bool is_network() const;
};

/// A network. Layers come in the order of the file; a Sequential one has got its InputLayer, if the
/// file leaves it out, and its calls.
struct Model {
  std::string name;
  std::string keras_version;  ///< "2.15.0"; empty where the file does not say
  std::vector<Layer> layers;
  std::vector<TensorRef> inputs;
  std::vector<TensorRef> outputs;

  /// 2 or 3: some functions differ (hard_sigmoid).
  [[nodiscard]] int generation() const { return keras_version.starts_with("3") ? 3 : 2; }
};

inline bool Layer::is_network() const {
  return inner != nullptr && !inner->inputs.empty();
}

}  // namespace tessera::keras
