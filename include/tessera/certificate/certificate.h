// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/json.h"
#include "tessera/core/result.h"

/// Certificates of plans: a problem in whole numbers, what is claimed of it, and why that is true.
/// They are checked without the solver that made them. See docs/certificate.md.
namespace tessera::certificate {

/// By state of a variable, what it is to a tensor or a coupling.
using Classes = std::vector<std::uint16_t>;

struct Variable {
  std::string name;
  std::vector<std::string> operators;  ///< of the model, that it stands for
  std::vector<std::string> states;     ///< names: MACHINE/PRECISION, or MACHINE/PRECISION/MORE
  std::vector<std::int64_t> costs;     ///< by state, none negative
};

/// A variable at an end of a tensor.
struct End {
  std::size_t variable = 0;
  Classes classes;
};

/// A send from a class of the producer to a class of consumers is paid once.
struct Tensor {
  std::string name;
  End producer;
  std::vector<End> consumers;
  std::size_t from_classes = 1;
  std::size_t to_classes = 1;
  std::vector<std::int64_t> costs;  ///< [from_classes, to_classes], none negative
};

struct Coupled {
  std::size_t variable = 0;
  Classes classes;
  std::size_t count = 1;  ///< of classes
};

/// What the states of several variables cost together.
struct Coupling {
  std::string name;
  std::vector<Coupled> variables;
  std::vector<std::int64_t> costs;  ///< by class of each, the last fastest; none negative
};

struct StateTerm {
  std::size_t variable = 0;
  std::uint8_t state = 0;
  std::int64_t amount = 0;
};

struct SendTerm {
  std::size_t tensor = 0;
  std::uint16_t from = 0;
  std::uint16_t to = 0;
  std::int64_t amount = 0;  ///< not negative
};

/// Is used where both variables are in one of the states named.
struct PairTerm {
  std::size_t first = 0;
  std::size_t second = 0;
  std::vector<std::uint8_t> first_states;  ///< ascending, each once
  std::vector<std::uint8_t> second_states;
  std::int64_t amount = 0;
};

/// Is used as the classes of a coupling's variables say.
struct CellTerm {
  std::size_t coupling = 0;
  std::vector<std::int64_t> amounts;  ///< as Coupling::costs
};

/// What a plan may use no more than `bound` of.
struct Limit {
  std::string name;
  std::string unit;
  std::int64_t bound = 0;
  std::vector<StateTerm> states;
  std::vector<SendTerm> sends;
  std::vector<PairTerm> pairs;
  std::vector<CellTerm> cells;
};

struct Problem {
  std::vector<Variable> variables;
  std::vector<Tensor> tensors;
  std::vector<Coupling> couplings;
  std::vector<Limit> limits;
};

enum class Status : std::uint8_t {
  kOptimal,     ///< no assignment that keeps the limits costs less
  kFeasible,    ///< none costs less than the bound
  kInfeasible,  ///< none keeps the limits
  kUnknown,     ///< no assignment was found, and none costs less than the bound
};
[[nodiscard]] std::string_view to_string(Status status) noexcept;

struct Claim {
  Status status = Status::kUnknown;
  std::vector<std::uint8_t> assignment;  ///< of kOptimal and kFeasible: a state for each variable
  std::int64_t cost = 0;                 ///< of the assignment
  std::vector<std::int64_t> used;        ///< by limit, of the assignment
  std::int64_t bound = 0;                ///< unless kInfeasible
};

/// Some states of a variable.
struct StateSet {
  std::size_t variable = 0;
  std::vector<std::uint8_t> states;  ///< ascending, each once
};

/// A pair of a limit.
struct PairAt {
  std::size_t limit = 0;
  std::size_t pair = 0;

