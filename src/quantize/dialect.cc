// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/quantize/dialect.h"
#include "tessera/quantize/assignment.h"

#include <atomic>
#include <utility>

#include "quantize/litert_dialect.h"
#include "quantize/onnx_simulation.h"
#include "tessera/onnx/normalize.h"
#include "tessera/quantize/onnx.h"

namespace tessera::quantize {
namespace {

/// What 8-bit schemes need.
constexpr std::int64_t kCommonOpset = 13;

/// dialect_of() gives it to ONNX networks only.
class OnnxDialect final : public Dialect {
 public:
  std::vector<std::string> types(const Scheme& scheme) const override {
    return quantizable_types(scheme);
  }

  Scheme usual_scheme(Mode mode, const Host& host) const override {
    auto scheme = scheme_for(host);
    scheme.mode = mode;
    if (mode == Mode::kDynamic) {
      scheme.activation = DType::kUInt8;  // what DynamicQuantizeLinear makes
    }
    return scheme;
  }
  Status validate(const Scheme& scheme) const override { return validate_onnx(scheme); }
  Trials trials() const override {
    using runtime::OptLevel;
    return {.formats = {"float32", "float16", "dynamic", "qdq", "qoperator", "qdq-inputs"},
            .types = {"u8u8", "u8s8", "s8u8", "s8s8"},
            .dynamic_types = {"u8u8", "u8s8"},
            .granularities = {"tensor", "channel"},
            .levels = {OptLevel::kBasic, OptLevel::kExtended, OptLevel::kAll},
            .float_levels = {OptLevel::kAll},
            .base = {}};
  }

  Result<QuantizeReport> quantize(network::Network& model, const Assignment& assignment,
                                  const calibrate::Ranges* ranges, const QuantizeOptions& options,
                                  Monitor& monitor) const override {
    if (options.io != IoType::kFloat32) {
      return fail(ErrorCode::kInvalidArgument,
                  "inputs and outputs of ONNX models keep their types when it is quantized")
          .hint("leave --io out: it is for .tflite files");
    }
    return quantize::quantize(*model.onnx(), assignment, ranges, options, monitor);
  }

  Status bring_into_form(network::Network& model, std::int64_t opset,
                         bool normalize) const override {
    auto& onnx = *model.onnx();
    const auto target = opset == 0 ? kCommonOpset : opset;
    if (target > onnx.opset().value_or(0)) {
      auto status = onnx::upgrade_opset(onnx, target);
      if (!status && opset != 0) {
        return status;
      }
    }
    if (normalize) {
      TESSERA_CHECK(onnx::normalize_for_quantization(onnx).map([](const auto&) {}));
    }
    onnx.remove_unused_initializers();
    return {};
  }

  Status check_loads(const network::Network& model,
                     std::shared_ptr<const runtime::Library> library) const override {
    return quantize::check_loads(*model.onnx(), std::move(library));
  }

  /// Activation functions are operators of their own.
  Result<network::Network> lay_open(const network::Network& model) const override {
    return model.clone();
  }
  Result<Simulation> simulate(const network::Network& model, const Assignment& assignment,
                              const calibrate::Ranges& ranges, const QuantizeOptions& options,
                              Monitor& monitor) const override {
    return simulate_onnx(*model.onnx(), assignment, ranges, options, monitor);
  }
  Status add_to_bias(network::Network& model, const Product& product,
                     std::span<const double> by) const override {
    return quantize::add_to_bias(*model.onnx(), product, by);
  }
};

Failure not_told(const network::Network& model) {
  return fail(ErrorCode::kUnimplemented, "'{}' ({}) is of a format that is not refined",
              model.path().string(), model.description())
      .hint("leave out what wins accuracy back, or give an ONNX model");
}

std::atomic<const Dialect*> other_dialect = nullptr;

}  // namespace

Result<network::Network> Dialect::lay_open(const network::Network& model) const {
  return not_told(model);
}

Result<Simulation> Dialect::simulate(const network::Network& model,
                                     const Assignment& /*assignment*/,
                                     const calibrate::Ranges& /*ranges*/,
                                     const QuantizeOptions& /*options*/,
                                     Monitor& /*monitor*/) const {
  return not_told(model);
}

Status Dialect::add_to_bias(network::Network& model, const Product& /*product*/,
                            std::span<const double> /*by*/) const {
  return not_told(model);
}

void set_other_dialect(const Dialect* dialect) noexcept {
  other_dialect = dialect;
}

const Dialect* dialect_of(network::FileFormat format) noexcept {
  static const OnnxDialect onnx;
  switch (format) {
    case network::FileFormat::kOnnx:
      return &onnx;
    case network::FileFormat::kLitert:
      return &litert_dialect();
    case network::FileFormat::kOther:
      break;
  }
  return other_dialect.load();
}

Result<const Dialect*> dialect_of(const network::Network& model) {
  const auto* const found = dialect_of(model.format());
  if (found == nullptr) {
    return fail(ErrorCode::kUnimplemented, "'{}' ({}) is of a format that is not quantized yet",
                model.path().string(), model.description())
        .hint("quantize an ONNX model");
  }
  return found;
}

TypesOf types_of(const Dialect& dialect) {
  return [&dialect](const Scheme& scheme) { return dialect.types(scheme); };
}

Recipe uniform_recipe(const network::Network& model, const Scheme& scheme,
                      const Selection& selection) {
  const auto dialect = dialect_of(model);
  return dialect ? uniform_recipe(scheme, selection, types_of(**dialect))
                 : uniform_recipe(scheme, selection);
}

Result<QuantizeReport> quantize(network::Network& model, const Assignment& assignment,
                                const calibrate::Ranges* ranges, const QuantizeOptions& options,
                                Monitor& monitor) {
  TESSERA_TRY(const auto* dialect, dialect_of(model));
  return dialect->quantize(model, assignment, ranges, options, monitor);
}

Status bring_into_form(network::Network& model, std::int64_t opset, bool normalize) {
  TESSERA_TRY(const auto* dialect, dialect_of(model));
  return dialect->bring_into_form(model, opset, normalize);
}

Status check_loads(const network::Network& model, std::shared_ptr<const runtime::Library> library) {
  TESSERA_TRY(const auto* dialect, dialect_of(model));
  return dialect->check_loads(model, std::move(library));
}

}  // namespace tessera::quantize
