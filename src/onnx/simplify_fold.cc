// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <numeric>
#include <set>

#include "onnx/simplify_passes.h"

namespace tessera::onnx {
namespace {

/// Results up to this size are always worth having: shapes, axes, scales.
constexpr std::int64_t kSmallBytes = 1024;
/// What an expression may take in between, however small its result.
constexpr std::int64_t kIntermediateBytes = std::int64_t{1} << 26;
/// What one session is given at once.
constexpr std::int64_t kSessionBytes = std::int64_t{1} << 28;
/// A group that fails as a whole is tried operator by operator up to this size.
constexpr std::size_t kTriedSingly = 256;
constexpr int kMostRounds = 64;
/// What stands around the values of an initializer in the file.
constexpr std::int64_t kHeaderBytes = 16;

/// Operators that give something else each time, that keep a weight of a quantized model small, or
/// that other passes look after.
bool is_excluded(const proto::NodeProto& node) {
  static const StringSet kTypes = {
      "Bernoulli",   "Constant",     "Dropout",          "DequantizeLinear", "Identity",
      "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform",    "RandomUniformLike"};
  return kTypes.contains(node.op_type());
}

/// Results are never larger than what is read, whatever the values.
bool never_grows(const proto::NodeProto& node) {
  static const StringSet kTypes = {"Compress",
                                   "ConcatFromSequence",
                                   "NonMaxSuppression",
                                   "NonZero",
                                   "SequenceAt",
                                   "SequenceConstruct",
                                   "SequenceErase",
                                   "SequenceInsert",
                                   "SequenceLength",
                                   "SplitToSequence",
                                   "Unique"};
  return kTypes.contains(node.op_type());
}

class ConstantFold {
 public:
  ConstantFold(Model& model, const Evaluator& evaluate, Folding folding)
      : model_(model), state_(StateAccess::of(model)), evaluate_(evaluate), folding_(folding) {}

  std::int64_t fold() {
    const auto order = state_.topological_order();
    if (!order) {
      return 0;
    }
    order_ = *order;
    find_computable();
    removed_ = computable_;
    for (int round = 0; round < kMostRounds && !removed_.empty(); ++round) {
      keep_what_cannot_be_stored();
      if (!compute(wanted_values())) {
        continue;  // something could not be computed: without it
      }
      if (!keep_what_would_grow()) {
        break;
      }
    }
    return apply();
  }

 private:
  // --- what depends on constants alone ----------------------------------------------------------

  void find_computable() {
    for (const auto id : order_) {
      if (is_computable(id)) {
        computable_.insert(id);
      }
    }
  }

  [[nodiscard]] bool is_computable(NodeId id) {
    const auto& node = state_.node(id);
    if (!canonical_domain(node.domain()).empty() || has_body(node) || is_excluded(node) ||
        node.input_size() == 0 || !is_safe(node)) {
      return false;
    }
    std::int64_t read_bytes = 0;
    for (const auto& input : node.input()) {
      const auto bytes = input.empty() ? 0 : constant_bytes(input);
      if (bytes < 0) {
        return false;
      }
      read_bytes += bytes;
    }
    const auto limit = std::max(kIntermediateBytes, read_bytes);
    std::vector<std::int64_t> made;
    for (const auto& output : node.output()) {
      const auto bytes = output.empty() ? 0 : bytes_of_value(output, node, read_bytes);
      if (bytes < 0 || bytes > limit) {
        return false;
      }
      made.push_back(bytes);
    }
    for (int i = 0; i < node.output_size(); ++i) {
      bytes_.insert_or_assign(node.output(i), made[static_cast<std::size_t>(i)]);
    }
    return true;
  }

  /// An integer division by zero ends the process, not the run.
  [[nodiscard]] bool is_safe(const proto::NodeProto& node) const {
    if (node.op_type() != "Div" && node.op_type() != "Mod") {
      return true;
    }
    if (node.input_size() != 2) {
      return false;
    }
    const auto dtype = proven_dtype(model_, node.input(1));
    if (dtype != DType::kUndefined && !is_integer(dtype)) {
      return true;
    }
    const auto divisor = constant_integers(model_, node.input(1));
    return divisor && std::all_of(divisor->begin(), divisor->end(),
                                  [](auto number) { return number != 0 && number != -1; });
  }

