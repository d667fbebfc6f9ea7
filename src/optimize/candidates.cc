// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/graph/cost.h"
#include "tessera/optimize/optimize.h"

namespace tessera::optimize {
namespace {

using graph::OpKind;
using quantize::Format;
using quantize::Mode;
using quantize::Scheme;

Uniform matrix_operators() {
  return {{"Conv", "ConvTranspose", "Gemm", "MatMul"}};
}

std::string name_of(const Uniform& where) {
  return where.everywhere() ? "all" : fmt::format("{}", fmt::join(where.op_types, "+"));
}

bool is_arm(const Host& host) {
  return host.architecture == "aarch64" || host.architecture == "arm64" || host.has("asimd");
}

bool has_float16_arithmetic(const Host& host) {
  return host.has("asimdhp") || host.has("avx512_fp16");
}

/// Layers without a static form.
bool has_dynamic_form_only(const graph::Op& op) {
  const bool layer = op.kind == OpKind::kLstm || op.kind == OpKind::kAttention;
  return layer && op.arithmetic == graph::Arithmetic::kFloat;
}

/// Operators whose activations the runtime can measure and round while it runs at little cost
/// beside their work, and control flow around such operators.
bool takes_dynamic(const graph::Op& op) {
  const bool product = op.kind == OpKind::kMatMul || op.kind == OpKind::kGemm;
  return (product && op.arithmetic == graph::Arithmetic::kFloat) || has_dynamic_form_only(op) ||
         std::any_of(op.bodies.begin(), op.bodies.end(), [](const graph::Graph& body) {
           return std::any_of(body.ops().begin(), body.ops().end(), takes_dynamic);
         });
}

/// Of these, those without a static form, and control flow around any.
bool dynamic_only(const graph::Op& op) {
  return has_dynamic_form_only(op) || (!op.bodies.empty() && takes_dynamic(op));
}

bool is_constant(const graph::Graph& graph, const std::optional<graph::TensorId>& id) {
  return id && graph.tensor(*id).kind == graph::TensorKind::kInitializer;
}

bool has_constant_weights(const graph::Graph& graph, const graph::Op& op) {
  return !op.bodies.empty() || (op.inputs.size() > 1 && is_constant(graph, op.inputs[1]));
}

std::vector<std::string> names_where(const graph::Graph& graph, bool (*wanted)(const graph::Op&)) {
  std::vector<std::string> names;
  for (const auto& op : graph.ops()) {
    if (wanted(op) && has_constant_weights(graph, op)) {
      names.push_back(op.name);
    }
  }
  return names;
}

/// Share of the multiply-accumulates that such operators do. Where a shape is unknown, so are
/// MACs: then the share of the weights, which convolutions use more often than products do.
double dynamic_share(const graph::Graph& graph);

double dynamic_share_of(const graph::Op& op) {
  double share = takes_dynamic(op) ? 1 : 0;
  for (const auto& body : op.bodies) {
    share = std::min(share, dynamic_share(body));
  }
  return share;
}

double dynamic_share(const graph::Graph& graph) {
  const auto costs = graph::operator_costs(graph, graph::QdqCounting::kExclude);
  double macs = 0;
  double dynamic_macs = 0;
  double weights = 0;
  double dynamic_weights = 0;
  bool known = true;
  for (std::size_t i = 0; i < costs.size(); ++i) {
    const auto& op = graph.ops()[i];
    const double share = dynamic_share_of(op);
    known = known && costs[i].macs.has_value();
    macs += static_cast<double>(costs[i].macs.value_or(0));
    dynamic_macs += share * static_cast<double>(costs[i].macs.value_or(0));
    weights += static_cast<double>(costs[i].weight_bytes);
    dynamic_weights += share * static_cast<double>(costs[i].weight_bytes);
  }
  if (known) {
    return macs > 0 ? dynamic_macs / macs : 0;
  }
  return weights > 0 ? dynamic_weights / weights : 0;
}

class Planner {
 public:
  Planner(const Host& host, const graph::Graph& graph, const std::string& provider,
          KernelsUse kernels)
      : host_(host),
        graph_(graph),
        provider_(provider),
        cpu_(provider == "cpu"),
        kernels_(kernels) {}

  CandidatePlan plan() {
    if (provider_ == "cuda") {
      return plan_cuda();
    }
    if (provider_ == "tensorrt") {
      return plan_tensorrt();
    }
    const auto base = quantize::scheme_for(host_);
    add_static(base);
    add_second_types(base);
    add_dynamic(base);
    add_combinations(base);
    add_float16();
    exclude("16-bit activations", "no integer kernel of the runtime's CPU provider takes them");
    exclude("optimization levels basic and extended",
            "the runtime picks its fastest integer kernels at level all only");
    return std::move(plan_);
  }

 private:
  void add(const Scheme& scheme, const Uniform& where = {}) {
    Candidate candidate{.row = {}, .making = where};
    candidate.row.scheme = scheme;
    candidate.row.operators = name_of(where);
    plan_.candidates.push_back(std::move(candidate));
  }
  void exclude(std::string what, std::string why) {
    plan_.excluded.push_back({std::move(what), std::move(why)});
  }

  CandidatePlan plan_cuda() {
    add_float16();
    exclude("integers",
            "the CUDA provider has no integer convolutions or matrix products: it computes them in "
            "float between roundings that are kernels of their own; TensorRT has them");
    return std::move(plan_);
  }

  CandidatePlan plan_tensorrt() {
    add_float16();
    for (const bool per_channel : {true, false}) {
      add_symmetric(per_channel);
    }
    exclude("unsigned or asymmetric activations", "TensorRT takes symmetric s8 x s8 only");
    return std::move(plan_);
  }

