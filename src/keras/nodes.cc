// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "keras/nodes.h"

#include <utility>

namespace tessera::keras {
namespace {

constexpr const char* kInput = "__input__";

/// ["name", node, tensor] with or without named arguments.
std::optional<NamedRef> listed_ref(const Json& json) {
  if (!json.is_array() || json.size() < 3 || json.size() > 4 || !json[0].is_string()) {
    return std::nullopt;
  }
  const auto node = whole_number(json[1]);
  const auto output = whole_number(json[2]);
  if (!node || !output || *node < 0 || *output < 0) {
    return std::nullopt;
  }
  return NamedRef{json[0].get<std::string>(), *node, *output};
}

/// {"class_name": "__keras_tensor__", "config": {"keras_history": [...]}}
std::optional<NamedRef> keras_tensor(const Json& json) {
  if (!json.is_object() || json.value("class_name", Json()) != "__keras_tensor__") {
    return std::nullopt;
  }
  const auto config = json.find("config");
  if (config == json.end() || !config->is_object()) {
    return std::nullopt;
  }
  const auto history = config->find("keras_history");
  return history == config->end() ? std::nullopt : listed_ref(*history);
}

Json take_ref(NamedCall& call, NamedRef ref) {
  call.inputs.push_back(std::move(ref));
  return {{kInput, call.inputs.size() - 1}};
}

bool holds_constants(const Json& json) {
  if (json.is_array()) {
    for (const auto& item : json) {
      if (holds_constants(item)) {
        return true;
      }
    }
    return false;
  }
  return !json.is_object() || !json.contains(kInput);
}

using Finder = std::optional<NamedRef> (*)(const Json& json);

/// A copy in which tensors are places in `call.inputs`.
Json replaced(const Json& json, Finder find, NamedCall& call) {
  if (auto ref = find(json)) {
    return take_ref(call, *std::move(ref));
  }
  if (!json.is_array() && !json.is_object()) {
    return json;
  }
  auto copy = json;
  for (auto& item : copy) {
    item = replaced(item, find, call);
  }
  return copy;
}

void add_named(const Json& named, Finder find, NamedCall& call) {
  for (const auto& [key, value] : named.items()) {
    if (!value.is_null()) {
      call.arguments[key] = replaced(value, find, call);
    }
  }
}

void keep_constants(Json positional, NamedCall& call) {
  if (holds_constants(positional)) {
    call.arguments["*args"] = std::move(positional);
  }
}

/// An entry of the old form: a tensor, or ["_CONSTANT_VALUE", -1, value, named arguments].
Result<Json> old_entry(const Json& entry, NamedCall& call, const std::string& where) {
  if (entry.is_array() && entry.size() >= 3 && entry[0] == "_CONSTANT_VALUE") {
    return entry[2];
  }
  auto ref = listed_ref(entry);
  if (!ref) {
    return malformed(where, "an inbound node is no [layer, call, tensor]");
  }
  return take_ref(call, *std::move(ref));
}

Result<NamedCall> old_node(const Json& node, const std::string& where) {
  // One tensor may stand without a list around it.
  const bool single = !node.empty() && node[0].is_string();
  const auto entries = single ? Json::array({node}) : node;
  NamedCall call;
  auto positional = Json::array();
  for (const auto& entry : entries) {
    TESSERA_TRY(auto value, old_entry(entry, call, where));
    positional.push_back(std::move(value));
  }
  keep_constants(std::move(positional), call);
  // All entries carry the named arguments of the one call.
  if (!entries.empty() && entries[0].size() == 4) {
    const auto& named = entries[0][3];
    if (!named.is_object() && !named.is_null()) {
      return malformed(where, "the named arguments of a call are no object");
    }
    add_named(named.is_null() ? Json::object() : named, listed_ref, call);
  }
  return call;
}

Result<NamedCall> new_node(const Json& node, const std::string& where) {
  const auto args = node.find("args");
  const auto kwargs = node.find("kwargs");
  if (args == node.end() || !args->is_array()) {
    return malformed(where, "an inbound node has no list of arguments");
  }
  NamedCall call;
  keep_constants(replaced(*args, keras_tensor, call), call);
  if (kwargs == node.end() || kwargs->is_null()) {
    return call;
  }
  if (!kwargs->is_object()) {
    return malformed(where, "the named arguments of a call are no object");
  }
  add_named(*kwargs, keras_tensor, call);
  return call;
}

Status collect(const Json& json, std::vector<NamedRef>& refs, const std::string& where) {
  if (auto ref = listed_ref(json)) {
    refs.push_back(*std::move(ref));
    return {};
  }
  if (!json.is_array() && !json.is_object()) {
    return malformed(where, "an input or output is no [layer, call, tensor]");
  }
  for (const auto& item : json) {
    TESSERA_CHECK(collect(item, refs, where));
  }
  return {};
}

}  // namespace

Failure malformed(const std::string& where, std::string_view reason) {
  return fail(ErrorCode::kDataLoss, "{}: {}", where, reason)
      .hint("the configuration is damaged or was edited by hand; save the model again");
}

Result<NamedCall> parse_node(const Json& node, const std::string& where) {
  if (node.is_object() && node.contains("args")) {
    return new_node(node, where);
  }
  if (node.is_array()) {
    return old_node(node, where);
  }
  if (node.is_object()) {
    return fail(ErrorCode::kUnimplemented, "{}: a call with an object of tensors is not supported",
                where)
        .hint("call the layer with a tensor or a list of tensors");
  }
  return malformed(where, "an inbound node is no list");
}

Result<std::vector<NamedRef>> parse_refs(const Json& refs, const std::string& where) {
  std::vector<NamedRef> all;
  TESSERA_CHECK(collect(refs, all, where));
  if (all.empty()) {
    return malformed(where, "the network has no inputs or no outputs");
  }
  return all;
}

}  // namespace tessera::keras
