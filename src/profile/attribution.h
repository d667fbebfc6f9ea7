// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/result.h"
#include "tessera/graph/graph.h"
#include "tessera/network/network.h"
#include "tessera/profile/units.h"
#include "tessera/runtime/session.h"

/// Which kernel of the graph that the runtime really runs computes which operators of the model.
namespace tessera::profile {

/// Gives every operator a name that survives the runtime's rewriting and is found in the names of
/// the kernels made of it. Names of values stay.
[[nodiscard]] Status tag_operators(network::Network& model);
/// Operators whose tags are in a kernel's name.
[[nodiscard]] std::vector<graph::OpId> tagged_operators(std::string_view kernel);

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

/// True for kernels that change type or layout only.
[[nodiscard]] bool is_conversion_kernel(std::string_view op_type) noexcept;

/// Sites of the operators of an optimized graph, by their names.
class Attribution {
 public:
  /// `view`: of the model that was quantized (names of values); `optimized`: what the runtime
  /// wrote (SessionOptions::optimized_model), its operators tagged.
  [[nodiscard]] static Attribution make(const graph::Graph& view, const Units& units,
                                        const graph::Graph& optimized);
  /// From the kernels alone, where a provider that compiles parts of the graph keeps the runtime
  /// from writing it: by names, and what has none that is known counts to the model's inputs.
  [[nodiscard]] static Attribution of_kernels(const graph::Graph& view, const Units& units,
                                              std::span<const runtime::KernelTime> kernels);
  /// Null for a kernel that is not in the graph.
  [[nodiscard]] const Site* find(std::string_view kernel) const;

 private:
  std::map<std::string, Site, std::less<>> sites_;
};

}  // namespace tessera::profile
