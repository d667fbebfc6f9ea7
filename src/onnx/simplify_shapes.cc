// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "onnx/simplify_passes.h"

namespace tessera::onnx {
namespace {

/// A vector or scalar of int64 of which single elements may be known: extents on their way from
/// Shape to where a shape is wanted.
struct Elements {
  std::vector<std::optional<std::int64_t>> values;
  bool is_scalar = false;
};

std::string input(const proto::NodeProto& node, int index) {
  return index < node.input_size() ? node.input(index) : std::string();
}

const proto::AttributeProto* attribute(const proto::NodeProto& node, std::string_view name) {
  const auto found = std::find_if(node.attribute().begin(), node.attribute().end(),
                                  [&](const auto& a) { return a.name() == name; });
  return found == node.attribute().end() ? nullptr : &*found;
}

std::int64_t int_or(const proto::NodeProto& node, std::string_view name, std::int64_t fallback) {
  const auto* found = attribute(node, name);
  return found == nullptr ? fallback : found->i();
}

/// An index into `size` elements, counted from the end if negative.
std::int64_t from_end(std::int64_t index, std::int64_t size) {
  return index < 0 ? index + size : index;
}

class ShapeFold {
 public:
  explicit ShapeFold(Model& model) : model_(model), state_(StateAccess::of(model)) {}

  std::int64_t fold() {
    std::int64_t folded = 0;
    auto order = state_.topological_order();
    if (!order) {
      return 0;
    }
    for (const auto id : *order) {
      folded += fold(id) ? 1 : 0;
    }
    return folded;
  }

 private:
  bool fold(NodeId id) {
    const auto& node = state_.node(id);
    if (node.output_size() != 1 || node.output(0).empty() ||
        !canonical_domain(node.domain()).empty()) {
      return false;
    }
    auto elements = compute(node);
    if (!elements) {
      return false;
    }
    const bool known = std::all_of(elements->values.begin(), elements->values.end(),
                                   [](const auto& e) { return e.has_value(); });
    // What reads constants alone is computed by the library, which knows every operator.
    const bool from_constants =
        std::all_of(node.input().begin(), node.input().end(),
                    [&](const auto& name) { return name.empty() || model_.is_constant(name); });
    if (!known || (from_constants && node.op_type() != "Shape" && node.op_type() != "Size")) {
      elements_.emplace(node.output(0), std::move(*elements));
      return false;
    }
    std::vector<std::int64_t> numbers;
    for (const auto& element : elements->values) {
      numbers.push_back(*element);
    }
    const auto count = static_cast<std::int64_t>(numbers.size());
    const auto value = node.output(0);
    model_.remove_node(id);
    become_constant(model_, value,
                    Tensor::of(numbers, elements->is_scalar ? Shape{} : Shape{count}));
    elements_.emplace(value, std::move(*elements));
    return true;
  }

  [[nodiscard]] std::optional<Elements> known(const std::string& value) const {
    if (const auto found = elements_.find(value); found != elements_.end()) {
      return found->second;
    }
    const auto type = model_.initializer_type(value);
    if (!type || type->dtype != DType::kInt64 || !type->shape || type->shape->size() > 1) {
      return std::nullopt;
    }
    const auto numbers = constant_integers(model_, value);
    if (!numbers) {
      return std::nullopt;
    }
    Elements elements;
    elements.values.assign(numbers->begin(), numbers->end());
    elements.is_scalar = type->shape->empty();
    return elements;
  }

  [[nodiscard]] std::optional<Elements> compute(const proto::NodeProto& node) const {
    const auto& type = node.op_type();
    if (type == "Shape") {
      return shape(node);
    }
    if (type == "Size") {
      const auto extents = proven_shape(model_, input(node, 0));
      const auto count = extents ? element_count(*extents) : -1;
      return count < 0 ? std::nullopt : std::optional(Elements{{count}, true});
    }
    if (type == "Concat") {
      return concat(node);
    }
    static const StringSet kMoving = {"Cast", "Gather", "Slice", "Unsqueeze", "Squeeze"};
    const auto data = kMoving.contains(type) ? known(input(node, 0)) : std::nullopt;
    if (!data) {
      return std::nullopt;
    }
    if (type == "Cast") {
      return int_or(node, "to", 0) == proto::TensorProto::INT64 ? data : std::nullopt;
    }
    if (type == "Gather") {
      return gather(node, *data);
    }
    if (type == "Slice") {
      return slice(node, *data);
    }
    if (type == "Unsqueeze") {
      return data->is_scalar && axes(node) ? std::optional(Elements{data->values, false})
                                           : std::nullopt;
    }
    if (type == "Squeeze") {
      return !data->is_scalar && data->values.size() == 1
                 ? std::optional(Elements{data->values, true})
                 : std::nullopt;
    }
    return std::nullopt;
  }

