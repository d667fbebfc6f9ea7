// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/result.h"

namespace tessera {

/// How errors speak of an archive.
struct ZipWords {
  std::string kind = ".zip archive";          ///< "no valid .zip archive: ..."
  std::string hint = "write the file again";  ///< what to do about a damaged one
};

/// A member as the directory of the archive has it.
struct ZipMember {
  std::string name;
  std::uint64_t size_bytes = 0;  ///< unpacked, as the archive claims
  std::uint64_t stored_bytes = 0;
  std::uint64_t local_header = 0;
  std::uint32_t crc = 0;
  std::uint16_t flags = 0;
  std::uint16_t method = 0;
};

/// Where the bytes of a member are in the archive; raw deflate data if `deflated`.
struct ZipSource {
  std::span<const std::byte> stored;
  std::uint64_t size_bytes = 0;  ///< unpacked
  std::uint32_t crc = 0;
  bool deflated = false;
};

/// A member's bytes: those of the archive itself where it is stored, else unpacked ones.
struct ZipBytes {
  std::span<const std::byte> bytes;
  std::shared_ptr<const std::vector<std::byte>> unpacked;  ///< holds them; null where not needed
};

/// A zip archive (also zip64) whose members are stored or deflated. Source: PKWARE APPNOTE.TXT
/// 6.3.3. Every number of it is checked before use; members that together store more than
/// the archive holds are refused.
class ZipArchive {
 public:
  /// Reads the directory alone. `bytes` outlive the object; `what` names them in errors.
  /// Errors: kDataLoss if it is no or a damaged archive, or has two members of one name.
  [[nodiscard]] static Result<ZipArchive> open(std::span<const std::byte> bytes,
                                               std::string_view what, ZipWords words = {});

  /// In the order of the archive.
  [[nodiscard]] const std::vector<ZipMember>& members() const noexcept { return members_; }
  /// Null if there is none of that name.
  [[nodiscard]] const ZipMember* find(std::string_view name) const noexcept;

  /// Errors: kUnimplemented if it is encrypted or compressed in another way than by deflate;
  /// kDataLoss if its data lies outside the archive or cannot unpack to so much.
  [[nodiscard]] Result<ZipSource> source(const ZipMember& member) const;
  /// The bytes of a member, the checksum proved.
  /// Errors: those of source(); kResourceExhausted above `most_bytes`; kDataLoss if it is damaged.
  [[nodiscard]] Result<ZipBytes> extract(const ZipMember& member, std::uint64_t most_bytes) const;

  [[nodiscard]] Failure malformed(std::string_view what, std::string_view reason) const;

 private:
  ZipArchive(std::span<const std::byte> bytes, std::string what, ZipWords words)
      : bytes_(bytes), what_(std::move(what)), words_(std::move(words)) {}

  [[nodiscard]] Status read_members();
  [[nodiscard]] std::string name_of(const ZipMember& member) const;

  std::span<const std::byte> bytes_;
  std::string what_;
  ZipWords words_;
  std::vector<ZipMember> members_;
};

}  // namespace tessera
