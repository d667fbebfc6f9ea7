// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <nlohmann/json.hpp>
#include <tuple>

#include "keras/config.h"
#include "keras/layers.h"

/// LSTM, GRU and SimpleRNN by the operators of ONNX, one direction or both.
namespace tessera::keras::lower_layer {
namespace {

/// A recurrent layer as its configuration has it.
struct Recurrent {
  std::string type;                ///< of the operator
  std::vector<std::size_t> order;  ///< ONNX' gate k is Keras' gate order[k]
  std::int64_t units = 1;
  bool biased = true;
  bool sequences = false;
  bool state = false;
  bool backwards = false;
  bool reset_after = false;  ///< of a GRU: two biases, reset behind the product
  std::vector<std::string> activations;
  std::vector<float> alpha;
  std::vector<float> beta;

  [[nodiscard]] std::int64_t width() const { return units * std::ssize(order); }
};

struct RecurrentFunction {
  std::string_view keras;
  std::string_view onnx;
  std::optional<float> alpha = {};
  std::optional<float> beta = {};
};
constexpr std::array kFunctions = {
    RecurrentFunction{"tanh", "Tanh"},
    RecurrentFunction{"sigmoid", "Sigmoid"},
    RecurrentFunction{"relu", "Relu"},
    RecurrentFunction{"softsign", "Softsign"},
    RecurrentFunction{"softplus", "Softplus"},
    RecurrentFunction{"elu", "Elu", 1.0F},
    RecurrentFunction{"linear", "Affine", 1.0F, 0.0F},
    RecurrentFunction{"hard_sigmoid", "HardSigmoid", 0.2F, 0.5F},
};

Status add_function(const Site& site, const LayerConfig& config, const char* key,
                    std::string_view otherwise, Recurrent& how) {
  const auto& given = config.at(key);
  // {"class_name": "function", "config": "tanh"} of Keras 3.
  const bool wrapped = given.is_object() && given.contains("config") && given["config"].is_string();
  const auto& plain = wrapped ? given["config"] : given;
  const auto name = plain.is_string() ? plain.get<std::string>()
                                      : (plain.is_null() ? std::string(otherwise) : "");
  for (const auto& one : kFunctions) {
    if (one.keras != name) {
      continue;
    }
    how.activations.emplace_back(one.onnx);
    if (one.alpha) {
      const bool newer = name == "hard_sigmoid" && site.generation >= 3;
      how.alpha.push_back(newer ? 1.0F / 6.0F : *one.alpha);
    }
    if (one.beta) {
      how.beta.push_back(*one.beta);
    }
    return {};
  }
  return fail(ErrorCode::kUnimplemented, "{}: {} '{}' within a recurrent layer", site.title(), key,
              name)
      .hint("ONNX has tanh, sigmoid, hard_sigmoid, relu, elu, softsign, softplus and linear there");
}

Result<Recurrent> read_recurrent(const Site& site, const Layer& layer) {
  const LayerConfig config(layer);
  Recurrent how;
  TESSERA_TRY(how.units, config.positive("units"));
  TESSERA_TRY(how.biased, config.flag("use_bias", true));
  TESSERA_TRY(how.sequences, config.flag("return_sequences", false));
  TESSERA_TRY(how.state, config.flag("return_state", false));
  TESSERA_TRY(how.backwards, config.flag("go_backwards", false));
  TESSERA_TRY(const bool stateful, config.flag("stateful", false));
  TESSERA_TRY(const bool time_major, config.flag("time_major", false));
  if (stateful || time_major) {
    return fail(ErrorCode::kUnimplemented, "{}: {}; expected samples that are independent",
                site.title(), stateful ? "keeps its state from batch to batch" : "is time_major")
        .hint("rebuild the network without it and give it the same weights");
  }
  if (layer.class_name == "LSTM") {
    how.type = "LSTM";
    how.order = {0, 3, 1, 2};  // i, o, f, c of i, f, c, o
  } else if (layer.class_name == "GRU") {
    how.type = "GRU";
    how.order = {0, 1, 2};
    TESSERA_TRY(how.reset_after, config.flag("reset_after", true));
  } else if (layer.class_name == "SimpleRNN") {
    how.type = "RNN";
    how.order = {0};
  } else {
    return fail(ErrorCode::kUnimplemented, "{}: wraps a {}; expected LSTM, GRU or SimpleRNN",
                site.title(), layer.class_name);
  }
  if (how.type != "RNN") {
    TESSERA_CHECK(add_function(site, config, "recurrent_activation", "sigmoid", how));
  }
  TESSERA_CHECK(add_function(site, config, "activation", "tanh", how));
  if (how.type == "LSTM") {
    TESSERA_CHECK(add_function(site, config, "activation", "tanh", how));
  }
  return how;
}

std::vector<WeightSpec> specs_of(const Recurrent& how, std::int64_t inputs) {
  std::vector<WeightSpec> specs{{"kernel", {inputs, how.width()}},
                                {"recurrent_kernel", {how.units, how.width()}}};
  if (how.biased) {
    specs.push_back({"bias", how.reset_after ? Shape{2, how.width()} : Shape{how.width()}});
  }
  return specs;
}

/// [in, gates * units] to [gates * units, in], gates in ONNX' order.
void append_matrix(const Recurrent& how, const TensorView& kernel, std::vector<float>& result) {
  const auto values = kernel.as<float>();
  const auto rows = static_cast<std::size_t>(kernel.shape[0]);
  const auto width = static_cast<std::size_t>(how.width());
  const auto units = static_cast<std::size_t>(how.units);
  for (const auto gate : how.order) {
    for (std::size_t unit = 0; unit < units; ++unit) {
      for (std::size_t row = 0; row < rows; ++row) {
        result.push_back(values[row * width + gate * units + unit]);
      }
    }
  }
}

/// Biases of the inputs, then those of the state: one for both in most layers of Keras.
void append_bias(const Recurrent& how, std::span<const float> bias, std::vector<float>& result) {
  const auto width = static_cast<std::size_t>(how.width());
  const auto units = static_cast<std::size_t>(how.units);
  for (std::size_t part = 0; part < 2; ++part) {
    const bool there = !bias.empty() && (part == 0 || how.reset_after);
    for (const auto gate : how.order) {
      for (std::size_t unit = 0; unit < units; ++unit) {
        result.push_back(there ? bias[part * width + gate * units + unit] : 0.0F);
      }
    }
  }
}

/// Names of W, R and B for `directions` directions, whose weights follow each other.
std::vector<std::string> add_weights(Lowering& lowering, const Site& site, const Recurrent& how,
                                     const Weights& weights, std::int64_t inputs,
                                     std::int64_t directions) {
  const std::size_t per_direction = how.biased ? 3 : 2;
  const auto made = [&](std::size_t which, std::int64_t columns) {
    std::vector<float> values;
    for (std::int64_t d = 0; d < directions; ++d) {
      append_matrix(how, weights[static_cast<std::size_t>(d) * per_direction + which], values);
    }
    return Tensor::of(values, {directions, how.width(), columns});
  };
  std::vector<std::string> names;
  names.push_back(lowering.weight(site, "W", [&] { return made(0, inputs); }));
  names.push_back(lowering.weight(site, "R", [&] { return made(1, how.units); }));
  names.push_back(
      how.biased ? lowering.weight(
                       site, "B",
                       [&] {
                         std::vector<float> values;
                         for (std::int64_t d = 0; d < directions; ++d) {
                           append_bias(
                               how, weights.values(static_cast<std::size_t>(d) * per_direction + 2),
                               values);
                         }
                         return Tensor::of(values, {directions, 2 * how.width()});
                       })
                 : std::string());
  return names;
}

/// [N, units] as [1, N, units], what ONNX begins with.
Result<std::vector<std::string>> initial_states(Lowering& lowering, const Site& site,
                                                const Recurrent& how) {
  std::vector<std::string> names;
  const std::size_t most = how.type == "LSTM" ? 2 : 1;
  if (site.inputs.size() != 1 && site.inputs.size() != most + 1) {
    return fail(ErrorCode::kDataLoss, "{}: is called with {} inputs; expected 1, or {} with states",
                site.title(), site.inputs.size(), most + 1);
  }
  for (std::size_t i = 1; i < site.inputs.size(); ++i) {
    const auto state = lowering.keras_order(site, site.inputs[i]);
    if (state.rank() != 2 || state.channels() != known_dim(how.units)) {
      return fail(ErrorCode::kDataLoss, "{}: a state of {}; expected {} numbers", site.title(),
                  to_string(state.shape), how.units);
    }
    names.push_back(
        lowering.op(site, "Unsqueeze", {state.name, lowering.integers(site, "axes", {0})}));
  }
  return names;
}

/// Adds the operator: the names of Y, Y_h and, of an LSTM, Y_c. Directions, one or two, differ in
/// their activations alone.
Result<std::vector<std::string>> add_operator(Lowering& lowering, const Site& site,
                                              const std::vector<Recurrent>& directions,
                                              const Weights& weights,
                                              const std::string& direction) {
  const auto input = lowering.keras_order(site, site.input());
  const auto& how = directions.front();
  const auto sequence =
      lowering.op(site, "Transpose", {input.name}, {{"perm", std::vector<std::int64_t>{1, 0, 2}}});
  std::vector<std::string> inputs{sequence};
  const auto names =
      add_weights(lowering, site, how, weights, input.channels().value, std::ssize(directions));
  inputs.insert(inputs.end(), names.begin(), names.end());
  TESSERA_TRY(const auto states, initial_states(lowering, site, how));
  if (!states.empty()) {
    inputs.emplace_back();  // lengths
    inputs.insert(inputs.end(), states.begin(), states.end());
  }
  std::vector<std::string> activations;
  std::vector<float> alpha;
  std::vector<float> beta;
  for (const auto& one : directions) {
    activations.insert(activations.end(), one.activations.begin(), one.activations.end());
    alpha.insert(alpha.end(), one.alpha.begin(), one.alpha.end());
    beta.insert(beta.end(), one.beta.begin(), one.beta.end());
  }
  std::vector<onnx::NamedAttribute> attributes{
      {"hidden_size", how.units}, {"direction", direction}, {"activations", activations}};
  if (!alpha.empty()) {
    attributes.push_back({"activation_alpha", alpha});
  }
  if (!beta.empty()) {
    attributes.push_back({"activation_beta", beta});
  }
  if (how.type == "GRU") {
    attributes.push_back({"linear_before_reset", std::int64_t{how.reset_after}});
  }
  const std::size_t outputs = how.type == "LSTM" ? 3 : 2;
  const auto first = lowering.op(site, how.type, std::move(inputs), std::move(attributes), outputs);
  return lowering.model().outputs(*lowering.model().producer(first));
}

Status expect_sequence(const Site& site) {
  if (site.input().rank() != 3 || !site.input().channels().known()) {
    return fail(ErrorCode::kUnimplemented, "{}: input of {}; expected steps of known width",
                site.title(), to_string(site.input().shape));
  }
  return {};
}

std::string squeezed(Lowering& lowering, const Site& site, const std::string& value,
                     std::int64_t axis) {
  return lowering.op(site, "Squeeze", {value, lowering.integers(site, "axes", {axis})});
}

Value value_of(const std::string& name, Dims shape) {
  Value value;
  value.name = name;
  value.shape = std::move(shape);
  return value;
}

/// The layer of the other direction, which may have a configuration of its own.
Result<Recurrent> read_backward(const Site& site, const Recurrent& forward) {
  const auto& given = site.config().at("backward_layer");
  if (given.is_null()) {
    return forward;
  }
  if (!given.is_object() || !given.contains("class_name") || !given["class_name"].is_string() ||
      !given.contains("config") || !given["config"].is_object()) {
    return site.config().wrong("backward_layer", "a layer");
  }
  Layer layer;
  layer.name = site.layer.name;
  layer.class_name = bare_class_name(given["class_name"].get<std::string>());
  layer.config = given["config"];
  TESSERA_TRY(auto back, read_recurrent(site, layer));
  const auto alike = [](const Recurrent& how) {
    return std::tuple(how.type, how.units, how.biased, how.sequences, how.state, how.reset_after);
  };
  if (alike(back) != alike(forward) || !back.backwards) {
    return fail(ErrorCode::kUnimplemented,
                "{}: a backward_layer of another kind than the layer; expected one that differs in "
                "its activations alone and goes backwards",
                site.title())
        .hint("use two layers, one with go_backwards=True, and concatenate their results");
  }
  return back;
}

}  // namespace

Result<Values> recurrent(Lowering& lowering, const Site& site) {
  TESSERA_CHECK(expect_sequence(site));
  TESSERA_TRY(const auto how, read_recurrent(site, site.layer));
  TESSERA_TRY(const auto weights, weights_of(site, specs_of(how, site.input().channels().value)));
  TESSERA_TRY(const auto made,
              add_operator(lowering, site, {how}, weights, how.backwards ? "reverse" : "forward"));
  const auto batch = site.input().shape[0];
  const auto units = known_dim(how.units);
  Values results;
  if (how.sequences) {
    auto sequence = lowering.op(site, "Transpose", {squeezed(lowering, site, made[0], 1)},
                                {{"perm", std::vector<std::int64_t>{1, 0, 2}}});
    if (how.backwards) {
      // Keras gives the steps in the order in which they were taken.
      constexpr std::int64_t kFirst = -LayerConfig::kMostExtent;
      sequence = lowering.op(
          site, "Slice",
          {sequence, lowering.integers(site, "starts", {-1}),
           lowering.integers(site, "ends", {kFirst}), lowering.integers(site, "axes", {1}),
           lowering.integers(site, "steps", {-1})});
    }
    results.push_back(value_of(sequence, {batch, site.input().shape[1], units}));
  } else {
    results.push_back(value_of(squeezed(lowering, site, made[1], 0), {batch, units}));
  }
  for (std::size_t i = 1; how.state && i < made.size(); ++i) {
    results.push_back(value_of(squeezed(lowering, site, made[i], 0), {batch, units}));
  }
  return results;
}

Result<Values> bidirectional(Lowering& lowering, const Site& site) {
  TESSERA_CHECK(expect_sequence(site));
  if (!site.layer.inner || site.layer.inner->layers.empty()) {
    return fail(ErrorCode::kDataLoss, "{}: wraps no layer", site.title());
  }
  TESSERA_TRY(const auto how, read_recurrent(site, site.layer.inner->layers.back()));
  TESSERA_TRY(const auto mode, site.config().text("merge_mode", ""));
  const bool joined = mode == "concat";
  if (how.state || how.backwards || site.inputs.size() != 1 ||
      (!joined && mode != "sum" && mode != "ave" && mode != "mul")) {
    return fail(ErrorCode::kUnimplemented,
                "{}: merge_mode '{}'{}{}; expected concat, sum, ave or "
                "mul, and results alone",
                site.title(), mode, how.state ? ", return_state" : "",
                how.backwards ? ", go_backwards" : "");
  }
  auto specs = specs_of(how, site.input().channels().value);
  const auto once = specs;
  specs.insert(specs.end(), once.begin(), once.end());
  TESSERA_TRY(const auto weights, weights_of(site, specs));
  TESSERA_TRY(const auto back, read_backward(site, how));
  TESSERA_TRY(const auto made, add_operator(lowering, site, {how, back}, weights, "bidirectional"));
  // [T, 2, N, units] or [2, N, units] with both directions side by side, last but one.
  const Permutation axes = how.sequences ? Permutation{2, 0, 1, 3} : Permutation{1, 0, 2};
  auto name = lowering.op(site, "Transpose", {made[how.sequences ? 0 : 1]}, {{"perm", axes}});
  const std::int64_t directions = how.sequences ? 2 : 1;
  if (joined) {
    const std::vector<std::int64_t> target = how.sequences
                                                 ? std::vector<std::int64_t>{0, 0, 2 * how.units}
                                                 : std::vector<std::int64_t>{0, 2 * how.units};
    name = lowering.op(site, "Reshape", {name, lowering.integers(site, "shape", target)});
  } else {
    name = lowering.reduce(
        site, mode == "sum" ? "ReduceSum" : (mode == "ave" ? "ReduceMean" : "ReduceProd"), name,
        {directions}, false);
  }
  const auto units = known_dim(joined ? 2 * how.units : how.units);
  const auto& shape = site.input().shape;
  return Values{
      value_of(name, how.sequences ? Dims{shape[0], shape[1], units} : Dims{shape[0], units})};
}

}  // namespace tessera::keras::lower_layer
