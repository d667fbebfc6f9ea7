// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>

#include "cli/context.h"
#include "cli/options.h"
#include "tessera/core/text.h"

namespace tessera::cli {
namespace {

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

Status Context::assume_extents(network::Network& model, const std::vector<DataOptions>& feeds) {
  if (!network::has_open_inputs(model)) {
    return {};
  }
  network::ExtentsByInput common;
  for (const auto& feed : feeds) {
    if (feed.source.empty()) {
      continue;
    }
    // The command opens them again; what there is to warn of is said then.
    TESSERA_TRY(const auto samples, samples_of(model, feed, 0, 1, false, Monitor::silent()));
    TESSERA_TRY(const auto extents, samples.extents());
    network::keep_common(common, extents);
  }
  network::assume_extents(model, common);
  const auto assumed = network::assumptions_text(model);
  const bool random = std::any_of(feeds.begin(), feeds.end(), [](const auto& feed) {
    return feed.source.starts_with("random:");
  });
  made_up_ = random ? assumed : std::string();
  if (!assumed.empty() && told_.insert(assumed).second) {
    monitor_.note(fmt::format("assumed {}{}", assumed,
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

Result<graph::Graph> Context::view_for(const network::Network& model, const data::Sample& sample,
                                       const RunOptions& options) {
  TESSERA_TRY(const auto runtime, library(options));
  return network::view_for(model, sample, runtime, simplify);
}

Result<network::Network> Context::load_model(const std::filesystem::path& path,
                                             const LoadOptions& loading, const RunOptions& options,
                                             const std::vector<DataOptions>& feeds) {
  TESSERA_TRY(auto model, open_model(path));
  carry.take(model, monitor_);
  TESSERA_CHECK(network::give_extents(model, loading));
  TESSERA_TRY(const auto runtime, library(options));
  TESSERA_CHECK(
      network::learn_types(model, runtime, simplify, monitor_).map_error(in_file(path.string())));
  TESSERA_CHECK(assume_extents(model, feeds));
  if (!model.assumed_shapes().empty()) {
    TESSERA_CHECK(
        network::learn_assumed_types(model, runtime, simplify).map_error(in_file(path.string())));
  }
  return model;
}

}  // namespace tessera::cli
