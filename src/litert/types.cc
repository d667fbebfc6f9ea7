// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>

#include "litert/kinds.h"
#include "tessera/litert/model.h"

namespace tessera::litert {
namespace {

Dim dim_of(std::int32_t extent) {
  return {extent < 0 ? std::int64_t{-1} : extent, {}};
}

std::vector<Dim> dims_of(const std::vector<std::int32_t>& extents) {
  std::vector<Dim> dims;
  dims.reserve(extents.size());
  std::transform(extents.begin(), extents.end(), std::back_inserter(dims), dim_of);
  return dims;
}

/// Files say since a few years whether a tensor without extents is a scalar.
bool tells_ranks(const Subgraph& subgraph) {
  return std::any_of(subgraph.tensors.begin(), subgraph.tensors.end(),
                     [](const Tensor& tensor) { return tensor.has_rank; });
}

bool all_known(const std::vector<Dim>& dims) {
  return std::all_of(dims.begin(), dims.end(), [](const Dim& dim) { return dim.known(); });
}

/// Follows through the operators what depends on extents alone.
class ShapeFlow {
 public:
  ShapeFlow(const Content& content, const Subgraph& subgraph)
      : content_(content),
        subgraph_(subgraph),
        shape_(subgraph.tensors.size(), false),
        value_(subgraph.tensors.size(), false) {
    for (std::size_t i = 0; i < shape_.size(); ++i) {
      value_[i] = content.is_constant(subgraph.tensors[i]);
      shape_[i] = value_[i];
    }
    for (const auto input : subgraph.inputs) {
      shape_[static_cast<std::size_t>(input)] = true;
    }
    for (const auto& op : subgraph.operators) {
      follow(op);
    }
  }

  /// The tensor's shape follows from those of the inputs.
  [[nodiscard]] bool has_shape(std::size_t tensor) const { return shape_[tensor]; }
  /// So do its values, or the file has them.
  [[nodiscard]] bool has_value(std::size_t tensor) const { return value_[tensor]; }

 private:
  [[nodiscard]] bool all(const std::vector<std::int32_t>& tensors,
                         const std::vector<bool>& known) const {
    return std::all_of(tensors.begin(), tensors.end(), [&](std::int32_t tensor) {
      return tensor < 0 || known[static_cast<std::size_t>(tensor)] ||
             subgraph_.tensors[static_cast<std::size_t>(tensor)].is_variable;
    });
  }

  void follow(const Operator& op) {
    const auto code = content_.code(op).code;
    const auto& meaning = meaning_of(code);
    const bool shapes = all(op.inputs, shape_);
    const bool values = all(op.inputs, value_);
    const bool by_values = std::all_of(meaning.shape_inputs.begin(), meaning.shape_inputs.end(),
                                       [&](std::size_t place) {
                                         return place >= op.inputs.size() || op.inputs[place] < 0 ||
                                                value_[static_cast<std::size_t>(op.inputs[place])];
                                       });
    const bool known = shapes && (values || (by_values && !meaning.shape_from_values));
    const bool reads_shape = code == Builtin::kShape || code == Builtin::kRank;
    const bool is_random = meaning.kind == graph::OpKind::kRandom;
    for (const auto output : op.outputs) {
      if (output >= 0) {
        shape_[static_cast<std::size_t>(output)] = known;
        value_[static_cast<std::size_t>(output)] =
            known && !is_random && !op.inputs.empty() && (values || reads_shape);
      }
    }
  }

  const Content& content_;
  const Subgraph& subgraph_;
  std::vector<bool> shape_;  ///< by tensor
  std::vector<bool> value_;  ///< its values follow from shapes alone
};

/// The extents of what an operator makes are values that another one computes, or may be others
/// whenever it runs.
bool computes_extents(const Content& content, const Subgraph& subgraph, const Operator& op) {
  const auto& meaning = meaning_of(content.code(op).code);
  const auto is_computed = [&](std::size_t place) {
    const auto input = place < op.inputs.size() ? op.inputs[place] : -1;
    return input >= 0 && !content.is_constant(subgraph.tensors[static_cast<std::size_t>(input)]);
  };
  return meaning.shape_from_values ||
         std::any_of(meaning.shape_inputs.begin(), meaning.shape_inputs.end(), is_computed);
}

/// What the extents that inputs have mean for the shapes of the file.
enum class Extents {
  kOpen,    ///< some are not known: shapes are those of the signatures
  kOfFile,  ///< those that the file's shapes were made for
  kOthers,  ///< others: the file's shapes are not those that follow
};

Extents extents_of(const Subgraph& subgraph, const std::vector<ValueType>& types) {
  auto result = Extents::kOfFile;
  for (const auto input : subgraph.inputs) {
    const auto place = static_cast<std::size_t>(input);
    const auto& tensor = subgraph.tensors[place];
    const auto& dims = types[place].shape;
    if (!dims || !tensor.shape || !all_known(*dims)) {
      result = result == Extents::kOfFile ? Extents::kOpen : result;
    } else if (*dims != dims_of(*tensor.shape)) {
      return Extents::kOthers;
    }
  }
  return result;
}

}  // namespace

std::vector<ValueType> declared_types(const Content& content, const Subgraph& subgraph) {
  const bool ranks = tells_ranks(subgraph);
  std::vector<ValueType> types;
  types.reserve(subgraph.tensors.size());
  for (const auto& tensor : subgraph.tensors) {
    ValueType type{dtype_of(tensor.type), std::nullopt};
    const auto shape = tensor.shape.value_or(std::vector<std::int32_t>());
    if (!tensor.signature.empty()) {
      type.shape = dims_of(tensor.signature);
    } else if (!shape.empty() || tensor.has_rank || !ranks || content.is_constant(tensor)) {
      type.shape = dims_of(shape);
    }
    types.push_back(std::move(type));
  }
  return types;
}

std::vector<ValueType> types_of(const Content& content, const AssumedShapes& assumed) {
  const auto& subgraph = content.subgraphs.front();
  auto types = declared_types(content, subgraph);
  const auto names = value_names(subgraph);
  std::vector<bool> is_input(types.size(), false);
  for (const auto input : subgraph.inputs) {
    const auto place = static_cast<std::size_t>(input);
    is_input[place] = true;
    if (const auto found = assumed.find(names[place]); found != assumed.end()) {
      types[place].shape = found->second;
    }
  }
  const auto extents = extents_of(subgraph, types);
  if (extents == Extents::kOpen) {
    return types;
  }
  const ShapeFlow flow(content, subgraph);
  for (std::size_t i = 0; i < types.size(); ++i) {
    const auto& tensor = subgraph.tensors[i];
    if (is_input[i] || content.is_constant(tensor)) {
      continue;
    }
    if (extents == Extents::kOthers) {
      types[i].shape.reset();
    } else if (types[i].shape && !all_known(*types[i].shape) && flow.has_shape(i)) {
      types[i].shape = dims_of(*tensor.shape);
    }
  }
  return types;
}

std::vector<bool> tensors_apart(const Content& content) {
  const auto& subgraph = content.subgraphs.front();
  const ShapeFlow flow(content, subgraph);
  std::vector<bool> apart(subgraph.tensors.size(), false);
  for (const auto& op : subgraph.operators) {
    const bool computed = computes_extents(content, subgraph, op);
    for (const auto output : op.outputs) {
      if (output >= 0) {
        const auto place = static_cast<std::size_t>(output);
        apart[place] = computed || flow.has_value(place);
      }
    }
  }
  return apart;
}

}  // namespace tessera::litert
