// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "quantize/lookups.h"
#include "tessera/core/compact_text.h"
#include "tessera/numerics/kernels.h"
#include "tessera/onnx/domains.h"
#include "tessera/onnx/query.h"

namespace tessera::quantize {
namespace {

using calibrate::ChannelRanges;
using numerics::RealRange;
using onnx::Model;
using onnx::NodeId;

/// What int32 biases may hold, with room for what is added to them.
constexpr double kMostBias = 0x1p30;

/// A lookup with a table per channel takes longer and its tables take room, so unless it has them
/// anyway, the power of the rounding noise has to fall to this share.
constexpr double kNoiseWorthTables = 0.2;

/// Ends of an 8-bit type.
struct Codes {
  double low = 0;
  double high = 0;
};

Codes codes_of(DType dtype) {
  const auto limits = numerics::full_range(dtype);
  return {static_cast<double>(limits.min), static_cast<double>(limits.max)};
}

/// A convolution of 8-bit values with a constant int8 weight that nobody else reads, without zero
/// points.
struct Convolution {
  NodeId node;
  IntegerValue input;
  IntegerValue weight;
  NodeId weight_dequantizer;
  std::int64_t outputs = 0;    ///< channels
  std::int64_t per_group = 0;  ///< of the input
  std::int64_t groups = 1;
  std::vector<double> bias;  ///< one per output; empty if there is none

  [[nodiscard]] double weight_scale(std::size_t output) const {
    return double{weight.scales[weight.scales.size() == 1 ? 0 : output]};
  }
  [[nodiscard]] double bias_of(std::size_t output) const { return bias.empty() ? 0 : bias[output]; }
  /// One channel of the input is all that a channel of the output sees.
  [[nodiscard]] bool depthwise() const { return per_group == 1 && groups > 1; }
};

class ChannelScaler {
 public:
  ChannelScaler(Model& model, const calibrate::Ranges& ranges) : model_(model), ranges_(ranges) {}

  std::vector<std::string> run(const std::vector<FusedLookup>& lookups) {
    for (const auto& lookup : lookups) {
      by_result_.emplace(lookup.target.values, Tables{&lookup, {}, {}});
    }
    std::vector<std::string> scaled;
    for (auto& [result, tables] : by_result_) {
      if (scale_result(tables)) {
        scaled.push_back(tables.lookup->rounded);
        integers_.push_back(result);
      }
    }
    for (const auto node : model_.nodes()) {
      if (model_.op_type(node) == "QuantizeLinear" && scale_quantized(node)) {
        scaled.push_back(model_.inputs(node).front());
        integers_.push_back(model_.outputs(node).front());
      }
    }
    for (const auto& [result, tables] : by_result_) {
      write(tables);
    }
    note_scaled();
    return scaled;
  }

 private:
  /// What the tables of a lookup are made of: by channel, where there are any.
  struct Tables {
    const FusedLookup* lookup;
    /// The numbers that the entries mean.
    std::vector<std::vector<double>> numbers;
    std::vector<double> scales;  ///< of the results
    std::int32_t zero = 0;       ///< of the results, if there are scales
  };

  // --- in front of depthwise convolutions ----------------------------------------------------

  bool scale_result(Tables& tables) {
    const auto& lookup = *tables.lookup;
    const auto readers = depthwise_readers(lookup.target.values);
    const auto found = ranges_.channels.find(lookup.rounded);
    if (readers.empty() || found == ranges_.channels.end() ||
        !channels_match(readers, found->second.size())) {
      return false;
    }
    const auto& channels = found->second;
    tables.zero = best_zero(channels, lookup.target);
    tables.scales = scales_around(channels, tables.zero, codes_of(lookup.target.dtype));
    keep_biases(readers, tables.scales);
    give(lookup.target, readers, tables.scales, tables.zero);
    return true;
  }

