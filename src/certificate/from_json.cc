// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "certificate/exact.h"
#include "certificate/seal.h"
#include "tessera/certificate/certificate.h"
#include "tessera/core/fields.h"

namespace tessera::certificate {
namespace {

constexpr std::size_t kMostStates = 256;
constexpr std::size_t kMostClasses = 65536;
/// Problems add up to less, so that solvers can count in 64 bits.
constexpr Wide kLargestTotal = Wide{1} << 60;

// All of these throw Json::exception for what is not as it has to be.

void want(bool holds, const Json& json, const std::string& why) {
  if (!holds) {
    refuse_value(json, why);
  }
}

const Json& member(const Json& json, const char* key) {
  want(json.is_object() && json.contains(key), json, fmt::format("has no member '{}'", key));
  return json.at(key);
}

const Json::array_t& list(const Json& json) {
  want(json.is_array(), json, "a list was expected");
  return json.get_ref<const Json::array_t&>();
}

std::string word(const Json& json) {
  want(json.is_string(), json, "a word was expected");
  return json.get<std::string>();
}

std::int64_t number(const Json& json) {
  want(!json.is_number_float(), json, "a whole number was expected");
  return integer_from(json);
}

std::int64_t number_from_0(const Json& json) {
  const auto value = number(json);
  want(value >= 0, json, "a number of 0 or more was expected");
  return value;
}

std::size_t index(const Json& json, std::size_t below) {
  const auto value = number_from_0(json);
  want(static_cast<std::uint64_t>(value) < below, json,
       fmt::format("{} is not below {}", value, below));
  return static_cast<std::size_t>(value);
}

std::vector<std::int64_t> numbers(const Json& json) {
  std::vector<std::int64_t> values;
  for (const auto& each : list(json)) {
    values.push_back(number(each));
  }
  return values;
}

std::vector<std::int64_t> costs(const Json& json, std::size_t count) {
  auto values = numbers(json);
  want(values.size() == count && std::ranges::all_of(values, [](auto v) { return v >= 0; }), json,
       fmt::format("{} costs of 0 or more were expected", count));
  return values;
}

std::vector<std::string> words(const Json& json) {
  std::vector<std::string> values;
  for (const auto& each : list(json)) {
    values.push_back(word(each));
  }
  return values;
}

/// A list of so many items.
const Json::array_t& list_of(const Json& json, std::size_t count) {
  const auto& items = list(json);
  want(items.size() == count, json, fmt::format("a list of {} was expected", count));
  return items;
}

/// A list of several lists of so many items, one behind the other.
const Json::array_t& lists_of(const Json& json, std::size_t count) {
  const auto& items = list(json);
  want(items.size() % count == 0, json, fmt::format("a multiple of {} was expected", count));
  return items;
}

/// Some of so many states.
std::vector<std::uint8_t> states_from(const Json& json, std::size_t count) {
  std::vector<std::uint8_t> states;
  for (const auto& each : list(json)) {
    const auto state = static_cast<std::uint8_t>(index(each, count));
    want(states.empty() || states.back() < state, json, "states in ascending order were expected");
    states.push_back(state);
  }
  return states;
}

/// What many refer to by its number.
template <class Item, class Read>
std::vector<Item> each_of(const Json& json, const Read& read) {
  std::vector<Item> items;
  for (const auto& each : list(json)) {
    items.push_back(read(each));
  }
  return items;
}

class ProblemReader {
 public:
  explicit ProblemReader(const Json& json) : json_(json) {}

