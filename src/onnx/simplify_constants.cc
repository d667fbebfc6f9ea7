// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>

#include "onnx/simplify_passes.h"

namespace tessera::onnx {
namespace {

/// Sparse tensors whose dense form is larger stay sparse.
constexpr std::int64_t kLargestDenseBytes = std::int64_t{1} << 30;
constexpr std::int64_t kLongestList = 1024;

std::unique_ptr<Initializer> as_initializer(std::string name, proto::TensorProto tensor) {
  auto initializer = std::make_unique<Initializer>();
  tensor.set_name(name);
  initializer->name = std::move(name);
  initializer->dtype = onnx::dtype_of(tensor);
  initializer->shape = shape_of(tensor);
  initializer->header = std::make_shared<const proto::TensorProto>(std::move(tensor));
  return initializer;
}

/// Where each value goes, as one number; absent for indices that lie outside.
std::optional<std::vector<std::int64_t>> positions_of(const proto::SparseTensorProto& sparse,
                                                      const Shape& shape, std::int64_t count) {
  auto indices = unpack(sparse.indices());
  if (!indices || indices->dtype() != DType::kInt64) {
    return std::nullopt;
  }
  const auto numbers = indices->as<std::int64_t>();
  const auto rank = shape.size();
  const bool linear = indices->shape().size() == 1;
  if (numbers.size() != static_cast<std::size_t>(count) * (linear ? 1 : rank)) {
    return std::nullopt;
  }
  const auto elements = element_count(shape);
  std::vector<std::int64_t> positions;
  for (std::int64_t i = 0; i < count; ++i) {
    std::int64_t position = 0;
    if (linear) {
      position = numbers[static_cast<std::size_t>(i)];
    }
    for (std::size_t axis = 0; !linear && axis < rank; ++axis) {
      const auto index = numbers[static_cast<std::size_t>(i) * rank + axis];
      if (index < 0 || index >= shape[axis]) {
        return std::nullopt;
      }
      position = position * shape[axis] + index;
    }
    if (position < 0 || position >= elements) {
      return std::nullopt;
    }
    positions.push_back(position);
  }
  return positions;
}

/// Absent where the tensor is malformed, too large, or of a type that cannot be read.
std::optional<Tensor> dense(const proto::SparseTensorProto& sparse) {
  const auto dtype = dtype_of(sparse.values());
  const Shape shape(sparse.dims().begin(), sparse.dims().end());
  const bool negative = std::any_of(shape.begin(), shape.end(), [](auto e) { return e < 0; });
  const auto elements = negative ? -1 : element_count(shape);
  const auto bits = bits_of(dtype);
  if (elements < 0 || bits < 8 || elements > kLargestDenseBytes / (bits / 8)) {
    return std::nullopt;
  }
  const auto values = unpack(sparse.values());
  if (!values) {
    return std::nullopt;
  }
  const auto positions = positions_of(sparse, shape, values->size());
  if (!positions) {
    return std::nullopt;
  }
  Tensor result(dtype, shape);
  const auto size = static_cast<std::size_t>(bits / 8);
  for (std::size_t i = 0; i < positions->size(); ++i) {
    std::memcpy(result.bytes().data() + static_cast<std::size_t>((*positions)[i]) * size,
                values->bytes().data() + i * size, size);
  }
  return result;
}

void make_dense(Model& model, Simplification& what) {
  auto& state = StateAccess::of(model);
  auto& list = *state.graph().mutable_sparse_initializer();
  int kept = 0;
  for (int i = 0; i < list.size(); ++i) {
    if (auto tensor = dense(list[i])) {
      const auto name = list[i].values().name();
      list[i].Clear();
      model.set_initializer(name, std::move(*tensor));
      ++what.dense_constants;
      continue;
    }
    if (kept != i) {
      list.SwapElements(kept, i);
    }
    ++kept;
  }
  if (kept != list.size()) {
    list.DeleteSubrange(kept, list.size() - kept);
    state.index_values();
  }
}

/// The initializer that a Constant operator stands for; null if it cannot be one.
std::unique_ptr<Initializer> initializer_of(const std::string& name,
                                            proto::AttributeProto& attribute) {
  if (attribute.has_t()) {
    return as_initializer(name, std::move(*attribute.mutable_t()));
  }
  if (attribute.has_sparse_tensor()) {
    const auto tensor = dense(attribute.sparse_tensor());
    return tensor ? as_initializer(name, pack(tensor->view())) : nullptr;
  }
  if (attribute.name() == "value_string" || attribute.name() == "value_strings") {
    proto::TensorProto tensor;
    tensor.set_data_type(proto::TensorProto::STRING);
    if (attribute.name() == "value_string") {
      tensor.add_string_data(attribute.s());
    } else {
      tensor.add_dims(attribute.strings_size());
      *tensor.mutable_string_data() = attribute.strings();
    }
    return as_initializer(name, std::move(tensor));
  }
  const auto value = constant_value(attribute);
  return value ? as_initializer(name, pack(value->view())) : nullptr;
}

void take_out_operators(Model& model, Folding folding, Simplification& what) {
  auto& state = StateAccess::of(model);
  for (const auto id : state.order()) {
    auto& node = state.node(id);
    if (node.op_type() != "Constant" || !canonical_domain(node.domain()).empty() ||
        node.output_size() != 1 || node.attribute_size() != 1 ||
        !node.attribute(0).ref_attr_name().empty() || model.is_output(node.output(0))) {
      continue;
    }
    if (folding == Folding::kFloats && !is_floating(constant_type(node.attribute(0)).dtype)) {
      continue;
    }
    const auto name = node.output(0);
    auto initializer = initializer_of(name, *node.mutable_attribute(0));
    if (initializer == nullptr) {
      continue;
    }
    state.constants.erase(name);
    model.remove_node(id);
    state.add_initializer(std::move(initializer));
    ++what.constant_operators;
  }
}

void take_out_of_inputs(Model& model, Simplification& what) {
  auto& state = StateAccess::of(model);
  auto& inputs = *state.graph().mutable_input();
  const auto before = inputs.size();
  erase_named(inputs, [&](const auto& name) { return model.has_initializer(name); });
  if (inputs.size() != before) {
    what.listed_constants += before - inputs.size();
    state.index_values();
  }
}

/// Range wants scalars. Computed vectors of one element pass, constant ones do not.
void make_range_bounds_scalars(Model& model) {
  for (const auto node : model.nodes()) {
    if (model.op_type(node) != "Range" || !model.domain(node).empty()) {
      continue;
    }
    const auto inputs = model.inputs(node);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const auto type = model.initializer_type(inputs[i]);
      const bool one =
          type && type->shape && type->shape->size() == 1 && type->shape->front().value == 1;
      const auto value = one ? model.initializer(inputs[i])
                             : fail(ErrorCode::kNotFound, "no vector of one element");
      if (value) {
        Tensor scalar(*value);
        scalar.reshape({});
        const auto name = model.unique_name(inputs[i] + "_scalar");
        model.set_initializer(name, std::move(scalar));
        model.set_input(node, i, name);
      }
    }
  }
}

}  // namespace

