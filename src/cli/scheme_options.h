// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cli/context.h"
#include "tessera/calibrate/calibrate.h"
#include "tessera/core/result.h"
#include "tessera/numerics/range_estimator.h"
#include "tessera/quantize/dialect.h"
#include "tessera/quantize/kernels_use.h"
#include "tessera/quantize/scheme.h"

/// How operators are quantized: options of the same names and meaning in every command.
namespace tessera::cli {

/// As typed; what was not typed is decided by the base that scheme_from() is given.
struct SchemeOptions {
  std::string mode = "static";
  std::string format;
  std::string kernels = "portable";
  std::string activation;
  std::string weight;
  std::string weight_symmetric;
  std::string method = "minmax";
  bool per_channel = false;  ///< where neither --per-channel nor the base says otherwise
  std::optional<bool> typed_per_channel;
  bool reduce_range = false;
  bool activation_symmetric = false;
  int block_size = 0;
};

/// What of a scheme a command leaves to the user.
enum class SchemeScope : std::uint8_t {
  kWhole,
  kStatic,    ///< no --mode, --format and --block-size: always static QDQ
  kRounding,  ///< nor types and granularity, which the command goes through by itself
};

/// Declares those options of `tessera quantize`. Values in `options` are the defaults;
/// `further_methods` are words of --method that only this command knows.
void add_scheme_options(CLI::App& command, SchemeOptions& options,
                        SchemeScope scope = SchemeScope::kWhole,
                        const std::vector<std::string>& further_methods = {});

/// Declares --kernels of commands that search: what they do with the operators of
/// libtessera_kernels.
void add_kernels_option(CLI::App& command, quantize::KernelsUse& kernels);

/// The scheme that was typed. Errors: kInvalidArgument.
[[nodiscard]] Result<quantize::Scheme> scheme_from(const SchemeOptions& options,
                                                   quantize::Scheme base);
/// The same from what is usual for a format on this machine.
/// Errors: kInvalidArgument also for what the format does not have.
[[nodiscard]] Result<quantize::Scheme> scheme_from(const SchemeOptions& options,
                                                   const quantize::Dialect& dialect);

/// Declares --schemes: words that further_schemes() reads.
void add_further_schemes(CLI::App& command, std::vector<std::string>& words,
                         const std::string& description);

/// Schemes beside `base`: "u8u8", "s8s8-channel" for static ones of these types, per tensor unless
/// they say otherwise; "dynamic" for activations that are rounded while it runs; "float16". All
/// else is that of the base. Errors: kInvalidArgument naming the word.
[[nodiscard]] Result<std::vector<quantize::Scheme>> further_schemes(
    const std::vector<std::string>& words, const quantize::Scheme& base,
    const quantize::Dialect& dialect);

/// What must be measured for these schemes, nothing if none of them needs ranges.
/// Errors: kInvalidArgument.
[[nodiscard]] Result<std::optional<calibrate::CalibrateOptions>> calibration_for(
    const SchemeOptions& options, std::span<const quantize::Scheme> schemes);

/// What --method takes, and what more a command knows.
[[nodiscard]] std::vector<std::string> range_method_words(
    const std::vector<std::string>& further = {});

/// Reads "mse", "percentile:99.99" or "distribution:6"; the number goes into `estimator`.
/// Errors: kInvalidArgument.
[[nodiscard]] Result<numerics::RangeMethod> read_range_method(
    const std::string& text, numerics::EstimatorOptions& estimator);

}  // namespace tessera::cli
