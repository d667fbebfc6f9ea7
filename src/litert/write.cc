// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "litert/write.h"

#include <flatbuffers/flatbuffers.h>
#include <litert_generated.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "litert/archive.h"

namespace tessera::litert {
namespace {

using flatbuffers::Offset;
using flatbuffers::uoffset_t;
using flatbuffers::Vector;
using flatbuffers::voffset_t;

template <class T>
using Offsets = std::vector<Offset<T>>;

constexpr std::size_t kLargestFile = FLATBUFFERS_MAX_BUFFER_SIZE - 1;
constexpr std::size_t kBufferAlignment = 16;

// --- how large it gets --------------------------------------------------------------------------

/// Never less than what is written: tables and their lists of fields, alignment included.
class Estimate {
 public:
  [[nodiscard]] std::size_t of(const Content& content) {
    bytes_ = 4096 + content.description.size() + content.metadata_buffers.size() * 4;
    for (const auto& code : content.codes) {
      add_table(code.custom.size());
    }
    for (const auto& buffer : content.buffers) {
      add_table(0);
      add_data(buffer);
    }
    for (const auto& subgraph : content.subgraphs) {
      add_table(subgraph.name.size() + (subgraph.inputs.size() + subgraph.outputs.size()) * 4);
      std::for_each(subgraph.tensors.begin(), subgraph.tensors.end(),
                    [&](const Tensor& tensor) { add_tensor(tensor); });
      std::for_each(subgraph.operators.begin(), subgraph.operators.end(),
                    [&](const Operator& op) { add_operator(op); });
    }
    for (const auto& metadata : content.metadata) {
      add_table(metadata.name.size());
    }
    for (const auto& signature : content.signatures) {
      add_table(signature.key.size() + signature.tag.size());
      for (const auto* values : {&signature.inputs, &signature.outputs}) {
        for (const auto& value : *values) {
          add_table(value.name.size());
        }
      }
    }
    return bytes_;
  }

 private:
  /// What a table takes at most beside the vectors and texts that it refers to.
  void add_table(std::size_t vectors) { bytes_ += 256 + vectors; }
  void add_data(const Data& data) {
    if (!data.empty() && seen_.emplace(data.bytes().data(), data.bytes().size()).second) {
      bytes_ += data.bytes().size() + 2 * kBufferAlignment;
    }
  }
  void add_options(const Options& options) {
    add_table(0);
    for (const auto& [place, field] : options.fields()) {
      bytes_ += field.bytes.size() + 32;
    }
  }
  void add_tensor(const Tensor& tensor) {
    add_table(tensor.name.size() + 4 * (tensor.shape ? tensor.shape->size() : 0) +
              4 * tensor.signature.size());
    if (tensor.quantization) {
      const auto& quantization = *tensor.quantization;
      add_table(
          4 * (quantization.min.size() + quantization.max.size() + quantization.scales.size()) +
          8 * quantization.zero_points.size());
      add_options(quantization.details);
    }
    if (tensor.sparsity) {
      add_table(4 * (tensor.sparsity->traversal_order.size() + tensor.sparsity->block_map.size()));
      for (const auto& dimension : tensor.sparsity->dimensions) {
        add_options(dimension.segments);
        add_options(dimension.indices);
      }
    }
    for (const auto& variant : tensor.variants) {
      add_table(4 * (variant.shape ? variant.shape->size() : 0));
    }
  }
  void add_operator(const Operator& op) {
    add_table(4 * (op.inputs.size() + op.outputs.size() + op.intermediates.size()) +
              op.mutated_inputs.size());
    add_options(op.options);
    add_options(op.options2);
    add_data(op.custom_options);
  }

  std::size_t bytes_ = 0;
  std::set<std::pair<const std::byte*, std::size_t>> seen_;
};

// --- tables -------------------------------------------------------------------------------------

class Writer {
 public:
  explicit Writer(std::size_t estimate) : builder_(estimate) {}

