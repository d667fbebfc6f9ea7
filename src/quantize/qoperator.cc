// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "quantize/passes.h"
#include "quantize/qoperator_unit.h"
#include "quantize/static_rules.h"
#include "tessera/numerics/kernels.h"
#include "tessera/onnx/domains.h"
#include "tessera/onnx/query.h"

namespace tessera::quantize {
namespace {

using onnx::Model;
using onnx::NodeId;

/// The operator between its dequantized inputs and the QuantizeLinear of its output.
struct Unit {
  NodeId node;
  std::vector<std::string> inputs;
  std::vector<NodeId> activations;  ///< Relu and Clip behind it, which its integers obey
  std::vector<numerics::RealRange> bounds;
  std::string result;               ///< float value at the end of the activations
  std::optional<NodeId> quantizer;  ///< of `result`
  std::optional<IntegerValue> output;
};

/// What takes the operator's place.
struct IntegerOp {
  std::string type;
  std::string domain;
  std::vector<std::string> inputs;
  std::vector<onnx::NamedAttribute> attributes;
  std::vector<std::string> dropped_attributes;
};

Failure stays(std::string reason) {
  return fail(ErrorCode::kUnimplemented, "{}", std::move(reason));
}

class Lowering {
 public:
  explicit Lowering(Model& model) : model_(model), opset_(model.opset().value_or(0)) {}

  /// Errors: kUnimplemented with the reason why the operator stays between its Q and DQ.
  Status lower(NodeId node, Format format) {
    format_ = format;
    const auto maker = makers().find(model_.op_type(node));
    if (!model_.domain(node).empty() || maker == makers().end()) {
      return stays("it has no integer form");
    }
    return maker->second(*this, node);
  }

  /// The operator before it took it in.
  [[nodiscard]] bool absorbed(NodeId node) const { return absorbed_.contains(node); }

  /// DequantizeLinear operators whose only readers were lowered.
  void remove_unread() {
    for (const auto node : model_.nodes()) {
      if (model_.op_type(node) == "DequantizeLinear" &&
          touched_.contains(model_.outputs(node).front()) &&
          !is_read(model_.outputs(node).front())) {
        model_.remove_node(node);
      }
    }
    model_.remove_unused_initializers();
  }

 private:
  using Maker = std::function<Status(Lowering&, NodeId)>;

  [[nodiscard]] bool is_read(const std::string& value) const {
    return !model_.consumers(value).empty() || model_.is_output(value) ||
           model_.used_by_body(value);
  }

  [[nodiscard]] Result<IntegerValue> input(const Unit& unit, std::size_t index) {
    if (index >= unit.inputs.size() || unit.inputs[index].empty()) {
      return stays(fmt::format("its input {} is absent", index));
    }
    auto value = dequantized_from(model_, unit.inputs[index]);
    if (!value) {
      return stays(fmt::format("'{}' is not quantized", unit.inputs[index]));
    }
    return *std::move(value);
  }

  [[nodiscard]] Result<IntegerValue> activation(const Unit& unit, std::size_t index) {
    TESSERA_TRY(auto value, input(unit, index));
    if (value.per_channel()) {
      return stays(fmt::format("'{}' has a scale per channel", unit.inputs[index]));
    }
    return value;
  }

  /// The operator with the Relu or Clip that follows it and nobody else reads.
  [[nodiscard]] Unit look_at(NodeId node) {
    Unit unit{node, model_.inputs(node), {}, {}, model_.outputs(node).front(), {}, {}};
    while (true) {
      const auto readers = model_.consumers(unit.result);
      if (readers.size() != 1 || model_.is_output(unit.result) ||
          model_.used_by_body(unit.result)) {
        break;
      }
      const auto bounds = activation_bounds(model_, readers.front());
      if (!bounds || model_.inputs(readers.front()).front() != unit.result) {
        break;
      }
      unit.activations.push_back(readers.front());
      unit.bounds.push_back(*bounds);
      unit.result = model_.outputs(readers.front()).front();
    }
    unit.quantizer = quantizer_of(model_, unit.result);
    if (unit.quantizer) {
      unit.output = quantized_by(model_, *unit.quantizer);
    }
    if (!unit.output) {
      unit = {node, unit.inputs, {}, {}, model_.outputs(node).front(), {}, {}};
    }
    return unit;
  }

