// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "tessera/core/result.h"

namespace tessera::milp {

/// What is used of the C API of HiGHS, the same from 1.10 to 1.15. Source: its documentation,
/// https://ergo-code.github.io/HiGHS/stable/interfaces/c_api. Functions return -1 for an error.
struct HighsApi {
  using Int = std::int32_t;  ///< builds with 64 bits are refused
  /// What a callback may answer. Later versions have more members behind it.
  struct CallbackAnswer {
    int interrupt;
  };
  using Callback = void (*)(int kind, const char* message, const void* data, CallbackAnswer* answer,
                            void* user);

  static constexpr Int kByRow = 2;
  static constexpr Int kMinimize = 1;
  static constexpr Int kContinuous = 0;
  static constexpr Int kInteger = 1;
  static constexpr Int kError = -1;
  static constexpr Int kHasSolution = 2;  ///< primal_solution_status
  static constexpr int kSimplexInterrupt = 1;
  static constexpr int kMipInterrupt = 6;
  // Of the model.
  static constexpr Int kOptimal = 7;
  static constexpr Int kInfeasible = 8;
  static constexpr Int kUnboundedOrInfeasible = 9;
  static constexpr Int kTimeLimit = 13;
  static constexpr Int kIterationLimit = 14;
  static constexpr Int kSolutionLimit = 16;
  static constexpr Int kInterrupt = 17;

  const char* (*version)();
  void* (*create)();
  void (*destroy)(void*);
  Int (*size_of_int)(const void*);
  double (*infinity)(const void*);
  Int (*set_bool)(void*, const char* option, Int value);
  Int (*set_int)(void*, const char* option, Int value);
  Int (*set_double)(void*, const char* option, double value);
  Int (*set_string)(void*, const char* option, const char* value);
  Int (*pass)(void*, Int columns, Int rows, Int entries, Int format, Int sense, double offset,
              const double* costs, const double* lower, const double* upper,
              const double* row_lower, const double* row_upper, const Int* starts,
              const Int* indices, const double* values, const Int* integrality);
  Int (*add_row)(void*, double lower, double upper, Int entries, const Int* indices,
                 const double* values);
  Int (*set_solution)(void*, const double* columns, const double* rows, const double* column_duals,
                      const double* row_duals);
  Int (*set_callback)(void*, Callback, void* user);
  Int (*start_callback)(void*, int kind);
  Int (*run)(void*);
  Int (*model_status)(const void*);
  Int (*info_int)(const void*, const char* info, Int* value);
  Int (*info_int64)(const void*, const char* info, std::int64_t* value);
  Int (*info_double)(const void*, const char* info, double* value);
  Int (*solution)(const void*, double* columns, double* column_duals, double* rows,
                  double* row_duals);
  Int (*read)(void*, const char* file);
};

/// A loaded library.
struct HighsLibrary {
  HighsApi api{};
  std::string version;
  std::filesystem::path path;
};

/// See milp::highs().
[[nodiscard]] Result<std::shared_ptr<const HighsLibrary>> load_highs(
    const std::filesystem::path& path);

}  // namespace tessera::milp
