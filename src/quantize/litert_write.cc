// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "quantize/litert_write.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "tessera/litert/builtin.h"
#include "tessera/numerics/kernels.h"
#include "tessera/numerics/qparams.h"

namespace tessera::quantize {
namespace {

using litert::Builtin;
using litert::ElementType;
using litert::Operator;
using numerics::QParams;

/// What the metadata say of the oldest release that runs a file.
constexpr std::string_view kOldestRelease = "min_runtime_version";

std::size_t at(std::int32_t index) {
  return static_cast<std::size_t>(index);
}

litert::Quantization quantization_of(std::span<const QParams> qparams, int axis) {
  litert::Quantization quantization;
  for (const auto& one : qparams) {
    quantization.scales.push_back(one.scale);
    quantization.zero_points.push_back(one.zero_point);
  }
  quantization.axis = std::max(axis, 0);
  return quantization;
}

litert::Quantization quantization_of(const LitertForm& form) {
  const QParams qparams{form.scale, form.zero_point};
  return quantization_of({&qparams, 1}, 0);
}

/// Where a bias would take more than half of 32 bits, the channel's weights are next to nothing
/// beside it: their scale grows until it does not. How many channels' did. In the precision, and by
/// the steps, of the TensorFlow converter, whose files come out the same.
std::int64_t make_room_for_bias(std::span<const float> bias, float input_scale,
                                std::vector<QParams>& weights) {
  constexpr double kLargest = std::numeric_limits<std::int32_t>::max();
  constexpr float kLevels = 127;
  std::vector<float> largest(weights.size(), 0);
  for (std::size_t i = 0; i < bias.size(); ++i) {
    auto& known = largest[i % weights.size()];
    known = std::max(known, std::abs(bias[i]));
  }
  std::int64_t grown = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    auto& scale = weights[i].scale;
    const auto magnitude = double{largest[i]};
    if (magnitude > 0 && magnitude >= 0.5 * double{input_scale} * double{scale} * kLargest) {
      const auto range =
          static_cast<float>(2 * magnitude / kLargest * double{kLevels / input_scale});
      scale = std::max(range / kLevels, std::numeric_limits<float>::min());
      ++grown;
    }
  }
  return grown;
}

class Writer {
 public:
  Writer(litert::Content& content, const LitertConstants& constants, const LitertPlan& plan,
         const std::vector<LitertWork>& work, const QuantizeOptions& options)
      : content_(content),
        subgraph_(content.subgraphs.front()),
        constants_(constants),
        plan_(plan),
        work_(work),
        io_(options.io),
        given_(subgraph_.tensors.size()) {
    for (const auto& one : subgraph_.tensors) {
      taken_.insert(one.name);
    }
    for (const auto& op : subgraph_.operators) {
      if (content_.code(op).code == Builtin::kDequantize) {
        dequantized_.emplace(op.outputs.front(), op.inputs.front());
      }
    }
    for (std::size_t i = 0; i < given_; ++i) {
      holder_.push_back(static_cast<std::int32_t>(i));
    }
    for (std::size_t i = 0; i < given_; ++i) {
      if (!plan.native[i].is_float()) {
        make_native(static_cast<std::int32_t>(i));
      }
    }
  }

  Status write() {
    auto before = std::move(subgraph_.operators);
    for (std::size_t place = 0; place < before.size(); ++place) {
      TESSERA_CHECK(write_operator(std::move(before[place]), plan_.ops[place], place));
    }
    finish_outputs();
    subgraph_.operators = std::move(operators_);
    remove_unused_conversions();
    litert::remove_unused(content_);
    give_names();
    raise_release();
    return {};
  }

 private:
  // --- values -------------------------------------------------------------------------------

  litert::Tensor& tensor(std::int32_t index) { return subgraph_.tensors[at(index)]; }

  [[nodiscard]] bool is_output(std::int32_t index) const { return holds(subgraph_.outputs, index); }
  static bool holds(const std::vector<std::int32_t>& list, std::int32_t index) {
    return std::find(list.begin(), list.end(), index) != list.end();
  }

  static void set_form(litert::Tensor& tensor, const LitertForm& form) {
    tensor.type = form.type;
    tensor.quantization =
        form.is_float() ? std::optional<litert::Quantization>() : quantization_of(form);
  }

