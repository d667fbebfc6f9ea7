// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "tessera/calibrate/calibrate.h"

namespace tessera::calibrate {
namespace {

/// Rows of the smallest table that a value is an index into, also in another shape or type.
std::optional<std::int64_t> index_limit(const onnx::Model& model, const std::string& value,
                                        int depth = 0) {
  constexpr int kDeepest = 4;
  std::optional<std::int64_t> limit;
  const auto lower = [&](std::optional<std::int64_t> other) {
    limit = limit && other ? std::min(limit, other) : limit ? limit : other;
  };
  for (const auto node : model.consumers(value)) {
    const auto& type = model.op_type(node);
    const auto inputs = model.inputs(node);
    if (type == "Gather" && inputs.size() == 2 && inputs[1] == value) {
      const auto table = model.initializer_type(inputs[0]);
      const auto rank = table && table->shape ? std::ssize(*table->shape) : 0;
      const auto from_front = model.int_attribute(node, "axis", 0);
      const auto axis = static_cast<std::size_t>(from_front < 0 ? from_front + rank : from_front);
      if (table && table->shape && axis < table->shape->size() && (*table->shape)[axis].known()) {
        lower((*table->shape)[axis].value);
      }
    }
    const bool passes = type == "Cast" || type == "Identity" || type == "Reshape" ||
                        type == "Unsqueeze" || type == "Squeeze" || type == "Flatten";
    if (passes && depth < kDeepest && inputs[0] == value) {
      lower(index_limit(model, model.outputs(node)[0], depth + 1));
    }
  }
  return limit;
}

Result<data::InputSpec> input_spec(const onnx::Model& model, const std::string& name) {
  // What the model allows, whatever is assumed of the samples.
  const auto type = model.declared_type(name);
  if (!type || type->dtype == DType::kUndefined) {
    return fail(ErrorCode::kUnimplemented, "input '{}' is no tensor", name)
        .hint("sequences, maps and optional inputs cannot be fed from files");
  }
  data::InputSpec spec{.name = name, .dtype = type->dtype};
  if (is_integer(spec.dtype)) {
    spec.index_limit = index_limit(model, name);
  }
  spec.any_rank = !type->shape;
  if (!spec.any_rank) {
    for (const Dim& dim : *type->shape) {
      spec.shape.push_back(dim.known() ? dim.value : -1);
    }
  }
  return spec;
}

}  // namespace

Result<std::vector<data::InputSpec>> input_specs(const onnx::Model& model) {
  std::vector<data::InputSpec> specs;
  for (const std::string& name : model.inputs()) {
    TESSERA_TRY(data::InputSpec spec, input_spec(model, name));
    specs.push_back(std::move(spec));
  }
  if (specs.empty()) {
    return fail(ErrorCode::kInvalidArgument, "the model has no inputs")
        .hint("there is nothing to feed it with");
  }
  return specs;
}

}  // namespace tessera::calibrate
