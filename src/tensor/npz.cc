// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>
#include <set>
#include <string>

#include "tessera/tensor/npy.h"

// The format: PKWARE APPNOTE.TXT 6.3.3, sections 4.3 to 4.5. Every number of the file is checked
// against the size of the file before it is used.
namespace tessera {
namespace {

constexpr std::uint32_t kLocalHeader = 0x04034b50;
constexpr std::uint32_t kCentralHeader = 0x02014b50;
constexpr std::uint32_t kEndRecord = 0x06054b50;
constexpr std::uint32_t kZip64EndRecord = 0x06064b50;
constexpr std::uint32_t kZip64Locator = 0x07064b50;
constexpr std::uint16_t kZip64Extra = 0x0001;
constexpr std::size_t kEndRecordBytes = 22;
constexpr std::size_t kZip64LocatorBytes = 20;
constexpr std::size_t kMaxCommentBytes = 0xffff;
/// Deflate cannot do better than 1032 to 1; an archive that claims more is a trap.
constexpr std::uint64_t kMaxRatio = 1032;

using Bytes = std::span<const std::byte>;

Failure malformed(std::string_view what, std::string_view reason) {
  return fail(ErrorCode::kDataLoss, "{}: no valid .npz archive: {}", what, reason)
      .hint("write it again with numpy.savez or numpy.savez_compressed");
}

/// Little-endian numbers one after the other; reading past the end is remembered, not done.
class Cursor {
 public:
  Cursor(Bytes bytes, std::uint64_t offset) : bytes_(bytes), offset_(offset) {}

  std::uint64_t number(std::size_t width) {
    const auto field = take(width);
    std::uint64_t value = 0;
    for (std::size_t i = field.size(); i-- > 0;) {
      value = value << 8 | std::to_integer<std::uint64_t>(field[i]);
    }
    return value;
  }
  std::uint16_t u16() { return static_cast<std::uint16_t>(number(2)); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(number(4)); }
  std::uint64_t u64() { return number(8); }

  Bytes take(std::uint64_t length) {
    if (offset_ > bytes_.size() || length > bytes_.size() - offset_) {
      failed_ = true;
      return {};
    }
    const auto part = bytes_.subspan(offset_, length);
    offset_ += length;
    return part;
  }
  void skip(std::uint64_t length) { take(length); }

  [[nodiscard]] bool failed() const noexcept { return failed_; }
  [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }

