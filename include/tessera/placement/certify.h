// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "tessera/certificate/certificate.h"
#include "tessera/core/result.h"
#include "tessera/placement/plan.h"

namespace tessera::placement {

/// The certificate of a plan whose solution has its proof. `inputs`: SHA-256 by file.
/// Errors: kInvalidArgument without a proof.
[[nodiscard]] Result<certificate::Certificate> certify(
    const Setting& setting, const Planned& planned, const std::string& model_sha256,
    const std::map<std::string, std::string>& inputs);

}  // namespace tessera::placement
