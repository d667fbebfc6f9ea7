// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <utility>

#include "onnx/upgrade_rules.h"

namespace tessera::onnx {
namespace {

/// The newest operator set whose changes the rules know.
constexpr std::int64_t kNewestOpset = 25;
/// Stands for all operators in the table of rules.
constexpr std::string_view kAnyOperator = "*";

/// IR version that ONNX released an opset with (docs/Versioning.md).
std::int64_t ir_version_for(std::int64_t opset) {
  constexpr std::pair<std::int64_t, std::int64_t> kFirst[] = {
      {25, 13}, {24, 12}, {23, 11}, {21, 10}, {19, 9}, {15, 8},
      {12, 7},  {11, 6},  {10, 5},  {9, 4},   {1, 3}};
  const auto* const found = std::find_if(std::begin(kFirst), std::end(kFirst),
                                         [&](const auto& entry) { return opset >= entry.first; });
  return found == std::end(kFirst) ? kFirst[10].second : found->second;
}

struct Expansion {
  std::vector<proto::NodeProto> nodes;
  std::size_t subject = 0;  ///< which of them stands for the operator there was
};

class Upgrade {
 public:
  Upgrade(std::int64_t from, std::int64_t to) : from_(from), to_(to) {}

  Result<Expansion> expand(const proto::NodeProto& node, Scope& scope) const {
    Expansion result{{node}, 0};
    if (!canonical_domain(node.domain()).empty()) {
      TESSERA_CHECK(upgrade_bodies(result.nodes[0], scope));
      return result;
    }
    for (auto version = from_ + 1; version <= to_; ++version) {
      TESSERA_TRY(result, step(std::move(result), version, scope));
    }
    for (auto& made : result.nodes) {
      TESSERA_CHECK(upgrade_bodies(made, scope));
    }
    return result;
  }

 private:
  static Result<Expansion> step(Expansion before, std::int64_t version, Scope& scope) {
    Expansion after;
    for (std::size_t i = 0; i < before.nodes.size(); ++i) {
      auto& node = before.nodes[i];
      const auto* const entry = find_rule(node.op_type(), version);
      if (entry == nullptr) {
        after.subject = i == before.subject ? after.nodes.size() : after.subject;
        after.nodes.push_back(std::move(node));
        continue;
      }
      if (node.input_size() < entry->inputs || (entry->inputs > 0 && node.output_size() == 0)) {
        return fail(ErrorCode::kDataLoss, "operator {} has too few inputs or outputs",
                    describe(node));
      }
      Rewrite rewrite(scope, std::move(node));
      TESSERA_CHECK(entry->rule(rewrite));
      after.subject = i == before.subject ? after.nodes.size() + rewrite.position() : after.subject;
      auto made = rewrite.take();
      std::move(made.begin(), made.end(), std::back_inserter(after.nodes));
    }
    return after;
  }

  Status upgrade_bodies(proto::NodeProto& node, const Scope& outer) const {
    for (auto& attribute : *node.mutable_attribute()) {
      if (attribute.has_g()) {
        TESSERA_CHECK(upgrade_body(*attribute.mutable_g(), outer));
      }
      for (auto& graph : *attribute.mutable_graphs()) {
        TESSERA_CHECK(upgrade_body(graph, outer));
      }
    }
    return {};
  }

  Status upgrade_body(proto::GraphProto& graph, const Scope& outer) const {
    const proto::GraphProto original = graph;
    auto scope = outer.body(original);
    graph.clear_node();
    for (const auto& node : original.node()) {
      TESSERA_TRY(auto expansion, expand(node, scope));
      for (auto& made : expansion.nodes) {
        *graph.add_node() = std::move(made);
      }
    }
    return {};
  }

  std::int64_t from_;
  std::int64_t to_;
};

/// Puts an expansion in the place of the operator, whose handle goes on standing for its subject.
void install(Model::State& state, NodeId id, Expansion expansion) {
  state.unindex_node(id);
  *state.nodes[id.value].proto = std::move(expansion.nodes[expansion.subject]);
  state.index_node(id);
  const auto insert = [&](std::size_t index, std::uint32_t before) {
    state.insert(std::make_unique<proto::NodeProto>(std::move(expansion.nodes[index])), before);
  };
  const auto next = state.nodes[id.value].next;
  for (std::size_t i = 0; i < expansion.subject; ++i) {
    insert(i, id.value);
  }
  for (std::size_t i = expansion.subject + 1; i < expansion.nodes.size(); ++i) {
    insert(i, next);
  }
}

/// Functions of the model import operator sets of their own, which have to mean the same.
Status upgrade_functions(Model::State& state, std::int64_t from, std::int64_t target) {
  for (auto& function : *state.shell.mutable_functions()) {
    for (auto& import : *function.mutable_opset_import()) {
      if (!canonical_domain(import.domain()).empty() || import.version() >= target) {
        continue;
      }
      for (const auto& node : function.node()) {
        for (auto version = std::min(from, std::int64_t{import.version()}) + 1;
             version <= target && canonical_domain(node.domain()).empty(); ++version) {
          if (find_rule(node.op_type(), version) != nullptr || has_body(node)) {
            return fail(ErrorCode::kUnimplemented,
                        "operator {} of function '{}' means something else in opset {}",
                        describe(node), function.name(), target)
                .hint("inline the functions of the model, or export it with opset {}", target);
          }
        }
      }
      import.set_version(target);
    }
  }
  return {};
}

}  // namespace

const RuleEntry* find_rule(std::string_view op_type, std::int64_t version) {
  using Table = std::map<std::pair<std::string_view, std::int64_t>, const RuleEntry*>;
  static const Table kTable = [] {
    Table table;
    for (const auto* rules : {&legacy_rules(), &modern_rules()}) {
      for (const auto& entry : *rules) {
        table.emplace(std::pair(entry.op_type, entry.version), &entry);
      }
    }
    return table;
  }();
  auto found = kTable.find({op_type, version});
  if (found == kTable.end()) {
    found = kTable.find({kAnyOperator, version});
  }
  return found == kTable.end() ? nullptr : found->second;
}

Status upgrade_opset(Model& model, std::int64_t target) {
  const auto from = model.opset();
  if (!from || *from >= target) {
    return {};
  }
  if (target > kNewestOpset) {
    return fail(ErrorCode::kUnimplemented, "opset {} is not known; {} is the newest that is",
                target, kNewestOpset);
  }
  // Rules add constants as they go, so they work on a copy: a failure leaves the model alone.
  auto upgraded = model.clone();
  auto& state = *upgraded.state_;
  Scope::Shared shared;
  Scope scope(upgraded);
  scope.share(shared);
  const Upgrade upgrade(*from, target);
  for (const auto id : upgraded.nodes()) {
    TESSERA_TRY(auto expansion, upgrade.expand(state.node(id), scope));
    install(state, id, std::move(expansion));
  }
  TESSERA_CHECK(upgrade_functions(state, *from, target));
  for (const auto& constant : shared.constants) {
    if (upgraded.consumers(constant).empty() && !upgraded.used_by_body(constant)) {
      upgraded.remove_initializer(constant);
    }
  }
  upgraded.set_opset("", target);
  upgraded.set_ir_version(std::max(upgraded.ir_version(), ir_version_for(target)));
  model = std::move(upgraded);
  return {};
}

}  // namespace tessera::onnx
