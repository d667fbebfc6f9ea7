// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/json.h"
#include "tessera/core/result.h"

namespace tessera {

enum class EnergySource : std::uint8_t {
  kPowercap,       ///< counters of the processor, measured
  kConstantPower,  ///< time x a stated power
  kPerMac,         ///< multiply-accumulates x a stated energy each
};
/// "powercap", "constant-power", "per-mac".
[[nodiscard]] std::string_view to_string(EnergySource source) noexcept;

/// An amount of energy that says where it comes from.
struct Energy {
  double joules = 0;
  EnergySource source = EnergySource::kPowercap;
  /// Half the width of a 95 % interval. Absent for models: nobody knows how wrong they are here.
  std::optional<double> uncertainty_joules;
  std::string method;  ///< one sentence: what was counted, and on which assumption
};
/// {joules, unit, source, uncertainty_joules, method}.
[[nodiscard]] Json to_json(const Energy& energy);

/// Time x power. `assumed` says that nobody measured the power of this machine.
[[nodiscard]] Energy constant_power_energy(double watts, double seconds, bool assumed);
/// Watts per busy thread where nothing else is known. An assumption, not a property of any
/// machine: only ratios between models on one machine mean something with it.
inline constexpr double kAssumedWattsPerThread = 10;

/// What arithmetic alone takes in a 45 nm process at 0.9 V: Horowitz, "Computing's energy problem
/// (and what we can do about it)", ISSCC 2014, figure 1.1.9. A multiplication and an addition in
/// the accumulator's type; no instruction, no register, no memory. A lower bound for what a CPU of
/// that process needs, and good for comparing precisions.
inline constexpr double kFloat32MacPicojoules = 3.7 + 0.9;  ///< float32 x float32 + float32
inline constexpr double kFloat16MacPicojoules = 1.1 + 0.4;  ///< float16 x float16 + float16
inline constexpr double kInt8MacPicojoules = 0.2 + 0.1;     ///< int8 x int8 + int32
struct MacCounts {
  double float32 = 0;
  double float16 = 0;
  double int8 = 0;
};
[[nodiscard]] Energy per_mac_energy(const MacCounts& macs);

/// One counter of the processor.
struct EnergyDomain {
  std::string name;  ///< "package-0", "core", "uncore", "dram", "psys"
  std::filesystem::path path;
  /// The counter goes from 0 to this and starts again.
  std::uint64_t max_range_uj = 0;
  bool counts = false;  ///< enters the total; others are parts of one that does
};

/// Reads the energy counters that Linux shows under /sys/class/powercap (RAPL of Intel and AMD).
///
/// The total is the sum of all packages and of the memory (dram) beside them. Cores and uncore are
/// parts of their package; psys, the whole platform, counts only where there is no package; the
/// second way to the same counters (intel-rapl-mmio) is left out.
/// A counter wraps around after minutes to hours; differences take one wrap into account, so ask
/// more often than that. It is updated about once per millisecond.
class EnergyMeter {
 public:
  /// Errors: kUnavailable if the machine shows no counters (virtual machines seldom do);
  /// kPermissionDenied if this user may not read them, with what to do.
  [[nodiscard]] static Result<EnergyMeter> open(const std::filesystem::path& root = default_root());
  /// The environment's TESSERA_POWERCAP, else /sys/class/powercap.
  [[nodiscard]] static std::filesystem::path default_root();

  [[nodiscard]] const std::vector<EnergyDomain>& domains() const noexcept { return domains_; }
  /// Joules by domain since the call before, or since open().
  /// Errors: kUnavailable if a counter cannot be read any more.
  [[nodiscard]] Result<std::vector<double>> lap();
  /// Joules of the domains that count.
  [[nodiscard]] double total(std::span<const double> joules) const;

 private:
  std::vector<EnergyDomain> domains_;
  std::vector<std::uint64_t> last_uj_;
};

}  // namespace tessera
