// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "quantize/litert_dialect.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "quantize/litert_plan.h"
#include "quantize/litert_simulation.h"
#include "quantize/litert_write.h"
#include "quantize/request.h"
#include "tessera/core/record.h"
#include "tessera/litert/builtin.h"
#include "tessera/litert/model.h"
#include "tessera/runtime/session.h"

namespace tessera::quantize {
namespace {

using litert::Builtin;

Failure refused(std::string_view what, std::string_view hint) {
  return fail(ErrorCode::kInvalidArgument, "{}", what).hint("{}", hint);
}

Status validate_static(const Scheme& scheme) {
  if (scheme.activation != DType::kInt8 && scheme.activation != DType::kInt16) {
    return refused(fmt::format("kernels for .tflite files take s8 or s16 activations, not {}",
                               short_name(scheme.activation)),
                   "use --activation s8, or s16; --io uint8 is for inputs and outputs");
  }
  if (scheme.weight != DType::kInt8) {
    return refused(
        fmt::format("kernels for .tflite files take s8 weights, not {}", short_name(scheme.weight)),
        "use --weight s8; --mode weight-only knows s4 besides");
  }
  return {};
}

Status validate_weights(const Scheme& scheme) {
  const bool weight_only = scheme.mode == Mode::kWeightOnly;
  if (!weight_only && scheme.activation != DType::kInt8) {
    return refused(fmt::format("kernels for .tflite files round activations to s8, not {}",
                               short_name(scheme.activation)),
                   "leave --activation out");
  }
  if (weight_only && scheme.block_size != 0) {
    return refused("weights of .tflite files have one scale, or one per channel, and no blocks",
                   "leave --block-size out");
  }
  if (scheme.weight == DType::kInt8 || (weight_only && scheme.weight == DType::kInt4)) {
    return {};
  }
  return refused(fmt::format("{} weights of .tflite files are not {}", to_string(scheme.mode),
                             short_name(scheme.weight)),
                 weight_only ? "use --weight s8 or s4" : "use --weight s8");
}

Status validate_one(const Scheme& scheme) {
  if (scheme.mode == Mode::kFloat32) {
    return {};
  }
  if (scheme.format != Format::kQdq) {
    return refused(fmt::format("a .tflite file has no format '{}'", to_string(scheme.format)),
                   "leave --format out: integers have one form there");
  }
  if (scheme.weight_symmetric == WeightSymmetry::kOff) {
    return refused("weights of .tflite files have no zero point", "leave --weight-symmetric out");
  }
  switch (scheme.mode) {
    case Mode::kStatic:
      return validate_static(scheme);
    case Mode::kDynamic:
    case Mode::kWeightOnly:
      return validate_weights(scheme);
    case Mode::kFloat32:
    case Mode::kFloat16:
      break;
  }
  return {};
}

class LitertDialect final : public Dialect {
 public:
  std::vector<std::string> types(const Scheme& scheme) const override {
    return litert_types(scheme.mode);
  }

  Scheme usual_scheme(Mode mode, const Host& /*host*/) const override {
    Scheme scheme;
    scheme.mode = mode;
    scheme.activation = DType::kInt8;
    scheme.weight = DType::kInt8;
    scheme.per_channel = true;
    scheme.block_size = 0;
    return scheme;
  }

  Status validate(const Scheme& scheme) const override { return validate_one(scheme); }

  Trials trials() const override {
    using runtime::OptLevel;
    return {.formats = {"float32", "float16", "dynamic", "weight-only", "qdq"},
            .types = {"s8s8", "s16s8"},
            .dynamic_types = {"s8s8"},
            .granularities = {"channel"},
            .levels = {OptLevel::kDisabled, OptLevel::kAll},
            .float_levels = {OptLevel::kDisabled, OptLevel::kAll},
            .base = usual_scheme(Mode::kStatic, {})};
  }

  std::optional<Candidates> candidates() const override {
    const auto usual = [this](Mode mode) { return usual_scheme(mode, {}); };
    return Candidates{
        {usual(Mode::kStatic), usual(Mode::kDynamic)},
        {{"int16 activations", "their kernels take several times the time of float ones"},
         {"float16, weight-only",
          "constants are brought back to float32 when the model is loaded: smaller, not faster"}}};
  }

  Result<QuantizeReport> quantize(network::Network& model, const Assignment& assignment,
                                  const calibrate::Ranges* ranges, const QuantizeOptions& options,
                                  Monitor& /*monitor*/) const override {
    TESSERA_TRY(const auto graph, model.view());
    TESSERA_CHECK(check_schemes(graph, assignment, validate_one));
    TESSERA_CHECK(check_ranges(model, assignment, ranges));
    return rewrite(model, graph, assignment, ranges, options);
  }

