// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/cluster/cluster.h"
#include "tessera/core/result.h"

/// Parts of a cluster as people write them in options. Errors of all: kInvalidArgument with what
/// was expected.
namespace tessera::cluster {

/// "20MB/s", "160Mbit/s" (or Mbps), "1.5GiB/s"; a plain number is bytes per second.
[[nodiscard]] Result<double> bytes_per_s_from(std::string_view text);
/// "2ms", "150us", "0.1s"; a plain number is microseconds.
[[nodiscard]] Result<double> us_from(std::string_view text);
/// "512MiB", "4GB"; a plain number is bytes.
[[nodiscard]] Result<double> bytes_from(std::string_view text);
/// "2.5".
[[nodiscard]] Result<double> number_from(std::string_view text);

/// "A-B=10MB/s,2ms": both directions, "A>B=10MB/s,2ms": one. The time is the latency and may be
/// left out (0). Names may have hyphens, so the known machines decide where one ends.
[[nodiscard]] Result<std::vector<Link>> links_from(std::string_view text,
                                                   std::span<const std::string> machines);

/// "NAME=OF*4": a machine that takes four times as long as another one in every precision.
[[nodiscard]] Result<Machine> scaled_machine_from(std::string_view text);

}  // namespace tessera::cluster
