// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/calibrate/ranges.h"
#include "tessera/core/monitor.h"
#include "tessera/core/result.h"
#include "tessera/data/preprocess.h"
#include "tessera/data/sample_set.h"
#include "tessera/network/load.h"

/// What one step learns about how a model is fed and the next must know: ranges say it in their
/// document, models that we write in their metadata.
namespace tessera::cli {

struct DataOptions;

/// Keys of the metadata of a model.
inline constexpr std::string_view kPreprocessKey = "tessera.preprocess";  ///< a JSON document
inline constexpr std::string_view kLabelsKey = "tessera.labels";          ///< as it was given
inline constexpr std::string_view kSchemeKey = "tessera.scheme";          ///< for people
inline constexpr std::string_view kSourceKey = "tessera.source";  ///< SHA-256 of the float model

class Carry {
 public:
  /// Takes what an artefact carries; what comes first counts, a later one that differs is warned
  /// about. Text that cannot be read is passed over: others may write such keys, too.
  void take(const network::Network& model, Monitor& monitor);
  /// Where nothing was taken so far: what pixels became by what the integers of an image input
  /// stand for. A guess.
  void take_scales(const network::Network& model);
  void take(const calibrate::Ranges& ranges, const std::string& file, Monitor& monitor);

  /// The preprocessing for samples: that of the option, else what artefacts carry, else none.
  /// Warns where the option says another one than they do. Errors: those of preprocess_from().
  [[nodiscard]] Result<std::optional<data::Preprocess>> preprocess(const DataOptions& options,
                                                                   Monitor& monitor) const;
  /// The artefact that preprocess() follows without an option; empty if there is none.
  [[nodiscard]] const std::string& source() const noexcept { return from_; }
  /// True if that was guessed here, and not written by who knew.
  [[nodiscard]] bool is_guess() const noexcept { return by_scales_; }
  /// What samples were opened with in the end, guessed or not.
  void used(const data::SampleSet& samples, const DataOptions& options);

  /// Writes what is known into a model that is about to be saved.
  void stamp(network::Network& model, std::string_view scheme,
             std::string_view source_sha256) const;

  /// Options that feed a model in another command as it was fed here: " --data D --preprocess P
  /// --labels L --dim N=1 --state A=B", quoted for a shell. "D" stands for data that is not known.
  [[nodiscard]] std::string arguments(const DataOptions& options,
                                      const network::GivenExtents& loading) const;

 private:
  void take_preprocess(const Json& json, const std::string& from, Monitor& monitor);

  std::optional<data::Preprocess> carried_;
  std::string from_;
  bool by_scales_ = false;
  std::optional<data::Preprocess> used_;
  std::string data_;    ///< that ranges were measured on
  std::string labels_;  ///< that were given, here or before
};

/// Whether images become the same tensors, whatever the names of the two.
[[nodiscard]] bool same_tensors(const data::Preprocess& a, const data::Preprocess& b);

/// In single quotes where a shell would not take it as one word.
[[nodiscard]] std::string shell_word(const std::string& text);

}  // namespace tessera::cli
