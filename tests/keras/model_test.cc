// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "keras/model.h"

#include <gtest/gtest.h>

namespace tessera::keras {
namespace {

TEST(KerasModel, Generation_FollowsTheVersion) {
  EXPECT_EQ((Model{.keras_version = "2.15.0"}).generation(), 2);
  EXPECT_EQ((Model{.keras_version = "3.15.0"}).generation(), 3);
  EXPECT_EQ(Model{}.generation(), 2);
}

}  // namespace
}  // namespace tessera::keras
