// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/data/sample_set.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <set>

#include "data/column.h"
#include "data/labels.h"
#include "data/layout.h"
#include "tessera/core/file.h"
#include "tessera/core/random.h"
#include "tessera/core/text.h"
#include "tessera/tensor/npy.h"

namespace tessera::data {
namespace fs = std::filesystem;
namespace {

using Columns = std::vector<std::unique_ptr<Column>>;
/// The files of each input, all lists of one length.
using FileTable = std::vector<std::vector<fs::path>>;

constexpr std::string_view kRandom = "random:";

Failure nothing_found(const fs::path& source) {
  return fail(ErrorCode::kNotFound, "no .jpg, .jpeg, .png or .npy file in '{}'", source.string())
      .hint("give a folder of such files, a list file, an .npz archive or random:N");
}

bool is_sample_file(const fs::path& path) {
  return is_image_file(path) || is_array_file(path);
}

bool is_hidden(const fs::path& path) {
  return path.filename().string().starts_with('.');
}

/// Every sample file in and below a folder, sorted bytewise by path.
Result<std::vector<fs::path>> files_below(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  fs::recursive_directory_iterator walk(folder, fs::directory_options::skip_permission_denied,
                                        error);
  for (; !error && walk != fs::recursive_directory_iterator(); walk.increment(error)) {
    std::error_code ignored;
    if (is_hidden(walk->path())) {
      walk.disable_recursion_pending();
    } else if (is_sample_file(walk->path()) && walk->is_regular_file(ignored)) {
      files.push_back(walk->path());
    }
  }
  if (error) {
    return fail(ErrorCode::kPermissionDenied, "cannot list '{}': {}", folder.string(),
                error.message())
        .hint("check the permissions of the folder");
  }
  if (files.empty()) {
    return nothing_found(folder);
  }
  std::sort(files.begin(), files.end(),
            [](const auto& a, const auto& b) { return a.native() < b.native(); });
  return files;
}

/// The folder that holds the files of one input of several.
fs::path folder_of_input(const fs::path& source, std::string name) {
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '/' || c == ':' || c == '\\'; }, '_');
  return source / name;
}

Result<FileTable> table_of_folder(const fs::path& source, const std::vector<InputSpec>& inputs) {
  FileTable table;
  if (inputs.size() == 1) {
    TESSERA_TRY(auto files, files_below(source));
    table.push_back(std::move(files));
    return table;
  }
  for (const auto& input : inputs) {
    const auto folder = folder_of_input(source, input.name);
    std::error_code ignored;
    if (!fs::is_directory(folder, ignored)) {
      return fail(ErrorCode::kNotFound, "the model has {} inputs and there is no folder '{}'",
                  inputs.size(), folder.string())
          .hint("make one folder per input, or give an .npz with one array per input");
    }
    TESSERA_TRY(auto files, files_below(folder));
    table.push_back(std::move(files));
  }
  const auto key = [&](std::size_t input, std::size_t row) {
    const auto& path = table[input][row];
    const auto relative =
        path.lexically_relative(folder_of_input(source, inputs[input].name)).replace_extension();
    return relative.string();
  };
  for (std::size_t input = 1; input < table.size(); ++input) {
    const auto rows = std::min(table[0].size(), table[input].size());
    for (std::size_t row = 0; row < rows; ++row) {
      if (key(0, row) != key(input, row)) {
        return fail(ErrorCode::kInvalidArgument, "'{}' has no counterpart for input '{}'",
                    table[0][row].string(), inputs[input].name)
            .hint("the folders of all inputs need files of the same names");
      }
    }
    if (table[0].size() != table[input].size()) {
      return fail(ErrorCode::kInvalidArgument, "{} files for input '{}' but {} for input '{}'",
                  table[0].size(), inputs[0].name, table[input].size(), inputs[input].name)
          .hint("the folders of all inputs need files of the same names");
    }
  }
  return table;
}

