// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/result.h"

namespace tessera {

/// Numbers of processors from a list as taskset and the kernel write it, "0,2-3": ascending, each
/// once. Errors: kInvalidArgument for anything else, an empty list included.
[[nodiscard]] Result<std::vector<int>> parse_cpu_list(std::string_view text);
/// {0, 2, 3} as "0,2-3".
[[nodiscard]] std::string cpu_list_text(const std::vector<int>& cpus);

/// Processors that this process may run on, ascending.
[[nodiscard]] std::vector<int> usable_cpus();
/// Confines the calling thread, and every thread it starts from then on, to some processors. Call
/// it before sessions are opened, since their threads are started then.
/// Errors: kInvalidArgument naming a processor that is absent or not allowed, and those that are.
[[nodiscard]] Status pin_to_cpus(const std::vector<int>& cpus);

/// A part of the machine that has memory of its own: access to that of another one is slower.
struct NumaNode {
  int id = 0;
  std::vector<int> cpus;
  std::int64_t memory_bytes = 0;
};
/// From the kernel's tree; empty where it has none. `root` is injectable for tests.
[[nodiscard]] std::vector<NumaNode> numa_nodes(
    const std::filesystem::path& root = "/sys/devices/system/node");

}  // namespace tessera
