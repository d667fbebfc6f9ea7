// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tessera/certificate/certificate.h"
#include "tessera/plan/solve.h"

namespace tessera::placement {

/// What a problem does not know of itself, and a certificate says.
struct CertificateNames {
  std::vector<std::vector<std::string>> states;     ///< by variable and state: MACHINE/PRECISION...
  std::vector<std::vector<std::string>> operators;  ///< by variable, what it stands for
  std::string model_sha256;
  std::map<std::string, std::string> inputs;  ///< SHA-256 by the name of the file
  std::string unit = "ns";
  std::int64_t objective_scale = 1000;
  std::int64_t objective_offset = 0;
  std::optional<std::int64_t> impossible;
};

/// The certificate of a solution that was asked for its proof. kInvalidArgument if it has none or
/// there are other names than variables and states. Cost: linear in problem and proof.
[[nodiscard]] Result<certificate::Certificate> to_certificate(const plan::Problem& problem,
                                                              const plan::Solution& solution,
                                                              const CertificateNames& names);

}  // namespace tessera::placement
