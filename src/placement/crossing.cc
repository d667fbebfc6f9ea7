// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "placement/crossing.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace tessera::placement {
namespace {

bool is_integers(DType values) {
  return values != DType::kFloat32 && values != DType::kFloat16;
}

std::optional<double> curve_us(const profile::ConversionCurve& curve, std::int64_t elements) {
  if (curve.points.empty()) {
    return std::nullopt;
  }
  return curve.base_us + curve.ns_per_element * static_cast<double>(elements) / 1000;
}

}  // namespace

/// Unknown where the machine's library has no such operator, or nobody measured it.
std::optional<double> Ways::convert_us(const Site& site, DType from, DType to,
                                       std::int64_t elements) const {
  if (from == to) {
    return 0;
  }
  const auto& curves = site.profile->conversions;
  const double pace = site.pace[0];
  const auto scaled = [&](std::optional<double> us) {
    return us ? std::optional(*us * pace) : std::nullopt;
  };
  if (from == DType::kFloat32) {
    return scaled(curve_us(is_integers(to) ? curves.quantize : curves.cast, elements));
  }
  if (to == DType::kFloat32) {
    return scaled(curve_us(is_integers(from) ? curves.dequantize : curves.cast, elements));
  }
  // By way of float32.
  const auto there = convert_us(site, from, DType::kFloat32, elements);
  const auto on = convert_us(site, DType::kFloat32, to, elements);
  return there && on ? std::optional(*there + *on) : std::nullopt;
}

double Ways::cost(const Crossing& crossing) const {
  return rules_.worth.per_us * crossing.us + rules_.worth.per_joule * crossing.energy_j.value_or(0);
}

/// The quickest way or that of least energy, by as many links as it takes (Bellman and Ford). Empty
/// if there is none.
std::vector<Hop> Ways::route(std::int64_t bytes, std::size_t from, std::size_t to,
                             Least what) const {
  const auto count = sites_.size();
  std::vector<double> least(count, std::numeric_limits<double>::infinity());
  std::vector<Hop> last(count);
  least[from] = 0;
  for (std::size_t round = 1; round < count; ++round) {
    for (const auto& link : setting_.cluster->links) {
      const auto a = setting_.cluster->find(link.from);
      const auto b = setting_.cluster->find(link.to);
      const auto us = link.transfer_us(bytes);
      const auto cost = what == Least::kTime ? us : link.transfer_joules(bytes);
      if (a && b && us && cost && least[*a] + *cost < least[*b]) {
        least[*b] = least[*a] + *cost;
        last[*b] = {&link, *us};
      }
    }
  }
  std::vector<Hop> hops;
  for (auto at = to; at != from && last[at].link != nullptr;
       at = *setting_.cluster->find(last[at].link->from)) {
    hops.insert(hops.begin(), last[at]);
  }
  return hops;
}

void Ways::finish(Crossing& crossing, const End& from, const End& to, Least least) const {
  const auto& sender = *sites_[from.machine].machine;
  const auto& receiver = *sites_[to.machine].machine;
  crossing.hops = route(crossing.bytes, from.machine, to.machine, least);
  if (crossing.hops.empty()) {
    crossing.wire.clear();
    return;
  }
  crossing.from = from.machine;
  crossing.to = to.machine;
  std::optional<double> moved = 0;
  for (const auto& hop : crossing.hops) {
    crossing.link_us += hop.us;
    const auto joules = hop.link->transfer_joules(crossing.bytes);
    moved = moved && joules ? std::optional(*moved + *joules) : std::nullopt;
  }
  crossing.receiver_us += receiver.part_overhead_us;
  crossing.us = crossing.sender_us + crossing.link_us + crossing.receiver_us;
  if (moved && sender.busy_watts && receiver.busy_watts) {
    crossing.energy_j = *moved + (*sender.busy_watts * crossing.sender_us +
                                  *receiver.busy_watts * crossing.receiver_us) *
                                     1e-6;
  }
}

std::vector<Crossing> Ways::ways(const Value& value, const End& from, const End& to) const {
  std::vector<Crossing> ways;
  if (!value.floating) {
    ways.push_back({.wire = "as it is", .bytes = value.bytes});
    return ways;
  }
  const auto& sender = sites_[from.machine];
  const auto& receiver = sites_[to.machine];
  const auto offer = [&](const char* name, DType wire, std::int64_t bytes_each) {
    const auto& wires = setting_.cluster->wires;
    const auto there = convert_us(sender, from.values, wire, value.elements);
    const auto here = convert_us(receiver, wire, to.values, value.elements);
    const bool may = !value.is_input || !rules_.codecs_only;
    if (may && std::ranges::find(wires, name) != wires.end() && there && here) {
      ways.push_back({.wire = name,
                      .bytes = value.elements * bytes_each,
                      .sender_us = *there,
                      .receiver_us = *here,
                      .lossy = bits_of(wire) < bits_of(from.values)});
    }
  };
  const DType integers = is_integers(from.values) ? from.values
                         : is_integers(to.values) ? to.values
                                                  : DType::kUInt8;
  offer("float32", DType::kFloat32, 4);
  if (from.values == DType::kFloat16 || !rules_.lossless_only) {
    offer("float16", DType::kFloat16, 2);
  }
  if (is_integers(from.values) || (from.int8_wire && !value.is_input)) {
    offer("int8", integers, 1);
  }
  for (const auto& codec : setting_.cluster->codecs) {
    if (!value.is_input || !(codec.input.empty() || codec.input == value.name) ||
        (rules_.lossless_only && codec.sqnr_db)) {
      continue;
    }
    auto decode = codec.decode_us.find(receiver.machine->name);
    decode = decode == codec.decode_us.end() ? codec.decode_us.find("*") : decode;
    if (decode != codec.decode_us.end()) {
      ways.push_back({.wire = codec.name,
                      .bytes = codec.bytes,
                      .sender_us = codec.encode_us,
                      .receiver_us = decode->second,
                      .lossy = codec.sqnr_db.has_value()});
    }
  }
  return ways;
}

Crossing Ways::best(const Value& value, const End& from, const End& to) const {
  if (from.machine == to.machine) {
    return {};
  }
  std::vector<Crossing> all;
  for (const auto& way : ways(value, from, to)) {
    for (const auto least : {Least::kTime, Least::kEnergy}) {
      auto made = way;
      finish(made, from, to, least);
      if (!made.wire.empty()) {
        all.push_back(std::move(made));
      }
    }
  }
  const auto at = std::ranges::min_element(all, {}, [&](const auto& one) { return cost(one); });
  if (at == all.end()) {
    return {};
  }
  auto best = std::move(*at);
  all.erase(at);
  best.others = std::move(all);
  return best;
}

}  // namespace tessera::placement
