// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/litert_observer.h"
#include "tessera/core/result.h"
#include "tessera/runtime/litert.h"

/// What the two libraries of .tflite models have in common when they open one.
namespace tessera::runtime {

/// Number of XNNPACK's flags among the settings: with it quantized operators are taken.
inline constexpr unsigned kXnnpackQuantized = 3;

/// SessionOptions::config, checked.
struct LitertSettings {
  std::optional<unsigned> flags;
  std::string kernel_mode;  ///< "builtin", "reference" or empty
};
/// Errors: those of open_litert() about options.
[[nodiscard]] Result<LitertSettings> litert_settings(const SessionOptions& options);

/// The extents of an input, of which those that the file leaves open (-1) are what `wanted` says of
/// it, else 1. Errors: kInvalidArgument for extents that the file does not leave open.
[[nodiscard]] Result<Shape> closed_extents(const std::string& input, const Shape& declared,
                                           const std::map<std::string, Shape>& wanted);

/// kUnimplemented if values of this type cannot be fed or read; `number` is the library's own.
[[nodiscard]] Status check_value_type(const std::string& value, DType dtype, int number);

/// LitertModel::quantization of a tensor.
[[nodiscard]] std::optional<AffineQuantization> quantization_of(const LitertModel& known,
                                                                std::int32_t tensor);

/// The observer's plan for a session.
[[nodiscard]] litert::Observer::Plan observer_plan(const SessionOptions& options,
                                                   const LitertModel& known, std::size_t subgraph);
/// True if the session needs an observer.
[[nodiscard]] bool wants_observer(const SessionOptions& options, const LitertModel& known);

/// Inputs among the taps, and their tags. Errors: kUnimplemented for taps of values that nobody
/// shows.
[[nodiscard]] Result<std::vector<std::pair<std::size_t, std::int64_t>>> taps_of_inputs(
    const litert::Observer& observer, const std::vector<std::int32_t>& inputs,
    const LitertModel& known);

/// Opens in the TFLite C library. Errors: those of open_litert(), and kUnimplemented for
/// signatures, of which that library knows nothing.
[[nodiscard]] Result<Session> open_tflite(std::shared_ptr<const Library> library,
                                          std::string_view model, const SessionOptions& options,
                                          const LitertModel& known, std::uint64_t key);

}  // namespace tessera::runtime
