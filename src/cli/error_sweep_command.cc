// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/context.h"
#include "cli/error_options.h"
#include "cli/options.h"
#include "tessera/core/compact_text.h"
#include "tessera/core/host.h"
#include "tessera/noise/run_sweep.h"
#include "tessera/report/error.h"

namespace tessera::cli {
namespace {

struct SweepArguments {
  SwitchOptions switches;
  std::vector<std::string> subsets;
  std::string sizes = "even";
  std::vector<std::string> weights;
  bool normalize = false;
  std::string metric_command;
  std::string shard;
  std::string output;
  Overwrite overwrite = Overwrite::kRefuse;
  bool resume = false;
  std::size_t top = 20;
};

Status add_weight(const std::string& text, std::map<std::string, double>& weights) {
  const auto equals = text.rfind('=');
  double value = 0;
  const bool parsed = equals != std::string::npos && equals > 0 &&
                      CLI::detail::lexical_cast(text.substr(equals + 1), value);
  if (!parsed || !(value >= 0) || value > 1e30) {
    return fail(ErrorCode::kInvalidArgument, "--output-weight '{}' is not NAME=NUMBER", text)
        .hint("the number is at least 0, e.g. boxes=0.01");
  }
  weights[text.substr(0, equals)] = value;
  return {};
}

Result<noise::SweepOptions> sweep_options(const SweepArguments& arguments, const SwitchInput& input,
                                          const Context& context) {
  noise::SweepOptions options;
  TESSERA_TRY(const auto sizes, noise::sizes_from_string(arguments.sizes));
  auto designs = arguments.subsets;
  if (designs.empty()) {
    designs.emplace_back("random:1000");
  }
  TESSERA_TRY(
      options.subsets,
      noise::choose_subsets(designs, noise::entries_of(input.setup.switches), sizes, context.seed));
  if (options.subsets.empty()) {
    return fail(ErrorCode::kInvalidArgument, "--subsets names no subset");
  }
  options.design = compact_text(Json{{"subsets", designs}, {"sizes", to_string(sizes)}});
  for (const auto& text : arguments.weights) {
    TESSERA_CHECK(add_weight(text, options.weights));
  }
  options.normalize = arguments.normalize;
  options.metric_command = arguments.metric_command;
  if (!arguments.shard.empty()) {
    TESSERA_TRY(const auto shard, parse_shard(arguments.shard));
    options.shard_index = shard.index;
    options.shard_count = shard.count;
  }
  options.output = arguments.output;
  options.overwrite = arguments.overwrite;
  options.resume = arguments.resume;
  return options;
}

Status run(const SweepArguments& given, Context& context) {
  auto arguments = given;
  // An attempt that the runtime has ended goes on where it was.
  arguments.resume = arguments.resume || context.attempt > 0;
  if (!arguments.resume) {
    TESSERA_CHECK(
        Context::check_output(arguments.output, arguments.overwrite, {".jsonl", ".json"}));
  }
  TESSERA_TRY(auto input, load_switches(arguments.switches, context));
  TESSERA_TRY(const auto options, sweep_options(arguments, *input, context));
  const auto envelope = [&] {
    return context.envelope("error-sweep", &arguments.switches.run, &input->model);
  };
  TESSERA_TRY(const auto summary, noise::run_sweep(std::move(input->setup), input->samples, options,
                                                   envelope, context.monitor()));
  auto result = to_json(summary.sweep.header);
  result["output"] = arguments.output;
  result["subsets"] = summary.sweep.records.size();
  result["measured"] = summary.measured;
  result["resumed"] = summary.resumed;
  result["work"] = {{"segments", summary.work.segments},
                    {"sessions", summary.work.sessions},
                    {"runs", summary.work.runs},
                    {"runs_unshared", summary.work.runs_unshared},
                    {"kept_bytes", summary.work.kept_bytes}};
  if (!context.timeless) {
    result["cpu_us"] = {{"setup", summary.setup_us}, {"subsets", summary.cpu_us}};
    result["peak_rss_bytes"] = peak_rss_bytes();
  }
  context.answer(envelope(), result,
                 report::sweep_text(summary, arguments.output, context.page(), arguments.top));
  return {};
}

struct MergeArguments {
  std::vector<std::string> files;
  std::string output;
  Overwrite overwrite = Overwrite::kRefuse;
};

Status merge(const MergeArguments& arguments, Context& context) {
  TESSERA_CHECK(check_writable(arguments.output, arguments.overwrite));
  const std::vector<std::filesystem::path> paths(arguments.files.begin(), arguments.files.end());
  TESSERA_TRY(const auto sweep, noise::read_sweep(paths));
  TESSERA_CHECK(
      noise::write_sweep(arguments.output, sweep.document, sweep.records, arguments.overwrite));
  const auto design = Json::parse(sweep.header.design.empty() ? "{}" : sweep.header.design);
  const auto wanted = design.value("count", static_cast<std::int64_t>(sweep.records.size()));
  auto envelope = context.envelope("error-merge");
  envelope.model = sweep.header.model;
  context.answer(envelope,
                 Json{{"output", arguments.output},
                      {"files", arguments.files},
                      {"subsets", sweep.records.size()},
                      {"missing", wanted - static_cast<std::int64_t>(sweep.records.size())}},
                 fmt::format("wrote {}: {} of {} subsets from {} files\n", arguments.output,
                             sweep.records.size(), wanted, arguments.files.size()));
  return {};
}

}  // namespace

void add_error_sweep_command(CLI::App& parent, Context& context) {
  auto arguments = std::make_shared<SweepArguments>();
  auto* command = parent.add_subcommand(
      "sweep", "Error of many subsets of quantized layers, without building their models");
  add_switch_options(*command, arguments->switches);
  context.reads(arguments->switches.model);
  command
      ->add_option("--subsets", arguments->subsets,
                   "random:N, one-in, one-out, pairs, all or list:FILE; repeatable (random:1000)")
      ->type_name("DESIGN")
      ->allow_extra_args(false);
  command
      ->add_option("--sizes", arguments->sizes,
                   "random subsets; even takes every layer with probability 1/2, uniform every "
                   "size alike")
      ->type_name("HOW")
      ->check(one_of({"even", "uniform"}))
      ->capture_default_str();
  command
      ->add_option("--output-weight", arguments->weights,
                   "multiply an output before errors are taken; repeatable")
      ->type_name("NAME=W")
      ->allow_extra_args(false);
  command->add_flag("--normalize", arguments->normalize,
                    "divide every output by its root mean square first");
  command
      ->add_option("--metric-command", arguments->metric_command,
                   "a command that is shown outputs and says what they are worth, by JSON lines")
      ->type_name("COMMAND");
  command->add_option("--shard", arguments->shard, "measure one of n parts: i/n, from 0")
      ->type_name("I/N");
  command->add_flag("--resume", arguments->resume, "go on with an interrupted sweep");
  command->add_option("--top", arguments->top, "rows of the table of layers, 0 for all")
      ->capture_default_str();
  add_output_options(*command, arguments->output, arguments->overwrite, true);
  add_common_options(*command, context,
                     "tessera error sweep model.onnx --data images/ --preprocess imagenet "
                     "--images 4 --layers top-macs:15 --subsets one-in --subsets random:1000 "
                     "-o sweep.jsonl");
  command->callback([arguments, &context] {
    context.action = [arguments, &context] { return run(*arguments, context); };
  });
}

void add_error_merge_command(CLI::App& parent, Context& context) {
  auto arguments = std::make_shared<MergeArguments>();
  auto* command = parent.add_subcommand("merge", "Joins the shards of a sweep into one file");
  command->add_option("files", arguments->files, "files of `tessera error sweep --shard`")
      ->required();
  add_output_options(*command, arguments->output, arguments->overwrite, true);
  add_common_options(*command, context, "tessera error merge shard0.jsonl shard1.jsonl -o s.jsonl");
  command->callback([arguments, &context] {
    context.action = [arguments, &context] { return merge(*arguments, context); };
  });
}

}  // namespace tessera::cli
