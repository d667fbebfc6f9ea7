// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tessera/core/error.h"
#include "tessera/core/json.h"
#include "tessera/profile/roofline.h"
#include "tessera/runtime/library.h"
#include "tessera/runtime/litert.h"

/// The part of `tessera doctor` about the library of .tflite models.
namespace tessera::cli {

/// How fast one thread multiplies in it.
struct LitertRate {
  bool integer = false;
  runtime::OptLevel kernels = runtime::OptLevel::kDisabled;  ///< or kAll: XNNPACK
  std::optional<profile::ArithmeticRate> rate;
  std::string error;  ///< why there is none
};

/// What was found out about it.
struct LitertReport {
  std::shared_ptr<const runtime::Library> library;  ///< null if there is none
  Error problem;                                    ///< why there is none
  runtime::LitertSkills skills;
  std::vector<LitertRate> rates;
};

/// Loads it, from `path` if that is given, and tries what it can do. Cost: about half a second.
[[nodiscard]] LitertReport examine_litert(const std::filesystem::path& path);

/// Null if there is none.
[[nodiscard]] Json to_json(const LitertReport& report);
/// Lines as the other libraries have them.
[[nodiscard]] std::string to_text(const LitertReport& report);

/// What it takes and computes wrongly, a phrase each: "int8 per channel by its built-in kernels".
[[nodiscard]] std::vector<std::string> wrong_skills(const LitertReport& report);

}  // namespace tessera::cli
