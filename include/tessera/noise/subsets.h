// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/result.h"
#include "tessera/graph/graph.h"
#include "tessera/noise/entries.h"
#include "tessera/noise/layer_set.h"
#include "tessera/quantize/assignment.h"

/// Which layers a sweep switches, and which subsets of them it measures.
namespace tessera::noise {

/// How random subsets of operators are drawn; then each is in any of its schemes, all as likely.
enum class Sizes : std::uint8_t {
  kEven,     ///< every operator with probability 1/2, as in the layer-wise studies
  kUniform,  ///< every size with the same probability, then a subset of that size
};
[[nodiscard]] std::string_view to_string(Sizes sizes) noexcept;
[[nodiscard]] Result<Sizes> sizes_from_string(std::string_view name);

/// The subsets that `designs` ask for, each once, in the order in which they first come:
/// `random:N` (N distinct ones, or all there are), `one-in` (every entry alone), `all` (every
/// operator in its first scheme; then, for each further scheme, those that may be in it), `one-out`
/// (those of `all` without one layer), `pairs` (of entries of two operators), `list:FILE` (lines as
/// of read_subsets()). The empty subset is never drawn, but may be listed.
/// The same seed gives the same subsets on every machine.
/// Errors: kInvalidArgument for an unknown design or layer (with the nearest names) and for a list
/// with two schemes of one operator; those of reading a list.
[[nodiscard]] Result<std::vector<LayerSet>> choose_subsets(std::span<const std::string> designs,
                                                           std::span<const Entry> entries,
                                                           Sizes sizes, std::uint64_t seed);

/// Operators whose multiplications a scheme can do in integers, alone among float ones:
/// what `all` and `top-macs:N` choose from.
[[nodiscard]] bool is_switchable(const graph::Op& op) noexcept;

/// Layers by `text`: `top-macs:N`, `all`, `re:REGEX` (whole name, of those that can be switched),
/// or names separated by commas, in the order of the graph. Layers that are float32
/// in `schemes` are passed over, unless they are named.
/// Errors: kInvalidArgument for an unknown name (with the nearest), a bad regex, a count of 0, a
/// layer that stays float32 by its scheme, or if no layer is left.
[[nodiscard]] Result<std::vector<graph::OpId>> choose_layers(const graph::Graph& graph,
                                                             std::string_view text,
                                                             const quantize::Assignment& schemes);

}  // namespace tessera::noise
