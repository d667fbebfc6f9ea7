// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/core/monitor.h"

namespace tessera {
namespace {

class Silent final : public Monitor {
 public:
  void progress(std::string_view, std::int64_t, std::int64_t) override {}
  void warn(const Warning&) override {}
  [[nodiscard]] bool cancelled() const noexcept override { return false; }
};

}  // namespace

Status Monitor::check() const {
  if (cancelled()) {
    return fail(ErrorCode::kCancelled, "interrupted");
  }
  return {};
}

Monitor& Monitor::silent() {
  static Silent silent;
  return silent;
}

}  // namespace tessera
