// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "calibrate/channels.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "tessera/numerics/kernels.h"

namespace tessera::calibrate {
namespace {

Failure malformed(std::string_view what) {
  return fail(ErrorCode::kDataLoss, "{}: extrema by channel are damaged", what)
      .hint("make the file again with 'tessera calibrate MODEL --data D --channels -o FILE'");
}

/// As many finite numbers as `count` says, or any number of them if it is negative.
Result<std::vector<double>> numbers(const Json& json, const char* key, std::int64_t count,
                                    std::string_view what) {
  const auto list = json.find(key);
  if (list == json.end() || !list->is_array() || (count >= 0 && std::ssize(*list) != count)) {
    return malformed(what);
  }
  std::vector<double> values;
  for (const Json& value : *list) {
    if (!value.is_number() || !std::isfinite(value.get<double>())) {
      return malformed(what);
    }
    values.push_back(value.get<double>());
  }
  return values;
}

}  // namespace

void ChannelExtrema::Channel::add(float low, float high) {
  min = seen ? std::min(min, low) : low;
  max = seen ? std::max(max, high) : high;
  seen = true;
}

bool ChannelExtrema::fits(std::size_t channels) {
  comparable_ = comparable_ && channels > 0 && (channels_.empty() || channels_.size() == channels);
  channels_.resize(comparable_ ? channels : 0);
  return comparable_;
}

void ChannelExtrema::add(std::span<const float> values, std::span<const std::int64_t> shape) {
  if (values.empty()) {
    return;
  }
  const auto count = shape.size() < 3 ? 0 : static_cast<std::size_t>(shape[1]);
  if (!fits(count)) {
    return;
  }
  const std::size_t inner = values.size() / (static_cast<std::size_t>(shape[0]) * count);
  for (std::size_t row = 0; row * inner < values.size(); ++row) {
    const auto found = numerics::find_min_max(values.subspan(row * inner, inner));
    if (found.finite > 0) {
      channels_[row % count].add(found.min, found.max);
    }
  }
}

void ChannelExtrema::merge(const ChannelExtrema& other) {
  comparable_ = comparable_ && other.comparable_;
  if (!comparable_) {
    channels_.clear();
  }
  if (other.channels_.empty() || !fits(other.channels_.size())) {
    return;
  }
  for (std::size_t c = 0; c < channels_.size(); ++c) {
    if (other.channels_[c].seen) {
      channels_[c].add(other.channels_[c].min, other.channels_[c].max);
    }
  }
}

ChannelRanges ChannelExtrema::ranges() const {
  ChannelRanges ranges;
  for (const auto& channel : channels_) {
    ranges.push_back({double{channel.min}, double{channel.max}});
  }
  return ranges;
}

Json ChannelExtrema::to_json() const {
  Json json = calibrate::to_json(ranges());
  json["seen"] = Json::array();
  for (const auto& channel : channels_) {
    json["seen"].push_back(channel.seen);
  }
  json["comparable"] = comparable_;
  return json;
}

Result<ChannelExtrema> ChannelExtrema::from_json(const Json& json, std::string_view what) {
  TESSERA_TRY(const auto ranges, channel_ranges_from_json(json, what));
  const auto seen = json.find("seen");
  const auto comparable = json.find("comparable");
  if (seen == json.end() || !seen->is_array() || std::ssize(*seen) != std::ssize(ranges) ||
      comparable == json.end() || !comparable->is_boolean()) {
    return malformed(what);
  }
  ChannelExtrema extrema;
  extrema.comparable_ = comparable->get<bool>();
  for (std::size_t c = 0; c < ranges.size(); ++c) {
    if (!(*seen)[c].is_boolean()) {
      return malformed(what);
    }
    extrema.channels_.push_back({static_cast<float>(ranges[c].min),
                                 static_cast<float>(ranges[c].max), (*seen)[c].get<bool>()});
  }
  return extrema;
}

Json to_json(const ChannelRanges& ranges) {
  Json json = {{"min", Json::array()}, {"max", Json::array()}};
  for (const auto& range : ranges) {
    json["min"].push_back(range.min);
    json["max"].push_back(range.max);
  }
  return json;
}

Result<ChannelRanges> channel_ranges_from_json(const Json& json, std::string_view what) {
  if (!json.is_object()) {
    return malformed(what);
  }
  TESSERA_TRY(const auto low, numbers(json, "min", -1, what));
  TESSERA_TRY(const auto high, numbers(json, "max", std::ssize(low), what));
  ChannelRanges ranges;
  for (std::size_t c = 0; c < low.size(); ++c) {
    if (low[c] > high[c]) {
      return malformed(what);
    }
    ranges.push_back({low[c], high[c]});
  }
  return ranges;
}

}  // namespace tessera::calibrate
