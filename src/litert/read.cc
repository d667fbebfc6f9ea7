// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "litert/read.h"

#include <flatbuffers/flatbuffers.h>
#include <litert_generated.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "litert/archive.h"
#include "litert/option_layouts.h"

namespace tessera::litert {
namespace {

using flatbuffers::uoffset_t;
using flatbuffers::voffset_t;

constexpr std::uint32_t kSchemaVersion = 3;
constexpr std::size_t kLargestFile = FLATBUFFERS_MAX_BUFFER_SIZE - 1;
/// The smallest that the verifier takes: offset, identifier, a table, its own table of fields.
constexpr std::size_t kSmallestFile = 16;
/// Element types have at most this alignment that the format does not give by itself.
constexpr std::size_t kAlignment = 8;
/// What may lie behind the last object without being one: zeros that align it.
constexpr std::size_t kMostPadding = 64;

/// How many fields our schema has of each table: a file with more comes from a newer one.
constexpr int kModelFields = 10;
constexpr int kCodeFields = 4;
constexpr int kSubgraphFields = 6;
constexpr int kTensorFields = 11;
constexpr int kQuantizationFields = 7;
constexpr int kSparsityFields = 3;
constexpr int kDimensionFields = 6;
constexpr int kVariantFields = 3;
constexpr int kOperatorFields = 14;
constexpr int kBufferFields = 3;
constexpr int kMetadataFields = 2;
constexpr int kSignatureFields = 5;
constexpr int kSignatureValueFields = 2;

Failure damaged(std::string_view what) {
  return fail(ErrorCode::kDataLoss, "the file is truncated or damaged: {}", what)
      .hint("get the file again, or convert the network anew");
}

Failure in_one_another() {
  return damaged("parts of it lie in one another");
}

class Reader {
 public:
  Reader(std::span<const std::byte> bytes, std::shared_ptr<const void> owner)
      : bytes_(bytes),
        owner_(std::move(owner)),
        budget_(8 * bytes.size() + (std::size_t{1} << 20)) {}

  Result<Read> read() {
    TESSERA_CHECK(verify());
    const auto* model = fb::GetModel(bytes_.data());
    if (model->version() != kSchemaVersion) {
      return fail(ErrorCode::kUnimplemented, "version {} of the format is not known",
                  model->version())
          .hint("version {} is the one that every converter writes", kSchemaVersion);
    }
    see_table(model, kModelFields, "the model");
    TESSERA_CHECK(refuse_external(*model));
    auto& content = read_.content;
    content.description = text(model->description());
    content.metadata_buffers = numbers(model->metadata_buffer());
    TESSERA_CHECK(each(model->operator_codes(), [&](const auto& code) { return add_code(code); }));
    TESSERA_CHECK(each(model->buffers(), [&](const auto& buffer) { return add_buffer(buffer); }));
    TESSERA_CHECK(each(model->subgraphs(), [&](const auto& graph) { return add_subgraph(graph); }));
    TESSERA_CHECK(each(model->metadata(), [&](const auto& metadata) {
      see_table(&metadata, kMetadataFields, "metadata");
      content.metadata.push_back({text(metadata.name()), metadata.buffer()});
      return Status();
    }));
    TESSERA_CHECK(
        each(model->signature_defs(), [&](const auto& entry) { return add_signature(entry); }));
    if (overdrawn_) {
      return in_one_another();
    }
    look_behind();
    return std::move(read_);
  }

 private:
  Status verify() {
    if (bytes_.size() > kLargestFile) {
      return fail(ErrorCode::kUnimplemented, "files of more than 2 GB are not supported")
          .hint("convert the network with smaller weights, for example in float16");
    }
    if (bytes_.size() < kSmallestFile) {
      return damaged("it has only a few bytes");
    }
    if (!fb::ModelBufferHasIdentifier(bytes_.data())) {
      return fail(ErrorCode::kDataLoss, "no LiteRT file: 'TFL3' is missing at byte 4")
          .hint("a .tflite file is expected");
    }
    flatbuffers::Verifier verifier(reinterpret_cast<const std::uint8_t*>(bytes_.data()),
                                   bytes_.size());
    if (!fb::VerifyModelBuffer(verifier)) {
      return damaged("an offset in it points to nowhere");
    }
    return {};
  }

  static Status refuse_external(const fb::Model& model) {
    const auto holds = [](const auto* list) { return list != nullptr && list->size() > 0; };
    if (holds(model.external_buffer_groups()) || holds(model.external_buffers())) {
      return fail(ErrorCode::kUnimplemented, "weights in files of their own are not supported")
          .hint("convert the network into one file");
    }
    return {};
  }

  // --- pieces -------------------------------------------------------------------------------

