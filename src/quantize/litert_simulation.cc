// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "quantize/litert_simulation.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <unordered_set>
#include <utility>

#include "quantize/litert_constants.h"
#include "tessera/litert/builtin.h"

namespace tessera::quantize {
namespace {

using litert::Builtin;
using litert::Content;
using litert::ElementType;
using litert::Operator;
using litert::Subgraph;

/// A product whose weights the format stores, and where it keeps what.
struct Form {
  Builtin code;
  std::uint16_t activation;      ///< among its options: the function that it applies besides
  std::size_t channels;          ///< axis of the weights
  std::size_t bias;              ///< input
  bool bias_is_optional = true;  ///< in every version of the operator
};
constexpr std::size_t kWeights = 1;
constexpr auto kForms = std::to_array<Form>({{Builtin::kConv2d, 3, 0, 2},
                                             {Builtin::kDepthwiseConv2d, 4, 3, 2},
                                             {Builtin::kFullyConnected, 0, 0, 2},
                                             {Builtin::kTransposeConv, 3, 0, 3, false}});

const Form* form_of(const Content& content, const Operator& op) {
  const auto code = content.code(op).code;
  const auto* const found = std::find_if(kForms.begin(), kForms.end(),
                                         [&](const Form& form) { return form.code == code; });
  return found == kForms.end() ? nullptr : found;
}

/// By their numbers in options; none for those that have no operator of their own.
std::optional<Builtin> activation_of(std::int64_t function) {
  constexpr std::array kFunctions = {Builtin::kRelu, Builtin::kReluN1To1, Builtin::kRelu6,
                                     Builtin::kTanh};
  const auto place = static_cast<std::size_t>(function - 1);
  return function > 0 && place < kFunctions.size() ? std::optional(kFunctions[place])
                                                   : std::nullopt;
}

Subgraph& network(Content& content) {
  return content.subgraphs.front();
}
const Subgraph& network(const Content& content) {
  return content.subgraphs.front();
}

std::size_t at(std::int32_t index) {
  return static_cast<std::size_t>(index);
}

/// Names that are free among the tensors of a network, each given once.
class FreeNames {
 public:
  explicit FreeNames(const Subgraph& subgraph) {
    const auto names = litert::value_names(subgraph);
    taken_.insert(names.begin(), names.end());
  }
  std::string take(std::string name) {
    while (!taken_.insert(name).second) {
      name += "_";
    }
    return name;
  }

 private:
  std::unordered_set<std::string> taken_;
};

bool is_absent(const std::vector<std::int32_t>& list, std::size_t place) {
  return place >= list.size() || list[place] < 0;
}

std::map<std::uint32_t, const Operator*> by_id(const Content& content) {
  std::map<std::uint32_t, const Operator*> found;
  for (const auto& op : network(content).operators) {
    found.emplace(op.id, &op);
  }
  return found;
}

/// Of a value that is made, or fed, in integers with one scale.
std::optional<RoundedValues> rounding_of(const litert::Tensor& written) {
  const bool integers = written.type == ElementType::kInt8 || written.type == ElementType::kInt16;
  if (!integers || !written.quantization || written.quantization->scales.size() != 1) {
    return std::nullopt;
  }
  const auto& zeros = written.quantization->zero_points;
  const auto zero = static_cast<std::int32_t>(zeros.empty() ? 0 : zeros.front());
  return RoundedValues{
      litert::dtype_of(written.type), {written.quantization->scales.front(), zero}, {}};
}

class Simulator {
 public:
  Simulator(const Content& given, const Content& written, Content& open)
      : given_(given),
        written_(written),
        open_(open),
        given_constants_(given),
        written_constants_(written),
        names_(litert::value_names(network(given))),
        open_names_(litert::value_names(network(open))),
        free_names_(network(open)) {}

