// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/onnx/channels_last.h"

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "onnx/channel_shuffle.h"
#include "onnx/fold_columns.h"
#include "onnx/kinds.h"
#include "tessera/graph/graph.h"
#include "tessera/onnx/domains.h"
#include "tessera/onnx/image_shapes.h"
#include "tessera/onnx/layout_names.h"
#include "tessera/onnx/query.h"

namespace tessera::onnx {
namespace {

constexpr std::size_t kRank = 4;
using Permutation = std::array<std::int64_t, kRank>;
constexpr Permutation kToLast = {0, 2, 3, 1};
constexpr Permutation kToFirst = {0, 3, 1, 2};
using graph::OpKind;
using Ints = std::vector<std::int64_t>;

/// Where an axis of a channels-first value is in the channels-last one; none for a wrong axis.
std::optional<std::int64_t> axis_in_last(std::int64_t axis) {
  axis = axis < 0 ? axis + static_cast<std::int64_t>(kRank) : axis;
  if (axis < 0 || axis >= static_cast<std::int64_t>(kRank)) {
    return std::nullopt;
  }
  return kToFirst[static_cast<std::size_t>(axis)];
}

/// Every fourth of `values` and those behind it in the order of the other layout.
template <class T>
std::vector<T> in_last_order(const std::vector<T>& values) {
  std::vector<T> moved(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    moved[i] = values[i / kRank * kRank + static_cast<std::size_t>(kToLast[i % kRank])];
  }
  return moved;
}

/// How operators of a type go channels-last.
struct Form {
  /// Which inputs have the layout.
  std::function<std::vector<std::size_t>(const Model&, NodeId)> data;
  /// Attributes and constants allow it.
  std::function<bool(const Model&, NodeId)> allowed;
  /// Changes what depends on the layout, apart from data inputs and results.
  std::function<void(Model&, NodeId)> change;
};

std::string add_permuted(Model& model, const std::string& name, Tensor value) {
  auto permuted = model.unique_name(channels_last_name(name));
  model.set_initializer(permuted, std::move(value));
  return permuted;
}

// --- what single operators need -------------------------------------------------------------

std::vector<std::size_t> first_input(const Model&, NodeId) {
  return {0};
}

bool always(const Model&, NodeId) {
  return true;
}

void nothing(Model&, NodeId) {}

void set_flag(Model& model, NodeId node) {
  model.set_attribute(node, "channels_last", std::int64_t{1});
}

bool is_convolution_in_two_dimensions(const Model& model, NodeId node) {
  const auto weights = model.initializer_type(model.inputs(node)[3]);
  return weights && weights->shape && weights->shape->size() == kRank;
}

void make_convolution(Model& model, NodeId node) {
  model.set_op_type(node, "QLinearConv", kMicrosoftDomain);
  set_flag(model, node);
}

bool gives_maxima_only(const Model& model, NodeId node) {
  const auto kernel = attribute_as<Ints>(model, node, "kernel_shape");
  return model.outputs(node).size() == 1 && kernel && kernel->size() == 2;
}

void make_max_pool(Model& model, NodeId node) {
  model.set_op_type(node, "NhwcMaxPool", kMicrosoftDomain);
  model.remove_attribute(node, "storage_order");
}

bool pools_in_two_dimensions(const Model& model, NodeId node) {
  const auto kernel = attribute_as<Ints>(model, node, "kernel_shape");
  return kernel && kernel->size() == 2;
}

/// Attribute `axis` where `fallback` stands for an absent one.
std::optional<std::int64_t> axis_of(const Model& model, NodeId node, std::int64_t fallback) {
  return axis_in_last(model.int_attribute(node, "axis", fallback));
}

bool has_axis(const Model& model, NodeId node) {
  return axis_of(model, node, 0).has_value();
}

void move_axis(Model& model, NodeId node) {
  model.set_attribute(node, "axis", *axis_of(model, node, 0));
}

std::vector<std::size_t> every_input(const Model& model, NodeId node) {
  std::vector<std::size_t> places(model.inputs(node).size());
  std::iota(places.begin(), places.end(), std::size_t{0});
  return places;
}

/// com.microsoft QLinearConcat: scale and zero point of the result, then three per tensor.
std::vector<std::size_t> concatenated(const Model& model, NodeId node) {
  std::vector<std::size_t> places;
  for (std::size_t i = 2; i < model.inputs(node).size(); i += 3) {
    places.push_back(i);
  }
  return places;
}

std::vector<std::size_t> two_operands(const Model&, NodeId) {
  return {0, 3};
}

/// The input is absent, or a constant of T with as many numbers as there are extents.
template <class T>
bool per_extent(const Model& model, const std::vector<std::string>& inputs, std::size_t index) {
  if (index >= inputs.size() || inputs[index].empty()) {
    return true;
  }
  const auto values = constant_as<T>(model, inputs[index]);
  return values && (values->empty() || values->size() == kRank);
}

template <class T>
void permute_per_extent(Model& model, NodeId node, std::size_t index) {
  const auto inputs = model.inputs(node);
  if (index >= inputs.size() || inputs[index].empty()) {
    return;
  }
  const auto values = *constant_as<T>(model, inputs[index]);
  if (!values.empty()) {
    auto moved = Tensor::of(in_last_order(values), {static_cast<std::int64_t>(values.size())});
    model.set_input(node, index, add_permuted(model, inputs[index], std::move(moved)));
  }
}

/// By scales or sizes of all four extents; no region of interest.
bool is_plain_resize(const Model& model, NodeId node) {
  const auto inputs = model.inputs(node);
  const bool no_region =
      inputs.size() < 2 || inputs[1].empty() ||
      constant_as<float>(model, inputs[1]).value_or(std::vector<float>(1)).empty();
  return no_region && !model.attribute(node, "axes") && inputs.size() > 2 &&
         per_extent<float>(model, inputs, 2) && per_extent<std::int64_t>(model, inputs, 3);
}

void change_resize(Model& model, NodeId node) {
  permute_per_extent<float>(model, node, 2);
  permute_per_extent<std::int64_t>(model, node, 3);
}

/// The axes that Slice works on: an input, or as many as there are starts.
std::optional<Ints> sliced_axes(const Model& model, NodeId node) {
  const auto inputs = model.inputs(node);
  if (inputs.size() < 3) {
    return std::nullopt;  // before opset 10 they were attributes
  }
  if (inputs.size() > 3 && !inputs[3].empty()) {
    return constant_as<std::int64_t>(model, inputs[3]);
  }
  const auto starts = constant_as<std::int64_t>(model, inputs[1]);
  if (!starts) {
    return std::nullopt;
  }
  Ints axes(starts->size());
  std::iota(axes.begin(), axes.end(), std::int64_t{0});
  return axes;
}

bool has_known_axes(const Model& model, NodeId node) {
  const auto axes = sliced_axes(model, node);
  return axes && std::all_of(axes->begin(), axes->end(),
                             [](std::int64_t axis) { return axis_in_last(axis).has_value(); });
}

void change_slice(Model& model, NodeId node) {
  auto axes = *sliced_axes(model, node);
  for (auto& axis : axes) {
    axis = *axis_in_last(axis);
  }
  auto inputs = model.inputs(node);
  inputs.resize(std::max<std::size_t>(inputs.size(), 4));
  const auto base = inputs[3].empty() ? inputs[1] + "_axes" : inputs[3];
  const auto count = static_cast<std::int64_t>(axes.size());
  inputs[3] = add_permuted(model, base, Tensor::of(axes, {count}));
  model.set_inputs(node, inputs);
}

bool pads_by_constants(const Model& model, NodeId node) {
  const auto inputs = model.inputs(node);
  const bool axes = inputs.size() > 3 && !inputs[3].empty();
  if (inputs.size() < 2 || axes) {
    return false;
  }
  const auto pads = constant_as<std::int64_t>(model, inputs[1]);
  return pads && pads->size() == 2 * kRank;
}

void change_pad(Model& model, NodeId node) {
  const auto name = model.inputs(node)[1];
  const auto moved = in_last_order(*constant_as<std::int64_t>(model, name));
  model.set_input(node, 1, add_permuted(model, name, Tensor::of(moved, {std::ssize(moved)})));
}

/// Per tensor, so that no axis is meant.
bool has_one_scale(const Model& model, NodeId node) {
  const auto inputs = model.inputs(node);
  const auto scale =
      inputs.size() > 1 ? model.initializer(inputs[1]) : Result<TensorView>(TensorView{});
  return scale && scale->size() == 1;
}

/// One for all, or one for each channel.
bool has_tables_of_channels(const Model& model, NodeId node) {
  const auto table = model.initializer_type(model.inputs(node)[1]);
  return table && table->shape &&
         (table->shape->size() == 1 || model.int_attribute(node, "axis", -1) == 1);
}

void move_tables(Model& model, NodeId node) {
  model.remove_attribute(node, "axis");  // the last
}

void make_depth_to_space(Model& model, NodeId node) {
  model.set_op_type(node, "NhwcDepthToSpace", kKernelsDomain);
}

using Forms = std::map<std::string, Form, std::less<>>;

/// On integers, but for QuantizeLinear and DequantizeLinear.
const Forms& standard_forms() {
  static const Forms forms = {
      {"Clip", {first_input, always, nothing}},
      {"Concat", {every_input, has_axis, move_axis}},
      {"DequantizeLinear", {first_input, has_one_scale, nothing}},
      {"Gather", {first_input, always, nothing}},  // shuffles of known images
      {"Identity", {first_input, always, nothing}},
      {"MaxPool", {first_input, gives_maxima_only, make_max_pool}},
      {"Pad", {first_input, pads_by_constants, change_pad}},
      {"QLinearConv", {first_input, is_convolution_in_two_dimensions, make_convolution}},
      {"QuantizeLinear", {first_input, has_one_scale, nothing}},
      {"Resize", {first_input, is_plain_resize, change_resize}},
      {"Slice", {first_input, has_known_axes, change_slice}},
      {"Split", {first_input, has_axis, move_axis}},
  };
  return forms;
}

/// Of com.microsoft and of the toolkit's own domain.
const Forms& other_forms() {
  static const Forms forms = {
      {"DepthToSpace", {first_input, always, make_depth_to_space}},
      {"Lookup", {first_input, has_tables_of_channels, move_tables}},
      {"QLinearAdd", {two_operands, always, nothing}},
      {"QLinearAveragePool", {first_input, pools_in_two_dimensions, set_flag}},
      {"QLinearConcat", {concatenated, has_axis, move_axis}},
      {"QLinearGlobalAveragePool", {first_input, always, set_flag}},
      {"QLinearLeakyRelu", {first_input, always, nothing}},
      {"QLinearMul", {two_operands, always, nothing}},
      {"QLinearSigmoid", {first_input, always, nothing}},
  };
  return forms;
}

bool is_elementwise(OpKind kind) {
  return kind == OpKind::kElementwise || kind == OpKind::kAdd || kind == OpKind::kMul ||
         kind == OpKind::kClamp || kind == OpKind::kSigmoid;
}

class Relayout {
 public:
  Relayout(Model& model, std::vector<NodeId> order, const ImageShapes& shapes)
      : model_(model), order_(std::move(order)) {
    find_images(shapes);
  }

