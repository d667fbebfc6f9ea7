// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tessera/core/timing.h"
#include "tessera/network/network.h"
#include "tessera/runtime/backend.h"
#include "tessera/tensor/tensor.h"

/// What runs the format of toy_format.h: an inference library of three operators in plain C++.
namespace tessera::testing {

/// How values are rounded to 8 bits.
struct ToyScale {
  float scale = 1;
  std::int32_t zero_point = 0;
};

/// How the operands and the result of a DENSE are rounded.
struct ToyRounding {
  DType activation = DType::kUInt8;
  ToyScale input;
  ToyScale output;
};

/// Makes `output` of `inputs`: DENSE multiplies by `weights`, RELU cuts, ADD adds two values.
struct ToyOp {
  std::string name;
  std::string type;
  std::vector<std::string> inputs;
  std::string output;
  std::string weights;
  std::optional<ToyRounding> rounding;
};

/// Values are rows [1, n] of float32.
struct ToyModel {
  std::map<std::string, std::int64_t> widths;  ///< n of every value
  std::map<std::string, Tensor> weights;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  std::map<std::uint32_t, ToyOp> ops;  ///< by what Op::source is
};

class ToyOutputs final : public runtime::OutputTensors {
 public:
  explicit ToyOutputs(std::vector<Tensor> tensors) : tensors_(std::move(tensors)) {
    for (const auto& tensor : tensors_) {
      views_.push_back(tensor.view());
    }
  }
  std::span<const TensorView> views() const noexcept override { return views_; }

 private:
  std::vector<Tensor> tensors_;
  std::vector<TensorView> views_;
};

class ToySession final : public runtime::SessionBackend {
 public:
  ToySession(ToyModel model, std::vector<std::string> taps, const runtime::SessionOptions& options)
      : model_(std::move(model)),
        taps_(std::move(taps)),
        tap_(options.tap),
        profiling_(options.profile) {
    inputs_ = described(model_.inputs);
    outputs_ = described(model_.outputs);
  }

  const std::vector<runtime::ValueInfo>& inputs() const noexcept override { return inputs_; }
  const std::vector<runtime::ValueInfo>& outputs() const noexcept override { return outputs_; }

  Result<runtime::Outputs> run(std::span<const TensorView> tensors) override {
    std::map<std::string, Tensor> values;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      keep(values, model_.inputs[i], Tensor(tensors[i]));
    }
    for (const auto& [source, op] : model_.ops) {
      const double start_us = clock_();
      auto result = compute(op, values);
      const double end_us = clock_();
      if (profiling_) {
        kernels_.push_back({.node = op.name,
                            .op_type = op.rounding ? "DENSE_INT8" : op.type,
                            .provider = "cpu",
                            .start_us = start_us,
                            .duration_us = end_us - start_us,
                            .output_bytes = std::ssize(result.bytes()),
                            .run = runs_,
                            .role = op.rounding ? runtime::KernelRole::kIntegerProduct
                                                : runtime::KernelRole::kFloat,
                            .sources = {source},
                            .behind = makers_of(op.inputs.front())});
      }
      keep(values, op.output, std::move(result));
    }
    ++runs_;
    std::vector<Tensor> results;
    for (const auto& output : model_.outputs) {
      results.push_back(values.at(output));
    }
    return runtime::Outputs(std::make_unique<const ToyOutputs>(std::move(results)));
  }

  Result<std::vector<runtime::KernelTime>> end_profile() override {
    if (!std::exchange(profiling_, false)) {
      return fail(ErrorCode::kInvalidArgument, "the session is not being profiled");
    }
    return std::move(kernels_);
  }

 private:
  [[nodiscard]] std::vector<runtime::ValueInfo> described(
      const std::vector<std::string>& names) const {
    std::vector<runtime::ValueInfo> infos;
    for (const auto& name : names) {
      infos.push_back({.name = name,
                       .dtype = DType::kFloat32,
                       .shape = {1, model_.widths.at(name)},
                       .symbols = {"", ""}});
    }
    return infos;
  }