  /// Of a value that depends on constants alone; -1 for others.
  [[nodiscard]] std::int64_t constant_bytes(const std::string& value) const {
    if (const auto found = bytes_.find(value); found != bytes_.end()) {
      return found->second;
    }
    const auto type = model_.initializer_type(value);
    if (!type || state_.sparse.contains(value)) {
      return -1;
    }
    const auto shape = proven_shape(model_, value);
    return shape && bits_of(type->dtype) > 0 ? bytes_of(type->dtype, element_count(*shape))
                                             : kSmallBytes;
  }

  /// -1 where it cannot be told before the value is there.
  [[nodiscard]] std::int64_t bytes_of_value(const std::string& value, const proto::NodeProto& node,
                                            std::int64_t read_bytes) const {
    const auto shape = proven_shape(model_, value);
    const auto count = shape ? element_count(*shape) : -1;
    if (count >= 0) {
      const auto bits = std::max<std::int64_t>(bits_of(proven_dtype(model_, value)), 8);
      return count > (std::int64_t{1} << 50) ? -1 : count * ((bits + 7) / 8);
    }
    constexpr std::int64_t kIndexBytes = 64;  // one element found may become a row of indices
    const bool fits = read_bytes < (std::int64_t{1} << 40);
    return never_grows(node) && fits               ? read_bytes * kIndexBytes
           : is_small_arithmetic(node, read_bytes) ? read_bytes
                                                   : -1;
  }

  /// On a few elements, the result is small unless the values ask for a large one.
  static bool is_small_arithmetic(const proto::NodeProto& node, std::int64_t read_bytes) {
    static const StringSet kByValue = {
        "CenterCropPad", "Col2Im",          "ConstantOfShape", "DFT",
        "EyeLike",       "Expand",          "MaxUnpool",       "OneHot",
        "Pad",           "Range",           "Resize",          "STFT",
        "Tile",          "Upsample",        "BlackmanWindow",  "HammingWindow",
        "HannWindow",    "MelWeightMatrix", "AffineGrid",      "GridSample",
        "ConvTranspose", "TfIdfVectorizer"};
    constexpr std::int64_t kFewBytes = 1024;
    return read_bytes <= kFewBytes && !kByValue.contains(node.op_type());
  }

  // --- what is taken out of the model
  // -------------------------------------------------------------

  [[nodiscard]] bool leaves(const std::string& value) const {
    if (model_.is_output(value) || model_.used_by_body(value)) {
      return true;
    }
    const auto* uses = state_.find_uses(value);
    return uses != nullptr && std::any_of(uses->consumers.begin(), uses->consumers.end(),
                                          [&](NodeId id) { return !removed_.contains(id); });
  }

  [[nodiscard]] std::vector<std::string> leaving(NodeId id) const {
    std::vector<std::string> values;
    for (const auto& output : state_.node(id).output()) {
      if (!output.empty() && leaves(output)) {
        values.push_back(output);
      }
    }
    return values;
  }

  /// Sequences and texts cannot be initializers: who makes them stays.
  void keep_what_cannot_be_stored() {
    for (auto id = order_.rbegin(); id != order_.rend(); ++id) {
      if (!removed_.contains(*id)) {
        continue;
      }
      const auto values = leaving(*id);
      const bool storable =
          std::all_of(values.begin(), values.end(), [&](const std::string& value) {
            const auto known = values_.find(value);
            const bool is_known = known != values_.end();
            const auto dtype = is_known ? known->second.dtype() : proven_dtype(model_, value);
            return folding_ == Folding::kFloats ? is_floating(dtype)
                   : is_known                   ? dtype != DType::kUndefined
                                                : bits_of(dtype) > 0;
          });
      if (!storable) {
        removed_.erase(*id);
      }
    }
  }

  [[nodiscard]] std::vector<std::string> wanted_values() const {
    std::vector<std::string> wanted;
    for (const auto id : order_) {
      if (!removed_.contains(id)) {
        continue;
      }
      for (auto& value : leaving(id)) {
        if (!values_.contains(value)) {
          wanted.push_back(std::move(value));
        }
      }
    }
    return wanted;
  }

