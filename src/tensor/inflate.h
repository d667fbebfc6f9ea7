// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

namespace tessera {

[[nodiscard]] std::uint32_t crc32_of(std::span<const std::byte> bytes) noexcept;

/// Raw deflate data that is read at any place. Reading on is a stream; for going back there are
/// marks (copies of the decompressor, 50 KB each, at most some hundreds), from which at most the
/// distance of two marks is unpacked again. Thread-safe.
class InflateReader {
 public:
  /// `source` outlives the object; `size_bytes` and `crc` are what it is said to unpack to.
  /// Marks are `least_spacing` apart, or more in large data.
  InflateReader(std::span<const std::byte> source, std::uint64_t size_bytes, std::uint32_t crc,
                std::uint64_t least_spacing = std::uint64_t{8} << 20);
  InflateReader(const InflateReader&) = delete;
  InflateReader& operator=(const InflateReader&) = delete;
  ~InflateReader();

  /// Fills `target` with what stands from `offset` on. Null, or what is wrong with the data. The
  /// checksum is proved when the end is reached for the first time.
  [[nodiscard]] const char* read(std::uint64_t offset, std::span<std::byte> target);

 private:
  struct End {
    void operator()(z_stream* stream) const noexcept;
  };
  using Stream = std::unique_ptr<z_stream, End>;
  /// A decompressor and where it stands.
  struct Mark {
    Stream stream;
    std::uint64_t read = 0;
    std::uint64_t written = 0;
  };

  [[nodiscard]] static bool copy(const Mark& from, Mark& to);
  [[nodiscard]] const char* go_to(std::uint64_t offset);
  [[nodiscard]] const char* unpack(std::span<std::byte> target);
  [[nodiscard]] const char* step(std::span<std::byte> target);
  [[nodiscard]] const char* finish();

  std::span<const std::byte> source_;
  std::uint64_t size_bytes_;
  std::uint32_t expected_crc_;
  std::uint64_t spacing_;  ///< of the marks
  std::mutex mutex_;
  Mark now_;
  std::vector<Mark> marks_;   ///< ascending, the first at the beginning
  std::uint64_t proved_ = 0;  ///< bytes that went into crc_
  std::uint32_t crc_ = 0;
};

}  // namespace tessera