  [[nodiscard]] std::vector<std::uint32_t> makers_of(const std::string& value) const {
    for (const auto& [source, op] : model_.ops) {
      if (op.output == value) {
        return {source};
      }
    }
    return {};
  }

  /// Whoever taps a value sees it before its readers do.
  void keep(std::map<std::string, Tensor>& values, const std::string& name, Tensor tensor) {
    const auto tap = std::find(taps_.begin(), taps_.end(), name);
    if (tap != taps_.end() && tap_ != nullptr) {
      tap_->visit(tap - taps_.begin(), DType::kFloat32, tensor.shape(), tensor.bytes());
    }
    values.insert_or_assign(name, std::move(tensor));
  }

  [[nodiscard]] Tensor compute(const ToyOp& op, const std::map<std::string, Tensor>& values) const {
    const auto input = values.at(op.inputs.front()).as<float>();
    Tensor result(DType::kFloat32, {1, model_.widths.at(op.output)});
    const auto output = result.as<float>();
    if (op.type == "DENSE") {
      multiply(op, input, output);
    } else if (op.type == "RELU") {
      std::transform(input.begin(), input.end(), output.begin(),
                     [](float x) { return std::max(x, 0.0F); });
    } else {
      const auto other = values.at(op.inputs.back()).as<float>();
      std::transform(input.begin(), input.end(), other.begin(), output.begin(), std::plus<>());
    }
    return result;
  }

  void multiply(const ToyOp& op, std::span<const float> input, std::span<float> output) const {
    const auto weights = model_.weights.at(op.weights).as<float>();
    std::vector<float> rows(weights.begin(), weights.end());
    std::vector<float> row(input.begin(), input.end());
    if (op.rounding) {
      float largest = 0;
      for (const auto weight : rows) {
        largest = std::max(largest, std::abs(weight));
      }
      round(rows, {largest / 127, 0}, DType::kInt8);
      round(row, op.rounding->input, op.rounding->activation);
    }
    for (std::size_t i = 0; i < output.size(); ++i) {
      output[i] = 0;
      for (std::size_t k = 0; k < row.size(); ++k) {
        output[i] += row[k] * rows[k * output.size() + i];
      }
    }
    if (op.rounding) {
      round(output, op.rounding->output, op.rounding->activation);
    }
  }

  static void round(std::span<float> values, const ToyScale& by, DType type) {
    const float low = type == DType::kInt8 ? -128 : 0;
    for (auto& value : values) {
      const auto zero = static_cast<float>(by.zero_point);
      const float level = std::clamp(std::nearbyint(value / by.scale) + zero, low, low + 255);
      value = (level - zero) * by.scale;
    }
  }

  ToyModel model_;
  std::vector<std::string> taps_;
  runtime::TensorTap* tap_;
  bool profiling_;
  Clock clock_ = steady_clock_us();
  std::int64_t runs_ = 0;
  std::vector<runtime::ValueInfo> inputs_;
  std::vector<runtime::ValueInfo> outputs_;
  std::vector<runtime::KernelTime> kernels_;
};

class ToySource final : public network::SessionSource {
 public:
  ToySource(ToyModel model, std::span<const std::string> taps)
      : model_(std::move(model)), taps_(taps.begin(), taps.end()) {}

  Result<runtime::Session> open(std::shared_ptr<const runtime::Library>,
                                const runtime::SessionOptions& options) const override {
    return runtime::Session(std::make_unique<ToySession>(model_, taps_, options));
  }
  Result<runtime::SessionMemory> memory(std::shared_ptr<const runtime::Library>,
                                        const runtime::SessionOptions&,
                                        std::span<const runtime::Feed>) const override {
    return fail(ErrorCode::kUnimplemented, "toy sessions do not count their memory");
  }
  std::int64_t size_bytes() const noexcept override {
    std::int64_t bytes = 0;
    for (const auto& [name, tensor] : model_.weights) {
      bytes += std::ssize(tensor.bytes());
    }
    return bytes;
  }

 private:
  ToyModel model_;
  std::vector<std::string> taps_;
};

}  // namespace tessera::testing
