// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "quantize/value_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "tessera/graph/cost.h"
#include "tessera/numerics/kernels.h"

namespace tessera::quantize {
namespace {

using graph::Op;
using graph::TensorId;
using numerics::RealRange;
using Kind = Objection::Kind;

/// Levels that must be left to the smaller operand of a sum or choice. Beside a constant whose
/// values are either next to nothing or extreme, which is what masks are, six bits are wanted;
/// beside other constants three. An activation is taken for a mask only if it leaves nothing of
/// the other and is large by any standard: the branches of a sum may well differ in size.
constexpr double kLevelsBesideMask = 64;
constexpr double kLevelsBesideConstant = 8;
constexpr double kLevelsBesideActivation = 2;
constexpr double kLargeActivation = 1e3;

/// Widest step at the input of a Softmax: at 0.25 it has 23 dB left.
constexpr double kSoftmaxStep = 0.25;

/// Part of a mask's width that a value must have to hold the mask still.
constexpr double kStillMasked = 1.0 / 64;

bool is_one_of(const Op& op, std::initializer_list<std::string_view> types) {
  return op.domain.empty() && std::find(types.begin(), types.end(), op.type) != types.end();
}

/// Puts values of several tensors side by side on one scale.
bool joins(const Op& op) {
  return is_one_of(op, {"Add", "Sub", "Where", "Max", "Min", "Sum"});
}

/// Its results are values of its inputs, moved or changed one by one: masks stay masks.
bool passes_on(const Op& op) {
  return joins(op) || is_one_of(op, {"Abs",
                                     "Cast",
                                     "Clip",
                                     "Concat",
                                     "DepthToSpace",
                                     "Div",
                                     "Expand",
                                     "Flatten",
                                     "Gather",
                                     "GatherElements",
                                     "GatherND",
                                     "Identity",
                                     "LeakyRelu",
                                     "Mul",
                                     "Neg",
                                     "Pad",
                                     "PRelu",
                                     "ReduceMax",
                                     "ReduceMin",
                                     "Relu",
                                     "Reshape",
                                     "ScatterND",
                                     "ScatterElements",
                                     "Slice",
                                     "SpaceToDepth",
                                     "Split",
                                     "Squeeze",
                                     "Tile",
                                     "Transpose",
                                     "Trilu",
                                     "Unsqueeze",
                                     "OneHot"});
}

/// Arithmetic that goes on until a whole number is made of it.
bool counts(const Op& op) {
  return passes_on(op) ||
         is_one_of(op, {"Ceil", "Exp", "Floor", "Log", "Mod", "Pow", "Reciprocal", "ReduceMean",
                        "ReduceProd", "ReduceSum", "Round", "Sign", "Sqrt"});
}

bool is_whole(DType dtype) {
  return dtype != DType::kUndefined && !is_floating(dtype) && dtype != DType::kString;
}

double width_of(const RealRange& range) {
  return range.max - range.min;
}

double magnitude_of(const RealRange& range) {
  return std::max(std::abs(range.min), std::abs(range.max));
}

std::string levels_text(double levels) {
  return levels < 1.5 ? std::string("one level at most") : fmt::format("{:.0f} levels", levels);
}

std::string what_is_unusual(const std::string& name, const calibrate::Unusual& seen) {
  if (seen.always_empty()) {
    return fmt::format("'{}' was empty in every sample", name);
  }
  return seen.nan > 0 ? fmt::format("'{}' holds NaN", name)
                      : fmt::format("'{}' holds infinities or the lowest float32 number", name);
}

class Judge {
 public:
  Judge(const onnx::Model& model, const graph::Graph& graph, const calibrate::Ranges& ranges,
        const numerics::QuantSpec& spec, numerics::RangeMethod method)
      : model_(model),
        graph_(graph),
        ranges_(ranges),
        spec_(spec),
        method_(method),
        objections_(graph.tensors().size()) {}

  Result<std::vector<Objection>> run() {
    find_shapes();
    find_what_becomes_whole();
    for (std::uint32_t i = 0; i < objections_.size(); ++i) {
      object_to_measured(TensorId{i});
    }
    for (const auto& op : graph_.ops()) {
      TESSERA_CHECK(object_to_constants(op));
      TESSERA_CHECK(object_to_join(op));
      pass_on(op);
    }
    for (auto op = graph_.ops().rbegin(); op != graph_.ops().rend(); ++op) {
      object_to_coarse_exponent(*op);
      pass_back(*op);
    }
    return std::move(objections_);
  }

