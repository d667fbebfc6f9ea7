// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "certificate/seal.h"
#include "json_input.h"
#include "tessera/certificate/certificate.h"

/// A certificate is read or refused, judged within the given work whatever it claims, and the same
/// after it was written again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tessera;  // NOLINT(google-build-using-namespace)
  auto json = json_input(data, size);
  if (!json || !json->is_object()) {
    return 0;
  }
  const certificate::CheckOptions options{.most_cells = 1 << 20, .most_work = 1 << 24};
  (void)certificate::check_document(*json, "input", options);
  (void)certificate::compare_with_plan({}, "", *json, "input");
  // What is behind the seal, too.
  (*json)["seal"] = certificate::seal_of(*json);
  const auto verdict = certificate::check_document(*json, "input", options);
  if (!verdict) {
    return 0;
  }
  const auto read = certificate::from_json(*json, "input");
  const auto again = certificate::check_document(certificate::to_json(*read), "written", options);
  if (!again || again->accepted != verdict->accepted || again->reason != verdict->reason) {
    std::abort();
  }
  return 0;
}
