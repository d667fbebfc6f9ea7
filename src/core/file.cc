// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/core/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <system_error>
#include <utility>

namespace tessera {
namespace fs = std::filesystem;
namespace {

ErrorCode code_of(int error_number) {
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      return ErrorCode::kNotFound;
    case EACCES:
    case EPERM:
    case EROFS:
      return ErrorCode::kPermissionDenied;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EMFILE:
    case ENOMEM:
      return ErrorCode::kResourceExhausted;
    case EISDIR:
      return ErrorCode::kInvalidArgument;
    default:
      return ErrorCode::kUnavailable;
  }
}

Failure system_failure(std::string_view action, const fs::path& path, int error_number) {
  return fail(code_of(error_number), "cannot {} '{}': {}", action, path.string(),
              std::generic_category().message(error_number));
}

class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  Descriptor(Descriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (value_ >= 0) {
      ::close(value_);
    }
  }
  [[nodiscard]] int get() const noexcept { return value_; }
  int release() noexcept { return std::exchange(value_, -1); }

 private:
  int value_;
};

struct OpenFile {
  Descriptor descriptor;
  std::int64_t size_bytes;
};

Result<OpenFile> open_regular(const fs::path& path) {
  Descriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (descriptor.get() < 0) {
    return system_failure("read", path, errno).hint("check the path and its permissions");
  }
  struct stat info {};
  if (::fstat(descriptor.get(), &info) != 0) {
    return system_failure("read", path, errno);
  }
  if (S_ISDIR(info.st_mode)) {
    return fail(ErrorCode::kInvalidArgument, "'{}' is a folder; a file was expected",
                path.string());
  }
  return OpenFile{std::move(descriptor), S_ISREG(info.st_mode) ? info.st_size : -1};
}

fs::path folder_of(const fs::path& path) {
  const auto parent = path.parent_path();
  return parent.empty() ? fs::path(".") : parent;
}

Failure exists_already(const fs::path& path) {
  return fail(ErrorCode::kAlreadyExists, "'{}' exists already", path.string())
      .hint("add --force to replace it, or choose another name");
}

Status refuse_existing(const fs::path& path, Overwrite overwrite) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) {
    return fail(ErrorCode::kInvalidArgument, "'{}' is a folder; a file name was expected",
                path.string());
  }
  if (overwrite == Overwrite::kRefuse && fs::exists(fs::symlink_status(path, ignored))) {
    return exists_already(path);
  }
  return {};
}

/// ".NAME.", clipped where the system would refuse it, and 64 random bits.
std::string temporary_name(const fs::path& path) {
  constexpr std::size_t kLongest = 200;
  std::random_device random;
  const auto bits = std::uint64_t{random()} << 32 | random();
  return fmt::format(".{}.{:016x}", path.filename().string().substr(0, kLongest), bits);
}

/// Gives the file its name. kRefuse: unless there is one of that name, even one that was made in
/// this moment. Returns 0 or the error's number.
int take_name(const std::string& temporary, const fs::path& target, Overwrite overwrite) {
  if (overwrite == Overwrite::kReplace) {
    return ::rename(temporary.c_str(), target.c_str()) == 0 ? 0 : errno;
  }
  if (::renameat2(AT_FDCWD, temporary.c_str(), AT_FDCWD, target.c_str(), RENAME_NOREPLACE) == 0) {
    return 0;
  }
  if (errno != EINVAL && errno != ENOSYS) {
    return errno;
  }
  // This file system cannot; a second name is never given to what exists.
  if (::link(temporary.c_str(), target.c_str()) == 0) {
    ::unlink(temporary.c_str());
    return 0;
  }
  const bool no_links = errno == EPERM || errno == ENOTSUP || errno == EMLINK || errno == ENOSYS;
  return !no_links ? errno : ::rename(temporary.c_str(), target.c_str()) == 0 ? 0 : errno;
}

/// So that the name survives a failure of the machine, too. Not every file system can; the content
/// is safe already.
void sync_folder(const fs::path& folder) {
  const Descriptor descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (descriptor.get() >= 0) {
    ::fsync(descriptor.get());
  }
}

}  // namespace

Result<std::string> read_file(const fs::path& path, std::int64_t limit_bytes) {
  TESSERA_TRY(const auto file, open_regular(path));
  std::string content;
  if (file.size_bytes > limit_bytes) {
    return fail(ErrorCode::kResourceExhausted, "'{}' has {} bytes; at most {} are read",
                path.string(), file.size_bytes, limit_bytes);
  }
  // Room for what stat() tells and one byte, so that the end is seen without more of it; files
  // whose size nobody knows, or that grow, get more.
  constexpr std::size_t kChunk = std::size_t{1} << 20;
  content.resize(file.size_bytes > 0 ? static_cast<std::size_t>(file.size_bytes) + 1 : kChunk);
  std::size_t used = 0;
  while (true) {
    if (used == content.size()) {
      content.resize(used + kChunk);
    }
    const auto count = ::read(file.descriptor.get(), content.data() + used, content.size() - used);
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      return system_failure("read", path, errno);
    }
    if (count == 0) {
      content.resize(used);
      return content;
    }
    used += static_cast<std::size_t>(count);
    if (static_cast<std::int64_t>(used) > limit_bytes) {
      return fail(ErrorCode::kResourceExhausted, "'{}' has more than {} bytes", path.string(),
                  limit_bytes);
    }
  }
}

