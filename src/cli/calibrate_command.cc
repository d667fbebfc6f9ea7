// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/context.h"
#include "cli/options.h"
#include "cli/scheme_options.h"
#include "tessera/calibrate/calibrate.h"

namespace tessera::cli {
namespace {

struct CalibrateArguments {
  std::string model;
  std::vector<std::string> merge;
  RunOptions run;
  DataOptions data;
  LoadOptions loading;
  std::string output;
  Overwrite overwrite = Overwrite::kRefuse;
  std::vector<std::string> methods;
  std::string shard;
  bool symmetric = false;
  bool channels = false;
  int levels = 256;
};

/// "minmax", "percentile:99.9": methods in the order of kRangeMethods, each once.
Result<calibrate::CalibrateOptions> calibrate_options(const CalibrateArguments& arguments) {
  calibrate::CalibrateOptions options;
  options.threads = arguments.run.threads;
  options.channels = arguments.channels;
  options.estimator.symmetric = arguments.symmetric;
  options.estimator.quantized_levels = arguments.levels;
  for (const std::string& text : arguments.methods) {
    if (text == "all") {
      options.methods.assign(numerics::kRangeMethods.begin(), numerics::kRangeMethods.end());
      continue;
    }
    TESSERA_TRY(const auto method, read_range_method(text, options.estimator));
    options.methods.push_back(method);
  }
  std::sort(options.methods.begin(), options.methods.end());
  options.methods.erase(std::unique(options.methods.begin(), options.methods.end()),
                        options.methods.end());
  return options;
}

std::string summary(const calibrate::Ranges& ranges, const std::string& output) {
  std::vector<std::string_view> names;
  names.reserve(ranges.methods.size());
  for (const auto method : ranges.methods) {
    names.push_back(numerics::to_string(method));
  }
  std::string text = fmt::format("{} tensors, {} samples, methods {}\n", ranges.tensors.size(),
                                 ranges.samples, fmt::join(names, ", "));
  if (ranges.wall_us > 0) {
    text += fmt::format("{:.2f} s, peak memory {:.0f} MiB\n", ranges.wall_us / 1e6,
                        static_cast<double>(ranges.peak_rss_bytes) / 1048576);
  }
  return text + fmt::format("written to {}\n", output);
}

/// Writes the document and prints it, or a summary of it.
Status finish(Context& context, const CalibrateArguments& arguments, const Envelope& envelope,
              calibrate::Ranges ranges) {
  if (context.timeless) {
    ranges.wall_us = 0;
  }
  const Json result = to_json(ranges);
  TESSERA_CHECK(context.write(arguments.output, envelope, result, arguments.overwrite));
  context.answer(envelope, result, summary(ranges, arguments.output));
  return {};
}

/// Warnings of the shards' own runs, each once.
Status repeat_warnings(Context& context, std::span<const Json> documents) {
  std::vector<Warning> given;
  for (const Json& document : documents) {
    const auto list = document.is_object() ? document.value("warnings", Json::array()) : Json();
    for (const Json& item : list) {
      const auto text = [&](const char* key) {
        const auto found = item.is_object() ? item.find(key) : item.end();
        return item.is_object() && found != item.end() && found->is_string()
                   ? found->get<std::string>()
                   : std::string();
      };
      const Warning warning{text("id"), text("message"), text("hint")};
      if (std::find(given.begin(), given.end(), warning) == given.end()) {
        given.push_back(warning);
        context.monitor().warn(warning);
      }
    }
  }
  return {};
}

Status merge(Context& context, const CalibrateArguments& arguments) {
  std::vector<Json> documents;
  for (const std::string& path : arguments.merge) {
    TESSERA_TRY(Json document, read_json(path));
    documents.push_back(std::move(document));
  }
  TESSERA_CHECK(repeat_warnings(context, documents));
  TESSERA_TRY(calibrate::Ranges ranges,
              calibrate::merge_shards(documents, arguments.run.threads, context.monitor()));
  Envelope envelope = context.envelope("calibrate");
  envelope.model = ranges.model;
  envelope.seed = documents.front().value("seed", std::uint64_t{0});
  return finish(context, arguments, envelope, std::move(ranges));
}

Status calibrate_one(Context& context, const CalibrateArguments& arguments) {
  TESSERA_TRY(const calibrate::CalibrateOptions options, calibrate_options(arguments));
  Shard shard;
  if (!arguments.shard.empty()) {
    TESSERA_TRY(shard, parse_shard(arguments.shard));
  }
  TESSERA_TRY(const network::Network model, context.load_model(arguments.model, arguments.loading,
                                                               arguments.run, {arguments.data}));
  TESSERA_TRY(const data::SampleSet samples,
              context.open_samples(model, arguments.data, shard.index, shard.count));
  TESSERA_TRY(const auto library, context.library(arguments.run));
  if (arguments.shard.empty()) {
    TESSERA_TRY(calibrate::Ranges ranges,
                calibrate::calibrate(model, samples, library, options, context.monitor()));
    return finish(context, arguments, context.envelope("calibrate", &arguments.run, &model),
                  std::move(ranges));
  }
  TESSERA_TRY(const Json result,
              calibrate::calibrate_shard(model, samples, shard.index, shard.count, library, options,
                                         context.monitor()));
  const Envelope envelope = context.envelope("calibrate-shard", &arguments.run, &model);
  TESSERA_CHECK(context.write(arguments.output, envelope, result, arguments.overwrite));
  context.answer(envelope, result,
                 fmt::format("shard {} of {}: {} samples, written to {}\n", shard.index,
                             shard.count, samples.size(), arguments.output));
  return {};
}

Status run_calibrate(Context& context, const CalibrateArguments& arguments) {
  TESSERA_CHECK(Context::check_output(arguments.output, arguments.overwrite, {".json"}));
  if (!arguments.merge.empty()) {
    if (!arguments.model.empty() || !arguments.data.source.empty() || !arguments.shard.empty()) {
      return fail(ErrorCode::kInvalidArgument, "--merge takes no model, --data or --shard")
          .hint("tessera calibrate --merge A.json B.json -o RANGES.json");
    }
    return merge(context, arguments);
  }
  if (arguments.model.empty() || arguments.data.source.empty()) {
    return fail(ErrorCode::kInvalidArgument, "{} is missing",
                arguments.model.empty() ? "the model" : "--data")
        .hint("tessera calibrate MODEL.onnx --data FOLDER -o RANGES.json");
  }
  return calibrate_one(context, arguments);
}

}  // namespace

void add_calibrate_command(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<CalibrateArguments>();
  CLI::App& command =
      *app.add_subcommand("calibrate", "Measure activation ranges by every method in one pass");
  command.add_option("model", arguments->model, "model to calibrate")->type_name("MODEL.onnx");
  context.reads(arguments->model);
  add_data_options(command, arguments->data, false);
  command
      .add_option("--method", arguments->methods, "how ranges follow from samples (default: all)")
      ->type_name("NAME[,NAME...]")
      ->check(one_of(range_method_words({"all"})))
      ->delimiter(',');
  command.add_flag("--symmetric", arguments->symmetric, "ranges of the form [-a, a]");
  command.add_flag("--channels", arguments->channels,
                   "the extrema of every channel around convolutions, too, which quantize "
                   "--kernels tessera can use");
  command
      .add_option("--levels", arguments->levels,
                  "levels that entropy and mse search for: 256 for 8 bits")
      ->check(between(2, 65536))
      ->capture_default_str();
  command
      .add_option("--shard", arguments->shard,
                  "take the I-th of N parts of the samples and write its state")
      ->type_name("I/N");
  command.add_option("--merge", arguments->merge, "ranges from the files of all shards")
      ->type_name("FILE...");
  add_load_options(command, arguments->loading);
  add_run_options(command, arguments->run);
  add_output_options(command, arguments->output, arguments->overwrite, true);
  add_common_options(command, context,
                     "tessera calibrate yolox.onnx --data photos --preprocess yolox -o r.json");
  command.callback([&context, arguments] {
    context.action = [&context, arguments] { return run_calibrate(context, *arguments); };
  });
}

}  // namespace tessera::cli
