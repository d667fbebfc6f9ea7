// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "report/plan_pictures.h"
#include "tessera/report/format.h"

namespace tessera::report {
namespace {

using placement::Plan;

std::string subtitle(const Plan& plan, const std::string& model) {
  auto text = fmt::format("{}: {}", model, duration(plan.latency_us));
  if (plan.energy_j) {
    text += " and " + energy(*plan.energy_j);
  }
  return text + fmt::format(" of one inference, {} part{}", plan.parts, plan.parts == 1 ? "" : "s");
}

/// The graph of layers, with where its inputs come from and its outputs go to. Constants are left
/// out.
class GraphPicture {
 public:
  GraphPicture(const Plan& plan, const graph::Graph& graph) : plan_(plan), graph_(graph) {
    for (const auto& share : plan.machines) {
      lanes_.number_of(share.machine);
    }
    for (const auto& cut : plan.cuts) {
      cuts_[{cut.tensor, cut.to}].push_back(&cut);
    }
  }

  PlanGraph make(const std::string& model) {
    chart_.heading = {"Which machine, which precision", subtitle(plan_, model), {}};
    add_layers();
    const auto source = add_end("input", fed(), lane_of_inputs());
    const auto sink = add_end("output", wanted(), lane_of_outputs());
    for (const auto& tensor : graph_.tensors()) {
      const auto from = tensor.producer                            ? node_of(*tensor.producer)
                        : tensor.kind == graph::TensorKind::kInput ? source
                                                                   : std::nullopt;
      if (!from) {
        continue;
      }
      for (const auto reader : tensor.consumers) {
        connect(tensor, *from, node_of(reader));
      }
      if (tensor.is_output) {
        connect(tensor, *from, sink);
      }
    }
    chart_.lanes = lanes_.all();
    chart_.kinds = kinds_of(precisions_);
    return std::move(chart_);
  }

 private:
  void add_layers() {
    std::set<std::string> used;
    for (const auto& one : plan_.assignments) {
      used.insert(one.precision);
    }
    precisions_.take_known(used);
    std::map<std::string, std::size_t> known;
    for (const auto& one : plan_.assignments) {
      const auto [at, is_new] = known.try_emplace(one.layer, chart_.nodes.size());
      if (is_new) {
        chart_.nodes.push_back({.name = one.layer,
                                .lane = lanes_.number_of(one.machine),
                                .kind = precisions_.number_of(one.precision)});
      }
      nodes_[one.op] = at->second;
    }
  }

  [[nodiscard]] std::optional<std::size_t> node_of(graph::OpId op) const {
    const auto at = nodes_.find(graph_.op(op).name);
    return at == nodes_.end() ? std::nullopt : std::optional(at->second);
  }

  [[nodiscard]] std::optional<std::size_t> lane_of_reader(const graph::TensorInfo& tensor) const {
    for (const auto reader : tensor.consumers) {
      if (const auto node = node_of(reader)) {
        return chart_.nodes[*node].lane;
      }
    }
    return std::nullopt;
  }

  /// Where an input is sent from, or else read: then all of them are there.
  std::size_t lane_of_inputs() {
    std::optional<std::size_t> read_at;
    for (const auto id : graph_.inputs()) {
      const auto& tensor = graph_.tensor(id);
      for (const auto& cut : plan_.cuts) {
        if (cut.tensor == tensor.name) {
          return lanes_.number_of(cut.from);
        }
      }
      read_at = read_at ? read_at : lane_of_reader(tensor);
    }
    return read_at.value_or(0);
  }

  /// Where an output is sent that nobody reads, or else made.
  std::size_t lane_of_outputs() {
    std::optional<std::size_t> made_at;
    for (const auto id : graph_.outputs()) {
      const auto& tensor = graph_.tensor(id);
      if (!tensor.producer || !tensor.consumers.empty()) {
        continue;
      }
      for (const auto& cut : plan_.cuts) {
        if (cut.tensor == tensor.name) {
          return lanes_.number_of(cut.to);
        }
      }
      if (const auto maker = node_of(*tensor.producer); maker && !made_at) {
        made_at = chart_.nodes[*maker].lane;
      }
    }
    return made_at.value_or(0);
  }

  /// Inputs that some layer reads.
  [[nodiscard]] std::vector<std::string> fed() const {
    std::vector<std::string> names;
    for (const auto id : graph_.inputs()) {
      const auto& tensor = graph_.tensor(id);
      if (tensor.kind == graph::TensorKind::kInput && lane_of_reader(tensor)) {
        names.push_back(tensor.name);
      }
    }
    return names;
  }
  [[nodiscard]] std::vector<std::string> wanted() const {
    std::vector<std::string> names;
    for (const auto id : graph_.outputs()) {
      names.push_back(graph_.tensor(id).name);
    }
    return names;
  }

  /// One node for all inputs or outputs of the model; none if there are none.
  std::optional<std::size_t> add_end(const std::string& what, const std::vector<std::string>& names,
                                     std::size_t lane) {
    if (names.empty()) {
      return std::nullopt;
    }
    const auto name = names.size() == 1 ? what : fmt::format("{} {}s", names.size(), what);
    chart_.nodes.push_back({.name = name,
                            .lane = lane,
                            .tooltip = fmt::format("{} {}", what, fmt::join(names, ", ")),
                            .is_end = true});
    return chart_.nodes.size() - 1;
  }

  void connect(const graph::TensorInfo& tensor, std::size_t from, std::optional<std::size_t> to) {
    if (!to || from == *to) {
      return;
    }
    const auto cut = cuts_.find({tensor.name, lanes_.all()[chart_.nodes[*to].lane]});
    const bool sent = cut != cuts_.end() && chart_.nodes[from].lane != chart_.nodes[*to].lane;
    // Between the same layers every value that is sent counts, others are one line.
    if (!drawn_.insert({from, *to, sent ? tensor.name : ""}).second) {
      return;
    }
    PlanEdge edge{.from = from, .to = *to, .cut = sent};
    if (sent) {
      for (const auto* one : cut->second) {
        edge.bytes += static_cast<double>(one->bytes);
        edge.us += one->us;
        edge.label += (edge.label.empty() ? "" : " and ") + one->wire_dtype;
      }
      edge.label += fmt::format(" {}, {}", bytes(edge.bytes), duration(edge.us));
    }
    chart_.edges.push_back(std::move(edge));
  }

  const Plan& plan_;
  const graph::Graph& graph_;
  PlanGraph chart_;
  PlanNames lanes_;
  PlanNames precisions_;
  std::map<std::string, std::size_t> nodes_;  ///< by operator
  /// By tensor and machine; more than one where its readers want it in several forms.
  std::map<std::pair<std::string, std::string>, std::vector<const placement::CutEdge*>> cuts_;
  std::set<std::tuple<std::size_t, std::size_t, std::string>> drawn_;
};

}  // namespace

PlanGraph graph_picture(const Plan& plan, const graph::Graph& graph, const std::string& model) {
  return GraphPicture(plan, graph).make(model);
}

}  // namespace tessera::report
