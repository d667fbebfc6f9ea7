// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>

#include "onnx/rewrite.h"
#include "onnx/simplify_passes.h"
#include "onnx/wire.h"

namespace tessera::onnx {
namespace {

/// Functions that call each other can grow without bound; no real model is near this.
constexpr std::size_t kMostOperators = 1U << 18;
// Fields that are younger than the message descriptions that the build may have.
constexpr std::uint32_t kFunctionAttributeProto = 11;
constexpr std::uint32_t kFunctionOverload = 13;
constexpr std::uint32_t kNodeOverload = 8;

struct FunctionKey {
  std::string domain;
  std::string name;
  std::string overload;
  auto operator<=>(const FunctionKey&) const = default;
};

/// Contents of every field of that number.
std::vector<std::string> fields_of(const google::protobuf::Message& message, std::uint32_t number) {
  const auto text = message.SerializePartialAsString();
  std::vector<std::string> values;
  for (wire::Reader reader(std::as_bytes(std::span(text))); !reader.done();) {
    const auto field = reader.next();
    if (!field) {
      break;
    }
    if (field->number == number && field->type == wire::Type::kLengthDelimited) {
      values.emplace_back(reinterpret_cast<const char*>(field->payload.data()),
                          field->payload.size());
    }
  }
  return values;
}

std::string text_field(const google::protobuf::Message& message, std::uint32_t number) {
  const auto values = fields_of(message, number);
  return values.empty() ? std::string() : values.back();
}

/// A model-local function, and what is known of it.
struct Function {
  const proto::FunctionProto* proto = nullptr;
  std::map<std::string, proto::AttributeProto> defaults;
  std::string refusal;  ///< why its calls stay, in a few words; empty if they do not
  bool is_checked = false;
};

void for_each_node(const proto::GraphProto& graph,
                   const std::function<void(const proto::NodeProto&)>& visit) {
  for (const auto& node : graph.node()) {
    visit(node);
    for_each_body(node, [&](const auto& body) { for_each_node(body, visit); });
  }
}

class FunctionInliner {
 public:
  FunctionInliner(Model& model, Simplification& what)
      : model_(model), state_(StateAccess::of(model)), what_(what) {
    for (const auto& function : state_.shell.functions()) {
      auto& known = functions_[{std::string(canonical_domain(function.domain())), function.name(),
                                text_field(function, kFunctionOverload)}];
      known.proto = &function;
      for (const auto& text : fields_of(function, kFunctionAttributeProto)) {
        proto::AttributeProto attribute;
        if (attribute.ParsePartialFromString(text)) {
          known.defaults.insert_or_assign(attribute.name(), attribute);
        }
      }
      has_overloads_ = has_overloads_ || !text_field(function, kFunctionOverload).empty();
    }
  }

  void run() {
    for (const auto id : state_.order()) {
      if (!calls(state_.node(id))) {
        continue;
      }
      auto nodes = expand(state_.node(id));
      if (nodes.empty()) {
        continue;  // nothing of it can be taken apart
      }
      const auto next = state_.nodes[id.value].next;
      model_.remove_node(id);
      for (auto& node : nodes) {
        state_.insert(std::make_unique<proto::NodeProto>(std::move(node)), next);
      }
    }
    forget_functions();
  }

 private:
  Function* function_of(const proto::NodeProto& node) {
    const auto found =
        functions_.find({std::string(canonical_domain(node.domain())), node.op_type(),
                         has_overloads_ ? text_field(node, kNodeOverload) : ""});
    return found == functions_.end() ? nullptr : &found->second;
  }

  /// The operator is a call, or there is one within its bodies.
  bool calls(const proto::NodeProto& node) {
    bool found = function_of(node) != nullptr;
    for_each_body(node, [&](const auto& body) {
      for_each_node(body,
                    [&](const auto& inner) { found = found || function_of(inner) != nullptr; });
    });
    return found;
  }

  // --- what can be taken apart ------------------------------------------------------------------

  /// Operator sets that the function's operators belong to, other functions' left out.
  std::set<std::string> domains_used(const proto::FunctionProto& function) {
    std::set<std::string> domains;
    const std::function<void(const proto::NodeProto&)> visit = [&](const auto& node) {
      if (function_of(node) == nullptr) {
        domains.emplace(canonical_domain(node.domain()));
      }
    };
    for (const auto& node : function.node()) {
      visit(node);
      for_each_body(node, [&](const auto& body) { for_each_node(body, visit); });
    }
    return domains;
  }

