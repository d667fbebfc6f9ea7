// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>
#include <set>
#include <string>

#include "tensor/inflate.h"
#include "tensor/npy_format.h"
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

/// What an array's bytes are read from.
struct Source {
  Bytes stored;
  std::uint64_t size_bytes = 0;  ///< unpacked
  std::uint32_t crc = 0;
  bool deflated = false;
};

Result<Source> source_of(Bytes archive, const Entry& entry, const std::string& what) {
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
  return Source{*stored, entry.size_bytes, entry.crc, deflated};
}

Shape with_rows(Shape shape, std::int64_t rows) {
  shape.front() = rows;
  return shape;
}

/// Bytes of one element of the first axis.
std::uint64_t row_bytes(const NpyHeader& header) {
  const auto inner = element_count(std::span(header.shape).subspan(1));
  return static_cast<std::uint64_t>(inner) * header.element_bytes();
}

std::uint64_t array_bytes(const NpyHeader& header) {
  return static_cast<std::uint64_t>(element_count(header.shape)) * header.element_bytes();
}

/// An array whose elements lie in memory or in a mapped file.
class FlatArray final : public StoredArray {
 public:
  FlatArray(NpyHeader header, Bytes data, std::shared_ptr<const void> owner)
      : header_(std::move(header)), data_(data), owner_(std::move(owner)) {}

  [[nodiscard]] DType dtype() const noexcept override { return header_.dtype; }
  [[nodiscard]] const Shape& shape() const noexcept override { return header_.shape; }
  [[nodiscard]] Result<Tensor> rows(std::int64_t begin, std::int64_t end) const override {
    const auto bytes = row_bytes(header_);
    return npy_tensor(header_, with_rows(header_.shape, end - begin),
                      data_.subspan(static_cast<std::uint64_t>(begin) * bytes,
                                    static_cast<std::uint64_t>(end - begin) * bytes));
  }
  [[nodiscard]] Result<Tensor> all() const override {
    return npy_tensor(header_, header_.shape, data_);
  }

 private:
  NpyHeader header_;
  Bytes data_;
  std::shared_ptr<const void> owner_;
};

/// A compressed array that is unpacked as far as it is asked for.
class DeflatedArray final : public StoredArray {
 public:
  DeflatedArray(NpyHeader header, const Source& source, std::string what,
                std::shared_ptr<const void> owner)
      : header_(std::move(header)),
        what_(std::move(what)),
        owner_(std::move(owner)),
        reader_(source.stored, source.size_bytes, source.crc) {}

  [[nodiscard]] DType dtype() const noexcept override { return header_.dtype; }
  [[nodiscard]] const Shape& shape() const noexcept override { return header_.shape; }
  [[nodiscard]] Result<Tensor> rows(std::int64_t begin, std::int64_t end) const override {
    const auto bytes = row_bytes(header_);
    return read(with_rows(header_.shape, end - begin), static_cast<std::uint64_t>(begin) * bytes);
  }
  [[nodiscard]] Result<Tensor> all() const override { return read(header_.shape, 0); }

 private:
  [[nodiscard]] Result<Tensor> read(const Shape& shape, std::uint64_t offset) const {
    Tensor raw(header_.dtype, shape);
    if (const auto* const problem = reader_.read(header_.bytes + offset, raw.bytes())) {
      return malformed(what_, problem);
    }
    return header_.swapped ? npy_tensor(header_, shape, raw.bytes()) : std::move(raw);
  }

  NpyHeader header_;
  std::string what_;
  std::shared_ptr<const void> owner_;
  mutable InflateReader reader_;
};

Result<NpyHeader> read_header(InflateReader& reader, std::uint64_t size_bytes,
                              const std::string& what) {
  constexpr std::uint64_t kUsual = 4096;
  for (const auto most : {kUsual, std::uint64_t{kMaxNpyHeaderBytes}}) {
    std::vector<std::byte> begin(std::min(most, size_bytes));
    if (const auto* const problem = reader.read(0, begin)) {
      return malformed(what, problem);
    }
    auto header = parse_npy_header(begin, size_bytes, what);
    if (header || begin.size() == size_bytes || most != kUsual) {
      return header;
    }
  }
  return malformed(what, "its header is damaged");
}

Failure too_large(const std::string& what, std::uint64_t bytes, std::int64_t most) {
  constexpr std::int64_t kMiB = std::int64_t{1} << 20;
  return fail(ErrorCode::kResourceExhausted,
              "{}: the array unpacks to {} MiB and can only be read whole; at most {} MiB are",
              what, bytes / static_cast<std::uint64_t>(kMiB), most / kMiB)
      .hint(
          "save it row by row in memory (numpy.ascontiguousarray), or uncompressed "
          "(numpy.savez), or as several files");
}

