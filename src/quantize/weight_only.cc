// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "quantize/passes.h"
#include "quantize/value_rules.h"
#include "tessera/numerics/block_codes.h"
#include "tessera/onnx/domains.h"
#include "tessera/onnx/made_constants.h"
#include "tessera/onnx/query.h"

namespace tessera::quantize {
namespace {

using numerics::BlockCodes;
using numerics::BlockRounding;
using numerics::BlockSpec;
using numerics::MatrixView;
using onnx::Model;
using onnx::NodeId;

/// Before it every initializer, added ones included, had to be an input of the model.
constexpr std::int64_t kIrWithSeparateInitializers = 4;

/// MatMulNBits may round its input to 8 bits by block, as it does for weights in QDQ format. In
/// float arithmetic it is 3 times (4 bits) to 30 times (8 bits) slower for one row of input.
constexpr std::int64_t kInt8Activations = 4;

bool is_signed(DType dtype) {
  return dtype == DType::kInt4 || dtype == DType::kInt8;
}

/// y = alpha x W + beta c, or the reason why an operator is not of that form.
struct Linear {
  std::string input;
  std::string weight;
  std::string bias;         ///< empty if there is none
  bool transposed = false;  ///< the weight is stored as [N, K]
  float alpha = 1;
  float beta = 1;
  std::string output;
  std::string reason;
};

Linear refused(std::string reason) {
  Linear linear;
  linear.reason = std::move(reason);
  return linear;
}

Linear linear_of(const Model& model, NodeId node) {
  const auto& type = model.op_type(node);
  if ((type != "MatMul" && type != "Gemm") || !model.domain(node).empty()) {
    return refused("only MatMul and Gemm take weights by block");
  }
  const auto inputs = model.inputs(node);
  if (inputs.size() < 2 || model.outputs(node).empty()) {
    return refused("it has too few inputs or outputs");
  }
  Linear linear;
  linear.input = inputs[0];
  linear.weight = inputs[1];
  linear.output = model.outputs(node).front();
  if (!model.is_constant(linear.weight)) {
    return refused("its second input is not a constant");
  }
  const auto dtype = model.initializer_type(linear.weight)->dtype;
  if (dtype != DType::kFloat32 && dtype != DType::kFloat16) {
    return refused(fmt::format("its weight is {}", to_string(dtype)));
  }
  const auto extents = onnx::matrix_extents(model, linear.weight);
  if (!extents || extents->rows == 0 || extents->columns == 0) {
    return refused("its weight is no matrix");
  }
  if (model.initializer_type(linear.weight)->shape->size() > 2) {
    const auto input = model.type_of(linear.input);
    const auto rank = model.initializer_type(linear.weight)->shape->size();
    if (!input || !input->shape || input->shape->size() < rank) {
      return refused("its weight has more axes than its input");
    }
  }
  if (type == "MatMul") {
    return linear;
  }
  if (model.int_attribute(node, "transA", 0) != 0) {
    return refused("its input is transposed");
  }
  linear.transposed = model.int_attribute(node, "transB", 0) != 0;
  linear.alpha = onnx::attribute_as<float>(model, node, "alpha").value_or(1.0F);
  linear.beta = onnx::attribute_as<float>(model, node, "beta").value_or(1.0F);
  linear.bias = inputs.size() > 2 ? inputs[2] : "";
  if (!linear.bias.empty() && linear.beta != 1 && !model.is_constant(linear.bias)) {
    return refused("its bias is scaled and not a constant");
  }
  return linear;
}

class WeightOnly {
 public:
  WeightOnly(Model& model, const QuantizeOptions& options, Monitor& monitor)
      : model_(model), options_(options), monitor_(monitor), made_(model) {}