  [[nodiscard]] Result<Unit> with_output(NodeId node) {
    auto unit = look_at(node);
    if (!unit.output) {
      return stays("its output is not quantized");
    }
    TESSERA_CHECK(check_only_reader(unit.result));
    return unit;
  }

  /// For operators whose kernels can also give float results.
  [[nodiscard]] Result<Unit> with_any_output(NodeId node) {
    auto unit = look_at(node);
    if (unit.output) {
      TESSERA_CHECK(check_only_reader(unit.result));
    }
    return unit;
  }

  /// An operator left in float reads exact values, which an integer operator does not have.
  [[nodiscard]] Status check_only_reader(const std::string& result) const {
    if (model_.consumers(result).size() > 1 || model_.is_output(result) ||
        model_.used_by_body(result)) {
      return stays("its exact result is read in float");
    }
    return {};
  }

  [[nodiscard]] std::string integer_name(NodeId node) const {
    const auto& name = model_.name(node);
    return model_.unique_name((name.empty() ? model_.op_type(node) : name) + "_quant");
  }

  /// Puts `op` in the place of the whole unit.
  NodeId replace(const Unit& unit, const IntegerOp& op) {
    touch_inputs(unit.node);
    const auto name = integer_name(unit.node);
    const auto bounds = joint_bounds(unit);
    const std::string values = unit.output ? unit.output->values : unit.result;
    release(unit);
    const std::string direct = bounds ? model_.unique_name(values + "_unbounded") : values;
    const auto added =
        model_.add_node({name, op.type, op.domain, op.inputs, {direct}, {}, unit.node}, unit.node);
    model_.copy_attributes(unit.node, added);
    for (const auto& attribute : op.attributes) {
      model_.set_attribute(added, attribute.name, attribute.value);
    }
    for (const auto& attribute : op.dropped_attributes) {
      model_.remove_attribute(added, attribute);
    }
    if (bounds) {
      add_clip(unit, *bounds, direct, values);
    }
    finish(unit);
    if (op.domain == onnx::kMicrosoftDomain && !model_.opset(onnx::kMicrosoftDomain)) {
      model_.set_opset(onnx::kMicrosoftDomain, 1);
    }
    return added;
  }

  /// The bounds of all activations on the integers; nothing if saturation obeys them anyway.
  [[nodiscard]] std::optional<IntegerBounds> joint_bounds(const Unit& unit) const {
    if (!unit.output) {
      return std::nullopt;
    }
    const auto limits = numerics::full_range(unit.output->dtype);
    IntegerBounds joint{static_cast<std::int32_t>(limits.min),
                        static_cast<std::int32_t>(limits.max)};
    for (const auto& bounds : unit.bounds) {
      // Clipping twice: the later bounds win where the two do not overlap.
      const auto next = to_integers(bounds, *unit.output);
      joint.low = std::clamp(joint.low, next.low, next.high);
      joint.high = std::clamp(joint.high, next.low, next.high);
    }
    return joint.low == limits.min && joint.high == limits.max ? std::nullopt
                                                               : std::optional(joint);
  }

  void add_clip(const Unit& unit, IntegerBounds bounds, const std::string& from,
                const std::string& to) {
    const auto bound = [&](std::int32_t value, std::string_view suffix) {
      const auto name = model_.unique_name(fmt::format("{}_{}", to, suffix));
      model_.set_initializer(name, scalar_of(unit.output->dtype, value));
      return name;
    };
    model_.add_node({model_.unique_name(to + "_clip"),
                     "Clip",
                     "",
                     {from, bound(bounds.low, "low"), bound(bounds.high, "high")},
                     {to},
                     {}},
                    unit.node);
  }

