// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "tessera/onnx/model.h"

namespace tessera::compat {

/// Names of the values that the reference makes up from those of others: `x` + `_scale`. Where the
/// model has a value of that name already, the reference writes a model that is wrong or stops;
/// here what is made gets the next free name.
class OrtNames {
 public:
  /// The model must outlive the names. Values that are added to it under other names than those
  /// given here count as its own.
  explicit OrtNames(const onnx::Model& model) : model_(model) {}

  /// The name of what `owner` makes up with `suffix`: always the same for the same pair.
  [[nodiscard]] std::string of(const std::string& owner, std::string_view suffix);

 private:
  [[nodiscard]] bool taken(const std::string& name) const;

  const onnx::Model& model_;
  std::map<std::pair<std::string, std::string>, std::string> given_;
  std::set<std::string, std::less<>> used_;
};

}  // namespace tessera::compat
