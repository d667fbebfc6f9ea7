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

std::string_view name_of(OptLevel kernels) {
  return kernels == OptLevel::kAll ? "xnnpack" : "builtin";
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

LitertRate rate_of(const std::shared_ptr<const runtime::Library>& library, bool integer,
                   OptLevel kernels) {
  constexpr double kBudgetUs = 4e4;
  auto rate = profile::measure_arithmetic(network::FileFormat::kLitert, integer, library,
                                          {.opt_level = kernels}, kBudgetUs, Monitor::silent());
  LitertRate result{.integer = integer, .kernels = kernels};
  if (rate) {
    result.rate = *std::move(rate);
  } else {
    result.error = rate.error().message;
  }
  return result;
}

std::string_view type_of(const LitertRate& rate) {
  return rate.integer ? "int8" : "float32";
}

/// "float32 54 (builtin), 101 (xnnpack); int8 ..."
std::string rates_text(const std::vector<LitertRate>& rates) {
  std::string text;
  for (const auto& rate : rates) {
    const bool first = text.find(type_of(rate)) == std::string::npos;
    text += first ? fmt::format("{}{} ", text.empty() ? "" : "; ", type_of(rate)) : ", ";
    text +=
        fmt::format("{} ({})", rate.rate ? fmt::format("{:.0f}", rate.rate->giga_per_s) : "unknown",
                    name_of(rate.kernels));
  }
  return text;
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
  for (const bool integer : {false, true}) {
    for (const auto kernels : {OptLevel::kDisabled, OptLevel::kAll}) {
      report.rates.push_back(rate_of(report.library, integer, kernels));
    }
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
                      {"kernels", name_of(probe.kernels)},
                      {"outcome", outcome_of(probe)},
                      {"by_xnnpack", probe.by_xnnpack ? Json(*probe.by_xnnpack) : Json()},
                      {"error", probe.error.empty() ? Json() : Json(probe.error)}});
  }
  auto rates = Json::array();
  for (const auto& one : report.rates) {
    const auto& rate = one.rate;
    rates.push_back({{"type", type_of(one)},
                     {"kernels", name_of(one.kernels)},
                     {"giga_per_s", rate ? Json(rate->giga_per_s) : Json()},
                     {"network", rate ? Json(rate->network) : Json()},
                     {"error", one.error.empty() ? Json() : Json(one.error)}});
  }
  return {{"name", report.library->name()},
          {"version", report.library->version()},
          {"path", report.library->path().string()},
          {"observer", report.skills.observer},
          {"skills", skills},
          {"arithmetic", rates}};
}

std::string to_text(const LitertReport& report) {
  if (report.library == nullptr) {
    return {};
  }
  return fmt::format(
      "runtime    {} {} at {}\nbuiltin    {}\nxnnpack    {}\nspeed      {} x 1e9 operations "
      "per second, one thread\nobserver   {}\n",
      report.library->name(), report.library->version(), report.library->path().string(),
      line_of(report, OptLevel::kDisabled), line_of(report, OptLevel::kAll),
      rates_text(report.rates),
      report.skills.observer ? "shows values inside of .tflite models and times of operators"
                             : "not taken: no values inside of models, no times of operators");
}

std::vector<std::string> wrong_skills(const LitertReport& report) {
  std::vector<std::string> wrong;
  for (const auto& probe : report.skills.probes) {
    if (probe.error.empty() && !probe.right) {
      wrong.push_back(
          fmt::format("{} by {} kernels", to_string(probe.skill), name_of(probe.kernels)));
    }
  }
  return wrong;
}

}  // namespace tessera::cli