  /// Operators of the groups whose results need more room than what they replace stay, the ones
  /// with the largest results first. True if there were any.
  bool keep_what_would_grow() {
    std::map<std::uint32_t, std::vector<NodeId>> groups;
    const auto roots = connected();
    for (const auto id : order_) {
      if (removed_.contains(id)) {
        groups[roots.at(id)].push_back(id);
      }
    }
    bool kept = false;
    for (const auto& [root, group] : groups) {
      kept = keep_largest(group) || kept;
    }
    return kept;
  }

  bool keep_largest(const std::vector<NodeId>& group) {
    std::int64_t gained = 0;
    std::int64_t added = 0;
    std::int64_t largest = 0;
    std::map<NodeId, std::int64_t> sizes;
    std::set<std::string> sources;
    const bool has_fill = std::any_of(group.begin(), group.end(), [&](NodeId id) {
      return state_.node(id).op_type() == "ConstantOfShape";
    });
    for (const auto id : group) {
      const auto& node = state_.node(id);
      gained += static_cast<std::int64_t>(node.ByteSizeLong());
      sources.insert(node.input().begin(), node.input().end());
      if (is_transposed_weight(id)) {
        continue;  // stored once in the end, see share_transposed()
      }
      for (const auto& value : leaving(id)) {
        const auto bytes = added_by(value, has_fill);
        added += bytes + kHeaderBytes + static_cast<std::int64_t>(value.size());
        sizes[id] = std::max(sizes[id], bytes);
        largest = std::max(largest, bytes);
      }
    }
    for (const auto& source : sources) {
      gained += model_.has_initializer(source) && !leaves(source) ? constant_bytes(source) : 0;
    }
    if (added <= gained || largest <= kSmallBytes) {
      return false;
    }
    for (const auto& [id, bytes] : sizes) {
      if (bytes > kSmallBytes && 2 * bytes >= largest) {
        removed_.erase(id);
      }
    }
    return true;
  }

  /// Weights are allowed to grow, as they are about to be quantized and the library computes them
  /// in any case: a Cast from float16, the product of two factors. Those that are filled with one
  /// number are not.
  [[nodiscard]] std::int64_t added_by(const std::string& value, bool has_fill) const {
    constexpr std::int64_t kFreeBytes = std::int64_t{256} << 10;
    constexpr std::int64_t kGrowth = 16;
    const auto bytes = static_cast<std::int64_t>(values_.at(value).bytes().size());
    if (has_fill || !is_weight(value)) {
      return bytes;
    }
    return bytes <= kFreeBytes ? 0 : bytes / kGrowth;
  }

  [[nodiscard]] bool is_weight(const std::string& value) const {
    static const StringSet kTypes = {"Conv", "ConvTranspose", "Gemm", "MatMul"};
    const auto* uses = state_.find_uses(value);
    return uses != nullptr &&
           std::any_of(uses->consumers.begin(), uses->consumers.end(), [&](NodeId id) {
             const auto& node = state_.node(id);
             return kTypes.contains(node.op_type()) && canonical_domain(node.domain()).empty() &&
                    node.input_size() > 1 && node.input(1) == value;
           });
  }

  [[nodiscard]] bool is_transposed_weight(NodeId id) const {
    const auto& node = state_.node(id);
    return node.op_type() == "Transpose" && node.input_size() == 1 &&
           state_.find_initializer(node.input(0)) != nullptr;
  }

  /// Axes of Transpose operators whose input stays in use.
  void remember_transposed() {
    for (const auto id : order_) {
      if (!removed_.contains(id) || !is_transposed_weight(id) ||
          !values_.contains(state_.node(id).output(0))) {
        continue;
      }
      const auto& node = state_.node(id);
      const auto& source = *state_.find_initializer(node.input(0));
      if (!leaves(source.name) || constant_bytes(source.name) <= kSmallBytes) {
        continue;
      }
      TransposedConstant made{source.shape, values_.at(node.output(0)).shape(), {}};
      made.axes.resize(source.shape.size());
      std::iota(made.axes.rbegin(), made.axes.rend(), 0);
      if (const auto given = model_.attribute(id, "perm")) {
        if (const auto* list = std::get_if<std::vector<std::int64_t>>(&*given)) {
          made.axes = *list;
        }
      }
      if (std::find(state_.transposed.begin(), state_.transposed.end(), made) ==
          state_.transposed.end()) {
        state_.transposed.push_back(std::move(made));
      }
    }
  }

