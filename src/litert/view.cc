// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "litert/kinds.h"
#include "tessera/litert/model.h"

namespace tessera::litert {
namespace {

using graph::Graph;
using graph::TensorId;
using graph::TensorKind;

/// Operators in all bodies together: those within bodies within bodies are many where each is
/// called twice.
constexpr std::size_t kMostOperators = 100000;

std::optional<graph::AffineQuantization> quantization_of(const Tensor& tensor) {
  const auto& from = tensor.quantization;
  if (!from || from->scales.size() != 1 || from->details.type() != 0 ||
      !is_integer(dtype_of(tensor.type)) || !(from->scales.front() > 0) ||
      !std::isfinite(from->scales.front())) {
    return std::nullopt;
  }
  return graph::AffineQuantization{
      .scale = static_cast<double>(from->scales.front()),
      .zero_point = from->zero_points.empty() ? 0 : from->zero_points.front()};
}

bool is_empty(const ValueType& type) {
  return type.shape && std::any_of(type.shape->begin(), type.shape->end(),
                                   [](const Dim& dim) { return dim.value == 0; });
}

class Viewer {
 public:
  Viewer(const Content& content, std::size_t& operators)
      : content_(content), operators_(operators) {}

  Result<Graph> view(const Subgraph& subgraph, const std::vector<ValueType>& types) {
    subgraph_ = &subgraph;
    names_ = value_names(subgraph);
    add_tensors(types);
    for (const auto& op : subgraph.operators) {
      TESSERA_CHECK(add_operator(op));
    }
    mark(subgraph.outputs, [&](TensorId id) { graph_.mark_output(id); });
    TESSERA_CHECK(graph_.finish());
    return std::move(graph_);
  }

 private:
  /// Once each, although a file may list a tensor twice.
  template <class Mark>
  void mark(const std::vector<std::int32_t>& tensors, const Mark& mark_as) {
    std::set<std::int32_t> seen;
    for (const auto tensor : tensors) {
      if (seen.insert(tensor).second) {
        mark_as(*ids_[static_cast<std::size_t>(tensor)]);
      }
    }
  }

  /// Those that somebody reads or makes.
  [[nodiscard]] std::vector<bool> used() const {
    std::vector<bool> used(subgraph_->tensors.size(), false);
    const auto use = [&](std::int32_t tensor) {
      if (tensor >= 0) {
        used[static_cast<std::size_t>(tensor)] = true;
      }
    };
    std::for_each(subgraph_->inputs.begin(), subgraph_->inputs.end(), use);
    std::for_each(subgraph_->outputs.begin(), subgraph_->outputs.end(), use);
    for (const auto& op : subgraph_->operators) {
      std::for_each(op.inputs.begin(), op.inputs.end(), use);
      std::for_each(op.outputs.begin(), op.outputs.end(), use);
    }
    return used;
  }

  [[nodiscard]] std::vector<bool> made() const {
    std::vector<bool> made(subgraph_->tensors.size(), false);
    for (const auto input : subgraph_->inputs) {
      made[static_cast<std::size_t>(input)] = true;
    }
    for (const auto& op : subgraph_->operators) {
      for (const auto output : op.outputs) {
        if (output >= 0) {
          made[static_cast<std::size_t>(output)] = true;
        }
      }
    }
    return made;
  }

  void add_tensors(const std::vector<ValueType>& types) {
    const auto is_used = used();
    const auto is_made = made();
    ids_.assign(types.size(), std::nullopt);
    kept_.assign(types.size(), false);
    std::vector<bool> is_output(types.size(), false);
    for (const auto output : subgraph_->outputs) {
      is_output[static_cast<std::size_t>(output)] = true;
    }
    for (std::size_t i = 0; i < types.size(); ++i) {
      const auto& tensor = subgraph_->tensors[i];
      // What an operator keeps from run to run is its own affair, unless it is an output, too.
      kept_[i] = tensor.is_variable && !is_made[i];
      if (!is_used[i] || (kept_[i] && !is_output[i])) {
        continue;
      }
      const bool constant = content_.is_constant(tensor) || (!is_made[i] && is_empty(types[i]));
      ids_[i] =
          graph_.add_tensor({.name = names_[i],
                             .kind = constant ? TensorKind::kInitializer : TensorKind::kActivation,
                             .dtype = types[i].dtype,
                             .shape = types[i].shape,
                             .quantization = quantization_of(tensor)});
    }
    mark(subgraph_->inputs, [&](TensorId id) { graph_.mark_input(id); });
  }

