// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/cluster/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <system_error>
#include <utility>

#include "tessera/core/text.h"

namespace tessera::cluster {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};

constexpr std::array kBytes{Unit{"B", 1},        Unit{"kB", 1e3},     Unit{"MB", 1e6},
                            Unit{"GB", 1e9},     Unit{"TB", 1e12},    Unit{"KiB", 0x1p10},
                            Unit{"MiB", 0x1p20}, Unit{"GiB", 0x1p30}, Unit{"TiB", 0x1p40}};
constexpr std::array kRates{Unit{"B/s", 1},        Unit{"kB/s", 1e3},     Unit{"MB/s", 1e6},
                            Unit{"GB/s", 1e9},     Unit{"KiB/s", 0x1p10}, Unit{"MiB/s", 0x1p20},
                            Unit{"GiB/s", 0x1p30}, Unit{"kbit/s", 125},   Unit{"Mbit/s", 125e3},
                            Unit{"Gbit/s", 125e6}, Unit{"kbps", 125},     Unit{"Mbps", 125e3},
                            Unit{"Gbps", 125e6}};
constexpr std::array kTimes{Unit{"us", 1}, Unit{"ms", 1e3}, Unit{"s", 1e6}};

struct Number {
  double value = 0;
  std::string_view rest;  ///< what stands behind it
};

/// A number that is finite and not negative.
std::optional<Number> leading_number(std::string_view text) {
  const auto trimmed = trim(text);
  const auto* end = trimmed.data() + trimmed.size();
  Number number;
  const auto [rest, problem] = std::from_chars(trimmed.data(), end, number.value);
  if (problem != std::errc() || !std::isfinite(number.value) || number.value < 0) {
    return std::nullopt;
  }
  number.rest = trim(std::string_view(rest, static_cast<std::size_t>(end - rest)));
  return number;
}

/// Without a unit it is in the first one.
Result<double> quantity(std::string_view text, std::span<const Unit> units, std::string_view what,
                        std::string_view example) {
  const auto number = leading_number(text);
  if (number && number->rest.empty()) {
    return number->value;
  }
  for (const auto& unit : units) {
    if (number && unit.name == number->rest) {
      return number->value * unit.factor;
    }
  }
  std::vector<std::string_view> names;
  for (const auto& unit : units) {
    names.push_back(unit.name);
  }
  return fail(ErrorCode::kInvalidArgument, "'{}' is no {}", text, what)
      .hint("write a number and one of {}: {}", fmt::join(names, ", "), example);
}

/// Both ends of "A-B" where A and B are known machines.
Result<Link> ends_of(std::string_view text, char sign, std::span<const std::string> machines) {
  const auto known = [&](std::string_view name) {
    return std::find(machines.begin(), machines.end(), name) != machines.end();
  };
  for (auto at = text.find(sign); at != std::string_view::npos; at = text.find(sign, at + 1)) {
    const auto from = text.substr(0, at);
    const auto to = text.substr(at + 1);
    if (known(from) && known(to)) {
      Link link;
      link.from = from;
      link.to = to;
      return link;
    }
  }
  return fail(ErrorCode::kInvalidArgument, "'{}' does not name two machines", text)
      .hint("write A{}B with two of {}", sign, fmt::join(machines, ", "));
}

}  // namespace

Result<double> bytes_per_s_from(std::string_view text) {
  return quantity(text, kRates, "rate", "20MB/s");
}

Result<double> us_from(std::string_view text) {
  return quantity(text, kTimes, "time", "2ms");
}

Result<double> bytes_from(std::string_view text) {
  return quantity(text, kBytes, "number of bytes", "512MiB");
}

Result<double> number_from(std::string_view text) {
  const auto number = leading_number(text);
  if (!number || !number->rest.empty()) {
    return fail(ErrorCode::kInvalidArgument, "'{}' is no number of at least 0", text)
        .hint("write it plainly: 2.5");
  }
  return number->value;
}

Result<std::vector<Link>> links_from(std::string_view text, std::span<const std::string> machines) {
  const auto equals = text.rfind('=');
  if (equals == std::string_view::npos) {
    return fail(ErrorCode::kInvalidArgument, "the link '{}' has no '='", text)
        .hint("write A-B=10MB/s,2ms, or A>B=10MB/s,2ms for one direction");
  }
  const auto ends = text.substr(0, equals);
  const bool one_way = ends.find('>') != std::string_view::npos;
  TESSERA_TRY(auto link, ends_of(ends, one_way ? '>' : '-', machines));
  const auto figures = split(text.substr(equals + 1), ',');
  if (figures.size() > 2) {
    return fail(ErrorCode::kInvalidArgument, "the link '{}' has {} figures", text, figures.size())
        .hint("write a bandwidth and a latency: {}=10MB/s,2ms", ends);
  }
  TESSERA_TRY(link.bandwidth_bytes_per_s, bytes_per_s_from(figures[0]));
  if (!(*link.bandwidth_bytes_per_s > 0)) {
    return fail(ErrorCode::kInvalidArgument, "the link '{}' has a bandwidth of 0", text)
        .hint("leave it out where nothing can be sent");
  }
  if (figures.size() == 2) {
    TESSERA_TRY(link.latency_us, us_from(figures[1]));
  }
  std::vector<Link> links{link};
  if (!one_way) {
    std::swap(link.from, link.to);
    links.push_back(std::move(link));
  }
  return links;
}

Result<Machine> scaled_machine_from(std::string_view text) {
  const auto equals = text.find('=');
  const auto star = text.rfind('*');
  const bool formed = equals != std::string_view::npos && star != std::string_view::npos &&
                      equals > 0 && equals + 1 < star;
  const auto factor = formed ? leading_number(text.substr(star + 1)) : std::nullopt;
  if (!factor || !factor->rest.empty() || !(factor->value > 0)) {
    return fail(ErrorCode::kInvalidArgument, "'{}' is no scaling", text)
        .hint("write NAME=OF*FACTOR: device=edge*4 takes four times as long as edge");
  }
  Machine machine;
  machine.name = text.substr(0, equals);
  auto& scaling = machine.scaling.emplace();
  scaling.of = text.substr(equals + 1, star - equals - 1);
  scaling.factors["*"] = factor->value;
  return machine;
}

}  // namespace tessera::cluster
