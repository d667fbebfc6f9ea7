// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/litert/builtin.h"
#include "tessera/litert/options.h"
#include "tessera/tensor/dtype.h"

/// What a .tflite file holds, as plain values that may be edited; all of it is written again.
/// Vectors that a file leaves out and those that are empty are the same, unless they are optional.
namespace tessera::litert {

/// Element types, by the numbers that files have for them.
enum class ElementType : std::int8_t {
  kFloat32 = 0,
  kFloat16 = 1,
  kInt32 = 2,
  kUInt8 = 3,
  kInt64 = 4,
  kString = 5,
  kBool = 6,
  kInt16 = 7,
  kComplex64 = 8,
  kInt8 = 9,
  kFloat64 = 10,
  kComplex128 = 11,
  kUInt64 = 12,
  kResource = 13,
  kVariant = 14,
  kUInt32 = 15,
  kUInt16 = 16,
  kInt4 = 17,
  kBFloat16 = 18,
  kInt2 = 19,
  kUInt4 = 20,
  kFloat8E4M3FN = 21,
  kFloat8E5M2 = 22,
};
[[nodiscard]] bool is_known(ElementType type) noexcept;
/// "int8", "resource", ...
[[nodiscard]] std::string_view to_string(ElementType type) noexcept;
/// kUndefined where the toolkit has no such type: resources, variants, 2-bit integers.
[[nodiscard]] DType dtype_of(ElementType type) noexcept;
/// None for types that the format does not have.
[[nodiscard]] std::optional<ElementType> element_type_of(DType dtype) noexcept;
/// Bits of an element in a buffer; 0 for strings, resources and variants.
[[nodiscard]] int bits_of(ElementType type) noexcept;

/// Bytes that are shared and never changed: those of a file stay where they are mapped.
class Data {
 public:
  Data() = default;
  explicit Data(std::vector<std::byte> bytes);
  /// Of somebody who keeps them as long as `owner` lives.
  Data(std::shared_ptr<const void> owner, std::span<const std::byte> bytes)
      : owner_(std::move(owner)), bytes_(bytes) {}
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }
  [[nodiscard]] bool empty() const noexcept { return bytes_.empty(); }

 private:
  std::shared_ptr<const void> owner_;
  std::span<const std::byte> bytes_;
};

/// real = (integer - zero_points[c]) * scales[c]: one scale for all, or one per index of an axis.
struct Quantization {
  std::vector<float> min;
  std::vector<float> max;
  std::vector<float> scales;
  std::vector<std::int64_t> zero_points;
  std::int32_t axis = 0;
  Options details{TableUnion::kDetails, 0};
};

/// How a dimension of a sparse tensor is stored.
struct SparseDimension {
  std::int8_t format = 0;
  std::int32_t dense_size = 0;
  Options segments{TableUnion::kIndices, 0};
  Options indices{TableUnion::kIndices, 0};
};
struct Sparsity {
  std::vector<std::int32_t> traversal_order;
  std::vector<std::int32_t> block_map;
  std::vector<SparseDimension> dimensions;
};

/// What a variant holds.
struct VariantType {
  std::optional<std::vector<std::int32_t>> shape;
  ElementType type = ElementType::kFloat32;
  bool has_rank = false;
};

struct Tensor {
  std::optional<std::vector<std::int32_t>> shape;
  /// With -1 for extents that are open, where `shape` has the number that it stands for at first.
  std::vector<std::int32_t> signature;
  bool has_rank = false;
  ElementType type = ElementType::kFloat32;
  std::uint32_t buffer = 0;  ///< 0 has no bytes
  std::string name;          ///< need not be unique, may be empty
  std::optional<Quantization> quantization;
  bool is_variable = false;
  std::optional<Sparsity> sparsity;
  std::vector<VariantType> variants;
};

struct OperatorCode {
  Builtin code = Builtin::kAdd;
  std::string custom;  ///< the name of a custom operator
  std::int32_t version = 1;
};

struct Operator {
  /// Identifies it among those of its subgraph, also after others are added or removed; not
  /// written.
  std::uint32_t id = 0;
  std::uint32_t code = 0;             ///< which of Content::codes
  std::vector<std::int32_t> inputs;   ///< -1: absent
  std::vector<std::int32_t> outputs;  ///< -1: absent
  Options options{TableUnion::kOptions, 0};
  Options options2{TableUnion::kOptions2, 0};
  Data custom_options;
  std::int8_t custom_options_format = 0;
  std::vector<std::uint8_t> mutated_inputs;  ///< 1: a variable that it writes
  std::vector<std::int32_t> intermediates;
  std::int32_t debug_metadata = -1;
};

