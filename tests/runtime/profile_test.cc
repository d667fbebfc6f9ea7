// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "runtime/profile.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "support/matchers.h"
#include "tessera/core/file.h"
#include "tessera/core/json.h"
#include "tessera/runtime/session.h"

namespace tessera::runtime {
namespace {

using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using ::testing::SizeIs;

class ProfileFile : public ::testing::Test {
 protected:
  void kernel(const std::string& node, double start_us, double duration_us = 1) {
    events_.push_back({{"cat", "Node"},
                       {"name", node + "_kernel_time"},
                       {"ts", start_us},
                       {"dur", duration_us},
                       {"args", {{"op_name", "Relu"}, {"provider", "CPUExecutionProvider"}}}});
  }
  void run(double start_us) {
    events_.push_back({{"cat", "Session"}, {"name", "model_run"}, {"ts", start_us}, {"dur", 1}});
  }
  [[nodiscard]] Result<std::vector<KernelTime>> read() const {
    const auto path = folder_.path() / "profile.json";
    TESSERA_CHECK(write_json(path, events_, Overwrite::kReplace));
    return read_profile(path);
  }

  TemporaryDirectory folder_ = *TemporaryDirectory::create("tessera-profile-test");
  Json events_ = Json::array();
};

TEST_F(ProfileFile, NamesThatAreNoText_AreReadLikeOthers) {
  kernel("placeholder", 10);
  ASSERT_THAT(read(), IsOk());
  const auto path = folder_.path() / "profile.json";
  auto text = *read_file(path);
  text.replace(text.find("placeholder"), 11, "\xff\xfe");
  ASSERT_THAT(write_file(path, text, Overwrite::kReplace), IsOk());
  const auto kernels = read_profile(path);
  ASSERT_THAT(kernels, IsOk());
  EXPECT_THAT(*kernels, SizeIs(1));
}

TEST_F(ProfileFile, Runs_ThatCallDifferentNumbersOfKernels_AreToldApart) {
  kernel("loop", 10);
  kernel("body", 11);
  kernel("body", 12);
  run(9);
  kernel("loop", 20);
  run(19);
  kernel("body", 31);
  kernel("loop", 30);  // ends, and is written, after what it calls
  run(29);
  const auto kernels = read();
  ASSERT_THAT(kernels, IsOk());
  const auto runs = kernels_by_run(*kernels);
  ASSERT_THAT(runs, SizeIs(3));
  EXPECT_THAT(runs[0], SizeIs(3));
  EXPECT_THAT(runs[1], SizeIs(1));
  ASSERT_THAT(runs[2], SizeIs(2));
  EXPECT_EQ(runs[2][0].node, "loop") << "in the order in which they began";
}

TEST_F(ProfileFile, Runs_WithinOneMicrosecond_AreToldApart) {
  for (int i = 0; i < 3; ++i) {
    kernel("a", 10, 0);
    run(10);
  }
  const auto kernels = read();
  ASSERT_THAT(kernels, IsOk());
  EXPECT_THAT(kernels_by_run(*kernels), SizeIs(3));
}

TEST_F(ProfileFile, WithoutKernels_HasNoRuns) {
  run(1);
  EXPECT_TRUE(kernels_by_run(*read()).empty());
}

TEST_F(ProfileFile, ThatIsNoList_IsNamed) {
  events_ = Json::object();
  EXPECT_THAT(read(), FailsWith(ErrorCode::kDataLoss, HasSubstr("profile.json")));
}

}  // namespace
}  // namespace tessera::runtime
