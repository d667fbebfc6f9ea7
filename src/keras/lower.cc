// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "keras/lower.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <queue>
#include <set>

#include "keras/integer_form.h"
#include "keras/lowering.h"
#include "tessera/keras/quantizer.h"
#include "tessera/keras/quantizer_onnx.h"
#include "tessera/onnx/normalize.h"

namespace tessera::keras {
namespace {

constexpr std::int64_t kOpset = 17;
constexpr std::size_t kMostAxes = 5;

/// A call of a network, by its layer and its place there.
using CallId = std::pair<std::size_t, std::size_t>;

Status check_reference(const Model& network, const TensorRef& ref, std::string_view who) {
  if (ref.layer >= network.layers.size() || ref.call >= network.layers[ref.layer].calls.size()) {
    return fail(ErrorCode::kDataLoss,
                "network '{}': {} reads call {} of layer {}, which is not "
                "there",
                network.name, who, ref.call, ref.layer);
  }
  return {};
}

/// All calls, each behind those that it reads; in the order of the file where that is one.
Result<std::vector<CallId>> ordered_calls(const Model& network) {
  std::map<CallId, std::size_t> missing;
  std::map<CallId, std::vector<CallId>> readers;
  std::priority_queue<CallId, std::vector<CallId>, std::greater<>> ready;
  for (std::size_t layer = 0; layer < network.layers.size(); ++layer) {
    for (std::size_t call = 0; call < network.layers[layer].calls.size(); ++call) {
      std::set<CallId> reads;
      for (const auto& ref : network.layers[layer].calls[call].inputs) {
        TESSERA_CHECK(check_reference(network, ref, network.layers[layer].name));
        reads.emplace(ref.layer, ref.call);
      }
      missing[{layer, call}] = reads.size();
      for (const auto& read : reads) {
        readers[read].emplace_back(layer, call);
      }
      if (reads.empty()) {
        ready.emplace(layer, call);
      }
    }
  }
  std::vector<CallId> order;
  while (!ready.empty()) {
    order.push_back(ready.top());
    ready.pop();
    for (const auto& reader : readers[order.back()]) {
      if (--missing[reader] == 0) {
        ready.push(reader);
      }
    }
  }
  if (order.size() != missing.size()) {
    const auto stuck = std::find_if(missing.begin(), missing.end(),
                                    [](const auto& one) { return one.second > 0; });
    return fail(ErrorCode::kDataLoss, "network '{}': layer '{}' depends on its own result",
                network.name, network.layers[stuck->first.first].name);
  }
  return order;
}

using Results = std::map<CallId, Values>;

Result<Value> result_at(const Model& network, const Results& results, const TensorRef& ref) {
  const auto found = results.find({ref.layer, ref.call});
  if (found == results.end() || ref.output >= found->second.size()) {
    return fail(ErrorCode::kDataLoss,
                "network '{}': output {} of layer '{}' is read, but it has {}", network.name,
                ref.output, network.layers[ref.layer].name,
                found == results.end() ? 0 : found->second.size());
  }
  return found->second[ref.output];
}

/// The results of every call, those of the inputs given.
Result<Results> lower_calls(Lowering& lowering, const Model& network, const std::string& prefix,
                            Results results, int generation) {
  TESSERA_TRY(const auto order, ordered_calls(network));
  for (const auto& id : order) {
    if (results.contains(id)) {
      continue;
    }
    const auto& layer = network.layers[id.first];
    const auto& call = layer.calls[id.second];
    Site site{layer, call, call_name(prefix, layer, id.second), {}, generation};
    for (const auto& ref : call.inputs) {
      TESSERA_TRY(auto input, result_at(network, results, ref));
      site.inputs.push_back(std::move(input));
    }
    TESSERA_TRY(auto values, lower_call(lowering, site));
    results.emplace(id, std::move(values));
  }
  return results;
}

/// Layers whose results go into 1-D convolutions or pools, at once or by layers that leave the axes
/// as they are: sequences lie channels first then. Cost: O(layers + references).
std::vector<bool> feeding_convolutions(const Model& network) {
  static const std::set<std::string_view> kPassing = {"Activation",
                                                      "QActivation",
                                                      "QAdaptiveActivation",
                                                      "BatchNormalization",
                                                      "QBatchNormalization",
                                                      "Dropout",
                                                      "GaussianNoise",
                                                      "SpatialDropout1D",
                                                      "ZeroPadding1D",
                                                      "Cropping1D",
                                                      "ReLU",
                                                      "LeakyReLU",
                                                      "Rescaling",
                                                      "Normalization"};
  std::vector<bool> feeding(network.layers.size());
  std::vector<std::size_t> open;
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    const auto& name = network.layers[i].class_name;
    if (name.find("Conv1D") != std::string::npos || name.ends_with("Pooling1D")) {
      open.push_back(i);
    }
  }
  while (!open.empty()) {
    const auto& reader = network.layers[open.back()];
    open.pop_back();
    for (const auto& call : reader.calls) {
      for (const auto& ref : call.inputs) {
        // References that lead nowhere are refused later, by name.
        if (ref.layer < feeding.size() && !feeding[ref.layer]) {
          feeding[ref.layer] = true;
          if (kPassing.contains(network.layers[ref.layer].class_name)) {
            open.push_back(ref.layer);
          }
        }
      }
    }
  }
  return feeding;
}

Result<DType> input_type(const Site& site) {
  TESSERA_TRY(const auto name, site.config().text("dtype", "float32"));
  if (name == "float32" || name == "float16" || name == "bfloat16" || name == "float64") {
    return DType::kFloat32;  // what everything is computed in
  }
  for (const auto dtype : {DType::kInt32, DType::kInt64, DType::kUInt8, DType::kInt8}) {
    if (name == to_string(dtype)) {
      return dtype;
    }
  }
  return fail(ErrorCode::kUnimplemented, "{}: dtype {}; expected a float or integer type",
              site.title(), name);
}

Result<Dims> input_shape(const Site& site) {
  const auto config = site.config();
  const char* const key = config.has("batch_shape") ? "batch_shape" : "batch_input_shape";
  const auto& shape = config.at(key);
  if (!shape.is_array() || shape.empty() || shape.size() > kMostAxes) {
    return config.wrong(key, "a list of 1 to 5 extents");
  }
  Dims dims;
  for (const auto& extent : shape) {
    const auto value = whole_number(extent);
    if (!extent.is_null() && (!value || *value < 1 || *value > LayerConfig::kMostExtent)) {
      return config.wrong(key, "extents from 1 up, or null");
    }
    dims.push_back(value ? known_dim(*value) : Dim{});
  }
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (!dims[i].known()) {
      dims[i].symbol = i == 0 ? "N" : fmt::format("{}_{}", site.name, i);
    }
  }
  return dims;
}

