// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/matchers.h"
#include "support/model_builder.h"
#include "tessera/numerics/kernels.h"
#include "tessera/quantize/assignment.h"
#include "tessera/quantize/onnx.h"
#include "tessera/runtime/onnx.h"
#include "tessera/runtime/type_oracle.h"
#include "tessera/tensor/metrics.h"

/// Runs models on the real runtime and compares what comes out.
namespace tessera::quantize::differential {

using runtime::OptLevel;

inline constexpr std::array kLevels = {OptLevel::kDisabled, OptLevel::kBasic, OptLevel::kExtended,
                                       OptLevel::kAll};

inline const std::shared_ptr<const runtime::Library>& library() {
  static const auto kLibrary = runtime::Library::load().value();
  return kLibrary;
}

using Feeds = std::map<std::string, Tensor>;

inline Result<std::map<std::string, Tensor>> run(const onnx::Model& model, const Feeds& feeds,
                                                 OptLevel level) {
  TESSERA_TRY(const auto bytes, model.serialize());
  runtime::SessionOptions options;
  options.opt_level = level;
  TESSERA_TRY(auto session, runtime::open_onnx(library(), bytes, {}, options));
  std::vector<runtime::Feed> list;
  for (const auto& [name, tensor] : feeds) {
    list.push_back({name, tensor.view()});
  }
  TESSERA_TRY(const auto outputs, session.run(list));
  std::map<std::string, Tensor> result;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const auto& info = session.outputs()[i];
    if (info.is_tensor && info.dtype != DType::kString) {
      result.emplace(info.name, Tensor(outputs[i]));
    }
  }
  return result;
}

/// How far two tensors are from each other, whatever their types. Errors: kInvalidArgument if
/// their shapes differ.
inline Result<ErrorMetrics> compare_tensors(const TensorView& reference,
                                            const TensorView& candidate) {
  if (!std::ranges::equal(reference.shape, candidate.shape)) {
    return fail(ErrorCode::kInvalidArgument, "shapes differ: {} in the reference, {} here",
                tessera::to_string(reference.shape), tessera::to_string(candidate.shape));
  }
  TESSERA_TRY(const auto x, to_float32(reference));
  TESSERA_TRY(const auto y, to_float32(candidate));
  ErrorAccumulator accumulator;
  accumulator.add(x, y);
  return accumulator.metrics();
}

/// Random values for every float input; the batch of symbolic ones is 1.
inline Feeds random_feeds(const onnx::Model& model, std::uint64_t seed, double scale = 1) {
  Feeds feeds;
  for (const auto& input : model.inputs()) {
    Shape shape;
    const auto type = model.type_of(input);
    for (const auto& dim : *type->shape) {
      shape.push_back(dim.known() ? dim.value : 1);
    }
    feeds.emplace(input, testing::random_tensor(std::move(shape), ++seed, scale));
  }
  return feeds;
}

inline calibrate::ChannelRanges extrema_by_channel(const Tensor& tensor) {
  calibrate::ChannelRanges channels(static_cast<std::size_t>(tensor.shape()[1]));
  const auto values = tensor.as<float>();
  const std::size_t batch = values.size() / static_cast<std::size_t>(tensor.shape()[0]);
  const std::size_t inner = batch / channels.size();
  std::vector<bool> seen(channels.size(), false);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t c = i / inner % channels.size();
    const double value = double{values[i]};
    channels[c] = seen[c] ? numerics::RealRange{std::min(channels[c].min, value),
                                                std::max(channels[c].max, value)}
                          : numerics::RealRange{value, value};
    seen[c] = true;
  }
  return channels;
}

/// Extrema of every float value that the model computes from `feeds`; of channels, too, if asked.
inline Result<calibrate::Ranges> measure(const onnx::Model& model, const Feeds& feeds,
                                         bool channels = false) {
  auto open = model.clone();
  for (const auto node : model.nodes()) {
    for (const auto& output : model.outputs(node)) {
      const auto type = model.type_of(output);
      if (type && type->dtype == DType::kFloat32 && !open.is_output(output)) {
        open.set_type(output, {DType::kFloat32, std::nullopt});
        open.add_output(output);
      }
    }
  }
  TESSERA_TRY(auto values, run(open, feeds, OptLevel::kDisabled));
  for (const auto& [name, tensor] : feeds) {
    values.emplace(name, tensor);
  }
  calibrate::Ranges ranges;
  ranges.methods = {numerics::RangeMethod::kMinMax};
  ranges.samples = 1;
  for (const auto& [name, tensor] : values) {
    if (tensor.dtype() == DType::kFloat32) {
      const auto extrema = numerics::find_min_max(tensor.as<float>());
      if (extrema.finite > 0) {
        ranges.tensors[name][numerics::RangeMethod::kMinMax] = {double{extrema.min},
                                                                double{extrema.max}};
      }
      if (extrema.finite == 0 || extrema.infinite + extrema.nan > 0) {
        ranges.unusual[name] = {extrema.finite, extrema.nan, extrema.infinite};
      }
      if (channels && tensor.shape().size() > 2) {
        ranges.channels[name] = extrema_by_channel(tensor);
      }
    }
  }
  return ranges;
}

inline Scheme static_scheme(Format format, DType activation, DType weight, bool per_channel) {
  Scheme scheme;
  scheme.format = format;
  scheme.activation = activation;
  scheme.weight = weight;
  scheme.per_channel = per_channel;
  return scheme;
}

inline Scheme dynamic_scheme(DType weight, bool per_channel = false) {
  Scheme scheme;
  scheme.mode = Mode::kDynamic;
  scheme.weight = weight;
  scheme.per_channel = per_channel;
  return scheme;
}

struct Quantized {
  onnx::Model model;
  QuantizeReport report;
};

/// One scheme on every operator, but float32 (reading exact values) on those of `left`.
inline Result<Quantized> quantize_all(const onnx::Model& model, const Scheme& scheme,
                                      const calibrate::Ranges* ranges,
                                      const std::vector<std::string>& left = {}) {
  auto copy = model.clone();
  TESSERA_TRY(const auto graph, copy.view());
  Assignment assignment(graph.ops().size(), scheme);
  for (std::size_t i = 0; i < assignment.size(); ++i) {
    if (std::find(left.begin(), left.end(), graph.ops()[i].name) != left.end()) {
      assignment[i] = quantize::float32_scheme();
      assignment[i].exact_inputs = true;
    }
  }
  QuantizeOptions options;
  options.everywhere = true;
  TESSERA_TRY(auto report, quantize(copy, assignment, ranges, options, Monitor::silent()));
  return Quantized{std::move(copy), std::move(report)};
}

inline std::map<std::string, int> count_types(const onnx::Model& model) {
  std::map<std::string, int> counts;
  for (const auto node : model.nodes()) {
    ++counts[model.op_type(node)];
  }
  return counts;
}

inline const OpOutcome& outcome_of(const QuantizeReport& report, std::string_view op) {
  const auto found = std::find_if(report.ops.begin(), report.ops.end(),
                                  [&](const auto& outcome) { return outcome.op == op; });
  return *found;
}

inline double largest_difference(const Tensor& a, const Tensor& b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.as<float>().size(); ++i) {
    largest = std::max(largest, std::abs(double{a.as<float>()[i]} - double{b.as<float>()[i]}));
  }
  return largest;
}

}  // namespace tessera::quantize::differential