  LayoutChange run() {
    find_floats();
    for (const auto node : order_) {
      if (form_of(node) != nullptr) {
        last_.insert(node);
      }
    }
    while (leave_unfit()) {
    }
    for (const auto node : order_) {
      if (last_.contains(node)) {
        rewrite(node);
      } else if (model_.op_type(node) == "Transpose") {
        join(node);
      }
    }
    give_back();
    remove_unread();
    finish();
    model_.remove_unused_initializers();
    return change_;
  }

 private:
  /// What convolutions and shuffles read, as long as the values have types.
  void find_images(const ImageShapes& shapes) {
    for (const auto node : order_) {
      const auto& type = model_.op_type(node);
      if (type != "QLinearConv" && type != "Gather") {
        continue;
      }
      const auto image = shapes.find(model_.inputs(node).front());
      if (image != shapes.end() &&
          (type == "QLinearConv" || is_shuffle(model_, node, image->second))) {
        images_.emplace(node, image->second);
      }
    }
  }

  // --- which operators --------------------------------------------------------------------------

  /// Values between DequantizeLinear and QuantizeLinear, as far as they are computed element by
  /// element.
  void find_floats() {
    for (const auto node : order_) {
      const bool starts = model_.op_type(node) == "DequantizeLinear";
      if (starts || (reads_floats(node) && computes_by_element(node))) {
        for (const auto& output : model_.outputs(node)) {
          floats_.insert(output);
        }
      }
    }
  }

