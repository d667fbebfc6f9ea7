// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/terminal.h"
#include "tessera/calibrate/calibrate.h"
#include "tessera/core/file.h"
#include "tessera/core/json.h"
#include "tessera/core/record.h"
#include "tessera/core/result.h"
#include "tessera/data/sample_set.h"
#include "tessera/onnx/model.h"
#include "tessera/quantize/recipe.h"
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
  std::string provider = "cpu";  ///< --provider NAME[:key=value...]
  /// --provider given several times or as a list, where the command takes several: those after
  /// the first.
  std::vector<std::string> other_providers;
  int threads = 1;   ///< --threads
  std::string cpus;  ///< --cpus LIST, checked and in effect once the command line was parsed
};

/// Options of commands that feed a model.
struct DataOptions {
  std::string source;        ///< --data
  std::string preprocess;    ///< --preprocess
  std::string labels;        ///< --labels
  std::int64_t samples = 0;  ///< --samples

  /// The same with at most so many samples.
  [[nodiscard]] DataOptions at_most(std::int64_t count) const;
};

/// One invocation of the program.
class Context {
 public:
  explicit Context(std::vector<std::string> command);

  // Set by the options that every command has.
  bool json = false;
  bool timeless = false;
  std::uint64_t seed = 0;
  /// What the chosen command does, set while the command line is parsed.
  std::function<Status()> action;

  TerminalMonitor& monitor() noexcept { return monitor_; }
  /// Columns of the terminal that stdout is; 0 (no limit) if it is none.
  [[nodiscard]] std::size_t width() const;

  /// The inference library, loaded on first use.
  [[nodiscard]] Result<std::shared_ptr<const runtime::Library>> library(const RunOptions& options);
  /// Loads a model, gives its symbolic dims values and learns the type of every tensor.
  [[nodiscard]] Result<onnx::Model> load_model(const std::filesystem::path& path,
                                               const std::map<std::string, std::int64_t>& dims,
                                               const RunOptions& options);
  /// Opens the samples for a model's inputs; tells which preprocessing is used.
  [[nodiscard]] Result<data::SampleSet> open_samples(const onnx::Model& model,
                                                     const DataOptions& options,
                                                     std::int64_t shard_index = 0,
                                                     std::int64_t shard_count = 1);
  /// Reads ranges. Errors: kInvalidArgument for those of another model.
  [[nodiscard]] static Result<calibrate::Ranges> read_ranges(const std::string& file,
                                                             const onnx::Model& model);
  /// The ranges of `file`; without one, what `calibration` asks for is measured on the samples.
  /// None if neither is there.
  [[nodiscard]] Result<std::optional<calibrate::Ranges>> ranges(
      const std::string& file, const onnx::Model& model, const DataOptions& data,
      const RunOptions& run, std::optional<calibrate::CalibrateOptions> calibration);
  /// Session options that follow from the command line.
  [[nodiscard]] Result<runtime::SessionOptions> session_options(const RunOptions& options) const;
  /// The providers after the first. Errors: kInvalidArgument for one that is named twice.
  [[nodiscard]] Result<std::vector<runtime::ProviderChoice>> other_providers(
      const RunOptions& options) const;

  /// The envelope of this invocation, with the warnings given so far.
  [[nodiscard]] Envelope envelope(std::string_view kind, const RunOptions* run = nullptr,
                                  const onnx::Model* model = nullptr);
  /// Prints the answer on stdout: the document with --json, else the text.
  void answer(const Envelope& envelope, const Json& result, const std::string& text);
  /// The same for a document that has its envelope already.
  void answer(const Json& document, const std::string& text);
  /// Writes the document to a file.
  [[nodiscard]] Status write(const std::filesystem::path& path, const Envelope& envelope,
                             const Json& result, Overwrite overwrite);
  /// The same with a choice: `csv` to a name that ends so. Nothing without a name.
  [[nodiscard]] Status write(const std::string& path, const Envelope& envelope, const Json& result,
                             const std::string& csv, Overwrite overwrite);

 private:
  std::vector<std::string> command_;
  std::string started_at_;
  TerminalMonitor monitor_;
  std::shared_ptr<const runtime::Library> library_;
};

/// Processor, instruction set, threads and runtime, for the head of a table.
[[nodiscard]] std::string machine_text(const Envelope& envelope);

/// --json, --timeless, --seed, -q: on every command. `example` is shown at the end of --help.
void add_common_options(CLI::App& command, Context& context, const std::string& example);
/// --runtime, --provider, --threads, --cpus. `many_providers`: --provider may name several.
void add_run_options(CLI::App& command, RunOptions& options, bool many_providers = false);
/// --data, --preprocess, --labels, --samples.
void add_data_options(CLI::App& command, DataOptions& options, bool required);
/// --ranges.
void add_ranges_option(CLI::App& command, std::string& file);
/// --op-types, --include, --exclude.
void add_selection_options(CLI::App& command, quantize::Selection& selection);
/// --dim NAME=VALUE, repeatable.
void add_dim_option(CLI::App& command, std::map<std::string, std::int64_t>& dims);
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
void add_energy_command(CLI::App& app, Context& context);
void add_error_command(CLI::App& app, Context& context);
void add_doctor_command(CLI::App& app, Context& context);
void add_completion_command(CLI::App& app, Context& context);
// Those of `tessera error`.
void add_error_sweep_command(CLI::App& parent, Context& context);
void add_error_merge_command(CLI::App& parent, Context& context);
void add_error_check_command(CLI::App& parent, Context& context);
/// fit, predict and rank.
void add_error_model_commands(CLI::App& parent, Context& context);

}  // namespace tessera::cli
