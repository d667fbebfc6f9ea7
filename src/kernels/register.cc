// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string_view>

#include "kernels/operators.h"
#include "tessera/kernels/library.h"

namespace tessera::kernels {
namespace {

/// The version from which on an output may take over an input's memory.
constexpr std::uint32_t kInPlaceApi = 18;

/// What a runtime knows of us. It keeps pointers to it and asks for it until its last session ends,
/// which may be after our statics are gone: nothing here is ever freed, and the library is linked
/// so that it is never unloaded.
struct Registration {
  const OrtApi* api = nullptr;
  std::uint32_t api_version = 0;
  Target target = Target::kScalar;
  OrtCustomOpDomain* domain = nullptr;
  std::vector<std::unique_ptr<Operator>> operators;
};

std::vector<Description> all_operators() {
  std::vector<Description> all;
  for (auto& family : {lookup_operators(), binary_operators(), concat_operators(), conv_operators(),
                       image_operators(), softmax_operators()}) {
    all.insert(all.end(), family.begin(), family.end());
  }
  return all;
}

/// The second number of "1.32.0"; 0 if it is none.
unsigned minor_version(std::string_view version) {
  const auto dot = version.find('.');
  return dot == std::string_view::npos
             ? 0U
             : static_cast<unsigned>(std::strtoul(version.data() + dot + 1, nullptr, 10));
}

OrtStatus* make_domain(Registration& made) {
  const auto& api = *made.api;
  if (auto* status = api.CreateCustomOpDomain("ai.tessera", &made.domain)) {
    return status;
  }
  for (auto& description : all_operators()) {
    if (made.api_version < kInPlaceApi) {
      description.in_place = false;
    }
    made.operators.push_back(
        std::make_unique<Operator>(api, made.api_version, made.target, std::move(description)));
    if (auto* status = api.CustomOpDomain_Add(made.domain, made.operators.back().get())) {
      return status;
    }
  }
  return nullptr;
}

/// The one for this runtime and target, made at the first call.
OrtStatus* registration_for(const OrtApi* api, std::uint32_t api_version, Target target,
                            const Registration** found) {
  static std::mutex mutex;
  static auto& all = *new std::vector<std::unique_ptr<Registration>>;
  const std::lock_guard lock(mutex);
  for (const auto& one : all) {
    if (one->api == api && one->api_version == api_version && one->target == target) {
      *found = one.get();
      return nullptr;
    }
  }
  auto made = std::make_unique<Registration>();
  made->api = api;
  made->api_version = api_version;
  made->target = target;
  if (auto* status = make_domain(*made)) {
    return status;
  }
  *found = made.get();
  all.push_back(std::move(made));
  return nullptr;
}

/// A status of a runtime that is too old for us: the oldest table has the function for it.
OrtStatus* too_old(const OrtApiBase& base) {
  const auto* const oldest = base.GetApi(1);
  if (oldest == nullptr) {
    return nullptr;
  }
  const auto message = "tessera kernels need ONNX Runtime 1.17 or newer; this one is " +
                       std::string(base.GetVersionString());
  return oldest->CreateStatus(ORT_NOT_IMPLEMENTED, message.c_str());
}

OrtStatus* add_to(OrtSessionOptions* options, const OrtApiBase& base) {
  const unsigned version = minor_version(base.GetVersionString());
  // Asked only for what it has: it prints a complaint for what it has not.
  if (version < kLowestApi) {
    return too_old(base);
  }
  const std::uint32_t api_version = std::min(version, kInPlaceApi);
  const auto* const api = base.GetApi(api_version);
  if (api == nullptr) {
    return too_old(base);
  }
  const auto target = choose_target(std::getenv("TESSERA_KERNELS_TARGET"));
  if (!target) {
    return api->CreateStatus(ORT_INVALID_ARGUMENT, target.error().c_str());
  }
  const Registration* registration = nullptr;
  if (auto* status = registration_for(api, api_version, *target, &registration)) {
    return status;
  }
  return api->AddCustomOpDomain(options, registration->domain);
}

}  // namespace
}  // namespace tessera::kernels

OrtStatus* RegisterCustomOps(OrtSessionOptions* options, const OrtApiBase* base) {
  try {
    return tessera::kernels::add_to(options, *base);
  } catch (...) {
    const auto* const api = base->GetApi(tessera::kernels::kLowestApi);
    return api->CreateStatus(ORT_RUNTIME_EXCEPTION, "tessera kernels: out of memory");
  }
}

const char* tessera_kernels_version() {
  return TESSERA_KERNELS_VERSION;
}