  /// Frees the values that the replacement makes.
  void release(const Unit& unit) {
    if (unit.quantizer && unit.output) {
      model_.remove_node(*unit.quantizer);
    } else {
      model_.set_output(unit.node, 0, "");
    }
  }

  /// Removes the float operators.
  void finish(const Unit& unit) {
    for (const auto activation : unit.activations) {
      model_.remove_node(activation);
      absorbed_.insert(activation);
    }
    model_.remove_node(unit.node);
  }

  void touch_inputs(NodeId node) {
    for (const auto& value : model_.inputs(node)) {
      touched_.insert(value);
    }
  }

  [[nodiscard]] static Status check_types(const IntegerValue& left, const IntegerValue& right,
                                          const Unit& unit) {
    if (left.dtype == DType::kInt8 && right.dtype == DType::kUInt8) {
      return stays("the runtime has no kernel for s8 activations with u8 weights");
    }
    if (unit.output && unit.output->dtype != left.dtype) {
      return stays("its input and output have different integer types");
    }
    return {};
  }

  /// Zero points in the shape of the scales, which some kernels insist on.
  [[nodiscard]] std::string matching_zero_point(const IntegerValue& value) {
    const auto scale = model_.initializer_type(value.scale);
    const auto zero = model_.initializer_type(value.zero_point);
    if (scale && zero && scale->shape && zero->shape &&
        scale->shape->size() == zero->shape->size()) {
      return value.zero_point;
    }
    Tensor zeros(value.dtype, {static_cast<std::int64_t>(value.zeros.size())});
    for (std::size_t i = 0; i < value.zeros.size(); ++i) {
      zeros.bytes()[i] = static_cast<std::byte>(static_cast<std::uint8_t>(value.zeros[i]));
    }
    const auto name = model_.unique_name(value.zero_point + "_per_channel");
    model_.set_initializer(name, std::move(zeros));
    return name;
  }

  [[nodiscard]] static std::vector<float> product_scales(const IntegerValue& left,
                                                         const IntegerValue& right) {
    std::vector<float> scales;
    scales.reserve(right.scales.size());
    for (const float scale : right.scales) {
      scales.push_back(left.scales.front() * scale);
    }
    return scales;
  }

  static void append(std::vector<std::string>& inputs, const IntegerValue& value) {
    inputs.insert(inputs.end(), {value.values, value.scale, value.zero_point});
  }

  /// QLinearConv of the unit's inputs; the weights' channels lie along `axis`.
  Result<IntegerOp> convolution(const Unit& unit, std::int64_t axis) {
    TESSERA_TRY(const auto data, activation(unit, 0));
    TESSERA_TRY(const auto kernel, input(unit, 1));
    TESSERA_CHECK(check_types(data, kernel, unit));
    const bool one_zero = std::all_of(kernel.zeros.begin(), kernel.zeros.end(),
                                      [&](auto zero) { return zero == kernel.zeros.front(); });
    if ((kernel.per_channel() && kernel.axis != axis) || !one_zero) {
      return stays("QLinearConv takes one zero point for all channels of the weights");
    }
    const std::string float_bias = unit.inputs.size() > 2 ? unit.inputs[2] : "";
    TESSERA_TRY(const auto bias, integer_bias(model_, float_bias, product_scales(data, kernel), 1));
    IntegerOp op{"QLinearConv", "", {}, {}, {}};
    append(op.inputs, data);
    append(op.inputs, kernel);
    op.inputs.insert(op.inputs.end(), {unit.output->scale, unit.output->zero_point});
    if (!bias.empty()) {
      op.inputs.push_back(bias);
    }
    return op;
  }

