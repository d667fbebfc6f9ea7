// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "evaluate/correspondence.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "tessera/runtime/backend.h"

namespace tessera::evaluate {
namespace {

using runtime::ValueInfo;

/// Extents, -1 where they are open; absent if the rank is unknown.
using Extents = std::optional<std::vector<std::int64_t>>;

struct Value {
  std::string name;
  Extents extents;
};

std::string text_of(const Value& value) {
  if (!value.extents) {
    return "of unknown rank";
  }
  std::vector<std::string> words;
  for (const auto extent : *value.extents) {
    words.push_back(extent < 0 ? "?" : std::to_string(extent));
  }
  return fmt::format("[{}]", fmt::join(words, ","));
}

template <class Range>
Range transposed_extents(const Range& extents, const Axes& axes) {
  Range result;
  for (const auto axis : axes) {
    result.push_back(extents[axis]);
  }
  return result;
}

bool same_extents(const std::vector<std::int64_t>& a, const std::vector<std::int64_t>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](auto x, auto y) { return x < 0 || y < 0 || x == y; });
}

/// The ways in which the one's elements can lie in the other: none, one, or more.
std::vector<std::optional<Axes>> layouts(const Value& reference, const Value& candidate) {
  if (!reference.extents || !candidate.extents) {
    return {std::nullopt};
  }
  std::vector<std::optional<Axes>> ways;
  if (same_extents(*reference.extents, *candidate.extents)) {
    ways.emplace_back(std::nullopt);
  }
  if (reference.extents->size() != Axes().size() || candidate.extents->size() != Axes().size()) {
    return ways;
  }
  // With one element in two of these axes there is nothing to transpose.
  const auto wide = std::count_if(reference.extents->begin() + 1, reference.extents->end(),
                                  [](auto extent) { return extent != 1; });
  if (wide < 2 && !ways.empty()) {
    return ways;
  }
  for (const auto& axes : {kToChannelsLast, kToChannelsFirst}) {
    if (same_extents(transposed_extents(*reference.extents, axes), *candidate.extents)) {
      ways.emplace_back(axes);
    }
  }
  return ways;
}

/// Pairs the values of one kind, each of the candidate at most once.
class Pairing {
 public:
  Pairing(std::string_view what, std::vector<Value> reference, std::vector<Value> candidate)
      : what_(what),
        reference_(std::move(reference)),
        candidate_(std::move(candidate)),
        partner_(reference_.size()),
        taken_(candidate_.size()) {}

  Result<std::vector<Counterpart>> run(Monitor& monitor) {
    for (std::size_t i = 0; i < reference_.size(); ++i) {
      take_first(i, [&](std::size_t k) { return candidate_[k].name == reference_[i].name; });
    }
    const bool by_place = reference_.size() == candidate_.size();
    for (std::size_t i = 0; i < reference_.size() && by_place; ++i) {
      const bool fits = !layouts(reference_[i], candidate_[i]).empty();
      if (!partner_[i] && !taken_[i] && fits && others_like(i) > 1) {
        warn(i, monitor);
      }
    }
    for (std::size_t i = 0; i < reference_.size() && by_place; ++i) {
      take_first(i, [&](std::size_t k) { return k == i; });
    }
    std::vector<Counterpart> pairs;
    for (std::size_t i = 0; i < reference_.size(); ++i) {
      TESSERA_CHECK(take_only(i));
      TESSERA_TRY(auto pair, pair_of(reference_[i], candidate_[*partner_[i]]));
      pairs.push_back(std::move(pair));
    }
    return pairs;
  }

 private:
  template <class Is>
  void take_first(std::size_t i, const Is& is) {
    for (std::size_t k = 0; k < candidate_.size() && !partner_[i]; ++k) {
      if (!taken_[k] && is(k) && !layouts(reference_[i], candidate_[k]).empty()) {
        partner_[i] = k;
        taken_[k] = true;
      }
    }
  }

  /// Values left that would do as well as any other.
  [[nodiscard]] std::size_t others_like(std::size_t i) const {
    std::size_t count = 0;
    for (std::size_t k = 0; k < candidate_.size(); ++k) {
      count += !taken_[k] && !layouts(reference_[i], candidate_[k]).empty() ? 1U : 0U;
    }
    return count;
  }

  void warn(std::size_t i, Monitor& monitor) const {
    monitor.warn({"matched-by-place",
                  fmt::format("{} '{}' of the reference is compared with '{}', which stands at its "
                              "place: names differ, and several have its shape",
                              what_, reference_[i].name, candidate_[i].name),
                  "a low SQNR of it may mean that they are not the same value"});
  }

