// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/tensor/zip.h"
#include "tessera/core/byte_cursor.h"

#include <algorithm>
#include <optional>
#include <set>

#include "tensor/inflate.h"
#include "tessera/core/byte_cursor.h"

// Sections 4.3 to 4.5 of the format.
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

struct Directory {
  std::uint64_t offset = 0;
  std::uint64_t entries = 0;
};

/// Offset of the end record, which stands before a comment of unknown length.
std::optional<std::uint64_t> find_end_record(Bytes bytes) {
  if (bytes.size() < kEndRecordBytes) {
    return std::nullopt;
  }
  const auto last = bytes.size() - kEndRecordBytes;
  const auto first = last > kMaxCommentBytes ? last - kMaxCommentBytes : 0;
  for (auto offset = last + 1; offset-- > first;) {
    if (ByteCursor(bytes, offset).u32() == kEndRecord) {
      return offset;
    }
  }
  return std::nullopt;
}

std::optional<Directory> read_zip64_directory(Bytes bytes, std::uint64_t end_record) {
  if (end_record < kZip64LocatorBytes) {
    return std::nullopt;
  }
  ByteCursor locator(bytes, end_record - kZip64LocatorBytes);
  if (locator.u32() != kZip64Locator) {
    return std::nullopt;
  }
  locator.skip(4);
  ByteCursor record(bytes, locator.u64());
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
  ByteCursor cursor(bytes, *end_record + 10);
  Directory directory;
  directory.entries = cursor.u16();
  cursor.skip(4);
  directory.offset = cursor.u32();
  return cursor.failed() ? std::nullopt : std::optional(directory);
}

/// Fields of the central header that do not fit 32 bits stand in an extra field, in this order.
bool apply_zip64(Bytes extra, ZipMember& entry) {
  constexpr std::uint64_t kInExtra = 0xffffffff;
  if (entry.size_bytes != kInExtra && entry.stored_bytes != kInExtra &&
      entry.local_header != kInExtra) {
    return true;
  }
  ByteCursor cursor(extra, 0);
  while (cursor.offset() < extra.size() && !cursor.failed()) {
    const auto id = cursor.u16();
    const auto length = cursor.u16();
    if (id != kZip64Extra) {
      cursor.skip(length);
      continue;
    }
    for (auto* field : {&entry.size_bytes, &entry.stored_bytes, &entry.local_header}) {
      if (*field == kInExtra) {
        *field = cursor.u64();
      }
    }
    return !cursor.failed();
  }
  return false;
}

std::optional<ZipMember> read_entry(ByteCursor& cursor) {
  ZipMember entry;
  if (cursor.u32() != kCentralHeader) {
    return std::nullopt;
  }
  cursor.skip(4);
  entry.flags = cursor.u16();
  entry.method = cursor.u16();
  cursor.skip(4);
  entry.crc = cursor.u32();
  entry.stored_bytes = cursor.u32();
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
std::optional<Bytes> stored_part(Bytes archive, const ZipMember& entry) {
  ByteCursor local(archive, entry.local_header);
  if (local.u32() != kLocalHeader) {
    return std::nullopt;
  }
  local.skip(22);
  const auto name_bytes = local.u16();
  const auto extra_bytes = local.u16();
  local.skip(std::uint64_t{name_bytes} + extra_bytes);
  const auto data = local.take(entry.stored_bytes);
  return local.failed() ? std::nullopt : std::optional(data);
}

}  // namespace

Failure ZipArchive::malformed(std::string_view what, std::string_view reason) const {
  return fail(ErrorCode::kDataLoss, "{}: no valid {}: {}", what, words_.kind, reason)
      .hint("{}", words_.hint);
}

std::string ZipArchive::name_of(const ZipMember& member) const {
  return fmt::format("{}[{}]", what_, member.name);
}

Result<ZipArchive> ZipArchive::open(std::span<const std::byte> bytes, std::string_view what,
                                    ZipWords words) {
  ZipArchive archive(bytes, std::string(what), std::move(words));
  TESSERA_CHECK(archive.read_members());
  return archive;
}

Status ZipArchive::read_members() {
  if (bytes_.empty()) {
    return malformed(what_, "it is empty");
  }
  const auto directory = read_directory(bytes_);
  if (!directory) {
    return malformed(what_, "the end of the zip directory is missing; it may be truncated");
  }
  ByteCursor cursor(bytes_, directory->offset);
  std::set<std::string> names;
  std::uint64_t stored_bytes = 0;
  for (std::uint64_t i = 0; i < directory->entries; ++i) {
    auto entry = read_entry(cursor);
    if (!entry) {
      return malformed(what_, "its directory is damaged");
    }
    // Entries that share data make a small file huge when unpacked.
    stored_bytes += std::min<std::uint64_t>(entry->stored_bytes, bytes_.size() + 1);
    if (stored_bytes > bytes_.size()) {
      return malformed(what_, "its entries overlap");
    }
    if (!names.insert(entry->name).second) {
      return malformed(what_, fmt::format("it has two members '{}'", entry->name));
    }
    members_.push_back(*std::move(entry));
  }
  return {};
}

const ZipMember* ZipArchive::find(std::string_view name) const noexcept {
  const auto found = std::ranges::find(members_, name, &ZipMember::name);
  return found == members_.end() ? nullptr : &*found;
}

Result<ZipSource> ZipArchive::source(const ZipMember& member) const {
  const auto what = name_of(member);
  if ((member.flags & 1u) != 0 || (member.method != 0 && member.method != 8)) {
    return fail(ErrorCode::kUnimplemented, "{}: it is encrypted or compressed by method {}", what,
                member.method)
        .hint("{}", words_.hint);
  }
  const auto stored = stored_part(bytes_, member);
  if (!stored) {
    return malformed(what, "its data lies outside the file");
  }
  const bool deflated = member.method == 8;
  if (deflated ? member.size_bytes / kMaxRatio > stored->size()
               : member.size_bytes != stored->size()) {
    return malformed(what, "its sizes contradict each other");
  }
  return ZipSource{*stored, member.size_bytes, member.crc, deflated};
}

Result<ZipBytes> ZipArchive::extract(const ZipMember& member, std::uint64_t most_bytes) const {
  const auto what = name_of(member);
  TESSERA_TRY(const auto source, this->source(member));
  if (source.size_bytes > most_bytes) {
    return fail(ErrorCode::kResourceExhausted, "{}: it unpacks to {} bytes; at most {} are read",
                what, source.size_bytes, most_bytes)
        .hint("{}", words_.hint);
  }
  if (!source.deflated) {
    if (crc32_of(source.stored) != source.crc) {
      return malformed(what, "its checksum is wrong");
    }
    return ZipBytes{source.stored, nullptr};
  }
  auto content = std::make_shared<std::vector<std::byte>>(source.size_bytes);
  InflateReader reader(source.stored, source.size_bytes, source.crc);
  if (const auto* const problem = reader.read(0, *content)) {
    return malformed(what, problem);
  }
  const std::span<const std::byte> bytes(*content);
  return ZipBytes{bytes, std::move(content)};
}

}  // namespace tessera
