// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <initializer_list>
#include <utility>
#include <vector>

#include "network/micro_parts.h"
#include "tessera/litert/model.h"

namespace tessera::network {
namespace {

using litert::Builtin;
using litert::ElementType;
using litert::Options;
using litert::TableUnion;

constexpr const char* kFloats = "float32";
constexpr const char* kIntegers = "s8 x s8";

// Types of options, by the numbers of the format.
constexpr std::uint8_t kConvOptions = 1;
constexpr std::uint8_t kFullyConnectedOptions = 8;
constexpr std::uint8_t kTransposeOptions = 26;
constexpr std::uint8_t kCastOptions = 37;
constexpr std::uint8_t kDequantizeOptions = 38;
constexpr std::uint8_t kQuantizeOptions = 89;

/// The same for activations and weights; results fill a good part of 8 bits.
constexpr float kScale = 0.01F;
constexpr float kResultScale = 0.4F;

/// A network of one operator, tensor by tensor: its input first, its output last.
class Builder {
 public:
  Builder() {
    content_.buffers.emplace_back();
    content_.subgraphs.emplace_back().name = "main";
  }

  Builder& add(std::string name, ElementType type, const Shape& shape) {
    litert::Tensor tensor{.has_rank = true, .type = type, .name = std::move(name)};
    tensor.shape.emplace();
    std::transform(shape.begin(), shape.end(), std::back_inserter(*tensor.shape),
                   [](std::int64_t extent) { return static_cast<std::int32_t>(extent); });
    graph().add_tensor(std::move(tensor));
    return *this;
  }
  /// Integers: one scale, or one for each index of the first axis.
  Builder& scaled(float scale, std::int64_t channels = 1, std::int64_t zero_point = 0) {
    if (is_integer(litert::dtype_of(last().type))) {
      const auto count = static_cast<std::size_t>(channels);
      last().quantization.emplace();
      last().quantization->scales.assign(count, scale);
      last().quantization->zero_points.assign(count, zero_point);
    }
    return *this;
  }
  Builder& holding(std::span<const std::byte> bytes) {
    last().buffer = content_.add_buffer(litert::Data({bytes.begin(), bytes.end()}));
    return *this;
  }

  Result<Network> build(const litert::OperatorCode& code, Options options) {
    auto& subgraph = graph();
    const auto count = static_cast<std::int32_t>(subgraph.tensors.size());
    litert::Operator op{.code = content_.code_of(code), .options = std::move(options)};
    for (std::int32_t i = 0; i < count - 1; ++i) {
      op.inputs.push_back(i);
    }
    op.outputs = {count - 1};
    subgraph.inputs = {0};
    subgraph.outputs = {count - 1};
    subgraph.add_operator(std::move(op));
    return litert::Model::of(std::move(content_)).map([](litert::Model model) {
      return Network::of(std::move(model));
    });
  }

