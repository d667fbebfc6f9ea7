// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "certificate/buckets.h"

#include <fmt/format.h>

#include <algorithm>

namespace tessera::certificate {
namespace {

using Nodes = std::vector<std::uint32_t>;

/// What tables of 64 bits may come to: two of them can be added and subtracted.
constexpr Wide kNarrow = Wide{1} << 61;

Nodes joined(const Nodes& a, const Nodes& b) {
  Nodes all;
  std::ranges::set_union(a, b, std::back_inserter(all));
  return all;
}

}  // namespace

std::optional<std::string> Buckets::place(const Nodes& order) {
  place_.assign(values_.size(), kNone);
  for (std::size_t k = 0; k < order.size(); ++k) {
    if (order[k] >= values_.size() || place_[order[k]] != kNone) {
      return fmt::format("the order names node {}, which is not there or there twice", order[k]);
    }
    place_[order[k]] = k;
  }
  for (std::size_t node = 0; node < values_.size(); ++node) {
    if (values_[node] > 1 && place_[node] == kNone) {
      return fmt::format("the order lacks node {}", node);
    }
  }
  return std::nullopt;
}

double Buckets::cells_of(const Nodes& scope) const {
  double cells = 1;
  for (const auto node : scope) {
    cells *= static_cast<double>(values_[node]);
  }
  return cells;
}

std::optional<std::string> Buckets::lay_out(const Graph& graph, const Nodes& order,
                                            std::size_t bucket_cells) {
  values_ = graph.values;
  groups_.clear();
  constants_.clear();
  cells_ = 0;
  if (auto wrong = place(order)) {
    return wrong;
  }
  std::vector<std::vector<Pending>> waiting(order.size());
  for (std::size_t f = 0; f < graph.factors.size(); ++f) {
    Pending pending;
    pending.input.factor = f;
    pending.scope = graph.factors[f].scope;
    std::ranges::copy_if(pending.scope, std::back_inserter(pending.varies),
                         [&](std::uint32_t node) { return values_[node] > 1; });
    std::ranges::sort(pending.varies);
    if (pending.varies.empty()) {
      constants_.push_back(f);
      continue;
    }
    std::size_t first = order.size();
    for (const auto node : pending.varies) {
      first = std::min(first, place_[node]);
    }
    waiting[first].push_back(std::move(pending));
  }
  for (std::size_t k = 0; k < order.size(); ++k) {
    close(order[k], std::move(waiting[k]), bucket_cells, waiting);
  }
  return std::nullopt;
}

void Buckets::close(std::uint32_t node, std::vector<Pending> pending, std::size_t bucket_cells,
                    std::vector<std::vector<Pending>>& waiting) {
  std::ranges::stable_sort(pending, std::greater{},
                           [](const Pending& each) { return each.varies.size(); });
  struct Open {
    Nodes varies;
    std::vector<Pending*> members;
  };
  std::vector<Open> open;
  for (auto& each : pending) {
    auto fits = std::ranges::find_if(open, [&](const Open& group) {
      return cells_of(joined(group.varies, each.varies)) <= static_cast<double>(bucket_cells);
    });
    if (fits == open.end()) {
      fits = open.insert(open.end(), Open{});
    }
    fits->varies = joined(fits->varies, each.varies);
    fits->members.push_back(&each);
  }
  for (const auto& [varies, members] : open) {
    add_group(node, varies, members, waiting);
  }
}

void Buckets::add_group(std::uint32_t node, const Nodes& varies,
                        const std::vector<Pending*>& members,
                        std::vector<std::vector<Pending>>& waiting) {
  Group group;
  group.node = node;
  std::ranges::copy_if(varies, std::back_inserter(group.scope),
                       [&](std::uint32_t each) { return each != node; });
  std::ranges::sort(group.scope, std::greater{}, [&](std::uint32_t each) { return place_[each]; });
  const auto cells = cells_of(varies);
  cells_ += cells;
  constexpr double kCountable = 1e15;
  group.cells = cells < kCountable ? static_cast<std::size_t>(cells) : 0;
  for (auto* member : members) {
    set_strides(group, *member);
    group.inputs.push_back(std::move(member->input));
  }
  if (!group.scope.empty()) {
    Pending message;
    message.input.group = groups_.size();
    message.scope = group.scope;
    message.varies = group.scope;
    std::ranges::sort(message.varies);
    waiting[place_[group.scope.back()]].push_back(std::move(message));
  }
  groups_.push_back(std::move(group));
}

/// Neighbouring dimensions along which the table goes on evenly are one.
void Buckets::set_strides(const Group& group, Pending& member) const {
  auto dimensions = group.scope;
  dimensions.push_back(group.node);
  auto& [factor, from, extents, strides] = member.input;
  for (const auto node : dimensions) {
    std::size_t stride = 0;
    std::size_t below = 1;
    for (auto at = member.scope.rbegin(); at != member.scope.rend(); ++at) {
      stride = *at == node ? below : stride;
      below *= values_[*at];
    }
    if (!extents.empty() && strides.back() == stride * values_[node]) {
      extents.back() *= values_[node];
      strides.back() = stride;
    } else {
      extents.push_back(values_[node]);
      strides.push_back(stride);
    }
  }
}

/// One pass with tables of a type of number.
template <class Number>
class Buckets::Run {
 public:
  Run(const Buckets& buckets, const Graph& graph)
      : buckets_(buckets), factors_(graph.factors.size()), messages_(buckets.groups_.size()) {
    for (std::size_t f = 0; f < factors_.size(); ++f) {
      const auto& wide = graph.factors[f].table;
      factors_[f].most = most_of(wide);
      fits_ = fits_ && enough(factors_[f].most);
      if (fits_) {
        factors_[f].cells.assign(wide.begin(), wide.end());
      }
    }
  }

