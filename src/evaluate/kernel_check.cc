// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/evaluate/kernel_check.h"

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>

#include "evaluate/kernel_gauge.h"
#include "tessera/evaluate/baseline.h"
#include "tessera/evaluate/fields.h"
#include "tessera/graph/graph.h"

namespace tessera::evaluate {
namespace {

using graph::Graph;
using graph::OpId;
using graph::TensorId;
using runtime::Session;
using runtime::ValueInfo;

/// What an operator has by way of values that can be shown.
bool is_shown(const graph::TensorInfo& tensor) {
  constexpr int kLeastBits = 8;  // of what inputs and outputs of a session may be
  return tensor.dtype != DType::kString && bits_of(tensor.dtype) >= kLeastBits;
}

/// One operator by itself, in each set.
struct Single {
  OpId op;
  std::vector<std::string> outputs;  ///< that are shown
  // By set.
  std::vector<std::optional<Session>> sessions;
  std::vector<bool> is_seen;         ///< the library tells whose kernels run
  std::vector<std::string> reasons;  ///< why there is no session
  std::vector<KernelGauge> alone;
  std::vector<KernelGauge> accumulated;
};

/// With a look at who runs it, where the library can tell.
Result<Session> open_shown(const network::Network& part,
                           const std::shared_ptr<const runtime::Library>& library,
                           runtime::SessionOptions options, bool& shown) {
  options.profile = true;
  auto session = part.open(library, options);
  shown = session.has_value();
  if (session) {
    return session;
  }
  options.profile = false;
  return part.open(library, options);
}

std::optional<std::size_t> place_of(const std::vector<ValueInfo>& values, std::string_view name) {
  const auto found = std::find_if(values.begin(), values.end(),
                                  [&](const ValueInfo& value) { return value.name == name; });
  return found == values.end() ? std::nullopt
                               : std::optional(static_cast<std::size_t>(found - values.begin()));
}

class Check {
 public:
  Check(const network::Network& model, const std::shared_ptr<const runtime::Library>& library,
        const std::vector<KernelSet>& sets)
      : model_(model), library_(library), sets_(sets) {}

  Status open(Monitor& monitor) {
    TESSERA_TRY(graph_, model_.view());
    const auto constant = graph::constant_tensors(graph_);
    std::vector<std::string> shown;
    for (std::uint32_t i = 0; i < graph_.ops().size(); ++i) {
      Single single{.op = {i}};
      for (const auto& output : graph_.ops()[i].outputs) {
        if (output && !constant[output->value] && is_shown(graph_.tensor(*output))) {
          single.outputs.push_back(graph_.tensor(*output).name);
        }
      }
      if (single.outputs.empty()) {
        continue;  // computed from constants alone, or nothing that could be compared
      }
      shown.insert(shown.end(), single.outputs.begin(), single.outputs.end());
      TESSERA_CHECK(monitor.check());
      TESSERA_CHECK(open_single(single));
      singles_.push_back(std::move(single));
      monitor.progress("operators", i + 1, std::ssize(graph_.ops()));
    }
    auto whole = model_.clone();
    whole.expose(shown);
    for (const auto& set : sets_) {
      TESSERA_TRY(auto session, whole.open(library_, set.session));
      wholes_.push_back(std::move(session));
    }
    return {};
  }

  Status run(const data::Sample& sample) {
    std::vector<runtime::Outputs> results;
    std::vector<Tensor> casts;
    TESSERA_TRY(const auto feeds, feeds_of(sample, wholes_.front().inputs(), casts));
    for (auto& whole : wholes_) {
      TESSERA_TRY(auto outputs, whole.run(feeds));
      results.push_back(std::move(outputs));
    }
    std::map<std::string, TensorView, std::less<>> values;
    for (const auto& feed : feeds) {
      values.emplace(feed.name, feed.tensor);
    }
    const auto& infos = wholes_.front().outputs();
    for (std::size_t i = 0; i < infos.size(); ++i) {
      values.insert_or_assign(infos[i].name, results.front()[i]);
    }
    for (auto& single : singles_) {
      TESSERA_CHECK(compare_wholes(single, results));
      TESSERA_CHECK(run_single(single, values));
    }
    return {};
  }

  /// After the last sample.
  Result<std::vector<KernelRow>> rows() {
    std::vector<KernelRow> rows;
    for (auto& single : singles_) {
      const auto& op = graph_.op(single.op);
      for (std::size_t k = 1; k < sets_.size(); ++k) {
        KernelRow row{.name = op.name, .type = op.type, .kernels = sets_[k].name};
        row.dtype = graph_.tensor(*graph_.find_tensor(single.outputs.front())).dtype;
        row.ran_on = who_ran(single, k);
        row.reason = single.reasons[k].empty() ? single.reasons[0] : single.reasons[k];
        if (!single.alone[k].empty()) {
          row.alone = single.alone[k].result();
        }
        if (!single.accumulated[k].empty()) {
          row.accumulated = single.accumulated[k].result();
        }
        rows.push_back(std::move(row));
      }
    }
    return rows;
  }

 private:
  Status open_single(Single& single) {
    const std::vector<OpId> ops{single.op};
    const auto border = network::border_of(graph_, ops);
    single.alone.resize(sets_.size());
    single.accumulated.resize(sets_.size());
    single.reasons.resize(sets_.size());
    single.is_seen.resize(sets_.size());
    single.sessions.resize(sets_.size());
    std::vector<TensorId> outputs;
    for (const auto& name : single.outputs) {
      outputs.push_back(*graph_.find_tensor(name));
    }
    const auto part = model_.part({graph_, ops, border.inputs, outputs});
    for (std::size_t k = 0; k < sets_.size(); ++k) {
      bool shown = false;
      auto session = part ? open_shown(*part, library_, sets_[k].session, shown)
                          : Result<Session>(tl::unexpected(part.error()));
      if (session) {
        single.sessions[k] = std::move(*session);
        single.is_seen[k] = shown;
      } else {
        single.reasons[k] = session.error().message;
      }
    }
    return {};
  }