  Result<LitertSimulation> run() {
    const auto written = by_id(written_);
    const auto opened = by_id(open_);
    std::map<std::uint32_t, std::vector<std::int32_t>> inputs;  // of `open`, as they become
    for (const auto& op : network(given_).operators) {
      const auto found = written.find(op.id);
      if (found == written.end()) {
        continue;  // a conversion that nobody needs any more
      }
      TESSERA_TRY(inputs[op.id], constants(op, *found->second));
      for (std::size_t i = 0; i < op.outputs.size(); ++i) {
        note(op.outputs[i], found->second->outputs[i]);
      }
      add_product(op, *found->second, *opened.at(op.id));
    }
    for (const auto& op : network(given_).operators) {
      if (const auto found = written.find(op.id); found != written.end()) {
        for (std::size_t i = 0; i < op.inputs.size(); ++i) {
          note(op.inputs[i], found->second->inputs[i]);
        }
      }
    }
    for (auto& op : network(open_).operators) {
      if (const auto found = inputs.find(op.id); found != inputs.end()) {
        op.inputs = found->second;
      }
    }
    return std::move(result_);
  }

 private:
  /// A value has the form in which it is made, or is read first where it is made in floats.
  void note(std::int32_t value, std::int32_t as) {
    if (value < 0 || as < 0 || given_constants_.source(value) ||
        network(given_).tensors[at(value)].type != ElementType::kFloat32) {
      return;
    }
    auto rounding = rounding_of(network(written_).tensors[at(as)]);
    if (rounding && noted_.insert(value).second) {
      rounding->names = {names_[at(value)]};
      result_.rounded.push_back(*std::move(rounding));
    }
  }

  /// Inputs in which integers stand for themselves.
  Result<std::vector<std::int32_t>> constants(const Operator& op, const Operator& written) {
    auto inputs = op.inputs;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const auto before = given_constants_.source(inputs[i]);
      const auto after = written_constants_.source(written.inputs[i]);
      if (!before || !after ||
          network(given_).tensors[at(*before)].type == network(written_).tensors[at(*after)].type) {
        continue;
      }
      TESSERA_TRY(inputs[i], real_twin(*before, *after));
    }
    return inputs;
  }

  Result<std::int32_t> real_twin(std::int32_t before, std::int32_t after) {
    if (const auto known = twins_.find(after); known != twins_.end()) {
      return known->second;
    }
    TESSERA_TRY(auto values, written_constants_.values(after));
    auto twin = network(given_).tensors[at(before)];
    twin.type = ElementType::kFloat32;
    twin.quantization.reset();
    twin.sparsity.reset();
    twin.name = free_names_.take(twin.name + "_rounded");
    twin.buffer = open_.add_buffer(litert_data(std::move(values)));
    const auto made = network(open_).add_tensor(std::move(twin));
    twins_.emplace(after, made);
    return made;
  }

  void add_product(const Operator& given, const Operator& written, const Operator& open) {
    if (is_absent(written.outputs, 0) ||
        !rounding_of(network(written_).tensors[at(written.outputs.front())]) ||
        network(given_).tensors[at(given.outputs.front())].type != ElementType::kFloat32) {
      return;  // computed in floats, or in integers before
    }
    const auto& code = given_.code(given).code;
    const auto* const form = form_of(given_, given);
    const auto& name = names_[at(given.outputs.front())];
    if (form == nullptr) {
      if (code == Builtin::kBatchMatmul) {
        result_.without_biases.push_back(name);
      }
      return;
    }
    const bool no_bias = is_absent(given.inputs, form->bias);
    const bool closed = open.options.int_or(form->activation, 0) != 0;
    if ((no_bias && !form->bias_is_optional) || closed) {
      result_.without_biases.push_back(name);
      return;
    }
    const auto weights = given_constants_.source(given.inputs[kWeights]);
    if (!weights) {
      return;
    }
    const auto shape = given_constants_.shape(*weights);
    const auto result = open.outputs.front();
    result_.products.push_back({.source = given.id,
                                .result = open_names_[at(result)],
                                .channels = shape[form->channels],
                                .channels_last = true,
                                .rectified = is_rectified(result)});
  }

  /// RELU and those that come near it. SiLU is a LOGISTIC and a MUL.
  bool is_rectified(std::int32_t value) const {
    constexpr std::array kFunctions = {Builtin::kRelu,      Builtin::kRelu6, Builtin::kRelu0To1,
                                       Builtin::kLogistic,  Builtin::kMul,   Builtin::kGelu,
                                       Builtin::kLeakyRelu, Builtin::kPrelu, Builtin::kHardSwish};
    const auto& outputs = network(open_).outputs;
    bool logistic_or_relu = false;
    for (const auto& op : network(open_).operators) {
      if (std::find(op.inputs.begin(), op.inputs.end(), value) == op.inputs.end()) {
        continue;
      }
      const auto code = open_.code(op).code;
      if (std::find(kFunctions.begin(), kFunctions.end(), code) == kFunctions.end()) {
        return false;
      }
      logistic_or_relu = logistic_or_relu || code != Builtin::kMul;
    }
    return logistic_or_relu && std::find(outputs.begin(), outputs.end(), value) == outputs.end();
  }