Status check_writable(const fs::path& path, Overwrite overwrite) {
  TESSERA_CHECK(refuse_existing(path, overwrite));
  const auto folder = folder_of(path);
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored)) {
    return fail(ErrorCode::kNotFound, "cannot write '{}': there is no folder '{}'", path.string(),
                folder.string())
        .hint("create it with mkdir -p '{}'", folder.string());
  }
  if (::access(folder.c_str(), W_OK | X_OK) != 0) {
    return system_failure("write into", folder, errno).hint("choose a folder you may write to");
  }
  return {};
}

struct AtomicFile::State {
  fs::path target;
  std::string temporary;
  Overwrite overwrite = Overwrite::kRefuse;
  int descriptor = -1;
  std::int64_t position = 0;

  ~State() {
    if (descriptor >= 0) {
      ::close(descriptor);
      ::unlink(temporary.c_str());
    }
  }
};

AtomicFile::AtomicFile(std::unique_ptr<State> state) : state_(std::move(state)) {}
AtomicFile::AtomicFile(AtomicFile&&) noexcept = default;
AtomicFile& AtomicFile::operator=(AtomicFile&&) noexcept = default;
AtomicFile::~AtomicFile() = default;

Result<AtomicFile> AtomicFile::create(const fs::path& path, Overwrite overwrite) {
  TESSERA_CHECK(check_writable(path, overwrite));
  auto state = std::make_unique<State>();
  state->target = path;
  state->overwrite = overwrite;
  // Not mkstemp: its files are private, and the permissions that any other new file would have are
  // known only to the system.
  constexpr int kTries = 100;
  for (int i = 0; i < kTries; ++i) {
    state->temporary = (folder_of(path) / temporary_name(path)).string();
    state->descriptor =
        ::open(state->temporary.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (state->descriptor >= 0) {
      return AtomicFile(std::move(state));
    }
    if (errno != EEXIST) {
      break;
    }
  }
  return system_failure("write", path, errno).hint("choose a folder you may write to");
}

Status AtomicFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const auto count = ::write(state_->descriptor, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      return system_failure("write", state_->target, errno).hint("nothing was changed");
    }
    state_->position += count;
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

Status AtomicFile::write(std::string_view text) {
  return write(std::as_bytes(std::span(text.data(), text.size())));
}

std::int64_t AtomicFile::position() const noexcept {
  return state_->position;
}
int AtomicFile::descriptor() const noexcept {
  return state_->descriptor;
}

Status AtomicFile::commit() {
  if (::fsync(state_->descriptor) != 0 && errno != EINVAL && errno != EROFS) {
    return system_failure("write", state_->target, errno).hint("nothing was changed");
  }
  TESSERA_CHECK(refuse_existing(state_->target, state_->overwrite));
  const auto problem = take_name(state_->temporary, state_->target, state_->overwrite);
  if (problem == EEXIST) {
    return exists_already(state_->target);
  }
  if (problem != 0) {
    return system_failure("write", state_->target, problem);
  }
  ::close(std::exchange(state_->descriptor, -1));
  sync_folder(folder_of(state_->target));
  return {};
}

Status write_file(const fs::path& path, std::string_view content, Overwrite overwrite) {
  TESSERA_TRY(auto file, AtomicFile::create(path, overwrite));
  TESSERA_CHECK(file.write(content));
  return file.commit();
}

Result<MappedFile> MappedFile::open(const fs::path& path) {
  TESSERA_TRY(const auto file, open_regular(path));
  if (file.size_bytes < 0) {
    return fail(ErrorCode::kInvalidArgument, "'{}' is not a regular file", path.string());
  }
  if (file.size_bytes == 0) {
    return MappedFile({});
  }
  const auto size = static_cast<std::size_t>(file.size_bytes);
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.descriptor.get(), 0);
  if (address == MAP_FAILED) {
    return system_failure("map", path, errno);
  }
  return MappedFile(std::span(static_cast<const std::byte*>(address), size));
}

MappedFile::MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) {
    ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
  }
}

void MappedFile::release(std::size_t offset, std::size_t length) const noexcept {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const auto first = (offset + page - 1) / page * page;
  const auto last = (offset + length) / page * page;
  if (first < last && last <= bytes_.size()) {
    ::madvise(const_cast<std::byte*>(bytes_.data()) + first, last - first, MADV_DONTNEED);
  }
}

Result<TemporaryDirectory> TemporaryDirectory::create(std::string_view prefix) {
  std::error_code problem;
  const auto root = fs::temp_directory_path(problem);
  if (problem) {
    return fail(ErrorCode::kNotFound, "there is no folder for temporary files")
        .hint("set TMPDIR to a folder you may write to");
  }
  auto pattern = (root / fmt::format("{}.XXXXXX", prefix)).string();
  if (::mkdtemp(pattern.data()) == nullptr) {
    return system_failure("create a temporary folder in", root, errno)
        .hint("set TMPDIR to a folder you may write to");
  }
  return TemporaryDirectory(pattern);
}

TemporaryDirectory::TemporaryDirectory(TemporaryDirectory&& other) noexcept
    : path_(std::exchange(other.path_, {})) {}

TemporaryDirectory& TemporaryDirectory::operator=(TemporaryDirectory&& other) noexcept {
  std::swap(path_, other.path_);
  return *this;
}

TemporaryDirectory::~TemporaryDirectory() {
  if (!path_.empty()) {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
}

}  // namespace tessera