  Status compare_wholes(Single& single, const std::vector<runtime::Outputs>& results) const {
    for (const auto& name : single.outputs) {
      const auto first = place_of(wholes_.front().outputs(), name);
      for (std::size_t k = 1; k < wholes_.size(); ++k) {
        const auto place = place_of(wholes_[k].outputs(), name);
        if (first && place) {
          TESSERA_CHECK(single.accumulated[k].add(results.front()[*first], results[k][*place],
                                                  wholes_.front().outputs()[*first]));
        }
      }
    }
    return {};
  }

  /// Once in each set, on what the first set computed in the whole network.
  Status run_single(Single& single,
                    const std::map<std::string, TensorView, std::less<>>& values) const {
    std::vector<std::optional<runtime::Outputs>> results(sets_.size());
    for (std::size_t k = 0; k < sets_.size(); ++k) {
      auto& session = single.sessions[k];
      if (!session) {
        continue;
      }
      std::vector<runtime::Feed> feeds;
      for (const auto& input : session->inputs()) {
        const auto value = values.find(input.name);
        if (value != values.end()) {
          feeds.push_back({input.name, value->second});
        }
      }
      auto outputs = session->run(feeds);
      if (outputs) {
        results[k] = std::move(*outputs);
      } else {
        single.reasons[k] = outputs.error().message;
        session.reset();
      }
    }
    for (std::size_t k = 1; k < sets_.size() && results.front(); ++k) {
      for (std::size_t i = 0; results[k] && i < results[k]->size(); ++i) {
        TESSERA_CHECK(single.alone[k].add((*results.front())[i], (*results[k])[i],
                                          single.sessions.front()->outputs()[i]));
      }
    }
    return {};
  }

  /// The provider of the kernel that did the most of it.
  static std::string who_ran(Single& single, std::size_t k) {
    if (!single.sessions[k] || !single.is_seen[k]) {
      return {};
    }
    const auto kernels = single.sessions[k]->end_profile();
    std::string provider;
    double longest = -1;
    for (const auto& kernel : kernels ? *kernels : std::vector<runtime::KernelTime>()) {
      if (kernel.duration_us > longest) {
        longest = kernel.duration_us;
        provider = runtime::short_provider_name(kernel.provider);
      }
    }
    return provider;
  }

  const network::Network& model_;
  const std::shared_ptr<const runtime::Library>& library_;
  const std::vector<KernelSet>& sets_;
  Graph graph_;
  std::vector<Single> singles_;
  std::vector<Session> wholes_;  ///< by set, with every value an output
};

}  // namespace

Result<KernelCheck> check_kernels(const network::Network& model, const data::SampleSet& samples,
                                  const std::shared_ptr<const runtime::Library>& library,
                                  const std::vector<KernelSet>& sets, Monitor& monitor) {
  KernelCheck result;
  for (const auto& set : sets) {
    result.sets.push_back(set.name);
  }
  Check check(model, library, sets);
  TESSERA_CHECK(check.open(monitor));
  for (std::int64_t i = 0; i < samples.size(); ++i) {
    TESSERA_CHECK(monitor.check());
    TESSERA_TRY(const auto sample, samples.load(i));
    TESSERA_CHECK(check.run(sample).map_error(in_file(sample.name)));
    monitor.progress("kernels", i + 1, samples.size());
  }
  result.samples = samples.size();
  TESSERA_TRY(result.rows, check.rows());
  return result;
}

Fields<KernelDifference> fields_of(const KernelDifference*) {
  static constexpr std::array kFields = {
      written<&KernelDifference::elements>("elements", "that were compared"),
      written<&KernelDifference::differing>("differing", "of these, that are not the same"),
      written<&KernelDifference::max_lsb>("max_lsb",
                                          "of integers: largest difference in steps; else null"),
      figure<&KernelDifference::max_abs>(
          "max_abs", "the same in real numbers, or in steps where there is no scale"),
      Field<KernelDifference>{"max_relative", "of floats: max_abs by the largest value; else null",
                              [](const KernelDifference& difference) {
                                return difference.max_relative
                                           ? finite_or_null(*difference.max_relative)
                                           : Json();
                              }}};
  return kFields;
}

Fields<KernelRow> fields_of(const KernelRow*) {
  static constexpr std::array kFields = {
      written<&KernelRow::name>("name", "of the operator"),
      written<&KernelRow::type>("type", "of the operator"),
      written<&KernelRow::kernels>("kernels", "the set that is held against the first"),
      written<&KernelRow::dtype>("dtype", "of its result"),
      word<&KernelRow::ran_on>(
          "ran_on",
          "whose kernels computed it by itself: cpu (built-in), xnnpack, a delegate; "
          "null if unknown"),
      written<&KernelRow::alone>("alone", "by itself, on the inputs that the first set gives it"),
      written<&KernelRow::accumulated>("accumulated",
                                       "in the whole network, with what came before it"),
      word<&KernelRow::reason>("reason", "why it was not run by itself; null if it was")};
  return kFields;
}

Json to_json(const KernelCheck& check) {
  return {{"sets", check.sets}, {"samples", check.samples}, {"operators", as_json(check.rows)}};
}

}  // namespace tessera::evaluate
