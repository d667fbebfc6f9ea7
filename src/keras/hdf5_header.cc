// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <deque>
#include <set>

#include "keras/hdf5.h"
#include "keras/hdf5_bytes.h"
#include "keras/hdf5_messages.h"

namespace tessera::keras::hdf5 {

/// Old-style groups: a tree of nodes whose leaves hold names, as places in a heap, and addresses.
/// (III.A.1, III.B, III.D)
class GroupReader {
 public:
  GroupReader(const File& file, Object& group, std::string where)
      : file_(file), group_(group), where_(std::move(where)) {}

  [[nodiscard]] Status read(std::uint64_t tree, std::uint64_t heap) {
    TESSERA_CHECK(open_heap(heap));
    return walk(tree);
  }

 private:
  struct Node {
    std::uint64_t address = 0;
    int level = 0;  ///< -1: symbols
  };

  [[nodiscard]] Failure damaged(std::string_view reason) const {
    return file_.damaged(where_, reason);
  }

  [[nodiscard]] Status open_heap(std::uint64_t address) {
    const auto head = file_.part(address, 32);
    if (!head || !starts_with(*head, "HEAP")) {
      return damaged("the names of a group are missing");
    }
    ByteCursor cursor(head->subspan(8));
    const auto size = cursor.u64();
    cursor.skip(8);
    const auto names = file_.part(cursor.u64(), size);
    if (!names) {
      return damaged("the names of a group lie outside the file");
    }
    names_ = *names;
    return {};
  }

  [[nodiscard]] Status walk(std::uint64_t root) {
    TESSERA_TRY(const auto level, level_of(root));
    std::vector<Node> open{{root, level}};
    std::set<std::uint64_t> seen;
    while (!open.empty()) {
      const auto node = open.back();
      open.pop_back();
      if (!seen.insert(node.address).second) {
        return damaged("the tree of a group goes round in a circle");
      }
      TESSERA_CHECK(node.level < 0 ? symbols(node.address) : branch(node, open));
    }
    return {};
  }

  [[nodiscard]] Result<int> level_of(std::uint64_t address) const {
    const auto head = file_.part(address, 8);
    if (!head || !starts_with(*head, "TREE")) {
      return damaged("the tree of a group is missing");
    }
    return std::to_integer<int>((*head)[5]);
  }

  [[nodiscard]] Status branch(const Node& node, std::vector<Node>& open) const {
    constexpr std::uint64_t kHead = 24;
    const auto head = file_.part(node.address, kHead);
    if (!head || !starts_with(*head, "TREE")) {
      return damaged("the tree of a group is missing");
    }
    ByteCursor cursor(head->subspan(4));
    const auto kind = cursor.u8();
    const int level = cursor.u8();
    const std::uint64_t entries = cursor.u16();
    const auto body = file_.part(node.address + kHead, 16 * entries + 8);
    if (kind != 0 || level != node.level || !body || !file_.spend(kHead + body->size())) {
      return damaged("the tree of a group contradicts itself");
    }
    ByteCursor children(*body);
    for (std::uint64_t i = 0; i < entries; ++i) {
      children.skip(8);
      open.push_back({children.u64(), level - 1});
    }
    return {};
  }

  [[nodiscard]] Status symbols(std::uint64_t address) {
    constexpr std::uint64_t kHead = 8;
    constexpr std::uint64_t kEntry = 40;
    const auto head = file_.part(address, kHead);
    if (!head || !starts_with(*head, "SNOD")) {
      return damaged("the members of a group are missing");
    }
    ByteCursor count_field(head->subspan(6));
    const std::uint64_t count = count_field.u16();
    const auto body = file_.part(address + kHead, kEntry * count);
    if (!body || !file_.spend(kHead + kEntry * count)) {
      return damaged("the members of a group reach beyond the file");
    }
    ByteCursor cursor(*body);
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto name = cursor.u64();
      const auto object = cursor.u64();
      const auto cache = cursor.u32();
      cursor.skip(4 + 16);
      TESSERA_CHECK(add(name, object, cache));
    }
    return {};
  }

  [[nodiscard]] Status add(std::uint64_t name_offset, std::uint64_t object, std::uint32_t cache) {
    constexpr std::uint32_t kSoftLink = 2;
    if (name_offset >= names_.size()) {
      return damaged("the name of a member is missing");
    }
    const auto rest = names_.subspan(name_offset);
    const auto end = std::ranges::find(rest, std::byte{0});
    auto name = text_of(rest.first(static_cast<std::size_t>(end - rest.begin())));
    if (end == rest.end() || name.empty() || !file_.spend(name.size())) {
      return damaged("the name of a member is damaged");
    }
    Link link{.address = object};
    link.kind = cache == kSoftLink ? Link::Kind::kSoft : Link::Kind::kHard;
    if (!group_.links.emplace(name, link).second) {
      return damaged(fmt::format("it has two members '{}'", name));
    }
    return {};
  }

