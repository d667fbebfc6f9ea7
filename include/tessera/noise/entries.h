// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tessera/noise/layer_set.h"
#include "tessera/noise/switchable.h"

/// What a sweep lists as its layers, and subsets are made of.
namespace tessera::noise {

/// An operator in one of the schemes that it may be in.
struct Entry {
  std::string name;  ///< the operator's; OP@SCHEME in a further scheme
  std::string op;
  std::string scheme;         ///< quantize::to_string()
  std::size_t place = 0;      ///< of its switch
  std::uint8_t position = 1;  ///< that the switch has then
};

/// By switch and, within it, by scheme.
[[nodiscard]] std::vector<Entry> entries_of(std::span<const Switch> switches);

/// Positions of all switches under a subset of the entries.
[[nodiscard]] Setting setting_of(const LayerSet& subset, std::span<const Entry> entries);

}  // namespace tessera::noise
