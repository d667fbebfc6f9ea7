// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "runtime/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <tuple>

#include "tessera/core/file.h"
#include "tessera/core/json.h"
#include "tessera/core/text.h"

namespace tessera::runtime {
namespace {

constexpr std::string_view kKernelSuffix = "_kernel_time";

std::string text_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

double number_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? found->get<double>() : 0.0;
}

std::int64_t integer_in(const std::string& text) {
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::optional<KernelTime> kernel_of(const Json& event) {
  if (!event.is_object() || text_of(event, "cat") != "Node") {
    return std::nullopt;
  }
  auto name = text_of(event, "name");
  const auto args = event.find("args");
  if (!name.ends_with(kKernelSuffix) || args == event.end() || !args->is_object()) {
    return std::nullopt;
  }
  name.resize(name.size() - kKernelSuffix.size());
  return KernelTime{std::move(name),
                    text_of(*args, "op_name"),
                    text_of(*args, "provider"),
                    number_of(event, "ts"),
                    number_of(event, "dur"),
                    integer_in(text_of(*args, "output_size")),
                    0};
}

/// Written when a run ends, behind the events of its kernels.
bool ends_run(const Json& event) {
  return event.is_object() && text_of(event, "cat") == "Session" &&
         text_of(event, "name") == "model_run";
}

}  // namespace

Result<std::vector<KernelTime>> read_profile(const std::filesystem::path& path) {
  TESSERA_TRY(const auto text, read_file(path));
  // The runtime writes the names of operators as they are in the model.
  TESSERA_TRY(const auto document,
              parse_json(valid_utf8(text), fmt::format("'{}'", path.string())));
  if (!document.is_array()) {
    return fail(ErrorCode::kDataLoss, "the profile '{}' is not a list of events", path.string());
  }
  std::vector<KernelTime> kernels;
  std::int64_t run = 0;
  for (const auto& event : document) {
    if (auto kernel = kernel_of(event)) {
      kernel->run = run;
      kernels.push_back(std::move(*kernel));
    }
    run += ends_run(event) ? 1 : 0;
  }
  std::stable_sort(kernels.begin(), kernels.end(), [](const auto& a, const auto& b) {
    return std::tie(a.run, a.start_us) < std::tie(b.run, b.start_us);
  });
  return kernels;
}

std::vector<std::span<const KernelTime>> kernels_by_run(std::span<const KernelTime> kernels) {
  std::vector<std::span<const KernelTime>> runs;
  while (!kernels.empty()) {
    const auto end = std::find_if(kernels.begin(), kernels.end(), [&](const KernelTime& kernel) {
      return kernel.run != kernels.front().run;
    });
    const auto count = static_cast<std::size_t>(end - kernels.begin());
    runs.push_back(kernels.first(count));
    kernels = kernels.subspan(count);
  }
  return runs;
}

}  // namespace tessera::runtime
