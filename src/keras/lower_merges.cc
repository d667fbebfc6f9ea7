// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "keras/layers.h"

namespace tessera::keras::lower_layer {
namespace {

/// Keras puts missing axes behind the batch.
Values of_one_rank(Lowering& lowering, const Site& site) {
  auto values = site.inputs;
  const auto most =
      std::max_element(values.begin(), values.end(),
                       [](const auto& a, const auto& b) { return a.rank() < b.rank(); });
  const auto rank = most->rank();
  for (auto& value : values) {
    if (value.rank() < rank) {
      value = lowering.keras_order(site, value);
      auto shape = value.shape;
      shape.insert(shape.begin() + 1, rank - shape.size(), known_dim(1));
      value = lowering.reshape(site, value, std::move(shape));
    }
  }
  return values;
}

Result<Value> merged(Lowering& lowering, const Site& site, std::string_view type) {
  auto values = lowering.aligned(site, of_one_rank(lowering, site));
  auto value = values.front();
  for (std::size_t i = 1; i < values.size(); ++i) {
    const auto shape = broadcast(value.shape, values[i].shape);
    if (!shape) {
      return fail(ErrorCode::kDataLoss, "{}: inputs of {} and {} do not go together", site.title(),
                  to_string(value.shape), to_string(values[i].shape));
    }
    value.shape = *shape;
    value.name = lowering.op(site, type, {value.name, values[i].name});
  }
  return value;
}

Result<Values> only(Result<Value> value) {
  return std::move(value).map([](Value one) { return Values{std::move(one)}; });
}

struct Named {
  std::string_view keras;
  std::string_view onnx;
};

/// The operator that an operation of two operands is: `function` of a TFOpLambda, or a class of
/// Keras 3. Empty if it is none of those.
std::string_view arithmetic_of(std::string_view name) {
  constexpr auto kKnown = std::to_array<Named>({
      {"__operators__.add", "Add"},
      {"math.add", "Add"},
      {"Add", "Add"},
      {"__operators__.sub", "Sub"},
      {"math.subtract", "Sub"},
      {"Subtract", "Sub"},
      {"__operators__.mul", "Mul"},
      {"math.multiply", "Mul"},
      {"Multiply", "Mul"},
      {"math.divide", "Div"},
      {"__operators__.truediv", "Div"},
      {"math.truediv", "Div"},
      {"Divide", "Div"},
      {"TrueDivide", "Div"},
  });
  const auto found = std::find_if(kKnown.begin(), kKnown.end(),
                                  [&](const auto& one) { return one.keras == name; });
  return found == kKnown.end() ? std::string_view() : found->onnx;
}

/// The activation that a function of one operand is.
std::string_view activation_of(std::string_view name) {
  constexpr auto kKnown = std::to_array<Named>({
      {"nn.relu", "relu"},
      {"nn.relu6", "relu6"},
      {"math.sigmoid", "sigmoid"},
      {"nn.sigmoid", "sigmoid"},
      {"math.tanh", "tanh"},
      {"nn.tanh", "tanh"},
      {"nn.silu", "swish"},
      {"nn.swish", "swish"},
  });
  const auto found = std::find_if(kKnown.begin(), kKnown.end(),
                                  [&](const auto& one) { return one.keras == name; });
  return found == kKnown.end() ? std::string_view() : found->onnx;
}

/// What an operation is applied to: tensors by the reader's marks, and numbers.
std::vector<Json> operands_of(const Site& site) {
  auto operands =
      site.layer.is_operation ? site.arguments({"x1", "x2"}) : site.arguments({"x", "y"});
  std::erase_if(operands, [](const auto& operand) { return operand.is_null(); });
  return operands;
}

/// One of two operands; a number is a constant without axes.
Result<Value> operand(Lowering& lowering, const Site& site, const Json& json, std::size_t place) {
  if (const auto* const tensor = site.tensor(json)) {
    return *tensor;
  }
  if (!json.is_number()) {
    return fail(ErrorCode::kUnimplemented, "{}: an operand that is neither a tensor nor a number",
                site.title())
        .hint("keep the constant in a layer of its own, such as Rescaling or Dense");
  }
  const auto what = place == 0 ? "first" : "second";
  return Value{lowering.number(site, what, json.get<float>()), {}};
}

}  // namespace

bool is_operation(const Layer& layer) {
  return layer.class_name == "TFOpLambda" ||
         (layer.is_operation && !arithmetic_of(layer.class_name).empty());
}

Result<Values> operation(Lowering& lowering, const Site& site) {
  std::string name = site.layer.class_name;
  if (name == "TFOpLambda") {
    TESSERA_TRY(name, site.config().text("function", ""));
  }
  if (const auto activation = activation_of(name); !activation.empty() && site.inputs.size() == 1) {
    return only(activate(lowering, site, site.input(), Json(activation)));
  }
  const auto type = arithmetic_of(name);
  const auto operands = operands_of(site);
  if (type.empty() || operands.size() != 2) {
    return fail(ErrorCode::kUnimplemented, "{}: the function '{}' is not known", site.title(), name)
        .hint("use a layer instead: Activation, Rescaling, Add, Multiply, ...");
  }
  TESSERA_TRY(auto first, operand(lowering, site, operands[0], 0));
  TESSERA_TRY(auto second, operand(lowering, site, operands[1], 1));
  if (first.shape.empty() && second.shape.empty()) {
    return fail(ErrorCode::kUnimplemented, "{}: the function '{}' of numbers alone", site.title(),
                name)
        .hint("replace it with its result");
  }
  if (!first.shape.empty() && !second.shape.empty()) {
    auto both = site;
    both.inputs = {std::move(first), std::move(second)};
    return only(merged(lowering, both, type));
  }
  auto result = first.shape.empty() ? second : first;
  result.name = lowering.op(site, type, {first.name, second.name});
  return Values{std::move(result)};
}

Result<Values> add(Lowering& lowering, const Site& site) {
  return only(merged(lowering, site, "Add"));
}
Result<Values> subtract(Lowering& lowering, const Site& site) {
  return only(merged(lowering, site, "Sub"));
}
Result<Values> multiply(Lowering& lowering, const Site& site) {
  return only(merged(lowering, site, "Mul"));
}
Result<Values> maximum(Lowering& lowering, const Site& site) {
  return only(merged(lowering, site, "Max"));
}
Result<Values> minimum(Lowering& lowering, const Site& site) {
  return only(merged(lowering, site, "Min"));
}
Result<Values> average(Lowering& lowering, const Site& site) {
  TESSERA_TRY(auto value, merged(lowering, site, "Add"));
  const auto count = lowering.number(site, "count", static_cast<float>(site.inputs.size()));
  value.name = lowering.op(site, "Div", {value.name, count});
  return Values{std::move(value)};
}

Result<Values> concatenate(Lowering& lowering, const Site& site) {
  std::int64_t axis = -1;
  if (site.config().has("axis")) {
    TESSERA_TRY(axis, site.config().integer("axis"));
  }
  const auto rank = static_cast<std::int64_t>(site.input().rank());
  axis += axis < 0 ? rank : 0;
  if (axis < 1 || axis >= rank) {
    return site.config().wrong("axis", "an axis of the inputs");
  }
  auto values = site.inputs;
  for (auto& value : values) {
    if (value.layout == Layout::kFlatChannelsFirst) {
      value = lowering.keras_order(site, value);
    }
  }
  values = lowering.aligned(site, std::move(values));
  auto result = values.front();
  auto& joined = result.shape[static_cast<std::size_t>(axis)];
  std::vector<std::string> names;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto& shape = values[i].shape;
    bool fits = shape.size() == result.shape.size();
    for (std::size_t k = 1; fits && k < shape.size(); ++k) {
      const bool along = static_cast<std::int64_t>(k) == axis;
      fits = along || !shape[k].known() || !result.shape[k].known() || shape[k] == result.shape[k];
    }
    if (!fits) {
      return fail(ErrorCode::kDataLoss, "{}: inputs of {} and {} do not go together", site.title(),
                  to_string(result.shape), to_string(shape));
    }
    names.push_back(values[i].name);
    if (i > 0) {
      const auto& more = shape[static_cast<std::size_t>(axis)];
      joined = joined.known() && more.known() ? known_dim(joined.value + more.value) : Dim{};
    }
  }
  result.name = lowering.op(site, "Concat", std::move(names), {{"axis", result.stored_axis(axis)}});
  return Values{std::move(result)};
}

}  // namespace tessera::keras::lower_layer