  /// Removed operators that exchange values or read the same constant, under one number each.
  [[nodiscard]] std::map<NodeId, std::uint32_t> connected() const {
    std::map<NodeId, std::uint32_t> index;
    std::vector<std::uint32_t> parent;
    for (const auto id : order_) {
      if (removed_.contains(id)) {
        index.emplace(id, static_cast<std::uint32_t>(parent.size()));
        parent.push_back(static_cast<std::uint32_t>(parent.size()));
      }
    }
    const auto root = [&](std::uint32_t i) {
      while (parent[i] != i) {
        i = parent[i] = parent[parent[i]];
      }
      return i;
    };
    StringMap<std::uint32_t> first_reader;
    for (const auto id : order_) {
      const auto own = index.find(id);
      if (own == index.end()) {
        continue;
      }
      const auto join = [&](const std::string& value) {
        const auto [other, is_new] = first_reader.try_emplace(value, own->second);
        if (!is_new) {
          parent[root(own->second)] = root(other->second);
        }
      };
      const auto& node = state_.node(id);
      for (const auto& input : node.input()) {
        // Small constants, an axis or a zero, are shared by everything and decide nothing.
        const bool small = model_.has_initializer(input) && constant_bytes(input) <= kSmallBytes;
        if (!input.empty() && !small) {
          join(input);
        }
      }
      std::for_each(node.output().begin(), node.output().end(), join);
    }
    std::map<NodeId, std::uint32_t> roots;
    for (const auto& [id, i] : index) {
      roots.emplace(id, root(i));
    }
    return roots;
  }

  std::int64_t apply() {
    std::int64_t folded = 0;
    remember_transposed();
    std::vector<std::pair<std::string, Tensor>> constants;
    for (const auto id : order_) {
      if (!removed_.contains(id)) {
        continue;
      }
      for (const auto& value : leaving(id)) {
        const auto found = values_.find(value);
        if (found == values_.end()) {
          return 0;  // the rounds ran out
        }
        constants.emplace_back(value, std::move(found->second));
        values_.erase(found);
      }
    }
    for (const auto id : removed_) {
      model_.remove_node(id);
      ++folded;
    }
    for (auto& [value, tensor] : constants) {
      become_constant(model_, value, std::move(tensor));
    }
    return folded;
  }

  // --- computing
  // ----------------------------------------------------------------------------------

  /// The values, by as few sessions as their size allows. False if some could not be had: what
  /// makes them is no longer among what is computed.
  bool compute(const std::vector<std::string>& wanted) {
    std::vector<std::string> batch;
    std::int64_t batch_bytes = 0;
    bool complete = true;
    for (const auto& value : wanted) {
      batch.push_back(value);
      batch_bytes += bytes_.at(value);
      if (batch_bytes > kSessionBytes) {
        complete = compute_batch(std::exchange(batch, {})) && complete;
        batch_bytes = 0;
      }
    }
    return (batch.empty() || compute_batch(batch)) && complete;
  }

  bool compute_batch(const std::vector<std::string>& wanted) {
    if (take(wanted)) {
      return true;
    }
    if (wanted.size() > 1) {
      // One of them is to blame.
      const auto middle = wanted.begin() + static_cast<std::ptrdiff_t>(wanted.size() / 2);
      const bool first = compute_batch({wanted.begin(), middle});
      return compute_batch({middle, wanted.end()}) && first;
    }
    give_up(wanted.front());
    return false;
  }

  /// The operator that fails, among those that make a value, and everything behind it.
  void give_up(const std::string& value) {
    const auto needed = makers_of({value});
    std::vector<NodeId> suspects;
    for (const auto id : order_) {
      if (needed.contains(id)) {
        suspects.push_back(id);
      }
    }
    auto failing = state_.uses.find(value)->second.producers.front();
    for (const auto id : suspects) {
      const auto outputs = std::vector<std::string>(state_.node(id).output().begin(),
                                                    state_.node(id).output().end());
      if (suspects.size() > kTriedSingly || !run({outputs.front()})) {
        failing = id;
        break;
      }
    }
    forget(failing);
  }

