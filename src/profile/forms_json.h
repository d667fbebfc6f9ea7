// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "tessera/core/json.h"
#include "tessera/core/result.h"
#include "tessera/profile/latency_model.h"

namespace tessera::profile {

/// What a model or its evidence says of the schemes, in the order of states:
/// [{scheme, values, convolution}].
[[nodiscard]] Json forms_json(const std::vector<std::string>& schemes, const Forms& forms);

/// Reads the same. Errors: kDataLoss. May throw Json::exception, as its callers handle.
[[nodiscard]] Status read_forms(const Json& json, std::vector<std::string>& schemes, Forms& forms);

}  // namespace tessera::profile
