// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "cli/output_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/matchers.h"

namespace tessera::cli {
namespace {

namespace fs = std::filesystem;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::IsOkAndHolds;

class OutputFolderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto created = TemporaryDirectory::create("tessera-test");
    ASSERT_THAT(created, IsOk());
    root_.emplace(std::move(*created));
  }
  [[nodiscard]] fs::path target() const { return root_->path() / "out"; }
  static void put(const fs::path& path, const char* text) {
    ASSERT_THAT(write_file(path, text, Overwrite::kReplace), IsOk());
  }
  [[nodiscard]] std::ptrdiff_t entries() const {
    return std::distance(fs::directory_iterator(root_->path()), fs::directory_iterator());
  }
  std::optional<TemporaryDirectory> root_;
};

TEST_F(OutputFolderTest, AppearsOnlyWhenCommitted) {
  auto folder = OutputFolder::create(target(), Overwrite::kRefuse);
  ASSERT_THAT(folder, IsOk());
  put(folder->path() / "a", "1");
  EXPECT_FALSE(fs::exists(target()));
  ASSERT_THAT(folder->commit(), IsOk());
  EXPECT_THAT(read_file(target() / "a"), IsOkAndHolds("1"));
  EXPECT_EQ(entries(), 1);
}

TEST_F(OutputFolderTest, WithoutCommit_NothingRemains) {
  {
    auto folder = OutputFolder::create(target(), Overwrite::kRefuse);
    ASSERT_THAT(folder, IsOk());
    put(folder->path() / "a", "1");
  }
  EXPECT_EQ(entries(), 0);
}

TEST_F(OutputFolderTest, EmptyFolder_IsTaken) {
  fs::create_directory(target());
  auto folder = OutputFolder::create(target().string() + "/", Overwrite::kRefuse);
  ASSERT_THAT(folder, IsOk());
  put(folder->path() / "a", "1");
  ASSERT_THAT(folder->commit(), IsOk());
  EXPECT_THAT(read_file(target() / "a"), IsOkAndHolds("1"));
}

TEST_F(OutputFolderTest, FullFolder_IsRefused) {
  fs::create_directory(target());
  put(target() / "mine", "0");
  EXPECT_THAT(OutputFolder::create(target(), Overwrite::kRefuse),
              FailsWith(ErrorCode::kAlreadyExists, HasSubstr("not empty")));
}

TEST_F(OutputFolderTest, Force_ReplacesNamesakesAndKeepsOthers) {
  fs::create_directory(target());
  put(target() / "mine", "0");
  put(target() / "a", "0");
  auto folder = OutputFolder::create(target(), Overwrite::kReplace);
  ASSERT_THAT(folder, IsOk());
  put(folder->path() / "a", "1");
  ASSERT_THAT(folder->commit(), IsOk());
  EXPECT_THAT(read_file(target() / "a"), IsOkAndHolds("1"));
  EXPECT_THAT(read_file(target() / "mine"), IsOkAndHolds("0"));
}

TEST_F(OutputFolderTest, File_IsRefusedEvenByForce) {
  put(target(), "0");
  EXPECT_THAT(OutputFolder::create(target(), Overwrite::kReplace),
              FailsWith(ErrorCode::kAlreadyExists, HasSubstr("not a folder")));
}

TEST_F(OutputFolderTest, MissingParents_AreMade) {
  auto folder = OutputFolder::create(root_->path() / "no" / "out", Overwrite::kRefuse);
  ASSERT_THAT(folder, IsOk());
  put(folder->path() / "a", "1");
  ASSERT_THAT(folder->commit(), IsOk());
  EXPECT_THAT(read_file(root_->path() / "no" / "out" / "a"), IsOkAndHolds("1"));
}

TEST_F(OutputFolderTest, ParentThatIsAFile_IsNamed) {
  put(root_->path() / "file", "0");
  EXPECT_THAT(OutputFolder::create(root_->path() / "file" / "out", Overwrite::kRefuse),
              FailsWith(ErrorCode::kPermissionDenied, HasSubstr("file")));
}

}  // namespace
}  // namespace tessera::cli
