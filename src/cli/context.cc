// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "cli/context.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "tessera/core/affinity.h"
#include "tessera/core/text.h"
#include "tessera/core/timing.h"
#include "tessera/runtime/type_oracle.h"

namespace tessera::cli {
namespace {

/// Below, ONNX Runtime promises nothing and refuses most operators.
constexpr std::int64_t kFirstSupportedOpset = 7;
/// Old enough for every tool, new enough for Q/DQ per channel.
constexpr std::int64_t kCommonOpset = 13;

Result<std::int64_t> parse_integer(std::string_view text, std::string_view what) {
  std::int64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size()) {
    return fail(ErrorCode::kInvalidArgument, "{} is '{}'; a whole number was expected", what, text);
  }
  return value;
}

}  // namespace

DataOptions DataOptions::at_most(std::int64_t count) const {
  auto fewer = *this;
  fewer.samples = samples > 0 ? std::min(samples, count) : count;
  return fewer;
}

Context::Context(std::vector<std::string> command)
    : command_(std::move(command)), started_at_(utc_now()) {}

std::size_t Context::width() const {
  winsize size{};
  if (::isatty(STDOUT_FILENO) == 1 && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) {
    return size.ws_col;
  }
  return 0;
}

Result<std::shared_ptr<const runtime::Library>> Context::library(const RunOptions& options) {
  if (library_ == nullptr) {
    TESSERA_TRY(library_, runtime::Library::load(options.runtime));
  }
  // At once, and also where the work is done on the CPU whatever was asked.
  TESSERA_TRY(const auto provider, runtime::parse_provider(options.provider));
  TESSERA_CHECK(runtime::check_provider(*library_, provider));
  return library_;
}

Result<onnx::Model> Context::load_model(const std::filesystem::path& path,
                                        const std::map<std::string, std::int64_t>& dims,
                                        const RunOptions& options) {
  TESSERA_TRY(auto model, onnx::Model::load(path));
  TESSERA_CHECK(model.set_dims(dims));
  TESSERA_TRY(const auto runtime, library(options));
  const auto oracle = runtime::type_oracle(runtime);
  auto inferred = model.infer_types(oracle);
  const auto opset = model.opset().value_or(kFirstSupportedOpset);
  if (!inferred && opset < kFirstSupportedOpset) {
    // The runtime gave up these opsets; what they meant can still be said in a newer one.
    TESSERA_CHECK(onnx::upgrade_opset(model, kCommonOpset).map_error(in_file(path.string())));
    monitor_.warn({"opset-raised",
                   fmt::format("the runtime does not run opset {}; the model was rewritten to {}",
                               opset, kCommonOpset),
                   "figures and artefacts are those of the rewritten model"});
    inferred = model.infer_types(oracle);
  }
  TESSERA_CHECK(std::move(inferred).map_error(in_file(path.string())));
  return model;
}

Result<data::SampleSet> Context::open_samples(const onnx::Model& model, const DataOptions& options,
                                              std::int64_t shard_index, std::int64_t shard_count) {
  TESSERA_TRY(const auto inputs, calibrate::input_specs(model));
  data::SampleOptions samples{.source = options.source,
                              .labels = options.labels,
                              .limit = options.samples,
                              .shard_index = shard_index,
                              .shard_count = shard_count,
                              .seed = seed};
  if (!options.preprocess.empty()) {
    TESSERA_TRY(samples.preprocess, data::preprocess_from(options.preprocess));
  }
  TESSERA_TRY(auto set, data::SampleSet::open(samples, inputs, monitor_));
  if (set.preprocess()) {
    monitor_.note(fmt::format("{} samples, preprocess {}", set.size(), set.preprocess()->name));
  }
  return set;
}

Result<calibrate::Ranges> Context::read_ranges(const std::string& file, const onnx::Model& model) {
  TESSERA_TRY(auto ranges, calibrate::read_ranges(file));
  TESSERA_TRY(const auto info, model.info());
  TESSERA_CHECK(calibrate::check_model(ranges, info).map_error(in_file(file)));
  return ranges;
}

Result<std::optional<calibrate::Ranges>> Context::ranges(
    const std::string& file, const onnx::Model& model, const DataOptions& data,
    const RunOptions& run, std::optional<calibrate::CalibrateOptions> calibration) {
  if (!file.empty()) {
    TESSERA_TRY(auto ranges, read_ranges(file, model));
    return std::optional(std::move(ranges));
  }
  if (!calibration || data.source.empty()) {
    return std::nullopt;
  }
  calibration->threads = run.threads;
  TESSERA_TRY(const auto samples, open_samples(model, data));
  TESSERA_TRY(auto loaded, library(run));
  TESSERA_TRY(auto ranges,
              calibrate::calibrate(model, samples, std::move(loaded), *calibration, monitor_));
  return std::optional(std::move(ranges));
}