  std::string write(const Content& content) {
    const auto description = text(content.description);
    const auto codes = tables<fb::OperatorCode>(content.codes, [&](const OperatorCode& code) {
      // Readers from before there were more than 127 look here.
      const auto number = static_cast<std::int32_t>(code.code);
      const auto old = static_cast<std::int8_t>(std::min(number, kLargestOldCode));
      return fb::CreateOperatorCode(builder_, old, text(code.custom), code.version, number);
    });
    const auto buffers = tables<fb::Buffer>(content.buffers, [&](const Data& buffer) {
      return fb::CreateBuffer(builder_, data(buffer, kBufferAlignment));
    });
    const auto subgraphs = tables<fb::SubGraph>(
        content.subgraphs, [&](const Subgraph& subgraph) { return write_subgraph(subgraph); });
    const auto metadata_buffers = optional_numbers(content.metadata_buffers);
    const auto metadata =
        optional_tables<fb::Metadata>(content.metadata, [&](const Metadata& entry) {
          return fb::CreateMetadata(builder_, text(entry.name), entry.buffer);
        });
    const auto signatures = optional_tables<fb::SignatureDef>(
        content.signatures, [&](const Signature& signature) { return write_signature(signature); });
    constexpr std::uint32_t kSchemaVersion = 3;
    fb::FinishModelBuffer(
        builder_, fb::CreateModel(builder_, kSchemaVersion, codes, subgraphs, description, buffers,
                                  metadata_buffers, metadata, signatures));
    return {reinterpret_cast<const char*>(builder_.GetBufferPointer()), builder_.GetSize()};
  }

 private:
  static constexpr std::int32_t kLargestOldCode = 127;

  Offset<flatbuffers::String> text(const std::string& text) {
    return text.empty() ? 0 : builder_.CreateString(text);
  }
  template <class T>
  Offset<Vector<T>> numbers(const std::vector<T>& values) {
    return builder_.CreateVector(values);
  }
  template <class T>
  Offset<Vector<T>> optional_numbers(const std::vector<T>& values) {
    return values.empty() ? 0 : numbers(values);
  }
  template <class T>
  Offset<Vector<T>> optional_numbers(const std::optional<std::vector<T>>& values) {
    return values ? numbers(*values) : 0;
  }
  template <class Table, class Values, class Write>
  Offset<Vector<Offset<Table>>> tables(const Values& values, const Write& write) {
    Offsets<Table> offsets;
    offsets.reserve(values.size());
    for (const auto& value : values) {
      offsets.push_back(write(value));
    }
    return builder_.CreateVector(offsets);
  }
  template <class Table, class Values, class Write>
  Offset<Vector<Offset<Table>>> optional_tables(const Values& values, const Write& write) {
    return values.empty() ? 0 : tables<Table>(values, write);
  }

