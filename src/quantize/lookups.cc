// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>

#include "quantize/elementwise.h"
#include "quantize/passes.h"
#include "quantize/qoperator_unit.h"
#include "tessera/numerics/kernels.h"
#include "tessera/onnx/domains.h"

namespace tessera::quantize {
namespace {

using onnx::Model;
using onnx::NodeId;

constexpr std::string_view kLookup = "Lookup";
constexpr std::size_t kCodes = 256;
/// Longer chains than networks have; each step is one call deeper.
constexpr int kLongestChain = 100;

/// A float value by the 8-bit integer that it is a function of.
struct Function {
  /// Of what; no values if the number is constant.
  IntegerValue source;
  std::array<double, kCodes> of_code{};  ///< by entry of a table; all alike if it is constant

  [[nodiscard]] bool constant() const { return source.values.empty(); }
};

/// The integer that entry `entry` of a table is for.
std::int32_t code_of(std::size_t entry, DType dtype) {
  return static_cast<std::int32_t>(entry) +
         static_cast<std::int32_t>(numerics::full_range(dtype).min);
}

bool eight_bits_per_tensor(const std::optional<IntegerValue>& value) {
  return value && !value->per_channel() &&
         (value->dtype == DType::kUInt8 || value->dtype == DType::kInt8);
}

class Fuser {
 public:
  Fuser(Model& model, const std::vector<Work>& work) : model_(model) {
    for (const auto& item : work) {
      taken_.emplace(item.node, &item);
    }
  }

  void fuse() {
    std::vector<Lookup> lookups;
    for (const auto node : model_.nodes()) {
      if (auto lookup =
              model_.op_type(node) == "QuantizeLinear" ? lookup_for(node) : std::nullopt) {
        lookups.push_back(*std::move(lookup));
      }
    }
    for (auto& lookup : lookups) {
      put(std::move(lookup));
    }
    remove_unread();
  }

 private:
  /// What a QuantizeLinear is replaced by.
  struct Lookup {
    NodeId quantizer;
    std::string integers;  ///< that it reads
    std::string result;
    Tensor table;
  };

  /// Nothing unless what the QuantizeLinear rounds is a function of one 8-bit integer.
  std::optional<Lookup> lookup_for(NodeId quantizer) {
    const auto rounded = model_.inputs(quantizer).front();
    const auto target = quantized_by(model_, quantizer);
    if (!eight_bits_per_tensor(target)) {
      return std::nullopt;
    }
    const auto found = function(rounded, 0);
    if (!found || found->constant()) {
      return std::nullopt;
    }
    const auto last = model_.producer(rounded);
    if (last && model_.op_type(*last) == "DequantizeLinear" && found->source.same_params(*target)) {
      return std::nullopt;  // the very integers that are there already
    }
    auto table = table_of(*found, *target);
    if (!table) {
      return std::nullopt;
    }
    return Lookup{quantizer, found->source.values, target->values, *std::move(table)};
  }

  void put(Lookup lookup) {
    const auto last = model_.producer(model_.inputs(lookup.quantizer).front());
    const auto origin = last && taken_.contains(*last) ? last : std::nullopt;
    const auto name = origin ? model_.name(*origin) : lookup.result;
    const auto table = model_.unique_name(lookup.result + "_table");
    model_.set_initializer(table, std::move(lookup.table));
    model_.set_output(lookup.quantizer, 0, "");
    model_.add_node({model_.unique_name((name.empty() ? lookup.result : name) + "_lookup"),
                     std::string(kLookup),
                     std::string(onnx::kKernelsDomain),
                     {lookup.integers, table},
                     {lookup.result},
                     {},
                     origin},
                    lookup.quantizer);
    model_.remove_node(lookup.quantizer);
    model_.set_opset(onnx::kKernelsDomain, onnx::kKernelsOpset);
  }

