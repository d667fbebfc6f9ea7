// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/quantize/recipe.h"
#include "tessera/quantize/assignment.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "quantize/static_rules.h"
#include "tessera/core/names.h"
#include "tessera/core/pattern.h"

namespace tessera::quantize {
namespace {

constexpr std::string_view kEverything = "re:.*";

using OpSet = std::set<graph::OpId>;

OpSet ops_where(const graph::Graph& graph, const std::function<bool(const graph::Op&)>& wanted) {
  OpSet found;
  const auto ops = graph.ops();
  for (std::size_t i = 0; i < ops.size(); ++i) {
    if (wanted(ops[i])) {
      found.insert(graph::OpId{static_cast<std::uint32_t>(i)});
    }
  }
  return found;
}

Result<OpSet> select_regex(const graph::Graph& graph, std::string_view text) {
  TESSERA_TRY(const auto pattern, NamePattern::compile(text));
  return ops_where(graph, [&](const graph::Op& op) { return pattern.matches(op.name); });
}

Result<graph::TensorId> tensor_named(const graph::Graph& graph, std::string_view name) {
  if (const auto tensor = graph.find_tensor(name)) {
    return *tensor;
  }
  std::vector<std::string> names;
  for (const auto& tensor : graph.tensors()) {
    names.push_back(tensor.name);
  }
  return fail(ErrorCode::kInvalidArgument, "the model has no tensor '{}'", name)
      .hint("nearest names: {}", fmt::join(nearest_names(name, names), ", "));
}

/// Operators that depend on `from` (all if absent). Operators are in topological order, so one
/// sweep suffices.
std::vector<bool> reached_from(const graph::Graph& graph, std::optional<graph::TensorId> from) {
  std::vector<bool> reached(graph.ops().size(), !from.has_value());
  if (!from) {
    return reached;
  }
  std::vector<bool> live(graph.tensors().size(), false);
  live[from->value] = true;
  for (std::size_t i = 0; i < reached.size(); ++i) {
    const auto& op = graph.ops()[i];
    reached[i] = std::any_of(op.inputs.begin(), op.inputs.end(),
                             [&](const auto& input) { return input && live[input->value]; });
    for (const auto& output : op.outputs) {
      if (output && reached[i]) {
        live[output->value] = true;
      }
    }
  }
  return reached;
}

/// Operators on which `to` depends (all if absent).
std::vector<bool> needed_by(const graph::Graph& graph, std::optional<graph::TensorId> to) {
  std::vector<bool> needed(graph.ops().size(), !to.has_value());
  if (!to) {
    return needed;
  }
  std::vector<bool> live(graph.tensors().size(), false);
  live[to->value] = true;
  for (std::size_t i = needed.size(); i-- > 0;) {
    const auto& op = graph.ops()[i];
    needed[i] = std::any_of(op.outputs.begin(), op.outputs.end(),
                            [&](const auto& output) { return output && live[output->value]; });
    for (const auto& input : op.inputs) {
      if (input && needed[i]) {
        live[input->value] = true;
      }
    }
  }
  return needed;
}

Result<OpSet> select_path(const graph::Graph& graph, std::string_view text) {
  auto dots = text.find("..");
  if (dots == std::string_view::npos) {
    return fail(ErrorCode::kInvalidArgument, "path '{}' has no '..'", text)
        .hint("write path:FROM..TO with names of tensors; either may be empty");
  }
  // Names may hold dots themselves: prefer a split whose halves both exist.
  const auto exists = [&](std::string_view name) {
    return name.empty() || graph.find_tensor(name).has_value();
  };
  for (auto at = dots; at != std::string_view::npos; at = text.find("..", at + 1)) {
    if (exists(text.substr(0, at)) && exists(text.substr(at + 2))) {
      dots = at;
      break;
    }
  }
  std::optional<graph::TensorId> from;
  std::optional<graph::TensorId> to;
  if (const auto name = text.substr(0, dots); !name.empty()) {
    TESSERA_TRY(from, tensor_named(graph, name));
  }
  if (const auto name = text.substr(dots + 2); !name.empty()) {
    TESSERA_TRY(to, tensor_named(graph, name));
  }
  const auto reached = reached_from(graph, from);
  const auto needed = needed_by(graph, to);
  OpSet found;
  for (std::uint32_t i = 0; i < reached.size(); ++i) {
    if (reached[i] && needed[i]) {
      found.insert(graph::OpId{i});
    }
  }
  return found;
}

Result<std::vector<std::string>> strings_of(const Json& json, std::string_view what) {
  std::vector<std::string> texts;
  if (json.is_string()) {
    texts.push_back(json.get<std::string>());
    return texts;
  }
  if (!json.is_array() || json.empty()) {
    return fail(ErrorCode::kInvalidArgument, "'{}' is neither a string nor a list of strings",
                what);
  }
  for (const auto& item : json) {
    if (!item.is_string()) {
      return fail(ErrorCode::kInvalidArgument, "'{}' holds something that is not a string", what);
    }
    texts.push_back(item.get<std::string>());
  }
  return texts;
}

Result<Rule> rule_from_json(const Json& json, const Scheme& base, std::size_t index) {
  constexpr std::array<std::string_view, 3> kKeys = {"match", "types", "scheme"};
  const auto what = fmt::format("rule {} of the recipe", index);
  if (!json.is_object()) {
    return fail(ErrorCode::kInvalidArgument, "{} is not an object", what)
        .hint("write {{\"match\": \"type:Conv\", \"scheme\": \"float32\"}}");
  }
  for (const auto& [key, value] : json.items()) {
    TESSERA_CHECK(check_key(key, kKeys, what));
  }
  if (!json.contains("match") || !json.contains("scheme")) {
    return fail(ErrorCode::kInvalidArgument, "{} lacks '{}'", what,
                json.contains("match") ? "scheme" : "match")
        .hint("write {{\"match\": \"type:Conv\", \"scheme\": \"float32\"}}");
  }
  Rule rule;
  TESSERA_TRY(rule.match, strings_of(json["match"], "match"));
  if (json.contains("types")) {
    TESSERA_TRY(rule.types, strings_of(json["types"], "types"));
  }
  TESSERA_TRY(rule.scheme, scheme_from_json(json["scheme"], base).map_error(in_file(what)));
  return rule;
}

Result<OpSet> select_rule(const Rule& rule, const graph::Graph& graph, Monitor& monitor) {
  OpSet selected;
  for (const auto& pattern : rule.match) {
    TESSERA_TRY(const auto found, select(graph, pattern));
    if (found.empty() && pattern != kEverything) {
      monitor.warn({"pattern-matches-nothing",
                    fmt::format("pattern '{}' matches no operator", pattern),
                    "`tessera inspect` lists the operators' names and types"});
    }
    selected.insert(found.begin(), found.end());
  }
  if (rule.types.empty()) {
    return selected;
  }
  std::erase_if(selected, [&](graph::OpId id) {
    const auto& type = graph.op(id).type;
    return std::find(rule.types.begin(), rule.types.end(), type) == rule.types.end();
  });
  return selected;
}

Rule default_rule(const Scheme& scheme, const TypesOf& types) {
  return {{std::string(kEverything)}, types(scheme), scheme};
}

}  // namespace

Result<OpSet> select(const graph::Graph& graph, std::string_view pattern) {
  if (pattern == kEverything) {
    return ops_where(graph, [](const graph::Op&) { return true; });
  }
  if (pattern.starts_with("re:")) {
    return select_regex(graph, pattern.substr(3));
  }
  if (pattern.starts_with("type:")) {
    const auto type = pattern.substr(5);
    return ops_where(graph, [&](const graph::Op& op) { return op.type == type; });
  }
  if (pattern.starts_with("path:")) {
    return select_path(graph, pattern.substr(5));
  }
  return ops_where(graph, [&](const graph::Op& op) { return op.name == pattern; });
}

std::vector<std::string> quantizable_types(const Scheme& scheme) {
  switch (scheme.mode) {
    case Mode::kStatic:
      return types_with_rules(scheme.format);
    case Mode::kDynamic:
      return {"Attention", "Conv", "Gather", "Gemm", "If", "LSTM", "Loop", "MatMul", "Scan"};
    case Mode::kWeightOnly:
      return {"Gemm", "If", "Loop", "MatMul", "Scan"};
    case Mode::kFloat16:
    case Mode::kFloat32:
      break;
  }
  return {};
}

Result<Recipe> recipe_from_json(const Json& json, const Scheme& base, const TypesOf& types) {
  constexpr std::array<std::string_view, 3> kKeys = {"schema", "default", "rules"};
  if (!json.is_object()) {
    return fail(ErrorCode::kInvalidArgument, "a recipe is not a JSON object")
        .hint("write {{\"default\": {{}}, \"rules\": []}}");
  }
  for (const auto& [key, value] : json.items()) {
    TESSERA_CHECK(check_key(key, kKeys, "the recipe"));
  }
  Recipe recipe;
  auto inherited = base;
  if (json.contains("default")) {
    TESSERA_TRY(inherited, scheme_from_json(json["default"], base).map_error(in_file("default")));
    recipe.rules.push_back(default_rule(inherited, types));
  }
  if (!json.contains("rules")) {
    return recipe;
  }
  if (!json["rules"].is_array()) {
    return fail(ErrorCode::kInvalidArgument, "'rules' of the recipe is not a list");
  }
  // A rule says what differs; a default of float32 must not make every rule float32.
  if (inherited.mode == Mode::kFloat32) {
    inherited = base;
  }
  for (const auto& item : json["rules"]) {
    TESSERA_TRY(auto rule, rule_from_json(item, inherited, recipe.rules.size()));
    recipe.rules.push_back(std::move(rule));
  }
  return recipe;
}

Result<Recipe> read_recipe(const std::filesystem::path& path, const Scheme& base,
                           const TypesOf& types) {
  TESSERA_TRY(const auto json, read_json(path));
  return recipe_from_json(json, base, types).map_error(in_file(path.string()));
}

Json to_json(const Recipe& recipe) {
  auto rules = Json::array();
  for (const auto& rule : recipe.rules) {
    Json json{{"match", rule.match}};
    if (!rule.types.empty()) {
      json["types"] = rule.types;
    }
    json["scheme"] = to_json(rule.scheme);
    rules.push_back(std::move(json));
  }
  return Json{{"rules", std::move(rules)}};
}

Recipe uniform_recipe(const Scheme& scheme, const Selection& selection, const TypesOf& types) {
  auto rule = default_rule(scheme, types);
  if (!selection.include.empty()) {
    rule.match = selection.include;
  }
  if (!selection.op_types.empty()) {
    rule.types = selection.op_types;
  }
  Recipe recipe{{std::move(rule)}};
  if (!selection.exclude.empty()) {
    auto excluded = float32_scheme();
    excluded.exact_inputs = true;
    recipe.rules.push_back({selection.exclude, {}, excluded});
  }
  return recipe;
}

Result<Assignment> resolve(const Recipe& recipe, const graph::Graph& graph, Monitor& monitor) {
  Assignment assignment(graph.ops().size());
  for (const auto& rule : recipe.rules) {
    TESSERA_TRY(const auto selected, select_rule(rule, graph, monitor));
    for (const auto id : selected) {
      assignment[id] = rule.scheme;
    }
  }
  return assignment;
}

}  // namespace tessera::quantize
