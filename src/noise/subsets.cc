// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/noise/subsets.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <numeric>
#include <set>

#include "noise/lines.h"
#include "tessera/core/file.h"
#include "tessera/core/names.h"
#include "tessera/core/pattern.h"
#include "tessera/core/random.h"
#include "tessera/core/text.h"
#include "tessera/graph/cost.h"
#include "tessera/noise/observations.h"
#include "tessera/quantize/assignment.h"

namespace tessera::noise {
namespace {

using graph::OpId;

Result<std::int64_t> count_after(std::string_view text, std::string_view prefix) {
  const auto digits = text.substr(prefix.size());
  std::int64_t value = 0;
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (problem != std::errc() || end != digits.data() + digits.size() || value < 1) {
    return fail(ErrorCode::kInvalidArgument, "'{}': a number of at least 1 was expected after '{}'",
                text, prefix);
  }
  return value;
}

/// A place in the list of entries as subsets hold it.
std::int32_t layer(std::size_t place) {
  return static_cast<std::int32_t>(place);
}

class Designer {
 public:
  Designer(std::span<const Entry> entries, Sizes sizes, std::uint64_t seed)
      : entries_(entries), sizes_(sizes), random_(seed) {
    for (std::size_t i = 0; i < entries.size(); ++i) {
      if (i == 0 || entries[i].place != entries[i - 1].place) {
        operators_.emplace_back();
      }
      operators_.back().push_back(layer(i));
    }
    count_subsets();
  }

  Status add(std::string_view design) {
    if (design.starts_with("random:")) {
      TESSERA_TRY(const auto count, count_after(design, "random:"));
      add_random(count);
      return {};
    }
    if (design.starts_with("list:")) {
      return add_list(std::string(design.substr(5)));
    }
    if (design == "one-in") {
      for (std::size_t i = 0; i < entries_.size(); ++i) {
        add_subset({layer(i)});
      }
    } else if (design == "one-out") {
      for (const auto& whole : uniform()) {
        add_without_one(whole);
      }
    } else if (design == "pairs") {
      for (std::size_t i = 0; i < entries_.size(); ++i) {
        for (std::size_t k = i + 1; k < entries_.size(); ++k) {
          if (entries_[i].place != entries_[k].place) {
            add_subset({layer(i), layer(k)});
          }
        }
      }
    } else if (design == "all") {
      for (auto& whole : uniform()) {
        add_subset(std::move(whole));
      }
    } else {
      return fail(ErrorCode::kInvalidArgument, "--subsets '{}' is unknown", design)
          .hint("use random:N, one-in, one-out, pairs, all or list:FILE");
    }
    return {};
  }

  std::vector<LayerSet> finish() { return std::move(subsets_); }

 private:
  /// How many subsets there are, in all and of each size.
  void count_subsets() {
    // More than one could want.
    constexpr std::int64_t kMost = std::int64_t{1} << 40;
    of_size_.assign(operators_.size() + 1, 0);
    of_size_.front() = 1;
    for (std::size_t i = 0; i < operators_.size(); ++i) {
      const auto schemes = operators_[i].size();
      in_all_ = std::min(in_all_ * static_cast<std::int64_t>(schemes + 1), kMost);
      for (auto size = i + 1; size > 0; --size) {
        of_size_[size] += static_cast<double>(schemes) * of_size_[size - 1];
      }
    }
    --in_all_;  // the empty one
  }

  /// Every operator in its first scheme; then, for each further one, those that may be in it.
  [[nodiscard]] std::vector<LayerSet> uniform() const {
    std::vector<LayerSet> subsets(1);
    std::vector<std::string_view> further;
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      const auto& entry = entries_[i];
      if (entry.position == 1) {
        subsets.front().push_back(layer(i));
      }
      const bool known = std::find(further.begin(), further.end(), entry.scheme) != further.end();
      if (entry.name != entry.op && !known) {
        further.push_back(entry.scheme);
      }
    }
    for (const auto scheme : further) {
      auto& subset = subsets.emplace_back();
      for (std::size_t i = 0; i < entries_.size(); ++i) {
        if (entries_[i].scheme == scheme) {
          subset.push_back(layer(i));
        }
      }
    }
    return subsets;
  }

  void add_without_one(const LayerSet& whole) {
    for (std::size_t i = 0; i < whole.size() && whole.size() > 1; ++i) {
      auto subset = whole;
      subset.erase(subset.begin() + static_cast<std::ptrdiff_t>(i));
      add_subset(std::move(subset));
    }
  }

