// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/report/trace.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "report/svg.h"
#include "tessera/core/compact_text.h"
#include "tessera/core/json.h"

namespace tessera::report {
namespace {

constexpr std::size_t kLongestName = 512;
constexpr int kProcess = 1;

struct Placed {
  const TraceEvent* event = nullptr;
  int track = 0;
};

double to_nanoseconds(double us) {
  return std::round(us * 1e3) / 1e3;
}

Json metadata(std::string_view kind, int track, Json args) {
  return {
      {"ph", "M"}, {"pid", kProcess}, {"tid", track}, {"name", kind}, {"args", std::move(args)}};
}

Json arguments(const TraceEvent& event) {
  Json args = Json::object();
  for (const auto& [key, value] : event.args) {
    const auto name = shorten(key, kLongestName);
    if (const auto* number = std::get_if<double>(&value)) {
      args[name] = *number;
    } else if (const auto* text = std::get_if<std::string>(&value)) {
      args[name] = shorten(*text, kLongestName);
    }
  }
  return args;
}

}  // namespace

std::string trace_json(std::span<const TraceEvent> events, std::string_view process) {
  std::vector<Placed> placed;
  std::map<std::string_view, int> tracks;
  std::vector<std::string_view> names;
  for (const auto& event : events) {
    if (!std::isfinite(event.start_us) || !std::isfinite(event.duration_us) || event.start_us < 0 ||
        event.duration_us < 0) {
      continue;
    }
    const auto [track, is_new] = tracks.emplace(event.track, static_cast<int>(names.size()) + 1);
    if (is_new) {
      names.push_back(event.track);
    }
    placed.push_back({&event, track->second});
  }
  std::stable_sort(placed.begin(), placed.end(), [](const Placed& a, const Placed& b) {
    const auto key = [](const Placed& of) {
      return std::tuple(of.track, of.event->start_us, -of.event->duration_us);
    };
    return key(a) < key(b);
  });

  Json list = Json::array();
  list.push_back(metadata("process_name", 0, {{"name", shorten(process, kLongestName)}}));
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto track = static_cast<int>(i) + 1;
    list.push_back(metadata("thread_name", track, {{"name", shorten(names[i], kLongestName)}}));
    list.push_back(metadata("thread_sort_index", track, {{"sort_index", track}}));
  }
  for (const auto& [event, track] : placed) {
    Json entry = {{"ph", "X"},
                  {"pid", kProcess},
                  {"tid", track},
                  {"name", shorten(event->name, kLongestName)},
                  {"ts", to_nanoseconds(event->start_us)},
                  {"dur", to_nanoseconds(event->duration_us)}};
    if (!event->args.empty()) {
      entry["args"] = arguments(*event);
    }
    list.push_back(std::move(entry));
  }
  const Json document = {{"displayTimeUnit", "ms"},
                         {"otherData", {{"left_out", events.size() - placed.size()}}},
                         {"traceEvents", std::move(list)}};
  return compact_text(document) + "\n";
}

}  // namespace tessera::report
