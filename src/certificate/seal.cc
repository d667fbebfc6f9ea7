// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "certificate/seal.h"

#include <nlohmann/json.hpp>
#include <span>

#include "tessera/core/compact_text.h"
#include "tessera/core/hash.h"

namespace tessera::certificate {

std::string seal_of(const Json& document) {
  auto rest = Json::object();
  for (const auto& [key, value] : document.items()) {
    if (key != "seal") {
      rest[key] = value;
    }
  }
  const auto text = compact_text(rest);
  return sha256(std::as_bytes(std::span(text)));
}

}  // namespace tessera::certificate