  Problem read() {
    names_ = each_of<std::vector<std::string>>(member(json_, "state_names"), words);
    classes_ = each_of<Classes>(member(json_, "classes"), [](const Json& json) {
      Classes classes;
      for (const auto& each : list(json)) {
        classes.push_back(static_cast<std::uint16_t>(index(each, kMostClasses)));
      }
      return classes;
    });
    for (const auto& json : list(member(json_, "variables"))) {
      problem_.variables.push_back(variable(json));
    }
    for (const auto& json : list(member(json_, "tensors"))) {
      problem_.tensors.push_back(tensor(json));
    }
    for (const auto& json : list(member(json_, "couplings"))) {
      problem_.couplings.push_back(coupling(json));
    }
    for (const auto& json : list(member(json_, "limits"))) {
      problem_.limits.push_back(limit(json));
    }
    want(largest_cost(problem_) <= kLargestTotal, json_, "its costs add up to more than 2^60");
    for (const auto& limit : problem_.limits) {
      want(largest_use(problem_, limit) <= kLargestTotal, json_,
           fmt::format("limit '{}' adds up to more than 2^60", limit.name));
    }
    return std::move(problem_);
  }

 private:
  Variable variable(const Json& json) const {
    const auto& states = names_[index(member(json, "states"), names_.size())];
    want(!states.empty() && states.size() <= kMostStates, json,
         fmt::format("1 to {} states were expected", kMostStates));
    return {word(member(json, "name")), words(member(json, "operators")), states,
            costs(member(json, "costs"), states.size())};
  }

  /// Fits the states of the variable, each class below `count`.
  Classes classes_of(const Json& json, std::size_t variable, std::size_t count) const {
    const auto& classes = classes_[index(json, classes_.size())];
    const auto states = problem_.variables[variable].costs.size();
    want(
        classes.size() == states && std::ranges::all_of(classes, [&](auto c) { return c < count; }),
        json, fmt::format("classes below {} of {} states were expected", count, states));
    return classes;
  }

  End end(const Json& json, std::size_t count, std::set<std::size_t>& seen) const {
    const auto& items = list_of(json, 2);
    const auto variable = index(items[0], problem_.variables.size());
    want(seen.insert(variable).second, json, "a variable is named twice");
    return {variable, classes_of(items[1], variable, count)};
  }

  Tensor tensor(const Json& json) const {
    Tensor tensor;
    tensor.name = word(member(json, "name"));
    tensor.from_classes = index(member(json, "from_classes"), kMostClasses + 1);
    tensor.to_classes = index(member(json, "to_classes"), kMostClasses + 1);
    tensor.costs = costs(member(json, "costs"), tensor.from_classes * tensor.to_classes);
    std::set<std::size_t> seen;
    tensor.producer = end(member(json, "producer"), tensor.from_classes, seen);
    for (const auto& consumer : list(member(json, "consumers"))) {
      tensor.consumers.push_back(end(consumer, tensor.to_classes, seen));
    }
    return tensor;
  }

  Coupling coupling(const Json& json) const {
    Coupling coupling;
    coupling.name = word(member(json, "name"));
    std::set<std::size_t> seen;
    const auto most = list(member(json, "costs")).size();
    std::size_t cells = 1;
    for (const auto& each : list(member(json, "variables"))) {
      const auto& items = list_of(each, 3);
      const auto variable = index(items[0], problem_.variables.size());
      const auto count = index(items[2], kMostClasses + 1);
      cells *= count;
      want(seen.insert(variable).second && cells > 0 && cells <= most, each,
           "a variable is named twice, or there are more classes than costs");
      coupling.variables.push_back({variable, classes_of(items[1], variable, count), count});
    }
    want(!seen.empty(), json, "a coupling of no variables");
    coupling.costs = costs(member(json, "costs"), cells);
    return coupling;
  }

  std::uint8_t state(const Json& json, std::size_t variable) const {
    return static_cast<std::uint8_t>(index(json, problem_.variables[variable].costs.size()));
  }

  std::vector<std::uint8_t> states(const Json& json, std::size_t variable) const {
    return states_from(json, problem_.variables[variable].costs.size());
  }

  SendTerm send(const Json::array_t& items, std::size_t at) const {
    const auto tensor = index(items[at], problem_.tensors.size());
    const auto& of = problem_.tensors[tensor];
    return {tensor, static_cast<std::uint16_t>(index(items[at + 1], of.from_classes)),
            static_cast<std::uint16_t>(index(items[at + 2], of.to_classes)),
            number_from_0(items[at + 3])};
  }