  [[nodiscard]] bool reads_floats(NodeId node) const {
    return std::ranges::any_of(model_.inputs(node),
                               [&](const auto& input) { return floats_.contains(input); });
  }

  /// Of what was left in float. Operators of com.microsoft and ours read scales first.
  [[nodiscard]] bool moves_floats(NodeId node) const {
    const auto inputs = model_.inputs(node);
    return model_.domain(node).empty() && !inputs.empty() && is_float32(model_, inputs.front());
  }

  [[nodiscard]] bool computes_by_element(NodeId node) const {
    graph::Op op;
    op.type = model_.op_type(node);
    op.domain = model_.domain(node);
    classify(op);
    return is_elementwise(op.kind);
  }

  [[nodiscard]] bool is_on_floats(NodeId node) const {
    const auto outputs = model_.outputs(node);
    return !outputs.empty() && floats_.contains(outputs.front());
  }

  /// Null for an operator that has none.
  [[nodiscard]] const Form* form_of(NodeId node) const {
    const auto& domain = model_.domain(node);
    const auto& type = model_.op_type(node);
    if (is_on_floats(node) && type != "DequantizeLinear") {
      static const Form kByElement{every_input, always, nothing};
      return &kByElement;
    }
    if (type == "Gather" && !images_.contains(node)) {
      return nullptr;
    }
    if (type != "QuantizeLinear" && (reads_floats(node) || moves_floats(node))) {
      return nullptr;  // the kernels for this layout are those for integers
    }
    const bool other = domain == kMicrosoftDomain || domain == kKernelsDomain;
    const auto& forms = other ? other_forms() : standard_forms();
    const auto found = domain.empty() || other ? forms.find(type) : forms.end();
    return found != forms.end() && found->second.allowed(model_, node) ? &found->second : nullptr;
  }