  bool add_subset(LayerSet subset) {
    if (!known_.insert(subset).second) {
      return false;
    }
    subsets_.push_back(std::move(subset));
    return true;
  }

  void add_random(std::int64_t count) {
    if (count >= in_all_) {
      add_everything();
      return;
    }
    std::map<std::size_t, double> drawn;  // by size, to know when there are no more
    for (std::int64_t added = 0; added < count;) {
      if (static_cast<std::int64_t>(known_.size()) >= in_all_) {
        return;
      }
      auto subset = sizes_ == Sizes::kEven ? draw_even() : draw_of_any_size(drawn);
      added += !subset.empty() && add_subset(std::move(subset)) ? 1 : 0;
    }
  }

  /// Counts in digits of as many values as an operator has positions, the first operator's fastest.
  void add_everything() {
    for (std::int64_t number = 1; number <= in_all_; ++number) {
      LayerSet subset;
      auto rest = static_cast<std::size_t>(number);
      for (const auto& schemes : operators_) {
        const auto position = rest % (schemes.size() + 1);
        rest /= schemes.size() + 1;
        if (position > 0) {
          subset.push_back(schemes[position - 1]);
        }
      }
      add_subset(std::move(subset));
    }
  }

  std::int32_t any_of(const LayerSet& schemes) {
    return schemes.size() == 1 ? schemes.front() : schemes[random_.below(schemes.size())];
  }

  LayerSet draw_even() {
    LayerSet subset;
    for (const auto& schemes : operators_) {
      if (random_.below(2) == 1) {
        subset.push_back(any_of(schemes));
      }
    }
    return subset;
  }

  LayerSet draw_of_any_size(std::map<std::size_t, double>& drawn) {
    std::vector<std::size_t> open;
    for (std::size_t size = 1; size <= operators_.size(); ++size) {
      if (drawn[size] + 0.5 < of_size_[size]) {
        open.push_back(size);
      }
    }
    if (open.empty()) {
      return draw_even();
    }
    const auto size = open[random_.below(open.size())];
    // The first `size` of a shuffle.
    std::vector<std::size_t> places(operators_.size());
    std::iota(places.begin(), places.end(), std::size_t{0});
    for (std::size_t i = 0; i < size; ++i) {
      std::swap(places[i], places[i + random_.below(places.size() - i)]);
    }
    places.resize(size);
    std::sort(places.begin(), places.end());
    LayerSet subset;
    for (const auto place : places) {
      subset.push_back(any_of(operators_[place]));
    }
    drawn[size] += known_.contains(subset) ? 0 : 1;
    return subset;
  }

  Status add_list(const std::string& path) {
    TESSERA_TRY(const auto text, read_file(path));
    TESSERA_TRY(const auto written, parse_written_subsets(text, path));
    std::vector<std::string> names;
    std::vector<std::string> ops;
    std::vector<std::string> schemes;
    for (const auto& entry : entries_) {
      names.push_back(entry.name);
      ops.push_back(entry.op);
      schemes.push_back(entry.scheme);
    }
    const LayerIndex index(std::move(names), ops, std::move(schemes));
    for (const auto& subset : written) {
      TESSERA_TRY(const auto layers, find_layers(subset, index));
      add_subset(layers);
    }
    return {};
  }

