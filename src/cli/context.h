// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cli/carry.h"
#include "cli/terminal.h"
#include "tessera/calibrate/calibrate.h"
#include "tessera/core/file.h"
#include "tessera/core/json.h"
#include "tessera/core/record.h"
#include "tessera/core/result.h"
#include "tessera/core/timing.h"
#include "tessera/data/sample_set.h"
#include "tessera/evaluate/measurement.h"
#include "tessera/network/load.h"
#include "tessera/network/network.h"
#include "tessera/quantize/dialect.h"
#include "tessera/quantize/recipe.h"
#include "tessera/report/table.h"
#include "tessera/runtime/library.h"
#include "tessera/runtime/session.h"

namespace CLI {  // NOLINT(readability-identifier-naming): of the library
class App;
}

/// What every command shares: options with the same names and meaning everywhere, the way to the
/// runtime, the model and the data, and the form of the answer.
namespace tessera::cli {

/// Options of commands that run a model.
struct RunOptions {
  std::string runtime;           ///< --runtime
  std::string provider = "cpu";  ///< --provider NAME[:key=value...], or --delegate
  bool delegate = false;         ///< the provider was named by --delegate
  /// --provider given several times or as a list, where the command takes several: those after
  /// the first.
  std::vector<std::string> other_providers;
  int threads = 1;                      ///< --threads
  std::vector<std::string> custom_ops;  ///< --custom-ops, repeatable
  std::string cpus;  ///< --cpus LIST, checked and in effect once the command line was parsed
};

/// Options of commands that feed a model.
struct DataOptions {
  std::string source;        ///< --data
  std::string preprocess;    ///< --preprocess
  std::string labels;        ///< --labels
  std::int64_t samples = 0;  ///< --samples
  /// --state OUT=IN, --input NAME=VALUE as they were written.
  std::vector<std::string> states;
  std::vector<std::string> inputs;

  /// The same with at most so many samples.
  [[nodiscard]] DataOptions at_most(std::int64_t count) const;
};

/// Options of commands that load a model: --dim and --shape.
using LoadOptions = network::GivenExtents;

/// One invocation of the program.
class Context {
 public:
  explicit Context(std::vector<std::string> command);

  // Set by the options that every command has.
  bool json = false;
  /// --format: "table", "md", "csv", "json" (then `json` is set) or "jsonl".
  std::string format = "table";
  bool timeless = false;
  std::uint64_t seed = 0;
  bool simplify = true;  ///< not --no-simplify
  /// How often this invocation was started again because the runtime ended the process.
  int attempt = 0;
  /// What the chosen command does, set while the command line is parsed.
  std::function<Status()> action;
  /// What artefacts that were read say of how the model is fed, and what was done here.
  Carry carry;

  TerminalMonitor& monitor() noexcept { return monitor_; }
  /// Wall time since the program was started, earlier attempts included: what a budget counts.
  [[nodiscard]] double spent_us() const { return clock_() - start_us_; }
  /// Columns of the terminal that stdout is; 0 (no limit) if it is none.
  [[nodiscard]] std::size_t width() const;
  /// For text of the report room: so wide, and with tables as --format says.
  [[nodiscard]] report::Page page() const { return {width(), format == "md"}; }

  /// Opens a model's file; "-" is standard input. Errors: those of network::read(), with the
  /// format named where it is another one.
  [[nodiscard]] Result<network::Network> open_model(const std::filesystem::path& path);
  /// Fails early where -o cannot be written later or ends in none of `endings`. "-" is stdout.
  [[nodiscard]] static Status check_output(const std::string& path, Overwrite overwrite,
                                           const std::vector<std::string>& endings);

