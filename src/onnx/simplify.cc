// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/onnx/simplify.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "onnx/simplify_passes.h"

namespace tessera::onnx {
namespace {

/// Each round makes more shapes known; real models need one to five.
constexpr int kMostRounds = 32;

/// Branches may hold Constant operators, and more branches.
bool take_branches(Model& model, Folding folding, Simplification& what) {
  const auto before = what.inlined_branches;
  for (auto last = before - 1; last != what.inlined_branches;) {
    last = what.inlined_branches;
    inline_branches(model, what);
    if (what.inlined_branches != last) {
      collect_constants(model, folding, what);
    }
  }
  return what.inlined_branches != before;
}

/// What other passes left without readers is part of what they did, and not counted.
void clean_up(Model& model, Simplification& what) {
  remove_passthrough(model, what);
  prepare_constants(model);
  Simplification left_over;
  remove_unread(model, left_over);
}

void add(Simplification& sum, const Simplification& part) {
  sum.inlined_functions += part.inlined_functions;
  sum.inlined_branches += part.inlined_branches;
  sum.constant_operators += part.constant_operators;
  sum.folded_operators += part.folded_operators;
  sum.folded_shapes += part.folded_shapes;
  sum.passed_through += part.passed_through;
  sum.unread_operators += part.unread_operators;
  sum.unread_constants += part.unread_constants;
  sum.dense_constants += part.dense_constants;
  sum.listed_constants += part.listed_constants;
  sum.kept.insert(sum.kept.end(), part.kept.begin(), part.kept.end());
}

/// The operators of the graph itself, not those of bodies in it.
Simplified simplify_graph(Model& model, const SimplifyOptions& options, Folding folding) {
  Simplified result;
  auto& what = result.what;
  auto good = model.clone();  // as it was when the library last took it, or first of all
  auto good_what = what;
  inline_functions(model, what);
  remove_unread(model, what);
  collect_constants(model, folding, what);
  take_branches(model, folding, what);
  clean_up(model, what);
  if (!options.types) {
    return result;
  }
  for (int round = 0; round < kMostRounds; ++round) {
    const auto status = model.infer_types(options.types);
    if (!status) {
      // Libraries look at constants more closely than at computed values. What the library took
      // before comes back; an odd model that it never took is told of by whoever needs its types.
      auto before = good.clone();
      if (before.infer_types(options.types)) {
        model = std::move(before);
        what = std::move(good_what);
        what.kept.push_back(fmt::format(
            "simplified further, the runtime does not take the model: {}", status.error().message));
        result.types_known = true;
      }
      return result;
    }
    result.types_known = true;
    if (round + 1 == kMostRounds || !has_foldable(model)) {
      break;
    }
    good = model.clone();
    good_what = what;
    if (folding == Folding::kEverything) {
      fold_shapes(model, what);
    }
    if (options.evaluate) {
      fold_constants(model, options.evaluate, folding, what);
    }
    take_branches(model, folding, what);
    clean_up(model, what);
    if (what == good_what) {
      break;
    }
  }
  return result;
}

/// Bodies, each as a model of its own; one that the library does not take alone stays as it is.
void simplify_bodies(Model& model, const SimplifyOptions& options, Simplification& what) {
  for (const auto node : model.nodes()) {
    for (std::size_t i = 0; i < model.body_count(node); ++i) {
      auto body = model.body(node, i, BodyView::kProven);
      if (!body) {
        continue;
      }
      auto inner = simplify_graph(*body, options, Folding::kFloats);
      simplify_bodies(*body, options, inner.what);
      const bool taken = inner.types_known || !options.types;
      if (taken && inner.what.changed() && model.set_body(node, i, *body)) {
        add(what, inner.what);
      }
    }
  }
}

}  // namespace

bool Simplification::changed() const {
  auto nothing = Simplification{};
  nothing.kept = kept;
  return *this != nothing;
}

Simplified simplify(Model& model, const SimplifyOptions& options) {
  auto result = simplify_graph(model, options, Folding::kEverything);
  const auto nodes = model.nodes();
  const bool any = std::any_of(nodes.begin(), nodes.end(),
                               [&](const auto node) { return model.has_body(node); });
  if (!any || (options.types && !result.types_known)) {
    return result;
  }
  auto before = model.clone();
  auto what = result.what;
  simplify_bodies(model, options, what);
  if (what == result.what) {
    return result;
  }
  clean_up(model, what);
  if (options.types && !model.infer_types(options.types)) {
    model = std::move(before);
    return result;
  }
  result.what = std::move(what);
  return result;
}

std::string to_text(const Simplification& what) {
  std::vector<std::string> parts;
  const auto add = [&](std::int64_t count, std::string_view one, std::string_view many) {
    if (count > 0) {
      parts.push_back(fmt::format("{} {}", count, count == 1 ? one : many));
    }
  };
  add(what.inlined_functions, "function call inlined", "function calls inlined");
  add(what.inlined_branches, "branch inlined", "branches inlined");
  add(what.constant_operators, "Constant became a weight", "Constants became weights");
  add(what.dense_constants, "sparse weight made dense", "sparse weights made dense");
  add(what.listed_constants, "weight taken out of the inputs", "weights taken out of the inputs");
  add(what.folded_operators + what.folded_shapes, "operator computed", "operators computed");
  add(what.passed_through, "operator without effect dropped", "operators without effect dropped");
  add(what.unread_operators, "unread operator dropped", "unread operators dropped");
  add(what.unread_constants, "unread weight dropped", "unread weights dropped");
  return fmt::format("{}", fmt::join(parts, ", "));
}

}  // namespace tessera::onnx