 private:
  Bytes bytes_;
  std::uint64_t offset_;
  bool failed_ = false;
};

struct Directory {
  std::uint64_t offset = 0;
  std::uint64_t entries = 0;
};

struct Entry {
  std::string name;
  std::uint16_t flags = 0;
  std::uint16_t method = 0;
  std::uint32_t crc = 0;
  std::uint64_t compressed_bytes = 0;
  std::uint64_t size_bytes = 0;
  std::uint64_t local_header = 0;
};

/// Offset of the end record, which stands before a comment of unknown length.
std::optional<std::uint64_t> find_end_record(Bytes bytes) {
  if (bytes.size() < kEndRecordBytes) {
    return std::nullopt;
  }
  const auto last = bytes.size() - kEndRecordBytes;
  const auto first = last > kMaxCommentBytes ? last - kMaxCommentBytes : 0;
  for (auto offset = last + 1; offset-- > first;) {
    if (Cursor(bytes, offset).u32() == kEndRecord) {
      return offset;
    }
  }
  return std::nullopt;
}

std::optional<Directory> read_zip64_directory(Bytes bytes, std::uint64_t end_record) {
  if (end_record < kZip64LocatorBytes) {
    return std::nullopt;
  }
  Cursor locator(bytes, end_record - kZip64LocatorBytes);
  if (locator.u32() != kZip64Locator) {
    return std::nullopt;
  }
  locator.skip(4);
  Cursor record(bytes, locator.u64());
  if (record.u32() != kZip64EndRecord) {
    return std::nullopt;
  }
  record.skip(8 + 2 + 2 + 4 + 4 + 8);
  Directory directory;
  directory.entries = record.u64();
  record.skip(8);
  directory.offset = record.u64();
  return record.failed() ? std::nullopt : std::optional(directory);
}

std::optional<Directory> read_directory(Bytes bytes) {
  const auto end_record = find_end_record(bytes);
  if (!end_record) {
    return std::nullopt;
  }
  if (const auto zip64 = read_zip64_directory(bytes, *end_record)) {
    return zip64;
  }
  Cursor cursor(bytes, *end_record + 10);
  Directory directory;
  directory.entries = cursor.u16();
  cursor.skip(4);
  directory.offset = cursor.u32();
  return cursor.failed() ? std::nullopt : std::optional(directory);
}

/// Fields of the central header that do not fit 32 bits stand in an extra field, in this order.
bool apply_zip64(Bytes extra, Entry& entry) {
  constexpr std::uint64_t kInExtra = 0xffffffff;
  if (entry.size_bytes != kInExtra && entry.compressed_bytes != kInExtra &&
      entry.local_header != kInExtra) {
    return true;
  }
  Cursor cursor(extra, 0);
  while (cursor.offset() < extra.size() && !cursor.failed()) {
    const auto id = cursor.u16();
    const auto length = cursor.u16();
    if (id != kZip64Extra) {
      cursor.skip(length);
      continue;
    }
    for (auto* field : {&entry.size_bytes, &entry.compressed_bytes, &entry.local_header}) {
      if (*field == kInExtra) {
        *field = cursor.u64();
      }
    }
    return !cursor.failed();
  }
  return false;
}

std::optional<Entry> read_entry(Cursor& cursor) {
  Entry entry;
  if (cursor.u32() != kCentralHeader) {
    return std::nullopt;
  }
  cursor.skip(4);
  entry.flags = cursor.u16();
  entry.method = cursor.u16();
  cursor.skip(4);
  entry.crc = cursor.u32();
  entry.compressed_bytes = cursor.u32();
  entry.size_bytes = cursor.u32();
  const auto name_bytes = cursor.u16();
  const auto extra_bytes = cursor.u16();
  const auto comment_bytes = cursor.u16();
  cursor.skip(8);
  entry.local_header = cursor.u32();
  const auto name = cursor.take(name_bytes);
  const auto extra = cursor.take(extra_bytes);
  cursor.skip(comment_bytes);
  if (cursor.failed() || !apply_zip64(extra, entry)) {
    return std::nullopt;
  }
  if (!name.empty()) {
    entry.name.assign(reinterpret_cast<const char*>(name.data()), name.size());
  }
  return entry;
}

/// The compressed bytes of an entry; empty optional if its local header does not fit.
std::optional<Bytes> stored_bytes(Bytes archive, const Entry& entry) {
  Cursor local(archive, entry.local_header);
  if (local.u32() != kLocalHeader) {
    return std::nullopt;
  }
  local.skip(22);
  const auto name_bytes = local.u16();
  const auto extra_bytes = local.u16();
  local.skip(std::uint64_t{name_bytes} + extra_bytes);
  const auto data = local.take(entry.compressed_bytes);
  return local.failed() ? std::nullopt : std::optional(data);
}

/// Raw deflate of exactly `size_bytes`, in steps that fit zlib's 32-bit counters.
std::optional<std::vector<std::byte>> inflate_exactly(Bytes source, std::uint64_t size_bytes) {
  std::vector<std::byte> target(size_bytes);
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) {
    return std::nullopt;
  }
  constexpr std::size_t kStep = std::size_t{1} << 30;
  std::byte end_marker{};  // zlib wants a place for output even when none is left to come
  std::size_t read = 0;
  std::size_t written = 0;
  int status = Z_OK;
  while (status == Z_OK) {
    const auto available_in = std::min(kStep, source.size() - read);
    const auto available_out = std::min(kStep, target.size() - written);
    stream.next_in =
        reinterpret_cast<Bytef*>(const_cast<std::byte*>(source.data() + read));  // zlib's API
    stream.avail_in = static_cast<uInt>(available_in);
    stream.next_out =
        reinterpret_cast<Bytef*>(available_out > 0 ? target.data() + written : &end_marker);
    stream.avail_out = static_cast<uInt>(available_out);
    status = inflate(&stream, Z_NO_FLUSH);
    read += available_in - stream.avail_in;
    written += available_out - stream.avail_out;
  }
  inflateEnd(&stream);
  if (status != Z_STREAM_END || written != target.size()) {
    return std::nullopt;
  }
  return target;
}

std::uint32_t crc_of(Bytes bytes) {
  return static_cast<std::uint32_t>(
      crc32_z(crc32_z(0, nullptr, 0), reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

Result<Tensor> read_array(Bytes archive, const Entry& entry, const std::string& what) {
  if ((entry.flags & 1u) != 0 || (entry.method != 0 && entry.method != 8)) {
    return fail(ErrorCode::kUnimplemented, "{}: it is encrypted or compressed by method {}", what,
                entry.method)
        .hint("write the archive with numpy.savez or numpy.savez_compressed");
  }
  const auto stored = stored_bytes(archive, entry);
  if (!stored) {
    return malformed(what, "its data lies outside the file");
  }
  const bool deflated = entry.method == 8;
  if (deflated ? entry.size_bytes / kMaxRatio > stored->size()
               : entry.size_bytes != stored->size()) {
    return malformed(what, "its sizes contradict each other");
  }
  std::vector<std::byte> inflated;
  auto content = *stored;
  if (deflated) {
    auto bytes = inflate_exactly(*stored, entry.size_bytes);
    if (!bytes) {
      return malformed(what, "its compressed data is damaged");
    }
    inflated = std::move(*bytes);
    content = inflated;
  }
  if (crc_of(content) != entry.crc) {
    return malformed(what, "its checksum is wrong");
  }
  return parse_npy(content, what);
}

}  // namespace

Result<std::vector<NamedTensor>> parse_npz(std::span<const std::byte> bytes,
                                           std::string_view what) {
  if (bytes.empty()) {
    return malformed(what, "it is empty");
  }
  const auto directory = read_directory(bytes);
  if (!directory) {
    return malformed(what, "the end of the zip directory is missing; it may be truncated");
  }
  Cursor cursor(bytes, directory->offset);
  std::vector<NamedTensor> arrays;
  std::set<std::string> names;
  std::uint64_t compressed_bytes = 0;
  for (std::uint64_t i = 0; i < directory->entries; ++i) {
    const auto entry = read_entry(cursor);
    if (!entry) {
      return malformed(what, "its directory is damaged");
    }
    // Entries that share data make a small file huge when unpacked.
    compressed_bytes += std::min<std::uint64_t>(entry->compressed_bytes, bytes.size() + 1);
    if (compressed_bytes > bytes.size()) {
      return malformed(what, "its entries overlap");
    }
    if (!entry->name.ends_with(".npy")) {
      return malformed(what, fmt::format("'{}' in it is no .npy array", entry->name));
    }
    auto name = entry->name.substr(0, entry->name.size() - 4);
    if (!names.insert(name).second) {
      return malformed(what, fmt::format("it has two arrays '{}'", name));
    }
    TESSERA_TRY(auto tensor, read_array(bytes, *entry, fmt::format("{}[{}]", what, name)));
    arrays.push_back({std::move(name), std::move(tensor)});
  }
  return arrays;
}

Result<std::vector<NamedTensor>> read_npz(const std::filesystem::path& path) {
  TESSERA_TRY(const auto file, MappedFile::open(path));
  return parse_npz(file.bytes(), path.string());
}

}  // namespace tessera