  std::span<const Entry> entries_;
  Sizes sizes_;
  Random random_;
  std::vector<LayerSet> operators_;  ///< entries of each
  std::int64_t in_all_ = 1;          ///< without the empty one
  std::vector<double> of_size_;
  std::set<LayerSet> known_;
  std::vector<LayerSet> subsets_;
};

bool stays_float(const quantize::Scheme& scheme) {
  return scheme.mode == quantize::Mode::kFloat32;
}

std::vector<OpId> candidates(const graph::Graph& graph, const quantize::Assignment& schemes) {
  std::vector<OpId> ops;
  const auto constant = graph::constant_tensors(graph);
  for (std::uint32_t i = 0; i < graph.ops().size(); ++i) {
    const auto& op = graph.op(OpId{i});
    // Also weights that the file has in another type, behind an operator that expands them.
    const bool weights = op.inputs.size() > 1 && op.inputs[1] && constant[op.inputs[1]->value];
    if (is_switchable(op) && (weights || op.kind == graph::OpKind::kMatMul) &&
        !stays_float(schemes[i])) {
      ops.push_back(OpId{i});
    }
  }
  return ops;
}

/// Errors: kInvalidArgument where it is unknown which those are.
Result<std::vector<OpId>> with_most_macs(const graph::Graph& graph, std::vector<OpId> ops,
                                         std::size_t count) {
  const auto costs = graph::operator_costs(graph, graph::QdqCounting::kInclude);
  const auto unknown = std::find_if(ops.begin(), ops.end(),
                                    [&](OpId op) { return !costs[op.value].macs.has_value(); });
  if (unknown != ops.end() && count < ops.size()) {
    return fail(ErrorCode::kInvalidArgument,
                "which layers have most MACs is not known: '{}' has an unknown shape",
                graph.op(*unknown).name)
        .hint("give the inputs' extents with --shape, or use --layers all");
  }
  std::stable_sort(ops.begin(), ops.end(), [&](OpId a, OpId b) {
    return costs[a.value].macs.value_or(0) > costs[b.value].macs.value_or(0);
  });
  ops.resize(std::min(ops.size(), count));
  std::sort(ops.begin(), ops.end());
  return ops;
}

Result<std::vector<OpId>> matching(const graph::Graph& graph, const std::vector<OpId>& ops,
                                   std::string_view text) {
  TESSERA_TRY(const auto pattern, NamePattern::compile(text));
  std::vector<OpId> found;
  std::copy_if(ops.begin(), ops.end(), std::back_inserter(found),
               [&](OpId op) { return pattern.matches(graph.op(op).name); });
  return found;
}

Result<std::vector<OpId>> named(const graph::Graph& graph, std::string_view text,
                                const quantize::Assignment& schemes) {
  std::vector<std::string> known;
  for (const auto& op : graph.ops()) {
    known.push_back(op.name);
  }
  std::set<OpId> ops;
  for (const auto part : split(text, ',')) {
    const std::string name(part);
    const auto op = graph.find_op(name);
    if (!op) {
      return fail(ErrorCode::kInvalidArgument, "no operator '{}' in the model", name)
          .hint("the nearest names are: {}", fmt::join(nearest_names(name, known), ", "));
    }
    if (stays_float(schemes[*op])) {
      return fail(ErrorCode::kInvalidArgument, "layer '{}' ({}) cannot be quantized: {}", name,
                  graph.op(*op).type, "its scheme is float32")
          .hint("name layers that the recipe or the scheme quantizes");
    }
    ops.insert(*op);
  }
  return std::vector<OpId>(ops.begin(), ops.end());
}

}  // namespace

std::string_view to_string(Sizes sizes) noexcept {
  return sizes == Sizes::kEven ? "even" : "uniform";
}

Result<Sizes> sizes_from_string(std::string_view name) {
  if (name == "even") {
    return Sizes::kEven;
  }
  if (name == "uniform") {
    return Sizes::kUniform;
  }
  return fail(ErrorCode::kInvalidArgument, "--sizes '{}' is unknown", name)
      .hint("use even (every layer with probability 1/2) or uniform (every size alike)");
}

Result<std::vector<LayerSet>> choose_subsets(std::span<const std::string> designs,
                                             std::span<const Entry> entries, Sizes sizes,
                                             std::uint64_t seed) {
  Designer designer(entries, sizes, seed);
  for (const auto& design : designs) {
    TESSERA_CHECK(designer.add(design));
  }
  return designer.finish();
}

bool is_switchable(const graph::Op& op) noexcept {
  if (op.arithmetic != graph::Arithmetic::kFloat) {
    return false;
  }
  switch (op.kind) {
    case graph::OpKind::kConv:
    case graph::OpKind::kGemm:
    case graph::OpKind::kMatMul:
      return true;
    default:
      return false;
  }
}

Result<std::vector<OpId>> choose_layers(const graph::Graph& graph, std::string_view text,
                                        const quantize::Assignment& schemes) {
  auto ops = candidates(graph, schemes);
  if (text.starts_with("top-macs:")) {
    TESSERA_TRY(const auto count, count_after(text, "top-macs:"));
    TESSERA_TRY(ops, with_most_macs(graph, std::move(ops), static_cast<std::size_t>(count)));
  } else if (text.starts_with("re:")) {
    TESSERA_TRY(ops, matching(graph, ops, text.substr(3)));
  } else if (text != "all") {
    return named(graph, text, schemes);
  }
  if (ops.empty()) {
    return fail(ErrorCode::kInvalidArgument, "--layers '{}' matches no layer that can be quantized",
                text)
        .hint("tessera inspect lists the operators; Conv, Gemm and MatMul can be switched");
  }
  return ops;
}

}  // namespace tessera::noise