  /// Nothing has to be folded: converters did it.
  Status bring_into_form(network::Network& /*model*/, std::int64_t /*opset*/,
                         bool /*normalize*/) const override {
    return {};
  }

  Status check_loads(const network::Network& model,
                     std::shared_ptr<const runtime::Library> library) const override {
    for (const auto level : {runtime::OptLevel::kDisabled, runtime::OptLevel::kAll}) {
      runtime::SessionOptions options;
      options.opt_level = level;
      if (const auto session = model.open(library, options); !session) {
        return fail(ErrorCode::kUnavailable,
                    "the runtime does not load the model at level '{}': {}",
                    runtime::to_string(level), session.error().message)
            .hint("nothing was written; leave the operator named there in float with --exclude");
      }
    }
    return {};
  }

  Result<network::Network> lay_open(const network::Network& model) const override {
    auto open = model.clone();
    quantize::lay_open(open.litert()->content());
    open.edited();
    return open;
  }

  Result<Simulation> simulate(const network::Network& model, const Assignment& assignment,
                              const calibrate::Ranges& ranges, const QuantizeOptions& options,
                              Monitor& /*monitor*/) const override {
    TESSERA_TRY(const auto graph, model.view());
    TESSERA_CHECK(check_schemes(graph, assignment, validate_one));
    auto written = model.clone();
    TESSERA_CHECK(rewrite(written, graph, assignment, &ranges, options).map([](const auto&) {}));
    TESSERA_TRY(auto open, lay_open(model));
    TESSERA_TRY(auto told, simulate_litert(model.litert()->content(), written.litert()->content(),
                                           open.litert()->content()));
    open.edited();
    return Simulation{std::move(open), std::move(told.rounded), std::move(told.products),
                      std::move(told.without_biases)};
  }

  Status add_to_bias(network::Network& model, const Product& product,
                     std::span<const double> by) const override {
    TESSERA_CHECK(quantize::add_to_bias(model.litert()->content(), product, by));
    model.edited();
    return {};
  }

 private:
  /// Of whatever model the ranges are said to be. `graph` is the network's.
  static Result<QuantizeReport> rewrite(network::Network& model, const graph::Graph& graph,
                                        const Assignment& assignment,
                                        const calibrate::Ranges* ranges,
                                        const QuantizeOptions& options) {
    if (options.opset != 0) {
      return refused("a .tflite file has no opset", "leave --opset out");
    }
    if (const auto& reason = model.litert()->not_writable()) {
      return tl::unexpected(*reason);
    }
    auto outcomes = outcomes_of(graph, assignment);
    // Indices of tensors stay valid while operators are rewritten: what is not needed any more
    // goes in the end. An error leaves the network as it was.
    auto content = model.litert()->content();
    const auto work = work_by_place(graph, content, outcomes);
    const LitertConstants constants(content);
    TESSERA_TRY(const auto plan, plan_litert(content, constants, work, ranges, options));
    TESSERA_CHECK(write_litert(content, constants, plan, work, options));
    model.litert()->content() = std::move(content);
    model.edited();
    return report_of(model.litert()->content(), std::move(outcomes));
  }

  static std::vector<LitertWork> work_by_place(const graph::Graph& graph,
                                               const litert::Content& content,
                                               std::vector<OpOutcome>& outcomes) {
    std::map<std::uint32_t, OpOutcome*> by_source;
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      by_source.emplace(graph.ops()[i].source, &outcomes[i]);
    }
    std::vector<LitertWork> work;
    for (const auto& op : content.subgraphs.front().operators) {
      auto* const outcome = by_source.at(op.id);
      work.push_back({&outcome->scheme, outcome});
    }
    return work;
  }

  static QuantizeReport report_of(const litert::Content& content, std::vector<OpOutcome> outcomes) {
    QuantizeReport report;
    report.quantized_ops = std::count_if(outcomes.begin(), outcomes.end(),
                                         [](const auto& op) { return op.quantized; });
    report.ops = std::move(outcomes);
    for (const auto& op : content.subgraphs.front().operators) {
      const auto code = content.code(op).code;
      report.quantize_nodes += code == Builtin::kQuantize ? 1 : 0;
      report.dequantize_nodes += code == Builtin::kDequantize ? 1 : 0;
    }
    return report;
  }
};

}  // namespace

const Dialect& litert_dialect() {
  static const LitertDialect dialect;
  return dialect;
}

}  // namespace tessera::quantize