Result<std::unique_ptr<StoredArray>> open_deflated(const Source& source, const std::string& what,
                                                   std::shared_ptr<const void> owner,
                                                   const StoredArrayOptions& options) {
  InflateReader reader(source.stored, source.size_bytes, source.crc);
  TESSERA_TRY(auto header, read_header(reader, source.size_bytes, what));
  const auto bytes = array_bytes(header);
  const bool keep = source.size_bytes <= static_cast<std::uint64_t>(options.keep_bytes);
  if (!keep && !header.fortran_order) {
    return std::make_unique<DeflatedArray>(std::move(header), source, what, std::move(owner));
  }
  if (bytes > static_cast<std::uint64_t>(options.most_bytes)) {
    return too_large(what, bytes, options.most_bytes);
  }
  // Read to its end, which proves the checksum.
  auto content = std::make_shared<std::vector<std::byte>>(source.size_bytes);
  if (const auto* const problem = reader.read(0, *content)) {
    return malformed(what, problem);
  }
  const auto data = Bytes(*content).subspan(header.bytes, bytes);
  if (!header.fortran_order) {
    return std::make_unique<FlatArray>(std::move(header), data, std::move(content));
  }
  auto turned = std::make_shared<Tensor>(npy_tensor(header, header.shape, data));
  header.fortran_order = false;
  header.swapped = false;
  return std::make_unique<FlatArray>(std::move(header), turned->bytes(), turned);
}

Result<std::unique_ptr<StoredArray>> open_flat(Bytes bytes, const std::string& what,
                                               std::shared_ptr<const void> owner) {
  TESSERA_TRY(auto header, parse_npy_header(bytes, bytes.size(), what));
  const auto data = bytes.subspan(header.bytes, array_bytes(header));
  if (!header.fortran_order) {
    return std::make_unique<FlatArray>(std::move(header), data, std::move(owner));
  }
  auto turned = std::make_shared<Tensor>(npy_tensor(header, header.shape, data));
  header.fortran_order = false;
  header.swapped = false;
  return std::make_unique<FlatArray>(std::move(header), turned->bytes(), turned);
}

struct NamedEntry {
  std::string name;
  Entry entry;
};

Result<std::vector<NamedEntry>> read_entries(Bytes bytes, std::string_view what) {
  if (bytes.empty()) {
    return malformed(what, "it is empty");
  }
  const auto directory = read_directory(bytes);
  if (!directory) {
    return malformed(what, "the end of the zip directory is missing; it may be truncated");
  }
  Cursor cursor(bytes, directory->offset);
  std::vector<NamedEntry> entries;
  std::set<std::string> names;
  std::uint64_t compressed_bytes = 0;
  for (std::uint64_t i = 0; i < directory->entries; ++i) {
    auto entry = read_entry(cursor);
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
    entries.push_back({std::move(name), *std::move(entry)});
  }
  return entries;
}

Result<std::unique_ptr<StoredArray>> open_entry(Bytes archive, const NamedEntry& entry,
                                                std::string_view what,
                                                std::shared_ptr<const void> owner,
                                                const StoredArrayOptions& options) {
  const auto name = fmt::format("{}[{}]", what, entry.name);
  TESSERA_TRY(const auto source, source_of(archive, entry.entry, name));
  if (source.deflated) {
    return open_deflated(source, name, std::move(owner), options);
  }
  // What is not compressed is not read before it is asked for, so large arrays go unproved.
  if (source.size_bytes <= static_cast<std::uint64_t>(options.keep_bytes) &&
      crc32_of(source.stored) != source.crc) {
    return malformed(name, "its checksum is wrong");
  }
  return open_flat(source.stored, name, std::move(owner));
}

}  // namespace

Result<std::unique_ptr<StoredArray>> open_npy(const std::filesystem::path& path) {
  TESSERA_TRY(auto file, MappedFile::open(path));
  auto owner = std::make_shared<const MappedFile>(std::move(file));
  return open_flat(owner->bytes(), path.string(), owner);
}

struct NpzArchive::State {
  MappedFile file;
  std::string what;
  std::vector<NamedEntry> entries;
  std::vector<std::string> names;
};

NpzArchive::NpzArchive(std::shared_ptr<const State> state) : state_(std::move(state)) {}
NpzArchive::NpzArchive(NpzArchive&&) noexcept = default;
NpzArchive& NpzArchive::operator=(NpzArchive&&) noexcept = default;
NpzArchive::~NpzArchive() = default;

Result<NpzArchive> NpzArchive::open(const std::filesystem::path& path) {
  TESSERA_TRY(auto file, MappedFile::open(path));
  TESSERA_TRY(auto entries, read_entries(file.bytes(), path.string()));
  std::vector<std::string> names;
  for (const auto& entry : entries) {
    names.push_back(entry.name);
  }
  return NpzArchive(std::make_shared<const State>(
      State{std::move(file), path.string(), std::move(entries), std::move(names)}));
}

const std::vector<std::string>& NpzArchive::names() const noexcept {
  return state_->names;
}

Result<std::unique_ptr<StoredArray>> NpzArchive::array(std::size_t index,
                                                       const StoredArrayOptions& options) const {
  return open_entry(state_->file.bytes(), state_->entries[index], state_->what, state_, options);
}

Result<std::vector<NamedTensor>> parse_npz(std::span<const std::byte> bytes,
                                           std::string_view what) {
  constexpr auto kWhole = std::numeric_limits<std::int64_t>::max();
  TESSERA_TRY(auto entries, read_entries(bytes, what));
  std::vector<NamedTensor> arrays;
  for (auto& entry : entries) {
    TESSERA_TRY(const auto array, open_entry(bytes, entry, what, nullptr,
                                             {.keep_bytes = kWhole, .most_bytes = kWhole}));
    TESSERA_TRY(auto tensor, array->all());
    arrays.push_back({std::move(entry.name), std::move(tensor)});
  }
  return arrays;
}

Result<std::vector<NamedTensor>> read_npz(const std::filesystem::path& path) {
  TESSERA_TRY(const auto file, MappedFile::open(path));
  return parse_npz(file.bytes(), path.string());
}

}  // namespace tessera