  /// Notes where what belongs to the model ends.
  void see(const void* from, std::size_t length) {
    const auto at =
        static_cast<std::size_t>(static_cast<const std::byte*>(from) - bytes_.data()) + length;
    end_ = std::max(end_, std::min(at, bytes_.size()));
  }

  /// What is copied. A sound file has each part once, or a few that several share; a damaged one
  /// may have one part a million times.
  bool take(std::size_t size) {
    overdrawn_ = overdrawn_ || size > budget_;
    budget_ -= overdrawn_ ? 0 : size;
    return !overdrawn_;
  }

  /// Tables come verified: their list of fields lies in the file.
  static const flatbuffers::Table& fields_of(const void* table) {
    return *static_cast<const flatbuffers::Table*>(table);
  }
  static int places_in(const void* table) {
    const auto size = flatbuffers::ReadScalar<voffset_t>(fields_of(table).GetVTable());
    return (size - 4) / 2;
  }
  static voffset_t place_of(int field) { return static_cast<voffset_t>(4 + 2 * field); }

  void see_table(const void* table, int known, std::string_view what) {
    const auto* list = fields_of(table).GetVTable();
    const auto length = flatbuffers::ReadScalar<voffset_t>(list);
    see(list, length);
    if (length >= 2 * sizeof(voffset_t)) {  // what is verified of it is its length
      see(table, flatbuffers::ReadScalar<voffset_t>(list + sizeof(voffset_t)));
    }
    for (int field = known; field < places_in(table); ++field) {
      if (fields_of(table).GetOptionalFieldOffset(place_of(field)) != 0) {
        keep_from_writing(what, field);
      }
    }
    take(8 * (sizeof(uoffset_t) + sizeof(flatbuffers::soffset_t)));
  }

  void keep_from_writing(std::string_view what, int field) {
    if (!read_.not_writable) {
      read_.not_writable =
          fail(ErrorCode::kUnimplemented,
               "{} has something (field {}) that is not known, and would be lost", what, field)
              .hint("the file comes from a newer converter; it can be looked at, but not rewritten")
              .error();
    }
  }

  std::string text(const flatbuffers::String* string) {
    if (string == nullptr || !take(string->size())) {
      return {};
    }
    see(string->data(), string->size() + std::size_t{1});
    return string->str();
  }

  template <class T>
  std::vector<T> numbers(const flatbuffers::Vector<T>* vector) {
    if (vector == nullptr) {
      return {};
    }
    const auto size = vector->size() * sizeof(T);
    see(vector->Data(), size);
    if (!take(size)) {
      return {};
    }
    std::vector<T> values(vector->size());
    if (size > 0) {
      std::memcpy(values.data(), vector->Data(), size);  // not as T: it may lie anywhere
    }
    return values;
  }
  template <class T>
  std::optional<std::vector<T>> optional_numbers(const flatbuffers::Vector<T>* vector) {
    return vector == nullptr ? std::nullopt : std::optional(numbers(vector));
  }

  template <class T, class Visit>
  Status each(const flatbuffers::Vector<flatbuffers::Offset<T>>* vector, const Visit& visit) {
    if (vector == nullptr) {
      return {};
    }
    see(vector->Data(), vector->size() * sizeof(uoffset_t));
    for (const auto* element : *vector) {
      TESSERA_CHECK(visit(*element));
      if (overdrawn_) {
        return in_one_another();
      }
    }
    return {};
  }

  /// A view where its alignment does for every element type.
  Data data(const flatbuffers::Vector<std::uint8_t>* vector) {
    if (vector == nullptr || vector->size() == 0) {
      return {};
    }
    see(vector->data(), vector->size());
    const std::span bytes(reinterpret_cast<const std::byte*>(vector->data()), vector->size());
    if (reinterpret_cast<std::uintptr_t>(bytes.data()) % kAlignment == 0) {
      return {owner_, bytes};
    }
    return take(bytes.size()) ? Data(std::vector<std::byte>(bytes.begin(), bytes.end())) : Data();
  }

  // --- tables that are carried over ------------------------------------------------------------

  /// The bytes of a range that a field of an opaque table says it has.
  Result<std::span<const std::byte>> range(std::size_t at, std::size_t length, std::size_t align) {
    if (at > bytes_.size() || length > bytes_.size() - at || at % align != 0) {
      return damaged("options of an operator lie outside of it");
    }
    return bytes_.subspan(at, length);
  }

  Result<std::string> vector_at(std::size_t at, std::uint8_t width) {
    TESSERA_TRY(const auto offset, range(at, sizeof(uoffset_t), sizeof(uoffset_t)));
    const auto start = at + flatbuffers::ReadScalar<uoffset_t>(offset.data());
    TESSERA_TRY(const auto count, range(start, sizeof(uoffset_t), sizeof(uoffset_t)));
    const auto size = std::size_t{flatbuffers::ReadScalar<uoffset_t>(count.data())} * width;
    TESSERA_TRY(const auto elements, range(start + sizeof(uoffset_t), size, 1));
    see(elements.data(), size);
    if (!take(size)) {
      return in_one_another();
    }
    return std::string(reinterpret_cast<const char*>(elements.data()), size);
  }