  Status conv(NodeId node) {
    TESSERA_TRY(const auto unit, with_output(node));
    TESSERA_TRY(const auto op, convolution(unit, 0));
    replace(unit, op);
    return {};
  }

  // --- transposed convolutions whose kernel is their stride ----------------------------------

  /// A 1 x 1 convolution makes the pixels of a block as channels, which DepthToSpace moves.
  Status transposed_conv(NodeId node) {
    if (format_ != Format::kKernels) {
      return stays("it has no integer form");
    }
    TESSERA_TRY(const auto unit, with_output(node));
    TESSERA_TRY(const auto kernel, input(unit, 1));
    TESSERA_TRY(const auto weights, model_.initializer(kernel.values));
    const Shape shape(weights.shape.begin(), weights.shape.end());
    const auto group = model_.int_attribute(node, "group", 1);
    TESSERA_CHECK(check_blocks(shape, group, [&](std::string_view name) {
      return onnx::attribute_as<Shape>(model_, node, name).value_or(Shape());
    }));
    TESSERA_TRY(auto op, convolution(unit, 1));
    op.dropped_attributes = model_.attribute_names(node);
    op.inputs[3] = added(kernel.values + "_blocks", by_pixel_of_block(weights));
    for (std::size_t i = 4; i < op.inputs.size(); ++i) {
      const bool of_weights = i == 4 || i == 5 || i == 8;
      TESSERA_TRY(op.inputs[i], of_weights ? repeated(op.inputs[i], shape[1], shape[2] * shape[3])
                                           : Result<std::string>(op.inputs[i]));
    }
    spread(replace(unit, op), {shape[2], shape[3]});
    return {};
  }

  std::string added(const std::string& name, Tensor value) {
    auto unique = model_.unique_name(name);
    model_.set_initializer(unique, std::move(value));
    return unique;
  }

  /// [C, M, height, width] of bytes as [height x width x M, C, 1, 1].
  [[nodiscard]] static Tensor by_pixel_of_block(const TensorView& weights) {
    const auto& shape = weights.shape;
    const auto pixels = static_cast<std::size_t>(shape[2] * shape[3]);
    const auto outputs = static_cast<std::size_t>(shape[1]);
    const auto inputs = static_cast<std::size_t>(shape[0]);
    Tensor moved(weights.dtype, {shape[2] * shape[3] * shape[1], shape[0], 1, 1});
    std::size_t to = 0;
    for (std::size_t pixel = 0; pixel < pixels; ++pixel) {
      for (std::size_t output = 0; output < outputs; ++output) {
        for (std::size_t input = 0; input < inputs; ++input) {
          moved.bytes()[to++] = weights.bytes[(input * outputs + output) * pixels + pixel];
        }
      }
    }
    return moved;
  }

  /// What has a number per output has it for each pixel of the block.
  Result<std::string> repeated(const std::string& name, std::int64_t outputs, std::int64_t pixels) {
    TESSERA_TRY(const auto once, model_.initializer(name));
    if (once.shape.empty()) {
      return name;  // one for all
    }
    Tensor all(once.dtype, {outputs * pixels});
    for (std::size_t i = 0; i < all.bytes().size(); ++i) {
      all.bytes()[i] = once.bytes[i % once.bytes.size()];
    }
    return added(name + "_blocks", std::move(all));
  }

  /// The channels of each pixel become a block of pixels. It is written for images whose channels
  /// are last: onnx::write_channels_last() makes it such.
  void spread(NodeId convolution, const Shape& blocks) {
    const auto result = model_.outputs(convolution).front();
    const auto deep = model_.unique_name(result + "_blocks");
    model_.set_output(convolution, 0, deep);
    model_.add_node({.name = model_.unique_name(result + "_depth_to_space"),
                     .op_type = "DepthToSpace",
                     .domain = std::string(onnx::kKernelsDomain),
                     .inputs = {deep},
                     .outputs = {result},
                     .attributes = {{"blocks", blocks}},
                     .origin = model_.origin(convolution)});
    model_.set_opset(onnx::kKernelsDomain, onnx::kKernelsOpset);
  }

