// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/compat/ort.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <string_view>
#include <utility>

#include "compat/ort_passes.h"
#include "tessera/graph/graph.h"
#include "tessera/onnx/model.h"
#include "tessera/quantize/assignment.h"
#include "tessera/quantize/onnx.h"

namespace tessera::compat {
namespace {

using quantize::Assignment;
using quantize::Format;
using quantize::Mode;
using quantize::OpOutcome;
using quantize::QuantizeOptions;
using quantize::QuantizeReport;
using quantize::Scheme;

/// Operators by the pass that rewrites them.
struct Groups {
  std::vector<Work> qdq;
  std::vector<Work> qoperator;
  std::vector<Work> dynamic;
  std::vector<Work> weight_only;
  std::vector<Work> float16;
  std::vector<Work> excluded;  ///< no pass takes them; they may be gone all the same
};

Groups group(const graph::Graph& graph, std::vector<OpOutcome>& outcomes) {
  Groups groups;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    const auto& scheme = outcomes[i].scheme;
    const Work work{onnx::Model::node_of(graph.ops()[i]), &scheme, &outcomes[i]};
    switch (scheme.mode) {
      case Mode::kStatic:
        (scheme.format == Format::kQOperator ? groups.qoperator : groups.qdq).push_back(work);
        break;
      case Mode::kDynamic:
        groups.dynamic.push_back(work);
        break;
      case Mode::kWeightOnly:
        groups.weight_only.push_back(work);
        break;
      case Mode::kFloat16:
        groups.float16.push_back(work);
        break;
      case Mode::kFloat32:
        if (scheme.exact_inputs) {
          groups.excluded.push_back(work);
        }
        break;
    }
  }
  return groups;
}

/// Operators that are not in the model any more must not be looked at.
void forget_gone(std::vector<Work>& work, const onnx::Model& model, std::string_view reason) {
  if (work.empty()) {
    return;
  }
  const auto nodes = model.nodes();
  const std::set<onnx::NodeId> present(nodes.begin(), nodes.end());
  std::erase_if(work, [&](const Work& item) {
    if (present.contains(item.node)) {
      return false;
    }
    item.outcome->reason = reason;
    return true;
  });
}

/// What the reference raises the opset to; 0: it leaves it.
std::int64_t needed_opset(const Groups& groups, std::int64_t present) {
  const auto wide = [](const Work& item) {
    const auto is_wide = [](DType dtype) {
      return dtype == DType::kUInt16 || dtype == DType::kInt16;
    };
    return is_wide(item.scheme->activation) || is_wide(item.scheme->weight);
  };
  const auto by_block = [](const Work& item) { return item.scheme->format == Format::kQdq; };
  if (std::any_of(groups.qdq.begin(), groups.qdq.end(), wide) ||
      std::any_of(groups.weight_only.begin(), groups.weight_only.end(), by_block)) {
    return 21;
  }
  const bool integers = !groups.qdq.empty() || !groups.qoperator.empty() || !groups.dynamic.empty();
  return integers && present < 10 ? 11 : 0;
}

Status raise_opset(onnx::Model& model, const Groups& groups, std::int64_t wanted) {
  const auto present = model.opset().value_or(1);
  if (wanted != 0 && wanted < present) {
    return fail(ErrorCode::kInvalidArgument, "the model has opset {}; it cannot be lowered to {}",
                present, wanted)
        .hint("leave out --opset, or give at least {}", present);
  }
  const auto target = std::max(wanted, needed_opset(groups, present));
  return target <= present ? Status{} : onnx::upgrade_opset(model, target);
}

Status apply_static(onnx::Model& model, const Groups& groups, const calibrate::Ranges* ranges,
                    Monitor& monitor) {
  if (!groups.qdq.empty() && !groups.qoperator.empty()) {
    return fail(ErrorCode::kUnimplemented, "the reference cannot mix QDQ and QOperator")
        .hint("leave out --compat ort");
  }
  const auto inputs_only = [](const Work& item) {
    return item.scheme->format == Format::kQdqInputs;
  };
  if (std::any_of(groups.qdq.begin(), groups.qdq.end(), inputs_only)) {
    return fail(ErrorCode::kUnimplemented, "the reference does not write format qdq-inputs")
        .hint("leave out --compat ort, or use --format qdq");
  }
  if (!groups.qdq.empty()) {
    return apply_ort_qdq(model, groups.qdq, *ranges, monitor);
  }
  return groups.qoperator.empty() ? Status{}
                                  : apply_ort_qoperator(model, groups.qoperator, *ranges, monitor);
}

Status apply_all(onnx::Model& model, Groups& groups, const calibrate::Ranges* ranges,
                 const QuantizeOptions& options, Monitor& monitor) {
  TESSERA_CHECK(apply_static(model, groups, ranges, monitor));
  // The static quantizers take a Relu or Clip away that another one was to get.
  constexpr std::string_view kFolded = "folded into its neighbour";
  forget_gone(groups.dynamic, model, kFolded);
  if (!groups.dynamic.empty()) {
    TESSERA_CHECK(apply_ort_dynamic(model, groups.dynamic, monitor));
  }
  forget_gone(groups.weight_only, model, kFolded);
  if (!groups.weight_only.empty()) {
    TESSERA_CHECK(apply_ort_weight_only(model, groups.weight_only, options.threads, monitor));
  }
  forget_gone(groups.float16, model, kFolded);
  return groups.float16.empty() ? Status{}
                                : apply_ort_float16(model, groups.float16, options.keep_io);
}

}  // namespace