  const File& file_;
  Object& group_;
  std::string where_;
  Bytes names_;
};

/// An object's header: messages in one or more blocks. (IV.A.1)
class HeaderReader {
 public:
  HeaderReader(const File& file, std::string path)
      : file_(file), where_(fmt::format("{}[{}]", file.what_, path)) {
    object_.path = std::move(path);
  }

  [[nodiscard]] Result<Object> read(std::uint64_t address) {
    const auto head = file_.part(address, 16);
    if (!head) {
      return damaged("its header lies outside the file");
    }
    if (starts_with(*head, "OHDR")) {
      TESSERA_CHECK(new_header(address));
    } else {
      TESSERA_CHECK(old_header(address, *head));
    }
    TESSERA_CHECK(read_blocks());
    return std::move(object_);
  }

 private:
  [[nodiscard]] Failure damaged(std::string_view reason) const {
    return file_.damaged(object_.path, reason);
  }

  [[nodiscard]] Status old_header(std::uint64_t address, Bytes head) {
    constexpr std::uint64_t kHead = 16;  // 12 and padding
    ByteCursor cursor(head);
    if (cursor.u8() != 1) {
      return damaged("there is no header of an object where one should be");
    }
    cursor.skip(1);
    left_ = cursor.u16();
    cursor.skip(4);
    return add_block(address + kHead, cursor.u32());
  }

  [[nodiscard]] Status new_header(std::uint64_t address) {
    constexpr std::uint64_t kMostHead = 4 + 2 + 16 + 4 + 8;
    const auto most = std::min<std::uint64_t>(kMostHead, file_.bytes_.size() - address);
    ByteCursor cursor(file_.bytes_.subspan(address, most));
    cursor.skip(4);
    const auto version = cursor.u8();
    const auto flags = cursor.u8();
    if (!cursor.failed() && version != 2) {
      return file_.unsupported(object_.path, fmt::format("headers of version {}", version));
    }
    cursor.skip((flags & 0x20) != 0 ? 16 : 0);
    cursor.skip((flags & 0x10) != 0 ? 4 : 0);
    const auto size = cursor.number(std::size_t{1} << (flags & 3));
    if (cursor.failed()) {
      return damaged("its header is cut short");
    }
    is_new_ = true;
    has_order_ = (flags & 4) != 0;
    return add_block(address + (most - cursor.left()), size);
  }

  [[nodiscard]] Status add_block(std::uint64_t offset, std::uint64_t size) {
    const auto block = file_.part(offset, size);
    if (!block || !file_.spend(size) || !seen_.insert(offset).second) {
      return damaged("its header reaches beyond the file or goes round in a circle");
    }
    blocks_.push_back(*block);
    return {};
  }

  [[nodiscard]] Status read_blocks() {
    while (!blocks_.empty()) {
      const auto block = blocks_.front();
      blocks_.pop_front();
      TESSERA_CHECK(is_new_ ? new_messages(block) : old_messages(block));
    }
    return {};
  }

  [[nodiscard]] Status old_messages(Bytes block) {
    constexpr std::size_t kHead = 8;
    ByteCursor cursor(block);
    while (left_ > 0 && cursor.left() >= kHead) {
      --left_;
      const auto type = cursor.u16();
      const auto size = cursor.u16();
      const auto flags = cursor.u8();
      cursor.skip(3);
      const auto data = cursor.take(size);
      if (cursor.failed()) {
        return damaged("a message of its header is cut short");
      }
      TESSERA_CHECK(message(type, flags, data));
    }
    return {};
  }

  [[nodiscard]] Status new_messages(Bytes block) {
    const std::size_t head = has_order_ ? 6 : 4;
    ByteCursor cursor(block);
    while (cursor.left() >= head) {
      const auto type = cursor.u8();
      const auto size = cursor.u16();
      const auto flags = cursor.u8();
      cursor.skip(has_order_ ? 2 : 0);
      const auto data = cursor.take(size);
      if (cursor.failed()) {
        return damaged("a message of its header is cut short");
      }
      TESSERA_CHECK(message(type, flags, data));
    }
    return {};
  }