  /// Those that read nothing but `integers`, by way of DequantizeLinear; none if anything else
  /// reads them.
  std::vector<Convolution> depthwise_readers(const std::string& integers) {
    std::vector<Convolution> readers;
    if (model_.is_output(integers) || model_.used_by_body(integers)) {
      return {};
    }
    for (const auto dequantizer : model_.consumers(integers)) {
      const auto floats = model_.outputs(dequantizer).front();
      if (model_.op_type(dequantizer) != "DequantizeLinear" || model_.is_output(floats) ||
          model_.used_by_body(floats)) {
        return {};
      }
      for (const auto reader : model_.consumers(floats)) {
        auto convolution = convolution_of(reader);
        if (!convolution || !convolution->depthwise() || model_.inputs(reader)[0] != floats) {
          return {};
        }
        readers.push_back(*std::move(convolution));
      }
    }
    return readers;
  }

  static bool channels_match(const std::vector<Convolution>& readers, std::size_t channels) {
    return std::ranges::all_of(readers, [&](const auto& reader) {
      return reader.groups == static_cast<std::int64_t>(channels);
    });
  }

  /// The zero point with which the scales of all channels together are least above what each would
  /// have by itself. Symmetric values keep theirs.
  static std::int32_t best_zero(const ChannelRanges& channels, const IntegerValue& value) {
    const auto codes = codes_of(value.dtype);
    if (value.dtype == DType::kInt8 && value.zeros.front() == 0) {
      return 0;
    }
    double least = std::numeric_limits<double>::infinity();
    double best = value.zeros.front();
    for (double zero = codes.low; zero <= codes.high; ++zero) {
      double excess = 0;
      for (const auto& channel : channels) {
        const double own =
            (std::max(channel.max, 0.0) - std::min(channel.min, 0.0)) / (codes.high - codes.low);
        const double scale = scale_around(channel, zero, codes);
        excess += own > 0 ? scale * scale / (own * own) : 0;
      }
      if (excess < least) {
        least = excess;
        best = zero;
      }
    }
    return static_cast<std::int32_t>(best);
  }

  static double scale_around(const RealRange& channel, double zero, const Codes& codes) {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    const auto side = [&](double extent, double steps) {
      return extent <= 0 ? 0 : steps <= 0 ? kInfinity : extent / steps;
    };
    return std::max(side(channel.max, codes.high - zero), side(-channel.min, zero - codes.low));
  }

  /// A channel that is always 0 gets the largest scale.
  static std::vector<double> scales_around(const ChannelRanges& channels, double zero,
                                           const Codes& codes) {
    std::vector<double> scales;
    for (const auto& channel : channels) {
      scales.push_back(scale_around(channel, zero, codes));
    }
    const double largest = *std::ranges::max_element(scales);
    for (auto& scale : scales) {
      scale = scale > 0 ? scale : largest > 0 ? largest : 1;
    }
    return scales;
  }

  /// A bias is stored in steps of what it is added to: these must not be too fine for it.
  static void keep_biases(const std::vector<Convolution>& readers, std::vector<double>& scales) {
    for (const auto& reader : readers) {
      const auto per_input = static_cast<std::size_t>(reader.outputs / reader.groups);
      for (std::size_t output = 0; output < reader.bias.size(); ++output) {
        auto& scale = scales[output / per_input];
        scale = std::max(scale,
                         std::abs(reader.bias[output]) / (reader.weight_scale(output) * kMostBias));
      }
    }
  }

  /// The one scale on the wire, as it is stored.
  static float common_scale(const std::vector<double>& scales) {
    return static_cast<float>(*std::ranges::max_element(scales));
  }

  /// The integers keep one scale, and what a channel's own is of it goes to its weights. Returns
  /// the name of the scale.
  std::string give(const IntegerValue& integers, const std::vector<Convolution>& readers,
                   const std::vector<double>& scales, std::int32_t zero) {
    const float common = common_scale(scales);
    const auto scale_name = model_.unique_name(integers.values + "_channels_scale");
    const auto zero_name = model_.unique_name(integers.values + "_channels_zero_point");
    model_.set_initializer(scale_name, Tensor::scalar(common));
    model_.set_initializer(zero_name, scalar_of(integers.dtype, zero));
    for (const auto dequantizer : model_.consumers(integers.values)) {
      model_.set_input(dequantizer, 1, scale_name);
      model_.set_input(dequantizer, 2, zero_name);
    }
    for (const auto& reader : readers) {
      const auto per_input = static_cast<std::size_t>(reader.outputs / reader.groups);
      std::vector<double> factors;
      for (std::size_t output = 0; output < static_cast<std::size_t>(reader.outputs); ++output) {
        factors.push_back(scales[output / per_input] / double{common});
      }
      rescale(reader, factors);
    }
    return scale_name;
  }

