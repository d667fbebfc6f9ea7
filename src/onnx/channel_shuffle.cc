// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "onnx/channel_shuffle.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "tessera/onnx/domains.h"
#include "tessera/onnx/query.h"

namespace tessera::onnx {
namespace {

using Ints = std::vector<std::int64_t>;

/// What channel c of the result is of the input's.
Ints shuffled(std::int64_t groups, std::int64_t channels) {
  Ints from(static_cast<std::size_t>(channels));
  for (std::int64_t c = 0; c < channels; ++c) {
    from[static_cast<std::size_t>(c)] = c % groups * (channels / groups) + c / groups;
  }
  return from;
}

/// The operator that alone reads a value.
std::optional<NodeId> only_reader(const Model& model, const std::string& value) {
  const auto readers = model.consumers(value);
  const bool elsewhere = model.is_output(value) || model.used_by_body(value);
  return readers.size() == 1 && !elsewhere ? std::optional(readers.front()) : std::nullopt;
}

/// The extents that a Reshape gives: constants, one of which may be left open. The first is that of
/// the batch, 0 if it is not known; none where another one results.
std::optional<Ints> reshaped_extents(const Model& model, NodeId node, const ImageShape& image) {
  const auto inputs = model.inputs(node);
  auto wanted = inputs.size() == 2 ? constant_as<std::int64_t>(model, inputs[1]) : std::nullopt;
  if (!wanted || wanted->empty() || model.int_attribute(node, "allowzero", 0) != 0) {
    return std::nullopt;
  }
  if (wanted->front() == 0 || wanted->front() == -1) {
    wanted->front() = image.batch < 0 ? 0 : image.batch;
  }
  auto rest = image.channels * image.height * image.width;
  const bool by_batch = wanted->front() == 0 || wanted->front() == image.batch;
  std::int64_t* open = nullptr;
  for (auto extent = wanted->begin() + 1; extent != wanted->end(); ++extent) {
    if (*extent == -1 && open == nullptr) {
      open = &*extent;
    } else if (*extent < 1 || rest % *extent != 0) {
      return std::nullopt;
    } else {
      rest /= *extent;
    }
  }
  if (open != nullptr) {
    *open = rest;
  }
  return by_batch && (open != nullptr || rest == 1) ? wanted : std::nullopt;
}

void gather(Model& model, const Shuffle& found, std::int64_t channels) {
  const auto [first, moved, last] = found.operators;
  const auto value = model.inputs(first).front();
  const auto result = model.outputs(last).front();
  const auto order = model.unique_name(result + "_channels");
  model.set_initializer(order, Tensor::of(shuffled(found.groups, channels), {channels}));
  const NodeSpec spec{.name = model.unique_name(result + "_shuffle"),
                      .op_type = "Gather",
                      .domain = "",
                      .inputs = {value, order},
                      .outputs = {result},
                      .attributes = {{"axis", std::int64_t{1}}},
                      .origin = model.origin(moved)};
  model.set_output(last, 0, "");
  model.add_node(spec, last);
  for (const auto node : {last, moved, first}) {
    model.remove_node(node);
  }
}

// --- the order of a convolution's channels ------------------------------------------------------

bool is_kernel_per_channel(const Model& model, NodeId node) {
  const auto weights = model.initializer_type(model.inputs(node)[3]);
  return weights && weights->shape && weights->shape->size() == 4 &&
         (*weights->shape)[1].value == 1 &&
         (*weights->shape)[0].value == model.int_attribute(node, "group", 1);
}

/// One number or row per channel, or one for all.
bool can_be_reordered(const Model& model, const std::string& name) {
  return name.empty() || (model.is_constant(name) && model.initializer(name));
}

bool has_constant_channels(const Model& model, NodeId convolution) {
  const auto inputs = model.inputs(convolution);
  return std::all_of(inputs.begin() + 3, inputs.end(),
                     [&](const auto& input) { return can_be_reordered(model, input); });
}

bool works_on_channels_alone(const Model& model, NodeId node) {
  static constexpr std::array<std::string_view, 4> kTypes = {"NhwcMaxPool", "QLinearAveragePool",
                                                             "QLinearLeakyRelu", "QLinearSigmoid"};
  const auto& type = model.op_type(node);
  if (type == "Lookup") {
    const auto table = model.initializer_type(model.inputs(node)[1]);
    return table && table->shape && table->shape->size() == 1;
  }
  return model.domain(node) == kMicrosoftDomain && std::ranges::find(kTypes, type) != kTypes.end();
}

bool has_table_per_channel(const Model& model, NodeId node) {
  return model.op_type(node) == "Lookup" && !works_on_channels_alone(model, node) &&
         model.int_attribute(node, "axis", -1) == -1 &&
         can_be_reordered(model, model.inputs(node)[1]);
}

bool is_channels_last_convolution(const Model& model, NodeId node) {
  return model.op_type(node) == "QLinearConv" && model.int_attribute(node, "channels_last", 0) == 1;
}

/// Convolutions and lookups that make the channels of a value, the convolution that mixes them
/// last; none if another operator makes them, or somebody else reads them.
std::vector<NodeId> makers(const Model& model, std::string value) {
  std::vector<NodeId> found;
  while (true) {
    const auto producer = model.producer(value);
    if (!producer || !only_reader(model, value)) {
      return {};
    }
    if (is_channels_last_convolution(model, *producer)) {
      const bool apart = is_kernel_per_channel(model, *producer);
      if (!has_constant_channels(model, *producer) ||
          (!apart && model.int_attribute(*producer, "group", 1) != 1)) {
        return {};
      }
      found.push_back(*producer);
      if (!apart) {
        return found;
      }
    } else if (has_table_per_channel(model, *producer)) {
      found.push_back(*producer);
    } else if (!works_on_channels_alone(model, *producer)) {
      return {};
    }
    value = model.inputs(*producer).front();
  }
}

Tensor reordered(const TensorView& value, const Ints& from) {
  Tensor moved(value.dtype, {value.shape.begin(), value.shape.end()});
  const auto row = value.bytes.size() / from.size();
  for (std::size_t i = 0; i < from.size(); ++i) {
    const auto source = value.bytes.subspan(static_cast<std::size_t>(from[i]) * row, row);
    std::ranges::copy(source, moved.bytes().begin() + static_cast<std::ptrdiff_t>(i * row));
  }
  return moved;
}

void reorder(Model& model, NodeId node, const Ints& from) {
  const auto inputs = model.inputs(node);
  const bool lookup = model.op_type(node) == "Lookup";
  const auto indices = lookup ? std::vector<std::size_t>{1} : std::vector<std::size_t>{3, 4, 5, 8};
  for (const std::size_t index : indices) {
    if (index >= inputs.size() || inputs[index].empty()) {
      continue;
    }
    const auto value = *model.initializer(inputs[index]);
    if (value.shape.empty() || value.shape.front() != std::ssize(from)) {
      continue;  // one for all
    }
    const auto name = model.unique_name(inputs[index] + "_shuffled");
    model.set_initializer(name, reordered(value, from));
    model.set_input(node, index, name);
  }
}

void write_as_transpose(Model& model, NodeId gather, const ImageShape& shape, std::int64_t groups) {
  const auto value = model.inputs(gather).front();
  const auto result = model.outputs(gather).front();
  const auto pixels = shape.batch < 0 ? -1 : shape.batch * shape.height * shape.width;
  const auto add = [&](const std::string& type, std::vector<std::string> inputs,
                       const Ints& shape_to, std::string output,
                       std::vector<NamedAttribute> attributes) {
    if (!shape_to.empty()) {
      inputs.push_back(model.unique_name(output + "_shape"));
      model.set_initializer(inputs.back(), Tensor::of(shape_to, {std::ssize(shape_to)}));
    }
    model.add_node(
        {.name = model.unique_name(output + "_" + (type == "Reshape" ? "reshape" : "transpose")),
         .op_type = type,
         .domain = "",
         .inputs = std::move(inputs),
         .outputs = {output},
         .attributes = std::move(attributes),
         .origin = model.origin(gather)},
        gather);
    return output;
  };
  model.set_output(gather, 0, "");
  const auto split = add("Reshape", {value}, {pixels, groups, shape.channels / groups},
                         model.unique_name(result + "_groups"), {});
  const auto moved = add("Transpose", {split}, {}, model.unique_name(result + "_dealt"),
                         {{"perm", Ints{0, 2, 1}}});
  add("Reshape", {moved}, {shape.batch, shape.height, shape.width, shape.channels}, result, {});
  model.remove_node(gather);
}

}  // namespace

std::optional<Shuffle> shuffle_from(const Model& model, NodeId first, const ImageShape& image) {
  if (model.op_type(first) != "Reshape" || !model.domain(first).empty()) {
    return std::nullopt;
  }
  const auto split = reshaped_extents(model, first, image);
  if (!split || split->size() != 5 || (*split)[1] * (*split)[2] != image.channels) {
    return std::nullopt;
  }
  const auto moved = only_reader(model, model.outputs(first).front());
  if (!moved || model.op_type(*moved) != "Transpose" ||
      attribute_as<Ints>(model, *moved, "perm") != Ints{0, 2, 1, 3, 4}) {
    return std::nullopt;
  }
  const auto last = only_reader(model, model.outputs(*moved).front());
  if (!last || model.op_type(*last) != "Reshape" || !model.domain(*last).empty()) {
    return std::nullopt;
  }
  const auto joined = reshaped_extents(model, *last, image);
  if (!joined || joined->size() != 4 || (*joined)[1] != image.channels ||
      (*joined)[2] != image.height) {
    return std::nullopt;
  }
  return Shuffle{{first, *moved, *last}, (*split)[1]};
}

std::int64_t gather_shuffles(Model& model, const std::vector<NodeId>& order,
                             const ImageShapes& shapes) {
  std::vector<std::pair<Shuffle, std::int64_t>> all;
  for (const auto node : order) {
    const auto inputs = model.inputs(node);
    const auto image = inputs.empty() ? shapes.end() : shapes.find(inputs.front());
    if (image == shapes.end() || is_float32(model, inputs.front())) {
      continue;
    }
    if (const auto found = shuffle_from(model, node, image->second)) {
      all.emplace_back(*found, image->second.channels);
    }
  }
  for (const auto& [found, channels] : all) {
    gather(model, found, channels);
  }
  model.remove_unused_initializers();
  return std::ssize(all);
}

bool is_shuffle(const Model& model, NodeId gather, const ImageShape& image) {
  const auto indices = model.inputs(gather)[1];
  const auto order = constant_as<std::int64_t>(model, indices);
  if (!order || model.int_attribute(gather, "axis", 0) != 1 ||
      std::ssize(*order) != image.channels || model.initializer_type(indices)->shape->size() != 1) {
    return false;
  }
  // The second channel of the result is the first of the second group.
  const auto size = image.channels > 1 ? (*order)[1] : 1;
  return size > 0 && image.channels % size == 0 &&
         *order == shuffled(image.channels / size, image.channels);
}

void apply_shuffle(Model& model, NodeId gather, const ImageShape& shape) {
  const auto inputs = model.inputs(gather);
  const auto from = *constant_as<std::int64_t>(model, inputs[1]);
  const auto found = makers(model, inputs.front());
  if (found.empty()) {
    const auto size = shape.channels > 1 ? from[1] : 1;
    write_as_transpose(model, gather, shape, shape.channels / size);
    return;
  }
  for (const auto maker : found) {
    reorder(model, maker, from);
  }
  model.replace_uses(model.outputs(gather).front(), inputs.front());
  model.remove_node(gather);
}

}  // namespace tessera::onnx