  /// A twin of a value in another form.
  std::int32_t add_twin(std::int32_t of, const LitertForm& form, std::string_view suffix) {
    auto twin = tensor(of);
    set_form(twin, form);
    return add(std::move(twin), suffix);
  }

  /// Under a name of its own for now.
  std::int32_t add(litert::Tensor twin, std::string_view suffix) {
    const auto wanted = std::exchange(twin.name, fmt::format("{}_{}", twin.name, suffix));
    while (!taken_.insert(twin.name).second) {
      twin.name += "_";
    }
    wanted_names_.emplace(twin.name, wanted);
    return subgraph_.add_tensor(std::move(twin));
  }

  static std::string_view suffix_of(const LitertForm& form) {
    return form.is_float() ? "float" : litert::to_string(form.type);
  }

  /// The value is made in integers. It keeps its tensor, unless that is an input or output of
  /// another type.
  void make_native(std::int32_t index) {
    const auto& form = plan_.native[at(index)];
    const bool input = holds(subgraph_.inputs, index);
    const bool at_border = input || is_output(index);
    if (at_border && io_ != IoType::kInt8) {
      holder_[at(index)] = add_twin(index, form, suffix_of(form));
      if (io_ == IoType::kUInt8) {
        set_form(tensor(index), unsigned_form(form));
      }
      if (input) {
        convert(index, holder_[at(index)]);
      }
    } else {
      set_form(tensor(index), form);
    }
    versions_.emplace(std::pair(index, form), holder_[at(index)]);
  }

  static LitertForm unsigned_form(const LitertForm& form) {
    constexpr std::int32_t kShift = 128;
    return {ElementType::kUInt8, form.scale, form.zero_point + kShift};
  }

  [[nodiscard]] LitertForm native_of(std::int32_t index) const {
    return at(index) < given_ ? plan_.native[at(index)] : LitertForm();
  }

  /// The value in this form, by a conversion in front of what comes next if there is none yet.
  std::int32_t value(std::int32_t index, const LitertForm& form) {
    const auto native = native_of(index);
    if (form == native) {
      return holder_[at(index)];
    }
    const auto key = std::pair(index, form);
    if (const auto known = versions_.find(key); known != versions_.end()) {
      return known->second;
    }
    // An output is the float twin of the integers that are made.
    const bool to_output = form.is_float() && is_output(index) && io_ == IoType::kFloat32;
    const auto made = to_output ? index : add_twin(index, form, suffix_of(form));
    convert(holder_[at(index)], made);
    versions_.emplace(key, made);
    return made;
  }

  void convert(std::int32_t from, std::int32_t to) {
    const bool quantizes = tensor(to).type != ElementType::kFloat32;
    add_operator(quantizes ? Builtin::kQuantize : Builtin::kDequantize, {from}, {to});
  }

  void add_operator(Builtin code, std::vector<std::int32_t> inputs,
                    std::vector<std::int32_t> outputs) {
    Operator op;
    op.id = subgraph_.ids++;
    op.inputs = std::move(inputs);
    op.outputs = std::move(outputs);
    op.code = content_.code_of({code, {}, 1});
    set_version(op);
    operators_.push_back(std::move(op));
  }

  void set_version(Operator& op) {
    auto code = content_.code(op);
    code.version = litert_version(content_, subgraph_, op);
    op.code = content_.code_of(code);
  }

  // --- operators ----------------------------------------------------------------------------

  Status write_operator(Operator op, const LitertOpPlan& plan, std::size_t place) {
    switch (plan.action) {
      case LitertAction::kStatic:
        TESSERA_CHECK(make_static(op, plan, place));
        break;
      case LitertAction::kDynamic:
        read_floats(op);
        TESSERA_CHECK(make_dynamic(op, plan));
        break;
      case LitertAction::kStore:
        read_floats(op);
        TESSERA_CHECK(store_constants(op, plan));
        break;
      case LitertAction::kKeep:
        keep(op);
        break;
    }
    if (plan.action != LitertAction::kKeep) {
      set_version(op);
    }
    operators_.push_back(std::move(op));
    return {};
  }

  void read_floats(Operator& op) {
    for (auto& input : op.inputs) {
      if (input >= 0 && at(input) < given_ && !native_of(input).is_float()) {
        input = value(input, {});
      }
    }
  }