  /// The one axis 0 that a scalar can be given.
  [[nodiscard]] bool axes(const proto::NodeProto& node) const {
    if (const auto* list = attribute(node, "axes")) {
      return list->ints_size() == 1 && (list->ints(0) == 0 || list->ints(0) == -1);
    }
    const auto list = constant_integers(model_, input(node, 1));
    return list && list->size() == 1 && (list->front() == 0 || list->front() == -1);
  }

  [[nodiscard]] std::optional<Elements> shape(const proto::NodeProto& node) const {
    const auto extents = proven_extents(model_, input(node, 0));
    if (!extents) {
      return std::nullopt;
    }
    const auto rank = static_cast<std::int64_t>(extents->size());
    const auto start = std::clamp<std::int64_t>(from_end(int_or(node, "start", 0), rank), 0, rank);
    const auto end = std::clamp<std::int64_t>(from_end(int_or(node, "end", rank), rank), 0, rank);
    Elements elements;
    for (auto i = start; i < end; ++i) {
      const auto extent = (*extents)[static_cast<std::size_t>(i)];
      elements.values.push_back(extent < 0 ? std::nullopt : std::optional(extent));
    }
    return elements;
  }

  [[nodiscard]] std::optional<Elements> concat(const proto::NodeProto& node) const {
    const auto axis = int_or(node, "axis", 0);
    Elements all;
    for (const auto& name : node.input()) {
      auto part = known(name);
      if (!part || part->is_scalar || (axis != 0 && axis != -1)) {
        return std::nullopt;
      }
      all.values.insert(all.values.end(), part->values.begin(), part->values.end());
    }
    return all;
  }

  [[nodiscard]] std::optional<Elements> gather(const proto::NodeProto& node,
                                               const Elements& data) const {
    const auto type = model_.initializer_type(input(node, 1));
    const auto indices = constant_integers(model_, input(node, 1));
    const auto axis = int_or(node, "axis", 0);
    if (!indices || data.is_scalar || type->shape->size() > 1 || (axis != 0 && axis != -1)) {
      return std::nullopt;
    }
    const auto size = static_cast<std::int64_t>(data.values.size());
    Elements taken;
    taken.is_scalar = type->shape->empty();
    for (const auto index : *indices) {
      const auto place = from_end(index, size);
      if (place < 0 || place >= size) {
        return std::nullopt;
      }
      taken.values.push_back(data.values[static_cast<std::size_t>(place)]);
    }
    return taken;
  }

  /// One of the numbers that say what a Slice takes; an attribute in old opsets, an input later.
  [[nodiscard]] std::optional<std::int64_t> bound(const proto::NodeProto& node,
                                                  std::string_view name, int index,
                                                  std::optional<std::int64_t> fallback) const {
    if (const auto* list = attribute(node, name)) {
      return list->ints_size() == 1 ? std::optional<std::int64_t>(list->ints(0)) : std::nullopt;
    }
    if (input(node, index).empty()) {
      return fallback;
    }
    const auto numbers = constant_integers(model_, input(node, index));
    return numbers && numbers->size() == 1 ? std::optional(numbers->front()) : std::nullopt;
  }

  [[nodiscard]] std::optional<Elements> slice(const proto::NodeProto& node,
                                              const Elements& data) const {
    const auto start = bound(node, "starts", 1, std::nullopt);
    const auto end = bound(node, "ends", 2, std::nullopt);
    const auto axis = bound(node, "axes", 3, 0);
    const auto step = bound(node, "steps", 4, 1);
    if (data.is_scalar || !start || !end || !axis || (*axis != 0 && *axis != -1) ||
        step.value_or(0) != 1) {
      return std::nullopt;
    }
    const auto size = static_cast<std::int64_t>(data.values.size());
    const auto first = std::clamp<std::int64_t>(from_end(*start, size), 0, size);
    const auto last = std::clamp<std::int64_t>(from_end(*end, size), first, size);
    return Elements{{data.values.begin() + first, data.values.begin() + last}, false};
  }

  Model& model_;
  Model::State& state_;
  StringMap<Elements> elements_;
};

}  // namespace

void fold_shapes(Model& model, Simplification& what) {
  what.folded_shapes += ShapeFold(model).fold();
}

}  // namespace tessera::onnx
