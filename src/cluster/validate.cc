// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <utility>

#include "cluster/ways.h"
#include "tessera/cluster/cluster.h"
#include "tessera/core/names.h"
#include "tessera/core/pattern.h"

namespace tessera::cluster {
namespace {

constexpr std::array<std::string_view, 3> kWires{"float32", "float16", "int8"};

std::vector<std::string> names_of(const Cluster& cluster) {
  std::vector<std::string> names;
  for (const auto& machine : cluster.machines) {
    names.push_back(machine.name);
  }
  return names;
}

/// `what` says who asks for the machine: "link 'device-edge'".
Status check_known(const Cluster& cluster, std::string_view name, std::string_view what) {
  if (cluster.find(name)) {
    return {};
  }
  return fail(ErrorCode::kInvalidArgument, "{}: there is no machine '{}'", what, name)
      .hint("nearest names: {}", fmt::join(nearest_names(name, names_of(cluster)), ", "));
}

/// Within these nothing that is computed from them overflows.
constexpr double kLeast = 1e-12;
constexpr double kMost = 1e19;
/// How often as fast or slow machines are by each other; beyond it a unit was mistaken.
constexpr double kMostFactor = 1e6;
/// A power station.
constexpr double kMostWatts = 1e9;
/// Close to three hours: plans count in ns, and add up hundreds of them.
constexpr double kMostUs = 1e10;
constexpr double kLeastBytesPerS = 1;

Status check_between(double value, double least, double most, std::string_view name,
                     std::string_view what) {
  if (value >= least && value <= most) {
    return {};
  }
  return fail(ErrorCode::kInvalidArgument, "{}: {} is {}; a number from {} to {} was expected",
              what, name, value, least, most)
      .hint("correct it, or leave it out where it is unknown");
}

/// Zero included.
Status check_amount(const std::optional<double>& value, std::string_view name,
                    std::string_view what) {
  return value ? check_between(*value, 0, kMost, name, what) : Status();
}

Status check_positive(double value, std::string_view name, std::string_view what) {
  return check_between(value, kLeast, kMost, name, what);
}

/// Of bytes and the like.
Status check_count(std::int64_t value, std::string_view name, std::string_view what) {
  if (value > 0) {
    return {};
  }
  return fail(ErrorCode::kInvalidArgument, "{}: {} is {}; a whole number from 1 was expected", what,
              name, value)
      .hint("correct it, or leave it out where it is unknown");
}

Status check_us(double value, std::string_view name, std::string_view what) {
  return check_between(value, 0, kMostUs, name, what);
}

Status check_factor(double value, std::string_view name, std::string_view what) {
  return check_between(value, 1 / kMostFactor, kMostFactor, name, what);
}

/// Those that recipes know; whether the tensors of a path exist only the network says.
Status check_pattern(std::string_view pattern, std::string_view what) {
  if (pattern.empty()) {
    return fail(ErrorCode::kInvalidArgument, "{}: a pattern is empty", what)
        .hint("write NAME, re:REGEX, type:OP or path:FROM..TO");
  }
  if (pattern.starts_with("re:")) {
    TESSERA_CHECK(NamePattern::compile(pattern.substr(3)).map_error(in_file(std::string(what))));
  }
  if (pattern.starts_with("path:") && pattern.find("..") == std::string_view::npos) {
    return fail(ErrorCode::kInvalidArgument, "{}: path '{}' has no '..'", what, pattern)
        .hint("write path:FROM..TO with names of tensors; either may be empty");
  }
  return {};
}

Status check_patterns(const std::vector<std::string>& patterns, std::string_view what) {
  for (const auto& pattern : patterns) {
    TESSERA_CHECK(check_pattern(pattern, what));
  }
  return {};
}

/// Names stand in options, in names of files and in pictures.
Status check_name(std::string_view name, std::string_view what) {
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
  if (!name.empty() && plain) {
    return {};
  }
  return fail(ErrorCode::kInvalidArgument, "{}: '{}' is no name", what, name)
      .hint("names are made of letters, digits, '-', '_' and '.'");
}

Status check_scaling(const Cluster& cluster, const Machine& machine, const std::string& what) {
  if (!machine.scaling) {
    return {};
  }
  const auto& scaling = *machine.scaling;
  if (!machine.profile.empty()) {
    return fail(ErrorCode::kInvalidArgument, "{} has a profile and a scaling", what)
        .hint("leave one of them out");
  }
  TESSERA_CHECK(check_known(cluster, scaling.of, what + ": scaling"));
  if (scaling.factors.empty()) {
    return fail(ErrorCode::kInvalidArgument, "{}: its scaling has no factors", what)
        .hint("write {{\"*\": 4}} for four times as long in every precision");
  }
  for (const auto& [precision, factor] : scaling.factors) {
    TESSERA_CHECK(check_factor(factor, fmt::format("the factor of '{}'", precision), what));
  }
  return {};
}

/// Walks from machine to machine as they are scaled. A circle that this one only leads into is told
/// of those in it.
Status check_circle(const Cluster& cluster, const Machine& machine) {
  std::vector<std::string> way{machine.name};
  const auto* here = &machine;
  while (here->scaling && way.size() <= cluster.machines.size()) {
    way.push_back(here->scaling->of);
    if (way.back() == machine.name) {
      return fail(ErrorCode::kInvalidArgument, "machines are scaled in a circle: {}",
                  fmt::join(way, " of "))
          .hint("one of them needs a profile in place of its scaling");
    }
    const auto next = cluster.find(way.back());
    if (!next) {
      break;
    }
    here = &cluster.machines[*next];
  }
  return {};
}

Status check_machine(const Cluster& cluster, const Machine& machine) {
  const auto what = fmt::format("machine '{}'", machine.name);
  TESSERA_CHECK(check_scaling(cluster, machine, what));
  TESSERA_CHECK(check_circle(cluster, machine));
  if (machine.memory_bytes) {
    TESSERA_CHECK(check_count(*machine.memory_bytes, "memory_bytes", what));
  }
  if (machine.busy_watts) {
    TESSERA_CHECK(check_between(*machine.busy_watts, 0, kMostWatts, "busy_watts", what));
  }
  TESSERA_CHECK(check_count(machine.cores, "cores", what));
  TESSERA_CHECK(check_us(machine.part_overhead_us, "part_overhead_us", what));
  TESSERA_CHECK(check_factor(machine.speed, "speed", what));
  if (std::count(machine.precisions.begin(), machine.precisions.end(), "") > 0) {
    return fail(ErrorCode::kInvalidArgument, "{}: a precision has no name", what)
        .hint("write them as profiles name them: fp32, int8, ...");
  }
  TESSERA_CHECK(check_patterns(machine.only, what + ": only"));
  return check_patterns(machine.except, what + ": except");
}

Status check_machines(const Cluster& cluster) {
  if (cluster.machines.empty()) {
    return fail(ErrorCode::kInvalidArgument, "the cluster has no machines")
        .hint("make one to start from: tessera cluster init -o CLUSTER.json");
  }
  std::set<std::string_view> seen;
  for (const auto& machine : cluster.machines) {
    TESSERA_CHECK(check_name(machine.name, "a machine"));
    if (!seen.insert(machine.name).second) {
      return fail(ErrorCode::kInvalidArgument, "two machines are named '{}'", machine.name)
          .hint("give each a name of its own");
    }
  }
  for (const auto& machine : cluster.machines) {
    TESSERA_CHECK(check_machine(cluster, machine));
  }
  return {};
}

Status check_curve(const Link& link, std::string_view what) {
  for (std::size_t i = 0; i < link.goodput.size(); ++i) {
    const auto& point = link.goodput[i];
    const auto name = fmt::format("goodput[{}]", i);
    TESSERA_CHECK(check_count(point.bytes, name + ".bytes", what));
    TESSERA_CHECK(check_positive(point.us, name + ".us", what));
    if (i > 0 && (point.bytes <= link.goodput[i - 1].bytes || point.us < link.goodput[i - 1].us)) {
      return fail(ErrorCode::kInvalidArgument,
                  "{}: {} is not beyond the point before it; bytes have to grow, and times must "
                  "not fall",
                  what, name)
          .hint("put the points in order, and leave out those that were disturbed");
    }
  }
  return {};
}

Status check_energy(const Link& link, std::string_view what) {
  TESSERA_CHECK(check_amount(link.sender_joules_per_byte, "sender_joules_per_byte", what));
  TESSERA_CHECK(check_amount(link.receiver_joules_per_byte, "receiver_joules_per_byte", what));
  if (!link.radio) {
    return {};
  }
  if (link.sender_joules_per_byte) {
    return fail(ErrorCode::kInvalidArgument, "{} has a radio and sender_joules_per_byte", what)
        .hint("both say what sending takes: leave one of them out");
  }
  TESSERA_CHECK(check_amount(link.radio->alpha_mw_per_mbps, "radio.alpha_mw_per_mbps", what));
  return check_amount(link.radio->beta_mw, "radio.beta_mw", what);
}

Status check_link(const Cluster& cluster, const Link& link) {
  const auto what = fmt::format("link '{}'", link.name());
  TESSERA_CHECK(check_known(cluster, link.from, what));
  TESSERA_CHECK(check_known(cluster, link.to, what));
  if (link.from == link.to) {
    return fail(ErrorCode::kInvalidArgument, "{} leads from a machine to itself", what)
        .hint("leave it out: values that stay cost nothing");
  }
  TESSERA_CHECK(check_us(link.latency_us, "latency_us", what));
  if (link.bandwidth_bytes_per_s) {
    TESSERA_CHECK(check_between(*link.bandwidth_bytes_per_s, kLeastBytesPerS, kMost,
                                "bandwidth_bytes_per_s", what));
  } else if (link.goodput.empty()) {
    return fail(ErrorCode::kInvalidArgument, "{} has neither a bandwidth nor a goodput curve", what)
        .hint("give bandwidth_bytes_per_s: 20e6 for 20 MB/s");
  }
  TESSERA_CHECK(check_curve(link, what));
  return check_energy(link, what);
}

Status check_links(const Cluster& cluster) {
  std::set<std::string> seen;
  for (const auto& link : cluster.links) {
    TESSERA_CHECK(check_link(cluster, link));
    if (!seen.insert(link.name()).second) {
      return fail(ErrorCode::kInvalidArgument, "two links are named '{}'", link.name())
          .hint("there is one for each direction; names of machines must not make two look alike");
    }
  }
  return {};
}

Status check_wires(const Cluster& cluster) {
  const std::vector<std::string> known(kWires.begin(), kWires.end());
  if (cluster.wires.empty()) {
    return fail(ErrorCode::kInvalidArgument, "wires: values may have no type at all on links")
        .hint("known types: {}", fmt::join(known, ", "));
  }
  std::set<std::string_view> seen;
  for (const auto& wire : cluster.wires) {
    if (std::find(known.begin(), known.end(), wire) == known.end()) {
      return fail(ErrorCode::kInvalidArgument, "wires: '{}' is no type on links", wire)
          .hint("did you mean '{}'? known types: {}", nearest_names(wire, known, 1).front(),
                fmt::join(known, ", "));
    }
    if (!seen.insert(wire).second) {
      return fail(ErrorCode::kInvalidArgument, "wires: '{}' stands twice", wire)
          .hint("leave one out");
    }
  }
  return {};
}

Status check_codec(const Cluster& cluster, const InputCodec& codec) {
  const auto what = fmt::format("codec '{}'", codec.name);
  TESSERA_CHECK(check_name(codec.name, "a codec"));
  TESSERA_CHECK(check_count(codec.bytes, "bytes", what));
  TESSERA_CHECK(check_us(codec.encode_us, "encode_us", what));
  for (const auto& [machine, us] : codec.decode_us) {
    if (machine != "*") {
      TESSERA_CHECK(check_known(cluster, machine, what + ": decode_us"));
    }
    TESSERA_CHECK(check_us(us, fmt::format("decode_us of '{}'", machine), what));
  }
  if (codec.sqnr_db && !std::isfinite(*codec.sqnr_db)) {
    return fail(ErrorCode::kInvalidArgument, "{}: sqnr_db is {}", what, *codec.sqnr_db)
        .hint("leave it out where nothing is lost");
  }
  return {};
}

Status check_codecs(const Cluster& cluster) {
  std::set<std::pair<std::string_view, std::string_view>> seen;
  for (const auto& codec : cluster.codecs) {
    TESSERA_CHECK(check_codec(cluster, codec));
    if (!seen.insert({codec.name, codec.input}).second) {
      return fail(ErrorCode::kInvalidArgument, "two codecs '{}' are for the same input", codec.name)
          .hint("leave one out");
    }
  }
  return {};
}

Status check_pins(const Cluster& cluster) {
  for (std::size_t i = 0; i < cluster.pins.size(); ++i) {
    const auto& pin = cluster.pins[i];
    const auto what = fmt::format("pins[{}]", i);
    TESSERA_CHECK(check_known(cluster, pin.machine, what));
    if (pin.match.empty()) {
      return fail(ErrorCode::kInvalidArgument, "{} matches nothing", what)
          .hint("give patterns of operators in 'match'");
    }
    TESSERA_CHECK(check_patterns(pin.match, what));
  }
  return {};
}

Status check_end(const Cluster& cluster, const std::string& name, std::string_view what) {
  if (name.empty()) {
    return fail(ErrorCode::kInvalidArgument, "{} names no machine", what)
        .hint("one of {}", fmt::join(names_of(cluster), ", "));
  }
  return check_known(cluster, name, what);
}

Status check_ways(const Cluster& cluster) {
  const auto use = useful(cluster);
  const auto of_use = [&](const std::string& name) { return bool{use[*cluster.find(name)]}; };
  if (!of_use(cluster.inputs_from)) {
    return fail(ErrorCode::kInvalidArgument, "no way leads from '{}', where inputs are, to '{}'",
                cluster.inputs_from, cluster.outputs_to)
        .hint("give links in that direction; each is of one direction");
  }
  if (use.size() > 1 && std::count(use.begin(), use.end(), true) == 1) {
    return fail(ErrorCode::kInvalidArgument, "no other machine can be reached from '{}' and back",
                cluster.inputs_from)
        .hint("give links, one for each direction, or leave the other machines out");
  }
  for (const auto& pin : cluster.pins) {
    if (!of_use(pin.machine)) {
      return fail(ErrorCode::kInvalidArgument,
                  "operators have to run on '{}', which cannot be reached", pin.machine)
          .hint("give links from where inputs are, and to where outputs are wanted");
    }
  }
  return {};
}

}  // namespace

Status validate(const Cluster& cluster) {
  TESSERA_CHECK(check_machines(cluster));
  TESSERA_CHECK(check_links(cluster));
  TESSERA_CHECK(check_wires(cluster));
  TESSERA_CHECK(check_codecs(cluster));
  TESSERA_CHECK(check_pins(cluster));
  TESSERA_CHECK(check_end(cluster, cluster.inputs_from, "inputs_from"));
  TESSERA_CHECK(check_end(cluster, cluster.outputs_to, "outputs_to"));
  return check_ways(cluster);
}

}  // namespace tessera::cluster