Result<Scheme> only_scheme(const onnx::Model& model, const std::vector<Work>& work) {
  for (const auto& item : work) {
    if (*item.scheme == *work.front().scheme) {
      continue;
    }
    return fail(ErrorCode::kUnimplemented,
                "operators '{}' and '{}' have different schemes, which the reference cannot mix",
                model.name(work.front().node), model.name(item.node))
        .hint("leave out --compat ort, or give all operators the same scheme");
  }
  return *work.front().scheme;
}

std::vector<std::string> ort_types(const Scheme& scheme) {
  switch (scheme.mode) {
    case Mode::kStatic:
      return {"Add",
              "ArgMax",
              "AveragePool",
              "BatchNormalization",
              "Clip",
              "Concat",
              "Conv",
              "ConvTranspose",
              "CumSum",
              "EmbedLayerNormalization",
              "Flatten",
              "Gather",
              "GatherElements",
              "Gemm",
              "GlobalAveragePool",
              "InstanceNormalization",
              "LayerNormalization",
              "LeakyRelu",
              "MatMul",
              "MaxPool",
              "Mul",
              "Pad",
              "Relu",
              "Reshape",
              "Resize",
              "Sigmoid",
              "Slice",
              "Softmax",
              "Split",
              "Squeeze",
              "TopK",
              "Transpose",
              "Unsqueeze",
              "Where"};
    case Mode::kDynamic:
      // Gemm: it becomes MatMul and Add before anything is quantized.
      return {"Attention", "Conv",     "EmbedLayerNormalization", "Gather", "Gemm", "LSTM",
              "MatMul",    "Transpose"};
    case Mode::kWeightOnly:
      return {"MatMul"};
    case Mode::kFloat16:
    case Mode::kFloat32:
      break;
  }
  return {};
}

quantize::Recipe ort_recipe(const Scheme& scheme, const quantize::Selection& selection) {
  auto recipe = quantize::uniform_recipe(scheme, selection, ort_types);
  auto& types = recipe.rules.front().types;
  if (scheme.mode == Mode::kDynamic && !selection.op_types.empty() &&
      std::find(types.begin(), types.end(), "MatMul") != types.end()) {
    types.emplace_back("Gemm");
  }
  return recipe;
}

Result<QuantizeReport> ort_quantize(onnx::Model& model, const Assignment& assignment,
                                    const calibrate::Ranges* ranges, const QuantizeOptions& options,
                                    Monitor& monitor) {
  TESSERA_TRY(const auto graph, model.view());
  TESSERA_CHECK(quantize::check_request(model, graph, assignment, ranges));
  auto outcomes = quantize::outcomes_of(graph, assignment);
  auto groups = group(graph, outcomes);
  TESSERA_CHECK(raise_opset(model, groups, options.opset));
  for (auto* work : {&groups.qdq, &groups.qoperator, &groups.dynamic, &groups.weight_only,
                     &groups.float16, &groups.excluded}) {
    forget_gone(*work, model, "replaced by others when the opset was raised; they stay in float");
  }
  TESSERA_CHECK(monitor.check());
  TESSERA_CHECK(apply_all(model, groups, ranges, options, monitor));
  return quantize::report_of(model, std::move(outcomes));
}

Result<QuantizeReport> ort_quantize(network::Network& model, const Assignment& assignment,
                                    const calibrate::Ranges* ranges, const QuantizeOptions& options,
                                    Monitor& monitor) {
  auto* const onnx = model.onnx();
  if (onnx == nullptr) {
    return fail(ErrorCode::kUnimplemented, "'{}' ({}) is no ONNX model, which the reference needs",
                model.path().string(), model.description())
        .hint("leave out --compat ort");
  }
  return ort_quantize(*onnx, assignment, ranges, options, monitor);
}

}  // namespace tessera::compat
