// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "tessera/certificate/certificate.h"

/// What a problem's numbers come to, in numbers that cannot overflow.
namespace tessera::certificate {

/// 128 bits.
__extension__ using Wide = __int128;

/// States that variables may still take.
using Domains = std::vector<std::vector<std::uint8_t>>;

[[nodiscard]] Wide magnitude(Wide value);
[[nodiscard]] bool has(const std::vector<std::uint8_t>& states, std::uint8_t state);

/// What all costs, and all amounts of a limit with its bound, come to at most, as if every consumer
/// paid for its own send.
[[nodiscard]] Wide largest_cost(const Problem& problem);
[[nodiscard]] Wide largest_use(const Problem& problem, const Limit& limit);

/// How many numbers there are: what it takes to go through the problem once.
[[nodiscard]] double size_of(const Problem& problem);

/// No assignment costs more: every class of consumers is paid once.
[[nodiscard]] Wide dearest_cost(const Problem& problem);

[[nodiscard]] Wide cost_of(const Problem& problem, const std::vector<std::uint8_t>& assignment);
[[nodiscard]] Wide use_of(const Problem& problem, const Limit& limit,
                          const std::vector<std::uint8_t>& assignment);
[[nodiscard]] bool keeps_limits(const Problem& problem,
                                const std::vector<std::uint8_t>& assignment);

/// Which states can take the place of others in every plan. Knows the problem by variable.
class Replacements {
 public:
  explicit Replacements(const Problem& problem);
  /// The same classes, no more cost, no more use of any limit.
  [[nodiscard]] bool can_replace(std::size_t variable, std::uint8_t one, std::uint8_t other) const;

 private:
  struct Part {
    std::int64_t amount = 0;
    const std::vector<std::uint8_t>* states = nullptr;
  };
  const Problem& problem_;
  std::vector<std::vector<const Classes*>> classes_;
  std::vector<std::vector<std::vector<Wide>>> uses_;  ///< by variable, limit and state
  std::vector<std::vector<Part>> parts_;              ///< in pairs
};

}  // namespace tessera::certificate
