// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// The table of docs/planning.md: networks of the shape of a segmenting YOLO, planned by branch and
// bound, by HiGHS alone, and in the formulation that came before. Each solve is a process of its
// own, so that its memory and processor time are known (on a machine at rest that is the time it
// takes); one thread.
//
//   plan_table [--runs N] [--seconds S] [--no-highs] [ROW]...
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plan_instances.h"
#include "plan_predecessor.h"
#include "tessera/milp/highs.h"
#include "tessera/plan/solve.h"

namespace tessera::plan {
namespace {

/// What one solve came to; crosses a pipe as it is.
struct Run {
  double seconds = 0;  ///< of the wall
  double processor_s = 0;
  double gap = 1;
  double cost_ms = 0;
  double bound_ms = 0;
  double nodes = 0;
  double mib = 0;
  bool failed = true;
};

double now() {
  using Clock = std::chrono::steady_clock;
  return std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
}

/// Runs it in a process of its own.
Run apart(const std::function<Run()>& work) {
  int pipe[2];
  if (::pipe(pipe) != 0) {
    return {};
  }
  std::fflush(stdout);
  const auto child = ::fork();
  if (child == 0) {
    const auto run = work();
    const auto written = ::write(pipe[1], &run, sizeof run);
    ::_exit(written == sizeof run ? 0 : 1);
  }
  ::close(pipe[1]);
  Run run;
  if (::read(pipe[0], &run, sizeof run) != sizeof run) {
    run = {};
  }
  ::close(pipe[0]);
  int status = 0;
  rusage usage{};
  ::wait4(child, &status, 0, &usage);
  run.mib = static_cast<double>(usage.ru_maxrss) / 1024;
  run.processor_s = static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                    static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
  return run;
}

Run timed(const std::function<Result<Solution>()>& solve) {
  const auto start = now();
  const auto solution = solve();
  Run run;
  run.seconds = now() - start;
  if (!solution) {
    fmt::print(stderr, "{}\n", to_string(solution.error()));
    return run;
  }
  run.failed = false;
  run.gap = solution->gap();
  run.cost_ms = static_cast<double>(solution->value.cost_ns) / 1e6;
  run.bound_ms = static_cast<double>(solution->bound_ns) / 1e6;
  run.nodes = static_cast<double>(solution->nodes);
  return run;
}

/// Ends a solve by the processor time of its process: the machine may be shared.
class Budget final : public Monitor {
 public:
  explicit Budget(double seconds) : seconds_(seconds) {}
  void progress(std::string_view, std::int64_t, std::int64_t) override {}
  void warn(const Warning&) override {}
  [[nodiscard]] bool cancelled() const noexcept override {
    timespec time{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9 > seconds_;
  }

 private:
  double seconds_;
};

/// Wall time for a second of processor time.
constexpr double kPatience = 6;

struct Settings {
  int runs = 3;
  double seconds = 60;  ///< for others
  bool highs = true;
  std::vector<std::string> rows;
};

/// The run of median time. Long ones are not repeated.
Run median(const Settings& settings, const std::function<Run()>& work) {
  std::vector<Run> runs;
  for (int k = 0; k < settings.runs; ++k) {
    runs.push_back(apart(work));
    if (runs.back().processor_s > 15) {
      break;
    }
  }
  std::ranges::sort(runs, {}, &Run::processor_s);
  return runs[(runs.size() - 1) / 2];
}

std::string shown(const Run& run) {
  if (run.failed) {
    return "failed | - | -";
  }
  const auto gap = run.cost_ms == 0 ? "no plan" : fmt::format("{:.2g} %", 100 * run.gap);
  return fmt::format("{} | {:.3g} | {:.0f}", gap, run.processor_s, run.mib);
}

struct Row {
  std::string name;
  std::string title;
  InstanceOptions instance;
  double gap = 1e-3;
  double seconds = 60;  ///< asked for
};

std::vector<Row> all_rows() {
  const Machines three{3, 4};
  const Machines four{4, 4};
  const Machines six{6, 4};
  return {
      {"free", "3 machines", {.machines = three}, 0, 1},
      {"error", "3 machines, error", {.machines = three, .error = true}, 1e-3, 1},
      {"four", "4 machines, error", {.machines = four, .error = true}, 1e-3, 5},
      {"six", "6 machines, error", {.machines = six, .error = true}, 1e-3, 5},
      {"energy",
       "3 machines, error, energy",
       {.machines = three, .error = true, .energy = 0.012},
       1e-3,
       10},
      {"energy4",
       "4 machines, error, energy",
       {.machines = four, .error = true, .energy = 0.012},
       1e-3,
       10},
      {"energy6",
       "6 machines, error, energy",
       {.machines = six, .error = true, .energy = 0.012},
       1e-3,
       10},
      {"memory2",
       "3 machines, error, 2 memories",
       {.machines = three, .error = true, .memories = 2},
       5e-3,
       20},
      {"memory3",
       "3 machines, error, 3 memories",
       {.machines = three, .error = true, .memories = 3},
       5e-3,
       20},
      {"large", "4 machines", {.machines = four, .repeats = 20}, 1e-2, 60},
      {"large_error",
       "4 machines, error",
       {.machines = four, .repeats = 20, .error = true},
       1e-2,
       60},
  };
}

std::size_t edges_of(const Problem& problem) {
  std::size_t edges = 0;
  for (const auto& tensor : problem.tensors) {
    edges += tensor.consumers.size();
  }
  return edges;
}

bool is_asked(const Settings& settings, const std::string& name) {
  return settings.rows.empty() || std::ranges::find(settings.rows, name) != settings.rows.end();
}

void print_rows(const Settings& settings, const milp::Highs* highs) {
  fmt::print(
      "\n| operators, edges | instance | asked | ours: gap | s | MiB | HiGHS: gap | s | MiB |\n");
  fmt::print("|---|---|---|---|---|---|---|---|---|\n");
  for (const auto& row : all_rows()) {
    if (!is_asked(settings, row.name)) {
      continue;
    }
    const auto problem = instance(row.instance);
    const auto ours = median(settings, [&] {
      return timed([&] {
        Budget budget(row.seconds);
        return solve(problem, {.gap = row.gap, .time_limit_s = kPatience * row.seconds}, budget);
      });
    });
    fmt::print("| {}, {} | {} | {:.2g} % in {:.3g} s | {} |", problem.variables.size(),
               edges_of(problem), row.title, 100 * row.gap, row.seconds, shown(ours));
    std::fflush(stdout);
    fmt::print(stderr, "{}: {:.4g} ms, proven {:.4g} ms, {:.0f} nodes, {:.3g} s of wall time\n",
               row.name, ours.cost_ms, ours.bound_ms, ours.nodes, ours.seconds);
    if (highs == nullptr) {
      fmt::print(" - | - | - |\n");
      continue;
    }
    const auto theirs = median(settings, [&] {
      return timed([&] {
        Budget budget(settings.seconds);
        return highs->solve(problem, {.gap = row.gap, .time_limit_s = 2 * settings.seconds},
                            budget);
      });
    });
    fmt::print(" {} |\n", shown(theirs));
    std::fflush(stdout);
  }
}

/// Ours plans all precisions of all machines; the predecessor's model knows integers for the
/// twelve largest layers only.
void print_predecessor(const Settings& settings, const std::filesystem::path& library) {
  fmt::print(
      "\n| machines | error | ours: gap | s | MiB | predecessor's rows in HiGHS: gap | s | "
      "MiB | times |\n|---|---|---|---|---|---|---|---|---|\n");
  const Machines machines{3, 4};
  for (const double share : {0.05, 0.2, 0.5}) {
    auto problem = segmentation_network(machines, 1);
    problem.limits.push_back(error_limit(problem, machines, 50, share, 2));
    pin_ends(problem, machines);
    const auto ours = median(settings, [&] {
      return timed([&] {
        Budget budget(settings.seconds);
        return solve(problem, {.gap = 1e-3, .time_limit_s = kPatience * settings.seconds}, budget);
      });
    });
    const auto theirs = median(settings, [&] {
      Run run;
      const auto start = now();
      const auto found = predecessor(problem, machines, share, library, 1e-3, 2 * settings.seconds);
      run.seconds = now() - start;
      run.failed = !found;
      run.gap = found ? found->gap : 1;
      run.cost_ms = found ? found->cost_ms : 0;
      return run;
    });
    fmt::print("| {:.0f} % | {} | {} | {:.0f} |\n", 100 * share, shown(ours), shown(theirs),
               theirs.processor_s / ours.processor_s);
    std::fflush(stdout);
  }
}

/// Planned again after the links have become half as fast, from what was found before.
void print_replans(const Settings& settings) {
  fmt::print(
      "\n| again after links of half the speed | asked | from nothing: gap | s | MiB | "
      "from the old plan: gap | s | MiB |\n|---|---|---|---|---|---|---|---|\n");
  for (const auto& row : all_rows()) {
    const bool is_small = row.instance.repeats == 1 && row.instance.memories == 0 &&
                          row.instance.energy == 0 && row.instance.machines.count < 6;
    if (!is_asked(settings, row.name) || !is_small) {
      continue;
    }
    const auto problem = instance(row.instance);
    const auto before = solve(problem, {.gap = row.gap, .time_limit_s = kPatience * row.seconds});
    if (!before) {
      fmt::print(stderr, "{}\n", to_string(before.error()));
      continue;
    }
    const auto slower = with_links(problem, 2);
    const auto again = [&](const Solution* start) {
      return median(settings, [&, start] {
        return timed(
            [&] { return solve(slower, {.gap = row.gap, .time_limit_s = 60, .start = start}); });
      });
    };
    fmt::print("| {} | {:.2g} % in {} s | {} | {} |\n", row.title, 100 * row.gap,
               problem.limits.empty() ? 0.05 : 0.3, shown(again(nullptr)), shown(again(&*before)));
    std::fflush(stdout);
  }
}

std::string processor() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("model name")) {
      return line.substr(line.find(':') + 2);
    }
  }
  return "unknown";
}