  [[nodiscard]] float float_attribute(NodeId node, std::string_view name) const {
    return onnx::attribute_as<float>(model_, node, name).value_or(1.0F);
  }

  Status gemm(NodeId node) {
    TESSERA_TRY(const auto unit, with_any_output(node));
    TESSERA_TRY(const auto data, activation(unit, 0));
    TESSERA_TRY(auto weights, input(unit, 1));
    TESSERA_CHECK(check_types(data, weights, unit));
    const std::int64_t channel = model_.int_attribute(node, "transB", 0) != 0 ? 0 : 1;
    if (weights.per_channel() && weights.axis != channel) {
      return stays("its weights have a scale per row");
    }
    if (weights.per_channel()) {
      weights.zero_point = matching_zero_point(weights);
    }
    const float alpha = float_attribute(node, "alpha");
    std::vector<float> scales = product_scales(data, weights);
    for (float& scale : scales) {
      scale *= alpha;
    }
    const std::string float_bias = unit.inputs.size() > 2 ? unit.inputs[2] : "";
    TESSERA_TRY(const auto bias,
                integer_bias(model_, float_bias, scales, float_attribute(node, "beta")));
    IntegerOp op{"QGemm", std::string(onnx::kMicrosoftDomain), {}, {}, {"beta"}};
    append(op.inputs, data);
    append(op.inputs, weights);
    op.inputs.push_back(bias);
    if (unit.output) {
      op.inputs.insert(op.inputs.end(), {unit.output->scale, unit.output->zero_point});
    }
    replace(unit, op);
    return {};
  }

  Status matmul(NodeId node) {
    TESSERA_TRY(const auto unit, with_any_output(node));
    TESSERA_TRY(const auto left, activation(unit, 0));
    TESSERA_TRY(auto right, input(unit, 1));
    TESSERA_CHECK(check_types(left, right, unit));
    if (right.per_channel()) {
      const auto type = model_.initializer_type(right.values);
      if (!type || !type->shape || type->shape->size() != 2 || right.axis != 1) {
        return stays("QLinearMatMul takes a scale per column of a matrix only");
      }
      right.zero_point = matching_zero_point(right);
    }
    if (unit.output) {
      IntegerOp op{"QLinearMatMul", "", {}, {}, {}};
      append(op.inputs, left);
      append(op.inputs, right);
      op.inputs.insert(op.inputs.end(), {unit.output->scale, unit.output->zero_point});
      replace(unit, op);
      return {};
    }
    replace(unit, {"MatMulIntegerToFloat",
                   std::string(onnx::kMicrosoftDomain),
                   {left.values, right.values, left.scale, right.scale, left.zero_point,
                    right.zero_point},
                   {},
                   {}});
    return {};
  }

  /// Appends the inputs from the `first` on, which must have the integer type of the output.
  Status append_alike(const Unit& unit, std::size_t first, IntegerOp& op) {
    for (auto i = first; i < unit.inputs.size(); ++i) {
      TESSERA_TRY(const auto value, activation(unit, i));
      if (value.dtype != unit.output->dtype) {
        return stays("its inputs and output have different integer types");
      }
      append(op.inputs, value);
    }
    return {};
  }

  /// com.microsoft QLinearX(inputs..., output parameters), all of one integer type.
  Status contrib(NodeId node, std::vector<onnx::NamedAttribute> attributes = {}) {
    TESSERA_TRY(const auto unit, with_output(node));
    IntegerOp op{"QLinear" + model_.op_type(node),
                 std::string(onnx::kMicrosoftDomain),
                 {},
                 std::move(attributes),
                 {}};
    TESSERA_CHECK(append_alike(unit, 0, op));
    op.inputs.insert(op.inputs.end(), {unit.output->scale, unit.output->zero_point});
    replace(unit, op);
    return {};
  }