Result<FileTable> table_of_list(const fs::path& list, std::size_t inputs) {
  constexpr std::int64_t kMaxBytes = std::int64_t{1} << 30;
  TESSERA_TRY(const auto text, read_file(list, kMaxBytes));
  FileTable table(inputs);
  std::int64_t number = 0;
  for (auto line : split(text, '\n')) {
    ++number;
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) {
      line.remove_suffix(1);
    }
    if (line.empty() || line.front() == '#') {
      continue;
    }
    const auto paths = split(line, '\t');
    if (paths.size() != inputs) {
      return fail(ErrorCode::kDataLoss, "{}: line {} has {} paths; the model has {} inputs",
                  list.string(), number, paths.size(), inputs)
          .hint("a list file holds one path per line, several inputs separated by tabs");
    }
    for (std::size_t input = 0; input < inputs; ++input) {
      const auto path = list.parent_path() / paths[input];
      std::error_code ignored;
      if (!is_sample_file(path)) {
        return fail(ErrorCode::kInvalidArgument, "{}: line {}: '{}' is no .jpg, .png or .npy file",
                    list.string(), number, paths[input])
            .hint("a list file holds one path per line, relative to the list");
      }
      if (!fs::is_regular_file(path, ignored)) {
        return fail(ErrorCode::kNotFound, "{}: line {}: no file '{}'", list.string(), number,
                    path.string())
            .hint("paths are relative to the folder of the list");
      }
      table[input].push_back(path);
    }
  }
  if (table[0].empty()) {
    return fail(ErrorCode::kNotFound, "the list '{}' names no file", list.string())
        .hint("write one path per line, relative to the list");
  }
  return table;
}

Result<std::int64_t> random_count(std::string_view source) {
  const auto digits = source.substr(kRandom.size());
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), count);
  constexpr std::int64_t kMost = 100'000'000;
  if (error != std::errc() || end != digits.data() + digits.size() || count < 1 || count > kMost) {
    return fail(ErrorCode::kInvalidArgument, "'{}': the number of random samples must be 1 to {}",
                source, kMost)
        .hint("write for example random:16");
  }
  return count;
}

Result<Columns> random_columns(std::int64_t count, const std::vector<InputSpec>& inputs,
                               std::uint64_t seed) {
  Columns columns;
  Random seeds(seed);
  for (const auto& input : inputs) {
    TESSERA_TRY(auto column, random_column(count, input, seeds()));
    columns.push_back(std::move(column));
  }
  return columns;
}

Result<Columns> npz_columns(const fs::path& path, const std::vector<InputSpec>& inputs) {
  TESSERA_TRY(auto arrays, read_npz(path));
  Columns columns;
  for (const auto& input : inputs) {
    auto found = std::find_if(arrays.begin(), arrays.end(),
                              [&](const NamedTensor& array) { return array.name == input.name; });
    if (found == arrays.end() && inputs.size() == 1 && arrays.size() == 1) {
      found = arrays.begin();
    }
    if (found == arrays.end()) {
      std::vector<std::string> names;
      for (const auto& array : arrays) {
        names.push_back(array.name);
      }
      return fail(ErrorCode::kInvalidArgument, "{}: no array '{}' for the input of that name",
                  path.string(), input.name)
          .hint("the archive holds: {}",
                names.empty() ? "nothing" : fmt::format("{}", fmt::join(names, ", ")));
    }
    TESSERA_TRY(auto column, array_column(std::move(found->tensor), input, path.string()));
    if (!columns.empty() && columns[0]->size() != column->size()) {
      return fail(ErrorCode::kInvalidArgument, "{}: {} samples for input '{}' but {} for '{}'",
                  path.string(), columns[0]->size(), inputs[0].name, column->size(), input.name)
          .hint("every array needs the same first extent");
    }
    columns.push_back(std::move(column));
  }
  if (columns[0]->size() == 0) {
    return fail(ErrorCode::kNotFound, "{}: the arrays hold no sample", path.string())
        .hint("the first axis of every array counts the samples");
  }
  return columns;
}