  /// The same bytes once, however many refer to them.
  Offset<Vector<std::uint8_t>> data(const Data& data, std::size_t alignment) {
    const auto bytes = data.bytes();
    if (bytes.empty()) {
      return 0;
    }
    auto& offset = written_[{bytes.data(), bytes.size(), alignment}];
    if (offset.IsNull()) {
      builder_.ForceVectorAlignment(bytes.size(), 1, alignment);
      offset =
          builder_.CreateVector(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    }
    return offset;
  }

  // --- tables that are carried over ------------------------------------------------------------

  uoffset_t write_field(const OptionField& field) {
    if (field.form == FieldForm::kString) {
      return builder_.CreateString(field.bytes).o;
    }
    const auto count = field.bytes.size() / field.width;
    builder_.StartVector(count, field.width);
    builder_.PushBytes(reinterpret_cast<const std::uint8_t*>(field.bytes.data()),
                       field.bytes.size());
    return builder_.EndVector(count);
  }

  /// Written even where it is the default: the file had it.
  template <class T>
  void add_scalar(voffset_t place, const std::string& bytes) {
    T value = 0;
    std::copy_n(bytes.data(), sizeof value, reinterpret_cast<char*>(&value));
    builder_.AddElement<T>(place, value);
  }

  Offset<fb::Opaque> opaque(const Options& options) {
    if (!options.present()) {
      return 0;
    }
    std::map<std::uint16_t, uoffset_t> behind;
    for (const auto& [place, field] : options.fields()) {
      if (field.form != FieldForm::kScalar) {
        behind[place] = write_field(field);
      }
    }
    const auto start = builder_.StartTable();
    for (const auto& [place, field] : options.fields()) {
      const auto at = static_cast<voffset_t>(4 + 2 * place);
      if (field.form != FieldForm::kScalar) {
        builder_.AddOffset(at, Offset<void>(behind[place]));
      } else if (field.width == sizeof(std::uint8_t)) {
        add_scalar<std::uint8_t>(at, field.bytes);
      } else if (field.width == sizeof(std::uint16_t)) {
        add_scalar<std::uint16_t>(at, field.bytes);
      } else if (field.width == sizeof(std::uint32_t)) {
        add_scalar<std::uint32_t>(at, field.bytes);
      } else {
        add_scalar<std::uint64_t>(at, field.bytes);
      }
    }
    return builder_.EndTable(start);
  }

  // --- the model --------------------------------------------------------------------------------

  Offset<fb::QuantizationParameters> write_quantization(
      const std::optional<Quantization>& quantization) {
    if (!quantization) {
      return 0;
    }
    const auto min = optional_numbers(quantization->min);
    const auto max = optional_numbers(quantization->max);
    const auto scales = optional_numbers(quantization->scales);
    const auto points = optional_numbers(quantization->zero_points);
    const auto details = opaque(quantization->details);
    return fb::CreateQuantizationParameters(builder_, min, max, scales, points,
                                            quantization->details.type(), details,
                                            quantization->axis);
  }

  Offset<fb::SparsityParameters> write_sparsity(const std::optional<Sparsity>& sparsity) {
    if (!sparsity) {
      return 0;
    }
    const auto order = optional_numbers(sparsity->traversal_order);
    const auto blocks = optional_numbers(sparsity->block_map);
    const auto dimensions = optional_tables<fb::DimensionMetadata>(
        sparsity->dimensions, [&](const SparseDimension& dimension) {
          const auto segments = opaque(dimension.segments);
          const auto indices = opaque(dimension.indices);
          return fb::CreateDimensionMetadata(builder_, dimension.format, dimension.dense_size,
                                             dimension.segments.type(), segments,
                                             dimension.indices.type(), indices);
        });
    return fb::CreateSparsityParameters(builder_, order, blocks, dimensions);
  }

  Offset<fb::Tensor> write_tensor(const Tensor& tensor) {
    const auto shape = optional_numbers(tensor.shape);
    const auto name = text(tensor.name);
    const auto quantization = write_quantization(tensor.quantization);
    const auto sparsity = write_sparsity(tensor.sparsity);
    const auto signature = optional_numbers(tensor.signature);
    const auto variants =
        optional_tables<fb::VariantSubType>(tensor.variants, [&](const VariantType& variant) {
          return fb::CreateVariantSubType(builder_, optional_numbers(variant.shape),
                                          static_cast<std::int8_t>(variant.type), variant.has_rank);
        });
    return fb::CreateTensor(builder_, shape, static_cast<std::int8_t>(tensor.type), tensor.buffer,
                            name, quantization, tensor.is_variable, sparsity, signature,
                            tensor.has_rank, variants);
  }

  Offset<fb::Operator> write_operator(const Operator& op) {
    const auto inputs = numbers(op.inputs);
    const auto outputs = numbers(op.outputs);
    const auto options = opaque(op.options);
    constexpr std::size_t kAlignment = 4;  // as the format has it for these
    const auto custom = data(op.custom_options, kAlignment);
    const auto mutated = optional_numbers(op.mutated_inputs);
    const auto intermediates = optional_numbers(op.intermediates);
    const auto options2 = opaque(op.options2);
    return fb::CreateOperator(builder_, op.code, inputs, outputs, op.options.type(), options,
                              custom, op.custom_options_format, mutated, intermediates, 0, 0,
                              op.options2.type(), options2, op.debug_metadata);
  }

  Offset<fb::SubGraph> write_subgraph(const Subgraph& subgraph) {
    const auto tensors = tables<fb::Tensor>(
        subgraph.tensors, [&](const Tensor& tensor) { return write_tensor(tensor); });
    const auto inputs = numbers(subgraph.inputs);
    const auto outputs = numbers(subgraph.outputs);
    const auto operators = tables<fb::Operator>(
        subgraph.operators, [&](const Operator& op) { return write_operator(op); });
    return fb::CreateSubGraph(builder_, tensors, inputs, outputs, operators, text(subgraph.name),
                              subgraph.debug_metadata);
  }

  Offset<fb::SignatureDef> write_signature(const Signature& signature) {
    const auto values = [&](const std::vector<SignatureValue>& list) {
      return tables<fb::TensorMap>(list, [&](const SignatureValue& value) {
        return fb::CreateTensorMap(builder_, text(value.name), value.tensor);
      });
    };
    const auto inputs = values(signature.inputs);
    const auto outputs = values(signature.outputs);
    const auto key = text(signature.key);
    return fb::CreateSignatureDef(builder_, inputs, outputs, key, text(signature.tag),
                                  signature.subgraph);
  }

  flatbuffers::FlatBufferBuilder builder_;
  std::map<std::tuple<const std::byte*, std::size_t, std::size_t>, Offset<Vector<std::uint8_t>>>
      written_;
};

}  // namespace

Result<std::string> write_content(const Content& content) {
  const auto estimate = Estimate().of(content);
  if (estimate > kLargestFile) {
    return fail(ErrorCode::kResourceExhausted, "the model would take more than 2 GB as one file")
        .hint("quantize its weights, or cut it into parts");
  }
  auto bytes = Writer(estimate).write(content);
  if (!content.archive.empty()) {
    TESSERA_TRY(const auto archive,
                moved_archive(content.archive.bytes(), content.archive_offset, bytes.size()));
    bytes += archive;
  }
  return bytes;
}

}  // namespace tessera::litert
