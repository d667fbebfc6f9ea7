// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/core/host.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace tessera {
namespace {

TEST(Environment, IsEmptyWhereNothingIsSet) {
  constexpr const char* kName = "TESSERA_HOST_TEST";
  ::unsetenv(kName);
  EXPECT_EQ(environment(kName), "");
  ::setenv(kName, "", 1);
  EXPECT_EQ(environment(kName), "");
  ::setenv(kName, "value", 1);
  EXPECT_EQ(environment(kName), "value");
  ::unsetenv(kName);
}

TEST(Host, IsDescribed) {
  const auto host = describe_host();
  EXPECT_FALSE(host.architecture.empty());
  EXPECT_FALSE(host.cpu.empty());
}

}  // namespace
}  // namespace tessera
