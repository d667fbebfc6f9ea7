// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/tensor/unpack.h"

#include <zlib.h>

#include <algorithm>
#include <limits>

namespace tessera {
namespace {

/// Ends a stream that was begun.
struct Stream {
  z_stream state{};
  bool open = inflateInit(&state) == Z_OK;
  Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() { inflateEnd(&state); }
};

}  // namespace

Result<std::vector<std::byte>> inflate_zlib(std::span<const std::byte> source,
                                            std::uint64_t most_bytes, std::string_view what) {
  constexpr std::uint64_t kMostRatio = 1032;  // of deflate
  constexpr std::uint64_t kFirst = 4096;
  const auto damaged = [&](std::string_view reason) {
    return fail(ErrorCode::kDataLoss, "{}: {}", what, reason).hint("write the file again");
  };
  Stream stream;
  if (!stream.open) {
    return fail(ErrorCode::kResourceExhausted, "{}: no memory to unpack it", what)
        .hint("close other programs, or use a machine with more memory");
  }
  if (source.size() > std::numeric_limits<uInt>::max()) {
    return damaged("its compressed data is larger than 4 GiB");
  }
  const auto most = std::min(most_bytes, kMostRatio * source.size() + kFirst);
  // One byte more than may be there shows whether there is more.
  const auto room_for = most + 1;
  // zlib takes its source without const but only reads it.
  stream.state.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(source.data()));
  stream.state.avail_in = static_cast<uInt>(source.size());
  std::vector<std::byte> content(std::min(room_for, kFirst + 4 * source.size()));
  std::uint64_t written = 0;
  for (;;) {
    const auto room = std::min<std::uint64_t>(content.size() - written, 1u << 30);
    stream.state.next_out = reinterpret_cast<Bytef*>(content.data() + written);
    stream.state.avail_out = static_cast<uInt>(room);
    const int status = inflate(&stream.state, Z_NO_FLUSH);
    const bool full = stream.state.avail_out == 0;
    written += room - stream.state.avail_out;
    if (status == Z_STREAM_END) {
      break;
    }
    if (status != Z_OK && !(status == Z_BUF_ERROR && full)) {
      return damaged("its compressed data is damaged");
    }
    if (full && written == content.size()) {
      if (content.size() >= room_for) {
        break;
      }
      content.resize(std::min(room_for, 2 * static_cast<std::uint64_t>(content.size())));
      continue;
    }
    if (stream.state.avail_in == 0) {
      return damaged("its compressed data is cut short");
    }
  }
  if (written > most) {
    return damaged("it unpacks to more than it should");
  }
  content.resize(written);
  return content;
}

}  // namespace tessera
