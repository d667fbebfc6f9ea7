// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/data/sample_set.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "data/column.h"
#include "data/labels.h"
#include "data/layout.h"
#include "data/states.h"
#include "tessera/core/file.h"
#include "tessera/core/random.h"
#include "tessera/core/text.h"
#include "tessera/tensor/npy.h"

namespace tessera::data {
namespace fs = std::filesystem;
namespace {

using Columns = std::vector<std::unique_ptr<Column>>;
/// The files of each input, all lists of one length; what lies in the folder named first, or in
/// none, is told apart from what lies further down.
struct FileTable {
  std::vector<std::vector<fs::path>> files;
  std::vector<fs::path> folders;
};

constexpr std::string_view kRandom = "random:";

Failure nothing_found(const fs::path& source) {
  return fail(ErrorCode::kNotFound, "no .jpg, .jpeg, .png, .npy or .npz file in '{}'",
              source.string())
      .hint("give a folder of such files, a list file, an .npz archive or random:N");
}

bool is_sample_file(const fs::path& path) {
  return is_image_file(path) || is_array_file(path) || is_archive(path);
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

/// Archives hold all inputs; else there is a folder for each.
Result<FileTable> table_of_archives(const fs::path& source, const std::vector<InputSpec>& inputs) {
  const auto missing = folder_of_input(source, inputs.front().name);
  auto files = files_below(source);
  if (!files || !std::all_of(files->begin(), files->end(), is_archive)) {
    return fail(ErrorCode::kNotFound, "the model has {} inputs and there is no folder '{}'",
                inputs.size(), missing.string())
        .hint(
            "make one folder per input, or give .npz with one array per input; an input that "
            "never changes: --input {}=VALUE",
            inputs.front().name);
  }
  return FileTable{std::vector(inputs.size(), *std::move(files)),
                   std::vector(inputs.size(), source)};
}

/// `others`: the model has inputs that are not in the data.
Result<FileTable> table_of_folder(const fs::path& source, const std::vector<InputSpec>& inputs,
                                  bool others) {
  FileTable result;
  auto& table = result.files;
  if (inputs.size() == 1) {
    std::error_code ignored;
    const auto own = folder_of_input(source, inputs.front().name);
    const auto& folder = others && fs::is_directory(own, ignored) ? own : source;
    TESSERA_TRY(auto files, files_below(folder));
    table.push_back(std::move(files));
    result.folders.push_back(folder);
    return result;
  }
  for (const auto& input : inputs) {
    const auto folder = folder_of_input(source, input.name);
    std::error_code ignored;
    if (!fs::is_directory(folder, ignored)) {
      if (table.empty()) {
        return table_of_archives(source, inputs);
      }
      return fail(ErrorCode::kNotFound, "the model has {} inputs and there is no folder '{}'",
                  inputs.size(), folder.string())
          .hint(
              "make one folder per input, or give .npz with one array per input; an input that "
              "never changes: --input {}=VALUE",
              input.name);
    }
    TESSERA_TRY(auto files, files_below(folder));
    table.push_back(std::move(files));
    result.folders.push_back(folder);
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
  return result;
}

Result<FileTable> table_of_list(const fs::path& list, std::size_t inputs) {
  constexpr std::int64_t kMaxBytes = std::int64_t{1} << 30;
  TESSERA_TRY(const auto text, read_file(list, kMaxBytes));
  std::vector<std::vector<fs::path>> table(inputs);
  std::int64_t number = 0;
  for (auto line : split(text, '\n')) {
    ++number;
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) {
      line.remove_suffix(1);
    }
    if (line.empty() || line.front() == '#') {
      continue;
    }
    auto paths = split(line, '\t');
    if (paths.size() == 1 && is_archive(paths[0])) {
      paths.resize(inputs, paths[0]);  // holds all of them
    }
    if (paths.size() != inputs) {
      return fail(ErrorCode::kDataLoss, "{}: line {} has {} paths; the model has {} inputs",
                  list.string(), number, paths.size(), inputs)
          .hint("a list file holds one path per line, several inputs separated by tabs");
    }
    for (std::size_t input = 0; input < inputs; ++input) {
      const auto path = list.parent_path() / paths[input];
      std::error_code ignored;
      if (!is_sample_file(path)) {
        return fail(ErrorCode::kInvalidArgument,
                    "{}: line {}: '{}' is no .jpg, .png, .npy or .npz file", list.string(), number,
                    paths[input])
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
  return FileTable{std::move(table), std::vector<fs::path>(inputs)};
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
    TESSERA_TRY(auto column, random_column(count, input, seeds(), inputs.size() == 1));
    columns.push_back(std::move(column));
  }
  return columns;
}

Result<FileTable> file_table(const fs::path& source, const std::vector<InputSpec>& inputs,
                             bool others) {
  std::error_code ignored;
  if (fs::is_directory(source, ignored)) {
    return table_of_folder(source, inputs, others);
  }
  if (is_archive(source)) {
    return FileTable{std::vector(inputs.size(), std::vector{source}),
                     std::vector<fs::path>(inputs.size())};
  }
  if (is_sample_file(source)) {
    if (inputs.size() != 1) {
      return fail(ErrorCode::kInvalidArgument, "'{}' is one file; the model has {} inputs",
                  source.string(), inputs.size())
          .hint(
              "give an .npz with one array per input; inputs that never change: --input "
              "NAME=VALUE");
    }
    return FileTable{{{source}}, {fs::path()}};
  }
  return table_of_list(source, inputs.size());
}

/// The preprocessing of image inputs; the warning names the option that ends the guessing.
Result<Preprocess> guess(const std::vector<InputSpec>& inputs, const FileTable& table,
                         Monitor& monitor) {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const auto& files = table.files[i];
    const auto image = std::find_if(files.begin(), files.end(), is_image_file);
    if (image == files.end()) {
      continue;
    }
    const auto& input = inputs[i];
    const auto range =
        input.quantized
            ? std::optional(range_of(input.quantized->quantization, input.quantized->dtype))
            : std::nullopt;
    const auto guessed = guess_preprocess(input.dtype, input.shape, range);
    if (!guessed) {
      return fail(ErrorCode::kInvalidArgument,
                  "'{}' is an image, but input '{}' ({}, {} axes) cannot take one", image->string(),
                  input.name, to_string(input.dtype), input.shape.size())
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
  const auto begin =
      options.interleaved ? options.shard_index : count * options.shard_index / options.shard_count;
  const auto end =
      options.interleaved ? count : count * (options.shard_index + 1) / options.shard_count;
  if (begin >= end) {
    return fail(ErrorCode::kInvalidArgument, "shard {}/{} of {} samples is empty",
                options.shard_index, options.shard_count, count)
        .hint("use at most {} shards", count);
  }
  std::vector<std::int64_t> selected;
  for (auto i = begin; i < end; i += options.interleaved ? options.shard_count : 1) {
    selected.push_back(i * total / count);
  }
  return selected;
}

/// The number that all of a text is; true and false count as 1 and 0.
std::optional<double> number_of(std::string_view text) {
  text = trim(text);
  if (text == "true" || text == "false") {
    return text == "true" ? 1 : 0;
  }
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && !text.empty()
             ? std::optional(value)
             : std::nullopt;
}

/// One number fills a tensor; as many as it has elements are its elements.
Result<Tensor> tensor_of_numbers(const std::vector<double>& numbers, const InputSpec& spec) {
  auto shape = spec.shape;
  auto open = static_cast<std::int64_t>(numbers.size());
  for (const auto extent : shape) {
    open /= std::max<std::int64_t>(extent, 1);
  }
  for (auto& extent : shape) {
    if (extent < 0) {
      extent = std::exchange(open, 1);
      extent = std::max<std::int64_t>(extent, 1);
    }
  }
  constexpr std::int64_t kMaxElements = std::int64_t{1} << 28;
  const auto count = element_count(shape);
  if (count < 0 || count > kMaxElements || (numbers.size() != 1 && count != std::ssize(numbers))) {
    return fail(ErrorCode::kInvalidArgument, "--input {}: {} numbers for {}", spec.name,
                numbers.size(), shape_text(spec.shape))
        .hint("give one number for all elements, as many as there are, or a .npy file");
  }
  auto values = numbers;
  values.resize(static_cast<std::size_t>(count), numbers.front());
  return Tensor::of(values, shape);
}

Result<Tensor> constant_value(const std::string& text, const InputSpec& spec) {
  const auto what = fmt::format("--input {}", spec.name);
  if (is_array_file(text)) {
    TESSERA_TRY(auto tensor, read_npy(text));
    if (!fits(tensor.shape(), spec)) {
      return fail(ErrorCode::kInvalidArgument, "{}: '{}' is {}; the input wants {}", what, text,
                  to_string(tensor.shape()), shape_text(spec.shape))
          .hint("save the array in the shape of the model's input");
    }
    return finish(std::move(tensor), spec, what);
  }
  std::vector<double> numbers;
  for (const auto part : split(text, ',')) {
    const auto number = number_of(part);
    if (!number) {
      return fail(ErrorCode::kInvalidArgument, "{}: '{}' is no number", what, part)
          .hint(
              "write --input NAME=VALUE with a number, numbers separated by commas, or the path "
              "of a .npy file");
    }
    numbers.push_back(*number);
  }
  TESSERA_TRY(auto tensor, tensor_of_numbers(numbers, spec));
  return finish(std::move(tensor), spec, what);
}

Failure unknown_input(std::string_view option, const std::string& name,
                      const std::vector<InputSpec>& inputs) {
  std::vector<std::string> names;
  for (const auto& input : inputs) {
    names.push_back(input.name);
  }
  return fail(ErrorCode::kInvalidArgument, "{}: the model has no input '{}'", option, name)
      .hint("its inputs: {}", fmt::join(names, ", "));
}

const InputSpec* find_input(const std::vector<InputSpec>& inputs, const std::string& name) {
  const auto found = std::find_if(inputs.begin(), inputs.end(),
                                  [&](const InputSpec& input) { return input.name == name; });
  return found == inputs.end() ? nullptr : &*found;
}

/// "48 x 320", or the smallest and the largest extents.
std::string size_text(const ImageSize& low, const ImageSize& high) {
  const auto one = fmt::format("{} x {}", low.height, low.width);
  return low.height == high.height && low.width == high.width
             ? one
             : fmt::format("{} to {} x {}", one, high.height, high.width);
}

}  // namespace

struct SampleSet::State {
  SampleOptions options;
  std::vector<InputSpec> inputs;
  Columns columns;                ///< by input
  const Column* first = nullptr;  ///< the one that samples are named after
  std::optional<Preprocess> preprocess;
  std::vector<std::int64_t> selected;
  std::vector<std::optional<std::int64_t>> labels;  ///< per selected sample; empty: none asked for
  Json image_size;  ///< what images were brought to where the model leaves it open

  Status open_columns(Monitor& monitor);
  Result<Columns> data_columns(const std::vector<InputSpec>& wanted, Monitor& monitor);
  Result<Columns> columns_of_files(const FileTable& table, const std::vector<InputSpec>& wanted);
  [[nodiscard]] Status check_counts(Columns& data, const std::vector<InputSpec>& wanted) const;
  [[nodiscard]] Status check_links() const;
  Status record(Monitor& monitor);
  Status tell_image_size(Monitor& monitor);
  Status open_labels(Monitor& monitor);
  [[nodiscard]] bool is_state(const std::string& input) const {
    return std::any_of(options.states.begin(), options.states.end(),
                       [&](const StateLink& link) { return link.input == input; });
  }
  [[nodiscard]] const ConstantInput* constant(const std::string& input) const {
    const auto found =
        std::find_if(options.constants.rbegin(), options.constants.rend(),
                     [&](const ConstantInput& constant) { return constant.input == input; });
    return found == options.constants.rend() ? nullptr : &*found;
  }
  [[nodiscard]] std::string name(std::int64_t row) const { return first->name(row); }
};

Status SampleSet::State::check_links() const {
  for (const auto& constant : options.constants) {
    if (find_input(inputs, constant.input) == nullptr) {
      return unknown_input("--input", constant.input, inputs);
    }
  }
  std::set<std::string> seen;
  for (const auto& link : options.states) {
    if (find_input(inputs, link.input) == nullptr) {
      return unknown_input("--state", link.input, inputs);
    }
    if (!seen.insert(link.input).second || constant(link.input) != nullptr) {
      return fail(ErrorCode::kInvalidArgument, "input '{}' is named twice by --state or --input",
                  link.input)
          .hint("feed each state from one output");
    }
    if (find_input(inputs, link.input)->any_rank) {
      return fail(ErrorCode::kInvalidArgument, "the rank of state '{}' is unknown", link.input)
          .hint("give the input a shape when exporting the model");
    }
  }
  return {};
}

Status SampleSet::State::open_columns(Monitor& monitor) {
  TESSERA_CHECK(check_links());
  std::vector<InputSpec> wanted;
  for (const auto& input : inputs) {
    if (!is_state(input.name) && constant(input.name) == nullptr) {
      wanted.push_back(input);
    }
  }
  if (wanted.empty()) {
    return fail(ErrorCode::kInvalidArgument, "every input is a state or a constant")
        .hint("leave at least one input to the data");
  }
  TESSERA_TRY(auto data, data_columns(wanted, monitor));
  TESSERA_CHECK(check_counts(data, wanted));
  const auto count = data.front()->size();
  first = data.front().get();
  auto next = data.begin();
  for (const auto& input : inputs) {
    if (const auto* given = constant(input.name)) {
      TESSERA_TRY(auto value, constant_value(given->value, input));
      columns.push_back(constant_column(count, std::move(value)));
    } else {
      columns.push_back(is_state(input.name) ? nullptr : std::move(*next++));
    }
  }
  return {};
}

/// All inputs have as many samples; a scalar may have one value for all.
Status SampleSet::State::check_counts(Columns& data, const std::vector<InputSpec>& wanted) const {
  std::int64_t most = 0;
  for (const auto& column : data) {
    most = std::max(most, column->size());
  }
  for (std::size_t i = 0; i < data.size(); ++i) {
    if (wanted[i].shape.empty() && data[i]->size() == 1 && most > 1) {
      TESSERA_TRY(auto value, data[i]->load(0));
      data[i] = constant_column(most, std::move(value));
    }
    if (data[i]->size() != data[0]->size()) {
      return fail(ErrorCode::kInvalidArgument, "{}: {} samples for input '{}' but {} for '{}'",
                  options.source, data[0]->size(), wanted[0].name, data[i]->size(), wanted[i].name)
          .hint("every input needs as many; one that never changes: --input NAME=VALUE");
    }
  }
  if (data[0]->size() == 0) {
    return fail(ErrorCode::kNotFound, "{}: the arrays hold no sample", options.source)
        .hint("the first axis of every array counts the samples");
  }
  return {};
}

Result<Columns> SampleSet::State::columns_of_files(const FileTable& table,
                                                   const std::vector<InputSpec>& wanted) {
  Columns result;
  // An archive that is named itself counts its samples, one in a folder is a sample.
  const bool is_one_archive = is_archive(options.source);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    FileSource source{table.files[i], {}, preprocess, wanted.size() == 1};
    for (const auto& file : source.files) {
      const bool is_sequence = !options.states.empty() &&
                               (table.folders[i].empty() || file.parent_path() == table.folders[i]);
      source.use.push_back(is_one_archive || is_sequence ? FileUse::kSamples : FileUse::kSample);
    }
    TESSERA_TRY(auto column, file_column(std::move(source), wanted[i]));
    result.push_back(std::move(column));
  }
  return result;
}

Result<Columns> SampleSet::State::data_columns(const std::vector<InputSpec>& wanted,
                                               Monitor& monitor) {
  if (options.source.starts_with(kRandom)) {
    TESSERA_TRY(const auto count, random_count(options.source));
    return random_columns(count, wanted, options.seed);
  }
  const fs::path source = options.source;
  std::error_code ignored;
  if (!fs::exists(source, ignored)) {
    return fail(ErrorCode::kNotFound, "no data at '{}'", options.source)
        .hint(
            "give a folder of images, .npy or .npz files, a list file, an .npz archive or "
            "random:N");
  }
  TESSERA_TRY(const auto table, file_table(source, wanted, wanted.size() < inputs.size()));
  const bool has_images = std::any_of(
      table.files.begin(), table.files.end(),
      [](const auto& files) { return std::any_of(files.begin(), files.end(), is_image_file); });
  if (has_images) {
    preprocess = options.preprocess;
    if (!preprocess) {
      TESSERA_TRY(preprocess, guess(wanted, table, monitor));
    }
  }
  return columns_of_files(table, wanted);
}

Status SampleSet::State::record(Monitor& monitor) {
  if (options.states.empty()) {
    return {};
  }
  if (!options.step) {
    return fail(ErrorCode::kInternal, "states without a step function");
  }
  const Steps steps{&inputs, &columns, first, &options.states, &options.step};
  TESSERA_TRY(auto recorded, record_states(steps, selected, monitor));
  for (std::size_t k = 0; k < recorded.size(); ++k) {
    const auto at = find_input(inputs, options.states[k].input) - inputs.data();
    columns[static_cast<std::size_t>(at)] = std::move(recorded[k]);
  }
  return {};
}

/// Says what the model does not: which size images were brought to.
Status SampleSet::State::tell_image_size(Monitor& monitor) {
  if (!preprocess) {
    return {};
  }
  bool open = false;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const auto layout = image_layout(inputs[i].shape);
    const bool is_open = layout && (layout->height < 0 || layout->width < 0);
    if (!is_open || !is_image_file(columns[i]->file(selected.front()))) {
      continue;
    }
    open = true;
    ImageSize low;
    ImageSize high;
    for (const auto row : selected) {
      TESSERA_TRY(const auto shape, columns[i]->shape(row));
      const auto now = *image_layout(shape);
      const bool begins = row == selected.front();
      low = {begins ? now.height : std::min(low.height, now.height),
             begins ? now.width : std::min(low.width, now.width)};
      high = {std::max(high.height, now.height), std::max(high.width, now.width)};
    }
    image_size = {{"smallest", {low.height, low.width}}, {"largest", {high.height, high.width}}};
    monitor.warn({"image-size",
                  fmt::format("input '{}' leaves the size of images open: they were brought to {} "
                              "(height x width), as preprocessing '{}' says",
                              inputs[i].name, size_text(low, high), preprocess->name),
                  "say another with --shape, or with resize.size in a preprocessing file"});
  }
  if (!open) {
    preprocess->open_size.reset();  // played no part
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
    auto file = first->file(row);
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
  TESSERA_TRY(state->selected, select(state->first->size(), options));
  TESSERA_CHECK(state->tell_image_size(monitor));
  TESSERA_CHECK(state->open_labels(monitor));
  TESSERA_CHECK(state->record(monitor));
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

Result<std::vector<InputExtents>> SampleSet::extents() const {
  std::vector<InputExtents> result;
  for (std::size_t i = 0; i < state_->inputs.size(); ++i) {
    InputExtents common{state_->inputs[i].name, std::nullopt};
    for (const auto row : state_->selected) {
      TESSERA_TRY(const auto shape, state_->columns[i]->shape(row));
      if (row == state_->selected.front()) {
        common.extents.emplace(shape.begin(), shape.end());
        continue;
      }
      if (shape.size() != common.extents->size()) {
        common.extents.reset();
        break;
      }
      for (std::size_t axis = 0; axis < shape.size(); ++axis) {
        auto& extent = (*common.extents)[axis];
        extent = extent == shape[axis] ? extent : std::nullopt;
      }
    }
    result.push_back(std::move(common));
  }
  return result;
}

Result<std::vector<std::int64_t>> SampleSet::alike() const {
  std::map<std::vector<Shape>, std::vector<std::int64_t>> groups;
  for (std::int64_t index = 0; index < size(); ++index) {
    std::vector<Shape> shapes;
    for (const auto& column : state_->columns) {
      TESSERA_TRY(auto shape, column->shape(state_->selected[static_cast<std::size_t>(index)]));
      shapes.push_back(std::move(shape));
    }
    groups[std::move(shapes)].push_back(index);
  }
  const auto largest =
      std::max_element(groups.begin(), groups.end(), [](const auto& a, const auto& b) {
        return a.second.size() != b.second.size() ? a.second.size() < b.second.size()
                                                  : a.second.front() > b.second.front();
      });
  return largest->second;
}

const std::vector<StateLink>& SampleSet::states() const noexcept {
  return state_->options.states;
}

bool SampleSet::follows(std::int64_t index) const noexcept {
  const auto& selected = state_->selected;
  const auto at = static_cast<std::size_t>(index);
  return index > 0 && at < selected.size() && selected[at] == selected[at - 1] + 1 &&
         !state_->first->starts_sequence(selected[at]);
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
  if (!state_->image_size.is_null()) {
    json["image_size"] = state_->image_size;
  }
  for (const auto& constant : state_->options.constants) {
    json["inputs"][constant.input] = constant.value;
  }
  for (const auto& link : state_->options.states) {
    json["states"].push_back({{"output", link.output}, {"input", link.input}});
  }
  json["preprocess"] = state_->preprocess ? to_json(*state_->preprocess) : Json();
  json["labels"] = has_labels() ? Json(state_->options.labels.string()) : Json();
  return json;
}

}  // namespace tessera::data