  /// Nothing where a number is none (the root of a negative number).
  [[nodiscard]] static std::optional<Tensor> table_of(const Function& function,
                                                      const IntegerValue& target) {
    const auto limits = numerics::full_range(target.dtype);
    const double scale = double{target.scales.front()};
    Tensor table(target.dtype, {static_cast<std::int64_t>(kCodes)});
    for (std::size_t i = 0; i < kCodes; ++i) {
      const double value = function.of_code[i];
      if (std::isnan(value)) {
        return std::nullopt;
      }
      const double code =
          std::clamp(std::nearbyint(value / scale) + target.zeros.front(),
                     static_cast<double>(limits.min), static_cast<double>(limits.max));
      table.bytes()[i] = static_cast<std::byte>(static_cast<std::int64_t>(code));
    }
    return table;
  }

  /// What `value` is; nothing if it depends on more than one integer, or on none that is known.
  const std::optional<Function>& function(const std::string& value, int depth) {
    static const std::optional<Function> kNone;
    if (depth > kLongestChain) {
      return kNone;
    }
    if (const auto known = known_.find(value); known != known_.end()) {
      return known->second;
    }
    auto found = find_function(value, depth);
    return known_.insert_or_assign(value, std::move(found)).first->second;
  }

  std::optional<Function> find_function(const std::string& value, int depth) {
    if (model_.is_constant(value)) {
      return constant(value);
    }
    const auto producer = model_.producer(value);
    if (!producer) {
      return std::nullopt;
    }
    return model_.op_type(*producer) == "DequantizeLinear" ? dequantized(value, depth)
                                                           : computed(*producer, value, depth);
  }

  [[nodiscard]] std::optional<Function> constant(const std::string& name) const {
    const auto value = model_.initializer(name);
    if (!value || value->dtype != DType::kFloat32 || value->size() != 1) {
      return std::nullopt;
    }
    Function function;
    function.of_code.fill(double{value->as<float>().front()});
    return function;
  }

  /// A constant that was rounded.
  [[nodiscard]] std::optional<Function> constant_of(const IntegerValue& integers) const {
    const auto value = model_.initializer(integers.values);
    if (!value || value->dtype != integers.dtype || value->size() != 1) {
      return std::nullopt;
    }
    const auto byte = static_cast<std::uint8_t>(value->bytes.front());
    const int code = value->dtype == DType::kInt8 ? static_cast<std::int8_t>(byte) : byte;
    Function function;
    function.of_code.fill(real(integers, code));
    return function;
  }

  /// A rounding between two operators of the chain is left out, but not the ends of its integers: a
  /// Relu may have been left to them.
  std::optional<Function> dequantized(const std::string& value, int depth) {
    const auto integers = dequantized_from(model_, value);
    if (!eight_bits_per_tensor(integers)) {
      return std::nullopt;
    }
    if (auto inner = behind_rounding(*integers, depth)) {
      return inner;
    }
    if (model_.is_constant(integers->values)) {
      return constant_of(*integers);
    }
    Function function{*integers, {}};
    for (std::size_t i = 0; i < kCodes; ++i) {
      function.of_code[i] = real(*integers, code_of(i, integers->dtype));
    }
    return function;
  }

  [[nodiscard]] static double real(const IntegerValue& value, double code) {
    return (code - value.zeros.front()) * double{value.scales.front()};
  }

  std::optional<Function> behind_rounding(const IntegerValue& integers, int depth) {
    const auto quantizer = model_.producer(integers.values);
    if (!quantizer || model_.op_type(*quantizer) != "QuantizeLinear") {
      return std::nullopt;
    }
    const auto rounded = quantized_by(model_, *quantizer);
    if (!rounded || !rounded->same_params(integers)) {
      return std::nullopt;
    }
    auto inner = function(model_.inputs(*quantizer).front(), depth + 1);
    return inner && !inner->constant() ? std::optional(clamped(*std::move(inner), integers))
                                       : std::nullopt;
  }

