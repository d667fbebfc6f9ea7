// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "compat/ort_passes.h"
#include "tessera/numerics/block_codes.h"
#include "tessera/onnx/domains.h"
#include "tessera/onnx/made_constants.h"
#include "tessera/onnx/query.h"

namespace tessera::compat {
namespace {

using numerics::BlockCodes;
using numerics::BlockRounding;
using numerics::BlockSpec;
using numerics::MatrixView;
using onnx::Model;
using onnx::NodeId;
using quantize::Format;
using quantize::Scheme;

/// Why an operator stays as it is; empty if it does not.
std::string refusal(const Model& model, const Work& item) {
  const auto& type = model.op_type(item.node);
  if ((type != "MatMul" && type != "Gemm") || !model.domain(item.node).empty()) {
    return "only MatMul and Gemm take weights by block";
  }
  const auto inputs = model.inputs(item.node);
  if (inputs.size() < 2 || model.outputs(item.node).empty()) {
    return "it has too few inputs or outputs";
  }
  if (!model.is_constant(inputs[1])) {
    return "its second input is not a constant";
  }
  const auto weight = *model.initializer_type(inputs[1]);
  if (weight.dtype != DType::kFloat32 && weight.dtype != DType::kFloat16) {
    return fmt::format("its weight is {}", to_string(weight.dtype));
  }
  const auto extents = onnx::matrix_extents(model, inputs[1]);
  if (!extents || extents->rows == 0 || extents->columns == 0) {
    return "its weight is no matrix";
  }
  const auto input = model.type_of(inputs[0]);
  const auto rank = weight.shape->size();
  if (rank > 2 && (!input || !input->shape || input->shape->size() < rank)) {
    return "its weight has more axes than its input";
  }
  if (type != "MatMul") {
    return "the reference quantizes MatMul only";
  }
  const bool eight = bits_of(item.scheme->weight) == 8;
  return eight && item.scheme->format == Format::kQdq
             ? "the reference has no 8-bit weights in QDQ format"
             : "";
}

BlockSpec spec_of(const Scheme& scheme, DType weight_dtype) {
  BlockSpec spec;
  spec.bits = bits_of(scheme.weight);
  spec.block_size = scheme.block_size;
  spec.symmetric = quantize::has_symmetric_weights(scheme);
  spec.rounding = scheme.format == Format::kQOperator ? BlockRounding::kWithZeroPoint
                                                      : BlockRounding::kBeforeZeroPoint;
  spec.scale_dtype = weight_dtype;
  return spec;
}

/// What `use` makes of a weight as a matrix of floats; its memory is given back.
template <class Use>
Result<BlockCodes> with_matrix(const Model& model, const std::string& weight, const Use& use) {
  TESSERA_TRY(const auto view, model.initializer(weight));
  std::vector<float> widened;
  std::span<const float> values;
  if (view.dtype == DType::kFloat32) {
    values = view.as<float>();
  } else {
    TESSERA_TRY(widened, to_float32(view));
    values = widened;
  }
  const auto extents = *onnx::matrix_extents(model, weight);
  Result<BlockCodes> result = use(MatrixView{values, extents.rows, extents.columns, false});
  model.release_initializer(weight);
  return result;
}

class WeightOnly {
 public:
  WeightOnly(Model& model, int threads, Monitor& monitor)
      : model_(model), threads_(threads), monitor_(monitor), made_(model) {}

  Status run(const std::vector<Work>& work) {
    std::int64_t done = 0;
    for (const auto& item : work) {
      TESSERA_CHECK(monitor_.check());
      monitor_.progress("quantize weights", done++, static_cast<std::int64_t>(work.size()));
      item.outcome->reason = refusal(model_, item);
      item.outcome->quantized = item.outcome->reason.empty();
      if (item.outcome->quantized) {
        TESSERA_CHECK(convert(item));
      }
    }
    for (const auto& name : replaced_) {
      if (model_.consumers(name).empty() && !model_.used_by_body(name) && !model_.is_output(name)) {
        model_.remove_initializer(name);
      }
    }
    // Also where nothing was quantized in the end.
    const bool wants_nbits = std::any_of(work.begin(), work.end(), [](const Work& item) {
      return item.scheme->format == Format::kQOperator;
    });
    if (wants_nbits && !model_.opset(onnx::kMicrosoftDomain)) {
      model_.set_opset(onnx::kMicrosoftDomain, 1);
    }
    return {};
  }

 private:
  /// What quantize_blocks() made of a weight, under the names it has in the model.
  struct Packed {
    std::string codes;
    std::string scales;
    std::string zero_points;  ///< empty if there are none
    std::int64_t rows = 0;
    std::int64_t columns = 0;
  };

  Status convert(const Work& item) {
    const auto weight = model_.inputs(item.node)[1];
    const auto spec = spec_of(*item.scheme, model_.initializer_type(weight)->dtype);
    TESSERA_TRY(const auto packed, pack(weight, *item.scheme, spec));
    item.scheme->format == Format::kQOperator ? emit_nbits(item.node, packed, spec)
                                              : emit_qdq(item.node, packed, spec);
    replaced_.insert(weight);
    return {};
  }

