// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "tessera/core/json.h"
#include "tessera/core/result.h"

/// What records say of inference libraries and sessions, without either.
namespace tessera::runtime {

/// Graph optimization levels of ONNX Runtime.
enum class OptLevel : std::uint8_t { kDisabled, kBasic, kExtended, kAll };
[[nodiscard]] std::string_view to_string(OptLevel level) noexcept;
[[nodiscard]] Result<OptLevel> opt_level_from_string(std::string_view name);

/// A provider and its options, as a user writes them.
struct ProviderChoice {
  std::string name = "cpu";
  std::map<std::string, std::string> options;

  bool operator==(const ProviderChoice&) const = default;
};

/// "OpenVINOExecutionProvider" -> "openvino".
[[nodiscard]] std::string short_provider_name(std::string_view name);

/// Reads "NAME[:KEY=VALUE]...". A part without `=` belongs to the value before it, so that
/// "openvino:device_type=HETERO:GPU,CPU" is one option. Errors: kInvalidArgument.
[[nodiscard]] Result<ProviderChoice> parse_provider(std::string_view text);
/// The short name with the options: "openvino:device_type=CPU".
[[nodiscard]] std::string to_string(const ProviderChoice& choice);

/// What a model takes to be open and to run.
struct SessionMemory {
  /// Held from opening on: weights as the kernels want them, packed forms included. Weights that
  /// the runtime reads from a mapped file are not in it.
  std::int64_t weights_bytes = 0;
  /// Most that one run holds at a time besides: activations, outputs, scratch. What is asked for:
  /// the arena rounds up, by up to two.
  std::int64_t arena_peak_bytes = 0;
  /// Growth of this process's resident set at its peak, with everything: graph, code touched
  /// first, arena, what a provider holds for itself. Absent where the system cannot reset the
  /// peak. Memory that the process had free already is not seen, so it may be less than the sum.
  std::optional<std::int64_t> rss_delta_bytes;
};
/// {weights_bytes, arena_peak_bytes, rss_delta_bytes}.
[[nodiscard]] Json to_json(const SessionMemory& memory);

}  // namespace tessera::runtime