/// Declares an input of the model.
Result<Value> add_input(Lowering& lowering, const Site& site, bool first) {
  TESSERA_TRY(auto shape, input_shape(site));
  TESSERA_TRY(const auto dtype, input_type(site));
  Value value{lowering.model().unique_name(site.name), shape, Layout::kKeras, {}, dtype};
  if (first) {
    value.layout = Layout::kChannelsFirst;
    std::rotate(shape.begin() + 1, shape.end() - 1, shape.end());
  }
  lowering.model().add_input(value.name, {dtype, shape});
  return value;
}

Result<Results> add_inputs(Lowering& lowering, const Model& network,
                           std::vector<ImportedLayer>& inputs) {
  Results results;
  const auto feeding = feeding_convolutions(network);
  for (const auto& ref : network.inputs) {
    TESSERA_CHECK(check_reference(network, ref, "an input"));
    const auto& layer = network.layers[ref.layer];
    if (layer.class_name != "InputLayer") {
      return fail(ErrorCode::kDataLoss, "network '{}': its input '{}' is a {}; expected InputLayer",
                  network.name, layer.name, layer.class_name);
    }
    const Site site{layer, layer.calls[ref.call], layer.name, {}, network.generation()};
    TESSERA_TRY(const auto shape, input_shape(site));
    const bool first = !lowering.options().keep_layout &&
                       (shape.size() == 4 || (shape.size() == 3 && feeding[ref.layer]));
    TESSERA_TRY(auto value, add_input(lowering, site, first));
    lowering.record(site, value);
    inputs.push_back(Lowering::described(site, value));
    results[{ref.layer, ref.call}] = {std::move(value)};
  }
  return results;
}