  Status run(const std::vector<Work>& work) {
    std::int64_t done = 0;
    for (const auto& item : work) {
      TESSERA_CHECK(monitor_.check());
      monitor_.progress("quantize weights", done++, static_cast<std::int64_t>(work.size()));
      auto linear = linear_of(model_, item.node);
      auto reason = linear.reason;
      if (reason.empty()) {
        TESSERA_TRY(reason, objection_to_constant(model_, linear.weight));
      }
      if (!reason.empty()) {
        item.outcome->reason = std::move(reason);
        continue;
      }
      TESSERA_CHECK(convert(item, linear));
      item.outcome->quantized = true;
    }
    for (const auto& name : replaced_) {
      if (model_.consumers(name).empty() && !model_.used_by_body(name) && !model_.is_output(name)) {
        model_.remove_initializer(name);
      }
    }
    if (nbits_used_ && !model_.opset(onnx::kMicrosoftDomain)) {
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

  [[nodiscard]] BlockSpec spec_of(const Scheme& scheme, DType weight_dtype) const {
    BlockSpec spec;
    spec.bits = bits_of(scheme.weight);
    spec.block_size = scheme.block_size;
    spec.symmetric = has_symmetric_weights(scheme);
    spec.rounding = scheme.format == Format::kQOperator ? BlockRounding::kWithZeroPoint
                                                        : BlockRounding::kBeforeZeroPoint;
    spec.search = spec.bits == 4;  // 256 codes have nothing to gain from it
    spec.scale_dtype = weight_dtype;
    return spec;
  }

  Status convert(const Work& item, const Linear& linear) {
    const auto dtype = model_.initializer_type(linear.weight)->dtype;
    const auto spec = spec_of(*item.scheme, dtype);
    TESSERA_TRY(const auto packed, pack(item, linear, spec));
    TESSERA_TRY(const auto bias, scaled_bias(linear));
    if (item.scheme->format == Format::kQOperator) {
      emit_nbits(item.node, linear, packed, spec, bias);
    } else {
      emit_qdq(item.node, linear, packed, spec, bias);
    }
    replaced_.insert(linear.weight);
    return {};
  }

  /// A weight that several operators share is stored once.
  Result<Packed> pack(const Work& item, const Linear& linear, const BlockSpec& spec) {
    const bool nbits = item.scheme->format == Format::kQOperator;
    const Key key{linear.weight,   linear.transposed, linear.alpha,        spec.bits,
                  spec.block_size, spec.symmetric,    item.scheme->weight, nbits};
    if (const auto known = packed_.find(key); known != packed_.end()) {
      return known->second;
    }
    auto quantized = with_matrix(model_, linear, [&](const MatrixView& matrix) {
      return quantize_blocks(matrix, spec, options_.threads);
    });
    if (!quantized) {
      auto error = std::move(quantized).error();
      error.message = fmt::format("'{}': {}", linear.weight, error.message);
      return tl::unexpected(std::move(error));
    }
    auto packed = nbits ? store_nbits(linear, std::move(*quantized), spec)
                        : store_qdq(linear, std::move(*quantized), spec, item.scheme->weight);
    return packed_.emplace(key, std::move(packed)).first->second;
  }

  /// What `use` makes of the weight as a matrix of floats; its memory is given back.
  template <class Use>
  static auto with_matrix(const Model& model, const Linear& linear, const Use& use)
      -> Result<BlockCodes> {
    TESSERA_TRY(const auto view, model.initializer(linear.weight));
    std::vector<float> widened;
    std::span<const float> values;
    if (view.dtype == DType::kFloat32) {
      values = view.as<float>();
    } else {
      TESSERA_TRY(widened, to_float32(view));
      values = widened;
    }
    auto [rows, columns] = *onnx::matrix_extents(model, linear.weight);
    if (linear.transposed) {
      std::swap(rows, columns);
    }
    Result<BlockCodes> result = use(MatrixView{values, rows, columns, linear.transposed});
    model.release_initializer(linear.weight);
    return result;
  }

  std::string store(const std::string& weight, std::string_view suffix, Tensor tensor) {
    auto name = model_.unique_name(fmt::format("{}_{}", weight, suffix));
    model_.set_initializer(name, std::move(tensor));
    return name;
  }

  /// `pack` makes the tensor that is stored of the codes.
  template <class Pack>
  std::string store_codes(const Linear& linear, std::string_view suffix, const BlockCodes& codes,
                          const BlockSpec& spec, const Pack& pack) {
    auto name = model_.unique_name(fmt::format("{}_{}", linear.weight, suffix));
    auto known = std::make_shared<BlockCodes>();  // all of it but the codes
    known->scales = codes.scales;
    known->zero_points = codes.zero_points;
    made_.store(name, pack(codes),
                [linear, spec, pack, known,
                 threads = options_.threads](const Model& source) -> Result<Tensor> {
                  TESSERA_TRY(const auto again,
                              with_matrix(source, linear, [&](const MatrixView& matrix) {
                                return encode_blocks(matrix, spec, *known, threads);
                              }));
                  return pack(again);
                });
    return name;
  }

  static void scale_by(BlockCodes& codes, float alpha) {
    for (auto& scale : codes.scales) {
      scale *= alpha;
    }
  }

  Packed store_nbits(const Linear& linear, BlockCodes codes, const BlockSpec& spec) {
    const auto& weight = linear.weight;
    Packed packed;
    packed.rows = codes.rows;
    packed.columns = codes.columns;
    packed.codes =
        store_codes(linear, fmt::format("Q{}", spec.bits), codes, spec,
                    [spec](const BlockCodes& all) { return pack_for_matmul_nbits(all, spec); });
    scale_by(codes, linear.alpha);
    packed.scales = store(weight, "scales", pack_scales(codes, spec));
    if (!spec.symmetric) {
      packed.zero_points = store(weight, "zero_points", pack_zero_points(codes, spec));
    }
    return packed;
  }

  Packed store_qdq(const Linear& linear, BlockCodes codes, const BlockSpec& spec, DType dtype) {
    const auto& weight = linear.weight;
    Packed packed;
    packed.rows = codes.rows;
    packed.columns = codes.columns;
    packed.codes =
        store_codes(linear, fmt::format("DQ_Q{}", spec.bits), codes, spec,
                    [dtype](const BlockCodes& all) { return transposed_codes(all, dtype); });
    scale_by(codes, linear.alpha);
    packed.scales = store(weight, "DQ_scales", transposed_scales(codes, spec));
    // Absent zero points mean 0, which is the middle of a signed type only.
    if (!spec.symmetric || !is_signed(dtype)) {
      packed.zero_points = store(weight, "DQ_zero_points", transposed_zero_points(codes, dtype));
    }
    return packed;
  }

  /// beta c of a Gemm.
  Result<std::string> scaled_bias(const Linear& linear) {
    if (linear.bias.empty() || linear.beta == 1) {
      return linear.bias;
    }
    TESSERA_TRY(const auto view, model_.initializer(linear.bias));
    TESSERA_TRY(auto values, to_float32(view));
    for (auto& value : values) {
      value *= linear.beta;
    }
    Tensor scaled = Tensor::of(values, Shape(view.shape.begin(), view.shape.end()));
    if (view.dtype == DType::kFloat16) {
      Tensor half(DType::kFloat16, scaled.shape());
      std::transform(values.begin(), values.end(), half.as<std::uint16_t>().begin(),
                     float32_to_float16);
      scaled = std::move(half);
    }
    replaced_.insert(linear.bias);
    return store(linear.bias, "scaled", std::move(scaled));
  }

  [[nodiscard]] std::string node_name(NodeId node, std::string_view suffix) const {
    const auto& name = model_.name(node);
    return model_.unique_name(fmt::format("{}_{}", name.empty() ? "MatMul" : name, suffix));
  }

  /// One bias per column can be added by the kernel itself.
  [[nodiscard]] bool fits_kernel(const std::string& bias, std::int64_t columns) const {
    const auto type = model_.initializer_type(bias);
    return type && type->shape && type->shape->size() == 1 && type->shape->front().value == columns;
  }

  void emit_nbits(NodeId node, const Linear& linear, const Packed& packed, const BlockSpec& spec,
                  const std::string& bias) {
    onnx::NodeSpec made;
    made.name = node_name(node, fmt::format("Q{}", spec.bits));
    made.op_type = "MatMulNBits";
    made.domain = onnx::kMicrosoftDomain;
    made.inputs = {linear.input, packed.codes, packed.scales};
    if (!packed.zero_points.empty()) {
      made.inputs.push_back(packed.zero_points);
    }
    const bool adds_itself = !bias.empty() && fits_kernel(bias, packed.columns);
    if (adds_itself) {
      made.inputs.resize(5);  // zero_points and g_idx may be absent
      made.inputs.push_back(bias);
    }
    const bool adds_after = !bias.empty() && !adds_itself;
    made.outputs = {adds_after ? model_.unique_name(linear.output + "_product") : linear.output};
    made.attributes = {{"K", packed.rows},
                       {"N", packed.columns},
                       {"bits", std::int64_t{spec.bits}},
                       {"block_size", spec.block_size},
                       {"accuracy_level", kInt8Activations}};
    made.origin = node;
    model_.add_node(made, node);
    if (adds_after) {
      add_bias(node, made.outputs.front(), bias, linear.output);
    }
    model_.remove_node(node);
    nbits_used_ = true;
  }

  void emit_qdq(NodeId node, const Linear& linear, const Packed& packed, const BlockSpec& spec,
                const std::string& bias) {
    const auto weight = dequantized(node, packed, spec);
    const auto matmul = node_name(node, fmt::format("matmul_Q{}", spec.bits));
    const auto product =
        bias.empty() ? linear.output : model_.unique_name(linear.output + "_product");
    model_.add_node({matmul, "MatMul", "", {linear.input, weight}, {product}, {}, node}, node);
    if (!bias.empty()) {
      add_bias(node, product, bias, linear.output);
    }
    model_.remove_node(node);
  }

  std::string dequantized(NodeId node, const Packed& packed, const BlockSpec& spec) {
    const auto known = dequantized_.find(packed.codes);
    if (known != dequantized_.end()) {
      return known->second;
    }
    std::vector<std::string> inputs{packed.codes, packed.scales};
    if (!packed.zero_points.empty()) {
      inputs.push_back(packed.zero_points);
    }
    const auto output = model_.unique_name(packed.codes + "_output");
    model_.add_node({node_name(node, fmt::format("DQ_Q{}", spec.bits)),
                     "DequantizeLinear",
                     "",
                     inputs,
                     {output},
                     {{"axis", std::int64_t{0}}, {"block_size", spec.block_size}},
                     node},
                    node);
    return dequantized_.emplace(packed.codes, output).first->second;
  }

  void add_bias(NodeId before, const std::string& product, const std::string& bias,
                const std::string& output) {
    model_.add_node({node_name(before, "bias"), "Add", "", {product, bias}, {output}, {}, before},
                    before);
  }

  using Key = std::tuple<std::string, bool, float, int, std::int64_t, bool, DType, bool>;
  Model& model_;
  const QuantizeOptions& options_;
  Monitor& monitor_;
  onnx::MadeConstants made_;
  bool nbits_used_ = false;
  std::map<Key, Packed> packed_;
  std::map<std::string, std::string> dequantized_;
  std::set<std::string> replaced_;
};

}  // namespace

Status apply_weight_only(onnx::Model& model, const std::vector<Work>& work,
                         const QuantizeOptions& options, Monitor& monitor) {
  model.set_ir_version(std::max(model.ir_version(), kIrWithSeparateInitializers));
  return WeightOnly(model, options, monitor).run(work);
}

}  // namespace tessera::quantize
