// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/core/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <iterator>
#include <thread>
#include <utility>

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

TEST_F(FileTest, Read_OfExactlyTheLimit_Succeeds) {
  ASSERT_THAT(write_file(path_, "12345", Overwrite::kRefuse), IsOk());
  EXPECT_THAT(read_file(path_, 5), IsOkAndHolds(std::string("12345")));
  ASSERT_THAT(write_file(path_, "", Overwrite::kReplace), IsOk());
  EXPECT_THAT(read_file(path_, 0), IsOkAndHolds(std::string()));
}

TEST_F(FileTest, Read_TakesNoMoreMemoryThanTheFile) {
  const std::string content(5000, 'a');
  ASSERT_THAT(write_file(path_, content, Overwrite::kRefuse), IsOk());
  const auto read = read_file(path_);
  ASSERT_THAT(read, IsOkAndHolds(content));
  EXPECT_LE(read->capacity(), 2 * content.size());
}

TEST_F(FileTest, Read_OfFilesWhoseSizeNobodyKnows_HasALimit) {
  EXPECT_THAT(read_file("/dev/zero", 1 << 20),
              FailsWith(ErrorCode::kResourceExhausted, HasSubstr("more than 1048576 bytes")));
  const auto status = read_file("/proc/self/status");
  ASSERT_THAT(status, IsOk());
  EXPECT_THAT(*status, HasSubstr("VmHWM:")) << "its size is 0 for stat()";
}

TEST_F(FileTest, Read_OfMoreThanOneChunk_IsWhole) {
  std::string content;
  for (int i = 0; content.size() < (3U << 20U); ++i) {
    content += std::to_string(i);
  }
  ASSERT_THAT(write_file(path_, content, Overwrite::kRefuse), IsOk());
  const auto read = read_file(path_);
  ASSERT_THAT(read, IsOk());
  EXPECT_TRUE(*read == content);
}

TEST_F(FileTest, Read_BehindAFile_IsNotFound) {
  ASSERT_THAT(write_file(path_, "a", Overwrite::kRefuse), IsOk());
  EXPECT_THAT(read_file(path_ / "inner"), FailsWith(ErrorCode::kNotFound, HasSubstr("inner")));
}

TEST_F(FileTest, CheckWritable_OfFoldersAndDanglingLinks) {
  for (const auto overwrite : {Overwrite::kRefuse, Overwrite::kReplace}) {
    EXPECT_THAT(check_writable(folder_.path(), overwrite),
                FailsWith(ErrorCode::kInvalidArgument, HasSubstr("is a folder")));
  }
  fs::create_symlink(folder_.path() / "nowhere", path_);
  EXPECT_THAT(check_writable(path_, Overwrite::kRefuse),
              FailsWith(ErrorCode::kAlreadyExists, HasSubstr("file.txt")))
      << "the link itself would be replaced";
  EXPECT_THAT(check_writable(path_, Overwrite::kReplace), IsOk());
  EXPECT_THAT(check_writable("bare_name", Overwrite::kReplace), IsOk()) << "in this folder";
}

TEST_F(FileTest, AtomicFile_MadeMeanwhileByAnother_IsNotReplaced) {
  auto file = AtomicFile::create(path_, Overwrite::kRefuse);
  ASSERT_THAT(file, IsOk());
  ASSERT_THAT(file->write("mine"), IsOk());
  ASSERT_THAT(write_file(path_, "theirs", Overwrite::kRefuse), IsOk());
  EXPECT_THAT(file->commit(), FailsWith(ErrorCode::kAlreadyExists, HasSubstr("file.txt")));
  EXPECT_THAT(read_file(path_), IsOkAndHolds(std::string("theirs")));
}

TEST_F(FileTest, AtomicFile_InParts_IsOneFileAndLeavesNoOther) {
  auto first = AtomicFile::create(path_, Overwrite::kRefuse);
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(first->write("ab"), IsOk());
  AtomicFile file(std::move(*first));
  ASSERT_THAT(file.write(""), IsOk());
  ASSERT_THAT(file.write("c"), IsOk());
  EXPECT_EQ(file.position(), 3);
  ASSERT_THAT(file.commit(), IsOk());
  EXPECT_THAT(read_file(path_), IsOkAndHolds(std::string("abc")));
  EXPECT_EQ(entries(), 1);
}