  // --- behind convolutions ------------------------------------------------------------------

  /// What a convolution makes, read by lookups alone, or by depthwise convolutions alone.
  bool scale_quantized(NodeId quantizer) {
    const auto floats = model_.inputs(quantizer).front();
    const auto found = ranges_.channels.find(floats);
    const auto maker = model_.producer(floats);
    const auto integers = quantized_by(model_, quantizer);
    if (!maker || !integers || found == ranges_.channels.end() || model_.is_output(floats) ||
        model_.used_by_body(floats) || model_.consumers(floats).size() != 1) {
      return false;
    }
    const auto convolution = convolution_of(*maker);
    if (!convolution || convolution->outputs != std::ssize(found->second)) {
      return false;
    }
    const auto lookups = lookup_readers(integers->values);
    return lookups.empty() ? scale_between(*convolution, *integers, quantizer, found->second)
                           : scale_lookups(*convolution, *integers, lookups, found->second);
  }

  std::vector<Tables*> lookup_readers(const std::string& integers) {
    std::vector<Tables*> readers;
    for (const auto node : model_.consumers(integers)) {
      const auto found = by_result_.find(model_.outputs(node).front());
      if (found == by_result_.end() || model_.domain(node) != onnx::kKernelsDomain) {
        return {};
      }
      readers.push_back(&found->second);
    }
    return model_.is_output(integers) || model_.used_by_body(integers) ? std::vector<Tables*>()
                                                                       : readers;
  }

  /// Convolution -> depthwise convolution, an activation function between them computed by the
  /// rounding: the zero point stays, so that it goes on to be.
  /// What a range method cut off stays cut off.
  bool scale_between(const Convolution& maker, const IntegerValue& integers, NodeId quantizer,
                     ChannelRanges channels) {
    const auto readers = depthwise_readers(integers.values);
    if (readers.empty() || !channels_match(readers, channels.size())) {
      return false;
    }
    const auto codes = codes_of(integers.dtype);
    const double scale = double{integers.scales.front()};
    const double zero = integers.zeros.front();
    for (auto& channel : channels) {
      channel.min = std::max(channel.min, (codes.low - zero) * scale);
      channel.max = std::min(channel.max, (codes.high - zero) * scale);
    }
    auto scales = scales_around(channels, zero, codes);
    keep_biases(readers, scales);
    // The zero point is the same.
    model_.set_input(quantizer, 1, give(integers, readers, scales, integers.zeros.front()));
    const double common = double{common_scale(scales)};
    std::vector<double> factors;
    auto bias = maker.bias;
    for (std::size_t c = 0; c < scales.size(); ++c) {
      factors.push_back(common / scales[c]);
      if (!bias.empty()) {
        bias[c] *= factors[c];
      }
    }
    rescale(maker, factors);
    write_bias(maker, bias);
    return true;
  }

