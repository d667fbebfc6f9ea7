// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "tessera/runtime/litert.h"

namespace tessera::runtime {
namespace {

class Joined final : public Library {
 public:
  Joined(std::shared_ptr<const Library> first, std::shared_ptr<const Library> second)
      : first_(std::move(first)), second_(std::move(second)) {}

  [[nodiscard]] std::string_view name() const noexcept override { return first_->name(); }
  [[nodiscard]] const std::string& version() const noexcept override { return first_->version(); }
  [[nodiscard]] const std::filesystem::path& path() const noexcept override {
    return first_->path();
  }
  [[nodiscard]] const std::vector<std::string>& providers() const noexcept override {
    return first_->providers();
  }
  [[nodiscard]] Result<ProviderChoice> resolve(const ProviderChoice& choice) const override {
    return first_->resolve(choice);
  }
  [[nodiscard]] const Library* named(std::string_view wanted) const noexcept override {
    const auto* const found = first_->named(wanted);
    return found != nullptr ? found : second_->named(wanted);
  }

 private:
  std::shared_ptr<const Library> first_;
  std::shared_ptr<const Library> second_;
};

}  // namespace

std::shared_ptr<const Library> joined(std::shared_ptr<const Library> first,
                                      std::shared_ptr<const Library> second) {
  return std::make_shared<const Joined>(std::move(first), std::move(second));
}

}  // namespace tessera::runtime
