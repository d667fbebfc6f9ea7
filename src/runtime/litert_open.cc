// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "runtime/litert_open.h"

#include <algorithm>
#include <charconv>

namespace tessera::runtime {
namespace {

Status read_setting(const std::string& key, const std::string& value, LitertSettings& settings) {
  if (key == "flags") {
    const auto* const end = value.data() + value.size();
    unsigned number = 0;
    if (const auto [at, error] = std::from_chars(value.data(), end, number);
        error != std::errc{} || at != end) {
      return fail(ErrorCode::kInvalidArgument, "flags '{}' of XNNPACK: a whole number was expected",
                  value);
    }
    settings.flags = number;
    return {};
  }
  if (key == "kernel_mode" && (value == "builtin" || value == "reference")) {
    settings.kernel_mode = value;
    return {};
  }
  return fail(ErrorCode::kInvalidArgument, "LiteRT has no setting '{}={}'", key, value)
      .hint("flags=NUMBER, kernel_mode=builtin or kernel_mode=reference is what there is");
}

}  // namespace

Result<LitertSettings> litert_settings(const SessionOptions& options) {
  if (options.threads < 1) {
    return fail(ErrorCode::kInvalidArgument, "{} threads; at least 1 was expected",
                options.threads);
  }
  if (options.opt_level != OptLevel::kDisabled && options.opt_level != OptLevel::kAll) {
    return fail(ErrorCode::kInvalidArgument, "LiteRT has no optimization level '{}'",
                to_string(options.opt_level))
        .hint("disabled runs its built-in kernels, all those of XNNPACK");
  }
  if (!options.optimized_model.empty()) {
    return fail(ErrorCode::kUnimplemented, "LiteRT does not write the graph that it runs");
  }
  LitertSettings settings;
  for (const auto& [key, value] : options.config) {
    TESSERA_CHECK(read_setting(key, value, settings));
  }
  return settings;
}

Result<Shape> closed_extents(const std::string& input, const Shape& declared,
                             const std::map<std::string, Shape>& wanted) {
  const auto found = wanted.find(input);
  if (found == wanted.end()) {
    auto shape = declared;
    std::replace_if(
        shape.begin(), shape.end(), [](std::int64_t extent) { return extent < 0; }, 1);
    return shape;
  }
  constexpr std::int64_t kMost = 1 << 30;
  const auto& given = found->second;
  const bool fits =
      std::equal(given.begin(), given.end(), declared.begin(), declared.end(),
                 [](std::int64_t extent, std::int64_t fixed) {
                   return fixed < 0 ? extent >= 1 && extent <= kMost : extent == fixed;
                 });
  if (!fits) {
    return fail(ErrorCode::kInvalidArgument, "input '{}' is given extents {}; it has {}", input,
                tessera::to_string(given), tessera::to_string(declared))
        .hint("-1 stands for those that may be given");
  }
  return given;
}

Status check_value_type(const std::string& value, DType dtype, int number) {
  constexpr int kLeastBits = 8;
  if (bits_of(dtype) >= kLeastBits) {
    return {};
  }
  return fail(ErrorCode::kUnimplemented, "'{}' is of type {}, which cannot be fed or read", value,
              dtype == DType::kUndefined ? std::to_string(number)
                                         : std::string(tessera::to_string(dtype)))
      .hint("inputs and outputs of a session are tensors of numbers of at least 8 bits");
}

std::optional<AffineQuantization> quantization_of(const LitertModel& known, std::int32_t tensor) {
  const auto at = static_cast<std::size_t>(tensor);
  return tensor >= 0 && at < known.quantization.size() ? known.quantization[at] : std::nullopt;
}

bool wants_observer(const SessionOptions& options, const LitertModel& known) {
  return options.profile || (options.tap != nullptr && !known.taps.empty());
}

litert::Observer::Plan observer_plan(const SessionOptions& options, const LitertModel& known,
                                     std::size_t subgraph) {
  litert::Observer::Plan plan{.operators = known.operators,
                              .tap = options.tap,
                              .times = options.profile,
                              .subgraph = subgraph};
  if (options.tap != nullptr) {
    for (std::size_t i = 0; i < known.taps.size(); ++i) {
      plan.taps.emplace_back(known.taps[i], static_cast<std::int64_t>(i));
    }
  }
  return plan;
}

Result<std::vector<std::pair<std::size_t, std::int64_t>>> taps_of_inputs(
    const litert::Observer& observer, const std::vector<std::int32_t>& inputs,
    const LitertModel& known) {
  TESSERA_CHECK(observer.check());
  std::vector<std::pair<std::size_t, std::int64_t>> taps;
  for (std::size_t tag = 0; tag < known.taps.size(); ++tag) {
    const auto tensor = known.taps[tag];
    const auto input = std::find(inputs.begin(), inputs.end(), tensor);
    if (input != inputs.end()) {
      taps.emplace_back(input - inputs.begin(), static_cast<std::int64_t>(tag));
    } else if (!observer.is_made(tensor)) {
      const auto at = static_cast<std::size_t>(tensor);
      return fail(ErrorCode::kUnimplemented, "the runtime does not show value {}",
                  tensor >= 0 && at < known.tensors.size() ? fmt::format("'{}'", known.tensors[at])
                                                           : std::to_string(tensor))
          .hint(
              "XNNPACK keeps values between its operators to itself: use the built-in kernels "
              "(level disabled), or make the value an output");
    }
  }
  return taps;
}

}  // namespace tessera::runtime
