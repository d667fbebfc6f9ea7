// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "keras/hdf5.h"

#include <algorithm>

#include "keras/hdf5_bytes.h"
#include "keras/hdf5_messages.h"

namespace tessera::keras::hdf5 {
namespace {

constexpr std::string_view kSignature = "\x89HDF\r\n\x1a\n";

/// What is looked at more often than this is shared among structures, which no writer does.
constexpr std::uint64_t kMostLooks = 16;
constexpr std::uint64_t kFreeLooks = std::uint64_t{1} << 20;

struct Superblock {
  std::uint64_t base = 0;
  std::uint64_t root = 0;
};

/// (II.A) Versions 0 and 1, then 2 and 3.
std::optional<Superblock> old_superblock(ByteCursor& cursor, std::uint8_t version) {
  Superblock block;
  cursor.skip(2 + 2 + 4 + (version == 1 ? 4 : 0));
  block.base = cursor.u64();
  cursor.skip(8 + 8 + 8);  // free space, end of file, driver
  cursor.skip(8);          // the name of the root's entry
  block.root = cursor.u64();
  return cursor.failed() ? std::nullopt : std::optional(block);
}

std::optional<Superblock> new_superblock(ByteCursor& cursor) {
  Superblock block;
  cursor.skip(1);
  block.base = cursor.u64();
  cursor.skip(8 + 8);  // extension, end of file
  block.root = cursor.u64();
  return cursor.failed() ? std::nullopt : std::optional(block);
}

}  // namespace

bool has_signature(Bytes bytes) noexcept {
  return starts_with(bytes, kSignature);
}

Failure File::damaged(std::string_view where, std::string_view reason) const {
  return damaged_file(fmt::format("{}[{}]", what_, where), reason);
}

Failure File::unsupported(std::string_view where, std::string_view what) const {
  return unsupported_file(fmt::format("{}[{}]", what_, where), what);
}

std::optional<Bytes> File::part(std::uint64_t offset, std::uint64_t size) const noexcept {
  if (offset > bytes_.size() || size > bytes_.size() - offset) {
    return std::nullopt;
  }
  return bytes_.subspan(offset, size);
}

bool File::spend(std::uint64_t bytes) const noexcept {
  const auto most = kMostLooks * bytes_.size() + kFreeLooks;
  spent_ += std::min(bytes, most);  // cannot wrap around
  return spent_ <= most;
}

Result<File> File::open(Bytes bytes, std::string_view what) {
  constexpr std::uint8_t kWidth = 8;
  File file(bytes, std::string(what));
  if (!has_signature(bytes)) {
    return fail(ErrorCode::kDataLoss, "{}: no HDF5 file: it does not begin with its signature",
                what)
        .hint("give a .h5 or .keras file that Keras wrote");
  }
  ByteCursor cursor(bytes.subspan(kSignature.size()));
  const auto version = cursor.u8();
  if (!cursor.failed() && version > 3) {
    return file.unsupported("/", fmt::format("superblock version {}", version));
  }
  const bool old = version < 2;
  cursor.skip(old ? 4 : 0);
  const auto offset_width = cursor.u8();
  const auto length_width = cursor.u8();
  if (!cursor.failed() && (offset_width != kWidth || length_width != kWidth)) {
    return file.unsupported(
        "/", fmt::format("addresses of {} and lengths of {} bytes", offset_width, length_width));
  }
  cursor.skip(old ? 1 : 0);
  const auto block = old ? old_superblock(cursor, version) : new_superblock(cursor);
  if (!block) {
    return file.damaged("/", "its superblock is cut short");
  }
  if (block->base != 0) {
    return file.unsupported("/", "a user block before its content");
  }
  file.root_ = block->root;
  return file;
}

Result<std::shared_ptr<const Object>> File::root() const {
  return object_at(root_, "/");
}

Result<std::shared_ptr<const Object>> File::find(const Object& from, std::string_view path) const {
  std::shared_ptr<const Object> found;
  const auto* here = &from;
  while (!path.empty()) {
    const auto slash = path.find('/');
    const auto name = path.substr(0, slash);
    path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
    if (name.empty()) {
      continue;
    }
    const auto link = here->links.find(name);
    if (link == here->links.end()) {
      return std::shared_ptr<const Object>();
    }
    auto place =
        here->path == "/" ? fmt::format("/{}", name) : fmt::format("{}/{}", here->path, name);
    if (link->second.kind != Link::Kind::kHard) {
      return unsupported(place,
                         link->second.kind == Link::Kind::kSoft ? "soft links" : "external links");
    }
    TESSERA_TRY(found, object_at(link->second.address, std::move(place)));
    here = found.get();
  }
  return found;
}

// --- texts ------------------------------------------------------------------------------------

/// (III.E) Objects by their numbers; 0 is what is free.
Result<const File::HeapItems*> File::global_heap(std::uint64_t address,
                                                 std::string_view where) const {
  if (const auto known = heaps_.find(address); known != heaps_.end()) {
    return &known->second;
  }
  constexpr std::uint64_t kHead = 16;
  const auto head = part(address, kHead);
  if (!head || !starts_with(*head, "GCOL")) {
    return damaged(where, "a text's heap is missing");
  }
  ByteCursor size_field(head->subspan(8));
  const auto size = size_field.u64();
  const auto all = part(address, size);
  if (!all || size < kHead || !spend(size)) {
    return damaged(where, "a text's heap reaches beyond the file");
  }
  HeapItems items;
  for (auto offset = kHead; size - offset >= kHead;) {
    ByteCursor cursor(all->subspan(offset, kHead));
    const auto number = cursor.u16();
    cursor.skip(6);
    const auto bytes = cursor.u64();
    if (number == 0) {
      break;
    }
    const auto padded = bytes / 8 * 8 + (bytes % 8 == 0 ? 0 : 8);
    if (bytes > size - offset - kHead || padded > size - offset - kHead) {
      return damaged(where, "a text's heap contradicts itself");
    }
    items[number] = {address + offset + kHead, bytes};
    offset += kHead + padded;
  }
  return &(heaps_[address] = std::move(items));
}

Result<std::string> File::heap_text(Bytes reference, std::string_view where) const {
  ByteCursor cursor(reference);
  const std::uint64_t length = cursor.u32();
  const auto address = cursor.u64();
  const auto number = cursor.u32();
  if (length == 0 || address == 0 || address == kNowhere) {
    return std::string();
  }
  TESSERA_TRY(const auto* const items, global_heap(address, where));
  const auto item =
      number <= 0xffff ? items->find(static_cast<std::uint16_t>(number)) : items->end();
  if (item == items->end() || length > item->second.size || !spend(length)) {
    return damaged(where, "a text is not in its heap");
  }
  return text_of(bytes_.subspan(item->second.offset, length));
}

Result<std::optional<std::vector<std::string>>> File::texts(const Object& object,
                                                            std::string_view name) const {
  const auto found = object.attributes.find(name);
  if (found == object.attributes.end()) {
    return std::optional<std::vector<std::string>>();
  }
  const auto* const attribute = &found->second;
  const auto where = fmt::format("{}@{}", object.path, name);
  const auto& type = attribute->type;
  const auto count = static_cast<std::uint64_t>(attribute->space.count);
  std::vector<std::string> texts;
  if (count == 0) {
    return texts;
  }
  if (type.kind != Type::Kind::kText && type.kind != Type::Kind::kFixedText) {
    return unsupported(where,
                       fmt::format("an attribute of type {} where a text belongs", type.name));
  }
  if (count > attribute->data.size() / type.size || !spend(count * type.size)) {
    return damaged(where, "an attribute is cut short");
  }
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto element = attribute->data.subspan(i * type.size, type.size);
    if (type.kind == Type::Kind::kFixedText) {
      texts.push_back(text_of(element));
      continue;
    }
    TESSERA_TRY(auto text, heap_text(element, where));
    texts.push_back(std::move(text));
  }
  return texts;
}

Result<std::optional<std::string>> File::text(const Object& object, std::string_view name) const {
  TESSERA_TRY(auto texts, this->texts(object, name));
  if (!texts || texts->empty()) {
    return std::optional<std::string>();
  }
  return std::move(texts->front());
}

}  // namespace tessera::keras::hdf5