  void keep(Operator& op) {
    const bool quantizes = content_.code(op).code == Builtin::kQuantize;
    if (quantizes && op.inputs.size() == 1 && op.inputs.front() >= 0 &&
        !native_of(op.inputs.front()).is_float()) {
      // From one scale to another, without floats between.
      op.inputs.front() = holder_[at(op.inputs.front())];
      set_version(op);
      return;
    }
    read_floats(op);
  }

  Status make_static(Operator& op, const LitertOpPlan& plan, std::size_t place) {
    const auto given = op.inputs;
    float input_scale = 1;
    for (std::size_t i = 0; i < given.size(); ++i) {
      if (plan.rule.roles[i] != Role::kActivation) {
        continue;
      }
      const auto holder = constants_.source(given[i]);
      if (holder) {
        TESSERA_TRY(op.inputs[i], constant(given[i], plan.reads[i]));
      } else {
        op.inputs[i] = value_for_reader(given[i], plan.reads[i]);
        input_scale = plan.reads[i].scale;
      }
    }
    TESSERA_CHECK(make_weights(op, given, plan, input_scale, place));
    for (auto& output : op.outputs) {
      output = output < 0 ? output : holder_[at(output)];
    }
    constexpr std::uint16_t kPowersOfTwo = 1;
    const auto code = content_.code(op).code;
    if (plan.scheme->activation == DType::kInt16 &&
        (code == Builtin::kAdd || code == Builtin::kSub)) {
      op.options.set_int(kPowersOfTwo, 0);
    }
    return {};
  }

  /// Integers that the file has behind a DEQUANTIZE are read as they are.
  std::int32_t value_for_reader(std::int32_t index, const LitertForm& form) {
    const auto from = dequantized_.find(index);
    const bool fits = from != dequantized_.end() && has_form(tensor(from->second), form);
    return fits ? from->second : value(index, form);
  }

  static bool has_form(const litert::Tensor& tensor, const LitertForm& form) {
    const auto wanted = quantization_of(form);
    return tensor.type == form.type && tensor.quantization &&
           tensor.quantization->scales == wanted.scales &&
           (tensor.quantization->zero_points == wanted.zero_points ||
            (tensor.quantization->zero_points.empty() && form.zero_point == 0));
  }

  // --- constants ----------------------------------------------------------------------------

  std::int32_t add_constant(std::int32_t of, Tensor values, litert::Quantization quantization,
                            std::string_view suffix) {
    const auto type = *litert::element_type_of(values.dtype());
    auto twin = tensor(of);
    twin.type = type;
    twin.sparsity.reset();
    twin.quantization = quantization.scales.empty() ? std::optional<litert::Quantization>()
                                                    : std::optional(std::move(quantization));
    std::vector<std::int32_t> extents;
    for (const auto extent : values.shape()) {
      extents.push_back(static_cast<std::int32_t>(extent));
    }
    twin.shape = std::move(extents);
    twin.signature.clear();
    twin.buffer = content_.add_buffer(litert_data(std::move(values)));
    return add(std::move(twin), suffix);
  }

  /// A constant that is read as an activation.
  Result<std::int32_t> constant(std::int32_t index, const LitertForm& form) {
    const auto holder = *constants_.source(index);
    const auto key = std::pair(holder, form);
    if (const auto known = versions_.find(key); known != versions_.end()) {
      return known->second;
    }
    TESSERA_TRY(const auto values, constants_.values(holder));
    const QParams qparams{form.scale, form.zero_point};
    TESSERA_TRY(auto integers, numerics::quantize_weights_with(
                                   values.view(), litert::dtype_of(form.type), {&qparams, 1}, -1));
    const auto made =
        add_constant(holder, std::move(integers.values), quantization_of(form), suffix_of(form));
    versions_.emplace(key, made);
    return made;
  }

  /// The integers of a weight with these scales, once for all who read it so.
  Result<std::int32_t> weight(std::int32_t holder, DType dtype, std::span<const QParams> qparams,
                              int axis) {
    std::vector<float> scales;
    for (const auto& one : qparams) {
      scales.push_back(one.scale);
    }
    const auto key = std::tuple(holder, dtype, axis, scales);
    if (const auto known = weights_.find(key); known != weights_.end()) {
      return known->second;
    }
    TESSERA_TRY(const auto* values, weights_of(holder));
    TESSERA_TRY(auto integers,
                numerics::quantize_weights_with(values->view(), dtype, qparams, axis));
    const auto made = add_constant(holder, std::move(integers.values),
                                   quantization_of(qparams, axis), to_string(dtype));
    weights_.emplace(key, made);
    return made;
  }