  Status softmax(NodeId node) {
    const std::int64_t axis = model_.int_attribute(node, "axis", opset_ < 13 ? 1 : -1);
    return contrib(node, {{"axis", axis}, {"opset", opset_}});
  }

  Status average_pool(NodeId node) {
    using Ints = std::vector<std::int64_t>;
    if (const auto steps = onnx::attribute_as<Ints>(model_, node, "dilations")) {
      if (std::any_of(steps->begin(), steps->end(), [](auto step) { return step != 1; })) {
        return stays("QLinearAveragePool has no dilations");
      }
      model_.remove_attribute(node, "dilations");
    }
    return contrib(node);
  }

  Status concat(NodeId node) {
    TESSERA_TRY(const auto unit, with_output(node));
    IntegerOp op{"QLinearConcat",
                 std::string(onnx::kMicrosoftDomain),
                 {unit.output->scale, unit.output->zero_point},
                 {},
                 {}};
    TESSERA_CHECK(append_alike(unit, 0, op));
    replace(unit, op);
    return {};
  }

  Status where(NodeId node) {
    TESSERA_TRY(const auto unit, with_output(node));
    IntegerOp op{
        "QLinearWhere", std::string(onnx::kMicrosoftDomain), {unit.inputs.front()}, {}, {}};
    TESSERA_CHECK(append_alike(unit, 1, op));
    op.inputs.insert(op.inputs.end(), {unit.output->scale, unit.output->zero_point});
    replace(unit, op);
    return {};
  }

  /// Operators that move or select values do so with the integers.
  Status movement(NodeId node) {
    Unit unit{node, model_.inputs(node), {}, {}, {}, {}, {}};
    TESSERA_TRY(const auto data, activation(unit, 0));
    std::vector<std::pair<NodeId, IntegerValue>> outputs;
    for (const auto& output : model_.outputs(node)) {
      if (output.empty()) {
        return stays("an output of it is absent");
      }
      const auto quantizer = quantizer_of(model_, output);
      const auto value = quantizer ? quantized_by(model_, *quantizer) : std::nullopt;
      if (!value) {
        return stays("its output is not quantized");
      }
      TESSERA_CHECK(check_only_reader(output));
      if (!value->same_params(data)) {
        return stays("its output has another scale than its input");
      }
      outputs.emplace_back(*quantizer, *value);
    }
    touched_.insert(unit.inputs.front());
    model_.set_input(node, 0, data.values);
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const auto& [quantizer, value] = outputs[i];
      model_.remove_node(quantizer);
      model_.set_output(node, i, value.values);
    }
    return {};
  }

  Status max_pool(NodeId node) {
    return opset_ < 12 ? Status(stays("MaxPool takes integers from opset 12 on")) : movement(node);
  }

  Status pad(NodeId node) {
    if (onnx::attribute_as<std::string>(model_, node, "mode").value_or("constant") != "constant") {
      return movement(node);
    }
    if (opset_ < 11) {
      return stays("Pad takes integers from opset 11 on");
    }
    auto inputs = model_.inputs(node);
    inputs.resize(std::max<std::size_t>(inputs.size(), 3));
    const auto data = dequantized_from(model_, inputs.front());
    if (!data || data->per_channel()) {
      return stays("its input is not quantized");
    }
    double padding = 0;
    if (!inputs[2].empty()) {
      const auto constant = model_.initializer(inputs[2]);
      if (!constant || constant->dtype != DType::kFloat32 || constant->size() != 1) {
        return stays("its padding is not constant");
      }
      padding = double{constant->as<float>().front()};
    }
    TESSERA_CHECK(movement(node));
    const auto integer = to_integers({padding, padding}, *data).low;
    const auto name = model_.unique_name(model_.outputs(node).front() + "_padding");
    model_.set_initializer(name, scalar_of(data->dtype, integer));
    model_.set_input(node, 2, name);
    return {};
  }