void prepare_constants(Model& model) {
  make_range_bounds_scalars(model);
}

void collect_constants(Model& model, Folding folding, Simplification& what) {
  take_out_of_inputs(model, what);
  make_dense(model, what);
  take_out_operators(model, folding, what);
}

void become_constant(Model& model, const std::string& value, Tensor tensor) {
  if (!model.is_output(value)) {
    model.set_initializer(value, std::move(tensor));
    return;
  }
  // Readers of models expect that an output is made by an operator.
  const auto name = model.unique_name(value + "_value");
  model.set_initializer(name, std::move(tensor));
  model.replace_uses(value, name);
  model.add_node({model.unique_name(value + "_output"), "Identity", {}, {name}, {value}, {}});
}

std::optional<Shape> proven_extents(const Model& model, std::string_view value) {
  const auto& state = StateAccess::of(model);
  std::optional<ValueType> type = model.initializer_type(value);
  if (!type) {
    if (const auto input = state.input_index.find(value); input != state.input_index.end()) {
      type = to_value_type(state.graph().input(input->second).type());
    } else if (const auto found = state.proven.find(value); found != state.proven.end()) {
      type = found->second;
      if (type->shape && type->shape->empty()) {
        return std::nullopt;  // what an unknown rank looks like
      }
    }
  }
  if (!type || !type->shape) {
    return std::nullopt;
  }
  Shape extents;
  for (const auto& dim : *type->shape) {
    extents.push_back(dim.known() ? dim.value : -1);
  }
  return extents;
}

std::optional<Shape> proven_shape(const Model& model, std::string_view value) {
  auto extents = proven_extents(model, value);
  const bool open = !extents || std::find(extents->begin(), extents->end(), -1) != extents->end();
  return open ? std::nullopt : std::move(extents);
}

DType proven_dtype(const Model& model, std::string_view value) {
  const auto& state = StateAccess::of(model);
  if (const auto type = model.initializer_type(value)) {
    return type->dtype;
  }
  if (const auto input = state.input_index.find(value); input != state.input_index.end()) {
    return to_value_type(state.graph().input(input->second).type()).dtype;
  }
  const auto found = state.proven.find(value);
  return found == state.proven.end() ? DType::kUndefined : found->second.dtype;
}

std::optional<std::vector<std::int64_t>> constant_integers(const Model& model,
                                                           std::string_view value) {
  const auto type = model.initializer_type(value);
  if (!type || (type->dtype != DType::kInt64 && type->dtype != DType::kInt32)) {
    return std::nullopt;
  }
  const auto view = model.initializer(value);
  if (!view || view->size() > kLongestList) {
    return std::nullopt;
  }
  if (view->dtype == DType::kInt64) {
    const auto numbers = view->as<std::int64_t>();
    return std::vector<std::int64_t>(numbers.begin(), numbers.end());
  }
  const auto numbers = view->as<std::int32_t>();
  return std::vector<std::int64_t>(numbers.begin(), numbers.end());
}

}  // namespace tessera::onnx
