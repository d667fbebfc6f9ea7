// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/core/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <iterator>
#include <thread>

#include "support/matchers.h"

namespace tessera {
namespace {

namespace fs = std::filesystem;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::IsOkAndHolds;

/// A disk that is full after `bytes`: writes beyond the file size limit fail.
class SmallDisk {
 public:
  explicit SmallDisk(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    auto limited = before_;
    limited.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &limited);
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int) = nullptr;
};

class FileTest : public ::testing::Test {
 protected:
  TemporaryDirectory folder_ = *TemporaryDirectory::create("tessera-file-test");
  fs::path path_ = folder_.path() / "file.txt";

  [[nodiscard]] std::ptrdiff_t entries() const {
    return std::distance(fs::directory_iterator(folder_.path()), fs::directory_iterator());
  }
};

TEST_F(FileTest, Write_ThenRead_GivesTheContent) {
  const std::string content("a\0b\n", 4);
  ASSERT_THAT(write_file(path_, content, Overwrite::kRefuse), IsOk());
  EXPECT_THAT(read_file(path_), IsOkAndHolds(content));
  EXPECT_EQ(entries(), 1);
}

TEST_F(FileTest, Write_OverExisting_IsRefusedUnlessAsked) {
  ASSERT_THAT(write_file(path_, "old", Overwrite::kRefuse), IsOk());
  const auto refused = write_file(path_, "new", Overwrite::kRefuse);
  EXPECT_THAT(refused, FailsWith(ErrorCode::kAlreadyExists, HasSubstr("file.txt")));
  EXPECT_THAT(refused.error().hint, HasSubstr("--force"));
  EXPECT_THAT(read_file(path_), IsOkAndHolds(std::string("old")));
  EXPECT_THAT(write_file(path_, "new", Overwrite::kReplace), IsOk());
  EXPECT_THAT(read_file(path_), IsOkAndHolds(std::string("new")));
}

TEST_F(FileTest, AtomicFile_WithoutCommit_LeavesNothing) {
  {
    auto file = AtomicFile::create(path_, Overwrite::kRefuse);
    ASSERT_THAT(file, IsOk());
    ASSERT_THAT(file->write("half"), IsOk());
    EXPECT_EQ(file->position(), 4);
    EXPECT_FALSE(fs::exists(path_));
  }
  EXPECT_EQ(entries(), 0);
}

TEST_F(FileTest, AtomicFile_OnFullDisk_ReportsAndLeavesNothing) {
  {
    const SmallDisk disk(16);
    EXPECT_THAT(write_file(path_, std::string(1000, 'x'), Overwrite::kRefuse),
                FailsWith(ErrorCode::kResourceExhausted, HasSubstr("file.txt")));
  }
  EXPECT_EQ(entries(), 0);
}

TEST_F(FileTest, Read_OfMissingFolderOrTooLarge_Fails) {
  EXPECT_THAT(read_file(folder_.path() / "none"),
              FailsWith(ErrorCode::kNotFound, HasSubstr("none")));
  EXPECT_THAT(read_file(folder_.path()),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("folder")));
  ASSERT_THAT(write_file(path_, "12345", Overwrite::kRefuse), IsOk());
  EXPECT_THAT(read_file(path_, 4), FailsWith(ErrorCode::kResourceExhausted, HasSubstr("5 bytes")));
}

TEST_F(FileTest, Permissions_AreThoseOfAnyNewFile) {
  const auto before = ::umask(027);
  EXPECT_THAT(write_file(path_, "a", Overwrite::kRefuse), IsOk());
  ::umask(before);
  struct stat info {};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0640U);
}

TEST_F(FileTest, Permissions_OfOtherThreadsFilesDoNotChange) {
  const auto before = ::umask(077);
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (int i = 0; i < 200; ++i) {
      EXPECT_THAT(write_file(path_, "a", Overwrite::kReplace), IsOk());
    }
    done = true;
  });
  const auto other = folder_.path() / "other";
  while (!done) {
    const int descriptor = ::open(other.c_str(), O_CREAT | O_EXCL | O_WRONLY, 0666);
    ASSERT_GE(descriptor, 0);
    struct stat info {};
    ::fstat(descriptor, &info);
    EXPECT_EQ(info.st_mode & 0777U, 0600U);
    ::close(descriptor);
    fs::remove(other);
  }
  writer.join();
  ::umask(before);
}

TEST_F(FileTest, LongestNames_CanBeWritten) {
  const auto longest = folder_.path() / std::string(255, 'n');
  ASSERT_THAT(write_file(longest, "a", Overwrite::kRefuse), IsOk());
  EXPECT_THAT(read_file(longest), IsOkAndHolds(std::string("a")));
  EXPECT_EQ(entries(), 1);
}

TEST_F(FileTest, CheckWritable_NamesTheMissingFolder) {
  EXPECT_THAT(check_writable(folder_.path() / "no" / "x", Overwrite::kRefuse),
              FailsWith(ErrorCode::kNotFound, HasSubstr("no folder")));
}

TEST_F(FileTest, MappedFile_ShowsTheBytes) {
  ASSERT_THAT(write_file(path_, "mapped", Overwrite::kRefuse), IsOk());
  const auto mapped = MappedFile::open(path_);
  ASSERT_THAT(mapped, IsOk());
  EXPECT_EQ(mapped->bytes().size(), 6U);
  mapped->release(0, 6);
  EXPECT_EQ(static_cast<char>(mapped->bytes()[0]), 'm');
}

}  // namespace
}  // namespace tessera