  void forget(NodeId failing) {
    std::vector<NodeId> pending = {failing};
    while (!pending.empty()) {
      const auto id = pending.back();
      pending.pop_back();
      removed_.erase(id);
      if (computable_.erase(id) == 0) {
        continue;
      }
      for (const auto& output : state_.node(id).output()) {
        if (const auto* uses = state_.find_uses(output); uses != nullptr) {
          pending.insert(pending.end(), uses->consumers.begin(), uses->consumers.end());
        }
      }
    }
  }

  bool take(const std::vector<std::string>& wanted) {
    auto tensors = run(wanted);
    if (!tensors || tensors->size() != wanted.size()) {
      return false;
    }
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      values_.insert_or_assign(wanted[i], std::move((*tensors)[i]));
    }
    return true;
  }

  [[nodiscard]] std::set<NodeId> makers_of(const std::vector<std::string>& values) const {
    std::set<NodeId> needed;
    auto pending = values;
    while (!pending.empty()) {
      const auto value = std::move(pending.back());
      pending.pop_back();
      const auto* uses = state_.find_uses(value);
      if (uses == nullptr || uses->producers.empty() || !needed.insert(uses->producers[0]).second) {
        continue;
      }
      const auto& inputs = state_.node(uses->producers[0]).input();
      pending.insert(pending.end(), inputs.begin(), inputs.end());
    }
    return needed;
  }

  /// A model of what makes the values, and nothing else.
  [[nodiscard]] Result<std::vector<Tensor>> run(const std::vector<std::string>& wanted) const {
    constexpr std::int64_t kFirstIrOfConstants = 4;
    auto part = std::make_unique<Model::State>();
    part->shell.set_ir_version(std::max(state_.shell.ir_version(), kFirstIrOfConstants));
    *part->shell.mutable_opset_import() = state_.shell.opset_import();
    part->graph().set_name("constants");
    const auto needed = makers_of(wanted);
    std::set<std::string> sources;
    for (const auto id : order_) {
      if (needed.contains(id)) {
        part->insert(std::make_unique<proto::NodeProto>(state_.node(id)), kNoNode);
        sources.insert(state_.node(id).input().begin(), state_.node(id).input().end());
      }
    }
    for (const auto& source : sources) {
      if (const auto* initializer = state_.find_initializer(source)) {
        part->add_initializer(std::make_unique<Initializer>(*initializer));
      }
    }
    for (const auto& value : wanted) {
      part->graph().add_output()->set_name(value);
    }
    part->index_values();
    TESSERA_TRY(const auto text, Model(std::move(part)).serialize());
    return evaluate_(text, {});
  }

  Model& model_;
  Model::State& state_;
  const Evaluator& evaluate_;
  Folding folding_;
  std::vector<NodeId> order_;
  std::set<NodeId> computable_;
  std::set<NodeId> removed_;
  StringMap<std::int64_t> bytes_;  ///< of values that computable operators make
  StringMap<Tensor> values_;
};

}  // namespace

void fold_constants(Model& model, const Evaluator& evaluate, Folding folding,
                    Simplification& what) {
  what.folded_operators += ConstantFold(model, evaluate, folding).fold();
}

bool has_foldable(const Model& model) {
  for (const auto node : model.nodes()) {
    const auto& type = model.op_type(node);
    const auto inputs = model.inputs(node);
    if (!model.domain(node).empty() || inputs.empty()) {
      continue;
    }
    static const StringSet kByType = {"Shape",   "Size",    "Cast",      "Reshape",
                                      "Flatten", "Squeeze", "Unsqueeze", "Expand"};
    const bool constant = std::all_of(inputs.begin(), inputs.end(), [&](const auto& name) {
      return name.empty() || model.is_constant(name);
    });
    if (kByType.contains(type) ||
        (constant && type != "Identity" && type != "DequantizeLinear" && type != "Constant")) {
      return true;
    }
  }
  return false;
}

}  // namespace tessera::onnx
