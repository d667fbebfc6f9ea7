// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tensor/inflate.h"

#include <algorithm>

namespace tessera {
namespace {

constexpr std::uint64_t kMostMarks = 256;
constexpr std::size_t kStep = std::size_t{1} << 30;  // zlib counts in 32 bits
constexpr const char* kDamaged = "its compressed data is damaged";

}  // namespace

std::uint32_t crc32_of(std::span<const std::byte> bytes) noexcept {
  return static_cast<std::uint32_t>(
      crc32_z(crc32_z(0, nullptr, 0), reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

void InflateReader::End::operator()(z_stream* stream) const noexcept {
  inflateEnd(stream);
  delete stream;  // NOLINT(cppcoreguidelines-owning-memory): the deleter of a unique_ptr
}

InflateReader::InflateReader(std::span<const std::byte> source, std::uint64_t size_bytes,
                             std::uint32_t crc, std::uint64_t least_spacing)
    : source_(source),
      size_bytes_(size_bytes),
      expected_crc_(crc),
      spacing_(std::max(least_spacing, size_bytes / kMostMarks)) {}

InflateReader::~InflateReader() = default;

bool InflateReader::copy(const Mark& from, Mark& to) {
  Stream stream(new z_stream{});
  // zlib takes the source of a copy without const but only reads it.
  if (inflateCopy(stream.get(), from.stream.get()) != Z_OK) {
    return false;
  }
  to = {std::move(stream), from.read, from.written};
  return true;
}

const char* InflateReader::read(std::uint64_t offset, std::span<std::byte> target) {
  if (offset > size_bytes_ || target.size() > size_bytes_ - offset) {
    return "it is shorter than its header says";
  }
  const std::lock_guard lock(mutex_);
  const auto* problem = go_to(offset);
  problem = problem != nullptr ? problem : unpack(target);
  if (problem != nullptr) {
    now_ = {};
    return problem;
  }
  return now_.written == size_bytes_ ? finish() : nullptr;
}

/// To the place itself from the nearest one before it that is known.
const char* InflateReader::go_to(std::uint64_t offset) {
  if (marks_.empty()) {
    Mark begin{Stream(new z_stream{}), 0, 0};
    if (inflateInit2(begin.stream.get(), -MAX_WBITS) != Z_OK) {
      return "there is no memory to unpack it";
    }
    marks_.push_back(std::move(begin));
  }
  const auto after = std::find_if(marks_.begin(), marks_.end(),
                                  [&](const Mark& mark) { return mark.written > offset; });
  const Mark& nearest = *std::prev(after);
  const bool elsewhere =
      now_.stream == nullptr || now_.written > offset || now_.written < nearest.written;
  if (elsewhere && !copy(nearest, now_)) {
    return "there is no memory to unpack it";
  }
  std::vector<std::byte> passed(
      std::min<std::uint64_t>(offset - now_.written, std::uint64_t{64} << 10));
  while (now_.written < offset) {
    const auto part =
        std::min<std::uint64_t>(offset - now_.written, static_cast<std::uint64_t>(passed.size()));
    if (const auto* const problem = unpack(std::span(passed).first(part))) {
      return problem;
    }
  }
  return nullptr;
}

/// The next bytes, with a stop wherever a mark is due.
const char* InflateReader::unpack(std::span<std::byte> target) {
  while (!target.empty()) {
    const auto due = marks_.back().written + spacing_;
    if (now_.written == due) {
      Mark mark;
      if (copy(now_, mark)) {
        marks_.push_back(std::move(mark));
      }
      continue;
    }
    const auto room = now_.written < due ? due - now_.written : std::uint64_t{kStep};
    const auto part = target.first(
        std::min<std::uint64_t>({target.size(), room, static_cast<std::uint64_t>(kStep)}));
    if (const auto* const problem = step(part)) {
      return problem;
    }
    target = target.subspan(part.size());
  }
  return nullptr;
}

/// Exactly the next bytes, at most kStep.
const char* InflateReader::step(std::span<std::byte> target) {
  auto& stream = *now_.stream;
  stream.next_out = reinterpret_cast<Bytef*>(target.data());
  stream.avail_out = static_cast<uInt>(target.size());
  while (stream.avail_out > 0) {
    const auto available = std::min<std::uint64_t>(kStep, source_.size() - now_.read);
    stream.next_in =
        reinterpret_cast<Bytef*>(const_cast<std::byte*>(source_.data() + now_.read));  // zlib's API
    stream.avail_in = static_cast<uInt>(available);
    const int status = inflate(&stream, Z_NO_FLUSH);
    now_.read += available - stream.avail_in;
    if (status == Z_STREAM_END ? stream.avail_out > 0 : status != Z_OK) {
      return kDamaged;
    }
  }
  if (now_.written == proved_) {
    crc_ = static_cast<std::uint32_t>(
        crc32_z(crc_, reinterpret_cast<const Bytef*>(target.data()), target.size()));
    proved_ += target.size();
  }
  now_.written += target.size();
  return nullptr;
}

/// At the end of what was announced the data ends too, and the checksum is that of all of it.
const char* InflateReader::finish() {
  std::byte none{};
  auto& stream = *now_.stream;
  stream.next_out = reinterpret_cast<Bytef*>(&none);
  stream.avail_out = 1;  // zlib wants a place for output even when none is left to come
  stream.next_in =
      reinterpret_cast<Bytef*>(const_cast<std::byte*>(source_.data() + now_.read));  // zlib's API
  stream.avail_in = static_cast<uInt>(std::min<std::uint64_t>(kStep, source_.size() - now_.read));
  const int status = inflate(&stream, Z_NO_FLUSH);
  const bool ended = status == Z_STREAM_END && stream.avail_out == 1;
  now_ = {};  // the next read starts from a mark
  if (!ended) {
    return kDamaged;
  }
  return proved_ == size_bytes_ && crc_ != expected_crc_ ? "its checksum is wrong" : nullptr;
}

}  // namespace tessera