  const std::string& refusal_of(Function& function) {
    if (function.is_checked) {
      return function.refusal;
    }
    function.is_checked = true;
    function.refusal = "it calls itself";  // while it is looked at
    std::string refusal;
    std::map<std::string, std::int64_t> imports;
    for (const auto& import : function.proto->opset_import()) {
      imports.emplace(canonical_domain(import.domain()), import.version());
    }
    for (const auto& domain : domains_used(*function.proto)) {
      const auto wanted = imports.find(domain);
      const auto present = model_.opset(domain);
      if (wanted != imports.end() && present && *present != wanted->second) {
        refusal =
            fmt::format("it is written for version {} of {}, the model for {}", wanted->second,
                        domain.empty() ? "the standard operators" : "'" + domain + "'", *present);
      }
    }
    for (const auto& node : function.proto->node()) {
      if (auto* inner = function_of(node); inner != nullptr && refusal.empty()) {
        refusal = refusal_of(*inner);
      }
      for_each_body(node, [&](const auto& body) {
        for_each_node(body, [&](const auto& deep) {
          if (auto* inner = function_of(deep); inner != nullptr && refusal.empty()) {
            refusal = refusal_of(*inner);
          }
        });
      });
    }
    function.refusal = refusal;
    return function.refusal;
  }

  void refuse(const proto::NodeProto& call, const std::string& why) {
    auto text = fmt::format("the function '{}' is not taken apart: {}", call.op_type(), why);
    if (std::find(what_.kept.begin(), what_.kept.end(), text) == what_.kept.end()) {
      what_.kept.push_back(std::move(text));
    }
  }

  // --- taking apart -----------------------------------------------------------------------------

  /// What stands for the operator; nothing if it stays as it is.
  std::vector<proto::NodeProto> expand(const proto::NodeProto& node) {
    auto* function = function_of(node);
    if (function == nullptr) {
      auto copy = node;
      bool changed = false;
      for (auto& attribute : *copy.mutable_attribute()) {
        if (attribute.has_g()) {
          changed = expand_body(*attribute.mutable_g()) || changed;
        }
        for (auto& body : *attribute.mutable_graphs()) {
          changed = expand_body(body) || changed;
        }
      }
      std::vector<proto::NodeProto> nodes;
      if (changed) {
        nodes.push_back(std::move(copy));
      }
      return nodes;
    }
    if (const auto& why = refusal_of(*function); !why.empty()) {
      refuse(node, why);
      return {};
    }
    if (made_ > kMostOperators) {
      refuse(node, "functions within functions make too many operators");
      return {};
    }
    ++what_.inlined_functions;
    return expand_call(node, *function);
  }

  bool expand_body(proto::GraphProto& body) {
    bool changed = false;
    google::protobuf::RepeatedPtrField<proto::NodeProto> nodes;
    for (const auto& node : body.node()) {
      auto expanded = calls(node) ? expand(node) : std::vector<proto::NodeProto>();
      if (expanded.empty()) {
        *nodes.Add() = node;
        continue;
      }
      changed = true;
      for (auto& part : expanded) {
        *nodes.Add() = std::move(part);
      }
    }
    if (changed) {
      body.mutable_node()->Swap(&nodes);
    }
    return changed;
  }

  std::string prefix_of(const proto::NodeProto& call) {
    const auto& base = call.name().empty() ? call.op_type() : call.name();
    auto prefix = base + "/";
    for (auto suffix = 2; !taken_.insert(prefix).second; ++suffix) {
      prefix = fmt::format("{}_{}/", base, suffix);
    }
    return prefix;
  }

  std::string fresh(const std::string& base) {
    auto name = model_.unique_name(base);
    for (auto suffix = 2; !taken_.insert(name).second; ++suffix) {
      name = model_.unique_name(fmt::format("{}_{}", base, suffix));
    }
    return name;
  }

  std::vector<proto::NodeProto> expand_call(const proto::NodeProto& call,
                                            const Function& function) {
    const auto& body = *function.proto;
    const auto prefix = prefix_of(call);
    std::vector<proto::NodeProto> nodes;
    import_domains(body);
    const auto names = names_for(call, body, prefix, nodes);
    std::map<std::string, int> unnamed;
    std::vector<proto::NodeProto> result;
    for (const auto& original : body.node()) {
      auto node = original;
      node.set_name(prefix + (original.name().empty() ? fmt::format("{}_{}", original.op_type(),
                                                                    unnamed[original.op_type()]++)
                                                      : original.name()));
      substitute(*node.mutable_attribute(), call, function);
      rename_values(node, names, [&](const auto& inner) { return prefix + inner; });
      ++made_;
      auto expanded = calls(node) ? expand(node) : std::vector<proto::NodeProto>();
      if (expanded.empty()) {
        result.push_back(std::move(node));
      } else {
        std::move(expanded.begin(), expanded.end(), std::back_inserter(result));
      }
    }
    std::move(nodes.begin(), nodes.end(), std::back_inserter(result));
    return result;
  }