  PairTerm pair(const Json& json) const {
    const auto& items = list_of(json, 5);
    PairTerm term;
    term.first = index(items[0], problem_.variables.size());
    term.second = index(items[1], problem_.variables.size());
    want(term.first != term.second, json, "a variable is paired with itself");
    term.first_states = states(items[2], term.first);
    term.second_states = states(items[3], term.second);
    term.amount = number(items[4]);
    return term;
  }

  Limit limit(const Json& json) const {
    Limit limit;
    limit.name = word(member(json, "name"));
    limit.unit = word(member(json, "unit"));
    limit.bound = number(member(json, "bound"));
    const auto& states = lists_of(member(json, "states"), 3);
    for (std::size_t at = 0; at < states.size(); at += 3) {
      const auto variable = index(states[at], problem_.variables.size());
      limit.states.push_back({variable, state(states[at + 1], variable), number(states[at + 2])});
    }
    const auto& sends = lists_of(member(json, "sends"), 4);
    for (std::size_t at = 0; at < sends.size(); at += 4) {
      limit.sends.push_back(send(sends, at));
    }
    for (const auto& each : list(member(json, "pairs"))) {
      limit.pairs.push_back(pair(each));
    }
    for (const auto& each : list(member(json, "cells"))) {
      const auto& items = list_of(each, 2);
      const auto coupling = index(items[0], problem_.couplings.size());
      limit.cells.push_back({coupling, numbers(items[1])});
      want(limit.cells.back().amounts.size() == problem_.couplings[coupling].costs.size(), each,
           "an amount for every cost of the coupling was expected");
    }
    return limit;
  }