  [[nodiscard]] Status message(std::uint16_t type, std::uint8_t flags, Bytes data) {
    constexpr std::uint8_t kShared = 2;
    constexpr std::uint8_t kFailIfUnknown = 128;
    const auto known = static_cast<Message>(type);
    if ((flags & kShared) != 0 && known != Message::kAttribute) {
      return file_.unsupported(object_.path, "committed datatypes or shared messages");
    }
    switch (known) {
      case Message::kSpace: {
        TESSERA_TRY(object_.space, parse_space(data, where_));
        return {};
      }
      case Message::kType: {
        TESSERA_TRY(object_.type, parse_type(data, where_));
        return {};
      }
      case Message::kFill: {
        TESSERA_TRY(object_.filled, parse_fill(data, where_));
        return {};
      }
      case Message::kLayout: {
        TESSERA_TRY(object_.layout, parse_layout(data, where_));
        return {};
      }
      case Message::kFilters: {
        TESSERA_TRY(object_.filters, parse_filters(data, where_));
        return {};
      }
      case Message::kAttribute: {
        if ((flags & kShared) != 0) {
          return file_.unsupported(object_.path, "shared attributes");
        }
        TESSERA_TRY(auto attribute, parse_attribute(data, where_));
        auto name = attribute.name;
        const bool is_new =
            object_.attributes.emplace(std::move(name), std::move(attribute)).second;
        return is_new ? Status() : Status(damaged("it has two attributes of one name"));
      }
      case Message::kLink:
        return add_link(data);
      case Message::kLinkInfo:
        return dense_links(data);
      case Message::kAttributeInfo:
        return dense_attributes(data);
      case Message::kSymbolTable:
        return symbol_table(data);
      case Message::kContinuation:
        return continuation(data);
      case Message::kExternalFiles:
        object_.external = true;
        return {};
      case Message::kOldFill:
        return {};
    }
    if ((flags & kFailIfUnknown) != 0) {
      return file_.unsupported(object_.path, fmt::format("messages of type {:#x}", type));
    }
    return {};
  }

  [[nodiscard]] Status symbol_table(Bytes data) {
    ByteCursor cursor(data);
    const auto tree = cursor.u64();
    const auto heap = cursor.u64();
    if (cursor.failed()) {
      return damaged("a message of its header is cut short");
    }
    return GroupReader(file_, object_, object_.path).read(tree, heap);
  }

  [[nodiscard]] Status add_link(Bytes data) {
    TESSERA_TRY(auto link, parse_link(data, where_));
    if (!object_.links.insert(std::move(link)).second) {
      return damaged("it has two members of one name");
    }
    return {};
  }

  /// Of new groups with more than a few members, and of objects with more than a few attributes.
  [[nodiscard]] Status dense_links(Bytes data) {
    return refuse_heap(data, 8, "a group that keeps its members in a fractal heap");
  }
  [[nodiscard]] Status dense_attributes(Bytes data) const {
    return refuse_heap(data, 2, "an object that keeps its attributes in a fractal heap");
  }
  [[nodiscard]] Status refuse_heap(Bytes data, std::uint64_t order_bytes,
                                   std::string_view what) const {
    ByteCursor cursor(data);
    cursor.skip(1);
    const bool ordered = (cursor.u8() & 1) != 0;
    cursor.skip(ordered ? order_bytes : 0);
    const auto heap = cursor.u64();
    if (cursor.failed()) {
      return damaged("a message of its header is cut short");
    }
    if (heap == kNowhere) {
      return {};
    }
    return file_.unsupported(object_.path, what);
  }

  [[nodiscard]] Status continuation(Bytes data) {
    constexpr std::uint64_t kFrame = 4;  // "OCHK" before, a checksum behind
    ByteCursor cursor(data);
    const auto offset = cursor.u64();
    const auto size = cursor.u64();
    if (cursor.failed()) {
      return damaged("a message of its header is cut short");
    }
    if (!is_new_) {
      return add_block(offset, size);
    }
    const auto block = file_.part(offset, size);
    if (!block || size < 2 * kFrame || !starts_with(*block, "OCHK")) {
      return damaged("a part of its header is missing");
    }
    return add_block(offset + kFrame, size - 2 * kFrame);
  }

  const File& file_;
  std::string where_;
  Object object_;
  std::size_t left_ = 0;  ///< messages of an old header
  bool is_new_ = false;
  bool has_order_ = false;
  std::deque<Bytes> blocks_;
  std::set<std::uint64_t> seen_;
};

Result<std::shared_ptr<const Object>> File::object_at(std::uint64_t address,
                                                      std::string path) const {
  if (const auto known = objects_.find(address); known != objects_.end()) {
    return known->second;
  }
  TESSERA_TRY(auto object, HeaderReader(*this, std::move(path)).read(address));
  return objects_[address] = std::make_shared<const Object>(std::move(object));
}

}  // namespace tessera::keras::hdf5