  /// A weight that several operators share is stored once.
  Result<Packed> pack(const std::string& weight, const Scheme& scheme, const BlockSpec& spec) {
    const bool nbits = scheme.format == Format::kQOperator;
    const Key key{weight, scheme.weight, spec.block_size, spec.symmetric, nbits};
    if (const auto known = packed_.find(key); known != packed_.end()) {
      return known->second;
    }
    TESSERA_TRY(const auto codes, with_matrix(model_, weight, [&](const MatrixView& matrix) {
                                    return quantize_blocks(matrix, spec, threads_);
                                  }).map_error(in_file(fmt::format("'{}'", weight))));
    auto packed = nbits ? store_nbits(weight, codes, spec) : store_qdq(weight, codes, spec);
    packed.rows = codes.rows;
    packed.columns = codes.columns;
    return packed_.emplace(key, std::move(packed)).first->second;
  }

  std::string store(const std::string& weight, std::string_view suffix, Tensor tensor) {
    auto name = model_.unique_name(fmt::format("{}_{}", weight, suffix));
    model_.set_initializer(name, std::move(tensor));
    return name;
  }

  /// `pack` makes the tensor that is stored of the codes.
  template <class Pack>
  std::string store_codes(const std::string& weight, std::string_view suffix,
                          const BlockCodes& codes, const BlockSpec& spec, const Pack& pack) {
    auto name = model_.unique_name(fmt::format("{}_{}", weight, suffix));
    auto known = std::make_shared<BlockCodes>();  // all of it but the codes
    known->scales = codes.scales;
    known->zero_points = codes.zero_points;
    made_.store(
        name, pack(codes),
        [weight, spec, pack, known, threads = threads_](const Model& source) -> Result<Tensor> {
          TESSERA_TRY(const auto again, with_matrix(source, weight, [&](const MatrixView& matrix) {
                        return encode_blocks(matrix, spec, *known, threads);
                      }));
          return pack(again);
        });
    return name;
  }

  Packed store_nbits(const std::string& weight, const BlockCodes& codes, const BlockSpec& spec) {
    Packed packed;
    packed.codes =
        store_codes(weight, fmt::format("Q{}", spec.bits), codes, spec,
                    [spec](const BlockCodes& all) { return pack_for_matmul_nbits(all, spec); });
    packed.scales = store(weight, "scales", pack_scales(codes, spec));
    if (!spec.symmetric) {
      packed.zero_points = store(weight, "zero_points", pack_zero_points(codes, spec));
    }
    return packed;
  }

  Packed store_qdq(const std::string& weight, const BlockCodes& codes, const BlockSpec& spec) {
    // The reference ties the element type to the symmetry, whatever was asked for.
    const auto dtype = spec.symmetric ? DType::kInt4 : DType::kUInt4;
    Packed packed;
    packed.codes =
        store_codes(weight, fmt::format("DQ_Q{}", spec.bits), codes, spec,
                    [dtype](const BlockCodes& all) { return transposed_codes(all, dtype); });
    packed.scales = store(weight, "DQ_scales", transposed_scales(codes, spec));
    if (!spec.symmetric) {
      packed.zero_points = store(weight, "DQ_zero_points", transposed_zero_points(codes, dtype));
    }
    return packed;
  }

  [[nodiscard]] std::string node_name(NodeId node, std::string_view suffix) const {
    const auto& name = model_.name(node);
    return name.empty() ? std::string() : fmt::format("{}_{}", name, suffix);
  }

  static std::vector<std::string> inputs_of(const Packed& packed) {
    std::vector<std::string> inputs{packed.codes, packed.scales};
    if (!packed.zero_points.empty()) {
      inputs.push_back(packed.zero_points);
    }
    return inputs;
  }

  void emit_nbits(NodeId node, const Packed& packed, const BlockSpec& spec) {
    auto inputs = inputs_of(packed);
    inputs.insert(inputs.begin(), model_.inputs(node).front());
    model_.add_node({node_name(node, fmt::format("Q{}", spec.bits)),
                     "MatMulNBits",
                     std::string(onnx::kMicrosoftDomain),
                     inputs,
                     {model_.outputs(node).front()},
                     {{"K", packed.rows},
                      {"N", packed.columns},
                      {"bits", std::int64_t{spec.bits}},
                      {"block_size", spec.block_size}}},
                    node);
    model_.remove_node(node);
  }

  void emit_qdq(NodeId node, const Packed& packed, const BlockSpec& spec) {
    const auto weight = packed.codes + "_output";
    if (dequantized_.insert(weight).second) {
      model_.add_node({node_name(node, fmt::format("DQ_Q{}", spec.bits)),
                       "DequantizeLinear",
                       "",
                       inputs_of(packed),
                       {weight},
                       {{"axis", std::int64_t{0}}, {"block_size", spec.block_size}}},
                      node);
    }
    model_.add_node({node_name(node, fmt::format("matmul_Q{}", spec.bits)),
                     "MatMul",
                     "",
                     {model_.inputs(node).front(), weight},
                     {model_.outputs(node).front()},
                     {}},
                    node);
    model_.remove_node(node);
  }

  using Key = std::tuple<std::string, DType, std::int64_t, bool, bool>;
  Model& model_;
  int threads_;
  Monitor& monitor_;
  onnx::MadeConstants made_;
  std::map<Key, Packed> packed_;
  std::set<std::string> dequantized_;
  std::set<std::string> replaced_;
};

}  // namespace

Status apply_ort_weight_only(Model& model, const std::vector<Work>& work, int threads,
                             Monitor& monitor) {
  return WeightOnly(model, threads, monitor).run(work);
}

}  // namespace tessera::compat
