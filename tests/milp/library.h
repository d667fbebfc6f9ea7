// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <memory>

#include "tessera/milp/highs.h"

namespace tessera::milp {

/// Tests that need HiGHS; skipped, with where it was sought, where it is not.
class WithHighs : public ::testing::Test {
 protected:
  void SetUp() override {
    auto found = milp::highs();
    if (!found) {
      GTEST_SKIP() << found.error().message << "\n" << found.error().hint;
    }
    highs_ = std::move(*found);
  }
  [[nodiscard]] const Highs& highs() const { return *highs_; }

 private:
  std::unique_ptr<const Highs> highs_;
};

}  // namespace tessera::milp