  /// How networks of a file's format are quantized; "-" is standard input.
  /// Errors: those of reading standard input.
  [[nodiscard]] Result<const quantize::Dialect*> dialect(const std::filesystem::path& path);
  /// What names of files of the same format end in.
  [[nodiscard]] Result<std::string> ending(const std::filesystem::path& path);
  /// Says where a command will have the path of a model that it reads, once the line is parsed:
  /// which inference library it needs follows from the files. `path` outlives the context.
  void reads(const std::string& path) { models_.push_back(&path); }
  /// The inference library, loaded on first use: the one for the formats of the command's models,
  /// two that go as one where they have two formats.
  [[nodiscard]] Result<std::shared_ptr<const runtime::Library>> library(const RunOptions& options);
  /// Loads a model, gives its open extents values and learns the type of every tensor. Extents
  /// that stay open are assumed to be what all samples of `feeds` have; without samples, a batch
  /// counts as 1. What was assumed is told, and stands in the envelope.
  [[nodiscard]] Result<network::Network> load_model(const std::filesystem::path& path,
                                                    const LoadOptions& loading,
                                                    const RunOptions& options,
                                                    const std::vector<DataOptions>& feeds = {});
  /// Assumes the open extents that the samples agree on; without samples, a batch of one.
  [[nodiscard]] Status assume_extents(network::Network& model,
                                      const std::vector<DataOptions>& feeds);
  /// The error as it is told: one of the runtime without a hint gets one where random samples have
  /// extents that nobody gave.
  [[nodiscard]] Error explained(Error error) const;
  /// The graph with the extents that this sample has, for costs where samples differ in them.
  [[nodiscard]] Result<graph::Graph> view_for(const network::Network& model,
                                              const data::Sample& sample,
                                              const RunOptions& options);
  /// Opens the samples for a model's inputs; tells which preprocessing is used: that of the option,
  /// else what the models and ranges read so far carry, else a guess.
  [[nodiscard]] Result<data::SampleSet> open_samples(const network::Network& model,
                                                     const DataOptions& options,
                                                     std::int64_t shard_index = 0,
                                                     std::int64_t shard_count = 1,
                                                     bool interleaved = false);
  /// How the samples behind ranges were preprocessed, known before the model is loaded: where it
  /// leaves extents open they come from the samples. Nothing without a file.
  [[nodiscard]] Status carry_from(const std::string& ranges_file);
  /// Reads ranges. Errors: kInvalidArgument for those of another model.
  [[nodiscard]] Result<calibrate::Ranges> read_ranges(const std::string& file,
                                                      const network::Network& model);
  /// The ranges of `file`; without one, what `calibration` asks for is measured on the samples.
  /// None if neither is there.
  [[nodiscard]] Result<std::optional<calibrate::Ranges>> ranges(
      const std::string& file, const network::Network& model, const DataOptions& data,
      const RunOptions& run, std::optional<calibrate::CalibrateOptions> calibration);
  /// Session options that follow from the command line.
  [[nodiscard]] Result<runtime::SessionOptions> session_options(const RunOptions& options);
  /// The providers after the first. Errors: kInvalidArgument for one that is named twice.
  [[nodiscard]] Result<std::vector<runtime::ProviderChoice>> other_providers(
      const RunOptions& options);

  /// The envelope of this invocation, with the warnings given so far.
  [[nodiscard]] Envelope envelope(std::string_view kind, const RunOptions* run = nullptr,
                                  const network::Network* model = nullptr);
  /// Prints the answer on stdout: the document with --json, else the text.
  /// `sheet` is what --format csv and jsonl print.
  void answer(const Envelope& envelope, const Json& result, const std::string& text,
              const report::Table* sheet = nullptr);
  /// The same for a document that has its envelope already.
  void answer(const Json& document, const std::string& text);
  /// Text on stdout as it is: help, and what the answers come down to.
  void print(const std::string& out);
  [[nodiscard]] bool answered() const noexcept { return answered_; }
  /// Whether all that was printed on stdout has arrived; run() asks when the command is done. A
  /// reader that went away is no error.
  [[nodiscard]] Status finish_output();
  /// Writes the document to a file; "-" is stdout, which the answer then leaves alone.
  [[nodiscard]] Status write(const std::filesystem::path& path, const Envelope& envelope,
                             const Json& result, Overwrite overwrite);
  /// The same with a choice: `sheet` to a name that ends in .csv, .md or .jsonl. Nothing without a
  /// name.
  [[nodiscard]] Status write(const std::string& path, const Envelope& envelope, const Json& result,
                             const report::Table& sheet, Overwrite overwrite);
  /// Writes bytes to a file, or to stdout.
  [[nodiscard]] Status write_bytes(const std::filesystem::path& path, const std::string& bytes,
                                   Overwrite overwrite);

 private:
  /// The provider of that text, looked up and set up once.
  [[nodiscard]] Result<runtime::ProviderChoice> resolved(const std::string& provider);
  /// What library() loads.
  [[nodiscard]] Status load_library(const RunOptions& options);
  [[nodiscard]] static Result<std::shared_ptr<const runtime::Library>> load_onnx_runtime(
      const RunOptions& options, const std::string& path);
  /// A file, because several steps look at a model as one: standard input is read into it, once.
  [[nodiscard]] Result<std::filesystem::path> file_of(const std::filesystem::path& path);
  [[nodiscard]] Result<data::SampleSet> samples_of(const network::Network& model,
                                                   const DataOptions& options,
                                                   std::int64_t shard_index,
                                                   std::int64_t shard_count, bool interleaved,
                                                   Monitor& monitor);