  /// The only form that TensorRT takes: symmetric, and no integer biases.
  void add_symmetric(bool per_channel) {
    Scheme scheme;
    scheme.activation = DType::kInt8;
    scheme.weight = DType::kInt8;
    scheme.format = Format::kQdqInputs;
    scheme.activation_symmetric = true;
    scheme.per_channel = per_channel;
    add(scheme);
  }

  /// Integers as the provider takes them: the CPU's reads integer operators too, those that compile
  /// do best with float results.
  void add_formats(Scheme scheme) {
    for (const auto format : {Format::kQdq, cpu_ ? Format::kQOperator : Format::kQdqInputs}) {
      scheme.format = format;
      add(scheme);
    }
    if (cpu_ && kernels_ == KernelsUse::kTaken) {
      scheme.format = Format::kKernels;
      add(scheme);
    }
  }

  void add_static(Scheme scheme) {
    for (const bool per_channel : {false, true}) {
      scheme.per_channel = per_channel;
      add_formats(scheme);
      scheme.format = Format::kQdq;
      add(scheme, matrix_operators());
    }
    if (cpu_ && kernels_ == KernelsUse::kPortable) {
      exclude("kernels of tessera", "whoever runs such a model has to load libtessera_kernels.so");
    }
    if (!cpu_) {
      exclude("QOperator", "execution providers other than the CPU's read Q/DQ pairs");
    }
  }

  /// The pair of types beside the host's own that its kernels run well, if there is one.
  void add_second_types(Scheme scheme) {
    const bool second_signed = !cpu_ && !is_arm(host_);
    if (second_signed) {
      add_symmetric(true);
      return;
    }
    if (is_arm(host_)) {
      scheme.activation = DType::kUInt8;
      scheme.weight = DType::kUInt8;
      scheme.per_channel = false;
      add_formats(scheme);
      return;
    }
    exclude("S8S8",
            "on x86 the runtime has no fused s8 x s8 convolution: it stays float (QDQ) or "
            "runs several times slower (QOperator)");
    if (host_.has_int8_dot_product()) {
      exclude("U8U8", "u8 weights cost extra instructions beside VNNI's u8 x s8, for no accuracy");
      return;
    }
    scheme.weight = DType::kUInt8;  // does not saturate on AVX2, unlike u8 x s8 in full range
    scheme.reduce_range = false;
    scheme.per_channel = false;
    add_formats(scheme);
  }

  void add_dynamic(Scheme scheme) {
    constexpr double kWorthIt = 0.5;
    const double share = dynamic_share(graph_);
    if (share < kWorthIt) {
      exclude("dynamic",
              fmt::format("it pays for matrix products and LSTM, which do {:.0f} % of this model's "
                          "work",
                          100 * share));
      return;
    }
    scheme.mode = Mode::kDynamic;
    scheme.activation = DType::kUInt8;
    for (const auto weight : {DType::kInt8, DType::kUInt8}) {
      scheme.weight = weight;
      add(scheme);
    }
  }

  /// Static for the rest, dynamic for what has no static form or comes closer to float32 so.
  void add_combinations(Scheme scheme) {
    if (!cpu_) {
      return;  // integer operators with float borders are the CPU provider's
    }
    const auto only_dynamic = names_where(graph_, dynamic_only);
    const auto products = names_where(graph_, takes_dynamic);
    const auto combine = [&](const Uniform& rest, std::string what,
                             const std::vector<std::string>& names) {
      Candidate candidate{.row = {}, .making = Combined{rest, names}};
      candidate.row.scheme = scheme;
      candidate.row.operators =
          rest.everywhere() ? std::move(what) : fmt::format("{}, {}", name_of(rest), what);
      plan_.candidates.push_back(std::move(candidate));
    };
    if (!only_dynamic.empty()) {
      const auto type = graph_.op(*graph_.find_op(only_dynamic.front())).type + " dynamic";
      for (const bool per_channel : {false, true}) {
        scheme.per_channel = per_channel;
        combine({}, type, only_dynamic);
      }
      combine(matrix_operators(), type, only_dynamic);
    }
    if (products.size() > only_dynamic.size()) {
      scheme.per_channel = true;
      combine({}, only_dynamic.empty() ? "products dynamic" : "products and LSTM dynamic",
              products);
    }
  }

  void add_float16() {
    if (cpu_ && !has_float16_arithmetic(host_)) {
      exclude("float16",
              "this CPU has no float16 arithmetic: every operator would be computed in "
              "float32 between casts");
      return;
    }
    Scheme scheme;
    scheme.mode = Mode::kFloat16;
    add(scheme);
  }

  const Host& host_;
  const graph::Graph& graph_;
  std::string provider_;
  bool cpu_;
  KernelsUse kernels_;
  CandidatePlan plan_;
};

}  // namespace

CandidatePlan plan_candidates(const quantize::Candidates& named) {
  CandidatePlan plan;
  for (const auto& scheme : named.schemes) {
    Candidate candidate{.row = {}, .making = Uniform{}};
    candidate.row.scheme = scheme;
    candidate.row.operators = name_of(Uniform{});
    plan.candidates.push_back(std::move(candidate));
  }
  for (const auto& [what, why] : named.excluded) {
    plan.excluded.push_back({what, why});
  }
  return plan;
}

CandidatePlan plan_candidates(const Host& host, const graph::Graph& graph,
                              const std::string& provider, KernelsUse kernels) {
  return Planner(host, graph, runtime::short_provider_name(provider), kernels).plan();
}

}  // namespace tessera::optimize