struct Subgraph {
  std::string name;
  std::vector<Tensor> tensors;
  std::vector<std::int32_t> inputs;
  std::vector<std::int32_t> outputs;
  std::vector<Operator> operators;  ///< each behind those that it reads from
  std::int32_t debug_metadata = -1;
  std::uint32_t ids = 0;  ///< given out so far

  /// Gives the operator an id of its own and puts it in front of that at `place` (at the end if
  /// there is none). Returns the id.
  std::uint32_t add_operator(Operator op, std::size_t place = static_cast<std::size_t>(-1));
  /// Returns its index.
  std::int32_t add_tensor(Tensor tensor);
};

struct Metadata {
  std::string name;
  std::uint32_t buffer = 0;
};

struct SignatureValue {
  std::string name;
  std::uint32_t tensor = 0;  ///< of the signature's subgraph
};
/// An entry point under a name of its own.
struct Signature {
  std::string key;
  std::string tag;  ///< given up by the format
  std::uint32_t subgraph = 0;
  std::vector<SignatureValue> inputs;
  std::vector<SignatureValue> outputs;
};

struct Content {
  std::string description;
  std::vector<OperatorCode> codes;
  std::vector<Subgraph> subgraphs;  ///< the first is the network
  std::vector<Data> buffers;        ///< the first stands for none
  std::vector<Metadata> metadata;
  std::vector<std::int32_t> metadata_buffers;
  std::vector<Signature> signatures;
  /// A zip archive behind the model, as exporters append labels; its places are those in the file.
  Data archive;
  /// Where it began in the file.
  std::size_t archive_offset = 0;

  /// The index of an operator code, added where there is none like it.
  std::uint32_t code_of(const OperatorCode& code);
  /// Returns its index.
  std::uint32_t add_buffer(Data data);
  [[nodiscard]] const OperatorCode& code(const Operator& op) const { return codes[op.code]; }
  /// Its values stand in the file: nothing makes it.
  [[nodiscard]] bool is_constant(const Tensor& tensor) const {
    return tensor.buffer != 0 && !buffers[tensor.buffer].empty();
  }
};

/// By tensor: unique names that are not empty, those of the file where they are.
[[nodiscard]] std::vector<std::string> value_names(const Subgraph& subgraph);

/// Removes tensors, buffers and operator codes that nothing refers to, and renumbers the rest in
/// the same order. Subgraphs stay. Every index has to be valid.
void remove_unused(Content& content);

/// Removes subgraphs that neither the first one nor one with a signature calls, directly or not,
/// and renumbers the rest in the same order. Every index has to be valid.
void remove_uncalled(Content& content);

/// The bytes of an entry of the metadata, trailing zeros left out; none if there is no such entry.
[[nodiscard]] std::optional<std::string> metadata_of(const Content& content, std::string_view name);
void set_metadata(Content& content, std::string_view name, std::string_view value);

/// Operators of the first subgraph as a network of its own, with the subgraphs that they call and
/// no others. Inputs and outputs are tensors by index. It has one signature by the names of its
/// values if the whole had any; what the whole says about its own values (TFLITE_METADATA, the
/// archive) is left out. Tensors that shared a name have the unique ones of value_names().
[[nodiscard]] Content part_of(const Content& content, const std::set<std::uint32_t>& operators,
                              std::span<const std::int32_t> inputs,
                              std::span<const std::int32_t> outputs);

/// What these operators of the first subgraph, by their ids, and the others keep in common from run
/// to run, by its name: a part would have one of its own. Variables and tables count by the names
/// that handles have for them, also within the subgraphs that operators call.
[[nodiscard]] std::optional<std::string> shared_state(const Content& content,
                                                      const std::set<std::uint32_t>& operators);

/// Makes a tensor of the first subgraph an output, also of its signatures, unless it is one.
void expose(Content& content, std::int32_t tensor);

/// Subgraphs that an operator calls, as its options name them.
[[nodiscard]] std::vector<std::uint32_t> bodies_of(const Content& content, const Operator& op);

/// Those that operators call, and that these call.
[[nodiscard]] std::set<std::uint32_t> called_subgraphs(const Content& content,
                                                       std::span<const Operator> operators);

}  // namespace tessera::litert
