// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

/// Searching among choices, whatever they are about.
namespace tessera::search {

/// A choice for every place: 0 is what is there anyway, k its k-th option.
using Choices = std::vector<std::uint8_t>;

struct Change {
  std::size_t place = 0;
  std::uint8_t option = 0;
};

/// What choices cost, for a search that moves about among them. The cost may depend on all places
/// at once.
class Landscape {
 public:
  virtual ~Landscape() = default;
  /// The choices that it stands at.
  [[nodiscard]] virtual const Choices& here() const noexcept = 0;
  /// The cost if these changes, each of another place, were made; of here, if there are none.
  [[nodiscard]] virtual double cost_after(std::span<const Change> changes) = 0;
  /// How much of something limited would be used up then.
  [[nodiscard]] virtual double use_after(std::span<const Change> /*changes*/) { return 0; }
  /// That is within the limit.
  [[nodiscard]] virtual bool fits_after(std::span<const Change> /*changes*/) { return true; }
  virtual void make(std::span<const Change> changes) = 0;
};

/// Is shown a move; true if it was made.
using Visit = std::function<bool(std::span<const Change>)>;

/// Moves from where a landscape stands.
struct Neighbourhood {
  enum class Take : std::uint8_t {
    kEach,  ///< every one that pays, as it is met
    kBest,  ///< the one that pays most, the first of several
  };
  Take take = Take::kEach;
  /// Shows the visitor one move after another. `here` changes when a move is made.
  std::function<void(const Choices& here, const Visit& visit)> moves;
};

/// Goes downhill by moves that fit and cost less by more than `worth`, those of earlier
/// neighbourhoods first, until none is left; at most `most` rounds.
void climb(Landscape& landscape, std::span<const Neighbourhood> neighbourhoods, double worth,
           int most);

/// Options that places may be given, beside 0.
using Options = std::vector<std::vector<std::uint8_t>>;

struct Found {
  Choices greedy;
  Choices exchange;  ///< the greedy ones, or what costs less
};

/// Choices of little cost that fit, or nothing. The landscape stands where nothing is chosen.
///
/// Greedy: options that save cost there enter by cost saved per use, or leave a full set by use per
/// cost, whichever ends better. Exchange: starts there and enters one, swaps one for one, one for
/// two and two for one as long as that saves; then from seeded disturbances of the best, as often
/// as `restarts` says. Deterministic. Cost of a step with n options: up to n^3 costs, and the use
/// of those that save.
[[nodiscard]] Found under_limit(Landscape& landscape, const Options& options, std::uint64_t seed,
                                int restarts);

}  // namespace tessera::search
