// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/litert/content.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace tessera::litert {
namespace {

struct TypeRow {
  std::string_view name;
  int bits;
  DType dtype;
};

/// By the numbers of the format.
constexpr auto kTypes = std::to_array<TypeRow>({
    {"float32", 32, DType::kFloat32},
    {"float16", 16, DType::kFloat16},
    {"int32", 32, DType::kInt32},
    {"uint8", 8, DType::kUInt8},
    {"int64", 64, DType::kInt64},
    {"string", 0, DType::kString},
    {"bool", 8, DType::kBool},
    {"int16", 16, DType::kInt16},
    {"complex64", 64, DType::kComplex64},
    {"int8", 8, DType::kInt8},
    {"float64", 64, DType::kFloat64},
    {"complex128", 128, DType::kComplex128},
    {"uint64", 64, DType::kUInt64},
    {"resource", 0, DType::kUndefined},
    {"variant", 0, DType::kUndefined},
    {"uint32", 32, DType::kUInt32},
    {"uint16", 16, DType::kUInt16},
    {"int4", 4, DType::kInt4},
    {"bfloat16", 16, DType::kBFloat16},
    {"int2", 2, DType::kUndefined},
    {"uint4", 4, DType::kUInt4},
    {"float8e4m3fn", 8, DType::kFloat8E4M3FN},
    {"float8e5m2", 8, DType::kFloat8E5M2},
});

const TypeRow& row_of(ElementType type) {
  return kTypes[static_cast<std::size_t>(type)];
}

}  // namespace

bool is_known(ElementType type) noexcept {
  const auto number = static_cast<int>(type);
  return number >= 0 && number < static_cast<int>(kTypes.size());
}

std::string_view to_string(ElementType type) noexcept {
  return is_known(type) ? row_of(type).name : "unknown";
}

DType dtype_of(ElementType type) noexcept {
  return is_known(type) ? row_of(type).dtype : DType::kUndefined;
}

std::optional<ElementType> element_type_of(DType dtype) noexcept {
  for (std::size_t i = 0; i < kTypes.size(); ++i) {
    if (kTypes[i].dtype == dtype && dtype != DType::kUndefined) {
      return static_cast<ElementType>(i);
    }
  }
  return std::nullopt;
}

int bits_of(ElementType type) noexcept {
  return is_known(type) ? row_of(type).bits : 0;
}

Data::Data(std::vector<std::byte> bytes) {
  auto owner = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
  bytes_ = *owner;
  owner_ = std::move(owner);
}

std::uint32_t Subgraph::add_operator(Operator op, std::size_t place) {
  op.id = ids++;
  const auto id = op.id;
  const auto at = static_cast<std::ptrdiff_t>(std::min(place, operators.size()));
  operators.insert(operators.begin() + at, std::move(op));
  return id;
}

std::int32_t Subgraph::add_tensor(Tensor tensor) {
  tensors.push_back(std::move(tensor));
  return static_cast<std::int32_t>(tensors.size()) - 1;
}

std::uint32_t Content::code_of(const OperatorCode& code) {
  const auto found = std::find_if(codes.begin(), codes.end(), [&](const OperatorCode& other) {
    return other.code == code.code && other.custom == code.custom && other.version == code.version;
  });
  if (found != codes.end()) {
    return static_cast<std::uint32_t>(found - codes.begin());
  }
  codes.push_back(code);
  return static_cast<std::uint32_t>(codes.size()) - 1;
}

std::uint32_t Content::add_buffer(Data data) {
  if (buffers.empty()) {
    buffers.emplace_back();
  }
  buffers.push_back(std::move(data));
  return static_cast<std::uint32_t>(buffers.size()) - 1;
}

namespace {

/// Those of the file, if each stands there once.
std::optional<std::vector<std::string>> unique_names(const Subgraph& subgraph) {
  std::unordered_set<std::string_view> given;
  given.reserve(subgraph.tensors.size());
  std::vector<std::string> names;
  names.reserve(subgraph.tensors.size());
  for (const auto& tensor : subgraph.tensors) {
    if (tensor.name.empty() || !given.insert(tensor.name).second) {
      return std::nullopt;
    }
    names.push_back(tensor.name);
  }
  return names;
}

}  // namespace