  std::vector<std::string> command_;
  std::string started_at_;
  Clock clock_ = steady_clock_us();
  double start_us_ = clock_();
  TerminalMonitor monitor_;
  bool answered_ = false;
  int output_errno_ = 0;                    ///< of the first attempt to print that failed
  std::vector<const std::string*> models_;  ///< paths; empty for commands that do not run
  std::shared_ptr<const runtime::Library> library_;
  std::map<std::string, runtime::ProviderChoice> resolved_;
  std::optional<TemporaryDirectory> input_;  ///< what came by standard input
  bool stdout_taken_ = false;
  std::set<std::string> told_;  ///< assumptions about shapes, each told once
  std::string made_up_;         ///< inputs whose open extents were made up for random samples
};

/// Processor, instruction set, threads and runtime, for the head of a table.
[[nodiscard]] std::string machine_text(const Envelope& envelope);

/// --json, --format, --timeless, --seed, -q: on every command. `example` is shown at the end of
/// --help; `sheet` says that the answer has rows, for --format csv and jsonl.
void add_common_options(CLI::App& command, Context& context, const std::string& example,
                        bool sheet = false);
/// Endings of -o where the answer has rows.
[[nodiscard]] std::vector<std::string> sheet_endings();
/// --runtime, --provider, --delegate, --threads, --cpus. `many_providers`: --provider may name
/// several.
void add_run_options(CLI::App& command, RunOptions& options, bool many_providers = false);
/// --data, --preprocess, --labels, --samples, --state, --input.
void add_data_options(CLI::App& command, DataOptions& options, bool required);
/// What --level and --levels take.
[[nodiscard]] std::vector<std::string> opt_level_words();
/// --level of what measures one level.
void add_level_option(CLI::App& command, std::string& level);
/// --ranges.
void add_ranges_option(CLI::App& command, std::string& file);
/// --op-types, --include, --exclude.
void add_selection_options(CLI::App& command, quantize::Selection& selection);
/// --dim and --shape, both repeatable.
void add_load_options(CLI::App& command, LoadOptions& options);
/// --requantize.
void add_requantize_option(CLI::App& command, bool& requantize);
/// The rows of a tessera.bench document, to go on from. Errors: those of reading it;
/// kInvalidArgument if they are of another model.
[[nodiscard]] Result<std::vector<evaluate::Measurement>> known_rows(
    const std::filesystem::path& path, const network::Network& model);
/// -o/--output and --force.
void add_output_options(CLI::App& command, std::string& path, Overwrite& overwrite, bool required);

/// Parses "i/n" with 0 <= i < n. Errors: kInvalidArgument.
struct Shard {
  std::int64_t index = 0;
  std::int64_t count = 1;
};
[[nodiscard]] Result<Shard> parse_shard(const std::string& text);

// Every command of the program; each adds itself to the parser.
void add_inspect_command(CLI::App& app, Context& context);
void add_calibrate_command(CLI::App& app, Context& context);
void add_quantize_command(CLI::App& app, Context& context);
void add_compare_command(CLI::App& app, Context& context);
void add_bench_command(CLI::App& app, Context& context);
void add_profile_command(CLI::App& app, Context& context);
void add_optimize_command(CLI::App& app, Context& context);
void add_plan_command(CLI::App& app, Context& context);
void add_energy_command(CLI::App& app, Context& context);
void add_error_command(CLI::App& app, Context& context);
void add_import_command(CLI::App& app, Context& context);
void add_cluster_command(CLI::App& app, Context& context);
void add_doctor_command(CLI::App& app, Context& context);
void add_completion_command(CLI::App& app, Context& context);
// Those of `tessera error`.
void add_error_sweep_command(CLI::App& parent, Context& context);
void add_error_merge_command(CLI::App& parent, Context& context);
void add_error_check_command(CLI::App& parent, Context& context);
void add_error_tail_command(CLI::App& parent, Context& context);
void add_error_bits_command(CLI::App& parent, Context& context);
/// fit, predict and rank.
void add_error_model_commands(CLI::App& parent, Context& context);

}  // namespace tessera::cli
