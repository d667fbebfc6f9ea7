// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/calibrate/calibrate.h"

namespace tessera::calibrate {
namespace {

Result<data::InputSpec> input_spec(const onnx::Model& model, const std::string& name) {
  const auto type = model.type_of(name);
  if (!type || type->dtype == DType::kUndefined) {
    return fail(ErrorCode::kUnimplemented, "input '{}' is no tensor", name)
        .hint("sequences, maps and optional inputs cannot be fed from files");
  }
  if (!type->shape) {
    return fail(ErrorCode::kInvalidArgument, "the rank of input '{}' is unknown", name)
        .hint("give the input a shape when exporting the model");
  }
  data::InputSpec spec{name, type->dtype, {}};
  for (const Dim& dim : *type->shape) {
    spec.shape.push_back(dim.known() ? dim.value : -1);
  }
  // One sample is one batch; a lone dimension may as well be a length.
  if (spec.shape.size() > 1 && spec.shape.front() < 0) {
    spec.shape.front() = 1;
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
