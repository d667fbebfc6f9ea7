// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/evaluate/race.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>
#include <utility>

#include "tessera/core/random.h"
#include "tessera/evaluate/fields.h"

namespace tessera::evaluate {
namespace {

constexpr double kNotRun = std::numeric_limits<double>::quiet_NaN();
/// Above this a run is long against the refilling of caches, and once per turn is enough.
constexpr double kRepeatBelowUs = 50e3;
/// A turn of the reference fills about this time.
constexpr double kTurnUs = 5e3;
constexpr double kMostRepeats = 10;
constexpr int kResamples = 400;
constexpr std::int64_t kRoundsBeforeSorting = 5;
constexpr std::int64_t kSlowEvery = 4;

double median_of(std::vector<double> values) {
  values.erase(std::remove_if(values.begin(), values.end(), [](double v) { return std::isnan(v); }),
               values.end());
  std::sort(values.begin(), values.end());
  return quantile(values, 0.5);
}

class Race {
 public:
  Race(std::span<const Contestant> contestants, const RaceOptions& options)
      : contestants_(contestants),
        options_(options),
        clock_(options.clock ? options.clock : steady_clock_us()),
        budget_clock_(options.budget_clock ? options.budget_clock : steady_clock_us()),
        random_(options.seed),
        tracks_(contestants.size()),
        order_(contestants.size()),
        slow_(contestants.size()),
        known_(contestants.size()) {
    std::iota(order_.begin(), order_.end(), std::size_t{0});
  }

  Result<std::vector<Track>> run(std::string_view stage, Monitor& monitor) {
    const double start = budget_clock_();
    for (std::size_t i = 0; i < contestants_.size(); ++i) {
      TESSERA_CHECK(monitor.check());
      warm_up(i);
    }
    for (std::int64_t round = 0; round < options_.max_rounds && !enough(round, start); ++round) {
      monitor.progress(stage, round, options_.max_rounds);
      const auto status = run_round(round, monitor);
      if (!status && round > 0) {
        break;  // what the rounds before have shown is not thrown away
      }
      TESSERA_CHECK(status);
    }
    monitor.progress(stage, options_.max_rounds, options_.max_rounds);
    for (auto& track : tracks_) {
      auto ran = track.rounds_us;
      ran.erase(std::remove_if(ran.begin(), ran.end(), [](double v) { return std::isnan(v); }),
                ran.end());
      track.timing = summarize(ran, options_.warmup);
    }
    return std::move(tracks_);
  }

 private:
  void warm_up(std::size_t index) {
    for (std::int64_t i = 0; i < std::max<std::int64_t>(options_.warmup, 1); ++i) {
      const double time = timed(index, 0);
      reference_us_ = index == 0 ? time : reference_us_;
    }
  }

  /// Time of one run; NaN, and the contestant is out, if it fails.
  double timed(std::size_t index, std::int64_t round) {
    auto& track = tracks_[index];
    if (!track.status) {
      return kNotRun;
    }
    const double start = clock_();
    track.status = contestants_[index](round);
    const double end = clock_();
    return track.status ? end - start : kNotRun;
  }

  [[nodiscard]] bool sits_out(std::size_t index, std::int64_t round) const {
    const bool waits = slow_[index] && round % kSlowEvery != 0;
    return !tracks_[index].status || (index != 0 && (known_[index] || waits));
  }

  Status run_round(std::int64_t round, Monitor& monitor) {
    slow_ = find_slow(round);
    for (auto i = order_.size(); i > 1; --i) {
      std::swap(order_[i - 1], order_[random_.below(i)]);
    }
    for (const auto index : order_) {
      TESSERA_CHECK(monitor.check());
      tracks_[index].rounds_us.push_back(sits_out(index, round) ? kNotRun : turn(index, round));
    }
    return {};
  }

  [[nodiscard]] int repeats() const {
    if (reference_us_ >= kRepeatBelowUs) {
      return 1;
    }
    return static_cast<int>(
        std::clamp(1 + kTurnUs / std::max(reference_us_, 1.0), 2.0, kMostRepeats));
  }

  /// One contestant's turn: the fastest of its runs.
  double turn(std::size_t index, std::int64_t round) {
    double fastest = kNotRun;
    for (int left = repeats(); left > 0 && tracks_[index].status; --left) {
      fastest = std::fmin(fastest, timed(index, round));
    }
    return tracks_[index].status ? fastest : kNotRun;
  }

