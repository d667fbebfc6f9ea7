// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <set>

#include "cli/context.h"
#include "cli/options.h"
#include "tessera/core/text.h"
#include "tessera/onnx/simplify.h"
#include "tessera/runtime/evaluator.h"
#include "tessera/runtime/type_oracle.h"

namespace tessera::cli {
namespace {

/// Below, ONNX Runtime promises nothing and refuses most operators.
constexpr std::int64_t kFirstSupportedOpset = 7;
/// Old enough for every tool, new enough for Q/DQ per channel.
constexpr std::int64_t kCommonOpset = 13;

using Extents = std::vector<std::int64_t>;

bool is_open(const std::optional<ValueType>& type) {
  return type && type->shape &&
         std::any_of(type->shape->begin(), type->shape->end(),
                     [](const Dim& dim) { return !dim.known(); });
}

bool has_open_inputs(const onnx::Model& model) {
  const auto inputs = model.inputs();
  return std::any_of(inputs.begin(), inputs.end(),
                     [&](const auto& name) { return is_open(model.declared_type(name)); });
}

/// With -1 where there is none; no extents at all where even the ranks differ.
Extents numbers(const data::InputExtents& input) {
  Extents result;
  if (input.extents) {
    for (const auto& extent : *input.extents) {
      result.push_back(extent.value_or(-1));
    }
  }
  return result;
}

/// Keeps what both say alike.
void keep_common(Extents& extents, const Extents& other) {
  if (extents.size() != other.size()) {
    extents.assign(extents.size(), -1);
    return;
  }
  for (std::size_t i = 0; i < extents.size(); ++i) {
    extents[i] = extents[i] == other[i] ? extents[i] : -1;
  }
}

/// Symbols of the inputs that stand for two numbers: exporters write "None" or "?" for every
/// extent that they do not know, and the runtime takes those for equal.
std::set<std::string> false_symbols(const onnx::Model& model,
                                    const std::map<std::string, Extents>& extents) {
  std::map<std::string, std::set<std::int64_t>> values;
  for (const auto& [name, sizes] : extents) {
    const auto type = model.declared_type(name);
    for (std::size_t i = 0; is_open(type) && i < type->shape->size() && i < sizes.size(); ++i) {
      const auto& symbol = (*type->shape)[i].symbol;
      if (!symbol.empty() && sizes[i] >= 0) {
        values[symbol].insert(sizes[i]);
      }
    }
  }
  std::set<std::string> result;
  for (const auto& [symbol, numbers] : values) {
    if (numbers.size() > 1) {
      result.insert(symbol);
    }
  }
  return result;
}

/// The declared shape with its open extents filled where one value is known.
std::vector<Dim> filled(std::vector<Dim> shape, const Extents& extents) {
  for (std::size_t i = 0; i < shape.size() && i < extents.size(); ++i) {
    if (!shape[i].known() && extents[i] >= 0) {
      shape[i] = Dim{extents[i], {}};
    }
  }
  return shape;
}

void assume(onnx::Model& model, const std::map<std::string, Extents>& extents) {
  for (const auto& [name, sizes] : extents) {
    const auto type = model.declared_type(name);
    if (!is_open(type)) {
      continue;
    }
    auto shape = filled(*type->shape, sizes);
    if (shape != *type->shape) {
      model.assume_shape(name, std::move(shape));
    }
  }
}

/// Assumes that a leading extent without a value is a batch of one, for counting.
void assume_batch_of_one(onnx::Model& model) {
  std::set<std::string> batches;
  std::map<std::string, Extents> extents;
  for (const auto& name : model.inputs()) {
    const auto type = model.declared_type(name);
    if (!is_open(type) || type->shape->size() < 2 || type->shape->front().known()) {
      continue;
    }
    extents[name].assign(type->shape->size(), -1);
    extents[name].front() = 1;
    batches.insert(type->shape->front().symbol);
  }
  batches.erase("");
  for (const auto& name : model.inputs()) {
    const auto type = model.declared_type(name);
    for (std::size_t i = 0; is_open(type) && i < type->shape->size(); ++i) {
      if (batches.contains((*type->shape)[i].symbol)) {
        extents.try_emplace(name, type->shape->size(), -1).first->second[i] = 1;
      }
    }
  }
  assume(model, extents);
}

std::string assumption_text(const std::map<std::string, Extents>& shapes) {
  std::string text;
  for (const auto& [name, extents] : shapes) {
    text += fmt::format("{}{} ", text.empty() ? "" : ", ", name);
    for (std::size_t i = 0; i < extents.size(); ++i) {
      text += fmt::format("{}{}", i == 0 ? "" : "x",
                          extents[i] < 0 ? std::string("?") : std::to_string(extents[i]));
    }
  }
  return text;
}

Result<std::int64_t> parse_extent(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size()) {
    return fail(ErrorCode::kInvalidArgument, "'{}' is no whole number", text);
  }
  return value;
}

void parse_dim(const std::string& pair, LoadOptions& options) {
  const auto equals = pair.rfind('=');
  const auto value =
      equals == std::string::npos ? Result<std::int64_t>(0) : parse_extent(pair.substr(equals + 1));
  if (equals == std::string::npos || equals == 0 || !value || *value < 0) {
    throw CLI::ValidationError("--dim", "'" + pair + "' is not NAME=NUMBER");
  }
  options.dims[pair.substr(0, equals)] = *value;
}

void parse_shape(const std::string& pair, LoadOptions& options) {
  const auto equals = pair.rfind('=');
  const auto refuse = [&] {
    throw CLI::ValidationError("--shape", "'" + pair + "' is not INPUT=1x3x224x224");
  };
  if (equals == std::string::npos || equals == 0) {
    refuse();
  }
  Shape shape;
  for (const auto part : split(std::string_view(pair).substr(equals + 1), 'x')) {
    const auto extent = parse_extent(part);
    if (!extent || *extent < 0) {
      refuse();
    }
    shape.push_back(*extent);
  }
  options.shapes[pair.substr(0, equals)] = std::move(shape);
}

}  // namespace

