// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "milp/highs_api.h"

#include <dlfcn.h>

#include <array>
#include <string_view>
#include <utility>

#include "tessera/core/shared_library.h"

namespace tessera::milp {
namespace {

namespace fs = std::filesystem;

constexpr int kOldest = 10;  ///< 1.10

constexpr std::array<std::string_view, 2> kBelow = {"lib", "highsbox/highs_dist/lib"};
constexpr std::array<std::string_view, 2> kByLoader = {"libhighs.so.1", "libhighs.so"};
constexpr SoughtLibrary kSought = {.title = "HiGHS",
                                   .stem = "libhighs",
                                   .variable = "TESSERA_HIGHS",
                                   .cached = "highs-",
                                   .below = kBelow,
                                   .by_loader = kByLoader,
                                   .example = "highsbox/highs_dist/lib",
                                   .wanted = "libhighs.so works from version 1.10 on",
                                   .option = "--solver-library"};

/// Takes functions out of a library; remembers the first that it lacks.
class Functions {
 public:
  explicit Functions(void* handle) : handle_(handle) {}
  template <class F>
  void take(const char* name, F*& function) {
    function = reinterpret_cast<F*>(::dlsym(handle_, name));
    if (function == nullptr && lacking_.empty()) {
      lacking_ = name;
    }
  }
  [[nodiscard]] const std::string& lacking() const { return lacking_; }

 private:
  void* handle_;
  std::string lacking_;
};

Status take_all(void* handle, HighsApi& api) {
  Functions functions(handle);
  functions.take("Highs_version", api.version);
  functions.take("Highs_create", api.create);
  functions.take("Highs_destroy", api.destroy);
  functions.take("Highs_getSizeofHighsInt", api.size_of_int);
  functions.take("Highs_getInfinity", api.infinity);
  functions.take("Highs_setBoolOptionValue", api.set_bool);
  functions.take("Highs_setIntOptionValue", api.set_int);
  functions.take("Highs_setDoubleOptionValue", api.set_double);
  functions.take("Highs_setStringOptionValue", api.set_string);
  functions.take("Highs_passMip", api.pass);
  functions.take("Highs_addRow", api.add_row);
  functions.take("Highs_setSolution", api.set_solution);
  functions.take("Highs_setCallback", api.set_callback);
  functions.take("Highs_startCallback", api.start_callback);
  functions.take("Highs_run", api.run);
  functions.take("Highs_getModelStatus", api.model_status);
  functions.take("Highs_getIntInfoValue", api.info_int);
  functions.take("Highs_getInt64InfoValue", api.info_int64);
  functions.take("Highs_getDoubleInfoValue", api.info_double);
  functions.take("Highs_getSolution", api.solution);
  functions.take("Highs_readModel", api.read);
  if (!functions.lacking().empty()) {
    return fail(ErrorCode::kUnavailable, "not HiGHS as it is known here: it has no {}",
                functions.lacking());
  }
  return {};
}

Status check_version(const std::string& version) {
  const auto numbers = version_numbers(version);
  if (numbers.size() < 2 || numbers[0] != 1 || numbers[1] < kOldest) {
    return fail(ErrorCode::kUnavailable, "HiGHS {} is not known; 1.{} or a newer 1.x is needed",
                version, kOldest);
  }
  return {};
}

Status check_integers(const HighsApi& api) {
  void* const solver = api.create();
  const auto size = api.size_of_int(solver);
  api.destroy(solver);
  if (size != sizeof(HighsApi::Int)) {
    return fail(ErrorCode::kUnavailable, "it counts with {} bytes; a build with {} is needed", size,
                sizeof(HighsApi::Int));
  }
  return {};
}

Result<std::shared_ptr<const HighsLibrary>> open(const fs::path& file) {
  auto library = std::make_shared<HighsLibrary>();
  TESSERA_TRY(auto* handle, load_for_ever(file));
  TESSERA_CHECK(take_all(handle, library->api));
  library->version = library->api.version();
  TESSERA_CHECK(check_version(library->version));
  TESSERA_CHECK(check_integers(library->api));
  library->path = path_of_symbol(reinterpret_cast<void*>(library->api.version), file);
  return library;
}

}  // namespace

Result<std::shared_ptr<const HighsLibrary>> load_highs(const fs::path& path) {
  std::shared_ptr<const HighsLibrary> library;
  TESSERA_CHECK(find_library(kSought, path, [&](const fs::path& file) -> Status {
    TESSERA_TRY(library, open(file));
    return {};
  }));
  return library;
}

}  // namespace tessera::milp