 private:
  [[nodiscard]] const graph::TensorInfo& tensor(TensorId id) const { return graph_.tensor(id); }

  void object(TensorId id, Kind kind, std::string reason) {
    auto& place = objections_[id.value];
    if (!place) {
      place = {kind, std::move(reason)};
    }
  }

  [[nodiscard]] bool is_constant(TensorId id) const {
    return tensor(id).kind == graph::TensorKind::kInitializer;
  }

  /// A float value that an operator makes.
  [[nodiscard]] bool is_activation(TensorId id) const {
    return !is_constant(id) && is_floating(tensor(id).dtype);
  }

  // --- what was measured ------------------------------------------------------------------------

  void object_to_measured(TensorId id) {
    const auto& name = tensor(id).name;
    if (is_constant(id)) {
      return;
    }
    if (const auto seen = ranges_.unusual.find(name); seen != ranges_.unusual.end()) {
      return object(id, Kind::kNoScale, what_is_unusual(name, seen->second));
    }
    const auto range = ranges_.find(name, method_);
    if (range && magnitude_of(*range) > kLargestScaled) {
      object(id, Kind::kNoScale, fmt::format("'{}' holds values too large for a scale", name));
    }
  }

  /// Constants that are read beside activations.
  Status object_to_constants(const Op& op) {
    if (!is_one_of(op, {"Add", "Concat", "Div", "Max", "Min", "Mul", "Sub", "Where"})) {
      return {};
    }
    for (const auto& input : op.inputs) {
      if (!input || !is_constant(*input) || tensor(*input).dtype != DType::kFloat32 ||
          objections_[input->value]) {
        continue;
      }
      TESSERA_TRY(const auto known, constant(*input));
      if (!known.readable) {
        object(*input, Kind::kNoScale,
               fmt::format("constant '{}' cannot be read", tensor(*input).name));
      } else if (!known.finite) {
        object(*input, Kind::kNoScale,
               fmt::format("constant '{}' holds NaN or infinities", tensor(*input).name));
      } else if (magnitude_of(known.range) > kLargestScaled) {
        object(
            *input, Kind::kNoScale,
            fmt::format("constant '{}' holds values too large for a scale", tensor(*input).name));
      }
    }
    return {};
  }

  // --- masks ------------------------------------------------------------------------------------

  struct Constant {
    bool readable = true;
    bool finite = true;
    RealRange range;
    bool two_sizes = false;  ///< every value is either extreme or close to 0 beside those that are
    bool even = false;       ///< every value is extreme
  };

  Result<Constant> constant(TensorId id) {
    if (const auto found = constants_.find(id.value); found != constants_.end()) {
      return found->second;
    }
    const auto& name = tensor(id).name;
    const auto view = model_.initializer(name);
    Constant known;
    if (!view) {
      if (view.error().code != ErrorCode::kUnimplemented) {
        return tl::unexpected(view.error());
      }
      known.readable = false;
      return constants_.emplace(id.value, known).first->second;
    }
    const auto values = view->as<float>();
    const auto extrema = numerics::find_min_max(values);
    known.finite = extrema.nan + extrema.infinite == 0;
    if (extrema.finite > 0) {
      known.range = {double{extrema.min}, double{extrema.max}};
    }
    const auto largest = static_cast<float>(magnitude_of(known.range));
    std::size_t small = 0;
    std::size_t extreme = 0;
    for (const float value : values) {
      small += std::abs(value) <= largest / 16 ? 1U : 0U;
      extreme += std::abs(value) >= largest / 2 ? 1U : 0U;
    }
    known.two_sizes = largest > 0 && small + extreme == values.size();
    known.even = extreme == values.size();
    model_.release_initializer(name);
    return constants_.emplace(id.value, known).first->second;
  }

  [[nodiscard]] std::optional<RealRange> range_of(TensorId id) const {
    return ranges_.find(tensor(id).name, method_);
  }

