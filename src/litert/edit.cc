// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <utility>

#include "tessera/litert/content.h"

namespace tessera::litert {
namespace {

/// What exporters say about the values of a whole network, and the files that this names.
constexpr std::string_view kAboutValues = "TFLITE_METADATA";
constexpr std::string_view kUsualKey = "serving_default";

auto find_metadata(auto& content, std::string_view name) {
  return std::find_if(content.metadata.begin(), content.metadata.end(),
                      [&](const Metadata& entry) { return entry.name == name; });
}

std::vector<SignatureValue> named(const Subgraph& subgraph, const std::vector<std::int32_t>& list) {
  std::vector<SignatureValue> values;
  for (const auto tensor : list) {
    values.push_back({subgraph.tensors[static_cast<std::size_t>(tensor)].name,
                      static_cast<std::uint32_t>(tensor)});
  }
  return values;
}

/// What handles of the same variable or table have alike.
std::optional<std::string> handle_name(const Content& content, const Operator& op) {
  switch (content.code(op).code) {
    case Builtin::kVarHandle:
      return (op.options.text(0).empty() ? "" : op.options.text(0) + "/") + op.options.text(1);
    case Builtin::kHashtable:
      return "table " + std::to_string(op.options.int_or(0, 0));
    default:
      return std::nullopt;
  }
}

/// What operators of the first subgraph keep from run to run, in which tensor or by which name.
class States {
 public:
  explicit States(const Content& content)
      : content_(content), names_(value_names(content.subgraphs.front())) {}

  void add(const Operator& op) {
    for (const auto input : op.inputs) {
      if (input >= 0 &&
          content_.subgraphs.front().tensors[static_cast<std::size_t>(input)].is_variable) {
        all_.insert(names_[static_cast<std::size_t>(input)]);
      }
    }
    add_handle(op);
    for (const auto body : called_subgraphs(content_, {&op, 1})) {
      for (const auto& inner : content_.subgraphs[body].operators) {
        add_handle(inner);
      }
    }
  }
  [[nodiscard]] const std::set<std::string>& all() const { return all_; }

 private:
  void add_handle(const Operator& op) {
    if (auto name = handle_name(content_, op)) {
      all_.insert(*std::move(name));
    }
  }

  const Content& content_;
  std::vector<std::string> names_;
  std::set<std::string> all_;
};

}  // namespace

std::optional<std::string> metadata_of(const Content& content, std::string_view name) {
  const auto found = find_metadata(content, name);
  if (found == content.metadata.end()) {
    return std::nullopt;
  }
  const auto bytes = content.buffers[found->buffer].bytes();
  std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  text.erase(text.find_last_not_of('\0') + 1);
  return text;
}

void set_metadata(Content& content, std::string_view name, std::string_view value) {
  std::vector<std::byte> bytes(value.size());
  std::transform(value.begin(), value.end(), bytes.begin(),
                 [](char c) { return static_cast<std::byte>(c); });
  // Not in place: others may share the buffer.
  const auto buffer = content.add_buffer(Data(std::move(bytes)));
  if (const auto found = find_metadata(content, name); found != content.metadata.end()) {
    found->buffer = buffer;
  } else {
    content.metadata.push_back({std::string(name), buffer});
  }
}

Content part_of(const Content& content, const std::set<std::uint32_t>& operators,
                std::span<const std::int32_t> inputs, std::span<const std::int32_t> outputs) {
  auto part = content;
  auto& subgraph = part.subgraphs.front();
  const auto names = value_names(subgraph);
  for (std::size_t i = 0; i < names.size(); ++i) {
    subgraph.tensors[i].name = names[i];
  }
  std::erase_if(subgraph.operators, [&](const Operator& op) { return !operators.contains(op.id); });
  subgraph.inputs.assign(inputs.begin(), inputs.end());
  subgraph.outputs.assign(outputs.begin(), outputs.end());
  const bool had_signatures = !part.signatures.empty();
  part.signatures.clear();
  if (had_signatures) {
    part.signatures.push_back({.key = std::string(kUsualKey),
                               .inputs = named(subgraph, subgraph.inputs),
                               .outputs = named(subgraph, subgraph.outputs)});
  }
  remove_uncalled(part);
  std::erase_if(part.metadata, [](const Metadata& entry) { return entry.name == kAboutValues; });
  part.archive = {};
  remove_unused(part);
  return part;
}

std::optional<std::string> shared_state(const Content& content,
                                        const std::set<std::uint32_t>& operators) {
  States inside(content);
  States outside(content);
  for (const auto& op : content.subgraphs.front().operators) {
    (operators.contains(op.id) ? inside : outside).add(op);
  }
  const auto& others = outside.all();
  const auto found = std::find_if(inside.all().begin(), inside.all().end(),
                                  [&](const std::string& name) { return others.contains(name); });
  return found == inside.all().end() ? std::nullopt : std::optional(*found);
}

void expose(Content& content, std::int32_t tensor) {
  auto& subgraph = content.subgraphs.front();
  auto& outputs = subgraph.outputs;
  if (std::find(outputs.begin(), outputs.end(), tensor) != outputs.end()) {
    return;
  }
  outputs.push_back(tensor);
  const auto place = static_cast<std::size_t>(tensor);
  for (auto& signature : content.signatures) {
    if (signature.subgraph == 0) {
      signature.outputs.push_back(
          {value_names(subgraph)[place], static_cast<std::uint32_t>(tensor)});
    }
  }
}

}  // namespace tessera::litert