  [[nodiscard]] bool is_last(const std::string& value) const {
    const auto producer = model_.producer(value);
    return producer && last_.contains(*producer);
  }

  /// Operators for which it does not pay, or does not work, stay as they are: with that, others
  /// behind or before them may be such, too.
  bool leave_unfit() {
    const auto leave = [&](NodeId node) {
      if (!last_.contains(node) || fits(node)) {
        return false;
      }
      last_.erase(node);
      return true;
    };
    const auto forward = std::count_if(order_.begin(), order_.end(), leave);
    const auto backward = std::count_if(order_.rbegin(), order_.rend(), leave);
    return forward + backward > 0;
  }

  [[nodiscard]] bool fits(NodeId node) const {
    if (model_.op_type(node) == "QLinearConv" || is_pool_of_bytes(node)) {
      return true;  // what all is done for
    }
    const bool floats = is_on_floats(node);
    const auto inputs = model_.inputs(node);
    std::size_t last = 0;
    std::size_t all = 0;
    for (const auto place : form_of(node)->data(model_, node)) {
      const auto& input = inputs[place];
      if (input.empty() || model_.is_constant(input)) {
        if (!input.empty() && !fits_as_constant(input, floats)) {
          return false;
        }
        continue;
      }
      ++all;
      if (is_last(input)) {
        ++last;
      } else if (rank_of(input) != kRank) {
        return false;
      }
    }
    if (floats || model_.op_type(node) == "QuantizeLinear") {
      return last == all && all > 0 && (!floats || is_read_in_last(node));
    }
    return (last > 0 && 2 * last >= all) || leads_in(node);
  }

  /// Channels-first, the runtime takes up to 200 times as long for it.
  [[nodiscard]] bool is_pool_of_bytes(NodeId node) const {
    const auto inputs = model_.inputs(node);
    return model_.op_type(node) == "MaxPool" && !inputs.empty() &&
           is_in_bytes(model_, inputs.front());
  }

  /// Picks pixels of an image, or joins images, for convolutions alone: cheaper where the channels
  /// are last, and the values have to change their layout anyway.
  [[nodiscard]] bool leads_in(NodeId node) const {
    const auto& type = model_.op_type(node);
    return (type == "Slice" || type == "Concat" || type == "QLinearConcat") &&
           is_read_in_last(node);
  }