  /// The distance of two neighbouring integers; 0 if not known.
  [[nodiscard]] double step_of(const RealRange& range) const {
    const auto qparams = numerics::compute_qparams(range, spec_);
    return qparams ? double{qparams->scale} : 0;
  }

  /// Where one operand of a sum or a choice leaves next to no levels to another.
  Status object_to_join(const Op& op) {
    if (!joins(op) || op.outputs.empty() || !op.outputs.front() ||
        objections_[op.outputs.front()->value]) {
      return {};
    }
    const auto result = *op.outputs.front();
    const auto range = range_of(result);
    const double step = range ? step_of(*range) : 0;
    if (!(step > 0)) {
      return {};
    }
    for (const auto& narrow : op.inputs) {
      if (!narrow || !is_activation(*narrow)) {
        continue;
      }
      const auto own = range_of(*narrow);
      if (!own || width_of(*own) <= 0) {
        continue;
      }
      const double levels = width_of(*own) / step;
      TESSERA_TRY(const auto wide, drowning(op, *narrow, levels));
      if (wide) {
        object(result, Kind::kCoarse,
               fmt::format("beside '{}', which reaches {:.4g} as masks do, {} bits would leave {} "
                           "to '{}'",
                           tensor(*wide).name, extreme_of(*wide), bits_of(spec_.dtype),
                           levels_text(levels), tensor(*narrow).name));
        return {};
      }
    }
    return {};
  }

  [[nodiscard]] double extreme_of(TensorId id) const {
    const auto known = constants_.find(id.value);
    const auto range =
        known != constants_.end() ? known->second.range : range_of(id).value_or(RealRange{});
    return std::abs(range.min) > std::abs(range.max) ? range.min : range.max;
  }

  /// The operand beside which so few levels are left to `narrow`.
  Result<std::optional<TensorId>> drowning(const Op& op, TensorId narrow, double levels) {
    for (const auto& other : op.inputs) {
      if (!other || *other == narrow || levels >= kLevelsBesideMask) {
        continue;
      }
      if (is_constant(*other) && tensor(*other).dtype == DType::kFloat32) {
        TESSERA_TRY(const auto known, constant(*other));
        // The same addend everywhere is a shift; the same choice everywhere masks.
        const bool mask = known.two_sizes && (op.type == "Where" || !known.even);
        if (levels < (mask ? kLevelsBesideMask : kLevelsBesideConstant)) {
          return std::optional(*other);
        }
      } else if (is_activation(*other) && levels < kLevelsBesideActivation) {
        const auto range = range_of(*other);
        if (range && magnitude_of(*range) >= kLargeActivation) {
          return std::optional(*other);
        }
      }
    }
    return std::optional<TensorId>();
  }

  /// What holds a mask is still too wide when it was moved, scaled or masked again.
  void pass_on(const Op& op) {
    if (!passes_on(op)) {
      return;
    }
    for (const auto& input : op.inputs) {
      if (!input || objections_[input->value].kind != Kind::kCoarse) {
        continue;
      }
      const auto before = range_of(*input);
      for (const auto& output : op.outputs) {
        const auto after = output ? range_of(*output) : std::nullopt;
        if (before && after && width_of(*after) >= kStillMasked * width_of(*before)) {
          object(*output, Kind::kCoarse, objections_[input->value].reason);
        }
      }
    }
  }

  /// A Softmax cares for differences of a fraction of 1, however wide the range.
  void object_to_coarse_exponent(const Op& op) {
    if (!is_one_of(op, {"Softmax", "LogSoftmax"}) || op.inputs.empty() || !op.inputs.front() ||
        !is_activation(*op.inputs.front())) {
      return;
    }
    const auto range = range_of(*op.inputs.front());
    const double step = range ? step_of(*range) : 0;
    if (step > kSoftmaxStep) {
      object(*op.inputs.front(), Kind::kCoarse,
             fmt::format("{} bits would round '{}' ({:.4g} to {:.4g}) to steps of {:.2g}, too "
                         "coarse for {}",
                         bits_of(spec_.dtype), tensor(*op.inputs.front()).name, range->min,
                         range->max, step, op.type));
    }
  }

