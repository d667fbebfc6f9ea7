// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tessera/evaluate/fields.h"
#include "tessera/profile/record.h"

/// What this room's records have in documents.
namespace tessera::profile {

[[nodiscard]] Fields<PrecisionCost> fields_of(const PrecisionCost* cost);
[[nodiscard]] Fields<Layer> fields_of(const Layer* layer);
[[nodiscard]] Fields<WholeCost> fields_of(const WholeCost* whole);
[[nodiscard]] Fields<ValidationPoint> fields_of(const ValidationPoint* point);
[[nodiscard]] Fields<Validation> fields_of(const Validation* validation);
[[nodiscard]] Fields<GainOnly> fields_of(const GainOnly* gain);
[[nodiscard]] Fields<CurvePoint> fields_of(const CurvePoint* point);
[[nodiscard]] Fields<SharedKernel> fields_of(const SharedKernel* kernel);
[[nodiscard]] Fields<PlanTimes> fields_of(const PlanTimes* times);
[[nodiscard]] Fields<TracedPlan> fields_of(const TracedPlan* plan);
[[nodiscard]] Fields<ConversionPoint> fields_of(const ConversionPoint* point);
[[nodiscard]] Fields<ConversionCurve> fields_of(const ConversionCurve* curve);
[[nodiscard]] Fields<Roofline> fields_of(const Roofline* roofline);
[[nodiscard]] Fields<Profile::Fastest> fields_of(const Profile::Fastest* fastest);
[[nodiscard]] Fields<Profile::Stability> fields_of(const Profile::Stability* stability);
[[nodiscard]] Fields<Profile> fields_of(const Profile* profile);

}  // namespace tessera::profile
