// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <optional>
#include <string>

#include "onnx/model_state.h"
#include "tessera/onnx/simplify.h"

namespace tessera::onnx {
namespace {

/// Constants below this are not worth an operator.
constexpr std::int64_t kWorthSharing = 512;

/// Whether `b` is `a` with its axes in that order, element by element.
bool is_transpose(const TensorView& a, const TensorView& b, const std::vector<std::int64_t>& axes) {
  const auto size = static_cast<std::size_t>(bits_of(a.dtype) / 8);
  const auto rank = axes.size();
  std::vector<std::size_t> stride(rank, 1);  // of `a`, in elements, in the order of `b`
  for (std::size_t i = 0; i < rank; ++i) {
    for (auto axis = static_cast<std::size_t>(axes[i]) + 1; axis < rank; ++axis) {
      stride[i] *= static_cast<std::size_t>(a.shape[axis]);
    }
  }
  std::vector<std::int64_t> index(rank, 0);
  std::size_t from = 0;
  const auto count = static_cast<std::size_t>(b.size());
  for (std::size_t to = 0; to < count; ++to) {
    if (std::memcmp(a.bytes.data() + from * size, b.bytes.data() + to * size, size) != 0) {
      return false;
    }
    for (auto axis = rank; axis-- > 0;) {
      from += stride[axis];
      if (++index[axis] < b.shape[axis]) {
        break;
      }
      from -= stride[axis] * static_cast<std::size_t>(b.shape[axis]);
      index[axis] = 0;
    }
  }
  return true;
}

/// Names of the constants of a shape whose elements are whole bytes.
std::vector<std::string> of_shape(const Model::State& state, const Shape& shape) {
  std::vector<std::string> names;
  for (const auto& initializer : state.initializers) {
    if (initializer && initializer->shape == shape && bits_of(initializer->dtype) >= 8 &&
        bytes_of(initializer->dtype, element_count(shape)) >= kWorthSharing) {
      names.push_back(initializer->name);
    }
  }
  return names;
}

/// The constant that `name` is the transpose of, if there is one.
Result<std::optional<std::string>> source_of(const Model& model, const std::string& name,
                                             const TransposedConstant& kind) {
  TESSERA_TRY(const auto result, model.initializer(name));
  std::optional<std::string> found;
  for (const auto& candidate : of_shape(StateAccess::of(model), kind.source)) {
    if (found || candidate == name) {
      continue;
    }
    TESSERA_TRY(const auto source, model.initializer(candidate));
    if (source.dtype == result.dtype && is_transpose(source, result, kind.axes)) {
      found = candidate;
    }
    model.release_initializer(candidate);
  }
  model.release_initializer(name);
  return found;
}

}  // namespace

Result<std::int64_t> share_transposed(Model& model) {
  auto& state = StateAccess::of(model);
  std::int64_t shared = 0;
  for (const auto& kind : state.transposed) {
    for (const auto& name : of_shape(state, kind.result)) {
      TESSERA_TRY(const auto source, source_of(model, name, kind));
      if (!source || model.is_output(name)) {
        continue;
      }
      model.remove_initializer(name);
      const auto nodes = model.nodes();
      const auto first = nodes.empty() ? std::nullopt : std::optional(nodes.front());
      model.add_node({model.unique_name(name + "_transposed"),
                      "Transpose",
                      {},
                      {*source},
                      {name},
                      {{"perm", kind.axes}}},
                     first);
      ++shared;
    }
  }
  return shared;
}

}  // namespace tessera::onnx