  /// What it was made of is as wide.
  void pass_back(const Op& op) {
    if (!passes_on(op) || op.outputs.empty() || !op.outputs.front()) {
      return;
    }
    const auto result = *op.outputs.front();
    const auto after = range_of(result);
    if (objections_[result.value].kind != Kind::kCoarse || !after) {
      return;
    }
    for (const auto& input : op.inputs) {
      const auto before = input && is_activation(*input) ? range_of(*input) : std::nullopt;
      // Of what other operators read as well, those decide.
      if (before && tensor(*input).consumers.size() == 1 && tensor(*input).producer &&
          passes_on(graph_.op(*tensor(*input).producer)) &&
          width_of(*before) >= width_of(*after) / 2) {
        object(*input, Kind::kCoarse, objections_[result.value].reason);
      }
    }
  }

  // --- shapes -----------------------------------------------------------------------------------

  /// Numbers that are made of extents, and values of constants alone, which nobody measured.
  void find_shapes() {
    const auto constants = graph::constant_tensors(graph_);
    std::vector<bool> extent(graph_.tensors().size(), false);
    for (const auto& op : graph_.ops()) {
      const bool of_extents = is_one_of(op, {"Shape", "Size"}) || is_made_of_extents(op, extent);
      for (const auto& output : op.outputs) {
        if (!output) {
          continue;
        }
        extent[output->value] = of_extents;
        if (!is_activation(*output) || graph::is_dequantize(op)) {
          continue;
        }
        if (of_extents) {
          object(*output, Kind::kNoScale,
                 fmt::format("'{}' is arithmetic with extents", tensor(*output).name));
        } else if (constants[output->value] && !range_of(*output)) {
          object(*output, Kind::kNoScale,
                 fmt::format("'{}' is computed from constants alone", tensor(*output).name));
        }
      }
    }
  }

  /// All that it reads are extents and constants. Values that are only shaped by extents (Expand,
  /// ConstantOfShape) are no extents.
  [[nodiscard]] bool is_made_of_extents(const Op& op, const std::vector<bool>& extent) const {
    if (op.body_ops > 0 || op.outputs.empty() || !op.outputs.front()) {
      return false;
    }
    const bool floating = is_floating(tensor(*op.outputs.front()).dtype) && op.type != "Cast";
    bool some = false;
    bool all = true;
    graph::for_each_read(op, [&](TensorId id) {
      some = some || (extent[id.value] && (!floating || is_floating(tensor(id).dtype)));
      all = all && (extent[id.value] || is_constant(id));
    });
    return some && all;
  }

  /// Floats of which nothing but whole numbers are made: coordinates, extents, counts.
  void find_what_becomes_whole() {
    std::vector<bool> whole(graph_.tensors().size(), false);
    for (auto op = graph_.ops().rbegin(); op != graph_.ops().rend(); ++op) {
      for (const auto& input : op->inputs) {
        if (!input || !is_activation(*input) || tensor(*input).is_output ||
            tensor(*input).used_by_body || whole[input->value]) {
          continue;
        }
        const auto& readers = tensor(*input).consumers;
        whole[input->value] = std::all_of(readers.begin(), readers.end(), [&](graph::OpId reader) {
          return makes_whole(graph_.op(reader), *input, whole);
        });
      }
    }
    for (std::uint32_t i = 0; i < whole.size(); ++i) {
      // Only what arithmetic made: the features that a decision is taken from may be rounded.
      const auto producer = tensor(TensorId{i}).producer;
      if (whole[i] && producer && counts(graph_.op(*producer))) {
        object(TensorId{i}, Kind::kNoScale,
               fmt::format("'{}' becomes a whole number", tensor(TensorId{i}).name));
      }
    }
  }

  [[nodiscard]] bool makes_whole(const Op& op, TensorId input,
                                 const std::vector<bool>& whole) const {
    if (is_one_of(op, {"Cast", "CastLike"})) {
      const auto& result = op.outputs.front();
      return result && (is_whole(tensor(*result).dtype) || whole[result->value]);
    }
    if (is_one_of(op, {"Range", "Resize", "Upsample"})) {
      return op.inputs.front() != input || op.type == "Range";
    }
    return counts(op) && std::all_of(op.outputs.begin(), op.outputs.end(), [&](const auto& output) {
             return !output || whole[output->value];
           });
  }