  [[nodiscard]] static Function clamped(Function inner, const IntegerValue& integers) {
    const auto limits = numerics::full_range(integers.dtype);
    const double low = real(integers, static_cast<double>(limits.min));
    const double high = real(integers, static_cast<double>(limits.max));
    for (auto& value : inner.of_code) {
      value = std::isnan(value) ? value : std::clamp(value, low, high);
    }
    return inner;
  }

  std::optional<Function> computed(NodeId node, const std::string& value, int depth) {
    if (!taken_.contains(node) || model_.outputs(node).size() != 1) {
      return std::nullopt;
    }
    const auto compute = scalar_function(model_, node);
    if (!compute) {
      return std::nullopt;
    }
    const auto names = model_.inputs(node);
    std::vector<std::optional<Function>> inputs;
    IntegerValue source;
    for (const auto& name : names) {
      inputs.push_back(name.empty() ? std::nullopt : function(name, depth + 1));
      if (name.empty()) {
        continue;
      }
      const auto& input = inputs.back();
      if (!input || (input->constant() && !keeps_rank(name, value))) {
        return std::nullopt;
      }
      if (input->constant()) {
        continue;
      }
      if (!source.values.empty() && source.values != input->source.values) {
        return std::nullopt;
      }
      source = input->source;
    }
    return source.values.empty() ? std::nullopt : std::optional(applied(*compute, inputs, source));
  }

  [[nodiscard]] static Function applied(const ScalarFunction& compute,
                                        const std::vector<std::optional<Function>>& inputs,
                                        const IntegerValue& source) {
    Function result{source, {}};
    std::vector<double> numbers(inputs.size());
    for (std::size_t code = 0; code < kCodes; ++code) {
      for (std::size_t i = 0; i < inputs.size(); ++i) {
        numbers[i] =
            inputs[i] ? inputs[i]->of_code[code] : std::numeric_limits<double>::quiet_NaN();
      }
      result.of_code[code] = compute(numbers);
    }
    return result;
  }

  /// A constant of one element does not give the result more extents than the other inputs have.
  [[nodiscard]] bool keeps_rank(const std::string& constant, const std::string& result) {
    const auto integers = dequantized_from(model_, constant);
    const auto own = model_.initializer_type(integers ? integers->values : constant);
    if (!own || !own->shape) {
      return false;
    }
    const auto type = model_.type_of(result);
    return own->shape->empty() || (type && type->shape && own->shape->size() < type->shape->size());
  }

  /// Operators that nobody reads any more, and what they alone read.
  void remove_unread() {
    auto nodes = model_.nodes();
    std::reverse(nodes.begin(), nodes.end());  // readers come first
    const auto remove_if_unread = [&](NodeId node) {
      if (!is_chain(node) || is_read(model_.outputs(node).front())) {
        return false;
      }
      note_fused(node);
      model_.remove_node(node);
      return true;
    };
    while (std::erase_if(nodes, remove_if_unread) > 0) {
    }
    model_.remove_unused_initializers();
  }

  [[nodiscard]] bool is_chain(NodeId node) const {
    const auto& type = model_.op_type(node);
    return model_.outputs(node).size() == 1 &&
           (type == "QuantizeLinear" || type == "DequantizeLinear" || type == kLookup ||
            (taken_.contains(node) && is_elementwise(type)));
  }

  [[nodiscard]] bool is_read(const std::string& value) const {
    return !model_.consumers(value).empty() || model_.is_output(value) ||
           model_.used_by_body(value);
  }

  void note_fused(NodeId node) {
    if (const auto found = taken_.find(node); found != taken_.end()) {
      found->second->outcome->quantized = true;
      found->second->outcome->reason = "computed by a lookup";
    }
  }

  Model& model_;
  std::map<NodeId, const Work*> taken_;
  std::map<std::string, std::optional<Function>, std::less<>> known_;
};

}  // namespace

void fuse_lookups(Model& model, const std::vector<Work>& work) {
  Fuser(model, work).fuse();
}

}  // namespace tessera::quantize