TEST_F(FileTest, AtomicFile_AssignedOver_RemovesItsOwn) {
  auto first = AtomicFile::create(path_, Overwrite::kRefuse);
  auto second = AtomicFile::create(folder_.path() / "second", Overwrite::kRefuse);
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(second, IsOk());
  EXPECT_EQ(entries(), 2);
  *first = std::move(*second);
  EXPECT_EQ(entries(), 1);
  ASSERT_THAT(first->commit(), IsOk());
  EXPECT_TRUE(fs::exists(folder_.path() / "second"));
}

TEST_F(FileTest, AtomicFile_InAFolderThatGoes_LeavesAnError) {
  const auto inner = folder_.path() / "inner";
  fs::create_directory(inner);
  auto file = AtomicFile::create(inner / "x", Overwrite::kReplace);
  ASSERT_THAT(file, IsOk());
  fs::remove_all(inner);
  EXPECT_THAT(file->commit(), FailsWith(ErrorCode::kNotFound, HasSubstr("x")));
}

TEST_F(FileTest, MappedFile_OfNothingAndOfFolders) {
  ASSERT_THAT(write_file(path_, "", Overwrite::kRefuse), IsOk());
  const auto empty = MappedFile::open(path_);
  ASSERT_THAT(empty, IsOk());
  EXPECT_TRUE(empty->bytes().empty());
  EXPECT_THAT(MappedFile::open(folder_.path()),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("folder")));
  EXPECT_THAT(MappedFile::open("/dev/zero"),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("not a regular file")));
}

TEST_F(FileTest, MappedFile_Release_KeepsEveryByteWhateverTheRange) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  std::string content(3 * page + 17, '\0');
  for (std::size_t i = 0; i < content.size(); ++i) {
    content[i] = static_cast<char>(i % 251);
  }
  ASSERT_THAT(write_file(path_, content, Overwrite::kRefuse), IsOk());
  auto mapped = MappedFile::open(path_);
  ASSERT_THAT(mapped, IsOk());
  for (const auto& [offset, length] :
       {std::pair(std::size_t{0}, content.size()), std::pair(page - 1, page + 2),
        std::pair(std::size_t{1}, std::size_t{1}), std::pair(content.size(), page),
        std::pair(std::size_t{0}, 100 * page)}) {
    mapped->release(offset, length);
  }
  const MappedFile moved(std::move(*mapped));
  EXPECT_TRUE(std::ranges::equal(moved.bytes(), std::as_bytes(std::span(content))));
}

TEST_F(FileTest, TemporaryDirectory_GoesWithWhatIsInIt_OnceItsLastOwnerGoes) {
  fs::path path;
  {
    auto made = TemporaryDirectory::create("tessera-file-test");
    ASSERT_THAT(made, IsOk());
    path = made->path();
    ASSERT_THAT(write_file(path / "a", "a", Overwrite::kRefuse), IsOk());
    fs::create_directory(path / "inner");
    const TemporaryDirectory owner(std::move(*made));
    EXPECT_TRUE(fs::exists(path / "a"));
    EXPECT_EQ(fs::status(path).permissions() & fs::perms::others_all, fs::perms::none);
  }
  EXPECT_FALSE(fs::exists(path));
}

TEST_F(FileTest, TemporaryDirectory_WithoutAPlace_SaysWhatToSet) {
  const std::string before = ::getenv("TMPDIR") == nullptr ? "" : ::getenv("TMPDIR");
  ::setenv("TMPDIR", (folder_.path() / "none").c_str(), 1);
  const auto made = TemporaryDirectory::create("x");
  before.empty() ? ::unsetenv("TMPDIR") : ::setenv("TMPDIR", before.c_str(), 1);
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().hint, HasSubstr("TMPDIR"));
}

}  // namespace
}  // namespace tessera