  Result<Options> opaque(TableUnion which, std::uint8_t type, const fb::Opaque* table,
                         std::string_view what) {
    Options options(which, type);
    options.set_present(table != nullptr);
    const auto layout = layout_of(which, type);
    if (table == nullptr || !layout) {
      if (!layout) {
        keep_from_writing(what, type);
      }
      return options;
    }
    see_table(table, static_cast<int>(layout->size()), what);
    const auto start =
        static_cast<std::size_t>(reinterpret_cast<const std::byte*>(table) - bytes_.data());
    for (std::size_t field = 0; field < layout->size(); ++field) {
      const auto offset =
          fields_of(table).GetOptionalFieldOffset(place_of(static_cast<int>(field)));
      if (offset == 0) {
        continue;
      }
      const auto [form, width] = (*layout)[field];
      OptionField value{form, width, {}};
      if (form == FieldForm::kScalar) {
        TESSERA_TRY(const auto scalar, range(start + offset, width, width));
        take(8 * scalar.size());
        value.bytes.assign(reinterpret_cast<const char*>(scalar.data()), width);
      } else {
        TESSERA_TRY(value.bytes, vector_at(start + offset, width));
      }
      options.set_field(static_cast<std::uint16_t>(field), std::move(value));
    }
    return options;
  }

  // --- tables ---------------------------------------------------------------------------------

  Status add_code(const fb::OperatorCode& code) {
    see_table(&code, kCodeFields, "an operator code");
    // Files from before there were more than 127 have the first alone.
    const auto number = std::max<std::int32_t>(code.deprecated_builtin_code(), code.builtin_code());
    const OperatorCode value{static_cast<Builtin>(number), text(code.custom_code()),
                             code.version()};
    if (name_of(value.code).empty()) {
      return fail(ErrorCode::kUnimplemented, "operator code {} is not known", number)
          .hint("the file comes from a newer converter, or is damaged");
    }
    read_.content.codes.push_back(value);
    return {};
  }

  Status add_buffer(const fb::Buffer& buffer) {
    see_table(&buffer, kBufferFields, "a buffer");
    if (buffer.offset() != 0 || buffer.size() != 0) {
      return fail(ErrorCode::kUnimplemented,
                  "weights behind the model, as in files of more than "
                  "2 GB, are not supported")
          .hint("convert the network with smaller weights, for example in float16");
    }
    read_.content.buffers.push_back(data(buffer.data()));
    return {};
  }

  Status add_subgraph(const fb::SubGraph& from) {
    see_table(&from, kSubgraphFields, "a subgraph");
    Subgraph subgraph;
    subgraph.name = text(from.name());
    subgraph.inputs = numbers(from.inputs());
    subgraph.outputs = numbers(from.outputs());
    subgraph.debug_metadata = from.debug_metadata_index();
    TESSERA_CHECK(each(from.tensors(), [&](const auto& tensor) -> Status {
      TESSERA_TRY(auto value, tensor_of(tensor));
      subgraph.tensors.push_back(std::move(value));
      return {};
    }));
    TESSERA_CHECK(each(from.operators(), [&](const auto& op) -> Status {
      TESSERA_TRY(auto value, operator_of(op));
      subgraph.add_operator(std::move(value));
      return {};
    }));
    read_.content.subgraphs.push_back(std::move(subgraph));
    return {};
  }

  Result<Tensor> tensor_of(const fb::Tensor& from) {
    see_table(&from, kTensorFields, "a tensor");
    Tensor tensor;
    tensor.name = text(from.name());
    tensor.shape = optional_numbers(from.shape());
    tensor.signature = numbers(from.shape_signature());
    tensor.has_rank = from.has_rank();
    tensor.type = static_cast<ElementType>(from.type());
    tensor.buffer = from.buffer();
    tensor.is_variable = from.is_variable();
    if (from.external_buffer() != 0) {
      return fail(ErrorCode::kUnimplemented, "tensor '{}' has its values in another file",
                  tensor.name)
          .hint("convert the network into one file");
    }
    if (from.quantization() != nullptr) {
      TESSERA_TRY(tensor.quantization, quantization_of(*from.quantization()));
    }
    if (from.sparsity() != nullptr) {
      TESSERA_TRY(tensor.sparsity, sparsity_of(*from.sparsity()));
    }
    TESSERA_CHECK(each(from.variant_tensors(), [&](const auto& variant) {
      see_table(&variant, kVariantFields, "a variant tensor");
      tensor.variants.push_back({optional_numbers(variant.shape()),
                                 static_cast<ElementType>(variant.type()), variant.has_rank()});
      return Status();
    }));
    return tensor;
  }

