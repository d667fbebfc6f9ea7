// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/core/affinity.h"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <set>

namespace tessera {
namespace {

namespace fs = std::filesystem;

/// The number that the whole of `text` is; -1 if it is none, or beyond what a cpu_set_t holds.
int cpu_number(std::string_view text) {
  int value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc{} && end == text.data() + text.size();
  return whole && value >= 0 && value < CPU_SETSIZE ? value : -1;
}

std::string first_line(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

/// "Node 0 MemTotal:   24670308 kB"
std::int64_t memory_of_node(const fs::path& meminfo) {
  std::ifstream file(meminfo);
  for (std::string line; std::getline(file, line);) {
    const auto key = line.find("MemTotal:");
    if (key != std::string::npos) {
      const auto digits = line.find_first_of("0123456789", key);
      return digits == std::string::npos ? 0
                                         : std::strtoll(line.c_str() + digits, nullptr, 10) * 1024;
    }
  }
  return 0;
}

}  // namespace

Result<std::vector<int>> parse_cpu_list(std::string_view text) {
  std::set<int> cpus;
  for (auto rest = text;;) {
    const auto comma = rest.find(',');
    const auto part = rest.substr(0, comma);
    const auto dash = part.find('-');
    const int first = cpu_number(part.substr(0, dash));
    const int last = dash == std::string_view::npos ? first : cpu_number(part.substr(dash + 1));
    if (first < 0 || last < first) {
      return fail(ErrorCode::kInvalidArgument, "'{}' is not a list of processors", text)
          .hint("write numbers and ranges, such as 0,2-3; tessera doctor shows those usable");
    }
    for (int cpu = first; cpu <= last; ++cpu) {
      cpus.insert(cpu);
    }
    if (comma == std::string_view::npos) {
      return std::vector<int>(cpus.begin(), cpus.end());
    }
    rest = rest.substr(comma + 1);
  }
}

std::string cpu_list_text(const std::vector<int>& cpus) {
  std::string text;
  for (std::size_t i = 0; i < cpus.size();) {
    auto end = i + 1;
    while (end < cpus.size() && cpus[end] == cpus[end - 1] + 1) {
      ++end;
    }
    text += (text.empty() ? "" : ",") + std::to_string(cpus[i]);
    if (end - i > 1) {
      text += "-" + std::to_string(cpus[end - 1]);
    }
    i = end;
  }
  return text;
}

std::vector<int> usable_cpus() {
  std::vector<int> cpus;
  cpu_set_t usable;
  if (::sched_getaffinity(0, sizeof usable, &usable) == 0) {
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (CPU_ISSET(static_cast<std::size_t>(cpu), &usable)) {
        cpus.push_back(cpu);
      }
    }
  }
  return cpus;
}

Status pin_to_cpus(const std::vector<int>& cpus) {
  const auto usable = usable_cpus();
  cpu_set_t wanted;
  CPU_ZERO(&wanted);
  for (const int cpu : cpus) {
    if (std::find(usable.begin(), usable.end(), cpu) == usable.end()) {
      return fail(ErrorCode::kInvalidArgument, "processor {} is not usable by this process", cpu)
          .hint("choose from {}", cpu_list_text(usable));
    }
    CPU_SET(static_cast<std::size_t>(cpu), &wanted);
  }
  if (cpus.empty() || ::sched_setaffinity(0, sizeof wanted, &wanted) != 0) {
    return fail(ErrorCode::kInvalidArgument, "cannot run on processors '{}' alone",
                cpu_list_text(cpus))
        .hint("choose from {}", cpu_list_text(usable));
  }
  return {};
}

std::vector<NumaNode> numa_nodes(const fs::path& root) {
  std::vector<NumaNode> nodes;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(root, error)) {
    const auto name = entry.path().filename().string();
    const int id = name.starts_with("node") ? cpu_number(std::string_view(name).substr(4)) : -1;
    if (id < 0) {
      continue;
    }
    // A node may have memory and no processors.
    auto cpus = parse_cpu_list(first_line(entry.path() / "cpulist"));
    nodes.push_back({id, cpus ? *std::move(cpus) : std::vector<int>(),
                     memory_of_node(entry.path() / "meminfo")});
  }
  std::sort(nodes.begin(), nodes.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  return nodes;
}

}  // namespace tessera
