// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "onnx/rewrite.h"

namespace tessera::onnx {
namespace {

using RenameInner = std::function<std::string(const std::string&)>;

void rename(std::string& value, const Names& names) {
  if (const auto found = names.find(value); found != names.end()) {
    value = found->second;
  }
}

/// The names as they are seen within a body.
Names names_within(const proto::GraphProto& body, const Names& outer,
                   const RenameInner& rename_inner) {
  auto names = outer;
  const auto define = [&](const std::string& name) {
    if (name.empty()) {
      return;
    }
    names.erase(name);
    if (rename_inner) {
      names.emplace(name, rename_inner(name));
    }
  };
  for (const auto& input : body.input()) {
    define(input.name());
  }
  for (const auto& tensor : body.initializer()) {
    define(tensor.name());
  }
  for (const auto& tensor : body.sparse_initializer()) {
    define(tensor.values().name());
  }
  for (const auto& node : body.node()) {
    for (const auto& output : node.output()) {
      define(output);
    }
  }
  return names;
}

void rename_body(proto::GraphProto& body, const Names& outer, const RenameInner& rename_inner) {
  const auto names = names_within(body, outer, rename_inner);
  for (auto* list : {body.mutable_input(), body.mutable_output(), body.mutable_value_info()}) {
    for (auto& info : *list) {
      rename(*info.mutable_name(), names);
    }
  }
  for (auto& tensor : *body.mutable_initializer()) {
    rename(*tensor.mutable_name(), names);
  }
  for (auto& tensor : *body.mutable_sparse_initializer()) {
    rename(*tensor.mutable_values()->mutable_name(), names);
  }
  for (auto& node : *body.mutable_node()) {
    rename_values(node, names, rename_inner);
  }
}

}  // namespace

void rename_values(proto::NodeProto& node, const Names& names, const RenameInner& rename_inner) {
  for (auto& input : *node.mutable_input()) {
    rename(input, names);
  }
  for (auto& output : *node.mutable_output()) {
    rename(output, names);
  }
  for (auto& attribute : *node.mutable_attribute()) {
    if (attribute.has_g()) {
      rename_body(*attribute.mutable_g(), names, rename_inner);
    }
    for (auto& body : *attribute.mutable_graphs()) {
      rename_body(body, names, rename_inner);
    }
  }
}

}  // namespace tessera::onnx