Result<runtime::SessionOptions> Context::session_options(const RunOptions& options) const {
  TESSERA_TRY(auto provider, runtime::parse_provider(options.provider));
  return runtime::SessionOptions{.threads = options.threads,
                                 .provider = std::move(provider.name),
                                 .provider_options = std::move(provider.options)};
}

Result<std::vector<runtime::ProviderChoice>> Context::other_providers(
    const RunOptions& options) const {
  TESSERA_TRY(const auto first, runtime::parse_provider(options.provider));
  std::vector<runtime::ProviderChoice> all{first};
  for (const auto& text : options.other_providers) {
    TESSERA_TRY(auto choice, runtime::parse_provider(text));
    const auto same = [&](const auto& other) {
      return runtime::to_string(other) == runtime::to_string(choice);
    };
    if (std::any_of(all.begin(), all.end(), same)) {
      return fail(ErrorCode::kInvalidArgument, "provider '{}' is named twice", text)
          .hint("name each provider once, or with other options");
    }
    all.push_back(std::move(choice));
  }
  all.erase(all.begin());
  return all;
}

Envelope Context::envelope(std::string_view kind, const RunOptions* run, const onnx::Model* model) {
  Envelope envelope{.kind = std::string(kind),
                    .command = command_,
                    .started_at = started_at_,
                    .host = describe_host(),
                    .threads = run == nullptr ? 1 : run->threads,
                    .seed = seed,
                    .warnings = monitor_.warnings(),
                    .timeless = timeless};
  if (run != nullptr) {
    envelope.provider = run->provider;
    for (const auto& other : run->other_providers) {
      envelope.provider += "," + other;
    }
    envelope.cpus = run->cpus;
  }
  if (library_ != nullptr) {
    envelope.runtime = library_->info();
  }
  if (model != nullptr) {
    if (auto info = model->info()) {
      envelope.model = *std::move(info);
    }
  }
  return envelope;
}

void Context::answer(const Envelope& envelope, const Json& result, const std::string& text) {
  answer(json ? enclose(envelope, result) : Json(), text);
}

void Context::answer(const Json& document, const std::string& text) {
  monitor_.clear();
  const auto out = json ? to_text(document) : text;
  std::fwrite(out.data(), 1, out.size(), stdout);
  std::fflush(stdout);
}

Status Context::write(const std::filesystem::path& path, const Envelope& envelope,
                      const Json& result, Overwrite overwrite) {
  return write_json(path, enclose(envelope, result), overwrite);
}

Status Context::write(const std::string& path, const Envelope& envelope, const Json& result,
                      const std::string& csv, Overwrite overwrite) {
  if (path.empty()) {
    return {};
  }
  return path.ends_with(".csv") ? write_file(path, csv, overwrite)
                                : write(path, envelope, result, overwrite);
}

std::string machine_text(const Envelope& envelope) {
  return fmt::format("{}; {}; {} thread(s), {} {}", envelope.host.cpu,
                     fmt::join(envelope.host.isa, " "), envelope.threads,
                     envelope.runtime ? envelope.runtime->name : "",
                     envelope.runtime ? envelope.runtime->version : "");
}

void add_common_options(CLI::App& command, Context& context, const std::string& example) {
  command.add_flag("--json", context.json, "print one JSON document instead of text");
  command.add_flag_callback(
      "-q,--quiet", [&context] { context.monitor().set_quiet(true); }, "no progress, no remarks");
  command.add_option("--seed", context.seed, "seed of everything random")->default_str("0");
  command.add_flag("--timeless", context.timeless,
                   "leave out times and the machine from documents, for comparing files");
  command.footer("Example:\n  " + example);
}

namespace {

/// "cpu,openvino" are two providers; a comma behind an option belongs to its value.
std::vector<std::string> split_providers(const std::vector<std::string>& texts) {
  std::vector<std::string> names;
  for (const auto& text : texts) {
    if (text.find('=') != std::string::npos) {
      names.push_back(text);
      continue;
    }
    for (const auto name : split(text, ',')) {
      names.emplace_back(name);
    }
  }
  return names;
}

/// Takes effect at once: every thread that is started later inherits it.
void pin(const std::string& text, RunOptions& options) {
  const auto cpus = parse_cpu_list(text);
  const auto status = cpus ? pin_to_cpus(*cpus) : Status(tl::unexpected(cpus.error()));
  if (!status) {
    throw CLI::ValidationError("--cpus",
                               fmt::format("{} ({})", status.error().message, status.error().hint));
  }
  options.cpus = cpu_list_text(*cpus);
}

}  // namespace

