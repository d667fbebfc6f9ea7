// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/core/energy.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <nlohmann/json.hpp>
#include <system_error>

#include "tessera/core/fields.h"
#include "tessera/core/host.h"

namespace tessera {
namespace {

namespace fs = std::filesystem;

constexpr double kJoulesPerMicrojoule = 1e-6;
constexpr double kJoulesPerPicojoule = 1e-12;

std::string first_line(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::optional<std::uint64_t> number_in(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end != text.data() ? std::optional(value) : std::nullopt;
}

Result<std::uint64_t> read_counter(const fs::path& path) {
  errno = 0;
  std::ifstream file(path);
  std::string line;
  if (!file || !std::getline(file, line)) {
    const auto problem = std::error_code(errno == 0 ? EIO : errno, std::generic_category());
    if (errno == EACCES || errno == EPERM) {
      return fail(ErrorCode::kPermissionDenied, "energy counter '{}' may not be read by this user",
                  path.string())
          .hint("run as root, or let an administrator run: chmod -R a+r {}/*/energy_uj",
                path.parent_path().parent_path().string());
    }
    return fail(ErrorCode::kUnavailable, "energy counter '{}' cannot be read: {}", path.string(),
                problem.message());
  }
  const auto value = number_in(line);
  if (!value) {
    return fail(ErrorCode::kUnavailable, "energy counter '{}' holds '{}'; a number was expected",
                path.string(), line);
  }
  return *value;
}

/// "intel-rapl:0" and "intel-rapl:0:2" are counters; "intel-rapl" is the driver, and
/// "intel-rapl-mmio:0" the same package once more.
bool is_counter(const std::string& name) {
  return name.starts_with("intel-rapl:") || name.starts_with("amd-rapl:");
}

std::vector<EnergyDomain> find_domains(const fs::path& root) {
  std::vector<EnergyDomain> domains;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(root, error)) {
    const auto file = entry.path() / "energy_uj";
    if (!is_counter(entry.path().filename().string()) || !fs::exists(file, error)) {
      continue;
    }
    domains.push_back({first_line(entry.path() / "name"), entry.path(),
                       number_in(first_line(entry.path() / "max_energy_range_uj")).value_or(0)});
  }
  std::sort(domains.begin(), domains.end(),
            [](const auto& a, const auto& b) { return a.path < b.path; });
  const bool has_package = std::any_of(domains.begin(), domains.end(), [](const auto& domain) {
    return domain.name.starts_with("package");
  });
  for (auto& domain : domains) {
    domain.counts = has_package ? domain.name.starts_with("package") || domain.name == "dram"
                                : domain.name == "psys";
  }
  return domains;
}

/// How far a counter went that may have started again once.
std::uint64_t distance(std::uint64_t from, std::uint64_t to, std::uint64_t max_range) {
  return to >= from ? to - from : to + (max_range >= from ? max_range - from : 0);
}

}  // namespace

std::string_view to_string(EnergySource source) noexcept {
  switch (source) {
    case EnergySource::kPowercap:
      return "powercap";
    case EnergySource::kConstantPower:
      return "constant-power";
    case EnergySource::kPerMac:
      return "per-mac";
  }
  return "powercap";
}

Fields<Energy> fields_of(const Energy*) {
  static constexpr std::array kFields = {
      written<&Energy::joules>("joules", "of one inference"),
      Field<Energy>{"unit", "always J", [](const Energy&) { return Json("J"); }},
      written<&Energy::source>("source", "a counter, a power that was stated, or a figure per MAC"),
      written<&Energy::uncertainty_joules>("uncertainty_joules",
                                           "half the 95 % interval; null if it was not measured"),
      written<&Energy::method>("method", "what was counted, and on which assumption")};
  return kFields;
}

Json to_json(const Energy& energy) {
  return as_json(energy);
}

Energy constant_power_energy(double watts, double seconds, bool assumed) {
  return {
      .joules = watts * seconds,
      .source = EnergySource::kConstantPower,
      .uncertainty_joules = std::nullopt,
      .method = fmt::format("time x {:g} W{}", watts,
                            assumed ? ", an assumption: only ratios between models mean something"
                                    : ", as stated by --watts")};
}

Energy per_mac_energy(const MacCounts& macs) {
  return {.joules = kJoulesPerPicojoule *
                    (macs.float32 * kFloat32MacPicojoules + macs.float16 * kFloat16MacPicojoules +
                     macs.int8 * kInt8MacPicojoules),
          .source = EnergySource::kPerMac,
          .uncertainty_joules = std::nullopt,
          .method = fmt::format(
              "multiply-accumulates x {:g} pJ (float32), {:g} pJ (float16), {:g} pJ (int8): "
              "arithmetic alone at 45 nm (Horowitz, ISSCC 2014), a lower bound",
              kFloat32MacPicojoules, kFloat16MacPicojoules, kInt8MacPicojoules)};
}

fs::path EnergyMeter::default_root() {
  const std::string root = environment("TESSERA_POWERCAP");
  return root.empty() ? "/sys/class/powercap" : root;
}

Result<EnergyMeter> EnergyMeter::open(const fs::path& root) {
  EnergyMeter meter;
  meter.domains_ = find_domains(root);
  const bool any = std::any_of(meter.domains_.begin(), meter.domains_.end(),
                               [](const auto& domain) { return domain.counts; });
  if (!any) {
    return fail(ErrorCode::kUnavailable, "this machine shows no energy counters under '{}'",
                root.string())
        .hint("virtual machines seldom do; on bare metal, load the module intel_rapl_msr");
  }
  for (const auto& domain : meter.domains_) {
    TESSERA_TRY(const auto now, read_counter(domain.path / "energy_uj"));
    meter.last_uj_.push_back(now);
  }
  return meter;
}

Result<std::vector<double>> EnergyMeter::lap() {
  std::vector<double> joules;
  for (std::size_t i = 0; i < domains_.size(); ++i) {
    TESSERA_TRY(const auto now, read_counter(domains_[i].path / "energy_uj"));
    joules.push_back(kJoulesPerMicrojoule *
                     static_cast<double>(distance(last_uj_[i], now, domains_[i].max_range_uj)));
    last_uj_[i] = now;
  }
  return joules;
}

double EnergyMeter::total(std::span<const double> joules) const {
  double sum = 0;
  for (std::size_t i = 0; i < domains_.size(); ++i) {
    sum += domains_[i].counts ? joules[i] : 0;
  }
  return sum;
}

}  // namespace tessera