std::vector<std::string> value_names(const Subgraph& subgraph) {
  if (auto unique = unique_names(subgraph)) {
    return *std::move(unique);
  }
  std::unordered_set<std::string> taken;
  for (const auto& tensor : subgraph.tensors) {
    taken.insert(tensor.name);
  }
  std::unordered_set<std::string> given;
  std::unordered_map<std::string, std::size_t> next;
  std::vector<std::string> names;
  names.reserve(subgraph.tensors.size());
  for (std::size_t i = 0; i < subgraph.tensors.size(); ++i) {
    const auto& own = subgraph.tensors[i].name;
    if (!own.empty() && given.insert(own).second) {
      names.push_back(own);
      continue;
    }
    const auto base = own.empty() ? std::string("tensor") : own;
    // Where the last search for this name ended: thousands may hold the same.
    auto& suffix = next.try_emplace(base, own.empty() ? 0 : 2).first->second;
    suffix = own.empty() ? std::max(suffix, i) : suffix;
    auto name = fmt::format("{}#{}", base, suffix++);
    while (taken.contains(name) || !given.insert(name).second) {
      name = fmt::format("{}#{}", base, suffix++);
    }
    names.push_back(std::move(name));
  }
  return names;
}

namespace {

/// Where each element goes that is kept: places are given out in order.
class Renumbering {
 public:
  explicit Renumbering(std::size_t size) : places_(size, kNone) {}
  template <class Index>
  void keep(Index index) {
    if (std::cmp_greater_equal(index, 0) && std::cmp_less(index, places_.size())) {
      places_[static_cast<std::size_t>(index)] = 0;
    }
  }
  void finish() {
    std::int64_t next = 0;
    for (auto& place : places_) {
      place = place == kNone ? kNone : next++;
    }
  }
  [[nodiscard]] bool kept(std::size_t index) const { return places_[index] != kNone; }
  template <class Index>
  void apply(Index& index) const {
    if (std::cmp_greater_equal(index, 0)) {
      index = static_cast<Index>(places_[static_cast<std::size_t>(index)]);
    }
  }
  template <class T>
  void compact(std::vector<T>& elements) const {
    std::size_t to = 0;
    for (std::size_t from = 0; from < elements.size(); ++from) {
      if (kept(from)) {
        if (to != from) {
          elements[to] = std::move(elements[from]);
        }
        ++to;
      }
    }
    elements.erase(elements.begin() + static_cast<std::ptrdiff_t>(to), elements.end());
  }

 private:
  static constexpr std::int64_t kNone = -1;
  std::vector<std::int64_t> places_;
};

template <class Visit>
void for_each_tensor_index(Subgraph& subgraph, const Visit& visit) {
  std::for_each(subgraph.inputs.begin(), subgraph.inputs.end(), visit);
  std::for_each(subgraph.outputs.begin(), subgraph.outputs.end(), visit);
  for (auto& op : subgraph.operators) {
    std::for_each(op.inputs.begin(), op.inputs.end(), visit);
    std::for_each(op.outputs.begin(), op.outputs.end(), visit);
    std::for_each(op.intermediates.begin(), op.intermediates.end(), visit);
  }
}

void remove_unused_tensors(Content& content, std::uint32_t which) {
  auto& subgraph = content.subgraphs[which];
  Renumbering tensors(subgraph.tensors.size());
  const auto visit = [&](const auto& change) {
    for_each_tensor_index(subgraph, change);
    for (auto& signature : content.signatures) {
      if (signature.subgraph == which) {
        for (auto* values : {&signature.inputs, &signature.outputs}) {
          for (auto& value : *values) {
            change(value.tensor);
          }
        }
      }
    }
  };
  visit([&](auto index) { tensors.keep(index); });
  tensors.finish();
  visit([&](auto& index) { tensors.apply(index); });
  tensors.compact(subgraph.tensors);
}

}  // namespace

void remove_unused(Content& content) {
  Renumbering codes(content.codes.size());
  Renumbering buffers(content.buffers.size());
  buffers.keep(0);
  for (std::uint32_t i = 0; i < content.subgraphs.size(); ++i) {
    remove_unused_tensors(content, i);
    for (const auto& tensor : content.subgraphs[i].tensors) {
      buffers.keep(tensor.buffer);
    }
    for (const auto& op : content.subgraphs[i].operators) {
      codes.keep(op.code);
    }
  }
  for (const auto& metadata : content.metadata) {
    buffers.keep(metadata.buffer);
  }
  for (const auto buffer : content.metadata_buffers) {
    buffers.keep(buffer);
  }
  codes.finish();
  buffers.finish();
  for (auto& subgraph : content.subgraphs) {
    for (auto& tensor : subgraph.tensors) {
      buffers.apply(tensor.buffer);
    }
    for (auto& op : subgraph.operators) {
      codes.apply(op.code);
    }
  }
  for (auto& metadata : content.metadata) {
    buffers.apply(metadata.buffer);
  }
  for (auto& buffer : content.metadata_buffers) {
    buffers.apply(buffer);
  }
  codes.compact(content.codes);
  buffers.compact(content.buffers);
}

