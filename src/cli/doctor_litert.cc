// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "cli/doctor_litert.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string_view>

namespace tessera::cli {
namespace {

using runtime::LitertProbe;
using runtime::OptLevel;

std::string_view kernels_of(const LitertProbe& probe) {
  return probe.kernels == OptLevel::kAll ? "xnnpack" : "builtin";
}

std::string_view outcome_of(const LitertProbe& probe) {
  return !probe.error.empty() ? "refused" : probe.right ? "right" : "wrong";
}

/// "int8", with what is worth knowing: "int16 activations (built-in kernels)".
std::string phrase(const LitertProbe& probe) {
  std::string text(to_string(probe.skill));
  if (!probe.error.empty()) {
    return text + " (refused)";
  }
  if (!probe.right) {
    return text + " (WRONG VALUES)";
  }
  return probe.by_xnnpack == false ? text + " (by built-in kernels)" : text;
}

std::string line_of(const LitertReport& report, OptLevel kernels) {
  std::string line;
  for (const auto& probe : report.skills.probes) {
    if (probe.kernels == kernels) {
      line += (line.empty() ? "" : ", ") + phrase(probe);
    }
  }
  return line;
}

}  // namespace

LitertReport examine_litert(const std::filesystem::path& path) {
  LitertReport report;
  auto library = runtime::load_litert(path);
  if (!library) {
    report.problem = std::move(library).error();
    return report;
  }
  report.library = *library;
  if (auto skills = runtime::probe_litert(report.library)) {
    report.skills = std::move(*skills);
  }
  return report;
}

Json to_json(const LitertReport& report) {
  if (report.library == nullptr) {
    return {};
  }
  auto skills = Json::array();
  for (const auto& probe : report.skills.probes) {
    skills.push_back({{"name", to_string(probe.skill)},
                      {"kernels", kernels_of(probe)},
                      {"outcome", outcome_of(probe)},
                      {"by_xnnpack", probe.by_xnnpack ? Json(*probe.by_xnnpack) : Json()},
                      {"error", probe.error.empty() ? Json() : Json(probe.error)}});
  }
  return {{"name", report.library->name()},
          {"version", report.library->version()},
          {"path", report.library->path().string()},
          {"observer", report.skills.observer},
          {"skills", skills}};
}

std::string to_text(const LitertReport& report) {
  if (report.library == nullptr) {
    return {};
  }
  return fmt::format(
      "runtime    {} {} at {}\nbuiltin    {}\nxnnpack    {}\nobserver   {}\n",
      report.library->name(), report.library->version(), report.library->path().string(),
      line_of(report, OptLevel::kDisabled), line_of(report, OptLevel::kAll),
      report.skills.observer ? "shows values inside of .tflite models and times of operators"
                             : "not taken: no values inside of models, no times of operators");
}

std::vector<std::string> wrong_skills(const LitertReport& report) {
  std::vector<std::string> wrong;
  for (const auto& probe : report.skills.probes) {
    if (probe.error.empty() && !probe.right) {
      wrong.push_back(fmt::format("{} by {} kernels", to_string(probe.skill), kernels_of(probe)));
    }
  }
  return wrong;
}

}  // namespace tessera::cli
