// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/profile/conversions.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "profile/trace.h"
#include "tessera/core/timing.h"
#include "tessera/evaluate/measurement.h"
#include "tessera/network/micro.h"
#include "tessera/profile/fields.h"
#include "tessera/runtime/session.h"

namespace tessera::profile {
namespace {

using Kind = network::Conversion;

constexpr std::array<std::pair<Kind, ConversionCurve ConversionCosts::*>, 5> kCurves = {
    {{Kind::kQuantize, &ConversionCosts::quantize},
     {Kind::kDequantize, &ConversionCosts::dequantize},
     {Kind::kCast, &ConversionCosts::cast},
     {Kind::kTransposeFloat, &ConversionCosts::transpose_float},
     {Kind::kTransposeInt8, &ConversionCosts::transpose_int8}}};

constexpr std::array<std::pair<const char*, ConversionCurve ConversionCosts::*>, 5> kNames = {
    {{"quantize", &ConversionCosts::quantize},
     {"dequantize", &ConversionCosts::dequantize},
     {"cast", &ConversionCosts::cast},
     {"transpose_float", &ConversionCosts::transpose_float},
     {"transpose_int8", &ConversionCosts::transpose_int8}}};

/// The kernel's own time by the runtime's profiler: a call of the session costs more than a small
/// conversion does.
Result<double> time_of(const std::shared_ptr<const runtime::Library>& library,
                       runtime::SessionOptions session, network::FileFormat format, Kind kind,
                       std::int64_t elements) {
  session.profile = true;
  session.opt_level = runtime::OptLevel::kDisabled;
  TESSERA_TRY(const auto micro, network::conversion(format, kind, elements));
  TESSERA_TRY(auto opened, micro.network.open(library, session));
  const std::array<runtime::Feed, 1> feeds = {{{micro.input, micro.values.view()}}};
  constexpr int kWarmup = 2;
  const auto runs = std::clamp<std::int64_t>((std::int64_t{1} << 22) / elements, 9, 200);
  for (std::int64_t run = 0; run < runs + kWarmup; ++run) {
    TESSERA_CHECK(opened.run(feeds).map([](const auto&) {}));
  }
  TESSERA_TRY(const auto kernels, opened.end_profile());
  std::vector<double> times;
  for (std::size_t i = kWarmup; i < kernels.size(); ++i) {
    times.push_back(kernels[i].duration_us);
  }
  return midmean(std::move(times));
}

/// base + rate * elements, relative errors squared.
void fit(ConversionCurve& curve) {
  double weight = 0;
  double x = 0;
  double y = 0;
  double xx = 0;
  double xy = 0;
  for (const auto& point : curve.points) {
    const double w = 1 / std::max(point.us * point.us, 1.0);
    const auto elements = static_cast<double>(point.elements);
    weight += w;
    x += w * elements;
    y += w * point.us;
    xx += w * elements * elements;
    xy += w * elements * point.us;
  }
  const double determinant = weight * xx - x * x;
  if (determinant <= 0) {
    return;
  }
  const double rate = (weight * xy - x * y) / determinant;
  curve.ns_per_element = std::max(rate, 0.0) * 1e3;
  curve.base_us = std::max((y - rate * x) / weight, 0.0);
}

}  // namespace

Result<ConversionCosts> measure_conversions(network::FileFormat format,
                                            const std::shared_ptr<const runtime::Library>& library,
                                            const runtime::SessionOptions& session,
                                            Monitor& monitor) {
  constexpr std::array<std::int64_t, 5> kSizes = {1 << 10, 1 << 13, 1 << 16, 1 << 19, 1 << 22};
  ConversionCosts costs;
  std::int64_t done = 0;
  for (const auto& [kind, curve] : kCurves) {
    for (const auto elements : kSizes) {
      TESSERA_CHECK(monitor.check());
      monitor.progress("conversions", done++, kCurves.size() * kSizes.size());
      const auto us = time_of(library, session, format, kind, elements);
      if (!us && us.error().code == ErrorCode::kUnimplemented) {
        break;  // the library lacks the operator: its cost stays unknown
      }
      TESSERA_CHECK(us);
      (costs.*curve).points.push_back({elements, *us});
    }
    fit(costs.*curve);
  }
  return costs;
}

Fields<ConversionPoint> fields_of(const ConversionPoint*) {
  static constexpr std::array kFields = {
      field<&ConversionPoint::elements>("elements", "of the tensor"),
      field<&ConversionPoint::us>("us", "of one conversion")};
  return kFields;
}

Fields<ConversionCurve> fields_of(const ConversionCurve*) {
  static constexpr std::array kFields = {
      field<&ConversionCurve::base_us>("base_us", "of a conversion of nothing"),
      field<&ConversionCurve::ns_per_element>("ns_per_element", "besides"),
      field<&ConversionCurve::points>("points", "that the two were fitted to")};
  return kFields;
}

Json to_json(const ConversionCosts& costs) {
  Json json;
  Json curves;
  for (const auto& [name, curve] : kNames) {
    const auto& costs_of = costs.*curve;
    json[std::string(name) + "_ns_per_element"] =
        costs_of.points.empty() ? Json(nullptr) : Json(costs_of.ns_per_element);
    curves[name] = as_json(costs.*curve);
  }
  json["curves"] = curves;
  return json;
}

Result<ConversionCosts> conversions_from_json(const Json& json) {
  ConversionCosts costs;
  try {
    for (const auto& [name, curve] : kNames) {
      read_value(costs.*curve, json.at("curves").at(name));
    }
  } catch (const Json::exception& problem) {
    return fail(ErrorCode::kDataLoss, "the conversion costs are damaged: {}", problem.what());
  }
  return costs;
}

}  // namespace tessera::profile
