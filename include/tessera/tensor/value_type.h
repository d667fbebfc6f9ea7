// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/result.h"
#include "tessera/tensor/dtype.h"

namespace tessera {

/// One extent: a number, or a symbol such as "N" (empty if nameless), known only at run time.
struct Dim {
  std::int64_t value = -1;  ///< -1 if symbolic
  std::string symbol;
  [[nodiscard]] bool known() const noexcept { return value >= 0; }
  bool operator==(const Dim&) const = default;
};

/// Element type and extents of a value of a model; no extents if the rank is unknown. Values that
/// are not tensors (sequences, maps) have an undefined element type.
struct ValueType {
  DType dtype = DType::kUndefined;
  std::optional<std::vector<Dim>> shape;
  bool operator==(const ValueType&) const = default;
};

struct NamedType {
  std::string name;
  ValueType type;
  bool operator==(const NamedType&) const = default;
};

/// Opens a serialized model somewhere that can infer types (an inference runtime) and returns the
/// types of its graph outputs, in order. `external_data_folder` is where external tensors lie.
using TypeOracle = std::function<Result<std::vector<NamedType>>(
    std::string_view model, const std::filesystem::path& external_data_folder)>;

}  // namespace tessera