  static numerics::QuantSpec spec_of(const Scheme& scheme) {
    return {scheme.weight, true, scheme.reduce_range};
  }

  /// The axis that a scheme has scales along; -1: one scale.
  static int axis_of(const Scheme& scheme, int axis) { return scheme.per_channel ? axis : -1; }

  /// Kept until another's are asked for: scales come first, and integers by them.
  Result<const Tensor*> weights_of(std::int32_t holder) {
    if (!kept_ || kept_->first != holder) {
      TESSERA_TRY(auto values, constants_.values(holder));
      kept_.emplace(holder, std::move(values));
    }
    return &kept_->second;
  }

  Result<std::vector<QParams>> scales_of(std::int32_t holder, const Scheme& scheme, int axis) {
    TESSERA_TRY(const auto* values, weights_of(holder));
    TESSERA_TRY(auto qparams, numerics::weight_qparams(values->view(), spec_of(scheme), axis));
    if (scheme.weight == DType::kInt4) {
      // From levels -8 to 7 to -7 to 7, as the format's tools have it: both ends are reached.
      constexpr float kLevels = 15.0F / 14;
      std::for_each(qparams.begin(), qparams.end(), [](QParams& one) { one.scale *= kLevels; });
    }
    return qparams;
  }

  /// Integers of the file that the kernel takes as they are: int8 around zero, with one scale or
  /// one per channel where the kernel has them.
  [[nodiscard]] bool is_ready(std::int32_t holder, const Scheme& scheme, int axis) {
    const auto& held = tensor(holder);
    if (scheme.weight != DType::kInt8 || held.type != ElementType::kInt8 || !held.quantization) {
      return false;
    }
    const auto& scales = held.quantization->scales;
    const auto& zeros = held.quantization->zero_points;
    const bool around_zero =
        std::all_of(zeros.begin(), zeros.end(), [](std::int64_t zero) { return zero == 0; });
    return around_zero && !held.sparsity && !scales.empty() &&
           (scales.size() == 1 || held.quantization->axis == axis);
  }

  static std::vector<QParams> scales_in(const litert::Tensor& held) {
    std::vector<QParams> qparams;
    for (const auto scale : held.quantization->scales) {
      qparams.push_back({scale, 0});
    }
    return qparams;
  }

  Status make_weights(Operator& op, const std::vector<std::int32_t>& given,
                      const LitertOpPlan& plan, float input_scale, std::size_t place) {
    const auto find = [&](Role role) {
      for (std::size_t i = 0; i < given.size(); ++i) {
        if (plan.rule.roles[i] == role && given[i] >= 0) {
          return static_cast<std::int32_t>(i);
        }
      }
      return -1;
    };
    const auto weights = find(Role::kWeight);
    if (weights < 0) {
      return {};
    }
    const auto& scheme = *plan.scheme;
    const auto holder = *constants_.source(given[at(weights)]);
    const auto axis = axis_of(scheme, plan.rule.weight_axis);
    const bool ready = is_ready(holder, scheme, plan.rule.weight_axis);
    std::vector<QParams> qparams;
    if (ready) {
      qparams = scales_in(tensor(holder));
    } else {
      TESSERA_TRY(qparams, scales_of(holder, scheme, axis));
    }
    const auto bias = find(Role::kBias);
    Tensor biases;
    std::int64_t widened = 0;
    if (bias >= 0) {
      TESSERA_TRY(biases, constants_.values(given[at(bias)]));
      if (scheme.activation != DType::kInt16) {
        widened = make_room_for_bias(biases.as<float>(), input_scale, qparams);
      }
    }
    if (ready && widened == 0) {
      op.inputs[at(weights)] = holder;
    } else {
      const auto used = qparams.size() > 1 ? plan.rule.weight_axis : axis;
      TESSERA_TRY(op.inputs[at(weights)], weight(holder, scheme.weight, qparams, used));
    }
    if (bias >= 0) {
      op.inputs[at(bias)] = make_bias(given[at(bias)], biases, input_scale, qparams,
                                      scheme.activation == DType::kInt16);
    }
    if (widened > 0) {
      work_[place].outcome->reason = fmt::format(
          "{} of its channels have next to no weights beside their bias: scales widened", widened);
    }
    return {};
  }