 private:
  litert::Subgraph& graph() { return content_.subgraphs.front(); }
  litert::Tensor& last() { return graph().tensors.back(); }
  litert::Content content_;
};

Options options_of(std::uint8_t type,
                   std::initializer_list<std::pair<std::uint16_t, std::int64_t>> fields = {}) {
  Options options(TableUnion::kOptions, type);
  for (const auto& [place, value] : fields) {
    options.set_int(place, value);
  }
  return options;
}

/// What takes one type to the other, with the version that has these types.
struct Change {
  litert::OperatorCode code;
  Options options;
  ElementType from = ElementType::kFloat32;
  ElementType to = ElementType::kFloat32;
};

Change change_of(Conversion kind) {
  constexpr auto kFloat = ElementType::kFloat32;
  constexpr auto kInt8 = ElementType::kInt8;
  switch (kind) {
    case Conversion::kQuantize:
      return {{.code = Builtin::kQuantize}, options_of(kQuantizeOptions), kFloat, kInt8};
    case Conversion::kDequantize:
      return {{.code = Builtin::kDequantize, .version = 2},
              options_of(kDequantizeOptions),
              kInt8,
              kFloat};
    case Conversion::kCast:
      return {{.code = Builtin::kCast, .version = 5},
              options_of(kCastOptions, {{0, static_cast<std::int64_t>(kFloat)},
                                        {1, static_cast<std::int64_t>(ElementType::kFloat16)}}),
              kFloat,
              ElementType::kFloat16};
    case Conversion::kTransposeInt8:
      return {
          {.code = Builtin::kTranspose, .version = 2}, options_of(kTransposeOptions), kInt8, kInt8};
    case Conversion::kTransposeFloat:
      break;
  }
  return {{.code = Builtin::kTranspose}, options_of(kTransposeOptions), kFloat, kFloat};
}

}  // namespace

Result<Micro> litert_conversion(Conversion kind, std::int64_t elements) {
  constexpr float kMapScale = 0.02F;
  constexpr std::int64_t kMapZero = -11;
  const auto change = change_of(kind);
  auto shape = map_extents(elements);
  Builder builder;
  builder.add("x", change.from, shape).scaled(kMapScale, 1, kMapZero);
  if (change.code.code == Builtin::kTranspose) {
    const std::vector<std::int32_t> order{0, 2, 3, 1};
    builder.add("order", ElementType::kInt32, {4}).holding(std::as_bytes(std::span(order)));
    shape = {shape[0], shape[2], shape[3], shape[1]};
  }
  builder.add("y", change.to, shape).scaled(kMapScale, 1, kMapZero);
  TESSERA_TRY(auto network, builder.build(change.code, change.options));
  return Micro{
      .name = fmt::format("{} of {}", litert::name_of(change.code.code), elements),
      .types = {},
      .network = std::move(network),
      .input = "x",
      .values = reads_integers(kind) ? integer_map(DType::kInt8, elements) : float_map(elements)};
}

Result<Micro> litert_matrix_product(bool integer) {
  const auto type = integer ? ElementType::kInt8 : ElementType::kFloat32;
  const Shape shape{kRows, kRows};
  auto values = random_operand(litert::dtype_of(type), shape);
  Builder builder;
  builder.add("x", type, shape).scaled(kScale);
  builder.add("w", type, shape).holding(values.bytes()).scaled(kScale);
  builder.add("y", type, shape).scaled(kResultScale);
  TESSERA_TRY(auto network,
              builder.build({.code = Builtin::kFullyConnected, .version = integer ? 4 : 1},
                            options_of(kFullyConnectedOptions)));
  return Micro{.name = product_name(litert::name_of(Builtin::kFullyConnected)),
               .types = integer ? kIntegers : kFloats,
               .network = std::move(network),
               .input = "x",
               .values = std::move(values),
               .operations = kProductOperations};
}

Result<Micro> litert_convolution(bool integer) {
  const auto type = integer ? ElementType::kInt8 : ElementType::kFloat32;
  const auto dtype = litert::dtype_of(type);
  const Shape shape{1, kExtent, kExtent, kChannels};
  const auto weights = random_operand(dtype, {kChannels, 3, 3, kChannels});
  const Tensor bias(integer ? DType::kInt32 : DType::kFloat32, {kChannels});
  Builder builder;
  builder.add("x", type, shape).scaled(kScale);
  builder.add("w", type, weights.shape()).holding(weights.bytes()).scaled(kScale, kChannels);
  builder.add("b", integer ? ElementType::kInt32 : type, bias.shape()).holding(bias.bytes());
  builder.scaled(kScale * kScale, kChannels);
  builder.add("y", type, shape).scaled(kResultScale);
  TESSERA_TRY(auto network,
              builder.build({.code = Builtin::kConv2d, .version = integer ? 3 : 1},
                            options_of(kConvOptions, {{0, 0}, {1, 1}, {2, 1}, {4, 1}, {5, 1}})));
  return Micro{.name = convolution_name(litert::name_of(Builtin::kConv2d)),
               .types = integer ? kIntegers : kFloats,
               .network = std::move(network),
               .input = "x",
               .values = random_operand(dtype, shape),
               .operations = kConvolutionOperations};
}

}  // namespace tessera::network