  Status take_only(std::size_t i) {
    if (partner_[i]) {
      return {};
    }
    const auto count = others_like(i);
    if (count == 1) {
      take_first(i, [](std::size_t) { return true; });
      return {};
    }
    std::vector<std::string> there;
    for (const auto& value : candidate_) {
      there.push_back(fmt::format("'{}' {}", value.name, text_of(value)));
    }
    return fail(ErrorCode::kInvalidArgument, "{} {} of the candidate corresponds to '{}' {}",
                count == 0 ? "no" : "more than one", what_, reference_[i].name,
                text_of(reference_[i]))
        .hint("compare one network in two formats; the candidate's: {}", fmt::join(there, ", "));
  }

  [[nodiscard]] Result<Counterpart> pair_of(const Value& reference, const Value& candidate) const {
    const auto ways = layouts(reference, candidate);
    if (ways.size() == 1) {
      return Counterpart{reference.name, candidate.name, ways.front()};
    }
    return fail(ErrorCode::kInvalidArgument,
                "{} '{}' is {}, '{}' of the candidate {}: whether channels come first or last in "
                "it cannot be told from that",
                what_, reference.name, text_of(reference), candidate.name, text_of(candidate))
        .hint(
            "give the network extents that differ (--shape INPUT=1x3x64x96), or compare models of "
            "one format");
  }

  std::string_view what_;
  std::vector<Value> reference_;
  std::vector<Value> candidate_;
  std::vector<std::optional<std::size_t>> partner_;
  std::vector<bool> taken_;
};

Extents extents_of(const std::optional<ValueType>& type) {
  if (!type || !type->shape) {
    return std::nullopt;
  }
  std::vector<std::int64_t> extents;
  for (const auto& dim : *type->shape) {
    extents.push_back(dim.known() ? dim.value : -1);
  }
  return extents;
}

std::vector<Value> inputs_of(const network::Network& network) {
  std::vector<Value> values;
  for (const auto& name : network.inputs()) {
    values.push_back({name, extents_of(network.type_of(name))});
  }
  return values;
}

Result<std::vector<Value>> outputs_of(const network::Network& network) {
  TESSERA_TRY(const auto graph, network.view());
  TESSERA_TRY(const auto judged, network::judged_values(graph, network.path().string()));
  std::vector<Value> values;
  for (const auto id : judged) {
    const auto& name = graph.tensor(id).name;
    values.push_back({name, extents_of(network.type_of(name))});
  }
  return values;
}

Axes inverse(const Axes& axes) {
  Axes result{};
  for (std::size_t i = 0; i < axes.size(); ++i) {
    result[axes[i]] = i;
  }
  return result;
}

template <class T>
void transpose_into(const TensorView& from, const Axes& axes, Tensor& to) {
  std::array<std::int64_t, 4> strides{};
  std::int64_t stride = 1;
  for (std::size_t axis = strides.size(); axis-- > 0;) {
    strides[axis] = stride;
    stride *= from.shape[axis];
  }
  const auto* const in = reinterpret_cast<const T*>(from.bytes.data());
  auto* out = reinterpret_cast<T*>(to.bytes().data());
  const auto& shape = to.shape();
  for (std::int64_t a = 0; a < shape[0]; ++a) {
    for (std::int64_t b = 0; b < shape[1]; ++b) {
      for (std::int64_t c = 0; c < shape[2]; ++c) {
        const auto* const row =
            in + a * strides[axes[0]] + b * strides[axes[1]] + c * strides[axes[2]];
        for (std::int64_t d = 0; d < shape[3]; ++d) {
          *out++ = row[d * strides[axes[3]]];
        }
      }
    }
  }
}

}  // namespace

Result<Tensor> transposed(const TensorView& from, const Axes& axes) {
  if (from.shape.size() != axes.size()) {
    return fail(ErrorCode::kInvalidArgument, "a tensor of {} cannot change its layout",
                to_string(from.shape));
  }
  Tensor to(from.dtype, transposed_extents(Shape(from.shape.begin(), from.shape.end()), axes));
  switch (bits_of(from.dtype)) {
    case 8:
      transpose_into<std::uint8_t>(from, axes, to);
      break;
    case 16:
      transpose_into<std::uint16_t>(from, axes, to);
      break;
    case 32:
      transpose_into<std::uint32_t>(from, axes, to);
      break;
    case 64:
      transpose_into<std::uint64_t>(from, axes, to);
      break;
    default:
      return fail(ErrorCode::kUnimplemented, "elements of type {} cannot change their layout",
                  to_string(from.dtype));
  }
  return to;
}

namespace {

/// Some of a run's outputs, in another order, those of other layouts as copies.
class ChosenOutputs final : public runtime::OutputTensors {
 public:
  explicit ChosenOutputs(runtime::Outputs outputs) : outputs_(std::move(outputs)) {}

