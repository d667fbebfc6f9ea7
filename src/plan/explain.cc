// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "tessera/plan/solve.h"

namespace tessera::plan {
namespace {

std::string line_of(const Limit& limit, const Relief& relief) {
  const auto start = fmt::format("limit '{}' allows {} {}: ", limit.name, limit.bound, limit.unit);
  if (!relief.helps) {
    return start + "whatever it allows, the others cannot be kept together";
  }
  if (!relief.found) {
    return start + fmt::format("less than {} {} would not do; more was not found out in time",
                               relief.proven, limit.unit);
  }
  if (*relief.found == relief.proven) {
    return start + fmt::format("{} {} would do, less would not", *relief.found, limit.unit);
  }
  return start + fmt::format("{} {} would do, less than {} {} would not", *relief.found, limit.unit,
                             relief.proven, limit.unit);
}

}  // namespace

std::vector<std::string> explain(const Problem& problem, const Solution& solution) {
  std::vector<std::string> lines;
  for (const auto& [limit, least] : solution.conflicts) {
    const auto& of = problem.limits[limit];
    lines.push_back(fmt::format("limit '{}' allows {} {}, and every plan uses {} {} or more",
                                of.name, of.bound, of.unit, least, of.unit));
  }
  if (!solution.joint) {
    return lines;
  }
  const auto& limits = solution.joint->limits;
  if (limits.size() > 1) {
    lines.push_back(fmt::format("{} limits cannot be kept together{}:", limits.size(),
                                solution.joint->minimal ? "" : ", or some of them"));
  }
  for (const auto& relief : limits) {
    lines.push_back(line_of(problem.limits[relief.limit], relief));
  }
  return lines;
}

}  // namespace tessera::plan