  [[nodiscard]] bool fits_as_constant(const std::string& name, bool floats) const {
    const auto value = model_.initializer(name);
    return value && (value->size() == 1 || (!floats && bytes_of(value->dtype, 1) == 1));
  }

  [[nodiscard]] bool is_read_in_last(NodeId node) const {
    return std::ranges::all_of(model_.outputs(node), [&](const std::string& value) {
      return !model_.is_output(value) && !model_.used_by_body(value) &&
             std::ranges::all_of(model_.consumers(value),
                                 [&](NodeId reader) { return last_.contains(reader); });
    });
  }

  /// None where it is not known.
  [[nodiscard]] std::optional<std::size_t> rank_of(const std::string& value) const {
    if (const auto type = model_.type_of(value); type && type->shape) {
      return type->shape->size();
    }
    const auto producer = model_.producer(value);
    if (producer && model_.op_type(*producer) == "QuantizeLinear") {
      const auto type = model_.type_of(model_.inputs(*producer).front());
      return type && type->shape ? std::optional(type->shape->size()) : std::nullopt;
    }
    return std::nullopt;
  }

  // --- the rewriting ----------------------------------------------------------------------------

  void rewrite(NodeId node) {
    const auto* form = form_of(node);
    const auto inputs = model_.inputs(node);
    for (const auto place : form->data(model_, node)) {
      if (!inputs[place].empty()) {
        model_.set_input(node, place, twin_of(inputs[place]));
      }
    }
    const auto outputs = model_.outputs(node);
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if (!outputs[i].empty()) {
        twins_[outputs[i]] = model_.unique_name(channels_last_name(outputs[i]));
        model_.set_output(node, i, twins_[outputs[i]]);
        made_.push_back(outputs[i]);
      }
    }
    form->change(model_, node);
    if (!is_on_floats(node)) {
      change_.operators.push_back(node);
    }
  }

  /// The channels-last form of a value, made if there is none.
  const std::string& twin_of(const std::string& value) {
    if (const auto found = twins_.find(value); found != twins_.end()) {
      return found->second;
    }
    auto twin = model_.is_constant(value) ? moved_constant(value) : given_last(value);
    if (twin.empty()) {
      twin = transposed(value, kToLast);
    }
    return twins_.emplace(value, std::move(twin)).first->second;
  }

  /// The channels-last form of a value that the model itself has moved to channels-first, such as
  /// an input, before or after it was rounded; "" if there is none.
  std::string given_last(const std::string& value) {
    const auto producer = model_.producer(value);
    if (!producer) {
      return {};
    }
    if (model_.op_type(*producer) == "Transpose") {
      const Ints to_first(kToFirst.begin(), kToFirst.end());
      const bool matches = attribute_as<Ints>(model_, *producer, "perm") == to_first;
      return matches ? instead_of(*producer, model_.inputs(*producer).front()) : std::string();
    }
    if (model_.op_type(*producer) != "QuantizeLinear" || !has_one_scale(model_, *producer)) {
      return {};
    }
    const auto given = given_last(model_.inputs(*producer).front());
    return given.empty() ? given : instead_of(*producer, rounded_like(*producer, given));
  }

  /// `value`, which is read where the operator's result was.
  std::string instead_of(NodeId node, std::string value) {
    if (std::ranges::find(replaced_, node) == replaced_.end()) {
      replaced_.push_back(node);
    }
    return value;
  }

  /// The values of `floats`, rounded as `quantizer` does with those of its input.
  std::string rounded_like(NodeId quantizer, const std::string& floats) {
    auto inputs = model_.inputs(quantizer);
    inputs.front() = floats;
    const auto result = model_.unique_name(channels_last_name(model_.outputs(quantizer).front()));
    const auto copy =
        model_.add_node({.name = model_.unique_name(channels_last_name(model_.name(quantizer))),
                         .op_type = "QuantizeLinear",
                         .domain = model_.domain(quantizer),
                         .inputs = inputs,
                         .outputs = {result},
                         .attributes = {},
                         .origin = model_.origin(quantizer)},
                        quantizer);
    model_.copy_attributes(quantizer, copy);
    return result;
  }

  /// What was replaced and is read by nobody any more; readers come last.
  void remove_unread() {
    for (auto node = replaced_.rbegin(); node != replaced_.rend(); ++node) {
      const auto value = model_.outputs(*node).front();
      if (model_.consumers(value).empty() && !model_.is_output(value) &&
          !model_.used_by_body(value)) {
        model_.remove_node(*node);
      }
    }
  }

