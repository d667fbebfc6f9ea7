// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/evaluate/integer_share.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "support/matchers.h"
#include "tessera/network/load.h"

namespace tessera::evaluate {
namespace {

using testing::IsOk;

const std::shared_ptr<const runtime::Library>& library() {
  static const auto kLibrary = runtime::Library::load().value();
  return kLibrary;
}

Result<IntegerShare> share_of(const char* file) {
  const auto path = std::filesystem::path(TESSERA_SOURCE_DIR) / "tests/fixtures/keras" / file;
  TESSERA_TRY(const auto network, network::read(path));
  return integer_share(network, library(), {});
}

TEST(IntegerShare, QuantizedKerasNetwork_RunsOnIntegers) {
  const auto share = share_of("q8.h5");
  ASSERT_THAT(share, IsOk());
  // 16x16x8 of 3x3x2, 8x8x8 of 3x3, 8x8x12 of 8, 10 of 768.
  EXPECT_EQ(share->macs, 36864 + 4608 + 6144 + 7680);
  EXPECT_EQ(share->integer_macs, share->macs);
  ASSERT_EQ(share->products.size(), 4U);
  EXPECT_EQ(share->products[0].kernel, "QLinearConv");
  EXPECT_EQ(share->products[3].kernel, "QGemm");
  EXPECT_EQ(to_json(*share)["share"], 1.0);
}

TEST(IntegerShare, FloatNetwork_DoesNot) {
  const auto share = share_of("conv.keras");
  ASSERT_THAT(share, IsOk());
  EXPECT_GT(share->macs, 0);
  EXPECT_EQ(share->share(), 0.0);
}

}  // namespace
}  // namespace tessera::evaluate
