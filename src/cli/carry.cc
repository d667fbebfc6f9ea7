// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "cli/carry.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/context.h"
#include "cli/options.h"
#include "tessera/core/compact_text.h"
#include "tessera/data/guess.h"

namespace tessera::cli {
namespace {

/// What decides about the tensors.
Json essence(const data::Preprocess& preprocess) {
  auto json = to_json(preprocess);
  json.erase("name");
  json.erase("guessed");
  return json;
}

std::string text_of(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

bool is_preset(const std::string& name) {
  const auto& names = data::preset_names();
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

bool same_tensors(const data::Preprocess& a, const data::Preprocess& b) {
  auto first = a;
  auto second = b;
  // A size for models that leave theirs open is not recorded where the model has one.
  if (!first.open_size || !second.open_size) {
    first.open_size.reset();
    second.open_size.reset();
  }
  return essence(first) == essence(second);
}

std::string shell_word(const std::string& text) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:=,+@%-";
  if (!text.empty() && text.find_first_not_of(kPlain) == std::string::npos) {
    return text;
  }
  std::string quoted = "'";
  for (const char c : text) {
    quoted += c == '\'' ? "'\\''" : std::string(1, c);
  }
  return quoted + "'";
}

void Carry::take_preprocess(const Json& json, const std::string& from, Monitor& monitor) {
  if (!json.is_object()) {
    return;
  }
  auto description = json;
  description.erase("name");
  description.erase("guessed");
  auto read = data::preprocess_from_json(description, from);
  if (!read) {
    return;
  }
  read->name = text_of(json, "name");
  read->guessed = json.value("guessed", Json(false)) == Json(true);
  if (!carried_) {
    carried_ = *std::move(read);
    from_ = from;
  } else if (!same_tensors(*carried_, *read)) {
    monitor.warn({"preprocess-differs",
                  fmt::format("'{}' was made with preprocess {}, '{}' with {}", from_,
                              carried_->name, from, read->name),
                  fmt::format("give --preprocess; without it, {} is taken", carried_->name)});
  }
}

void Carry::take(const network::Network& model, Monitor& monitor) {
  if (const auto text = model.metadata(kPreprocessKey)) {
    if (const auto json = parse_json(*text, kPreprocessKey)) {
      take_preprocess(*json, model.path().string(), monitor);
    }
  }
  if (const auto labels = model.metadata(kLabelsKey); labels && labels_.empty()) {
    labels_ = *labels;
  }
}

void Carry::take_scales(const network::Network& model) {
  const auto inputs = network::input_specs(model);
  if (carried_ || !inputs) {
    return;
  }
  for (const auto& input : *inputs) {
    if (!input.quantized) {
      continue;
    }
    const auto range = range_of(input.quantized->quantization, input.quantized->dtype);
    const bool takes_images = data::guess_preprocess(input.dtype, input.shape).has_value();
    auto known = takes_images ? data::preprocess_of_range(range) : std::nullopt;
    if (known) {
      carried_ = *std::move(known);
      from_ = model.path().string();
      by_scales_ = true;
      return;
    }
  }
}

void Carry::take(const calibrate::Ranges& ranges, const std::string& file, Monitor& monitor) {
  const auto json = parse_json(ranges.data, file);
  if (!json || !json->is_object()) {
    return;
  }
  if (data_.empty()) {
    data_ = text_of(*json, "source");
  }
  if (labels_.empty()) {
    labels_ = text_of(*json, "labels");
  }
  take_preprocess(json->value("preprocess", Json()), file, monitor);
}

Result<std::optional<data::Preprocess>> Carry::preprocess(const DataOptions& options,
                                                          Monitor& monitor) const {
  if (options.preprocess.empty()) {
    return carried_;
  }
  TESSERA_TRY(auto wanted, data::preprocess_from(options.preprocess).map_error([&](Error error) {
    const auto near = meant(options.preprocess, data::preset_names());
    error.hint = near ? fmt::format("did you mean {}? {}", *near, error.hint) : error.hint;
    return error;
  }));
  if (carried_ && !same_tensors(*carried_, wanted)) {
    monitor.warn({"preprocess-differs",
                  fmt::format("--preprocess {}, but '{}' was made with {}", options.preprocess,
                              from_, carried_->name),
                  "leave out --preprocess, unless the other one is wrong"});
  }
  return std::optional(std::move(wanted));
}

void Carry::used(const data::SampleSet& samples, const DataOptions& options) {
  if (samples.preprocess()) {
    used_ = samples.preprocess();
  }
  if (!options.labels.empty()) {
    labels_ = options.labels;
  }
}

void Carry::stamp(network::Network& model, std::string_view scheme,
                  std::string_view source_sha256) const {
  const auto& known = used_ ? used_ : carried_;
  if (known) {
    model.set_metadata(kPreprocessKey, compact_text(to_json(*known)));
  }
  if (!labels_.empty()) {
    model.set_metadata(kLabelsKey, labels_);
  }
  model.set_metadata(kSchemeKey, scheme);
  model.set_metadata(kSourceKey, source_sha256);
}

std::string Carry::arguments(const DataOptions& options, const LoadOptions& loading) const {
  const auto& data = options.source.empty() ? data_ : options.source;
  auto text = " --data " + (data.empty() ? "D" : shell_word(data));
  const auto& known = used_ ? used_ : carried_;
  if (!options.preprocess.empty()) {
    text += " --preprocess " + shell_word(options.preprocess);
  } else if (known && (is_preset(known->name) || std::filesystem::exists(known->name))) {
    text += " --preprocess " + shell_word(known->name);
  }
  if (!labels_.empty()) {
    text += " --labels " + shell_word(labels_);
  }
  for (const auto& [name, value] : loading.dims) {
    text += fmt::format(" --dim {}", shell_word(fmt::format("{}={}", name, value)));
  }
  for (const auto& [name, shape] : loading.shapes) {
    text +=
        fmt::format(" --shape {}", shell_word(fmt::format("{}={}", name, fmt::join(shape, "x"))));
  }
  for (const auto& state : options.states) {
    text += " --state " + shell_word(state);
  }
  for (const auto& input : options.inputs) {
    text += " --input " + shell_word(input);
  }
  return text;
}

}  // namespace tessera::cli