  std::string transposed(const std::string& value, const Permutation& permutation,
                         std::string result = {}) {
    if (result.empty()) {
      result = model_.unique_name(channels_last_name(value));
    }
    model_.add_node({.name = model_.unique_name(result + "_transpose"),
                     .op_type = "Transpose",
                     .domain = "",
                     .inputs = {value},
                     .outputs = {result},
                     .attributes = {{"perm", Ints(permutation.begin(), permutation.end())}}});
    ++change_.transposes;
    return result;
  }

  /// One element goes with every layout.
  std::string moved_constant(const std::string& name) {
    const auto value = *model_.initializer(name);
    return value.size() == 1 ? name : add_permuted(model_, name, channels_last(value));
  }

  /// Of elements of one byte.
  [[nodiscard]] static Tensor channels_last(const TensorView& value) {
    Shape first(kRank, 1);
    std::copy_backward(value.shape.begin(), value.shape.end(), first.end());
    Tensor moved(value.dtype, {first[0], first[2], first[3], first[1]});
    std::size_t to = 0;
    const auto plane = first[2] * first[3];
    for (std::int64_t n = 0; n < first[0]; ++n) {
      for (std::int64_t place = 0; place < plane; ++place) {
        for (std::int64_t c = 0; c < first[1]; ++c) {
          moved.bytes()[to++] =
              value.bytes[static_cast<std::size_t>((n * first[1] + c) * plane + place)];
        }
      }
    }
    return moved;
  }

  /// A Transpose of a channels-last value takes it as it is.
  void join(NodeId node) {
    const auto input = model_.inputs(node).front();
    const auto axes = attribute_as<Ints>(model_, node, "perm");
    const auto twin = twins_.find(input);
    if (twin == twins_.end() || !axes || axes->size() != kRank) {
      return;
    }
    Ints joined;
    for (const auto axis : *axes) {
      const auto moved = axis_in_last(axis);
      if (!moved) {
        return;
      }
      joined.push_back(*moved);
    }
    model_.set_input(node, 0, twin->second);
    model_.set_attribute(node, "perm", joined);
    const auto output = model_.outputs(node).front();
    const bool identity = std::is_sorted(joined.begin(), joined.end());
    if (identity && !model_.is_output(output) && !model_.used_by_body(output)) {
      model_.replace_uses(output, twin->second);
      model_.remove_node(node);
    }
  }

  /// Channels-first forms that somebody still reads.
  void give_back() {
    for (const auto& value : made_) {
      if (!model_.consumers(value).empty() || model_.is_output(value) ||
          model_.used_by_body(value)) {
        transposed(twins_[value], kToFirst, value);
      }
    }
  }

  /// What looks at several operators that are channels-last. Convolutions are folded last: that
  /// puts operators between them and their readers.
  void finish() {
    for (const auto& [node, image] : images_) {
      if (last_.contains(node) && model_.op_type(node) == "Gather") {
        apply_shuffle(model_, node, image);
        last_.erase(node);
        std::erase(change_.operators, node);
      }
    }
    for (const auto& [node, image] : images_) {
      if (last_.contains(node)) {
        fold_columns(model_, node, image.width);
      }
    }
  }

  Model& model_;
  std::vector<NodeId> order_;
  std::map<NodeId, ImageShape> images_;  ///< by reader
  std::set<std::string, std::less<>> floats_;
  std::set<NodeId> last_;  ///< operators that compute channels-last
  /// By channels-first value.
  std::map<std::string, std::string, std::less<>> twins_;
  std::vector<NodeId> replaced_;   ///< Transposes and roundings that others stand for
  std::vector<std::string> made_;  ///< values that are made channels-last
  LayoutChange change_;
};

}  // namespace

Result<LayoutChange> write_channels_last(Model& model) {
  TESSERA_TRY(auto order, model.written_order());
  const auto shapes = image_shapes(model, order);
  if (gather_shuffles(model, order, shapes) > 0) {
    TESSERA_TRY(order, model.written_order());
  }
  return Relayout(model, std::move(order), shapes).run();
}

}  // namespace tessera::onnx
