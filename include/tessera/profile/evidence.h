// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tessera/core/json.h"
#include "tessera/core/result.h"
#include "tessera/profile/latency_model.h"
#include "tessera/profile/profile.h"
#include "tessera/profile/units.h"

namespace tessera::profile {

/// A plan that raced against float32 without the profiler.
struct RacedPlan {
  enum class Use : std::uint8_t {
    kCorrection,   ///< also taken apart: what the profiler adds
    kCalibration,  ///< not seen by the fit: centre and interval
    kValidation,   ///< judges the prediction
  };
  Use use = Use::kValidation;
  States states;
  double us = 0;
  double isolated_us = 0;  ///< by the sum of layers timed alone; 0 if that was not done
};

/// What the latency model of a profile rests on. Serialises, so that runs on several machines of
/// one kind can be put together.
struct Evidence {
  Units units;                              ///< without OpIds: names and links
  std::vector<std::string> schemes = {""};  ///< as LatencyModel has them
  Forms forms = float_and_integers();
  std::vector<PlanTimes> plans;
  std::vector<RacedPlan> races;
};

/// From what the profiler saw of plans to their correction races, the median; absent unless units
/// share kernels in some plan and some plans raced.
[[nodiscard]] std::optional<double> race_pace(const Evidence& evidence);

/// Fits the cells of a latency model to the plans. Where units share kernels, plans are brought to
/// the times that they have in correction races, and others by race_pace(): sums are all that is
/// seen of such units, and a race, in which float32 takes turns with every plan, has these without
/// the machine's moods. Errors: those of fit_latency().
[[nodiscard]] Result<LatencyModel> fit_cells(const Evidence& evidence);

/// Fits the latency model and judges it: Profile::model, validation and fastest.
/// Errors: those of fit_latency().
[[nodiscard]] Status conclude(const Evidence& evidence, Profile& profile);

[[nodiscard]] Json to_json(const Evidence& evidence);
[[nodiscard]] Result<Evidence> evidence_from_json(const Json& json);

/// One of several runs that share the plans between them (ProfileOptions::shard_index).
struct Shard {
  std::int64_t index = 0;
  std::int64_t count = 1;
  Profile profile;
  Evidence evidence;
  std::string model_sha256;
  std::string cpu;
  std::string runtime;  ///< name and version
};
[[nodiscard]] Json to_json(const Shard& shard);
/// A tessera.profile-shard document.
[[nodiscard]] Result<Shard> shard_from_json(const Json& document, std::string_view what);

/// The profile that the shards make together, in any order. Times of a shard are brought to the
/// pace of the first by float32, which all have timed; layers are those of the first.
/// Errors: kInvalidArgument for a missing, doubled or foreign shard: another model, scheme,
/// processor or runtime (figures of different machines do not mix; keep a profile of each).
[[nodiscard]] Result<Profile> merge_shards(std::vector<Shard> shards);

}  // namespace tessera::profile