  /// None if the numbers are too large for the type.
  std::optional<Wide> forward() {
    Wide least = 0;
    for (const auto f : buckets_.constants_) {
      least += fits_ ? factors_[f].cells[0] : 0;
    }
    for (std::size_t g = 0; g < messages_.size(); ++g) {
      const auto& group = buckets_.groups_[g];
      if (!fits_ || !add_up(group)) {
        return std::nullopt;
      }
      const auto values = buckets_.values_[group.node];
      auto& message = messages_[g];
      message.cells.resize(sum_.size() / values);
      for (std::size_t i = 0; i < message.cells.size(); ++i) {
        const auto* const at = sum_.data() + i * values;
        message.cells[i] = *std::min_element(at, at + values);
      }
      message.most = most_of(message.cells);
      least += group.scope.empty() ? message.cells[0] : 0;
    }
    return least;
  }

  /// After forward(). Each group in turn is told what all others come to.
  std::optional<std::vector<std::vector<Wide>>> backward(Wide least) {
    std::vector<std::vector<Wide>> with;
    for (const auto values : buckets_.values_) {
      with.emplace_back(values, least);
    }
    std::vector<Numbers> others(messages_.size());
    for (auto g = messages_.size(); g-- > 0;) {
      const auto& group = buckets_.groups_[g];
      if (!add_up(group) || !add_others(group, others[g])) {
        return std::nullopt;
      }
      others[g] = {};
      note_values(least, with[group.node]);
      for (const auto& input : group.inputs) {
        if (input.group != kNone) {
          tell(input, others[input.group]);
        }
      }
    }
    return with;
  }

 private:
  static constexpr bool kIsWide = sizeof(Number) > sizeof(std::int64_t);
  /// More than any sum.
  static constexpr Number kFar = Number{1} << (kIsWide ? 126 : 62);

  struct Numbers {
    std::vector<Number> cells;
    Wide most = 0;  ///< the largest magnitude
  };

  template <class Any>
  static Wide most_of(const std::vector<Any>& cells) {
    if (cells.empty()) {
      return 0;
    }
    const auto [low, high] = std::ranges::minmax(cells);
    return std::max(magnitude(low), magnitude(high));
  }