  Status choose(std::size_t index, const std::optional<Axes>& to_reference) {
    if (!to_reference) {
      views_.push_back(outputs_[index]);
      return {};
    }
    TESSERA_TRY(auto copy, transposed(outputs_[index], *to_reference));
    copies_.push_back(std::make_unique<Tensor>(std::move(copy)));
    views_.push_back(copies_.back()->view());
    return {};
  }
  std::span<const TensorView> views() const noexcept override { return views_; }

 private:
  runtime::Outputs outputs_;
  std::vector<std::unique_ptr<Tensor>> copies_;
  std::vector<TensorView> views_;
};

/// Where a value of the reference is in the candidate's session.
struct Slot {
  std::size_t place = 0;
  std::optional<Axes> axes;  ///< as of Counterpart
};

class SeenAsReference final : public runtime::SessionBackend {
 public:
  explicit SeenAsReference(runtime::Session session) : session_(std::move(session)) {}

  Status arrange(const Correspondence& match) {
    TESSERA_CHECK(arrange(match.inputs, session_.inputs(), input_slots_, inputs_));
    return arrange(match.outputs, session_.outputs(), output_slots_, outputs_);
  }

  const std::vector<ValueInfo>& inputs() const noexcept override { return inputs_; }
  const std::vector<ValueInfo>& outputs() const noexcept override { return outputs_; }

  Result<runtime::Outputs> run(std::span<const TensorView> tensors) override {
    std::vector<Tensor> copies;
    copies.reserve(tensors.size());  // views look into its elements
    std::vector<TensorView> fed(session_.inputs().size());
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      const auto& slot = input_slots_[i];
      if (!slot.axes) {
        fed[slot.place] = tensors[i];
        continue;
      }
      TESSERA_TRY(auto copy, transposed(tensors[i], *slot.axes));
      copies.push_back(std::move(copy));
      fed[slot.place] = copies.back().view();
    }
    TESSERA_TRY(auto outputs, session_.backend().run(fed));
    auto chosen = std::make_unique<ChosenOutputs>(std::move(outputs));
    for (const auto& slot : output_slots_) {
      TESSERA_CHECK(chosen->choose(slot.place,
                                   slot.axes ? std::optional(inverse(*slot.axes)) : std::nullopt));
    }
    return runtime::Outputs(std::move(chosen));
  }

  Result<std::vector<runtime::KernelTime>> end_profile() override { return session_.end_profile(); }

 private:
  static Status arrange(const std::vector<Counterpart>& match, const std::vector<ValueInfo>& there,
                        std::vector<Slot>& slots, std::vector<ValueInfo>& infos) {
    for (const auto& [reference, candidate, axes] : match) {
      const auto found = std::find_if(there.begin(), there.end(), [&](const ValueInfo& info) {
        return info.name == candidate;
      });
      if (found == there.end()) {
        return fail(ErrorCode::kInternal, "the session has no value '{}'", candidate);
      }
      slots.push_back({static_cast<std::size_t>(found - there.begin()), axes});
      auto info = *found;
      info.name = reference;
      if (axes) {
        info.shape = transposed_extents(info.shape, inverse(*axes));
        info.symbols.assign(info.shape.size(), {});
      }
      infos.push_back(std::move(info));
    }
    return {};
  }

  runtime::Session session_;
  std::vector<Slot> input_slots_;
  std::vector<Slot> output_slots_;
  std::vector<ValueInfo> inputs_;
  std::vector<ValueInfo> outputs_;
};

}  // namespace

Result<Correspondence> correspondence(const network::Network& reference,
                                      const network::Network& candidate, Monitor& monitor) {
  if (reference.inputs().size() != candidate.inputs().size()) {
    return fail(ErrorCode::kInvalidArgument, "the reference has {} inputs, the candidate {}",
                reference.inputs().size(), candidate.inputs().size())
        .hint("compare one network in two formats");
  }
  Correspondence match;
  TESSERA_TRY(match.inputs,
              Pairing("input", inputs_of(reference), inputs_of(candidate)).run(monitor));
  TESSERA_TRY(auto wanted, outputs_of(reference));
  TESSERA_TRY(auto there, outputs_of(candidate));
  TESSERA_TRY(match.outputs, Pairing("output", std::move(wanted), std::move(there)).run(monitor));
  return match;
}

Result<runtime::Session> seen_as_reference(runtime::Session candidate,
                                           const Correspondence& match) {
  auto session = std::make_unique<SeenAsReference>(std::move(candidate));
  TESSERA_CHECK(session->arrange(match));
  return runtime::Session(std::move(session));
}

}  // namespace tessera::evaluate
