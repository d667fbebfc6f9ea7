// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "profile/attribution.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <set>

namespace tessera::profile {
namespace {

using graph::OpId;

constexpr std::string_view kTag = "tsr";
constexpr char kTagEnd = '.';

/// "conv1_nchwc", "x_token_12" -> "conv1", "x": what the runtime hangs on names it derives.
std::vector<std::string_view> stems(std::string_view name) {
  std::vector<std::string_view> found{name};
  for (bool cut = true; cut;) {
    cut = false;
    if (const auto token = name.rfind("_token_"); token != std::string_view::npos) {
      const auto digits = name.substr(token + 7);
      if (!digits.empty() &&
          std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; })) {
        name = name.substr(0, token);
        cut = true;
      }
    }
    if (name.ends_with("_nchwc")) {
      name.remove_suffix(6);
      cut = true;
    }
    if (cut) {
      found.push_back(name);
    }
  }
  return found;
}

struct Node {
  std::string name;
  std::string op_type;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
};

std::vector<std::string> names_of(const graph::Graph& graph,
                                  const std::vector<std::optional<graph::TensorId>>& values) {
  std::vector<std::string> names;
  for (const auto& value : values) {
    names.push_back(value ? graph.tensor(*value).name : "");
  }
  return names;
}

std::vector<Node> nodes_of(const graph::Graph& graph) {
  std::vector<Node> nodes;
  for (const auto& op : graph.ops()) {
    nodes.push_back({op.name, op.type, names_of(graph, op.inputs), names_of(graph, op.outputs)});
  }
  return nodes;
}

class Resolver {
 public:
  Resolver(const graph::Graph& view, const Units& units, std::vector<Node> nodes)
      : view_(view), units_(units), nodes_(std::move(nodes)), sites_(nodes_.size()) {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      for (const auto& output : nodes_[i].outputs) {
        if (!output.empty()) {
          maker_.emplace(output, i);
        }
      }
    }
  }

  std::map<std::string, Site, std::less<>> resolve() {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      sites_[i] = by_name(nodes_[i]);
    }
    // The order is topological: makers come before readers.
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (!sites_[i]) {
        sites_[i] = by_makers(nodes_[i]);
      }
    }
    std::map<std::string, Site, std::less<>> sites;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      sites.emplace(nodes_[i].name, *sites_[i]);
    }
    return sites;
  }

 private:
  [[nodiscard]] std::optional<Site> by_name(const Node& node) const {
    const auto tagged = tagged_operators(node.name);
    if (!tagged.empty()) {
      return site_of(tagged);
    }
    if (is_conversion_kernel(node.op_type)) {
      return std::nullopt;
    }
    for (const auto stem : stems(node.name)) {
      if (const auto tensor = view_.find_tensor(stem); tensor && view_.tensor(*tensor).producer) {
        return site_of({*view_.tensor(*tensor).producer});
      }
    }
    return by_outputs(node);
  }

  [[nodiscard]] std::optional<Site> by_outputs(const Node& node) const {
    for (const auto& output : node.outputs) {
      if (const auto tensor = view_.find_tensor(output); tensor && view_.tensor(*tensor).producer) {
        return site_of({*view_.tensor(*tensor).producer});
      }
    }
    return std::nullopt;
  }

  [[nodiscard]] std::optional<Site> site_of(const std::vector<OpId>& ops) const {
    std::set<std::size_t> units;
    for (const auto op : ops) {
      if (op.value < units_.of_op.size()) {
        units.insert(units_.of_op[op.value]);
      }
    }
    if (units.empty()) {
      return std::nullopt;
    }
    Site site{Site::Kind::kUnit, *units.rbegin(), {}};
    if (units.size() > 1) {
      site.fused.assign(units.begin(), units.end());
    }
    return site;
  }

  /// A conversion belongs to what it converts; anything else without a name of its own to what
  /// made its inputs.
  [[nodiscard]] Site by_makers(const Node& node) const {
    const auto kind =
        is_conversion_kernel(node.op_type) ? Site::Kind::kConversion : Site::Kind::kUnit;
    for (const auto& input : node.inputs) {
      if (const auto maker = maker_.find(input); maker != maker_.end() && sites_[maker->second]) {
        const auto unit = sites_[maker->second]->unit;
        // What is made of the model's inputs alone belongs to them.
        return {unit == units_.size() ? Site::Kind::kConversion : kind, unit, {}};
      }
    }
    return {Site::Kind::kConversion, units_.size(), {}};
  }

  const graph::Graph& view_;
  const Units& units_;
  std::vector<Node> nodes_;
  std::vector<std::optional<Site>> sites_;
  std::map<std::string, std::size_t, std::less<>> maker_;
};

}  // namespace

Status tag_operators(network::Network& model) {
  TESSERA_TRY(const auto view, model.view());
  std::vector<std::string> names;
  for (std::size_t i = 0; i < view.ops().size(); ++i) {
    names.push_back(fmt::format("{}{}{}", kTag, i, kTagEnd));
  }
  return model.rename_operators(names);
}

std::vector<OpId> tagged_operators(std::string_view kernel) {
  std::vector<OpId> ops;
  for (auto at = kernel.find(kTag); at != std::string_view::npos; at = kernel.find(kTag, at + 1)) {
    const auto digits = kernel.substr(at + kTag.size());
    std::uint32_t index = 0;
    const auto [end, problem] =
        std::from_chars(digits.data(), digits.data() + digits.size(), index);
    if (problem == std::errc() && end != digits.data() + digits.size() && *end == kTagEnd) {
      ops.push_back({index});
    }
  }
  return ops;
}

bool is_conversion_kernel(std::string_view op_type) noexcept {
  constexpr std::array<std::string_view, 7> kTypes = {
      "QuantizeLinear", "DequantizeLinear", "ReorderInput", "ReorderOutput", "Transpose",
      "Cast",           "MemcpyToHost"};
  return std::find(kTypes.begin(), kTypes.end(), op_type) != kTypes.end() ||
         op_type == "MemcpyFromHost";
}

Attribution Attribution::make(const graph::Graph& view, const Units& units,
                              const graph::Graph& optimized) {
  Attribution attribution;
  attribution.sites_ = Resolver(view, units, nodes_of(optimized)).resolve();
  return attribution;
}

Attribution Attribution::of_kernels(const graph::Graph& view, const Units& units,
                                    std::span<const runtime::KernelTime> kernels) {
  std::vector<Node> nodes;
  for (const auto& kernel : kernels) {
    nodes.push_back({kernel.node, kernel.op_type, {}, {}});
  }
  Attribution attribution;
  attribution.sites_ = Resolver(view, units, std::move(nodes)).resolve();
  return attribution;
}

const Site* Attribution::find(std::string_view kernel) const {
  const auto found = sites_.find(kernel);
  return found == sites_.end() ? nullptr : &found->second;
}

}  // namespace tessera::profile