  const Numbers& numbers_of(const Input& input) const {
    return input.group != kNone ? messages_[input.group] : factors_[input.factor];
  }

  /// Shows the visitor all runs of cells: the first cell, its entry of the table, how many, and how
  /// far apart their entries are.
  template <class Visit>
  static void walk(const Input& input, std::size_t dimension, std::size_t& cell, std::size_t entry,
                   const Visit& visit) {
    const auto extent = input.extents[dimension];
    const auto stride = input.strides[dimension];
    if (dimension + 1 == input.extents.size()) {
      visit(cell, entry, extent, stride);
      cell += extent;
      return;
    }
    for (std::size_t i = 0; i < extent; ++i) {
      walk(input, dimension + 1, cell, entry + i * stride, visit);
    }
  }

  bool add_up(const Group& group) {
    sum_.assign(group.cells, 0);
    sum_most_ = 0;
    for (const auto& input : group.inputs) {
      const auto& [cells, most] = numbers_of(input);
      sum_most_ += most;
      std::size_t first = 0;
      const auto* const table = cells.data();
      auto* const sum = sum_.data();
      walk(input, 0, first, 0,
           [&](std::size_t cell, std::size_t entry, std::size_t run, std::size_t stride) {
             for (std::size_t i = 0; i < run; ++i) {
               sum[cell + i] += table[entry + i * stride];
             }
           });
    }
    return enough(sum_most_);
  }

  static bool enough(Wide most) { return kIsWide || most < kNarrow; }

  bool add_others(const Group& group, const Numbers& others) {
    if (!group.scope.empty()) {
      sum_most_ += others.most;
      const auto values = buckets_.values_[group.node];
      for (std::size_t i = 0; i < sum_.size(); ++i) {
        sum_[i] += others.cells[i / values];
      }
    }
    return enough(sum_most_);
  }

  void note_values(Wide least, std::vector<Wide>& with) const {
    const auto values = with.size();
    std::vector<Number> by_value(sum_.begin(), sum_.begin() + static_cast<std::ptrdiff_t>(values));
    for (std::size_t i = values; i < sum_.size(); ++i) {
      auto& of = by_value[i % values];
      of = std::min(of, sum_[i]);
    }
    const auto here = std::ranges::min(by_value);
    for (std::size_t v = 0; v < values; ++v) {
      with[v] = std::max(with[v], least + (Wide{by_value[v]} - here));
    }
  }

  /// What all but the group of the message come to, by cell of the message.
  void tell(const Input& input, Numbers& others) const {
    const auto& message = messages_[input.group].cells;
    others.cells.assign(message.size(), kFar);
    std::size_t first = 0;
    walk(input, 0, first, 0,
         [&](std::size_t cell, std::size_t entry, std::size_t run, std::size_t stride) {
           for (std::size_t i = 0; i < run; ++i) {
             auto& of = others.cells[entry + i * stride];
             of = std::min(of, sum_[cell + i]);
           }
         });
    for (std::size_t i = 0; i < message.size(); ++i) {
      others.cells[i] -= message[i];
    }
    others.most = most_of(others.cells);
  }

  const Buckets& buckets_;
  std::vector<Numbers> factors_;
  std::vector<Numbers> messages_;
  std::vector<Number> sum_;
  Wide sum_most_ = 0;
  bool fits_ = true;
};

Buckets::Answer Buckets::run(const Graph& graph, bool with_values) const {
  const auto try_with = [&](auto runner) -> std::optional<Answer> {
    const auto least = runner.forward();
    if (!least) {
      return std::nullopt;
    }
    Answer answer{*least, {}};
    if (with_values) {
      auto with = runner.backward(*least);
      if (!with) {
        return std::nullopt;
      }
      answer.with = *std::move(with);
    }
    return answer;
  };
  if (auto narrow = try_with(Run<std::int64_t>(*this, graph))) {
    return *std::move(narrow);
  }
  return *try_with(Run<Wide>(*this, graph));
}

}  // namespace tessera::certificate
