// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace tessera::report {

/// Something that took time.
struct TraceEvent {
  std::string track;  ///< a line of its own in the viewer: a thread, a precision, a worker
  std::string name;
  double start_us = 0;
  double duration_us = 0;
  std::vector<std::pair<std::string, std::variant<double, std::string>>> args;
};

/// A timeline for chrome://tracing and ui.perfetto.dev, in the Trace Event format (object form,
/// complete events "X"; tracks are threads of one process, in the order they first appear). Events
/// are sorted by track, start and length, longest first, so that what contains comes before what
/// it contains. Times are rounded to nanoseconds. An event that starts or lasts no finite time, or
/// less than none, is left out; `otherData.left_out` says how many. Same events, same bytes.
/// Source: "Trace Event Format", Google, 2016.
[[nodiscard]] std::string trace_json(std::span<const TraceEvent> events,
                                     std::string_view process = "tessera");

}  // namespace tessera::report