/// Makes a value an output of the model: in the layout that is wanted, under a name of its own.
ImportedLayer add_output(Lowering& lowering, const Site& site, const Value& value) {
  auto& model = lowering.model();
  auto output = value;
  if (lowering.options().keep_layout || value.layout == Layout::kFlatChannelsFirst) {
    output = lowering.keras_order(site, value);
  } else if (value.rank() == 4) {
    output = lowering.channels_first(site, value);
  }
  if (model.is_input(output.name) || model.is_output(output.name)) {
    output.name = lowering.op(site, "Identity", {output.name});
  }
  auto shape = output.shape;
  if (output.channels_first()) {
    std::rotate(shape.begin() + 1, shape.end() - 1, shape.end());
  }
  model.set_type(output.name, {output.dtype, shape});
  model.add_output(output.name);
  return Lowering::described(site, output);
}

/// A grid of 9 to 16 bits asks for a newer opset. What does not parse is refused later, by name.
bool has_wide_grid(const Layer& layer) {
  constexpr std::int64_t kByte = 8;
  if (layer.class_name == "QAdaptiveActivation") {
    return whole_number_or(layer.config, "total_bits", kByte) > kByte;
  }
  return std::ranges::any_of(kActivationKeys, [&](const char* key) {
    const auto quantizer = activation_quantizer(layer, LayerConfig(layer).at(key), layer.name);
    const auto grid = quantizer && *quantizer ? grid_of(**quantizer) : std::nullopt;
    return grid && (grid->dtype == DType::kInt16 || grid->dtype == DType::kUInt16);
  });
}

bool has_wide_grids(const Model& network) {
  return std::any_of(network.layers.begin(), network.layers.end(), [](const auto& layer) {
    return has_wide_grid(layer) || (layer.inner && has_wide_grids(*layer.inner));
  });
}

Result<std::vector<ImportedLayer>> add_outputs(Lowering& lowering, const Model& network,
                                               const Results& results) {
  std::vector<ImportedLayer> outputs;
  for (const auto& ref : network.outputs) {
    TESSERA_CHECK(check_reference(network, ref, "an output"));
    TESSERA_TRY(const auto value, result_at(network, results, ref));
    const auto& layer = network.layers[ref.layer];
    const Site site{
        layer, layer.calls[ref.call], call_name("", layer, ref.call), {}, network.generation()};
    outputs.push_back(add_output(lowering, site, value));
  }
  if (outputs.empty()) {
    return fail(ErrorCode::kDataLoss, "network '{}' has no outputs", network.name);
  }
  return outputs;
}

}  // namespace

Result<Values> lower_network(Lowering& lowering, const Model& network, const std::string& prefix,
                             const Values& inputs, int generation) {
  if (inputs.size() != network.inputs.size()) {
    return fail(ErrorCode::kDataLoss, "network '{}' is called with {} inputs; expected {}",
                network.name, inputs.size(), network.inputs.size());
  }
  Results results;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const auto& ref = network.inputs[i];
    TESSERA_CHECK(check_reference(network, ref, "an input"));
    results[{ref.layer, ref.call}] = {inputs[i]};
  }
  TESSERA_TRY(results, lower_calls(lowering, network, prefix, std::move(results), generation));
  Values outputs;
  for (const auto& ref : network.outputs) {
    TESSERA_CHECK(check_reference(network, ref, "an output"));
    TESSERA_TRY(auto value, result_at(network, results, ref));
    outputs.push_back(std::move(value));
  }
  return outputs;
}

std::string call_name(const std::string& prefix, const Layer& layer, std::size_t call) {
  return call == 0 ? prefix + layer.name : fmt::format("{}{}_{}", prefix, layer.name, call);
}

Result<Imported> lower(const Model& network, const ImportOptions& options) {
  const auto opset = has_wide_grids(network) ? kOpsetOf16Bits : kOpset;
  Imported imported{onnx::Model::empty(opset), {}, {}, {}, {}};
  Lowering lowering(imported.model, options);
  TESSERA_TRY(auto results, add_inputs(lowering, network, imported.inputs));
  TESSERA_TRY(results,
              lower_calls(lowering, network, "", std::move(results), network.generation()));
  TESSERA_TRY(imported.outputs, add_outputs(lowering, network, results));
  imported.layers = lowering.take_layers();
  imported.tensors = lowering.take_reports();
  TESSERA_CHECK(use_integer_form(imported.model, options.fold_batch_norm));
  imported.model.remove_unused_initializers();
  if (options.fold_batch_norm) {
    TESSERA_TRY([[maybe_unused]] const auto folded,
                onnx::normalize_for_quantization(imported.model));
    // Their values went into others.
    std::erase_if(imported.layers, [&](const auto& layer) {
      return !imported.model.is_input(layer.value) && !imported.model.producer(layer.value);
    });
  }
  return imported;
}

}  // namespace tessera::keras
