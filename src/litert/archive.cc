// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "litert/archive.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>

namespace tessera::litert {
namespace {

// The records of a zip archive: a directory of entries, and an end that says where that lies.
// Places count from the start of the file, or, as some write them, of the archive.
constexpr std::uint32_t kEndMark = 0x06054b50;
constexpr std::uint32_t kEntryMark = 0x02014b50;
constexpr std::uint32_t kFileMark = 0x04034b50;
constexpr std::size_t kEndSize = 22;
constexpr std::size_t kEntrySize = 46;
constexpr std::size_t kLongestComment = 0xffff;

template <class T>
T number_at(std::span<const std::byte> bytes, std::size_t at) {
  T value = 0;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

struct Directory {
  std::size_t end = 0;      ///< place of the end record
  std::size_t begin = 0;    ///< place of the first entry
  std::uint32_t says = 0;   ///< where the end record says that it is
  std::uint16_t count = 0;  ///< of entries
};

/// `bytes` end with an archive.
std::optional<Directory> directory_of(std::span<const std::byte> bytes) {
  if (bytes.size() < kEndSize) {
    return std::nullopt;
  }
  const auto last = bytes.size() - kEndSize;
  const auto first = last - std::min(last, kLongestComment);
  for (auto at = last + 1; at-- > first;) {
    const bool is_end = number_at<std::uint32_t>(bytes, at) == kEndMark &&
                        at + kEndSize + number_at<std::uint16_t>(bytes, at + 20) == bytes.size();
    const auto size = is_end ? number_at<std::uint32_t>(bytes, at + 12) : 0;
    if (is_end && size <= at) {
      return Directory{at, at - size, number_at<std::uint32_t>(bytes, at + 16),
                       number_at<std::uint16_t>(bytes, at + 10)};
    }
  }
  return std::nullopt;
}

/// Calls visit(place of the entry) for each; false where they do not fill the directory.
template <class Visit>
bool for_each_entry(std::span<const std::byte> bytes, const Directory& directory,
                    const Visit& visit) {
  auto at = directory.begin;
  for (std::uint16_t i = 0; i < directory.count; ++i) {
    if (directory.end - at < kEntrySize || number_at<std::uint32_t>(bytes, at) != kEntryMark) {
      return false;
    }
    const std::size_t names = std::size_t{number_at<std::uint16_t>(bytes, at + 28)} +
                              number_at<std::uint16_t>(bytes, at + 30) +
                              number_at<std::uint16_t>(bytes, at + 32);
    if (directory.end - at - kEntrySize < names) {
      return false;
    }
    visit(at);
    at += kEntrySize + names;
  }
  return at == directory.end;
}

constexpr std::size_t kPlaceInEntry = 42;
constexpr std::size_t kPlaceInEnd = 16;

}  // namespace

std::optional<std::size_t> start_of_archive(std::span<const std::byte> file, std::size_t earliest) {
  const auto directory = directory_of(file);
  if (!directory || directory->says > directory->begin) {
    return std::nullopt;
  }
  const auto shift = directory->begin - directory->says;
  auto start = directory->begin;
  bool sound = true;
  const bool complete = for_each_entry(file, *directory, [&](std::size_t entry) {
    const auto at = number_at<std::uint32_t>(file, entry + kPlaceInEntry) + shift;
    sound = sound && at + sizeof(kFileMark) <= directory->begin &&
            number_at<std::uint32_t>(file, at) == kFileMark;
    start = std::min(start, at);
  });
  return complete && sound && start >= earliest ? std::optional(start) : std::nullopt;
}

Result<std::string> moved_archive(std::span<const std::byte> archive, std::size_t from,
                                  std::size_t to) {
  std::string moved(reinterpret_cast<const char*>(archive.data()), archive.size());
  const auto directory = directory_of(archive);
  if (!directory || directory->says == directory->begin) {
    return moved;  // its places count from its own start
  }
  bool fits = true;
  const auto move = [&](std::size_t place) {
    const auto at = number_at<std::uint32_t>(archive, place) + to - from;
    fits = fits && at <= std::numeric_limits<std::uint32_t>::max();
    const auto value = static_cast<std::uint32_t>(at);
    std::memcpy(moved.data() + place, &value, sizeof value);
  };
  move(directory->end + kPlaceInEnd);
  if (!for_each_entry(archive, *directory,
                      [&](std::size_t entry) { move(entry + kPlaceInEntry); }) ||
      !fits) {
    return fail(ErrorCode::kUnimplemented, "the archive behind the model cannot be moved")
        .hint("take it off the file first");
  }
  return moved;
}

}  // namespace tessera::litert
