// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "tessera/placement/instance.h"

namespace tessera::placement {

/// One end of a value: where it is and what it is there.
struct End {
  std::size_t machine = 0;
  DType values = DType::kFloat32;
  bool int8_wire = false;  ///< of the maker: may be rounded for the way

  bool operator==(const End&) const = default;
};

/// A value that may cross.
struct Value {
  std::string name;
  std::int64_t elements = 0;
  std::int64_t bytes = 0;  ///< as the model has it
  bool floating = true;    ///< else it crosses as it is
  bool is_input = false;   ///< of the model
};

/// What is good about a crossing.
struct Worth {
  double per_us = 1;
  double per_joule = 0;
};

/// The ways over links.
class Ways {
 public:
  struct Rules {
    Worth worth;
    bool lossless_only = false;
    bool codecs_only = false;  ///< for inputs
  };
  Ways(const Setting& setting, const std::vector<Site>& sites, const Rules& rules)
      : setting_(setting), sites_(sites), rules_(rules) {}

  /// The best; without a wire where there is no link or no form that both ends know. Nothing to do
  /// where both ends are one machine.
  [[nodiscard]] Crossing best(const Value& value, const End& from, const End& to) const;
  /// What is minimized of it.
  [[nodiscard]] double cost(const Crossing& crossing) const;

 private:
  [[nodiscard]] std::vector<Crossing> ways(const Value& value, const End& from,
                                           const End& to) const;
  [[nodiscard]] std::optional<double> convert_us(const Site& site, DType from, DType to,
                                                 std::int64_t elements) const;
  enum class Least : std::uint8_t { kTime, kEnergy };
  void finish(Crossing& crossing, const End& from, const End& to, Least least) const;
  [[nodiscard]] std::vector<Hop> route(std::int64_t bytes, std::size_t from, std::size_t to,
                                       Least least) const;

  const Setting& setting_;
  const std::vector<Site>& sites_;
  Rules rules_;
};

}  // namespace tessera::placement