namespace {

/// Where the options of an operator name the subgraphs that it calls: numbers in these fields, or
/// one list.
struct CallFields {
  bool in_options2 = false;
  std::vector<std::uint16_t> places;
  bool listed = false;
};

CallFields call_fields(Builtin code) {
  switch (code) {
    case Builtin::kIf:
    case Builtin::kWhile:
      return {.places = {0, 1}};
    case Builtin::kCall:
    case Builtin::kCallOnce:
      return {.places = {0}};
    case Builtin::kStablehloWhile:
      return {.in_options2 = true, .places = {0, 1}};
    case Builtin::kStablehloReduce:
    case Builtin::kStablehloComposite:
      return {.in_options2 = true, .places = {1}};
    case Builtin::kStablehloReduceWindow:
      return {.in_options2 = true, .places = {5}};
    case Builtin::kStablehloSort:
      return {.in_options2 = true, .places = {2}};
    case Builtin::kStablehloScatter:
      return {.in_options2 = true, .places = {6}};
    case Builtin::kStablehloCase:
      return {.in_options2 = true, .places = {0}, .listed = true};
    default:
      return {};
  }
}

/// Subgraphs by their new places.
void renumber_bodies(const Content& content, Operator& op, const Renumbering& subgraphs) {
  const auto fields = call_fields(content.code(op).code);
  auto& options = fields.in_options2 ? op.options2 : op.options;
  for (const auto place : fields.places) {
    auto bodies = fields.listed ? options.ints(place) : std::vector{options.int_or(place, 0)};
    for (auto& body : bodies) {
      subgraphs.apply(body);
    }
    if (fields.listed) {
      options.set_ints(place, bodies);
    } else {
      options.set_int(place, bodies.front());
    }
  }
}

}  // namespace

std::vector<std::uint32_t> bodies_of(const Content& content, const Operator& op) {
  const auto fields = call_fields(content.code(op).code);
  const auto& options = fields.in_options2 ? op.options2 : op.options;
  std::vector<std::uint32_t> bodies;
  for (const auto place : fields.places) {
    if (fields.listed) {
      const auto branches = options.ints(place);
      bodies.assign(branches.begin(), branches.end());
    } else {
      bodies.push_back(static_cast<std::uint32_t>(options.int_or(place, 0)));
    }
  }
  return bodies;
}

std::set<std::uint32_t> called_subgraphs(const Content& content,
                                         std::span<const Operator> operators) {
  std::set<std::uint32_t> called;
  std::vector<std::uint32_t> open;
  const auto follow = [&](const Operator& op) {
    for (const auto body : bodies_of(content, op)) {
      if (called.insert(body).second) {
        open.push_back(body);
      }
    }
  };
  std::for_each(operators.begin(), operators.end(), follow);
  while (!open.empty()) {
    const auto& inner = content.subgraphs[open.back()].operators;
    open.pop_back();
    std::for_each(inner.begin(), inner.end(), follow);
  }
  return called;
}

void remove_uncalled(Content& content) {
  Renumbering subgraphs(content.subgraphs.size());
  const auto keep = [&](std::uint32_t entry) {
    subgraphs.keep(entry);
    for (const auto called : called_subgraphs(content, content.subgraphs[entry].operators)) {
      subgraphs.keep(called);
    }
  };
  keep(0);
  for (const auto& signature : content.signatures) {
    keep(signature.subgraph);
  }
  subgraphs.finish();
  for (auto& subgraph : content.subgraphs) {
    for (auto& op : subgraph.operators) {
      renumber_bodies(content, op, subgraphs);
    }
  }
  for (auto& signature : content.signatures) {
    subgraphs.apply(signature.subgraph);
  }
  subgraphs.compact(content.subgraphs);
}

}  // namespace tessera::litert
