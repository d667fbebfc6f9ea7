// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "keras/lowering.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <nlohmann/json.hpp>

namespace tessera::keras {
namespace {

/// -1 for what is open; 0 for the batch, which Reshape then copies.
std::vector<std::int64_t> reshape_target(const Dims& shape) {
  std::vector<std::int64_t> target{0};
  for (std::size_t i = 1; i < shape.size(); ++i) {
    target.push_back(shape[i].known() ? shape[i].value : -1);
  }
  return target;
}

Shape with_channels_first(Shape extents) {
  std::rotate(extents.begin(), extents.end() - 1, extents.end());
  return extents;
}

/// Moving the axes would leave the elements where they are.
bool same_order(const Dims& shape) {
  const auto extents = extents_behind_batch(shape);
  return extents && !extents->empty() &&
         (extents->back() == 1 ||
          std::all_of(extents->begin(), extents->end() - 1, [](auto one) { return one == 1; }));
}

/// Notes the places of the tensors that an argument is or holds.
void note_tensors(const Json& argument, std::set<std::int64_t>& places) {
  if (const auto place = whole_number_at(argument, "__input__")) {
    places.insert(*place);
  } else if (argument.is_structured()) {
    for (const auto& item : argument) {
      note_tensors(item, places);
    }
  }
}

/// The arguments of a call that have no name.
std::deque<Json> nameless_arguments(const Site& site) {
  const auto& arguments = site.call.arguments;
  if (const auto all = arguments.find("*args"); all != arguments.end() && all->is_array()) {
    return {all->begin(), all->end()};
  }
  std::set<std::int64_t> named;
  note_tensors(arguments, named);
  std::deque<Json> nameless;
  for (std::int64_t i = 0; i < std::ssize(site.inputs); ++i) {
    if (!named.contains(i)) {
      nameless.push_back({{"__input__", i}});
    }
  }
  return nameless;
}

}  // namespace

std::int64_t Value::stored_axis(std::int64_t axis) const {
  if (layout != Layout::kChannelsFirst || axis == 0) {
    return axis;
  }
  return axis == static_cast<std::int64_t>(rank()) - 1 ? 1 : axis + 1;
}

std::string Site::title() const {
  return fmt::format("layer '{}' ({})", name, layer.class_name);
}

std::vector<Json> Site::arguments(const std::vector<std::string_view>& names) const {
  auto nameless = nameless_arguments(*this);
  std::vector<Json> ordered;
  for (const auto name : names) {
    const auto found = call.arguments.find(name);
    if (found != call.arguments.end()) {
      ordered.push_back(*found);
    } else if (!nameless.empty()) {
      ordered.push_back(std::move(nameless.front()));
      nameless.pop_front();
    } else {
      ordered.emplace_back();
    }
  }
  ordered.insert(ordered.end(), nameless.begin(), nameless.end());
  return ordered;
}

const Value* Site::tensor(const Json& argument) const {
  const auto place = whole_number_at(argument, "__input__");
  return place && *place >= 0 && *place < std::ssize(inputs)
             ? &inputs[static_cast<std::size_t>(*place)]
             : nullptr;
}

Status Lowering::count_call() {
  constexpr std::int64_t kMostCalls = 200'000;
  if (++calls_ > kMostCalls) {
    return fail(ErrorCode::kResourceExhausted, "more than {} calls of layers", kMostCalls);
  }
  return {};
}

std::string Lowering::op(const Site& site, std::string_view type, std::vector<std::string> inputs,
                         std::vector<onnx::NamedAttribute> attributes, std::size_t outputs) {
  const auto name = model_.unique_name(fmt::format("{}/{}", site.name, type));
  std::vector<std::string> results{name};
  for (std::size_t i = 1; i < outputs; ++i) {
    results.push_back(fmt::format("{}:{}", name, i));
  }
  model_.add_node({name, std::string(type), {}, std::move(inputs), results, std::move(attributes)});
  return name;
}

std::string Lowering::add_weight(const Site& site, const std::string& what, Tensor value) {
  const auto name = model_.unique_name(fmt::format("{}/{}", site.name, what));
  model_.set_initializer(name, std::move(value));
  weights_.emplace(std::pair(&site.layer, what), name);
  return name;
}

std::string Lowering::numbers(const Site& site, std::string_view what, std::vector<float> values) {
  const auto count = std::ssize(values);
  return weight(site, what, [&] { return Tensor::of(values, {count}); });
}

std::string Lowering::number(const Site& site, std::string_view what, float value) {
  return weight(site, what, [&] { return Tensor::scalar(value); });
}

std::string Lowering::integers(const Site& site, std::string_view what,
                               const std::vector<std::int64_t>& values) {
  const auto name = model_.unique_name(fmt::format("{}/{}", site.name, what));
  model_.set_initializer(name, Tensor::of(values, {std::ssize(values)}));
  return name;
}

std::string Lowering::dequantized(const Site& site, std::string_view what,
                                  const std::function<Tensor()>& integers,
                                  std::vector<float> scales, std::int64_t axis) {
  const auto key = std::pair(&site.layer, fmt::format("{}/dequantized", what));
  if (const auto found = weights_.find(key); found != weights_.end()) {
    return found->second;
  }
  const bool per_axis = scales.size() > 1;
  auto made = integers();
  const auto dtype = made.dtype();
  const auto codes = add_weight(site, fmt::format("{}_codes", what), std::move(made));
  const Shape shape = per_axis ? Shape{std::ssize(scales)} : Shape{};
  const auto scale = add_weight(site, fmt::format("{}_scale", what), Tensor::of(scales, shape));
  const auto zero = add_weight(site, fmt::format("{}_zero_point", what), Tensor(dtype, shape));
  const auto name = model_.unique_name(fmt::format("{}/{}", site.name, what));
  std::vector<onnx::NamedAttribute> attributes;
  if (per_axis) {
    attributes.push_back({"axis", axis});
  }
  model_.add_node({name, "DequantizeLinear", {}, {codes, scale, zero}, {name}, attributes});
  weights_.emplace(key, name);
  return name;
}

Value Lowering::reshape(const Site& site, const Value& value, Dims shape) {
  const auto target = reshape_target(shape);
  auto result = value;
  result.layout = Layout::kKeras;
  result.shape = std::move(shape);
  result.name = op(site, "Reshape", {value.name, integers(site, "shape", target)});
  return result;
}

const Value& Lowering::remember(Moved key, Value result) {
  moved_from_.emplace(result.name, key);
  return moved_.emplace(std::move(key), std::move(result)).first->second;
}

Value Lowering::keras_order(const Site& site, const Value& value) {
  if (value.layout == Layout::kKeras) {
    return value;
  }
  const auto key = std::pair(value.name, Layout::kKeras);
  if (const auto found = moved_.find(key); found != moved_.end()) {
    return found->second;
  }
  auto result = value;
  result.layout = Layout::kKeras;
  if (value.channels_first() && same_order(value.shape)) {
    result = reshape(site, value, value.shape);
  } else if (value.channels_first()) {
    result.name = op(site, "Transpose", {value.name}, {{"perm", to_channels_last(value.rank())}});
  } else {
    Dims stored{value.shape.front()};
    for (const auto extent : with_channels_first(value.unflattened)) {
      stored.push_back(known_dim(extent));
    }
    const auto image = reshape(site, value, stored);
    const auto moved =
        op(site, "Transpose", {image.name}, {{"perm", to_channels_last(image.rank())}});
    result.name =
        op(site, "Reshape", {moved, integers(site, "shape", reshape_target(value.shape))});
    result.unflattened.clear();
  }
  return remember(key, std::move(result));
}

Value Lowering::channels_first(const Site& site, const Value& value) {
  if (value.channels_first()) {
    return value;
  }
  if (value.rank() < 3) {
    return keras_order(site, value);
  }
  const auto key = std::pair(value.name, Layout::kChannelsFirst);
  if (const auto found = moved_.find(key); found != moved_.end()) {
    return found->second;
  }
  auto result = value;
  if (same_order(value.shape)) {
    auto shape = value.shape;
    std::rotate(shape.begin() + 1, shape.end() - 1, shape.end());
    result = reshape(site, value, std::move(shape));
    result.shape = value.shape;
  } else {
    result.name = op(site, "Transpose", {value.name}, {{"perm", to_channels_first(value.rank())}});
  }
  result.layout = Layout::kChannelsFirst;
  return remember(key, std::move(result));
}

Values Lowering::aligned(const Site& site, Values values) {
  const auto alike = [&](const Value& one) {
    return one.layout == values.front().layout && one.rank() == values.front().rank() &&
           one.unflattened == values.front().unflattened;
  };
  if (std::all_of(values.begin(), values.end(), alike)) {
    return values;
  }
  const bool any_first = std::any_of(values.begin(), values.end(),
                                     [](const auto& one) { return one.channels_first(); });
  const bool same_rank = std::all_of(values.begin(), values.end(), [&](const auto& one) {
    return one.rank() == values.front().rank();
  });
  for (auto& value : values) {
    value = any_first && same_rank ? channels_first(site, value) : keras_order(site, value);
  }
  return values;
}

Value Lowering::floats(const Site& site, Value value) {
  if (value.dtype != DType::kFloat32) {
    value.name =
        op(site, "Cast", {value.name}, {{"to", static_cast<std::int64_t>(DType::kFloat32)}});
    value.dtype = DType::kFloat32;
  }
  return value;
}

ImportedLayer Lowering::described(const Site& site, const Value& value) {
  return {site.name,   site.layer.class_name, value.name,
          value.shape, value.layout,          value.unflattened};
}

void Lowering::record(const Site& site, const Value& value) {
  layers_.push_back(described(site, value));
}

Value Lowering::settle(const Site& site, Value value) {
  const auto producer = model_.producer(value.name);
  // What was there before keeps its name, as does what the layer itself reads once more.
  if (producer && !settled_.contains(value.name) && value.name != site.name &&
      model_.consumers(value.name).empty()) {
    const auto outputs = model_.outputs(*producer);
    const auto place = std::find(outputs.begin(), outputs.end(), value.name) - outputs.begin();
    auto name = model_.unique_name(site.name);
    model_.set_output(*producer, static_cast<std::size_t>(place), name);
    if (const auto moved = moved_from_.extract(value.name); !moved.empty()) {
      moved_.at(moved.mapped()).name = name;
    }
    value.name = std::move(name);
  }
  settled_.insert(value.name);
  return value;
}

std::string Lowering::reduce(const Site& site, std::string_view type, const std::string& value,
                             const std::vector<std::int64_t>& axes, bool keep) {
  const onnx::NamedAttribute keepdims{"keepdims", std::int64_t{keep}};
  // Axes became an input, of ReduceSum before the others.
  if (type == "ReduceSum" || *model_.opset() >= 18) {
    return op(site, type, {value, integers(site, "axes", axes)}, {keepdims});
  }
  return op(site, type, {value}, {{"axes", axes}, keepdims});
}

}  // namespace tessera::keras