  /// With the product of the scales, rounded as the TensorFlow converter does: in float32, by the
  /// inverse.
  std::int32_t make_bias(std::int32_t index, const Tensor& biases, float input_scale,
                         std::span<const QParams> weights, bool wide) {
    const auto values = biases.as<float>();
    std::vector<QParams> qparams;
    std::vector<float> inverse;
    for (const auto& one : weights) {
      qparams.push_back({input_scale * one.scale, 0});
      const auto one_over = static_cast<float>(1 / double{qparams.back().scale});
      inverse.push_back(std::isfinite(one_over) ? one_over : 0);  // next to no bias there
    }
    std::vector<std::int64_t> integers(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      integers[i] = std::llround(values[i] * inverse[i % inverse.size()]);
    }
    const auto shape = biases.shape();
    Tensor made;
    if (wide) {
      made = Tensor::of(integers, shape);
    } else {
      std::vector<std::int32_t> narrow(integers.begin(), integers.end());
      made = Tensor::of(narrow, shape);
    }
    const auto holder = *constants_.source(index);
    return add_constant(holder, std::move(made), quantization_of(qparams, 0),
                        wide ? "int64" : "int32");
  }

  Status make_dynamic(Operator& op, const LitertOpPlan& plan) {
    const auto& scheme = *plan.scheme;
    const auto axis = axis_of(scheme, plan.weights.axis);
    for (const auto input : plan.weights.inputs) {
      const auto holder = *constants_.source(op.inputs[input]);
      TESSERA_TRY(const auto qparams, scales_of(holder, scheme, axis));
      TESSERA_TRY(op.inputs[input], weight(holder, scheme.weight, qparams, axis));
    }
    // XNNPACK wants all that such a kernel knows beforehand to stand in the file.
    for (auto& input : op.inputs) {
      const bool given = input >= 0 && at(input) < given_;
      if (const auto holder = given ? constants_.source(input) : std::nullopt;
          holder && *holder != input) {
        TESSERA_TRY(input, folded(*holder));
      }
    }
    if (plan.weights.asymmetric) {
      op.options.set_int(*plan.weights.asymmetric, scheme.activation_symmetric ? 0 : 1);
    }
    return {};
  }

  /// A constant as floats, computed here.
  Result<std::int32_t> folded(std::int32_t holder) {
    const auto key = std::pair(holder, LitertForm());
    if (const auto known = versions_.find(key); known != versions_.end()) {
      return known->second;
    }
    TESSERA_TRY(auto values, constants_.values(holder));
    const auto made = add_constant(holder, std::move(values), {}, "float");
    versions_.emplace(key, made);
    return made;
  }

  Status store_constants(Operator& op, const LitertOpPlan& plan) {
    for (const auto input : plan.weights.inputs) {
      const auto holder = *constants_.source(op.inputs[input]);
      TESSERA_TRY(const auto stored, plan.scheme->mode == Mode::kFloat16
                                         ? store_halves(holder)
                                         : store_integers(holder, plan));
      op.inputs[input] = brought_back(stored, holder);
    }
    return {};
  }

  Result<std::int32_t> store_halves(std::int32_t holder) {
    const auto key = std::tuple(holder, DType::kFloat16, -1, std::vector<float>());
    if (const auto known = weights_.find(key); known != weights_.end()) {
      return known->second;
    }
    TESSERA_TRY(const auto values, constants_.values(holder));
    constexpr float kLargestHalf = 65504;
    std::vector<std::uint16_t> halves;
    halves.reserve(values.as<float>().size());
    for (const auto x : values.as<float>()) {
      halves.push_back(float32_to_float16(std::clamp(x, -kLargestHalf, kLargestHalf)));
    }
    Tensor made(DType::kFloat16, values.shape());
    const auto bytes = std::as_bytes(std::span(halves));
    std::copy(bytes.begin(), bytes.end(), made.bytes().begin());
    const auto stored = add_constant(holder, std::move(made), {}, "float16");
    weights_.emplace(key, stored);
    return stored;
  }

  Result<std::int32_t> store_integers(std::int32_t holder, const LitertOpPlan& plan) {
    const auto axis = axis_of(*plan.scheme, plan.weights.axis);
    TESSERA_TRY(const auto qparams, scales_of(holder, *plan.scheme, axis));
    return weight(holder, plan.scheme->weight, qparams, axis);
  }

