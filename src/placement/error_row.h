// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "tessera/placement/instance.h"

namespace tessera::placement {

/// What an error model says of places of layers.
class ErrorRow {
 public:
  ErrorRow(const Setting& setting, const Instance& instance);

  /// Entries of the model that a place switches on: none for float32. Absent if the model does not
  /// know a layer of products (convolution, matrix product) in that scheme: its error is unknown.
  [[nodiscard]] std::optional<noise::LayerSet> entries_of(std::size_t unit,
                                                          const Place& place) const;
  /// The place is one in integers that the model has no entry of, and the layer computes no
  /// products: it rounds what its neighbours round anyway, if they are in integers too; else its
  /// error is unknown.
  [[nodiscard]] bool wants_integer_neighbours(std::size_t unit, const Place& place) const;
  /// Forbids those elsewhere.
  void forbid_lonely(Instance& instance) const;
  /// What rounding a layer's float result to int8 for the way adds: no more than computing it in
  /// integers does, by all terms that know it. Absent if the model does not know the layer.
  [[nodiscard]] std::optional<double> wire_term(std::size_t unit, const Site& site) const;
  /// Adds the row "error of the plan <= limit", by the bound of the error model, its terms rounded
  /// so that no plan within the limit is left out, or so that none beyond it is let in.
  void add(Instance& instance, double most, Goal::Rows rows) const;
  /// Of a plan: the row's left side as an error, wires included, and what the model predicts.
  struct Errors {
    double bound = 0;
    double predicted = 0;
  };
  [[nodiscard]] std::optional<Errors> errors(const Instance& instance,
                                             const plan::Assignment& assignment,
                                             double wires) const;

 private:
  [[nodiscard]] bool is_integers(const Place& place) const {
    return is_integer(sites_[place.machine].profile->model.forms[place.local.state].values);
  }

  const noise::ErrorModel& model_;
  const Setting& setting_;
  const profile::Units& units_;
  const std::vector<Site>& sites_;
  const noise::TermModel& terms_;  ///< of the bound
  /// By operator's name and scheme; "" for models that do not say the scheme.
  std::map<std::pair<std::string, std::string>, std::int32_t> entry_;
  std::vector<double> all_terms_;  ///< by entry: of all terms that have it
};

}  // namespace tessera::placement