  [[nodiscard]] std::vector<bool> find_slow(std::int64_t round) const {
    std::vector<bool> slow(tracks_.size(), false);
    if (round < kRoundsBeforeSorting) {
      return slow;
    }
    std::vector<double> medians;
    double best = std::numeric_limits<double>::infinity();
    for (const auto& track : tracks_) {
      medians.push_back(track.status ? median_of(track.rounds_us) : kNotRun);
      best = std::fmin(best, medians.back());
    }
    for (std::size_t i = 0; i < slow.size(); ++i) {
      slow[i] = medians[i] > options_.slow_factor * best;
    }
    return slow;
  }

  [[nodiscard]] bool enough(std::int64_t rounds, double start) {
    if (rounds < options_.min_rounds) {
      return false;
    }
    return budget_clock_() - start >= options_.budget_us ||
           (rounds >= options_.settle_rounds && settled());
  }

  /// Who is known well enough leaves the rounds to those who are not.
  [[nodiscard]] bool settled() {
    bool all = true;
    for (std::size_t i = 1; i < tracks_.size(); ++i) {
      known_[i] =
          known_[i] || speedup_of(tracks_[0], tracks_[i]).half_width() <= options_.wanted_precision;
      all = all && (known_[i] || slow_[i] || !tracks_[i].status);
    }
    return all;
  }

  std::span<const Contestant> contestants_;
  const RaceOptions& options_;
  Clock clock_;
  Clock budget_clock_;
  Random random_;
  std::vector<Track> tracks_;
  double reference_us_ = 0;
  std::vector<std::size_t> order_;
  std::vector<bool> slow_;
  std::vector<bool> known_;  ///< as well as is wanted: does not run any more
};

}  // namespace

Result<std::vector<Track>> race(std::span<const Contestant> contestants, const RaceOptions& options,
                                std::string_view stage, Monitor& monitor) {
  return Race(contestants, options).run(stage, monitor);
}

namespace {

/// Times of two contestants in the rounds that both ran.
struct Pairs {
  std::vector<double> reference;
  std::vector<double> candidate;
};

Pairs common_rounds(const Track& reference, const Track& candidate) {
  Pairs pairs;
  const auto rounds = std::min(reference.rounds_us.size(), candidate.rounds_us.size());
  for (std::size_t i = 0; i < rounds; ++i) {
    if (std::isfinite(reference.rounds_us[i]) && std::isfinite(candidate.rounds_us[i])) {
      pairs.reference.push_back(reference.rounds_us[i]);
      pairs.candidate.push_back(candidate.rounds_us[i]);
    }
  }
  return pairs;
}

/// Ratio of medians for the rounds given by index, in scratch space of the same size.
double ratio_of_medians(const Pairs& pairs, std::span<const std::size_t> rounds, Pairs& scratch) {
  const auto median = [&rounds](const std::vector<double>& values, std::vector<double>& space) {
    space.clear();
    for (const auto round : rounds) {
      space.push_back(values[round]);
    }
    std::sort(space.begin(), space.end());
    return quantile(space, 0.5);
  };
  return median(pairs.reference, scratch.reference) / median(pairs.candidate, scratch.candidate);
}

}  // namespace

Fields<Speedup> fields_of(const Speedup*) {
  static constexpr std::array kFields = {
      field<&Speedup::median>("median", "over the rounds"),
      field<&Speedup::low>("low", "lower end of its 95 % interval"),
      field<&Speedup::high>("high", "upper end of it"),
      field<&Speedup::rounds>("rounds", "in which both ran")};
  return kFields;
}

Speedup speedup_of(const Track& reference, const Track& candidate) {
  const auto pairs = common_rounds(reference, candidate);
  const auto count = pairs.reference.size();
  if (count == 0) {
    return {};
  }
  std::vector<std::size_t> rounds(count);
  std::iota(rounds.begin(), rounds.end(), std::size_t{0});
  Pairs scratch;
  const double ratio = ratio_of_medians(pairs, rounds, scratch);
  Random random(count);  // the interval of given times is always the same
  std::vector<double> ratios;
  for (int i = 0; i < kResamples; ++i) {
    for (auto& round : rounds) {
      round = random.below(count);
    }
    ratios.push_back(ratio_of_medians(pairs, rounds, scratch));
  }
  std::sort(ratios.begin(), ratios.end());
  return {ratio, quantile(ratios, 0.025), quantile(ratios, 0.975),
          static_cast<std::int64_t>(count)};
}

}  // namespace tessera::evaluate
