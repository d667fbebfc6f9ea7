// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "quantize/lookups.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

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

/// A float value as a function of an 8-bit integer.
struct Function {
  /// Of what; no values if the number is constant.
  IntegerValue source;
  std::size_t step = 0;  ///< of all steps of the model

  [[nodiscard]] bool constant() const { return source.values.empty(); }
};

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

  std::vector<FusedLookup> fuse() {
    std::vector<Lookup> lookups;
    for (const auto node : model_.nodes()) {
      if (auto lookup =
              model_.op_type(node) == "QuantizeLinear" ? lookup_for(node) : std::nullopt) {
        lookups.push_back(*std::move(lookup));
      }
    }
    std::vector<FusedLookup> fused;
    for (auto& lookup : lookups) {
      put(lookup);
      fused.push_back(std::move(lookup.fused));
    }
    remove_unread();
    std::erase_if(fused, [&](const auto& lookup) { return !is_read(lookup.target.values); });
    return fused;
  }

 private:
  /// What a QuantizeLinear is replaced by.
  struct Lookup {
    NodeId quantizer;
    FusedLookup fused;
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
    FusedLookup fused{found->source, *target, rounded, chain_to(found->step)};
    std::vector<double> numbers;
    for (std::size_t i = 0; i < kCodes; ++i) {
      numbers.push_back(real(fused.source, code_of(i, fused.source.dtype)));
    }
    std::vector<std::byte> bytes;
    if (!append_table(fused.chain, numbers, double{target->scales.front()}, *target, bytes)) {
      return std::nullopt;
    }
    Tensor table(target->dtype, {static_cast<std::int64_t>(kCodes)});
    std::copy(bytes.begin(), bytes.end(), table.bytes().begin());
    return Lookup{quantizer, std::move(fused), std::move(table)};
  }

  void put(Lookup& lookup) {
    const auto& result = lookup.fused.target.values;
    const auto last = model_.producer(lookup.fused.rounded);
    const auto origin = last && taken_.contains(*last) ? last : std::nullopt;
    const auto name = origin ? model_.name(*origin) : result;
    const auto table = model_.unique_name(result + "_table");
    model_.set_initializer(table, std::move(lookup.table));
    model_.set_output(lookup.quantizer, 0, "");
    model_.add_node({model_.unique_name((name.empty() ? result : name) + "_lookup"),
                     std::string(kLookup),
                     std::string(onnx::kKernelsDomain),
                     {lookup.fused.source.values, table},
                     {result},
                     {},
                     origin},
                    lookup.quantizer);
    model_.remove_node(lookup.quantizer);
    model_.set_opset(onnx::kKernelsDomain, onnx::kKernelsOpset);
  }

  // --- steps --------------------------------------------------------------------------------

  std::size_t add_step(ScalarFunction compute, std::vector<std::size_t> inputs) {
    steps_.push_back({std::move(compute), std::move(inputs)});
    return steps_.size() - 1;
  }

  std::size_t constant_step(double value) {
    return add_step([value](std::span<const double>) { return value; }, {});
  }

  /// The steps that `last` needs. Every step comes behind its inputs.
  [[nodiscard]] ScalarChain chain_to(std::size_t last) const {
    std::vector<bool> needed(last + 1, false);
    needed[0] = needed[last] = true;
    for (std::size_t step = last + 1; step-- > 0;) {
      for (const auto input : needed[step] ? steps_[step].inputs : std::vector<std::size_t>()) {
        if (input != ScalarChain::kAbsent) {
          needed[input] = true;
        }
      }
    }
    std::map<std::size_t, std::size_t> places = {{ScalarChain::kAbsent, ScalarChain::kAbsent}};
    std::vector<ScalarChain::Step> steps;
    for (std::size_t step = 0; step <= last; ++step) {
      if (!needed[step]) {
        continue;
      }
      places.emplace(step, steps.size());
      steps.push_back(steps_[step]);
      for (auto& input : steps.back().inputs) {
        input = places.at(input);
      }
    }
    return ScalarChain(std::move(steps));
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

  [[nodiscard]] std::optional<Function> constant(const std::string& name) {
    const auto value = model_.initializer(name);
    if (!value || value->dtype != DType::kFloat32 || value->size() != 1) {
      return std::nullopt;
    }
    return Function{{}, constant_step(double{value->as<float>().front()})};
  }

  /// A constant that was rounded.
  [[nodiscard]] std::optional<Function> constant_of(const IntegerValue& integers) {
    const auto value = model_.initializer(integers.values);
    if (!value || value->dtype != integers.dtype || value->size() != 1) {
      return std::nullopt;
    }
    const auto byte = static_cast<std::uint8_t>(value->bytes.front());
    const int code = value->dtype == DType::kInt8 ? static_cast<std::int8_t>(byte) : byte;
    return Function{{}, constant_step(real(integers, code))};
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
    return Function{*integers, 0};
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

  [[nodiscard]] Function clamped(Function inner, const IntegerValue& integers) {
    const auto limits = numerics::full_range(integers.dtype);
    const double low = real(integers, static_cast<double>(limits.min));
    const double high = real(integers, static_cast<double>(limits.max));
    const auto clamp = [low, high](std::span<const double> inputs) {
      const double value = inputs.front();
      return std::isnan(value) ? value : std::clamp(value, low, high);
    };
    inner.step = add_step(clamp, {inner.step});
    return inner;
  }

  std::optional<Function> computed(NodeId node, const std::string& value, int depth) {
    if (!taken_.contains(node) || model_.outputs(node).size() != 1) {
      return std::nullopt;
    }
    auto compute = scalar_function(model_, node);
    if (!compute) {
      return std::nullopt;
    }
    const auto names = model_.inputs(node);
    std::vector<std::size_t> inputs;
    IntegerValue source;
    for (const auto& name : names) {
      if (name.empty()) {
        inputs.push_back(ScalarChain::kAbsent);
        continue;
      }
      const auto input = function(name, depth + 1);
      if (!input || (input->constant() && !keeps_rank(name, value))) {
        return std::nullopt;
      }
      inputs.push_back(input->step);
      if (input->constant()) {
        continue;
      }
      if (!source.values.empty() && source.values != input->source.values) {
        return std::nullopt;
      }
      source = input->source;
    }
    if (source.values.empty()) {
      return std::nullopt;
    }
    return Function{std::move(source), add_step(*std::move(compute), std::move(inputs))};
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
  std::vector<ScalarChain::Step> steps_ = {{}};  ///< the first is the source of each function
};

}  // namespace

double ScalarChain::operator()(double number) const {
  std::vector<double> results = {number};
  std::vector<double> inputs;
  for (std::size_t i = 1; i < steps_.size(); ++i) {
    inputs.clear();
    for (const auto input : steps_[i].inputs) {
      inputs.push_back(input == kAbsent ? std::numeric_limits<double>::quiet_NaN()
                                        : results[input]);
    }
    results.push_back(steps_[i].compute(inputs));
  }
  return results.back();
}

std::int32_t code_of(std::size_t entry, DType dtype) {
  return static_cast<std::int32_t>(entry) +
         static_cast<std::int32_t>(numerics::full_range(dtype).min);
}

bool append_table(const ScalarChain& chain, const std::vector<double>& numbers, double target_scale,
                  const IntegerValue& target, std::vector<std::byte>& bytes) {
  const auto limits = numerics::full_range(target.dtype);
  const std::size_t before = bytes.size();
  for (const double number : numbers) {
    const double value = chain(number);
    if (std::isnan(value)) {
      bytes.resize(before);
      return false;
    }
    const double code =
        std::clamp(std::nearbyint(value / target_scale) + target.zeros.front(),
                   static_cast<double>(limits.min), static_cast<double>(limits.max));
    bytes.push_back(static_cast<std::byte>(static_cast<std::int64_t>(code)));
  }
  return true;
}

std::vector<FusedLookup> fuse_lookups(Model& model, const std::vector<Work>& work) {
  return Fuser(model, work).fuse();
}

}  // namespace tessera::quantize