  const onnx::Model& model_;
  const graph::Graph& graph_;
  const calibrate::Ranges& ranges_;
  numerics::QuantSpec spec_;
  numerics::RangeMethod method_;
  std::vector<Objection> objections_;
  std::map<std::uint32_t, Constant> constants_;
};

/// Largest magnitude of a float32 or float16 constant; infinite where it holds NaN or an infinity.
/// 0 for other types.
Result<double> largest_magnitude(const onnx::Model& model, const std::string& name) {
  TESSERA_TRY(const auto view, model.initializer(name));
  double largest = 0;
  if (view.dtype == DType::kFloat32 || view.dtype == DType::kFloat16) {
    std::vector<float> widened;
    auto values = std::span<const float>();
    if (view.dtype == DType::kFloat32) {
      values = view.as<float>();
    } else {
      TESSERA_TRY(widened, to_float32(view));
      values = widened;
    }
    const auto extrema = numerics::find_min_max(values);
    if (extrema.nan + extrema.infinite > 0) {
      largest = std::numeric_limits<double>::infinity();
    } else if (extrema.finite > 0) {
      largest = magnitude_of({double{extrema.min}, double{extrema.max}});
    }
  }
  model.release_initializer(name);
  return largest;
}

}  // namespace

Result<std::vector<Objection>> object_to_integers(const onnx::Model& model,
                                                  const graph::Graph& graph,
                                                  const calibrate::Ranges& ranges,
                                                  const numerics::QuantSpec& spec,
                                                  numerics::RangeMethod method) {
  return Judge(model, graph, ranges, spec, method).run();
}

Result<std::string> objection_to_constant(const onnx::Model& model, const std::string& name) {
  const auto largest = largest_magnitude(model, name);
  if (!largest && largest.error().code == ErrorCode::kUnimplemented) {
    return fmt::format("constant '{}' cannot be read: {}", name, largest.error().message);
  }
  TESSERA_TRY(const auto magnitude, largest);
  if (!std::isfinite(magnitude)) {
    return fmt::format("constant '{}' holds NaN or infinities", name);
  }
  return magnitude > kLargestScaled
             ? fmt::format("constant '{}' holds values too large for a scale", name)
             : std::string();
}

Result<std::map<std::string, std::string, std::less<>>> values_of_large_constants(
    const onnx::Model& model, double limit) {
  TESSERA_TRY(const auto graph, model.view());
  std::map<std::string, std::string, std::less<>> large;
  std::map<std::string, bool, std::less<>> known;
  for (const auto& op : graph.ops()) {
    const std::string* source = nullptr;
    if (op.type == "ConstantOfShape" && op.domain.empty()) {
      const auto fill = model.attribute(onnx::Model::node_of(op), "value");
      const auto* value = fill ? std::get_if<Tensor>(&*fill) : nullptr;
      const bool is_float = value != nullptr && value->dtype() == DType::kFloat32;
      // NaN is not below anything.
      if (is_float && value->size() == 1 && !(std::abs(double{value->as<float>()[0]}) <= limit)) {
        source = &op.name;
      }
    }
    for (std::size_t i = 0; passes_on(op) && i < op.inputs.size(); ++i) {
      if (!op.inputs[i] || (op.type == "Clip" && i > 0)) {
        continue;  // bounds do not make values large
      }
      const auto& tensor = graph.tensor(*op.inputs[i]);
      if (const auto found = large.find(tensor.name); found != large.end()) {
        source = &found->second;
      }
      if (tensor.kind != graph::TensorKind::kInitializer || !is_floating(tensor.dtype) ||
          !model.is_constant(tensor.name)) {
        continue;
      }
      auto place = known.find(tensor.name);
      if (place == known.end()) {
        const auto magnitude = largest_magnitude(model, tensor.name);
        if (!magnitude && magnitude.error().code != ErrorCode::kUnimplemented) {
          return tl::unexpected(magnitude.error());
        }
        place = known.emplace(tensor.name, magnitude && *magnitude > limit).first;
      }
      source = place->second ? &tensor.name : source;
    }
    for (const auto& output : op.outputs) {
      if (source != nullptr && output && is_floating(graph.tensor(*output).dtype)) {
        large.emplace(graph.tensor(*output).name, *source);
      }
    }
  }
  return large;
}

}  // namespace tessera::quantize