  /// The constant as floats, by a DEQUANTIZE that the runtime computes once.
  std::int32_t brought_back(std::int32_t stored, std::int32_t holder) {
    if (const auto known = brought_back_.find(stored); known != brought_back_.end()) {
      return known->second;
    }
    auto twin = tensor(holder);
    twin.type = ElementType::kFloat32;
    twin.quantization.reset();
    twin.sparsity.reset();
    twin.buffer = 0;
    const auto made = add(std::move(twin), "dequantized");
    convert(stored, made);
    brought_back_.emplace(stored, made);
    return made;
  }

  // --- the whole ----------------------------------------------------------------------------

  /// Outputs that are made in integers are given in floats.
  void finish_outputs() {
    for (const auto output : std::vector(subgraph_.outputs)) {
      if (at(output) >= given_ || native_of(output).is_float()) {
        continue;
      }
      if (io_ == IoType::kFloat32) {
        value(output, {});
      } else if (io_ == IoType::kUInt8) {
        convert(holder_[at(output)], output);
      }
    }
  }

  /// Conversions of the file that nobody reads any more.
  void remove_unused_conversions() {
    std::set<std::int32_t> used(subgraph_.outputs.begin(), subgraph_.outputs.end());
    for (const auto& signature : content_.signatures) {
      if (signature.subgraph == 0) {
        for (const auto& output : signature.outputs) {
          used.insert(static_cast<std::int32_t>(output.tensor));
        }
      }
    }
    std::vector<Operator> kept;
    for (auto op = subgraph_.operators.rbegin(); op != subgraph_.operators.rend(); ++op) {
      const auto code = content_.code(*op).code;
      const bool converts =
          code == Builtin::kQuantize || code == Builtin::kDequantize || code == Builtin::kDensify;
      if (converts && !used.contains(op->outputs.front())) {
        continue;
      }
      used.insert(op->inputs.begin(), op->inputs.end());
      kept.push_back(std::move(*op));
    }
    subgraph_.operators.assign(std::make_move_iterator(kept.rbegin()),
                               std::make_move_iterator(kept.rend()));
  }

  /// What was made for a value takes its name where the value itself is gone.
  void give_names() {
    std::set<std::string> taken;
    for (const auto& one : subgraph_.tensors) {
      taken.insert(one.name);
    }
    for (auto& one : subgraph_.tensors) {
      const auto found = wanted_names_.find(one.name);
      if (found != wanted_names_.end() && taken.insert(found->second).second) {
        one.name = found->second;
      }
    }
  }

  /// Where the file says which release it needs, it says so of what it holds now.
  void raise_release() {
    const auto present = litert::metadata_of(content_, kOldestRelease);
    if (!present) {
      return;
    }
    std::string_view needed = *present;
    for (const auto& code : content_.codes) {
      const auto release = litert_release(code.code, code.version);
      needed = is_older_release(needed, release) ? release : needed;
    }
    if (needed != *present) {
      constexpr std::size_t kWidth = 16;  // what converters reserve
      std::string padded(needed);
      padded.resize(std::max(kWidth, padded.size()), '\0');
      litert::set_metadata(content_, kOldestRelease, padded);
    }
  }

  litert::Content& content_;
  litert::Subgraph& subgraph_;
  const LitertConstants& constants_;
  const LitertPlan& plan_;
  const std::vector<LitertWork>& work_;
  IoType io_;
  std::size_t given_;                 ///< tensors of the file
  std::vector<std::int32_t> holder_;  ///< by tensor of the file: what its maker gives
  std::map<std::pair<std::int32_t, LitertForm>, std::int32_t> versions_;
  std::map<std::tuple<std::int32_t, DType, int, std::vector<float>>, std::int32_t> weights_;
  std::optional<std::pair<std::int32_t, Tensor>> kept_;  ///< see weights_of()
  std::map<std::int32_t, std::int32_t> brought_back_;
  std::map<std::int32_t, std::int32_t> dequantized_;  ///< by floats of the file: their integers
  std::set<std::string> taken_;                       ///< names
  std::map<std::string, std::string> wanted_names_;   ///< by the name for now
  std::vector<Operator> operators_;
};

}  // namespace

Status write_litert(litert::Content& content, const LitertConstants& constants,
                    const LitertPlan& plan, const std::vector<LitertWork>& work,
                    const QuantizeOptions& options) {
  return Writer(content, constants, plan, work, options).write();
}

}  // namespace tessera::quantize
