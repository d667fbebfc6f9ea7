// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tessera {

/// What this machine is, as far as speed is concerned.
struct Host {
  std::string name;              ///< host name
  std::string cpu;               ///< brand, "AMD EPYC 9654"
  std::string architecture;      ///< "x86_64", "aarch64"
  std::vector<std::string> isa;  ///< extensions that matter for kernels, "avx2", "avx512_vnni"
  int logical_cpus = 0;          ///< usable by this process
  std::int64_t memory_bytes = 0;

  [[nodiscard]] bool has(const std::string& extension) const;
  /// True if u8 x s8 dot products accumulate into 32 bits without saturating in between.
  [[nodiscard]] bool has_int8_dot_product() const;
};

[[nodiscard]] Host describe_host();

/// Value of an environment variable; empty if it is not set.
[[nodiscard]] std::string environment(const char* variable);

/// Peak resident set of this process so far; 0 if the system does not tell.
[[nodiscard]] std::int64_t peak_rss_bytes();
/// Resets the peak to the present resident set, where the system can (Linux clear_refs).
bool reset_peak_rss();

}  // namespace tessera