  /// Convolution -> Lookup: each channel is spread over all entries of its table.
  bool scale_lookups(const Convolution& maker, const IntegerValue& integers,
                     const std::vector<Tables*>& lookups, const ChannelRanges& channels) {
    const auto codes = codes_of(integers.dtype);
    const double scale = double{integers.scales.front()};
    const double zero = integers.zeros.front();
    std::vector<double> factors;
    std::vector<double> bias;
    std::vector<std::vector<double>> numbers;
    double noise = 0;  // as a share of that with one scale
    for (std::size_t c = 0; c < channels.size(); ++c) {
      const auto range = told_apart(lookups, c, channels[c]);
      // No finer than the steps of the sum that is rounded.
      const double finest = double{maker.input.scales.front()} * maker.weight_scale(c);
      const double step = std::max((range.max - range.min) / (codes.high - codes.low), finest);
      factors.push_back(scale / step);
      noise += step * step / (scale * scale) / static_cast<double>(channels.size());
      bias.push_back(maker.bias_of(c) * factors[c] + scale * (codes.low - zero) -
                     range.min * factors[c]);
      auto& meanings = numbers.emplace_back();
      for (double code = 0; code <= codes.high - codes.low; ++code) {
        meanings.push_back(range.min + code * step);
      }
    }
    const auto has_tables = [](const Tables* one) { return !one->scales.empty(); };
    if (!std::ranges::all_of(lookups, has_tables) && noise > kNoiseWorthTables) {
      return false;
    }
    for (auto* lookup : lookups) {
      lookup->numbers = numbers;
    }
    std::vector<std::byte> scratch;
    if (!std::ranges::all_of(lookups, [&](const auto* one) { return make(*one, scratch); })) {
      for (auto* lookup : lookups) {
        lookup->numbers.clear();
      }
      return false;
    }
    rescale(maker, factors);
    write_bias(maker, bias);
    return true;
  }

  /// The part of a range beyond whose ends no lookup's result moves by an eighth of a step.
  static RealRange told_apart(const std::vector<Tables*>& lookups, std::size_t channel,
                              const RealRange& range) {
    constexpr int kParts = 255;
    const auto at = [&](int part) { return range.min + (range.max - range.min) * part / kParts; };
    const auto alike = [&](int from, int to) {
      return std::ranges::all_of(lookups, [&](const Tables* tables) {
        const double step = tables->scales.empty() ? double{tables->lookup->target.scales.front()}
                                                   : tables->scales[channel];
        return std::abs(tables->lookup->chain(at(from)) - tables->lookup->chain(at(to))) < step / 8;
      });
    };
    int low = 0;
    while (low < kParts && alike(0, low + 1)) {
      ++low;
    }
    int high = kParts;
    while (high > low && alike(kParts, high - 1)) {
      --high;
    }
    return low < high ? RealRange{at(low), at(high)} : range;
  }

  // --- reading and writing ------------------------------------------------------------------

  std::optional<Convolution> convolution_of(NodeId node) {
    const auto inputs = model_.inputs(node);
    if (model_.op_type(node) != "Conv" || !model_.domain(node).empty() || inputs.size() < 2) {
      return std::nullopt;
    }
    auto input = dequantized_from(model_, inputs[0]);
    auto weight = dequantized_from(model_, inputs[1]);
    const auto dequantizer = model_.producer(inputs[1]);
    if (!input || input->per_channel() || !weight || !dequantizer ||
        weight->dtype != DType::kInt8 || model_.consumers(inputs[1]).size() != 1 ||
        std::ranges::any_of(weight->zeros, [](auto zero) { return zero != 0; })) {
      return std::nullopt;
    }
    const auto values = model_.initializer(weight->values);
    if (!values || values->shape.size() < 3 ||
        (weight->per_channel() &&
         (weight->axis != 0 || std::ssize(weight->scales) != values->shape[0]))) {
      return std::nullopt;
    }
    Convolution convolution;
    convolution.node = node;
    convolution.outputs = values->shape[0];
    convolution.per_group = values->shape[1];
    convolution.groups = model_.int_attribute(node, "group", 1);
    if (convolution.groups < 1 || convolution.outputs % convolution.groups != 0) {
      return std::nullopt;
    }
    convolution.weight_dequantizer = *dequantizer;
    if (inputs.size() > 2 && !inputs[2].empty()) {
      auto bias = real_bias(model_, inputs[2]);
      if (!bias || std::ssize(*bias) != convolution.outputs) {
        return std::nullopt;
      }
      convolution.bias = *std::move(bias);
    }
    convolution.input = *std::move(input);
    convolution.weight = *std::move(weight);
    return convolution;
  }