Result<FileTable> file_table(const fs::path& source, const std::vector<InputSpec>& inputs) {
  std::error_code ignored;
  if (fs::is_directory(source, ignored)) {
    return table_of_folder(source, inputs);
  }
  if (is_sample_file(source)) {
    if (inputs.size() != 1) {
      return fail(ErrorCode::kInvalidArgument, "'{}' is one file; the model has {} inputs",
                  source.string(), inputs.size())
          .hint("give an .npz with one array per input");
    }
    return FileTable{{source}};
  }
  return table_of_list(source, inputs.size());
}

/// The preprocessing of image inputs; the warning names the option that ends the guessing.
Result<Preprocess> guess(const std::vector<InputSpec>& inputs, const FileTable& table,
                         Monitor& monitor) {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (std::none_of(table[i].begin(), table[i].end(), is_image_file)) {
      continue;
    }
    const auto& input = inputs[i];
    const auto guessed = guess_preprocess(input.dtype, input.shape);
    if (!guessed) {
      return fail(ErrorCode::kInvalidArgument,
                  "'{}' is an image, but input '{}' ({}, {} axes) cannot take one",
                  table[i].front().string(), input.name, to_string(input.dtype), input.shape.size())
          .hint("give tensors as .npy or .npz");
    }
    monitor.warn(
        {"guessed-preprocess",
         fmt::format("preprocessing '{}' was guessed from input '{}'", guessed->name, input.name),
         fmt::format("say which one the model was trained with: --preprocess {}, or a "
                     "JSON file",
                     fmt::join(preset_names(), "|"))});
    return *guessed;
  }
  return Preprocess{};
}

/// Which of `total` samples take part: at most `limit`, spread evenly, and of those one shard.
Result<std::vector<std::int64_t>> select(std::int64_t total, const SampleOptions& options) {
  if (options.limit < 0 || options.shard_count < 1 || options.shard_index < 0 ||
      options.shard_index >= options.shard_count) {
    return fail(ErrorCode::kInvalidArgument, "limit {} or shard {}/{} is out of range",
                options.limit, options.shard_index, options.shard_count);
  }
  const auto count = options.limit == 0 ? total : std::min(options.limit, total);
  const auto begin = count * options.shard_index / options.shard_count;
  const auto end = count * (options.shard_index + 1) / options.shard_count;
  if (begin == end) {
    return fail(ErrorCode::kInvalidArgument, "shard {}/{} of {} samples is empty",
                options.shard_index, options.shard_count, count)
        .hint("use at most {} shards", count);
  }
  std::vector<std::int64_t> selected;
  for (auto i = begin; i < end; ++i) {
    selected.push_back(i * total / count);
  }
  return selected;
}

}  // namespace

struct SampleSet::State {
  SampleOptions options;
  std::vector<InputSpec> inputs;
  Columns columns;
  std::optional<Preprocess> preprocess;
  std::vector<std::int64_t> selected;
  std::vector<std::optional<std::int64_t>> labels;  ///< per selected sample; empty: none asked for

  Status open_columns(Monitor& monitor);
  Status open_labels(Monitor& monitor);
  [[nodiscard]] std::string name(std::int64_t row) const {
    return columns.empty() ? fmt::format("sample {}", row) : columns[0]->name(row);
  }
};

Status SampleSet::State::open_columns(Monitor& monitor) {
  if (options.source.starts_with(kRandom)) {
    TESSERA_TRY(const auto count, random_count(options.source));
    TESSERA_TRY(columns, random_columns(count, inputs, options.seed));
    return {};
  }
  const fs::path source = options.source;
  std::error_code ignored;
  if (!fs::exists(source, ignored)) {
    return fail(ErrorCode::kNotFound, "no data at '{}'", options.source)
        .hint("give a folder of images or .npy files, a list file, an .npz archive or random:N");
  }
  if (extension_of(source) == ".npz") {
    TESSERA_TRY(columns, npz_columns(source, inputs));
    return {};
  }
  TESSERA_TRY(auto table, file_table(source, inputs));
  const bool has_images = std::any_of(table.begin(), table.end(), [](const auto& files) {
    return std::any_of(files.begin(), files.end(), is_image_file);
  });
  if (has_images) {
    preprocess = options.preprocess;
    if (!preprocess) {
      TESSERA_TRY(preprocess, guess(inputs, table, monitor));
    }
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    columns.push_back(file_column(std::move(table[i]), inputs[i], preprocess));
  }
  return {};
}

