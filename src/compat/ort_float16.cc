// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

#include "compat/ort_names.h"
#include "compat/ort_passes.h"
#include "tessera/onnx/query.h"

namespace tessera::compat {
namespace {

using onnx::Model;
using onnx::NodeId;

constexpr auto kHalf = static_cast<std::int64_t>(DType::kFloat16);
constexpr auto kSingle = static_cast<std::int64_t>(DType::kFloat32);

constexpr std::array<std::string_view, 28> kBlockedTypes = {"ArrayFeatureExtractor",
                                                            "Binarizer",
                                                            "CastMap",
                                                            "CategoryMapper",
                                                            "DictVectorizer",
                                                            "FeatureVectorizer",
                                                            "Imputer",
                                                            "LabelEncoder",
                                                            "LinearClassifier",
                                                            "LinearRegressor",
                                                            "Normalizer",
                                                            "OneHotEncoder",
                                                            "RandomUniformLike",
                                                            "SVMClassifier",
                                                            "SVMRegressor",
                                                            "Scaler",
                                                            "TreeEnsembleClassifier",
                                                            "TreeEnsembleRegressor",
                                                            "TreeEnsemble",
                                                            "ZipMap",
                                                            "NonMaxSuppression",
                                                            "TopK",
                                                            "RoiAlign",
                                                            "Range",
                                                            "CumSum",
                                                            "Min",
                                                            "Max",
                                                            "Upsample"};

constexpr std::array<std::string_view, 8> kTypedByAttribute = {
    "EyeLike",       "Multinomial",       "RandomNormal",  "RandomNormalLike",
    "RandomUniform", "RandomUniformLike", "SequenceEmpty", "Bernoulli"};

template <class List>
bool contains(const List& list, std::string_view item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

/// To nearest even. What is beyond the range becomes the largest number, and what would vanish the
/// smallest: nothing but 0 becomes 0.
Tensor to_float16(const TensorView& tensor) {
  constexpr float kLargest = 65504.0F;
  constexpr float kSmallest = 5.96e-08F;  // as the reference writes 2^-24
  Tensor result(DType::kFloat16, Shape(tensor.shape.begin(), tensor.shape.end()));
  const auto values = tensor.as<float>();
  std::transform(values.begin(), values.end(), result.as<std::uint16_t>().begin(), [](float value) {
    const float magnitude = std::abs(value);
    if (magnitude > kLargest && std::isfinite(value)) {
      value = std::copysign(kLargest, value);
    } else if (magnitude < kSmallest && value != 0) {
      value = std::copysign(kSmallest, value);
    }
    return float32_to_float16(value);
  });
  return result;
}

class Reference {
 public:
  Reference(Model& model, const std::vector<Work>& work, bool keep_io)
      : model_(model), names_(model), work_(work), keep_io_(keep_io) {}

  Status run() {
    for (const auto& item : work_) {
      wanted_.insert(item.node);
    }
    nodes_ = model_.nodes();
    TESSERA_CHECK(refuse_bodies());
    collect_values();
    cast_inputs_and_outputs();
    for (const auto node : nodes_) {
      is_blocked(node) ? blocked_.push_back(node) : convert(node);
    }
    TESSERA_CHECK(convert_initializers());
    for (const auto node : mixed_) {
      widen_inputs(node, [&](std::size_t index) { return is_always_float(node, index); });
    }
    for (const auto node : blocked_) {
      widen_inputs(node, [](std::size_t) { return true; });
      narrow_outputs(node);
    }
    for (const auto& value : half_values_) {
      declare_half(value);
    }
    for (const auto& item : work_) {
      item.outcome->quantized = !is_blocked(item.node);
      if (is_blocked(item.node)) {
        item.outcome->reason = "the reference leaves this operator in float32";
      }
    }
    return {};
  }

 private:
  /// The reference converts bodies without regard to what they capture; what comes out rarely
  /// loads. There is nothing to be equal to.
  [[nodiscard]] Status refuse_bodies() const {
    for (const auto node : nodes_) {
      if (model_.has_body(node)) {
        return fail(ErrorCode::kUnimplemented, "operator '{}' ({}) has a body", model_.name(node),
                    model_.op_type(node))
            .hint("leave out --compat ort: bodies then stay in float32, beside float16 operators");
      }
    }
    return {};
  }

  [[nodiscard]] bool is_blocked(NodeId node) const {
    if (model_.op_type(node) == "Constant") {
      return false;
    }
    return !wanted_.contains(node) || contains(kBlockedTypes, model_.op_type(node));
  }

  [[nodiscard]] bool is_always_float(NodeId node, std::size_t index) const {
    const auto& type = model_.op_type(node);
    if (type == "Resize") {
      return index == (model_.opset().value_or(11) <= 10 ? 1U : 2U);
    }
    return (type == "GroupNorm" || type == "SkipGroupNorm") && (index == 1 || index == 2);
  }

  [[nodiscard]] bool is_mixed(NodeId node) const {
    const auto& type = model_.op_type(node);
    return type == "Resize" || type == "GroupNorm" || type == "SkipGroupNorm";
  }

  /// Every float32 value that is not an initializer turns into float16.
  void collect_values() {
    const auto add = [&](const std::string& value) {
      if (!value.empty() && !model_.has_initializer(value) && onnx::is_float32(model_, value)) {
        half_values_.insert(value);
      }
    };
    for (const auto& input : model_.inputs()) {
      add(input);
    }
    for (const auto node : nodes_) {
      for (const auto& output : model_.outputs(node)) {
        add(output);
      }
    }
  }

  void add_cast(const std::string& name, const std::string& from, const std::string& to,
                std::int64_t dtype) {
    model_.add_node({name, "Cast", "", {from}, {to}, {{"to", dtype}}});
  }

  void cast_inputs_and_outputs() {
    if (!keep_io_) {
      return;
    }
    std::map<std::string, std::string> renamed;
    const auto rename = [&](const std::vector<std::string>& values, const std::string& kind) {
      for (std::size_t i = 0; i < values.size(); ++i) {
        if (!onnx::is_float32(model_, values[i])) {
          continue;
        }
        const auto inner = names_.of(kind, fmt::format("_{}", i));
        renamed[values[i]] = inner;
        half_values_.erase(values[i]);
        half_values_.insert(inner);
        io_types_[inner] = *model_.type_of(values[i]);
        const auto node = fmt::format("{}{}", kind, i);
        kind == "graph_input_cast" ? add_cast(node, values[i], inner, kHalf)
                                   : add_cast(node, inner, values[i], kSingle);
      }
    };
    // Constants that are listed among the inputs are treated like inputs, and counted.
    rename(model_.listed_inputs(), "graph_input_cast");
    rename(model_.outputs(), "graph_output_cast");
    for (const auto node : nodes_) {
      const auto inputs = model_.inputs(node);
      for (std::size_t i = 0; i < inputs.size(); ++i) {
        if (const auto found = renamed.find(inputs[i]); found != renamed.end()) {
          model_.set_input(node, i, found->second);
        }
      }
      const auto outputs = model_.outputs(node);
      for (std::size_t i = 0; i < outputs.size(); ++i) {
        if (const auto found = renamed.find(outputs[i]); found != renamed.end()) {
          model_.set_output(node, i, found->second);
        }
      }
    }
  }

  void convert(NodeId node) {
    const auto& type = model_.op_type(node);
    if (type == "Cast" && model_.int_attribute(node, "to", 0) == kSingle) {
      model_.set_attribute(node, "to", kHalf);
    }
    if (contains(kTypedByAttribute, type)) {
      const bool has_dtype = model_.attribute(node, "dtype").has_value();
      const bool defaults_to_float =
          type == "RandomNormal" || type == "RandomUniform" || type == "SequenceEmpty";
      if (model_.int_attribute(node, "dtype", 0) == kSingle || (!has_dtype && defaults_to_float)) {
        model_.set_attribute(node, "dtype", kHalf);
      }
    }
    if (type == "ConstantOfShape" && !model_.attribute(node, "value")) {
      model_.set_attribute(node, "value", Tensor(DType::kFloat16, {1}));
    }
    if (is_mixed(node)) {
      mixed_.push_back(node);
      return;
    }
    for (const auto& name : model_.attribute_names(node)) {
      const auto tensor = onnx::attribute_as<Tensor>(model_, node, name);
      if (tensor && tensor->dtype() == DType::kFloat32) {
        model_.set_attribute(node, name, to_float16(tensor->view()));
      }
    }
  }

  /// Those that any float16 operator reads.
  Status convert_initializers() {
    for (const auto& name : model_.initializers()) {
      const auto type = model_.initializer_type(name);
      if (!type || type->dtype != DType::kFloat32 || !is_read_as_half(name)) {
        continue;
      }
      TESSERA_TRY(const auto view, model_.initializer(name));
      model_.set_initializer(name, to_float16(view));
      half_initializers_.insert(name);
    }
    return {};
  }

  [[nodiscard]] bool is_read_as_half(const std::string& name) const {
    for (const auto reader : model_.consumers(name)) {
      const auto inputs = model_.inputs(reader);
      for (std::size_t i = 0; i < inputs.size(); ++i) {
        if (inputs[i] == name && !is_blocked(reader) && !is_always_float(reader, i)) {
          return true;
        }
      }
    }
    return false;
  }

  [[nodiscard]] bool is_half(const std::string& value) const {
    return half_values_.contains(value) || half_initializers_.contains(value);
  }

  template <class Wants>
  void widen_inputs(NodeId node, const Wants& wants) {
    const auto inputs = model_.inputs(node);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (!wants(i) || !is_half(inputs[i])) {
        continue;
      }
      const auto single = names_.of(inputs[i], "_cast_to_fp32");
      if (widened_.insert(inputs[i]).second) {
        add_cast(inputs[i] + "_cast_to_fp32_node", inputs[i], single, kSingle);
      }
      model_.set_input(node, i, single);
    }
  }

  void narrow_outputs(NodeId node) {
    const auto outputs = model_.outputs(node);
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if (!half_values_.contains(outputs[i])) {
        continue;
      }
      const auto single = names_.of(outputs[i], "_cast_to_fp16");
      add_cast(outputs[i] + "_cast_to_fp16_node", single, outputs[i], kHalf);
      model_.set_output(node, i, single);
    }
  }

  void declare_half(const std::string& value) {
    const auto known = io_types_.find(value);
    auto type =
        known != io_types_.end() ? known->second : model_.type_of(value).value_or(ValueType{});
    type.dtype = DType::kFloat16;
    model_.set_type(value, type);
  }

  Model& model_;
  OrtNames names_;
  const std::vector<Work>& work_;
  bool keep_io_;
  std::set<NodeId> wanted_;
  std::vector<NodeId> nodes_;
  std::vector<NodeId> blocked_;
  std::vector<NodeId> mixed_;
  std::set<std::string> half_values_;
  std::set<std::string> half_initializers_;
  std::set<std::string> widened_;
  std::map<std::string, ValueType> io_types_;
};

}  // namespace

Status apply_ort_float16(onnx::Model& model, const std::vector<Work>& work, bool keep_io) {
  return Reference(model, work, keep_io).run();
}

}  // namespace tessera::compat
