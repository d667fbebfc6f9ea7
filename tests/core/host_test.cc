// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/core/host.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstdlib>
#include <cstring>

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

TEST(Host, Int8DotProduct_IsThatOfAnyKnownExtension) {
  Host host;
  EXPECT_FALSE(host.has("avx2"));
  EXPECT_FALSE(host.has_int8_dot_product());
  host.isa = {"avx2", "avx512f"};
  EXPECT_TRUE(host.has("avx2"));
  EXPECT_FALSE(host.has("avx")) << "whole names";
  EXPECT_FALSE(host.has_int8_dot_product()) << "vpmaddubsw saturates";
  for (const auto* extension : {"avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm"}) {
    host.isa = {extension};
    EXPECT_TRUE(host.has_int8_dot_product()) << extension;
  }
}

TEST(PeakRss, GrowsWithWhatIsTouched) {
  constexpr std::size_t kBytes = std::size_t{64} << 20U;
  const auto before = peak_rss_bytes();
  EXPECT_GT(before, 0);
  if (!reset_peak_rss()) {
    GTEST_SKIP() << "this system does not reset its peaks";
  }
  // Not from the heap, which may keep what was freed.
  void* held = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(held, MAP_FAILED);
  std::memset(held, 1, kBytes);
  const auto with = peak_rss_bytes();
  ::munmap(held, kBytes);
  constexpr std::int64_t kInexact = 1 << 20;  // the system counts in batches
  EXPECT_GE(peak_rss_bytes(), with - kInexact) << "a peak does not fall";
  ASSERT_TRUE(reset_peak_rss());
  EXPECT_LE(peak_rss_bytes(), with - static_cast<std::int64_t>(kBytes) / 2);
}

}  // namespace
}  // namespace tessera