Settings settings_of(int count, char** arguments) {
  Settings settings;
  for (int k = 1; k < count; ++k) {
    const std::string_view argument = arguments[k];
    if (argument == "--runs" && k + 1 < count) {
      settings.runs = std::max(1, std::atoi(arguments[++k]));
    } else if (argument == "--seconds" && k + 1 < count) {
      settings.seconds = std::atof(arguments[++k]);
    } else if (argument == "--no-highs") {
      settings.highs = false;
    } else {
      settings.rows.emplace_back(argument);
    }
  }
  return settings;
}

int run(int count, char** arguments) {
  const auto settings = settings_of(count, arguments);
  fmt::print(
      "{}; one thread, seconds of processor time, median of {} (one run where it takes more than "
      "15 s)\n",
      processor(), settings.runs);
  const auto highs = milp::highs();
  if (!highs) {
    fmt::print(stderr, "{}\n", to_string(highs.error()));
  }
  const bool others = settings.highs && highs;
  print_rows(settings, others ? highs->get() : nullptr);
  print_replans(settings);
  if (others && is_asked(settings, "predecessor")) {
    print_predecessor(settings, (*highs)->path());
  }
  return 0;
}

}  // namespace
}  // namespace tessera::plan

int main(int count, char** arguments) {
  return tessera::plan::run(count, arguments);
}