void add_load_options(CLI::App& command, LoadOptions& options) {
  const Heading heading(command, "Shapes");
  command
      .add_option_function<std::vector<std::string>>(
          "--dim",
          [&options](const std::vector<std::string>& pairs) {
            for (const auto& pair : pairs) {
              parse_dim(pair, options);
            }
          },
          "give a symbolic dimension a value, e.g. N=1; repeatable")
      ->type_name("NAME=VALUE");
  command
      .add_option_function<std::vector<std::string>>(
          "--shape",
          [&options](const std::vector<std::string>& pairs) {
            for (const auto& pair : pairs) {
              parse_shape(pair, options);
            }
          },
          "give an input whose extents are open a shape, e.g. x=1x3x320x320; repeatable")
      ->type_name("INPUT=SHAPE");
}

Status give_extents(onnx::Model& model, const LoadOptions& loading) {
  TESSERA_CHECK(model.set_dims(loading.dims));
  for (const auto& [input, shape] : loading.shapes) {
    TESSERA_CHECK(model.set_shape(input, shape));
  }
  return {};
}

Status Context::assume_extents(onnx::Model& model, const std::vector<DataOptions>& feeds) {
  if (!has_open_inputs(model)) {
    return {};
  }
  std::map<std::string, Extents> common;
  for (const auto& feed : feeds) {
    if (feed.source.empty()) {
      continue;
    }
    // The command opens them again; what there is to warn of is said then.
    TESSERA_TRY(const auto samples, samples_of(model, feed, 0, 1, false, Monitor::silent()));
    TESSERA_TRY(const auto extents, samples.extents());
    for (const auto& input : extents) {
      const auto sizes = numbers(input);
      const auto [place, is_new] = common.try_emplace(input.input, sizes);
      if (!is_new) {
        keep_common(place->second, sizes);
      }
    }
  }
  if (common.empty()) {
    assume_batch_of_one(model);
  } else {
    for (const auto& symbol : false_symbols(model, common)) {
      model.forget_symbol(symbol);
    }
    assume(model, common);
  }
  const auto shapes = model.assumed_shapes();
  const bool random = std::any_of(feeds.begin(), feeds.end(), [](const auto& feed) {
    return feed.source.starts_with("random:");
  });
  made_up_ = random ? assumption_text(shapes) : std::string();
  if (!shapes.empty() && told_.insert(assumption_text(shapes)).second) {
    monitor_.note(fmt::format("assumed {}{}", assumption_text(shapes),
                              common.empty() ? ", a batch of 1" : ", as all samples have it"));
  }
  return {};
}

