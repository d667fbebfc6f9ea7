// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "milp/naming.h"

#include <fmt/format.h>

#include <set>

namespace tessera::milp {
namespace {

constexpr std::size_t kLongest = 64;

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

std::string plain(const std::string& name) {
  auto text = name.substr(0, kLongest);
  for (auto& c : text) {
    c = is_plain(c) ? c : '_';
  }
  return text;
}

template <class Named>
std::vector<std::string> unique_names(const std::vector<Named>& all) {
  std::vector<std::string> names;
  std::set<std::string> taken;
  for (std::size_t k = 0; k < all.size(); ++k) {
    auto name = plain(all[k].name);
    // The place in its list is no one else's; what looks like that is given one, too.
    for (auto number = k; !taken.insert(name).second; number += all.size()) {
      name = fmt::format("{}_{}", plain(all[k].name), number);
    }
    names.push_back(std::move(name));
  }
  return names;
}

std::uint64_t amount(const CostNote& note) {
  const auto offset = static_cast<std::uint64_t>(note.offset);
  return note.offset < 0 ? 0 - offset : offset;
}

}  // namespace

Naming::Naming(const plan::Problem& problem)
    : variables_(unique_names(problem.variables)),
      tensors_(unique_names(problem.tensors)),
      couplings_(unique_names(problem.couplings)),
      limits_(unique_names(problem.limits)) {}

std::string Naming::of(const Column& column) const {
  switch (column.kind) {
    case Column::Kind::kState:
      return fmt::format("x_{}_{}", variables_[column.of], column.which);
    case Column::Kind::kRead:
      return fmt::format("y_{}_{}_{}_{}", tensors_[column.of], column.which, column.from,
                         column.to);
    case Column::Kind::kSend:
      return fmt::format("z_{}_{}_{}", tensors_[column.of], column.from, column.to);
    case Column::Kind::kCell:
      return fmt::format("c_{}_{}", couplings_[column.of], column.which);
    case Column::Kind::kPair:
      return fmt::format("p_{}_{}", limits_[column.of], column.which);
  }
  return {};
}

std::string words(const CostNote& note) {
  const bool too_low = note.offset < 0;
  return fmt::format("Costs are in {0}, and {1} too {2}: a plan takes its cost {3} {1} {0}.",
                     note.unit, amount(note), too_low ? "low" : "high", too_low ? "plus" : "less");
}

std::string word(const CostNote& note) {
  return fmt::format("costs_in_{}_{}_too_{}", note.unit, amount(note),
                     note.offset < 0 ? "low" : "high");
}

Result<Model> model_to_export(const plan::Problem& problem) {
  TESSERA_TRY(auto model, transport(problem));
  if (model.columns.empty()) {
    return fail(ErrorCode::kInvalidArgument, "a problem without variables is no program")
        .hint("nothing is to be decided");
  }
  return model;
}

}  // namespace tessera::milp