Status SampleSet::State::open_labels(Monitor& monitor) {
  if (options.labels.empty()) {
    return {};
  }
  TESSERA_TRY(const auto table, Labels::read(options.labels));
  std::int64_t missing = 0;
  std::string first_missing;
  for (const auto row : selected) {
    auto file = columns[0]->file(row);
    if (file.empty()) {
      file = name(row);
    }
    labels.push_back(table.find(file));
    if (!labels.back()) {
      first_missing = missing++ == 0 ? file.string() : first_missing;
    }
  }
  if (missing == static_cast<std::int64_t>(labels.size())) {
    return fail(ErrorCode::kInvalidArgument, "{}: none of the {} samples has a label, '{}' first",
                options.labels.string(), missing, first_missing)
        .hint("the column file must hold the names of the sample files");
  }
  if (missing > 0) {
    monitor.warn({"unlabelled-samples",
                  fmt::format("{} of {} samples have no label, '{}' first", missing, labels.size(),
                              first_missing),
                  "they do not count for top-1 against labels"});
  }
  return {};
}

Result<SampleSet> SampleSet::open(const SampleOptions& options,
                                  const std::vector<InputSpec>& inputs, Monitor& monitor) {
  if (inputs.empty()) {
    return fail(ErrorCode::kInvalidArgument, "the model has no input to feed");
  }
  auto state = std::make_unique<State>();
  state->options = options;
  state->inputs = inputs;
  TESSERA_CHECK(state->open_columns(monitor));
  TESSERA_TRY(state->selected, select(state->columns[0]->size(), options));
  TESSERA_CHECK(state->open_labels(monitor));
  SampleSet set(std::move(state));
  TESSERA_CHECK(set.load(0));
  return set;
}

SampleSet::SampleSet(std::unique_ptr<State> state) : state_(std::move(state)) {}
SampleSet::SampleSet(SampleSet&&) noexcept = default;
SampleSet& SampleSet::operator=(SampleSet&&) noexcept = default;
SampleSet::~SampleSet() = default;

std::int64_t SampleSet::size() const noexcept {
  return static_cast<std::int64_t>(state_->selected.size());
}

Result<Sample> SampleSet::load(std::int64_t index) const {
  if (index < 0 || index >= size()) {
    return fail(ErrorCode::kInternal, "sample {} of {} was asked for", index, size());
  }
  const auto at = static_cast<std::size_t>(index);
  const auto row = state_->selected[at];
  Sample sample;
  sample.name = state_->name(row);
  if (!state_->labels.empty()) {
    sample.label = state_->labels[at];
  }
  for (std::size_t i = 0; i < state_->inputs.size(); ++i) {
    TESSERA_TRY(auto tensor, state_->columns[i]->load(row));
    sample.tensors.push_back({state_->inputs[i].name, std::move(tensor)});
  }
  return sample;
}

const std::optional<Preprocess>& SampleSet::preprocess() const noexcept {
  return state_->preprocess;
}

bool SampleSet::has_labels() const noexcept {
  return !state_->labels.empty();
}

Json SampleSet::describe() const {
  Json json{{"source", state_->options.source}, {"samples", size()}};
  if (state_->options.shard_count > 1) {
    json["shard"] = fmt::format("{}/{}", state_->options.shard_index, state_->options.shard_count);
  }
  if (state_->options.source.starts_with(kRandom)) {
    json["seed"] = state_->options.seed;
  }
  json["preprocess"] = state_->preprocess ? to_json(*state_->preprocess) : Json();
  json["labels"] = has_labels() ? Json(state_->options.labels.string()) : Json();
  return json;
}

}  // namespace tessera::data
