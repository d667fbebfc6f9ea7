// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/runtime/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "tessera/runtime/backend.h"

namespace tessera::runtime {
namespace {

struct LevelName {
  OptLevel level;
  std::string_view name;
};
constexpr std::array kLevels = {
    LevelName{OptLevel::kDisabled, "disabled"}, LevelName{OptLevel::kBasic, "basic"},
    LevelName{OptLevel::kExtended, "extended"}, LevelName{OptLevel::kAll, "all"}};

/// What "[1, 3, ?, ?]" looks like: -1 is an extent that may take any value.
std::string describe(DType dtype, std::span<const std::int64_t> shape) {
  std::string text(to_string(dtype));
  text += " [";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    text += i == 0 ? "" : ",";
    text += shape[i] < 0 ? "?" : std::to_string(shape[i]);
  }
  return text + "]";
}

bool shape_fits(std::span<const std::int64_t> actual, const ValueInfo& expected) {
  if (expected.shape.empty()) {  // a scalar, or an unknown rank: the runtime will check
    return true;
  }
  return std::equal(actual.begin(), actual.end(), expected.shape.begin(), expected.shape.end(),
                    [](std::int64_t a, std::int64_t e) { return e < 0 || a == e; });
}

Status check_feed(const Feed& feed, const ValueInfo& expected) {
  const auto& tensor = feed.tensor;
  if (!expected.is_tensor || bits_of(expected.dtype) == 0) {
    return fail(ErrorCode::kUnimplemented, "input '{}' is not a numeric tensor; it cannot be fed",
                expected.name);
  }
  const bool shape_ok = shape_fits(tensor.shape, expected);
  if (tensor.dtype != expected.dtype || !shape_ok) {
    return fail(ErrorCode::kInvalidArgument, "input '{}' is given {}; the model expects {}",
                expected.name, describe(tensor.dtype, tensor.shape),
                describe(expected.dtype, expected.shape));
  }
  const auto needed = bytes_of(tensor.dtype, tensor.size());
  if (static_cast<std::int64_t>(tensor.bytes.size()) != needed) {
    return fail(ErrorCode::kInvalidArgument, "input '{}' has {} bytes; {} needs {}", expected.name,
                tensor.bytes.size(), describe(tensor.dtype, tensor.shape), needed);
  }
  return {};
}

std::string names_of(const std::vector<ValueInfo>& values) {
  std::string names;
  for (const auto& value : values) {
    names += fmt::format("{}'{}'", names.empty() ? "" : ", ", value.name);
  }
  return names;
}

/// The tensors of the feeds in the order of the inputs. What had to be quantized is in `made`.
Result<std::vector<TensorView>> in_order(std::span<const Feed> feeds,
                                         const std::vector<ValueInfo>& inputs,
                                         std::vector<Tensor>& made) {
  std::vector<TensorView> tensors;
  tensors.reserve(inputs.size());
  for (const auto& input : inputs) {
    const auto feed = std::find_if(feeds.begin(), feeds.end(),
                                   [&](const Feed& f) { return f.name == input.name; });
    if (feed == feeds.end()) {
      return fail(ErrorCode::kInvalidArgument, "input '{}' is not fed; the model expects {}",
                  input.name, names_of(inputs));
    }
    if (input.quantization && feed->tensor.dtype == DType::kFloat32) {
      TESSERA_TRY(auto integers, quantized(feed->tensor, *input.quantization, input.dtype));
      TESSERA_CHECK(check_feed({feed->name, integers.view()}, input));
      made.push_back(std::move(integers));
      tensors.push_back(made.back().view());
      continue;
    }
    TESSERA_CHECK(check_feed(*feed, input));
    tensors.push_back(feed->tensor);
  }
  for (const auto& feed : feeds) {
    const bool known = std::any_of(inputs.begin(), inputs.end(),
                                   [&](const ValueInfo& input) { return input.name == feed.name; });
    if (!known) {
      return fail(ErrorCode::kInvalidArgument, "the model has no input '{}'; it has {}", feed.name,
                  names_of(inputs));
    }
  }
  return tensors;
}

}  // namespace

std::string_view to_string(OptLevel level) noexcept {
  return kLevels[static_cast<std::size_t>(level)].name;
}

Result<OptLevel> opt_level_from_string(std::string_view name) {
  for (const auto& entry : kLevels) {
    if (entry.name == name) {
      return entry.level;
    }
  }
  return fail(ErrorCode::kInvalidArgument,
              "'{}' is not an optimization level; disabled, basic, extended or all was expected",
              name);
}

Result<Tensor> as_real(const TensorView& tensor, const ValueInfo& value) {
  return value.quantization && is_integer(tensor.dtype) ? dequantized(tensor, *value.quantization)
                                                        : Result<Tensor>(Tensor(tensor));
}

Error not_profiled() {
  return fail(ErrorCode::kInvalidArgument,
              "the session is not being profiled; open it with SessionOptions::profile, and end "
              "the profile once")
      .error();
}

Outputs::Outputs(std::unique_ptr<const OutputTensors> tensors) : tensors_(std::move(tensors)) {}
Outputs::Outputs(Outputs&&) noexcept = default;
Outputs& Outputs::operator=(Outputs&&) noexcept = default;
Outputs::~Outputs() = default;

std::size_t Outputs::size() const noexcept {
  return tensors_->views().size();
}
TensorView Outputs::operator[](std::size_t index) const {
  return tensors_->views()[index];
}

Session::Session(std::unique_ptr<SessionBackend> backend) : backend_(std::move(backend)) {}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

const std::vector<ValueInfo>& Session::inputs() const noexcept {
  return backend_->inputs();
}
const std::vector<ValueInfo>& Session::outputs() const noexcept {
  return backend_->outputs();
}

Result<Outputs> Session::run(std::span<const Feed> feeds) {
  std::vector<Tensor> made;
  made.reserve(backend_->inputs().size());  // views look into its elements
  TESSERA_TRY(const auto tensors, in_order(feeds, backend_->inputs(), made));
  return backend_->run(tensors);
}

Result<std::vector<KernelTime>> Session::end_profile() {
  return backend_->end_profile();
}

}  // namespace tessera::runtime
