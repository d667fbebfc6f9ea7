// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tessera/core/fields.h"
#include "tessera/placement/record.h"

/// What this room's records have in documents.
namespace tessera::placement {

[[nodiscard]] Fields<Assigned> fields_of(const Assigned* assigned);
[[nodiscard]] Fields<CutEdge> fields_of(const CutEdge* cut);
[[nodiscard]] Fields<MachineShare> fields_of(const MachineShare* share);
[[nodiscard]] Fields<LinkShare> fields_of(const LinkShare* share);
[[nodiscard]] Fields<LimitUse> fields_of(const LimitUse* use);
[[nodiscard]] Fields<Baseline> fields_of(const Baseline* baseline);
[[nodiscard]] Fields<Activity> fields_of(const Activity* activity);
[[nodiscard]] Fields<ConflictingLimit> fields_of(const ConflictingLimit* limit);
[[nodiscard]] Fields<Explanation::Alternative> fields_of(const Explanation::Alternative* other);
[[nodiscard]] Fields<Explanation> fields_of(const Explanation* explanation);
[[nodiscard]] Fields<TurningPoint> fields_of(const TurningPoint* point);
[[nodiscard]] Fields<ParetoPoint> fields_of(const ParetoPoint* point);
[[nodiscard]] Fields<Plan::Certificate> fields_of(const Plan::Certificate* certificate);
[[nodiscard]] Fields<ExportedProblem> fields_of(const ExportedProblem* exported);
[[nodiscard]] Fields<Plan> fields_of(const Plan* plan);

}  // namespace tessera::placement