  void import_domains(const proto::FunctionProto& function) {
    for (const auto& import : function.opset_import()) {
      if (!model_.opset(import.domain())) {
        model_.set_opset(import.domain(), import.version());
        for (auto& [key, other] : functions_) {
          other.is_checked = false;  // those that want another version stay
        }
      }
    }
  }

  /// Names in the model of the function's values. What cannot be said by a name, an input that is
  /// an output or a value that is two, becomes an Identity in `extra`.
  Names names_for(const proto::NodeProto& call, const proto::FunctionProto& body,
                  const std::string& prefix, std::vector<proto::NodeProto>& extra) {
    Names names;
    for (int i = 0; i < body.input_size(); ++i) {
      names.insert_or_assign(body.input(i), i < call.input_size() ? call.input(i) : "");
    }
    for (int i = 0; i < body.output_size() && i < call.output_size(); ++i) {
      if (call.output(i).empty()) {
        continue;
      }
      const auto [known, is_new] = names.try_emplace(body.output(i), call.output(i));
      if (!is_new) {
        auto& copy = extra.emplace_back();
        copy.set_op_type("Identity");
        copy.set_name(fmt::format("{}output_{}", prefix, i));
        copy.add_input(known->second);
        copy.add_output(call.output(i));
      }
    }
    for (const auto& node : body.node()) {
      for (const auto& output : node.output()) {
        if (!output.empty() && !names.contains(output)) {
          names.emplace(output, fresh(prefix + output));
        }
      }
    }
    return names;
  }

  /// Attributes that refer to those of the call get their values, or the function's defaults; those
  /// of neither go, in bodies, too.
  static void substitute(google::protobuf::RepeatedPtrField<proto::AttributeProto>& attributes,
                         const proto::NodeProto& call, const Function& function) {
    for (auto attribute = attributes.begin(); attribute != attributes.end();) {
      if (attribute->ref_attr_name().empty()) {
        if (attribute->has_g()) {
          substitute(*attribute->mutable_g(), call, function);
        }
        for (auto& body : *attribute->mutable_graphs()) {
          substitute(body, call, function);
        }
        ++attribute;
        continue;
      }
      const auto given =
          std::find_if(call.attribute().begin(), call.attribute().end(),
                       [&](const auto& a) { return a.name() == attribute->ref_attr_name(); });
      const auto fallback = function.defaults.find(attribute->ref_attr_name());
      if (given == call.attribute().end() && fallback == function.defaults.end()) {
        attribute = attributes.erase(attribute);
        continue;
      }
      const auto name = attribute->name();
      *attribute = given != call.attribute().end() ? *given : fallback->second;
      attribute->set_name(name);
      ++attribute;
    }
  }

  static void substitute(proto::GraphProto& graph, const proto::NodeProto& call,
                         const Function& function) {
    for (auto& node : *graph.mutable_node()) {
      substitute(*node.mutable_attribute(), call, function);
    }
  }

  /// Functions that nothing calls any more, and the domains that only they had.
  void forget_functions() {
    std::set<std::string> domains;
    bool called = false;
    const auto look = [&](const proto::NodeProto& node) {
      domains.emplace(canonical_domain(node.domain()));
      called = called || function_of(node) != nullptr;
    };
    for (const auto id : state_.order()) {
      look(state_.node(id));
      for_each_body(state_.node(id), [&](const auto& body) { for_each_node(body, look); });
    }
    if (called) {
      return;
    }
    std::set<std::string> own;
    for (const auto& [key, function] : functions_) {
      own.insert(key.domain);
    }
    functions_.clear();
    state_.shell.clear_functions();
    auto& imports = *state_.shell.mutable_opset_import();
    for (auto import = imports.begin(); import != imports.end();) {
      const std::string domain(canonical_domain(import->domain()));
      const bool gone = !domain.empty() && own.contains(domain) && !domains.contains(domain);
      import = gone ? imports.erase(import) : import + 1;
    }
  }

  Model& model_;
  Model::State& state_;
  Simplification& what_;
  std::map<FunctionKey, Function> functions_;
  bool has_overloads_ = false;
  StringSet taken_;
  std::size_t made_ = 0;
};

}  // namespace

void inline_functions(Model& model, Simplification& what) {
  if (StateAccess::of(model).shell.functions_size() > 0) {
    FunctionInliner(model, what).run();
  }
}

}  // namespace tessera::onnx
