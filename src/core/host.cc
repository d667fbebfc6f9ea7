// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/core/host.h"

#include <sched.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace tessera {
namespace {

/// Extensions that decide which kernels a runtime picks, under the names /proc/cpuinfo uses.
constexpr std::array kKnownExtensions = {
    "sse4_1",   "avx",      "avx2",     "fma",         "f16c",        "avx_vnni",
    "avx512f",  "avx512bw", "avx512vl", "avx512_vnni", "avx512_bf16", "avx512_fp16",
    "amx_tile", "amx_int8", "amx_bf16", "asimd",       "asimdhp",     "asimddp",
    "i8mm",     "bf16",     "sve",      "sve2"};

struct CpuInfo {
  std::string brand;
  std::vector<std::string> flags;
};

/// One source for x86 ("flags", "model name") and Arm ("Features"); the kernel hides what the
/// operating system does not save across context switches, which CPUID alone would not.
CpuInfo read_cpuinfo() {
  CpuInfo info;
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const auto colon = line.find(':');
    if (colon == std::string::npos) {
      continue;
    }
    const auto value = colon + 2 <= line.size() ? line.substr(colon + 2) : std::string();
    if (info.brand.empty() && line.starts_with("model name")) {
      info.brand = value;
    }
    if (info.flags.empty() && (line.starts_with("flags") || line.starts_with("Features"))) {
      std::istringstream words(value);
      for (std::string word; words >> word;) {
        info.flags.push_back(word);
      }
    }
  }
  return info;
}

}  // namespace

bool Host::has(const std::string& extension) const {
  return std::find(isa.begin(), isa.end(), extension) != isa.end();
}

bool Host::has_int8_dot_product() const {
  return has("avx512_vnni") || has("avx_vnni") || has("amx_int8") || has("asimddp") || has("i8mm");
}

Host describe_host() {
  Host host;
  utsname system{};
  if (::uname(&system) == 0) {
    host.name = system.nodename;
    host.architecture = system.machine;
  }
  const auto info = read_cpuinfo();
  host.cpu = info.brand.empty() ? host.architecture : info.brand;
  for (const auto* extension : kKnownExtensions) {
    if (std::find(info.flags.begin(), info.flags.end(), extension) != info.flags.end()) {
      host.isa.emplace_back(extension);
    }
  }
  cpu_set_t usable;
  host.logical_cpus = ::sched_getaffinity(0, sizeof usable, &usable) == 0
                          ? CPU_COUNT(&usable)
                          : static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN));
  struct sysinfo memory {};
  if (::sysinfo(&memory) == 0) {
    host.memory_bytes = static_cast<std::int64_t>(memory.totalram) * memory.mem_unit;
  }
  return host;
}

std::string environment(const char* variable) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing sets a variable once there are threads
  const char* value = std::getenv(variable);
  return value == nullptr ? "" : value;
}

std::int64_t peak_rss_bytes() {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("VmHWM:")) {
      return std::stoll(line.substr(6)) * 1024;
    }
  }
  return 0;
}

bool reset_peak_rss() {
  std::ofstream file("/proc/self/clear_refs");
  file << 5;
  file.flush();
  return file.good();
}

}  // namespace tessera
