// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "onnx/upgrade_rules.h"

// Steps to opset 2 to 9, and away from the experimental operators that ONNX dropped with opset 10
// but that files of opset 9 and below still use. Source: the change log of ONNX
// (docs/Changelog.md) and, for what it leaves open, the kernels of ONNX Runtime.
namespace tessera::onnx {
namespace {

constexpr std::int64_t kEnd = std::numeric_limits<std::int64_t>::max();

Status drop_consumed_inputs(Rewrite& r) {
  r.drop("consumed_inputs");
  return {};
}

Status pad_2(Rewrite& r) {
  for (auto& attribute : *r.node.mutable_attribute()) {
    if (attribute.name() == "paddings") {
      attribute.set_name("pads");
    }
  }
  return {};
}

/// LpPool and GlobalLpPool: the power became an integer.
Status integral_power_2(Rewrite& r) {
  const float power = r.float_or("p", 2.0F);
  if (power != std::nearbyint(power)) {
    return r.impossible("its power is not an integer");
  }
  r.set("p", static_cast<std::int64_t>(power));
  return {};
}

Status split_2(Rewrite& r) {
  if (r.attribute("axis") == nullptr) {
    r.set("axis", std::int64_t{0});
  }
  if (!r.has_input(1)) {
    return {};
  }
  const auto sizes = r.scope.constant(r.node.input(1));
  if (!sizes || sizes->dtype() != DType::kFloat32) {
    return r.impossible("its sizes are not constant");
  }
  auto& attribute = *r.node.add_attribute();
  attribute.set_name("split");
  attribute.set_type(proto::AttributeProto::INTS);
  for (const float size : sizes->as<float>()) {
    attribute.add_ints(static_cast<std::int64_t>(size));
  }
  r.node.mutable_input()->RemoveLast();
  return {};
}

Status concat_4(Rewrite& r) {
  if (r.attribute("axis") == nullptr) {
    r.set("axis", std::int64_t{1});
  }
  return {};
}

Status reshape_5(Rewrite& r) {
  const auto shape = r.ints("shape");
  if (!shape) {
    return r.impossible("it has no shape");
  }
  r.set_input(1, r.int64s("shape", *shape));
  r.drop("shape");
  r.drop("consumed_inputs");
  return {};
}

Status cast_6(Rewrite& r) {
  constexpr std::array<std::pair<std::string_view, std::int64_t>, 15> kNames = {
      {{"FLOAT", 1},
       {"UINT8", 2},
       {"INT8", 3},
       {"UINT16", 4},
       {"INT16", 5},
       {"INT32", 6},
       {"INT64", 7},
       {"STRING", 8},
       {"BOOL", 9},
       {"FLOAT16", 10},
       {"DOUBLE", 11},
       {"UINT32", 12},
       {"UINT64", 13},
       {"COMPLEX64", 14},
       {"COMPLEX128", 15}}};
  const auto* attribute = r.attribute("to");
  if (attribute == nullptr || attribute->s().empty()) {
    return {};  // some exporters were ahead of the specification
  }
  const auto* const known = std::find_if(kNames.begin(), kNames.end(), [&](const auto& entry) {
    return entry.first == attribute->s();
  });
  if (known == kNames.end()) {
    return r.impossible(fmt::format("'{}' is no element type", attribute->s()));
  }
  r.set("to", known->second);
  return {};
}

Status tile_6(Rewrite& r) {
  if (!r.has_input(2)) {
    return {};
  }
  const auto tiles = r.scope.constant(r.node.input(1));
  const auto axis = r.scope.constant(r.node.input(2));
  const auto rank = r.scope.rank(r.node.input(0));
  if (!tiles || !axis || !rank || tiles->size() != 1 || axis->size() != 1) {
    return r.impossible("how often and along which axis it repeats is not constant");
  }
  const auto number = [](const Tensor& tensor) {
    const auto values = to_float32(tensor.view());
    return values ? static_cast<std::int64_t>((*values)[0]) : -1;
  };
  std::vector<std::int64_t> repeats(static_cast<std::size_t>(*rank), 1);
  if (number(*axis) < 0 || number(*axis) >= *rank) {
    return r.impossible("its axis is out of range");
  }
  repeats[static_cast<std::size_t>(number(*axis))] = number(*tiles);
  r.node.mutable_input()->RemoveLast();
  r.set_input(1, r.int64s("repeats", repeats));
  return {};
}

/// The defaults gained digits.
Status selu_6(Rewrite& r) {
  r.drop("consumed_inputs");
  for (const auto& [name, value] : {std::pair("alpha", 1.6732F), std::pair("gamma", 1.0507F)}) {
    if (r.attribute(name) == nullptr) {
      auto& attribute = *r.node.add_attribute();
      attribute.set_name(name);
      attribute.set_type(proto::AttributeProto::FLOAT);
      attribute.set_f(value);
    }
  }
  return {};
}

/// `broadcast` and `axis` of binary operators became NumPy's rules: the shape of the second
/// operand, which began at `axis`, gets ones at its end.
Status broadcast_7(Rewrite& r) {
  const bool broadcast = r.int_or("broadcast", 0) != 0;
  const auto* axis_attribute = r.attribute("axis");
  if (!broadcast || axis_attribute == nullptr) {
    r.drop("broadcast");
    r.drop("axis");
    return {};
  }
  const auto left = r.scope.rank(r.node.input(0));
  const auto right = r.scope.rank(r.node.input(1));
  if (!left || !right) {
    return r.impossible("it broadcasts along an axis and the ranks of its inputs are unknown");
  }
  const auto axis = axis_attribute->i() < 0 ? axis_attribute->i() + *left : axis_attribute->i();
  const auto missing = *left - axis - *right;
  r.drop("broadcast");
  r.drop("axis");
  if (missing < 0 || axis < 0) {
    return r.impossible("its broadcast axis is out of range");
  }
  if (missing == 0) {
    return {};
  }
  if (auto constant = r.scope.constant(r.node.input(1))) {
    auto shape = constant->shape();
    shape.resize(shape.size() + static_cast<std::size_t>(missing), 1);
    constant->reshape(shape);
    r.set_input(1, r.constant("operand", std::move(*constant)));
    return {};
  }
  std::vector<std::int64_t> axes(static_cast<std::size_t>(missing));
  std::iota(axes.begin(), axes.end(), *right);
  r.set_input(1, r.before("Unsqueeze", {r.node.input(1)}, {{"axes", axes}}));
  return {};
}

Status gemm_7(Rewrite& r) {
  r.drop("broadcast");
  return {};
}

/// One slope per channel became an ordinary broadcast from the right.
Status prelu_7(Rewrite& r) {
  const auto slope = r.scope.extents(r.node.input(1));
  if (slope && (slope->empty() || (slope->size() == 1 && slope->front() == 1))) {
    return {};
  }
  const auto rank = r.scope.rank(r.node.input(0));
  if (!slope || slope->size() != 1 || !rank) {
    return r.impossible("the rank of its input or the shape of its slopes is unknown");
  }
  const auto trailing = *rank - 2;
  if (trailing <= 0) {
    return {};
  }
  if (auto constant = r.scope.constant(r.node.input(1))) {
    Shape shape{constant->size()};
    shape.resize(static_cast<std::size_t>(trailing) + 1, 1);
    constant->reshape(shape);
    r.set_input(1, r.constant("slope", std::move(*constant)));
    return {};
  }
  std::vector<std::int64_t> axes(static_cast<std::size_t>(trailing));
  std::iota(axes.begin(), axes.end(), 1);
  r.set_input(1, r.before("Unsqueeze", {r.node.input(1)}, {{"axes", axes}}));
  return {};
}

Status batch_normalization_7(Rewrite& r) {
  if (r.int_or("is_test", 0) == 0) {
    return r.impossible("it normalizes by the statistics of the batch, as in training (is_test=0)");
  }
  r.drop("is_test");
  return {};
}

/// In a model that is run, Dropout passes its input on, whatever is_test says.
Status dropout_7(Rewrite& r) {
  r.drop("is_test");
  return {};
}

Status recurrent_7(Rewrite& r) {
  r.drop("output_sequence");
  return {};
}

Status upsample_7(Rewrite& r) {
  const float height = r.float_or("height_scale", 1);
  const float width = r.float_or("width_scale", 1);
  r.drop("height_scale");
  r.drop("width_scale");
  auto& scales = *r.node.add_attribute();
  scales.set_name("scales");
  scales.set_type(proto::AttributeProto::FLOATS);
  for (const float scale : {1.0F, 1.0F, height, width}) {
    scales.add_floats(scale);
  }
  if (r.string_or("mode", "nearest") == "bilinear") {
    r.set("mode", "linear");
  }
  return {};
}

/// spatial=0 (one mean and variance per element) has no operator of its own any more.
Status batch_normalization_9(Rewrite& r) {
  const bool spatial = r.int_or("spatial", 1) != 0;
  r.drop("spatial");
  if (spatial) {
    return {};
  }
  const std::vector<std::string> in(r.node.input().begin(), r.node.input().end());
  if (in.size() < 5) {
    return r.impossible("it has too few inputs");
  }
  const auto epsilon = r.scalar_like("epsilon", in[4], double{r.float_or("epsilon", 1e-5F)});
  const auto variance = r.before("Add", {in[4], epsilon});
  const auto centred = r.before("Sub", {in[0], in[3]});
  const auto normal = r.before("Div", {centred, r.before("Sqrt", {variance})});
  const auto scaled = r.before("Mul", {normal, in[1]});
  r.node.set_op_type("Add");
  r.node.clear_attribute();
  *r.node.mutable_input() = {};
  r.set_input(0, scaled);
  r.set_input(1, in[2]);
  return {};
}

Status upsample_9(Rewrite& r) {
  const auto scales = r.floats("scales");
  r.drop("scales");
  r.set_input(1,
              r.constant("scales", Tensor::of(scales, {static_cast<std::int64_t>(scales.size())})));
  return {};
}

Status scan_9(Rewrite& r) {
  return r.impossible("the batch axis of Scan-8 is gone");
}

/// The experimental form had no axes, and could leave the variance alone. Like the standard one it
/// averages over the batch, too.
Status mean_variance_normalization_9(Rewrite& r) {
  const bool across = r.int_or("across_channels", 0) != 0;
  const bool variance = r.int_or("normalize_variance", 1) != 0;
  if (r.attribute("axes") != nullptr) {
    return {};
  }
  const std::vector<std::int64_t> axes =
      across ? std::vector<std::int64_t>{0, 1, 2, 3} : std::vector<std::int64_t>{0, 2, 3};
  r.node.clear_attribute();
  if (!variance) {
    const auto mean = r.before("ReduceMean", {r.node.input(0)}, {{"axes", axes}});
    r.node.set_op_type("Sub");
    r.set_input(1, mean);
    return {};
  }
  auto& attribute = *r.node.add_attribute();
  attribute.set_name("axes");
  attribute.set_type(proto::AttributeProto::INTS);
  attribute.mutable_ints()->Assign(axes.begin(), axes.end());
  return {};
}

// --- experimental operators -----------------------------------------------------------------

void become(Rewrite& r, std::string_view op_type, const std::vector<std::string>& inputs) {
  r.node.set_op_type(std::string(op_type));
  r.node.clear_attribute();
  *r.node.mutable_input() = {};
  for (const auto& input : inputs) {
    r.node.add_input(input);
  }
}

/// value x factor + summand, without the parts that do nothing.
void become_affine(Rewrite& r, const std::string& value, double factor,
                   const std::string& summand) {
  const auto scaled = [&] {
    return std::vector<std::string>{value, r.scalar_like("scale", value, factor)};
  };
  if (summand.empty()) {
    factor == 1 ? become(r, "Identity", {value}) : become(r, "Mul", scaled());
    return;
  }
  become(r, "Add", {factor == 1 ? value : r.before("Mul", scaled()), summand});
}

/// y[n, c, h, w] = scale x[n, c, h, w] + bias[c].
Status image_scaler_10(Rewrite& r) {
  const auto value = r.node.input(0);
  const auto bias = r.floats("bias");
  const float scale = r.float_or("scale", 1);
  const auto dtype = r.scope.dtype_or_float(value);
  if (dtype != DType::kFloat32) {
    return r.impossible("its input is not float32");
  }
  const bool shifts = std::any_of(bias.begin(), bias.end(), [](float b) { return b != 0; });
  const auto summand =
      shifts
          ? r.constant("bias", Tensor::of(bias, {1, static_cast<std::int64_t>(bias.size()), 1, 1}))
          : std::string();
  become_affine(r, value, double{scale}, summand);
  return {};
}

Status affine_10(Rewrite& r) {
  const auto value = r.node.input(0);
  const auto beta = double{r.float_or("beta", 0)};
  const auto alpha = double{r.float_or("alpha", 1)};
  become_affine(r, value, alpha, beta == 0 ? "" : r.scalar_like("beta", value, beta));
  return {};
}

Status scale_10(Rewrite& r) {
  become_affine(r, r.node.input(0), double{r.float_or("scale", 1)}, "");
  return {};
}

/// border = left, top, right, bottom; with `scale`, height and width instead of right and bottom.
Status crop_10(Rewrite& r) {
  const auto border = r.ints("border").value_or(std::vector<std::int64_t>{});
  const auto size = r.ints("scale").value_or(std::vector<std::int64_t>{});
  if (border.size() != 4 || (!size.empty() && size.size() != 2)) {
    return r.impossible("its borders are malformed");
  }
  const auto [left, top, right, bottom] = std::tuple(border[0], border[1], border[2], border[3]);
  const auto end = [](std::int64_t cut) { return cut == 0 ? kEnd : -cut; };
  const auto ends = size.empty() ? std::vector<std::int64_t>{end(bottom), end(right)}
                                 : std::vector<std::int64_t>{top + size[0], left + size[1]};
  const auto value = r.node.input(0);
  const auto starts = r.int64s("starts", {top, left});
  const auto stops = r.int64s("ends", ends);
  become(r, "Slice", {value, starts, stops, r.int64s("axes", {2, 3})});
  return {};
}

/// alpha x ln(1 + exp(beta x)).
Status parametric_softplus_10(Rewrite& r) {
  const auto value = r.node.input(0);
  const auto beta = r.scalar_like("beta", value, double{r.float_or("beta", 1)});
  const auto alpha = r.scalar_like("alpha", value, double{r.float_or("alpha", 1)});
  const auto softplus = r.before("Softplus", {r.before("Mul", {value, beta})});
  become(r, "Mul", {softplus, alpha});
  return {};
}

/// alpha x tanh(beta x).
Status scaled_tanh_10(Rewrite& r) {
  const auto value = r.node.input(0);
  const auto beta = r.scalar_like("beta", value, double{r.float_or("beta", 1)});
  const auto alpha = r.scalar_like("alpha", value, double{r.float_or("alpha", 1)});
  become(r, "Mul", {r.before("Tanh", {r.before("Mul", {value, beta})}), alpha});
  return {};
}

Status dynamic_slice_10(Rewrite& r) {
  r.node.set_op_type("Slice");
  return {};
}

Status gone_10(Rewrite& r) {
  return r.impossible("it was experimental and is no part of ONNX any more");
}

}  // namespace

const std::vector<RuleEntry>& legacy_rules() {
  static const std::vector<RuleEntry> kRules = {
      {"Pad", 2, pad_2},
      {"LpPool", 2, integral_power_2},
      {"GlobalLpPool", 2, integral_power_2},
      {"Split", 2, split_2},
      {"Concat", 4, concat_4},
      {"Reshape", 5, reshape_5},
      {"Cast", 6, cast_6},
      {"Tile", 6, tile_6},
      {"Selu", 6, selu_6},
      {"*", 6, drop_consumed_inputs, 0},
      {"Add", 7, broadcast_7, 2},
      {"Sub", 7, broadcast_7, 2},
      {"Mul", 7, broadcast_7, 2},
      {"Div", 7, broadcast_7, 2},
      {"Pow", 7, broadcast_7, 2},
      {"And", 7, broadcast_7, 2},
      {"Or", 7, broadcast_7, 2},
      {"Xor", 7, broadcast_7, 2},
      {"Equal", 7, broadcast_7, 2},
      {"Greater", 7, broadcast_7, 2},
      {"Less", 7, broadcast_7, 2},
      {"Gemm", 7, gemm_7},
      {"PRelu", 7, prelu_7, 2},
      {"BatchNormalization", 7, batch_normalization_7},
      {"Dropout", 7, dropout_7},
      {"RNN", 7, recurrent_7},
      {"LSTM", 7, recurrent_7},
      {"GRU", 7, recurrent_7},
      {"Upsample", 7, upsample_7},
      {"BatchNormalization", 9, batch_normalization_9},
      {"Upsample", 9, upsample_9},
      {"Scan", 9, scan_9},
      {"MeanVarianceNormalization", 9, mean_variance_normalization_9},
      {"ImageScaler", 10, image_scaler_10},
      {"Affine", 10, affine_10},
      {"Scale", 10, scale_10},
      {"Crop", 10, crop_10},
      {"ParametricSoftplus", 10, parametric_softplus_10},
      {"ScaledTanh", 10, scaled_tanh_10},
      {"DynamicSlice", 10, dynamic_slice_10},
      {"GivenTensorFill", 10, gone_10, 0},
      {"ATen", 10, gone_10, 0},
      {"GRUUnit", 10, gone_10, 0},
  };
  return kRules;
}

}  // namespace tessera::onnx