  [[nodiscard]] const Tensor* tensor(std::int32_t index) const {
    return index < 0 ? nullptr : &subgraph_->tensors[static_cast<std::size_t>(index)];
  }

  std::vector<std::optional<TensorId>> ids(const std::vector<std::int32_t>& tensors) const {
    std::vector<std::optional<TensorId>> ids;
    for (const auto tensor : tensors) {
      const bool absent = tensor < 0 || kept_[static_cast<std::size_t>(tensor)];
      ids.push_back(absent ? std::nullopt : ids_[static_cast<std::size_t>(tensor)]);
    }
    return ids;
  }

  /// That of what it makes, as no operator has a name of its own.
  std::string operator_name(const Operator& op, const std::string& type) {
    auto name = op.outputs.empty() || op.outputs.front() < 0
                    ? fmt::format("{}_{}", type, op.id)
                    : names_[static_cast<std::size_t>(op.outputs.front())];
    while (!taken_.insert(name).second) {
      name += "#2";
    }
    return name;
  }

  Status add_operator(const Operator& from) {
    if (++operators_ > kMostOperators) {
      return fail(ErrorCode::kResourceExhausted,
                  "there are more than {} operators, with those of "
                  "the subgraphs that they call",
                  kMostOperators)
          .hint("the file is damaged, or from a converter that is not known");
    }
    const auto& code = content_.code(from);
    graph::Op op;
    if (code.code == Builtin::kCustom) {
      op.domain = "custom";
      op.type = code.custom.empty() ? std::string(name_of(code.code)) : code.custom;
    } else {
      op.type = name_of(code.code);
    }
    op.name = operator_name(from, op.type);
    op.source = from.id;
    op.inputs = ids(from.inputs);
    op.outputs = ids(from.outputs);
    Ends ends;
    std::transform(from.inputs.begin(), from.inputs.end(), std::back_inserter(ends.inputs),
                   [&](std::int32_t index) { return tensor(index); });
    ends.output = from.outputs.empty() ? nullptr : tensor(from.outputs.front());
    classify(op, from, code.code, ends);
    if (op.kind == graph::OpKind::kControl) {
      TESSERA_CHECK(add_bodies(op, from));
    }
    graph_.add_op(std::move(op));
    return {};
  }

  Status add_bodies(graph::Op& op, const Operator& from) {
    for (const auto body : bodies_of(content_, from)) {
      const auto& subgraph = content_.subgraphs[body];
      TESSERA_TRY(auto view,
                  Viewer(content_, operators_).view(subgraph, declared_types(content_, subgraph)));
      for (const auto& inner : view.ops()) {
        op.body_ops += 1 + inner.body_ops;
      }
      op.bodies.push_back(std::move(view));
    }
    return {};
  }

  const Content& content_;
  std::size_t& operators_;
  const Subgraph* subgraph_ = nullptr;
  std::vector<std::string> names_;
  std::vector<std::optional<TensorId>> ids_;  ///< by tensor
  std::vector<bool> kept_;                    ///< a state
  std::set<std::string> taken_;
  Graph graph_;
};

}  // namespace

Result<graph::Graph> view(const Content& content, const std::vector<ValueType>& types) {
  std::size_t operators = 0;
  return Viewer(content, operators).view(content.subgraphs.front(), types);
}

}  // namespace tessera::litert
