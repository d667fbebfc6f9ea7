// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "onnx/model_state.h"

namespace tessera::onnx {

/// New names of values, by the old ones.
using Names = StringMap<std::string>;

/// Gives the values that an operator and its bodies read and make other names. What a body makes
/// itself gets the name that `rename_inner` makes of it, a pure function; without one it keeps its
/// own, and hides an outer value of that name.
void rename_values(proto::NodeProto& node, const Names& names,
                   const std::function<std::string(const std::string&)>& rename_inner = {});

}  // namespace tessera::onnx
