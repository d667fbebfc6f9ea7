// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/onnx/simplify.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "onnx/simplify_passes.h"

namespace tessera::onnx {
namespace {

/// Each round makes more shapes known; real models need one to five.
constexpr int kMostRounds = 32;

/// Branches may hold Constant operators, and more branches.
bool take_branches(Model& model, Simplification& what) {
  const auto before = what.inlined_branches;
  for (auto last = before - 1; last != what.inlined_branches;) {
    last = what.inlined_branches;
    inline_branches(model, what);
    if (what.inlined_branches != last) {
      collect_constants(model, what);
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

}  // namespace

bool Simplification::changed() const {
  auto nothing = Simplification{};
  nothing.kept = kept;
  return *this != nothing;
}

Simplified simplify(Model& model, const SimplifyOptions& options) {
  Simplified result;
  auto& what = result.what;
  auto good = model.clone();  // as it was when the library last took it, or first of all
  auto good_what = what;
  inline_functions(model, what);
  remove_unread(model, what);
  collect_constants(model, what);
  take_branches(model, what);
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
    fold_shapes(model, what);
    if (options.evaluate) {
      fold_constants(model, options.evaluate, what);
    }
    take_branches(model, what);
    clean_up(model, what);
    if (what == good_what) {
      break;
    }
  }
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

Json to_json(const Simplification& what) {
  return {{"inlined_functions", what.inlined_functions},
          {"inlined_branches", what.inlined_branches},
          {"constant_operators", what.constant_operators},
          {"folded_operators", what.folded_operators},
          {"folded_shapes", what.folded_shapes},
          {"passed_through", what.passed_through},
          {"unread_operators", what.unread_operators},
          {"unread_constants", what.unread_constants},
          {"dense_constants", what.dense_constants},
          {"listed_constants", what.listed_constants},
          {"kept", what.kept}};
}

}  // namespace tessera::onnx
