// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tessera/core/energy.h"
#include "tessera/core/json.h"
#include "tessera/core/monitor.h"
#include "tessera/core/result.h"
#include "tessera/core/timing.h"
#include "tessera/data/sample_set.h"
#include "tessera/network/network.h"
#include "tessera/runtime/library.h"
#include "tessera/runtime/session.h"

namespace tessera::evaluate {

/// How work and rest alternate while counters are read.
struct EnergyProtocol {
  int pairs = 5;                         ///< of a rest and a turn of work
  double rest_us = 3e5;                  ///< of each rest
  double work_us = 6e5;                  ///< least length of each turn of work
  Clock clock;                           ///< empty: the steady clock
  std::function<void(double us)> sleep;  ///< empty: the thread sleeps
};

/// What one call of some work takes.
struct MeasuredEnergy {
  Energy per_call;                   ///< above idle
  double gross_joules_per_call = 0;  ///< idle included
  double idle_watts = 0;             ///< median over the rests
  std::int64_t calls = 0;
  std::vector<std::pair<std::string, double>> domains;  ///< joules per call above idle, by counter
};

/// Alternates rests and turns of work. Each pair gives one figure: the counters' growth over the
/// turn, less what they grew in the rest before for the same time, by call. The result is the mean
/// of the pairs with a 95 % interval from their spread (Student's t). Counters see the whole
/// processor: what other programs do is in it, and widens the interval.
/// Errors: those of the work and of the counters; kCancelled.
[[nodiscard]] Result<MeasuredEnergy> measure_energy(EnergyMeter& meter,
                                                    const std::function<Status()>& work,
                                                    const EnergyProtocol& protocol,
                                                    Monitor& monitor);

struct EnergyOptions {
  runtime::SessionOptions session;
  double seconds = 4;           ///< for work and rests together
  std::optional<double> watts;  ///< power to assume instead of counters
  bool per_mac = false;         ///< the per-MAC model instead of either
  std::filesystem::path counters = EnergyMeter::default_root();
};

/// What the runtime calls for one or more operators of the model.
struct LayerEnergy {
  std::string name;
  std::string type;
  std::string provider;
  std::optional<double> macs;  ///< of the operator of this name; absent where there is none
  double time_us = 0;          ///< median over runs
  double share = 0;            ///< of the model's energy
  double joules = 0;
};

struct ModelEnergy {
  Energy per_inference;
  std::optional<MeasuredEnergy> measured;
  Timing latency;
  MacCounts macs;
  Energy per_mac;                                         ///< the model's, for comparison
  std::vector<LayerEnergy> layers;                        ///< dearest first
  std::string shared_by;                                  ///< "time" or "macs": see model_energy()
  runtime::OptLevel opt_level = runtime::OptLevel::kAll;  ///< at which it ran
};

/// Energy of one inference, by the best source there is: the processor's counters, else time x
/// power (the stated one, or kAssumedWattsPerThread x threads with the warning energy-assumed).
/// Counters that may not be read are the warning energy-unreadable.
///
/// Layers share it by the time of their kernels, as if every kernel drew the same power; with the
/// per-MAC model, by their multiply-accumulates.
/// Errors: those of opening and running the model; kCancelled.
[[nodiscard]] Result<ModelEnergy> model_energy(const network::Network& model,
                                               const data::SampleSet& samples,
                                               std::shared_ptr<const runtime::Library> library,
                                               const EnergyOptions& options, Monitor& monitor);

/// {energy{joules, unit, source, uncertainty_joules, method}, measured, latency, macs, per_mac,
/// shared_by, layers[]}.
[[nodiscard]] Json to_json(const ModelEnergy& energy);

}  // namespace tessera::evaluate
