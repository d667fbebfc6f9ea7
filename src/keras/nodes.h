// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "keras/model.h"

namespace tessera::keras {

/// A configuration that is none.
[[nodiscard]] Failure malformed(const std::string& where, std::string_view reason);

/// A tensor as a configuration names it: a layer, which of its calls, which output.
struct NamedRef {
  std::string layer;
  std::int64_t node = 0;
  std::int64_t output = 0;
};

/// A call whose tensors are still names.
struct NamedCall {
  std::vector<NamedRef> inputs;
  Json arguments = Json::object();  ///< as Call::arguments
};

/// One element of `inbound_nodes`, in the form of Keras 2 (a list of [name, node, tensor, named
/// arguments]) or 3 ({"args", "kwargs"}). Errors: kDataLoss, with `where` for the layer.
[[nodiscard]] Result<NamedCall> parse_node(const Json& node, const std::string& where);

/// All tensors in `input_layers` or `output_layers`: one, a list or an object of them, nested.
[[nodiscard]] Result<std::vector<NamedRef>> parse_refs(const Json& refs, const std::string& where);

}  // namespace tessera::keras