void add_run_options(CLI::App& command, RunOptions& options, bool many_providers) {
  command
      .add_option("--runtime", options.runtime,
                  "inference library to load (file or folder) instead of the one found")
      ->type_name("PATH");
  if (many_providers) {
    command
        .add_option_function<std::vector<std::string>>(
            "--provider",
            [&options](const std::vector<std::string>& texts) {
              auto names = split_providers(texts);
              options.provider = names.front();
              options.other_providers.assign(names.begin() + 1, names.end());
            },
            "execution providers with their options: cpu, openvino, cuda, tensorrt, ...; several "
            "by commas or by repeating the option; the first one's float32 is the reference")
        ->type_name("NAME[:KEY=VALUE][,NAME]")
        ->default_str(options.provider);
  } else {
    command
        .add_option("--provider", options.provider,
                    "execution provider with its options: cpu, openvino, cuda, tensorrt, ...")
        ->type_name("NAME[:KEY=VALUE]")
        ->capture_default_str();
  }
  command
      .add_option_function<std::string>(
          "--cpus", [&options](const std::string& text) { pin(text, options); },
          "run on these processors only, e.g. 0,2-3")
      ->type_name("LIST");
  command.add_option("--threads", options.threads, "threads of one inference")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
}

void add_data_options(CLI::App& command, DataOptions& options, bool required) {
  command
      .add_option("--data", options.source,
                  "samples: folder of jpeg/png/npy, list file, .npz, or random:N")
      ->type_name("PATH")
      ->required(required);
  command
      .add_option("--preprocess", options.preprocess,
                  "how images become tensors: imagenet, unit, raw255, yolo, yolox, signed, or a "
                  "JSON file; guessed from the input without it")
      ->type_name("NAME|FILE");
  command.add_option("--labels", options.labels, "CSV with columns file,class_index: adds top-1")
      ->type_name("FILE");
  command.add_option("--samples", options.samples, "use at most N samples, spread evenly")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
}

void add_ranges_option(CLI::App& command, std::string& file) {
  command
      .add_option("--ranges", file,
                  "ranges of activations from tessera calibrate (default: measured now)")
      ->type_name("FILE");
}

void add_selection_options(CLI::App& command, quantize::Selection& selection) {
  command.add_option("--op-types", selection.op_types, "quantize only these operator types")
      ->type_name("A,B")
      ->delimiter(',');
  command
      .add_option("--include", selection.include,
                  "quantize only matching operators: NAME, re:REGEX, type:OP, path:FROM..TO; "
                  "repeatable")
      ->type_name("PATTERN");
  command
      .add_option("--exclude", selection.exclude,
                  "leave matching operators in float, reading unquantized tensors; repeatable")
      ->type_name("PATTERN");
}

void add_dim_option(CLI::App& command, std::map<std::string, std::int64_t>& dims) {
  command
      .add_option_function<std::vector<std::string>>(
          "--dim",
          [&dims](const std::vector<std::string>& pairs) {
            for (const auto& pair : pairs) {
              const auto equals = pair.rfind('=');
              const auto value = equals == std::string::npos
                                     ? Result<std::int64_t>(0)
                                     : parse_integer(pair.substr(equals + 1), "a dimension");
              if (equals == std::string::npos || equals == 0 || !value || *value < 0) {
                throw CLI::ValidationError("--dim", "'" + pair + "' is not NAME=NUMBER");
              }
              dims[pair.substr(0, equals)] = *value;
            }
          },
          "give a symbolic dimension a value, e.g. N=1; repeatable")
      ->type_name("NAME=VALUE");
}

void add_output_options(CLI::App& command, std::string& path, Overwrite& overwrite, bool required) {
  command.add_option("-o,--output", path, "where to write")->type_name("PATH")->required(required);
  command.add_flag_callback(
      "--force", [&overwrite] { overwrite = Overwrite::kReplace; }, "replace what exists");
}

Result<Shard> parse_shard(const std::string& text) {
  const auto slash = text.find('/');
  if (slash == std::string::npos) {
    return fail(ErrorCode::kInvalidArgument, "shard '{}' is not INDEX/COUNT", text)
        .hint("the first of four shards is --shard 0/4");
  }
  TESSERA_TRY(const auto index, parse_integer(text.substr(0, slash), "the shard's index"));
  TESSERA_TRY(const auto count, parse_integer(text.substr(slash + 1), "the number of shards"));
  if (count < 1 || index < 0 || index >= count) {
    return fail(ErrorCode::kInvalidArgument, "shard '{}' is out of range", text)
        .hint("the first of four shards is --shard 0/4, the last --shard 3/4");
  }
  return Shard{index, count};
}

}  // namespace tessera::cli