  /// Relu or Clip on its own: bounds on the integers.
  Status clip(NodeId node) {
    const auto bounds = activation_bounds(model_, node);
    if (!bounds || opset_ < 12) {
      return stays("its bounds are not constant, or Clip does not take integers in this opset");
    }
    const auto data = dequantized_from(model_, model_.inputs(node).front());
    TESSERA_CHECK(movement(node));
    const auto limits = to_integers(*bounds, *data);
    std::vector<std::string> inputs = {model_.inputs(node).front()};
    for (const auto limit : {limits.low, limits.high}) {
      inputs.push_back(model_.unique_name(model_.outputs(node).front() + "_bound"));
      model_.set_initializer(inputs.back(), scalar_of(data->dtype, limit));
    }
    model_.set_op_type(node, "Clip", "");
    model_.set_inputs(node, inputs);
    return {};
  }

  static const std::map<std::string, Maker, std::less<>>& makers() {
    const auto move = [](Lowering& self, NodeId node) { return self.movement(node); };
    const auto contrib = [](Lowering& self, NodeId node) { return self.contrib(node); };
    const auto global_pool = [](Lowering& self, NodeId node) {
      return self.contrib(node, {{"channels_last", std::int64_t{0}}});
    };
    static const std::map<std::string, Maker, std::less<>> table = {
        {"Add", contrib},
        {"AveragePool", &Lowering::average_pool},
        {"Clip", &Lowering::clip},
        {"Concat", &Lowering::concat},
        {"Conv", &Lowering::conv},
        {"ConvTranspose", &Lowering::transposed_conv},
        {"DepthToSpace", move},
        {"Expand", move},
        {"Flatten", move},
        {"Gather", move},
        {"Gemm", &Lowering::gemm},
        {"GlobalAveragePool", global_pool},
        {"Identity", move},
        {"LeakyRelu", contrib},
        {"MatMul", &Lowering::matmul},
        {"MaxPool", &Lowering::max_pool},
        {"Mul", contrib},
        {"Pad", &Lowering::pad},
        {"ReduceMax", move},
        {"ReduceMin", move},
        {"Relu", &Lowering::clip},
        {"Reshape", move},
        {"Resize", move},
        {"Sigmoid", contrib},
        {"Slice", move},
        {"Softmax", &Lowering::softmax},
        {"SpaceToDepth", move},
        {"Split", move},
        {"Squeeze", move},
        {"Tile", move},
        {"Transpose", move},
        {"Unsqueeze", move},
        {"Where", &Lowering::where},
    };
    return table;
  }

  Model& model_;
  std::int64_t opset_;
  Format format_ = Format::kQOperator;  ///< of the operator that is lowered
  std::set<NodeId> absorbed_;           ///< Relu and Clip that an operator before them took in
  std::set<std::string> touched_;       ///< float values that lowered operators read
};

}  // namespace

Status lower_to_qoperator(Model& model, const std::vector<Work>& work,
                          const QuantizeOptions& /*options*/, Monitor& monitor) {
  Lowering lowering(model);
  const auto alive = model.nodes();
  const std::set<NodeId> present(alive.begin(), alive.end());
  for (const auto& item : work) {
    TESSERA_CHECK(monitor.check());
    if (!present.contains(item.node) || lowering.absorbed(item.node)) {
      continue;  // an operator before it took it in
    }
    const auto status = lowering.lower(item.node, item.scheme->format);
    if (!status && status.error().code != ErrorCode::kUnimplemented) {
      return status;
    }
    if (!status && item.outcome->quantized) {
      item.outcome->reason =
          fmt::format("computed in float between Q and DQ: {}", status.error().message);
    }
  }
  lowering.remove_unread();
  return {};
}

}  // namespace tessera::quantize
