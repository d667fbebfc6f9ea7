// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "compat/ort_names.h"

#include <fmt/format.h>

namespace tessera::compat {

std::string OrtNames::of(const std::string& owner, std::string_view suffix) {
  const auto [place, added] = given_.try_emplace({owner, std::string(suffix)});
  auto& name = place->second;
  if (!added) {
    return name;
  }
  const auto wanted = fmt::format("{}{}", owner, suffix);
  name = wanted;
  for (int number = 1; taken(name); ++number) {
    name = fmt::format("{}_{}", wanted, number);
  }
  used_.insert(name);
  return name;
}

bool OrtNames::taken(const std::string& name) const {
  if (used_.contains(name)) {
    return true;
  }
  if (model_.unique_name(name) == name) {
    return false;
  }
  const bool is_value = model_.has_initializer(name) || model_.is_input(name) ||
                        model_.is_output(name) || model_.producer(name) ||
                        !model_.consumers(name).empty();
  // Operators have names of their own: one of them may be called as a value is.
  return is_value || !model_.find_node(name);
}

}  // namespace tessera::compat