  auto operator<=>(const PairAt&) const = default;
};

/// How tables are put together.
struct Scheme {
  std::size_t bucket_cells = 0;       ///< buckets are split that would have more
  std::vector<std::size_t> by_class;  ///< tensors with a node for each class that is sent
  std::vector<PairAt> relaxed;        ///< count by terms of single states; all others are exact
  std::vector<std::uint32_t> order;   ///< of nodes with more than one value

  auto operator<=>(const Scheme&) const = default;
};

/// How a bound is computed: multipliers around elimination.
struct Layout {
  std::size_t scheme = 0;
  std::int64_t cost_weight = 1;  ///< 0: a value above 0 shows that nothing keeps the limits
  std::vector<std::int64_t> multipliers;       ///< by limit
  std::vector<std::int64_t> pair_multipliers;  ///< by relaxed pair of the scheme
  std::vector<StateSet> dropped;
};

struct Split {
  StateSet part;
  std::size_t inside = 0;
  std::size_t outside = 0;
};

struct Node {
  std::vector<Layout> layouts;
  std::optional<Split> split;
};

/// The tree of what was looked at; the first node is its root.
struct Proof {
  std::vector<StateSet> dominated;  ///< left out of the root: others are no worse
  std::vector<Scheme> schemes;
  std::vector<Node> nodes;
};

struct Certificate {
  std::string model_sha256;                   ///< 64 lower-case hex digits
  std::map<std::string, std::string> inputs;  ///< their SHA-256 by the name of the file
  std::string unit = "ns";                    ///< of costs
  /// So much of the cost is 1 of the plan document's `objective` and `bound`.
  std::int64_t objective_scale = 1000;
  /// The plan document's figures times the scale are costs less this.
  std::int64_t objective_offset = 0;
  /// What must not be costs so much: an assignment that costs that or more is no plan.
  std::optional<std::int64_t> impossible;
  Problem problem;
  Claim claim;
  Proof proof;
};

/// The document, with its seal. The same certificate, the same bytes. Cost: linear in its size.
[[nodiscard]] Json to_json(const Certificate& certificate);
/// On one line, with a final line feed: the content of plan.cert.json.
[[nodiscard]] std::string file_text(const Certificate& certificate);

/// kDataLoss for what is no certificate: other types, numbers beyond 64 bits, tables of another
/// size than what they are of, indices of what is not there. The
/// seal is not looked at. `what` names the document in errors.
[[nodiscard]] Result<Certificate> from_json(const Json& document, std::string_view what);

struct CheckOptions {
  /// Of all tables at once, 8 or 16 bytes each.
  std::int64_t most_cells = std::int64_t{1} << 27;
  /// Of all tables of the whole proof, and numbers of the problem for each part of it.
  std::int64_t most_work = std::int64_t{1} << 38;
};

struct Verdict {
  bool accepted = false;
  std::string reason;  ///< why it was rejected
  Status status = Status::kUnknown;
  std::optional<std::int64_t> cost;   ///< of the assignment, as computed here
  std::optional<std::int64_t> bound;  ///< as proven here; none for what cannot be kept
  std::int64_t nodes = 0;             ///< of the proof
  std::int64_t layouts = 0;
};

/// Evaluates the assignment and replays the proof, all in exact numbers, of what from_json() read.
/// Cost: about one elimination for each layout of the proof.
[[nodiscard]] Verdict check(const Certificate& certificate, const CheckOptions& options = {});

/// Reads, compares the seal, checks. Errors: as from_json().
[[nodiscard]] Result<Verdict> check_document(const Json& document, std::string_view what,
                                             const CheckOptions& options = {});

/// Whether the `result` of a plan document says what the certificate does: status, objective, bound
/// and the machine and precision of every operator, and whether `certificate.sha256` is the given
/// sum of the certificate's file. The first difference, or none. kDataLoss if the document lacks
/// one of them.
[[nodiscard]] Result<std::optional<std::string>> compare_with_plan(
    const Certificate& certificate, std::string_view certificate_sha256, const Json& plan,
    std::string_view what);

}  // namespace tessera::certificate
