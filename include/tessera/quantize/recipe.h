// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/json.h"
#include "tessera/core/monitor.h"
#include "tessera/core/result.h"
#include "tessera/graph/graph.h"
#include "tessera/quantize/assignment.h"
#include "tessera/quantize/scheme.h"

namespace tessera::quantize {

/// Operators matched by PATTERN: an exact name, `re:REGEX` (whole name, ECMAScript), `type:OP`,
/// or `path:FROM..TO` (every operator between two tensors; either may be empty for the inputs or
/// the outputs of the model).
/// Errors: kInvalidArgument for a bad regex or an unknown tensor (with the nearest names).
[[nodiscard]] Result<std::set<graph::OpId>> select(const graph::Graph& graph,
                                                   std::string_view pattern);

/// One line of a recipe: these operators get this scheme.
struct Rule {
  std::vector<std::string> match;  ///< patterns, any of which may match
  std::vector<std::string> types;  ///< of those, only operators of these types; empty: all
  Scheme scheme;
};

/// An ordered list of rules; the last that matches an operator wins. What no rule matches stays
/// float32.
struct Recipe {
  std::vector<Rule> rules;
};

/// The types of operators that a scheme is for where nobody names any; none: all.
using TypesOf = std::function<std::vector<std::string>(const Scheme& scheme)>;

/// Types of operators that a scheme can quantize, sorted.
[[nodiscard]] std::vector<std::string> quantizable_types(const Scheme& scheme);

/// {"default": {scheme}, "rules": [{"match": PATTERN or [..], "types": [..], "scheme": {..}}]}.
/// A scheme is an object or a mode ("float32"); `base` fills what schemes leave out. The default
/// applies to the `types` of its scheme; "types" of rules may be left out.
/// Errors: kInvalidArgument naming the unknown key, type or value.
[[nodiscard]] Result<Recipe> recipe_from_json(const Json& json, const Scheme& base,
                                              const TypesOf& types = quantizable_types);
[[nodiscard]] Result<Recipe> read_recipe(const std::filesystem::path& path, const Scheme& base,
                                         const TypesOf& types = quantizable_types);
[[nodiscard]] Json to_json(const Recipe& recipe);

/// The recipe that the options --op-types, --include and --exclude describe: the scheme on the
/// included operators of the given types (empty: the `types` of the scheme), float32 on the
/// excluded ones.
struct Selection {
  std::vector<std::string> op_types;
  std::vector<std::string> include;
  std::vector<std::string> exclude;
};
[[nodiscard]] Recipe uniform_recipe(const Scheme& scheme, const Selection& selection = {},
                                    const TypesOf& types = quantizable_types);

/// What it says of every operator. Patterns that match nothing are warned about by name.
[[nodiscard]] Result<Assignment> resolve(const Recipe& recipe, const graph::Graph& graph,
                                         Monitor& monitor);

}  // namespace tessera::quantize