  const Content& given_;
  const Content& written_;
  Content& open_;
  LitertConstants given_constants_;
  LitertConstants written_constants_;
  std::vector<std::string> names_;              ///< by tensor of `given`
  std::vector<std::string> open_names_;         ///< by tensor of `open`, twins left out
  FreeNames free_names_;                        ///< of `open`
  std::set<std::int32_t> noted_;                ///< values of `given`
  std::map<std::int32_t, std::int32_t> twins_;  ///< in `open`, by tensor of `written`
  LitertSimulation result_;
};

/// How often operators of the network read it; also as an output.
std::int64_t uses(const Subgraph& subgraph, std::int32_t tensor) {
  auto count = std::count(subgraph.outputs.begin(), subgraph.outputs.end(), tensor);
  for (const auto& op : subgraph.operators) {
    count += std::count(op.inputs.begin(), op.inputs.end(), tensor);
  }
  return count;
}

}  // namespace

void lay_open(Content& content) {
  auto& subgraph = network(content);
  FreeNames names(subgraph);
  for (std::size_t place = 0; place < subgraph.operators.size(); ++place) {
    auto& op = subgraph.operators[place];
    const auto* const form = form_of(content, op);
    const auto function =
        form == nullptr ? std::nullopt : activation_of(op.options.int_or(form->activation, 0));
    if (!function || is_absent(op.outputs, 0)) {
      continue;
    }
    auto twin = subgraph.tensors[at(op.outputs.front())];
    twin.name = names.take(twin.name + "_product");
    const auto result = subgraph.add_tensor(std::move(twin));
    Operator apart;
    apart.code = content.code_of({*function, {}, 1});
    apart.inputs = {result};
    apart.outputs = std::exchange(op.outputs, {result});
    op.options.set_int(form->activation, 0);
    subgraph.add_operator(std::move(apart), place + 1);
  }
}

Result<LitertSimulation> simulate_litert(const Content& given, const Content& written,
                                         Content& open) {
  return Simulator(given, written, open).run();
}

Status add_to_bias(Content& content, const Product& product, std::span<const double> by) {
  auto& subgraph = network(content);
  auto& op = *std::find_if(subgraph.operators.begin(), subgraph.operators.end(),
                           [&](const Operator& one) { return one.id == product.source; });
  const auto place = form_of(content, op)->bias;
  const bool given = !is_absent(op.inputs, place);
  Tensor bias(DType::kFloat32, {product.channels});
  litert::Tensor twin{.shape = {{static_cast<std::int32_t>(product.channels)}}, .has_rank = true};
  if (given) {
    const LitertConstants constants(content);
    TESSERA_TRY(bias, constants.values(op.inputs[place]));
    twin = subgraph.tensors[at(*constants.source(op.inputs[place]))];
    twin.type = ElementType::kFloat32;
    twin.quantization.reset();
    twin.sparsity.reset();
  } else {
    twin.name = subgraph.tensors[at(op.outputs.front())].name + "_bias";
  }
  auto values = bias.as<float>();
  if (values.size() != by.size()) {
    return fail(ErrorCode::kInternal, "a bias of {} values, and {} to add", values.size(),
                by.size());
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(double{values[i]} + by[i]);
  }
  twin.buffer = content.add_buffer(litert_data(std::move(bias)));
  if (given && content.is_constant(subgraph.tensors[at(op.inputs[place])]) &&
      uses(subgraph, op.inputs[place]) == 1) {
    subgraph.tensors[at(op.inputs[place])] = std::move(twin);
    return {};
  }
  twin.name = FreeNames(subgraph).take(twin.name);
  const auto made = subgraph.add_tensor(std::move(twin));
  op.inputs.resize(std::max(op.inputs.size(), place + 1), -1);
  op.inputs[place] = made;
  return {};
}

}  // namespace tessera::quantize
