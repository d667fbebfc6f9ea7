// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "cli/scheme_options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <set>

#include "cli/options.h"
#include "tessera/core/host.h"

namespace tessera::cli {
namespace {

constexpr std::string_view kTesseraKernels = "tessera";

/// What --format and --kernels come to; empty if neither says anything.
Result<std::string> format_of(const SchemeOptions& options) {
  if (options.kernels != kTesseraKernels) {
    return options.format;
  }
  if (!options.format.empty() && options.format != to_string(quantize::Format::kKernels)) {
    return fail(ErrorCode::kInvalidArgument, "--kernels tessera is a format, and so is {}",
                options.format)
        .hint("leave out --format");
  }
  return std::string(to_string(quantize::Format::kKernels));
}

/// float16 needs the extrema only, to leave in float32 what exceeds its range.
std::optional<numerics::RangeMethod> method_of(const quantize::Scheme& scheme) {
  switch (scheme.mode) {
    case quantize::Mode::kStatic:
      return scheme.method;
    case quantize::Mode::kFloat16:
      return numerics::RangeMethod::kMinMax;
    default:
      return std::nullopt;
  }
}

Result<quantize::Scheme> further_scheme(const std::string& name, const quantize::Scheme& base,
                                        const quantize::Dialect& dialect) {
  auto scheme = base;
  if (name == "float16") {
    scheme = {};
    scheme.mode = quantize::Mode::kFloat16;
    return scheme;
  }
  if (name == "dynamic") {
    scheme.mode = quantize::Mode::kDynamic;
    scheme.activation = dialect.usual_scheme(scheme.mode, describe_host()).activation;
    scheme.activation_symmetric = false;
    return scheme;
  }
  constexpr std::string_view kChannel = "-channel";
  const bool per_channel = name.ends_with(kChannel);
  const auto types = name.substr(0, per_channel ? name.size() - kChannel.size() : name.size());
  const auto middle = types.find_first_of("us", 1);
  if (middle == std::string::npos) {
    return fail(ErrorCode::kInvalidArgument, "'{}' is not a pair of types", name)
        .hint(
            "write u8s8, u8u8 or s8s8, with -channel for one scale per channel; dynamic; float16");
  }
  scheme.mode = quantize::Mode::kStatic;
  TESSERA_TRY(scheme.activation, quantize::dtype_from_short_name(types.substr(0, middle)));
  TESSERA_TRY(scheme.weight, quantize::dtype_from_short_name(types.substr(middle)));
  scheme.per_channel = per_channel;
  scheme.reduce_range = false;
  TESSERA_CHECK(dialect.validate(scheme));
  return scheme;
}

}  // namespace

std::vector<std::string> range_method_words(const std::vector<std::string>& further) {
  std::vector<std::string> words{"minmax", "moving-average",  "percentile[:P]", "entropy",
                                 "mse",    "distribution[:K]"};
  words.insert(words.end(), further.begin(), further.end());
  return words;
}

void add_scheme_options(CLI::App& command, SchemeOptions& options, SchemeScope scope,
                        const std::vector<std::string>& further_methods) {
  const Heading heading(command, "Scheme");
  if (scope == SchemeScope::kWhole) {
    command.add_option("--mode", options.mode, "how operators compute")
        ->type_name("MODE")
        ->check(one_of({"static", "dynamic", "float16", "weight-only"}))
        ->capture_default_str();
    command
        .add_option("--format", options.format,
                    "of the written graph; qdq-inputs is for providers that compile (default: qdq)")
        ->type_name("FORMAT")
        ->check(one_of({"qdq", "qoperator", "qdq-inputs", "kernels"}));
    command
        .add_option("--block-size", options.block_size,
                    "weight-only: elements that share a scale (default: 128)")
        ->check(at_least(1));
  }
  if (scope != SchemeScope::kRounding) {
    command
        .add_option("--kernels", options.kernels,
                    "tessera: integer operators of libtessera_kernels, which whoever runs the "
                    "model has to load; the same as --format kernels")
        ->type_name("WHOSE")
        ->check(one_of({"portable", kTesseraKernels.data()}))
        ->capture_default_str();
    command
        .add_option("--activation", options.activation,
                    "type of activations (default: what this CPU is fast with)")
        ->type_name("TYPE")
        ->check(one_of({"u8", "s8", "u16", "s16"}));
    command.add_option("--weight", options.weight, "type of weights (default: s8)")
        ->type_name("TYPE")
        ->check(one_of({"s8", "u8", "s16", "u16", "s4", "u4"}));
    command.add_flag_function(
        "--per-channel,!--per-tensor",
        [&options](std::int64_t count) { options.typed_per_channel = count > 0; },
        fmt::format("one scale per output channel of a weight, or one per weight "
                    "(default: per {}; per channel for .tflite)",
                    options.per_channel ? "channel" : "tensor"));
  }
  command.add_flag("--reduce-range", options.reduce_range,
                   "7-bit weights, against saturation on CPUs without VNNI");
  command.add_flag("--activation-symmetric", options.activation_symmetric,
                   "activation ranges of equal size on both sides of zero");
  command
      .add_option("--weight-symmetric", options.weight_symmetric,
                  "weights of equal range on both sides of zero; auto is on for signed types")
      ->type_name("WHEN")
      ->check(one_of({"auto", "on", "off"}));
  command.add_option("--method", options.method, "how ranges follow from samples")
      ->type_name("METHOD")
      ->check(one_of(range_method_words(further_methods)))
      ->capture_default_str();
}

void add_kernels_option(CLI::App& command, quantize::KernelsUse& kernels) {
  using quantize::KernelsUse;
  kernels = KernelsUse::kShown;
  command
      .add_option_function<std::string>(
          "--kernels",
          [&kernels](const std::string& whose) {
            kernels = whose == kTesseraKernels ? KernelsUse::kTaken : KernelsUse::kPortable;
          },
          "tessera: also choose among models with the operators of libtessera_kernels, which "
          "whoever runs the result has to load; portable: do not measure any (default: say what "
          "they would bring, choose what needs no library)")
      ->type_name("WHOSE")
      ->check(one_of({"portable", kTesseraKernels.data()}));
}

Result<quantize::Scheme> scheme_from(const SchemeOptions& options, quantize::Scheme base) {
  numerics::EstimatorOptions ignored;
  TESSERA_TRY(base.method, read_range_method(options.method, ignored));
  base.per_channel = options.typed_per_channel.value_or(options.per_channel || base.per_channel);
  base.activation_symmetric = options.activation_symmetric;
  // The bit that saves u8 x s8 products from saturation is nothing to other types.
  const bool typed = !options.activation.empty() || !options.weight.empty();
  base.reduce_range = options.reduce_range || (base.reduce_range && !typed);
  Json json{{"mode", options.mode}};
  const auto take = [&json](const char* key, const std::string& text) {
    if (!text.empty()) {
      json[key] = text;
    }
  };
  TESSERA_TRY(const auto format, format_of(options));
  take("format", format);
  take("activation", options.activation);
  take("weight", options.weight);
  take("weight_symmetric", options.weight_symmetric);
  if (options.block_size != 0) {
    json["block_size"] = options.block_size;
  }
  return quantize::scheme_from_json(json, base);
}

Result<quantize::Scheme> scheme_from(const SchemeOptions& options,
                                     const quantize::Dialect& dialect) {
  TESSERA_TRY(const auto named, quantize::scheme_from_json(Json(options.mode), {}));
  TESSERA_TRY(const auto scheme,
              scheme_from(options, dialect.usual_scheme(named.mode, describe_host())));
  TESSERA_CHECK(dialect.validate(scheme));
  return scheme;
}

void add_further_schemes(CLI::App& command, std::vector<std::string>& words,
                         const std::string& description) {
  command.add_option("--schemes", words, description)->delimiter(',');
}

Result<std::vector<quantize::Scheme>> further_schemes(const std::vector<std::string>& words,
                                                      const quantize::Scheme& base,
                                                      const quantize::Dialect& dialect) {
  std::vector<quantize::Scheme> schemes;
  for (const auto& word : words) {
    TESSERA_TRY(auto scheme, further_scheme(word, base, dialect));
    schemes.push_back(scheme);
  }
  return schemes;
}

Result<std::optional<calibrate::CalibrateOptions>> calibration_for(
    const SchemeOptions& options, std::span<const quantize::Scheme> schemes) {
  calibrate::CalibrateOptions calibration;
  TESSERA_CHECK(read_range_method(options.method, calibration.estimator).map([](auto) {}));
  std::set<numerics::RangeMethod> methods;
  for (const auto& scheme : schemes) {
    if (const auto method = method_of(scheme)) {
      methods.insert(*method);
    }
  }
  if (methods.empty()) {
    return std::nullopt;
  }
  calibration.methods.assign(methods.begin(), methods.end());
  calibration.channels = std::any_of(schemes.begin(), schemes.end(), [](const auto& scheme) {
    return scheme.mode == quantize::Mode::kStatic && scheme.format == quantize::Format::kKernels;
  });
  return std::optional(std::move(calibration));
}

Result<numerics::RangeMethod> read_range_method(const std::string& text,
                                                numerics::EstimatorOptions& estimator) {
  const auto colon = text.find(':');
  TESSERA_TRY(const auto method, numerics::range_method_from_string(text.substr(0, colon)));
  if (colon == std::string::npos) {
    return method;
  }
  const bool percentile = method == numerics::RangeMethod::kPercentile;
  double value = 0;
  const bool parsed = CLI::detail::lexical_cast(text.substr(colon + 1), value);
  if (!parsed || (!percentile && method != numerics::RangeMethod::kDistribution)) {
    return fail(ErrorCode::kInvalidArgument, "method '{}' is not understood", text)
        .hint("write percentile:99.99 or distribution:6; the others take no number");
  }
  (percentile ? estimator.percentile : estimator.deviations) = value;
  return method;
}

}  // namespace tessera::cli
