// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>

#include "onnx/upgrade_rules.h"

// Steps to opset 10 and higher. Source: the change log of ONNX (docs/Changelog.md) and, for what it
// leaves open, the kernels of ONNX Runtime.
namespace tessera::onnx {
namespace {

/// Turns an attribute of integers into input `index`, where the attribute is present.
void attribute_to_input(Rewrite& r, std::string_view name, int index) {
  const auto values = r.ints(name);
  r.drop(name);
  if (values) {
    r.set_input(index, r.int64s(name, *values));
  }
}

// --- 10 -------------------------------------------------------------------------------------

/// The mask had the type of the data and became bool.
Status dropout_10(Rewrite& r) {
  if (r.node.output_size() < 2 || !r.scope.is_used(r.node.output(1))) {
    return {};
  }
  const auto dtype = r.scope.dtype_or_float(r.node.input(0));
  r.after(1, "Cast", {}, {{"to", static_cast<std::int64_t>(dtype)}});
  return {};
}

Status slice_10(Rewrite& r) {
  attribute_to_input(r, "starts", 1);
  attribute_to_input(r, "ends", 2);
  attribute_to_input(r, "axes", 3);
  return {};
}

Status top_k_10(Rewrite& r) {
  r.set_input(1, r.int64s("k", {r.int_or("k", 1)}));
  r.drop("k");
  return {};
}

Status upsample_10(Rewrite& r) {
  r.node.set_op_type("Resize");
  return {};
}

// --- 11 -------------------------------------------------------------------------------------

Status clip_11(Rewrite& r) {
  for (const auto& [name, index] : {std::pair("min", 1), std::pair("max", 2)}) {
    if (const auto* bound = r.attribute(name)) {
      r.set_input(index, r.scalar_like(name, r.node.input(0), double{bound->f()}));
      r.drop(name);
    }
  }
  return {};
}

Status pad_11(Rewrite& r) {
  const float value = r.float_or("value", 0);
  r.drop("value");
  attribute_to_input(r, "pads", 1);
  if (value != 0 && r.string_or("mode", "constant") == "constant") {
    r.set_input(2, r.scalar_like("value", r.node.input(0), double{value}));
  }
  return {};
}

/// Sampling positions were index / scale. Which neighbour 'nearest' took was not specified; the
/// runtime truncates where it enlarges and rounds up where it shrinks.
Status resize_11(Rewrite& r) {
  const auto scales = r.node.input(1);
  r.set_input(1, r.constant("roi", Tensor(DType::kFloat32, {0})));
  r.set_input(2, scales);
  r.set("coordinate_transformation_mode", "asymmetric");
  if (r.string_or("mode", "nearest") != "nearest") {
    return {};
  }
  const auto known = r.scope.constant(scales);
  bool shrinks = false;
  bool enlarges = false;
  if (known && known->dtype() == DType::kFloat32) {
    const auto values = known->as<float>();
    shrinks = std::any_of(values.begin(), values.end(), [](float s) { return s < 1; });
    enlarges = std::any_of(values.begin(), values.end(), [](float s) { return s > 1; });
  }
  if (shrinks && enlarges) {
    return r.impossible("it shrinks along one axis and enlarges along another");
  }
  r.set("nearest_mode", shrinks ? "ceil" : "floor");
  return {};
}

Status scatter_11(Rewrite& r) {
  r.node.set_op_type("ScatterElements");
  return {};
}

// --- 12 -------------------------------------------------------------------------------------

Status dropout_12(Rewrite& r) {
  if (const auto* ratio = r.attribute("ratio")) {
    const auto value = double{ratio->f()};
    r.set_input(1, r.scalar_like("ratio", r.node.input(0), value));
    r.drop("ratio");
  }
  return {};
}

// --- 13 -------------------------------------------------------------------------------------

Status axes_to_input(Rewrite& r) {
  if (const auto axes = r.ints("axes"); axes && axes->empty()) {
    r.drop("axes");  // all of them, now as before
  }
  attribute_to_input(r, "axes", 1);
  return {};
}

Status split_13(Rewrite& r) {
  attribute_to_input(r, "split", 1);
  return {};
}

/// Softmax, LogSoftmax and Hardmax ran over all extents from `axis` on, and now run along `axis`.
Status softmax_13(Rewrite& r) {
  const auto value = r.node.input(0);
  const auto axis = r.int_or("axis", 1);
  const auto extents = r.scope.extents(value);
  const auto rank = extents ? static_cast<std::int64_t>(extents->size()) : -1;
  const auto first = axis < 0 && rank >= 0 ? axis + rank : axis;
  const auto is_one = [](std::int64_t extent) { return extent == 1; };
  const bool is_single =
      axis == -1 || (extents && first >= 0 && first < rank &&
                     std::all_of(extents->begin() + first + 1, extents->end(), is_one));
  if (is_single) {
    r.set("axis", axis);
    return {};
  }
  r.set_input(0, r.before("Flatten", {value}, {{"axis", axis}}));
  r.set("axis", std::int64_t{1});
  const bool is_static = extents && std::none_of(extents->begin(), extents->end(),
                                                 [](std::int64_t extent) { return extent < 0; });
  r.after(0, "Reshape", {is_static ? r.int64s("shape", *extents) : r.before("Shape", {value})});
  return {};
}

/// Empty constants stood for absent inputs; `tf_half_pixel_for_nn` is gone.
Status resize_13(Rewrite& r) {
  for (const int index : {1, 2}) {
    if (!r.has_input(index)) {
      continue;
    }
    const auto known = r.scope.constant(r.node.input(index));
    if (known && known->size() == 0) {
      r.set_input(index, "");
    }
  }
  if (r.string_or("coordinate_transformation_mode", "half_pixel") != "tf_half_pixel_for_nn") {
    return {};
  }
  // floor((i + 0.5) / scale) is what rounding (i + 0.5) / scale - 0.5 half up gives.
  if (r.string_or("mode", "nearest") != "nearest" ||
      r.string_or("nearest_mode", "round_prefer_floor") != "floor") {
    return r.impossible("tf_half_pixel_for_nn has no successor for this mode");
  }
  r.set("coordinate_transformation_mode", "half_pixel");
  r.set("nearest_mode", "round_prefer_ceil");
  return {};
}

// --- 14 and higher --------------------------------------------------------------------------

/// Outputs beside the first were those of training.
Status batch_normalization_14(Rewrite& r) {
  for (int i = 1; i < r.node.output_size(); ++i) {
    if (r.scope.is_used(r.node.output(i))) {
      return r.impossible("its training outputs are used");
    }
  }
  while (r.node.output_size() > 1) {
    r.node.mutable_output()->RemoveLast();
  }
  return {};
}

Status roi_align_16(Rewrite& r) {
  r.set("coordinate_transformation_mode", "output_half_pixel");
  return {};
}

Status split_18(Rewrite& r) {
  if (!r.has_input(1)) {
    r.set("num_outputs", std::int64_t{r.node.output_size()});
  }
  return {};
}

Status dft_20(Rewrite& r) {
  const auto axis = r.int_or("axis", 1);
  r.drop("axis");
  r.set_input(2, r.constant("axis", Tensor::scalar(axis)));
  return {};
}

Status grid_sample_20(Rewrite& r) {
  const auto mode = r.string_or("mode", "bilinear");
  if (mode == "bilinear" || mode == "bicubic") {
    r.set("mode", mode == "bilinear" ? "linear" : "cubic");
  }
  return {};
}

/// Scale and bias per group became scale and bias per channel.
Status group_normalization_21(Rewrite& r) {
  const auto extents = r.scope.extents(r.node.input(0));
  const auto groups = r.int_or("num_groups", 0);
  if (!extents || extents->size() < 2 || (*extents)[1] <= 0 || groups <= 0) {
    return r.impossible("the number of channels is unknown");
  }
  const auto repeats = (*extents)[1] / groups;
  if (repeats == 1) {
    return {};
  }
  const auto column = r.int64s("column", {groups, 1});
  const auto table = r.int64s("table", {groups, repeats});
  const auto flat = r.int64s("channels", {(*extents)[1]});
  for (const int index : {1, 2}) {
    const auto unfolded = r.before("Reshape", {r.node.input(index), column});
    r.set_input(index, r.before("Reshape", {r.before("Expand", {unfolded, table}), flat}));
  }
  return {};
}

}  // namespace

const std::vector<RuleEntry>& modern_rules() {
  static const std::vector<RuleEntry> kRules = {
      {"Dropout", 10, dropout_10},
      {"Slice", 10, slice_10},
      {"TopK", 10, top_k_10},
      {"Upsample", 10, upsample_10},
      {"Clip", 11, clip_11},
      {"Pad", 11, pad_11},
      {"Resize", 11, resize_11, 2},
      {"Scatter", 11, scatter_11},
      {"Dropout", 12, dropout_12},
      {"Squeeze", 13, axes_to_input},
      {"Unsqueeze", 13, axes_to_input},
      {"ReduceSum", 13, axes_to_input},
      {"Split", 13, split_13},
      {"Softmax", 13, softmax_13},
      {"LogSoftmax", 13, softmax_13},
      {"Hardmax", 13, softmax_13},
      {"Resize", 13, resize_13},
      {"BatchNormalization", 14, batch_normalization_14},
      {"RoiAlign", 16, roi_align_16},
      {"Split", 18, split_18},
      {"ReduceL1", 18, axes_to_input},
      {"ReduceL2", 18, axes_to_input},
      {"ReduceLogSum", 18, axes_to_input},
      {"ReduceLogSumExp", 18, axes_to_input},
      {"ReduceMax", 18, axes_to_input},
      {"ReduceMean", 18, axes_to_input},
      {"ReduceMin", 18, axes_to_input},
      {"ReduceProd", 18, axes_to_input},
      {"ReduceSumSquare", 18, axes_to_input},
      {"DFT", 20, dft_20},
      {"GridSample", 20, grid_sample_20},
      {"GroupNormalization", 21, group_normalization_21, 3},
  };
  return kRules;
}

}  // namespace tessera::onnx
