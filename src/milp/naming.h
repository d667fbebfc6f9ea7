// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "tessera/milp/export.h"
#include "tessera/milp/model.h"

namespace tessera::milp {

/// Names of letters, digits and underscores, each once and at most 64 characters and a number long.
class Naming {
 public:
  explicit Naming(const plan::Problem& problem);

  [[nodiscard]] const std::string& variable(std::size_t i) const { return variables_[i]; }
  [[nodiscard]] const std::string& tensor(std::size_t t) const { return tensors_[t]; }
  [[nodiscard]] const std::string& coupling(std::size_t c) const { return couplings_[c]; }
  [[nodiscard]] const std::string& limit(std::size_t r) const { return limits_[r]; }
  /// No two columns of a model have the same, and none begins with a digit.
  [[nodiscard]] std::string of(const Column& column) const;

 private:
  std::vector<std::string> variables_;
  std::vector<std::string> tensors_;
  std::vector<std::string> couplings_;
  std::vector<std::string> limits_;
};

/// A note as a sentence of one line.
[[nodiscard]] std::string words(const CostNote& note);
/// The same as a name.
[[nodiscard]] std::string word(const CostNote& note);

/// kInvalidArgument for a problem that is no program: without variables.
[[nodiscard]] Result<Model> model_to_export(const plan::Problem& problem);

}  // namespace tessera::milp
