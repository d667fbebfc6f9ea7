// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "cli/context.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <system_error>

#include "cli/options.h"
#include "tessera/core/affinity.h"
#include "tessera/core/record.h"
#include "tessera/core/text.h"
#include "tessera/core/timing.h"
#include "tessera/runtime/litert.h"

namespace tessera::cli {
namespace {

/// As a file name: standard input or output.
constexpr std::string_view kStandard = "-";
/// As a file: its ending would mean a format, and its bytes have to say that.
constexpr std::string_view kStdinName = "stdin";

std::string read_stdin() {
  constexpr std::size_t kBlock = 1 << 16;
  std::string all;
  std::string block(kBlock, '\0');
  while (const auto read = std::fread(block.data(), 1, block.size(), stdin)) {
    all.append(block, 0, read);
  }
  return all;
}

/// Files that people have instead of an ONNX model: how they begin, what they are, what helps.
struct Foreign {
  std::size_t at;
  std::string_view magic;
  std::string_view name;
  std::string_view remedy;
};
constexpr std::string_view kExportPytorch =
    "load it in PyTorch and export it: torch.onnx.export(model, inputs, \"model.onnx\")";
constexpr std::array<Foreign, 5> kForeign{
    {{0, "PK\x03\x04", "a zip archive, as PyTorch writes (.pt)", kExportPytorch},
     {0, "\x80\x02", "a pickle, as PyTorch writes (.pt, .pth)", kExportPytorch},
     {0, "GGUF", "a GGUF model", "take the model that it was made from, and export that to ONNX"},
     {0, "<?xml", "an XML file, as OpenVINO writes",
      "take the model that it was made from, and export that to ONNX"},
     {0, "ORTM", "a model in the format of ONNX Runtime (.ort)",
      "take the ONNX file that it was made from"}}};

/// An error of loading, or what the file is instead of an ONNX model.
Error name_format(const std::filesystem::path& path, const Error& error) {
  // What is wrong with a Keras file, its reader has said.
  if (error.code != ErrorCode::kDataLoss || path.extension() == ".keras") {
    return error;
  }
  constexpr std::size_t kLongestMagic = 12;
  std::string head(kLongestMagic, '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(head.data(), static_cast<std::streamsize>(head.size()));
  for (const auto& [at, magic, name, remedy] : kForeign) {
    if (std::string_view(head).substr(at).starts_with(magic)) {
      return {.code = ErrorCode::kUnimplemented,
              .message = fmt::format("'{}' is {}, not an ONNX model", path.string(), name),
              .hint = std::string(remedy),
              .where = error.where};
    }
  }
  return error;
}

/// The few words of an answer that one looks for.
std::string coloured(const std::string& text) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kWords{
      {{"MISSED", "31;1"},
       {"NOT STABLE", "31;1"},
       {"ok    ", "32"},
       {"chosen", "1"},
       {"fastest:", "1"}}};
  std::string out = text;
  for (const auto& [word, code] : kWords) {
    const auto coloured_word = painted(word, code, true);
    for (auto at = out.find(word); at != std::string::npos;
         at = out.find(word, at + coloured_word.size())) {
      out.replace(at, word.size(), coloured_word);
    }
  }
  return out;
}

Result<std::int64_t> parse_integer(std::string_view text, std::string_view what) {
  std::int64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size()) {
    return fail(ErrorCode::kInvalidArgument, "{} is '{}'; a whole number was expected", what, text);
  }
  return value;
}

/// Ranges by the methods that are wanted are there.
Status check_methods(const calibrate::Ranges& ranges,
                     const std::vector<numerics::RangeMethod>& wanted, const std::string& file) {
  const auto& held = ranges.methods;
  for (const auto method : wanted) {
    if (held.empty() || std::find(held.begin(), held.end(), method) != held.end()) {
      continue;
    }
    std::vector<std::string_view> names;
    names.reserve(held.size());
    for (const auto other : held) {
      names.push_back(numerics::to_string(other));
    }
    return fail(ErrorCode::kInvalidArgument, "'{}' holds ranges by {}, not by {}", file,
                fmt::join(names, ", "), numerics::to_string(method))
        .hint(
            "add --method {}, or measure the others: tessera calibrate MODEL --data D --method {}",
            names.front(), numerics::to_string(method));
  }
  return {};
}

/// Names may hold '=', so the first one with a name of the model on both sides counts.
Result<data::StateLink> state_of(const std::string& text, const network::Network& model) {
  const auto outputs = model.outputs();
  for (auto at = text.find('='); at != std::string::npos; at = text.find('=', at + 1)) {
    data::StateLink link{text.substr(0, at), text.substr(at + 1)};
    if (std::find(outputs.begin(), outputs.end(), link.output) != outputs.end()) {
      return link;
    }
  }
  return fail(ErrorCode::kInvalidArgument, "--state '{}': no output of the model stands before '='",
              text)
      .hint("write --state OUT=IN; the outputs: {}", fmt::join(outputs, ", "));
}

Result<std::vector<data::StateLink>> states_of(const std::vector<std::string>& texts,
                                               const network::Network& model) {
  std::vector<data::StateLink> links;
  for (const auto& text : texts) {
    TESSERA_TRY(auto link, state_of(text, model));
    links.push_back(std::move(link));
  }
  return links;
}

Result<std::vector<data::ConstantInput>> constants_of(const std::vector<std::string>& texts) {
  std::vector<data::ConstantInput> constants;
  for (const auto& text : texts) {
    const auto equals = text.rfind('=');
    if (equals == std::string::npos || equals == 0) {
      return fail(ErrorCode::kInvalidArgument, "--input '{}' is not NAME=VALUE", text)
          .hint("write for example --input sr=16000");
    }
    constants.push_back({text.substr(0, equals), text.substr(equals + 1)});
  }
  return constants;
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
  return terminal_columns();
}

Result<std::shared_ptr<const runtime::Library>> Context::load_onnx_runtime(
    const RunOptions& options, const std::string& path) {
  return runtime::Library::load(path, {options.custom_ops.begin(), options.custom_ops.end()});
}

Status Context::load_library(const RunOptions& options) {
  std::set<network::FileFormat> formats;
  for (const auto* path : models_) {
    if (!path->empty()) {
      TESSERA_TRY(const auto file, file_of(*path));
      formats.insert(network::format_of(file));
    }
  }
  const bool has_litert = formats.contains(network::FileFormat::kLitert);
  if (options.delegate && !(has_litert && formats.size() == 1)) {
    return fail(ErrorCode::kInvalidArgument, "--delegate is for .tflite models{}",
                has_litert ? "; the command has one of another format besides"
                           : ", which this command has none of")
        .hint("{}", has_litert ? "compare models of one format with it"
                               : "for ONNX models a library of a provider is named by --provider "
                                 "PATH");
  }
  if (!has_litert) {
    TESSERA_TRY(library_, load_onnx_runtime(options, options.runtime));
    return {};
  }
  const bool alone = formats.size() == 1;
  // Beside another one, the option means the library that it names.
  const bool named = alone || runtime::names_litert(options.runtime);
  TESSERA_TRY(library_, runtime::load_litert(named ? options.runtime : ""));
  if (!alone) {
    TESSERA_TRY(auto first, load_onnx_runtime(options, named ? "" : options.runtime));
    library_ = runtime::joined(std::move(first), library_);
  }
  return {};
}

Result<std::shared_ptr<const runtime::Library>> Context::library(const RunOptions& options) {
  if (library_ == nullptr) {
    TESSERA_CHECK(load_library(options));
  }
  const auto usable = usable_cpus().size();
  if (usable > 0 && static_cast<std::size_t>(options.threads) > usable) {
    monitor_.warn(
        {"too-many-threads",
         fmt::format("--threads {} on {} usable processor{}: they will wait for each other",
                     options.threads, usable, usable == 1 ? "" : "s"),
         fmt::format("give at most --threads {}", usable)});
  }
  // At once, and also where the work is done on the CPU whatever was asked.
  TESSERA_CHECK(resolved(options.provider));
  return library_;
}

Result<runtime::ProviderChoice> Context::resolved(const std::string& provider) {
  if (const auto known = resolved_.find(provider); known != resolved_.end()) {
    return known->second;
  }
  TESSERA_TRY(const auto choice, runtime::parse_provider(provider));
  TESSERA_TRY(auto found, library_->resolve(choice));
  return resolved_.emplace(provider, std::move(found)).first->second;
}

Result<data::SampleSet> Context::samples_of(const network::Network& model,
                                            const DataOptions& options, std::int64_t shard_index,
                                            std::int64_t shard_count, bool interleaved,
                                            Monitor& monitor) {
  TESSERA_TRY(const auto inputs, network::input_specs(model));
  data::SampleOptions samples{.source = options.source,
                              .labels = options.labels,
                              .limit = options.samples,
                              .shard_index = shard_index,
                              .shard_count = shard_count,
                              .interleaved = interleaved,
                              .seed = seed};
  TESSERA_TRY(samples.constants, constants_of(options.inputs));
  TESSERA_TRY(samples.states, states_of(options.states, model));
  if (!samples.states.empty()) {
    if (library_ == nullptr) {
      return fail(ErrorCode::kInternal, "states are recorded before the library was loaded");
    }
    TESSERA_TRY(samples.step, calibrate::step_function(model, samples.states, library_));
  }
  TESSERA_TRY(samples.preprocess, carry.preprocess(options, monitor));
  return data::SampleSet::open(samples, inputs, monitor);
}

Result<data::SampleSet> Context::open_samples(const network::Network& model,
                                              const DataOptions& options, std::int64_t shard_index,
                                              std::int64_t shard_count, bool interleaved) {
  TESSERA_TRY(auto set,
              samples_of(model, options, shard_index, shard_count, interleaved, monitor_));
  carry.used(set, options);
  if (set.preprocess()) {
    const bool carried = options.preprocess.empty() && !carry.source().empty();
    monitor_.note(fmt::format("{} samples, preprocess {}{}", set.size(), set.preprocess()->name,
                              carried ? fmt::format(", as in {}", carry.source()) : ""));
    if (carried && carry.is_guess()) {
      monitor_.warn({"guessed-preprocess",
                     fmt::format("preprocessing '{}' was guessed from what the integers of the "
                                 "input of '{}' stand for",
                                 set.preprocess()->name, carry.source()),
                     "say which one the model was trained with: --preprocess NAME"});
    }
  }
  return set;
}

Status Context::carry_from(const std::string& ranges_file) {
  if (ranges_file.empty()) {
    return {};
  }
  TESSERA_TRY(const auto ranges, calibrate::read_ranges(ranges_file));
  carry.take(ranges, ranges_file, monitor_);
  return {};
}

Result<calibrate::Ranges> Context::read_ranges(const std::string& file,
                                               const network::Network& model) {
  TESSERA_TRY(auto ranges, calibrate::read_ranges(file));
  TESSERA_TRY(const auto info, model.info());
  TESSERA_CHECK(calibrate::check_model(ranges, info).map_error(in_file(file)));
  carry.take(ranges, file, monitor_);
  return ranges;
}

Result<std::optional<calibrate::Ranges>> Context::ranges(
    const std::string& file, const network::Network& model, const DataOptions& data,
    const RunOptions& run, std::optional<calibrate::CalibrateOptions> calibration) {
  if (!file.empty()) {
    TESSERA_TRY(auto ranges, read_ranges(file, model));
    if (calibration) {
      TESSERA_CHECK(check_methods(ranges, calibration->methods, file));
    }
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

Result<runtime::SessionOptions> Context::session_options(const RunOptions& options) {
  TESSERA_CHECK(library(options));
  TESSERA_TRY(auto provider, resolved(options.provider));
  return runtime::SessionOptions{.threads = options.threads,
                                 .provider = std::move(provider.name),
                                 .provider_options = std::move(provider.options)};
}

Result<std::vector<runtime::ProviderChoice>> Context::other_providers(const RunOptions& options) {
  TESSERA_CHECK(library(options));
  TESSERA_TRY(const auto first, resolved(options.provider));
  std::vector<runtime::ProviderChoice> all{first};
  for (const auto& text : options.other_providers) {
    TESSERA_TRY(auto choice, resolved(text));
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

Envelope Context::envelope(std::string_view kind, const RunOptions* run,
                           const network::Network* model) {
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
      envelope.model->assumed_shapes = model->assumed_shapes();
    }
  }
  return envelope;
}

void Context::answer(const Envelope& envelope, const Json& result, const std::string& text,
                     const report::Table* sheet) {
  if (sheet != nullptr && (format == "csv" || format == "jsonl")) {
    print(format == "csv" ? sheet->csv() : sheet->jsonl());
    return;
  }
  answer(json ? enclose(envelope, result) : Json(), text);
}

void Context::answer(const Json& document, const std::string& text) {
  if (json) {
    print(to_text(document));
  } else if (format == "md") {
    print(report::fence_prose(printable_text(text)));
  } else {
    const auto wrapped = report::wrap_lines(printable_text(text), width());
    print(colour_allowed(STDOUT_FILENO) ? coloured(wrapped) : wrapped);
  }
}

void Context::print(const std::string& out) {
  monitor_.clear();
  if (stdout_taken_) {
    return;
  }
  answered_ = true;
  errno = 0;
  const bool written =
      std::fwrite(out.data(), 1, out.size(), stdout) == out.size() && std::fflush(stdout) == 0;
  output_errno_ = written ? output_errno_ : errno;
}

Status Context::finish_output() {
  errno = 0;
  if (std::fflush(stdout) != 0 && output_errno_ == 0) {
    output_errno_ = errno;
  }
  // Whoever read has seen enough: `tessera inspect model.onnx | head`.
  if (output_errno_ == EPIPE || (output_errno_ == 0 && std::ferror(stdout) == 0)) {
    return {};
  }
  const bool full = output_errno_ == ENOSPC || output_errno_ == EDQUOT || output_errno_ == EFBIG;
  return fail(full ? ErrorCode::kResourceExhausted : ErrorCode::kUnavailable,
              "the answer could not be written: {}",
              output_errno_ == 0 ? "the output failed"
                                 : std::generic_category().message(output_errno_))
      .hint("what was written to stdout is not complete; redirect it to where there is room");
}

Status Context::write(const std::filesystem::path& path, const Envelope& envelope,
                      const Json& result, Overwrite overwrite) {
  if (path == kStandard) {
    return write_bytes(path, to_text(enclose(envelope, result)), overwrite);
  }
  return write_json(path, enclose(envelope, result), overwrite);
}

Status Context::write_bytes(const std::filesystem::path& path, const std::string& bytes,
                            Overwrite overwrite) {
  if (path != kStandard) {
    return write_file(path, bytes, overwrite);
  }
  monitor_.clear();
  stdout_taken_ = true;
  answered_ = true;
  if (std::fwrite(bytes.data(), 1, bytes.size(), stdout) != bytes.size() ||
      std::fflush(stdout) != 0) {
    return fail(ErrorCode::kResourceExhausted, "cannot write to standard output")
        .hint("see that what reads it has not ended, and that there is space");
  }
  return {};
}

Status Context::write(const std::string& path, const Envelope& envelope, const Json& result,
                      const report::Table& sheet, Overwrite overwrite) {
  if (path.empty()) {
    return {};
  }
  if (path.ends_with(".csv")) {
    return write_file(path, sheet.csv(), overwrite);
  }
  if (path.ends_with(".md")) {
    return write_file(path, sheet.markdown(), overwrite);
  }
  return path.ends_with(".jsonl") ? write_file(path, sheet.jsonl(), overwrite)
                                  : write(std::filesystem::path(path), envelope, result, overwrite);
}

Status Context::check_output(const std::string& path, Overwrite overwrite,
                             const std::vector<std::string>& endings) {
  if (path.empty() || path == kStandard) {
    return {};
  }
  const auto ending = std::filesystem::path(path).extension().string();
  if (!ending.empty() && std::find(endings.begin(), endings.end(), ending) == endings.end()) {
    return fail(ErrorCode::kInvalidArgument,
                "what to write to '{}' is not known: its ending is '{}'", path, ending)
        .hint("use a name that ends in {}", fmt::join(endings, ", "));
  }
  return check_writable(path, overwrite);
}

std::vector<std::string> sheet_endings() {
  return {".json", ".csv", ".md", ".jsonl"};
}

Result<std::filesystem::path> Context::file_of(const std::filesystem::path& path) {
  if (path != kStandard) {
    return path;
  }
  if (!input_) {
    TESSERA_TRY(auto folder, TemporaryDirectory::create("tessera-stdin"));
    TESSERA_CHECK(write_file(folder.path() / kStdinName, read_stdin(), Overwrite::kReplace));
    input_.emplace(std::move(folder));
  }
  return input_->path() / kStdinName;
}

Result<const quantize::Dialect*> Context::dialect(const std::filesystem::path& path) {
  TESSERA_TRY(const auto file, file_of(path));
  return quantize::dialect_of(network::format_of(file));
}

Result<std::string> Context::ending(const std::filesystem::path& path) {
  TESSERA_TRY(const auto file, file_of(path));
  return std::string(network::ending_of(network::format_of(file)));
}

Result<network::Network> Context::open_model(const std::filesystem::path& path) {
  TESSERA_TRY(const auto file, file_of(path));
  return network::read(file).map_error(
      [&](const Error& error) { return name_format(file, error); });
}

std::string machine_text(const Envelope& envelope) {
  return fmt::format("{}; {}; {} thread(s), {} {}", envelope.host.cpu,
                     fmt::join(envelope.host.isa, " "), envelope.threads,
                     envelope.runtime ? envelope.runtime->name : "",
                     envelope.runtime ? envelope.runtime->version : "");
}

void add_common_options(CLI::App& command, Context& context, const std::string& example,
                        bool sheet) {
  const Heading heading(command, "For every command");
  command.get_help_ptr()->group("For every command")->description("print this help");
  command.add_flag("--json", context.json, "print one JSON document instead of text");
  // The parser would take -3 for a very large count.
  for (auto* option : command.get_options([](const CLI::Option* one) {
         return one->get_type_name() == "UINT" || one->check_lname("top");
       })) {
    option->check(at_least(0));
  }
  // Some commands have a --format of their own, of the models they write.
  if (command.get_option_no_throw("--format") == nullptr) {
    std::vector<std::string> forms{"table", "md", "json"};
    if (sheet) {
      forms.insert(forms.end(), {"csv", "jsonl"});
    }
    command
        .add_option_function<std::string>(
            "--format",
            [&context](const std::string& form) {
              context.format = form;
              context.json = context.json || form == "json";
            },
            "form of the answer")
        ->type_name("FORM")
        ->check(one_of(std::move(forms)));
  }
  command.add_flag_callback(
      "-q,--quiet", [&context] { context.monitor().set_quiet(true); }, "no progress, no remarks");
  command.add_option("--seed", context.seed, "seed of everything random")->default_str("0");
  command.add_flag("--timeless", context.timeless,
                   "leave out times and the machine from documents, for comparing files");
  if (command.get_option_no_throw("--dim") != nullptr) {  // a command that loads a model
    command.add_flag_callback(
        "--no-simplify", [&context] { context.simplify = false; },
        "take the model as it is: constant expressions are not computed, functions not inlined");
  }
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
  const Heading heading(command, "Runtime and machine");
  command
      .add_option("--runtime", options.runtime,
                  "inference library to load (file or folder) instead of the one found")
      ->type_name("PATH");
  command
      .add_option("--custom-ops", options.custom_ops,
                  "shared library with operators of other domains (exports RegisterCustomOps); "
                  "repeatable")
      ->type_name("LIBRARY")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  if (many_providers) {
    command
        .add_option_function<std::vector<std::string>>(
            "--provider",
            [&options](const std::vector<std::string>& texts) {
              auto names = split_providers(texts);
              options.provider = names.front();
              options.other_providers.assign(names.begin() + 1, names.end());
            },
            "execution providers with their options: cpu, openvino, cuda, tensorrt, ..., or the "
            "path "
            "of a provider library; several by commas or by repeating the option; the first one's "
            "float32 is the reference")
        ->type_name("NAME[:KEY=VALUE][,NAME]")
        ->default_str(options.provider);
  } else {
    command
        .add_option(
            "--provider", options.provider,
            "execution provider with its options: cpu, openvino, cuda, tensorrt, ..., or the path "
            "of a provider library")
        ->type_name("NAME[:KEY=VALUE]")
        ->capture_default_str();
  }
  command
      .add_option_function<std::string>(
          "--delegate",
          [&options](const std::string& text) {
            // With a folder it is a path for whoever is asked, and no provider's name.
            const bool bare = text.substr(0, text.find(':')).find('/') == std::string::npos;
            options.provider = (bare ? "./" : "") + text;
            options.delegate = true;
          },
          "for .tflite models: library of a delegate with its options (exports "
          "tflite_plugin_create_delegate); needs the TFLite C library by --runtime")
      ->type_name("PATH[:KEY=VALUE]")
      ->excludes("--provider");
  command
      .add_option_function<std::string>(
          "--cpus", [&options](const std::string& text) { pin(text, options); },
          "run on these processors only, e.g. 0,2-3")
      ->type_name("LIST");
  command.add_option("--threads", options.threads, "threads of one inference")
      ->check(between(1, 1024))
      ->capture_default_str();
}

void add_data_options(CLI::App& command, DataOptions& options, bool required) {
  const Heading heading(command, "Samples");
  command
      .add_option("--data", options.source,
                  "samples: folder of jpeg/png/npy/npz, list file, .npz, or random:N")
      ->type_name("PATH")
      ->required(required);
  command
      .add_option("--preprocess", options.preprocess,
                  "how images become tensors: imagenet, unit, raw255, yolo, yolox, signed, int8, "
                  "ocr, or a JSON file; guessed from the input without it")
      ->type_name("NAME|FILE");
  command.add_option("--labels", options.labels, "CSV with columns file,class_index: adds top-1")
      ->type_name("FILE");
  command.add_option("--samples", options.samples, "use at most N samples, spread evenly")
      ->type_name("N")
      ->check(at_least(1));
  command
      .add_option("--state", options.states,
                  "the samples are steps of sequences: this output feeds this input of the next "
                  "step; repeatable")
      ->type_name("OUT=IN")
      ->allow_extra_args(false);
  command
      .add_option("--input", options.inputs,
                  "an input that is the same in every sample: numbers or a .npy file; repeatable")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
}

std::vector<std::string> opt_level_words() {
  return {"disabled", "basic", "extended", "all"};
}

void add_level_option(CLI::App& command, std::string& level) {
  command
      .add_option("--level", level,
                  "graph optimization of the runtime; for .tflite models disabled is the built-in "
                  "kernels, all XNNPACK")
      ->type_name("LEVEL")
      ->check(one_of(opt_level_words()))
      ->capture_default_str();
}

void add_ranges_option(CLI::App& command, std::string& file) {
  command
      .add_option("--ranges", file,
                  "ranges of activations from tessera calibrate (default: measured now)")
      ->type_name("FILE");
}

void add_selection_options(CLI::App& command, quantize::Selection& selection) {
  const Heading heading(command, "Which operators");
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

void add_requantize_option(CLI::App& command, bool& requantize) {
  command.add_flag(
      "--requantize", requantize,
      "quantize again what the model has quantized already, instead of the rest alone");
}

Result<std::vector<evaluate::Measurement>> known_rows(const std::filesystem::path& path,
                                                      const network::Network& model) {
  TESSERA_TRY(const auto document, read_json(path));
  TESSERA_TRY(const auto result, open_envelope(document, "bench", path.string()));
  TESSERA_TRY(const auto info, model.info());
  const auto sha256 = document.value("/model/sha256"_json_pointer, std::string());
  if (sha256 != info.sha256) {
    return fail(ErrorCode::kInvalidArgument, "'{}' is of another model", path.string())
        .hint("leave out --resume, or give the model that it was measured with");
  }
  return evaluate::measurements_from_json(result.value("rows", Json::array()), path.string());
}

void add_output_options(CLI::App& command, std::string& path, Overwrite& overwrite, bool required) {
  const Heading heading(command, "Output");
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
