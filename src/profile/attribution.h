// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "tessera/graph/graph.h"
#include "tessera/profile/units.h"
#include "tessera/runtime/session.h"

/// Which unit of the model the time of a kernel belongs to.
namespace tessera::profile {

/// Where a kernel's time belongs.
struct Site {
  enum class Kind : std::uint8_t {
    kUnit,        ///< the arithmetic of a unit
    kConversion,  ///< changes type or layout of what a unit makes; of the model's inputs: see below
  };
  Kind kind = Kind::kUnit;
  /// Index of the unit; Units::size() stands for the model's inputs.
  std::size_t unit = 0;
  /// Every unit that the kernel computes, if more than one was fused.
  std::vector<std::size_t> fused;
};

/// Sites of the kernels of a model made from the one that units are of: its operators keep their
/// Op::source, those that were put in between have others.
class Attribution {
 public:
  /// `view`: of the model that was quantized; `kernels`: of a session with
  /// SessionOptions::kernel_sources, at least one of its runs.
  Attribution(const graph::Graph& view, const Units& units,
              std::span<const runtime::KernelTime> kernels);
  /// A kernel that computes operators of the model belongs to their last unit. A conversion
  /// belongs to what it converts; anything else that is not of the model to what made its input.
  /// What is made of the model's inputs alone, and what is not known, is a conversion of them.
  [[nodiscard]] Site site_of(const runtime::KernelTime& kernel) const;

 private:
  [[nodiscard]] std::vector<std::size_t> units_of(std::span<const std::uint32_t> sources) const;

  std::size_t units_;
  std::map<std::uint32_t, std::size_t> unit_of_;  ///< by source
  /// What the kernels read that compute operators which the model does not have.
  std::map<std::uint32_t, std::vector<std::uint32_t>> behind_;
};

}  // namespace tessera::profile
