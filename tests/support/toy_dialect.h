// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "support/toy_format.h"
#include "tessera/numerics/qparams.h"
#include "tessera/quantize/assignment.h"
#include "tessera/quantize/dialect.h"

/// How the format of toy_format.h is quantized.
namespace tessera::testing {

/// Static schemes on DENSE; everything else stays float.
class ToyDialect final : public quantize::Dialect {
 public:
  std::vector<std::string> types(const quantize::Scheme& scheme) const override {
    return scheme.mode == quantize::Mode::kStatic ? std::vector<std::string>{"DENSE"}
                                                  : std::vector<std::string>{};
  }
  quantize::Scheme usual_scheme(quantize::Mode mode, const Host& host) const override {
    auto scheme = quantize::scheme_for(host);
    scheme.mode = mode;
    return scheme;
  }
  Status validate(const quantize::Scheme&) const override { return {}; }
  quantize::Trials trials() const override { return {}; }
  Result<quantize::QuantizeReport> quantize(network::Network& model,
                                            const quantize::Assignment& assignment,
                                            const calibrate::Ranges* ranges,
                                            const quantize::QuantizeOptions&,
                                            Monitor&) const override {
    quantize::QuantizeReport report;
    std::size_t at = 0;
    for (auto& [source, op] : dynamic_cast<ToyDriver&>(model.driver()).model().ops) {
      const auto& scheme = assignment[at++];
      quantize::OpOutcome outcome{.op = op.name, .type = op.type, .scheme = scheme};
      if (scheme.mode == quantize::Mode::kStatic && op.type == "DENSE") {
        const quantize::Scheme& s = scheme;
        TESSERA_TRY(const auto input, scale_of(op.inputs.front(), s, ranges));
        TESSERA_TRY(const auto output, scale_of(op.output, s, ranges));
        op.rounding = ToyRounding{s.activation, input, output};
        outcome.quantized = true;
        ++report.quantized_ops;
      } else if (scheme.mode != quantize::Mode::kFloat32) {
        outcome.reason = "only DENSE has an integer form, and only a static one";
      }
      report.ops.push_back(std::move(outcome));
    }
    return report;
  }
  Status bring_into_form(network::Network&, std::int64_t, bool) const override { return {}; }
  Status check_loads(const network::Network& model,
                     std::shared_ptr<const runtime::Library> library) const override {
    return model.open(std::move(library), {}).map([](const auto&) {});
  }

 private:
  static Result<ToyScale> scale_of(const std::string& value, const quantize::Scheme& scheme,
                                   const calibrate::Ranges* ranges) {
    const auto range = ranges == nullptr ? std::nullopt : ranges->find(value, scheme.method);
    if (!range) {
      return fail(ErrorCode::kInvalidArgument, "no range of '{}'", value).hint("calibrate it");
    }
    TESSERA_TRY(const auto qparams, numerics::compute_qparams(
                                        *range, {scheme.activation, scheme.activation_symmetric}));
    return ToyScale{qparams.scale, qparams.zero_point};
  }
};

}  // namespace tessera::testing