  /// The weights' integers stay; what they mean is `factors` times as much.
  void rescale(const Convolution& convolution, const std::vector<double>& factors) {
    std::vector<float> scales;
    for (std::size_t c = 0; c < factors.size(); ++c) {
      scales.push_back(static_cast<float>(convolution.weight_scale(c) * factors[c]));
    }
    const auto& base = convolution.weight.values;
    const auto scale_name = model_.unique_name(base + "_channels_scale");
    const auto zero_name = model_.unique_name(base + "_channels_zero_point");
    const Shape shape = {std::ssize(scales)};
    model_.set_initializer(scale_name, Tensor::of(scales, shape));
    model_.set_initializer(zero_name, Tensor(convolution.weight.dtype, shape));
    const auto node = convolution.weight_dequantizer;
    model_.set_input(node, 1, scale_name);
    model_.set_input(node, 2, zero_name);
    model_.set_attribute(node, "axis", std::int64_t{0});
  }

  /// In float32: who makes an integer operator of the convolution rounds it.
  void write_bias(const Convolution& convolution, const std::vector<double>& bias) {
    if (bias.empty()) {
      return;
    }
    std::vector<float> values(bias.begin(), bias.end());
    const auto name = model_.unique_name(convolution.weight.values + "_channels_bias");
    const auto count = std::ssize(values);
    model_.set_initializer(name, Tensor::of(values, {count}));
    auto inputs = model_.inputs(convolution.node);
    inputs.resize(3);
    const auto before = std::exchange(inputs[2], name);
    model_.set_inputs(convolution.node, inputs);
    const auto dequantizer = before.empty() ? std::nullopt : model_.producer(before);
    if (dequantizer && model_.consumers(before).empty()) {
      model_.remove_node(*dequantizer);
    }
  }

  /// The tables of all channels behind one another. False where a result is no number.
  static bool make(const Tables& tables, std::vector<std::byte>& bytes) {
    const auto& lookup = *tables.lookup;
    auto target = lookup.target;
    const std::size_t channels = std::max(tables.numbers.size(), tables.scales.size());
    for (std::size_t c = 0; c < channels; ++c) {
      std::vector<double> numbers;
      if (!tables.numbers.empty()) {
        numbers = tables.numbers[c];
      } else {
        for (std::size_t i = 0; i < 256; ++i) {
          numbers.push_back((code_of(i, lookup.source.dtype) - lookup.source.zeros.front()) *
                            double{lookup.source.scales.front()});
        }
      }
      double scale = double{target.scales.front()};
      if (!tables.scales.empty()) {
        scale = tables.scales[c];
        target.zeros.front() = tables.zero;
      }
      if (!append_table(lookup.chain, numbers, scale, target, bytes)) {
        return false;
      }
    }
    return true;
  }

  void write(const Tables& tables) {
    if (tables.numbers.empty() && tables.scales.empty()) {
      return;
    }
    std::vector<std::byte> bytes;
    if (!make(tables, bytes)) {
      return;
    }
    const auto& lookup = *tables.lookup;
    const auto node = model_.producer(lookup.target.values);
    const auto name = model_.unique_name(lookup.target.values + "_tables");
    Tensor table(lookup.target.dtype, {std::ssize(bytes) / 256, 256});
    std::ranges::copy(bytes, table.bytes().begin());
    model_.set_initializer(name, std::move(table));
    model_.set_input(*node, 1, name);
    model_.set_attribute(*node, "axis", std::int64_t{1});
  }

  /// So that nobody takes the integers for what their one scale says.
  void note_scaled() {
    if (integers_.empty()) {
      return;
    }
    Json names = Json::array();
    for (const auto& name : integers_) {
      names.push_back(name);
    }
    model_.set_metadata(onnx::kChannelScalesKey, compact_text(names));
  }

  Model& model_;
  const calibrate::Ranges& ranges_;
  std::vector<std::string> integers_;
  std::map<std::string, Tables, std::less<>> by_result_;
};

}  // namespace

std::vector<std::string> scale_channels(Model& model, const std::vector<FusedLookup>& lookups,
                                        const calibrate::Ranges& ranges) {
  if (ranges.channels.empty()) {
    return {};
  }
  auto scaled = ChannelScaler(model, ranges).run(lookups);
  model.remove_unused_initializers();
  return scaled;
}

}  // namespace tessera::quantize
