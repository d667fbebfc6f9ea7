// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>
#include <string>

#include "tensor/inflate.h"
#include "tensor/npy_format.h"
#include "tessera/tensor/npy.h"
#include "tessera/tensor/zip.h"

namespace tessera {
namespace {

using Bytes = std::span<const std::byte>;

constexpr const char* kHint = "write it again with numpy.savez or numpy.savez_compressed";

Failure malformed(std::string_view what, std::string_view reason) {
  return fail(ErrorCode::kDataLoss, "{}: no valid .npz archive: {}", what, reason)
      .hint("{}", kHint);
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
  DeflatedArray(NpyHeader header, const ZipSource& source, std::string what,
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

Result<std::unique_ptr<StoredArray>> open_deflated(const ZipSource& source, const std::string& what,
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

/// The archive, of .npy arrays alone, and what they are called.
struct Arrays {
  ZipArchive archive;
  std::vector<std::string> names;
};

Result<Arrays> open_arrays(Bytes bytes, std::string_view what) {
  TESSERA_TRY(auto archive, ZipArchive::open(bytes, what, {.kind = ".npz archive", .hint = kHint}));
  std::vector<std::string> names;
  for (const auto& member : archive.members()) {
    if (!member.name.ends_with(".npy")) {
      return malformed(what, fmt::format("'{}' in it is no .npy array", member.name));
    }
    names.push_back(member.name.substr(0, member.name.size() - 4));
  }
  return Arrays{std::move(archive), std::move(names)};
}

Result<std::unique_ptr<StoredArray>> open_array(const Arrays& arrays, std::size_t index,
                                                std::string_view what,
                                                std::shared_ptr<const void> owner,
                                                const StoredArrayOptions& options) {
  const auto name = fmt::format("{}[{}]", what, arrays.names[index]);
  TESSERA_TRY(const auto source, arrays.archive.source(arrays.archive.members()[index]));
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
  Arrays arrays;
};

NpzArchive::NpzArchive(std::shared_ptr<const State> state) : state_(std::move(state)) {}
NpzArchive::NpzArchive(NpzArchive&&) noexcept = default;
NpzArchive& NpzArchive::operator=(NpzArchive&&) noexcept = default;
NpzArchive::~NpzArchive() = default;

Result<NpzArchive> NpzArchive::open(const std::filesystem::path& path) {
  TESSERA_TRY(auto file, MappedFile::open(path));
  TESSERA_TRY(auto arrays, open_arrays(file.bytes(), path.string()));
  return NpzArchive(
      std::make_shared<const State>(State{std::move(file), path.string(), std::move(arrays)}));
}

const std::vector<std::string>& NpzArchive::names() const noexcept {
  return state_->arrays.names;
}

Result<std::unique_ptr<StoredArray>> NpzArchive::array(std::size_t index,
                                                       const StoredArrayOptions& options) const {
  return open_array(state_->arrays, index, state_->what, state_, options);
}

Result<std::vector<NamedTensor>> parse_npz(std::span<const std::byte> bytes,
                                           std::string_view what) {
  constexpr auto kWhole = std::numeric_limits<std::int64_t>::max();
  TESSERA_TRY(auto opened, open_arrays(bytes, what));
  std::vector<NamedTensor> arrays;
  for (std::size_t i = 0; i < opened.names.size(); ++i) {
    TESSERA_TRY(const auto array,
                open_array(opened, i, what, nullptr, {.keep_bytes = kWhole, .most_bytes = kWhole}));
    TESSERA_TRY(auto tensor, array->all());
    arrays.push_back({std::move(opened.names[i]), std::move(tensor)});
  }
  return arrays;
}

Result<std::vector<NamedTensor>> read_npz(const std::filesystem::path& path) {
  TESSERA_TRY(const auto file, MappedFile::open(path));
  return parse_npz(file.bytes(), path.string());
}

}  // namespace tessera
