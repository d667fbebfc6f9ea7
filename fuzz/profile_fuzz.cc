// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <utility>

#include "json_input.h"
#include "tessera/profile/evidence.h"
#include "tessera/profile/profile.h"

namespace {

/// Infinities become null, which is read as absent: what was read once stays as it is.
void check_round_trip(const tessera::profile::Profile& profile) {
  const auto written = tessera::parse_json(tessera::to_text(to_json(profile)), "written");
  const auto again =
      written ? tessera::profile::profile_from_json(*written)
              : tessera::Result<tessera::profile::Profile>(tl::unexpected(written.error()));
  if (!again || tessera::to_text(to_json(*again)) != tessera::to_text(*written)) {
    std::abort();
  }
}

}  // namespace

/// A profile survives writing and reading again; a shard's evidence is fitted or refused.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto json = tessera::json_input(data, size);
  if (!json) {
    return 0;
  }
  if (const auto stored = tessera::profile::stored_profile_from_json(*json, "input")) {
    check_round_trip(stored->profile);
  }
  if (auto shard = tessera::profile::shard_from_json(*json, "input")) {
    (void)tessera::profile::merge_shards({std::move(*shard)});
  }
  return 0;
}