  Result<Quantization> quantization_of(const fb::QuantizationParameters& from) {
    see_table(&from, kQuantizationFields, "a quantization");
    Quantization quantization{.min = numbers(from.min()),
                              .max = numbers(from.max()),
                              .scales = numbers(from.scale()),
                              .zero_points = numbers(from.zero_point()),
                              .axis = from.quantized_dimension()};
    TESSERA_TRY(quantization.details, opaque(TableUnion::kDetails, from.details_type(),
                                             from.details(), "a quantization"));
    return quantization;
  }

  Result<Sparsity> sparsity_of(const fb::SparsityParameters& from) {
    see_table(&from, kSparsityFields, "a sparse tensor");
    Sparsity sparsity{numbers(from.traversal_order()), numbers(from.block_map()), {}};
    TESSERA_CHECK(each(from.dim_metadata(), [&](const auto& dimension) -> Status {
      see_table(&dimension, kDimensionFields, "a sparse tensor");
      SparseDimension value{dimension.format(), dimension.dense_size()};
      TESSERA_TRY(value.segments, opaque(TableUnion::kIndices, dimension.array_segments_type(),
                                         dimension.array_segments(), "a sparse tensor"));
      TESSERA_TRY(value.indices, opaque(TableUnion::kIndices, dimension.array_indices_type(),
                                        dimension.array_indices(), "a sparse tensor"));
      sparsity.dimensions.push_back(std::move(value));
      return {};
    }));
    return sparsity;
  }

  Result<Operator> operator_of(const fb::Operator& from) {
    see_table(&from, kOperatorFields, "an operator");
    if (from.large_custom_options_offset() != 0 || from.large_custom_options_size() != 0) {
      return fail(ErrorCode::kUnimplemented,
                  "options behind the model, as in files of more than 2 GB, are not supported")
          .hint("convert the network with smaller weights, for example in float16");
    }
    Operator op;
    op.code = from.opcode_index();
    op.inputs = numbers(from.inputs());
    op.outputs = numbers(from.outputs());
    op.custom_options = data(from.custom_options());
    op.custom_options_format = from.custom_options_format();
    op.mutated_inputs = numbers(from.mutating_variable_inputs());
    op.intermediates = numbers(from.intermediates());
    op.debug_metadata = from.debug_metadata_index();
    const auto& codes = read_.content.codes;
    const std::string what(op.code < codes.size() ? name_of(codes[op.code].code) : "an operator");
    TESSERA_TRY(op.options, opaque(TableUnion::kOptions, from.builtin_options_type(),
                                   from.builtin_options(), what));
    TESSERA_TRY(op.options2, opaque(TableUnion::kOptions2, from.builtin_options_2_type(),
                                    from.builtin_options_2(), what));
    return op;
  }

  Status add_signature(const fb::SignatureDef& from) {
    see_table(&from, kSignatureFields, "a signature");
    Signature signature{.key = text(from.signature_key()),
                        .tag = text(from.deprecated_tag()),
                        .subgraph = from.subgraph_index()};
    const auto fill = [&](std::vector<SignatureValue>& values, const auto* list) {
      return each(list, [&](const auto& value) {
        see_table(&value, kSignatureValueFields, "a signature");
        values.push_back({text(value.name()), value.tensor_index()});
        return Status();
      });
    };
    TESSERA_CHECK(fill(signature.inputs, from.inputs()));
    TESSERA_CHECK(fill(signature.outputs, from.outputs()));
    read_.content.signatures.push_back(std::move(signature));
    return {};
  }

  /// What lies behind the last object: nothing, or an archive that moves along.
  void look_behind() {
    const auto behind = bytes_.subspan(end_);
    const auto start = start_of_archive(bytes_, end_);
    const auto gap = start ? behind.first(*start - end_) : behind;
    if (gap.size() <= kMostPadding &&
        std::all_of(gap.begin(), gap.end(), [](std::byte b) { return b == std::byte{0}; })) {
      if (start) {
        read_.content.archive = Data(owner_, bytes_.subspan(*start));
        read_.content.archive_offset = *start;
      }
      return;
    }
    if (!read_.not_writable) {
      read_.not_writable =
          fail(ErrorCode::kUnimplemented,
               "{} bytes behind the model are not known, and would be lost", gap.size())
              .hint("the file can be looked at, but not rewritten")
              .error();
    }
  }

  std::span<const std::byte> bytes_;
  std::shared_ptr<const void> owner_;
  Read read_;
  std::size_t budget_;
  bool overdrawn_ = false;
  std::size_t end_ = 0;
};

}  // namespace

Result<Read> read_content(std::span<const std::byte> bytes, std::shared_ptr<const void> owner) {
  return Reader(bytes, std::move(owner)).read();
}

}  // namespace tessera::litert
