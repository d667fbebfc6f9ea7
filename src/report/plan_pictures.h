// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tessera/core/result.h"
#include "tessera/graph/graph.h"
#include "tessera/placement/record.h"
#include "tessera/report/chart.h"

/// The pictures of a plan, before they are files. `model`: its name, for titles.
namespace tessera::report {

/// Layers by machine and precision, what crosses, where inputs come from and outputs go to.
[[nodiscard]] PlanGraph graph_picture(const placement::Plan& plan, const graph::Graph& graph,
                                      const std::string& model);
/// What every machine and link does when.
[[nodiscard]] GanttChart schedule_picture(const placement::Plan& plan, const graph::Graph& graph,
                                          const std::string& model);
/// Latency against the error or the energy, of a plan with a front.
[[nodiscard]] LineChart front_picture(const placement::Plan& plan, const std::string& model);

/// What is sent has one colour, in whatever form.
inline constexpr const char* kSent = "sent over a link";

/// Names by number, in the order in which they come.
class PlanNames {
 public:
  std::size_t number_of(const std::string& name);
  /// Those of `used` that legends begin with.
  void take_known(const std::set<std::string>& used);
  [[nodiscard]] const std::vector<std::string>& all() const { return names_; }

 private:
  std::vector<std::string> names_;
};

/// A colour for each precision; further schemes take those that no other precision has.
[[nodiscard]] std::vector<BarSeries> kinds_of(const PlanNames& precisions);

/// "int8 12.3 KiB".
[[nodiscard]] std::string sent_text(const placement::CutEdge& cut);

}  // namespace tessera::report