  const Json& json_;
  std::vector<std::vector<std::string>> names_;
  std::vector<Classes> classes_;
  Problem problem_;
};

StateSet state_set(const Json& variable, const Json& states, const Problem& problem) {
  const auto at = index(variable, problem.variables.size());
  return {at, states_from(states, problem.variables[at].costs.size())};
}

std::vector<StateSet> state_sets(const Json& json, const Problem& problem) {
  std::vector<StateSet> sets;
  for (const auto& each : list(json)) {
    const auto& items = list_of(each, 2);
    sets.push_back(state_set(items[0], items[1], problem));
  }
  return sets;
}

Claim claim_from(const Json& json, const Problem& problem) {
  constexpr std::array kStatuses = {Status::kOptimal, Status::kFeasible, Status::kInfeasible,
                                    Status::kUnknown};
  const auto name = word(member(json, "status"));
  const auto* const at =
      std::ranges::find_if(kStatuses, [&](Status status) { return to_string(status) == name; });
  want(at != kStatuses.end(), json, fmt::format("there is no status '{}'", name));
  Claim claim;
  claim.status = *at;
  if (claim.status != Status::kInfeasible) {
    claim.bound = number(member(json, "bound"));
  }
  if (claim.status == Status::kInfeasible || claim.status == Status::kUnknown) {
    return claim;
  }
  claim.cost = number(member(json, "cost"));
  claim.used = numbers(member(json, "used"));
  want(claim.used.size() == problem.limits.size(), json, "a use of every limit was expected");
  const auto& states = list_of(member(json, "assignment"), problem.variables.size());
  for (std::size_t i = 0; i < states.size(); ++i) {
    claim.assignment.push_back(
        static_cast<std::uint8_t>(index(states[i], problem.variables[i].costs.size())));
  }
  return claim;
}

Scheme scheme_from(const Json& json) {
  constexpr std::size_t kMost = std::size_t{1} << 31;
  Scheme scheme;
  scheme.bucket_cells = static_cast<std::size_t>(number_from_0(member(json, "bucket_cells")));
  for (const auto& each : list(member(json, "by_class"))) {
    scheme.by_class.push_back(index(each, kMost));
  }
  const auto& relaxed = lists_of(member(json, "relaxed"), 2);
  for (std::size_t at = 0; at < relaxed.size(); at += 2) {
    scheme.relaxed.push_back({index(relaxed[at], kMost), index(relaxed[at + 1], kMost)});
  }
  for (const auto& each : list(member(json, "order"))) {
    scheme.order.push_back(static_cast<std::uint32_t>(index(each, kMost)));
  }
  return scheme;
}

Layout layout_from(const Json& json, const std::vector<Scheme>& schemes, const Problem& problem) {
  Layout layout;
  layout.scheme = index(member(json, "scheme"), schemes.size());
  layout.cost_weight = number(member(json, "cost_weight"));
  layout.multipliers = numbers(member(json, "multipliers"));
  layout.pair_multipliers = numbers(member(json, "pair_multipliers"));
  want(layout.multipliers.size() == problem.limits.size() &&
           layout.pair_multipliers.size() == schemes[layout.scheme].relaxed.size(),
       json, "a multiplier of every limit and every relaxed pair was expected");
  layout.dropped = state_sets(member(json, "dropped"), problem);
  return layout;
}

Proof proof_from(const Json& json, const Problem& problem) {
  Proof proof;
  proof.dominated = state_sets(member(json, "dominated"), problem);
  proof.schemes = each_of<Scheme>(member(json, "schemes"), scheme_from);
  const auto& nodes = list(member(json, "nodes"));
  for (const auto& each : nodes) {
    Node node;
    for (const auto& layout : list(member(each, "layouts"))) {
      node.layouts.push_back(layout_from(layout, proof.schemes, problem));
    }
    if (each.contains("split")) {
      const auto& items = list_of(each.at("split"), 4);
      node.split = {state_set(items[0], items[1], problem), index(items[2], nodes.size()),
                    index(items[3], nodes.size())};
    }
    proof.nodes.push_back(std::move(node));
  }
  return proof;
}

std::string sum_from(const Json& json) {
  constexpr std::size_t kDigits = 64;
  auto sum = word(json);
  want(sum.size() == kDigits && sum.find_first_not_of("0123456789abcdef") == std::string::npos,
       json, "64 lower-case hex digits of a SHA-256 were expected");
  return sum;
}

Certificate read(const Json& document) {
  const auto schema = word(member(document, "schema"));
  want(schema == kSchema, document, fmt::format("its schema is '{}', not '{}'", schema, kSchema));
  Certificate certificate;
  certificate.model_sha256 = sum_from(member(member(document, "model"), "sha256"));
  const auto& inputs = member(document, "inputs");
  want(inputs.is_object(), inputs, "the inputs by name were expected");
  for (const auto& [name, sum] : inputs.items()) {
    certificate.inputs[name] = sum_from(sum);
  }
  certificate.unit = word(member(document, "unit"));
  certificate.objective_scale = number(member(document, "objective_scale"));
  want(certificate.objective_scale > 0, document, "an objective_scale above 0 was expected");
  if (document.contains("impossible")) {
    certificate.impossible = number_from_0(document.at("impossible"));
  }
  if (document.contains("objective_offset")) {
    certificate.objective_offset = number(document.at("objective_offset"));
  }
  certificate.problem = ProblemReader(member(document, "problem")).read();
  certificate.claim = claim_from(member(document, "claim"), certificate.problem);
  certificate.proof = proof_from(member(document, "proof"), certificate.problem);
  return certificate;
}

}  // namespace

Result<Certificate> from_json(const Json& document, std::string_view what) {
  try {
    return read(document);
  } catch (const Json::exception& problem) {
    return fail(ErrorCode::kDataLoss, "{} is no certificate of a plan: {}", what, problem.what())
        .hint("expected what 'tessera plan' writes as plan.cert.json; see docs/certificate.md");
  }
}

}  // namespace tessera::certificate