Error Context::explained(Error error) const {
  const bool by_runtime = error.code == ErrorCode::kUnavailable;
  if (by_runtime && error.hint.empty() && !made_up_.empty()) {
    error.hint = fmt::format(
        "the extents {} were made up for random samples: give the network's own with --shape "
        "INPUT=1x3x48x320, or samples of its kind",
        made_up_);
  }
  return error;
}

Status Context::simplify_and_infer(onnx::Model& model,
                                   const std::shared_ptr<const runtime::Library>& library) {
  const auto oracle = runtime::type_oracle(library);
  if (simplify) {
    const auto simplified = onnx::simplify(model, {oracle, runtime::evaluator(library)});
    for (const auto& reason : simplified.what.kept) {
      monitor_.warn(
          {"not-simplified", reason, "that part of the model stays as it is in the file"});
    }
    if (simplified.types_known) {
      return {};
    }
  }
  return model.infer_types(oracle);
}

Status Context::infer_assumed(onnx::Model& model,
                              const std::shared_ptr<const runtime::Library>& library) {
  const auto oracle = runtime::type_oracle(library);
  if (!simplify) {
    return model.infer_types(oracle);
  }
  // A twin whose inputs really have these shapes tells those that follow by shape arithmetic, too.
  auto twin = model.with_assumed_shapes();
  if (!onnx::simplify(twin, {oracle, runtime::evaluator(library)}).types_known) {
    TESSERA_CHECK(twin.infer_types(oracle));
  }
  model.adopt_types(twin);
  return {};
}

Result<graph::Graph> Context::view_for(const onnx::Model& model, const data::Sample& sample,
                                       const RunOptions& options) {
  auto twin = model.clone();
  std::map<std::string, Extents> extents;
  for (const auto& [name, tensor] : sample.tensors) {
    extents[name].assign(tensor.shape().begin(), tensor.shape().end());
  }
  assume(twin, extents);
  TESSERA_TRY(const auto runtime, library(options));
  TESSERA_CHECK(infer_assumed(twin, runtime));
  return twin.view();
}

Result<onnx::Model> Context::load_model(const std::filesystem::path& path,
                                        const LoadOptions& loading, const RunOptions& options,
                                        const std::vector<DataOptions>& feeds) {
  TESSERA_TRY(auto model, open_model(path));
  carry.take(model, monitor_);
  TESSERA_CHECK(give_extents(model, loading));
  TESSERA_TRY(const auto runtime, library(options));
  auto inferred = simplify_and_infer(model, runtime);
  const auto opset = model.opset().value_or(kFirstSupportedOpset);
  if (!inferred && opset < kFirstSupportedOpset) {
    // The runtime gave up these opsets; what they meant can still be said in a newer one.
    TESSERA_CHECK(onnx::upgrade_opset(model, kCommonOpset).map_error(in_file(path.string())));
    monitor_.warn({"opset-raised",
                   fmt::format("the runtime does not run opset {}; the model was rewritten to {}",
                               opset, kCommonOpset),
                   "figures and artefacts are those of the rewritten model"});
    inferred = simplify_and_infer(model, runtime);
  }
  TESSERA_CHECK(std::move(inferred).map_error(in_file(path.string())));
  TESSERA_CHECK(assume_extents(model, feeds));
  if (!model.assumed_shapes().empty()) {
    TESSERA_CHECK(infer_assumed(model, runtime).map_error(in_file(path.string())));
  }
  return model;
}

}  // namespace tessera::cli
