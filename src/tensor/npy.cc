// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/tensor/npy.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstring>
#include <optional>
#include <string>

#include "tensor/npy_format.h"

// The format: numpy.lib.format, "NEP 1 -- A Simple File Format for NumPy Arrays".
namespace tessera {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kMaxRank = 64;  // NumPy's own limit
constexpr std::size_t kMaxHeaderBytes = kMaxNpyHeaderBytes - 12;

Failure malformed(std::string_view what, std::string_view reason) {
  return fail(ErrorCode::kDataLoss, "{}: no valid .npy array: {}", what, reason)
      .hint("write it again with numpy.save");
}

/// What the header of an array says, word for word.
struct HeaderText {
  std::string descr;
  bool fortran_order = false;
  Shape shape;
};

/// Reads the Python dictionary literal of a header: strings, booleans and tuples of integers.
class HeaderParser {
 public:
  explicit HeaderParser(std::string_view text) : text_(text) {}

  /// Absent if the text is no such dictionary.
  std::optional<HeaderText> parse() {
    HeaderText header;
    bool has_descr = false;
    bool has_order = false;
    bool has_shape = false;
    if (!take('{')) {
      return std::nullopt;
    }
    while (!take('}')) {
      const auto key = quoted();
      if (!key || !take(':')) {
        return std::nullopt;
      }
      if (*key == "descr" && !has_descr) {
        has_descr = descr(header.descr);
        if (!has_descr) {
          return std::nullopt;
        }
      } else if (*key == "fortran_order" && !has_order) {
        has_order = boolean(header.fortran_order);
        if (!has_order) {
          return std::nullopt;
        }
      } else if (*key == "shape" && !has_shape) {
        has_shape = tuple(header.shape);
        if (!has_shape) {
          return std::nullopt;
        }
      } else {
        return std::nullopt;
      }
      if (!take(',') && peek() != '}') {
        return std::nullopt;
      }
    }
    if (!has_descr || !has_order || !has_shape || peek() != '\0') {
      return std::nullopt;
    }
    return header;
  }

 private:
  char peek() {
    while (!text_.empty() && (text_.front() == ' ' || text_.front() == '\n')) {
      text_.remove_prefix(1);
    }
    return text_.empty() ? '\0' : text_.front();
  }

  bool take(char wanted) {
    if (peek() != wanted) {
      return false;
    }
    text_.remove_prefix(1);
    return true;
  }

  std::optional<std::string> quoted() {
    const char quote = peek();
    if (quote != '\'' && quote != '"') {
      return std::nullopt;
    }
    const auto end = text_.find(quote, 1);
    if (end == std::string_view::npos) {
      return std::nullopt;
    }
    std::string value(text_.substr(1, end - 1));
    text_.remove_prefix(end + 1);
    return value;
  }

  /// A type name; a list means a structured array, which is told apart by its first character.
  bool descr(std::string& value) {
    if (peek() != '[') {
      const auto name = quoted();
      value = name.value_or("");
      return name.has_value();
    }
    value = "[";
    int depth = 0;
    do {
      const char next = peek();
      depth += next == '[' ? 1 : next == ']' ? -1 : 0;
      if (next == '\0') {
        return false;
      }
      text_.remove_prefix(1);
    } while (depth > 0);
    return true;
  }

  bool boolean(bool& value) {
    peek();
    for (const auto& [word, meaning] : {std::pair<std::string_view, bool>{"True", true},
                                        std::pair<std::string_view, bool>{"False", false}}) {
      if (text_.starts_with(word)) {
        value = meaning;
        text_.remove_prefix(word.size());
        return true;
      }
    }
    return false;
  }

  bool tuple(Shape& shape) {
    if (!take('(')) {
      return false;
    }
    while (!take(')')) {
      peek();
      std::int64_t extent = -1;
      const auto* const begin = text_.data();
      const auto [end, error] = std::from_chars(begin, begin + text_.size(), extent);
      if (error != std::errc() || extent < 0 || shape.size() == kMaxRank) {
        return false;
      }
      text_.remove_prefix(static_cast<std::size_t>(end - begin));
      shape.push_back(extent);
      if (text_.starts_with('L')) {  // Python 2 wrote long integers so
        text_.remove_prefix(1);
      }
      if (!take(',') && peek() != ')') {
        return false;
      }
    }
    return true;
  }

  std::string_view text_;
};

struct NpyType {
  std::string_view code;  ///< kind and size: "f4"
  DType dtype;
};

constexpr std::array<NpyType, 14> kTypes{{{"f4", DType::kFloat32},
                                          {"f2", DType::kFloat16},
                                          {"f8", DType::kFloat64},
                                          {"u1", DType::kUInt8},
                                          {"i1", DType::kInt8},
                                          {"u2", DType::kUInt16},
                                          {"i2", DType::kInt16},
                                          {"u4", DType::kUInt32},
                                          {"i4", DType::kInt32},
                                          {"u8", DType::kUInt64},
                                          {"i8", DType::kInt64},
                                          {"b1", DType::kBool},
                                          {"c8", DType::kComplex64},
                                          {"c16", DType::kComplex128}}};

struct ElementType {
  DType dtype = DType::kUndefined;
  bool swapped = false;  ///< the other byte order than this machine's
};

Result<ElementType> element_type(const std::string& descr, std::string_view what) {
  const char order = descr.empty() ? '\0' : descr.front();
  const bool has_order = order == '<' || order == '>' || order == '|' || order == '=';
  const auto code = std::string_view(descr).substr(has_order ? 1 : 0);
  const auto* const type = std::find_if(kTypes.begin(), kTypes.end(),
                                        [&](const NpyType& known) { return known.code == code; });
  if (type == kTypes.end()) {
    return fail(ErrorCode::kUnimplemented, "{}: arrays of type '{}' are not supported", what,
                descr.starts_with('[') ? "structured record" : descr)
        .hint("save it as float32, float16 or an integer type");
  }
  const char foreign = std::endian::native == std::endian::little ? '>' : '<';
  return ElementType{type->dtype, order == foreign};
}

/// Reverses the bytes of every number of `width` bytes.
void swap_bytes(std::span<std::byte> bytes, std::size_t width) {
  for (std::size_t begin = 0; begin + width <= bytes.size(); begin += width) {
    std::reverse(bytes.begin() + static_cast<std::ptrdiff_t>(begin),
                 bytes.begin() + static_cast<std::ptrdiff_t>(begin + width));
  }
}

/// Copies a column-major array into a row-major one.
void transpose_fortran(std::span<const std::byte> source, const Shape& shape, std::size_t width,
                       std::span<std::byte> target) {
  std::vector<std::size_t> stride(shape.size());
  std::size_t step = 1;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    stride[axis] = step;
    step *= static_cast<std::size_t>(shape[axis]);
  }
  std::vector<std::int64_t> index(shape.size(), 0);
  std::size_t from = 0;
  for (std::size_t to = 0; to + width <= target.size(); to += width) {
    std::memcpy(target.data() + to, source.data() + from * width, width);
    for (std::size_t axis = shape.size(); axis-- > 0;) {
      from += stride[axis];
      if (++index[axis] < shape[axis]) {
        break;
      }
      from -= stride[axis] * static_cast<std::size_t>(shape[axis]);
      index[axis] = 0;
    }
  }
}

std::uint32_t little_endian(std::span<const std::byte> bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) {
    value = value << 8 | std::to_integer<std::uint32_t>(bytes[i]);
  }
  return value;
}

struct Split {
  std::string_view text;
  std::size_t header_bytes = 0;
};

Result<Split> split_header(std::span<const std::byte> bytes, std::string_view what) {
  if (bytes.empty()) {
    return malformed(what, "it is empty");
  }
  if (bytes.size() < kMagic.size() + 2 ||
      std::memcmp(bytes.data(), kMagic.data(), kMagic.size()) != 0) {
    return malformed(what, "the magic bytes are missing");
  }
  const auto version = std::to_integer<int>(bytes[kMagic.size()]);
  if (version < 1 || version > 3) {
    return malformed(what, "its format version is not 1, 2 or 3");
  }
  const std::size_t length_bytes = version == 1 ? 2 : 4;
  const std::size_t prefix = kMagic.size() + 2 + length_bytes;
  if (bytes.size() < prefix) {
    return malformed(what, "it is truncated in the header");
  }
  const std::size_t length = little_endian(bytes.subspan(kMagic.size() + 2, length_bytes));
  if (length > kMaxHeaderBytes || length > bytes.size() - prefix) {
    return malformed(what, "it is truncated in the header");
  }
  const auto* const text = reinterpret_cast<const char*>(bytes.data() + prefix);
  return Split{{text, length}, prefix + length};
}

/// The NumPy type of a stored element; types that NumPy lacks are widened first.
std::string_view descr_of(DType dtype) {
  const auto* const type = std::find_if(kTypes.begin(), kTypes.end(),
                                        [&](const NpyType& known) { return known.dtype == dtype; });
  return type == kTypes.end() ? std::string_view() : type->code;
}

/// bfloat16 as float32 and 4-bit integers as int8 or uint8: the nearest that NumPy has.
Tensor widen(const TensorView& tensor) {
  const Shape shape(tensor.shape.begin(), tensor.shape.end());
  const auto values = to_float32(tensor);
  if (!values) {
    return Tensor(TensorView{DType::kUInt8, tensor.shape, tensor.bytes});  // 8-bit floats, as bits
  }
  if (tensor.dtype == DType::kBFloat16) {
    return Tensor::of(*values, shape);
  }
  if (tensor.dtype == DType::kInt4) {
    return Tensor::of(std::vector<std::int8_t>(values->begin(), values->end()), shape);
  }
  return Tensor::of(std::vector<std::uint8_t>(values->begin(), values->end()), shape);
}

std::string header_text(std::string_view code, std::span<const std::int64_t> shape) {
  const char order = code.ends_with('1') && code.size() == 2      ? '|'
                     : std::endian::native == std::endian::little ? '<'
                                                                  : '>';
  std::string extents;
  for (const auto extent : shape) {
    extents += std::to_string(extent) + (shape.size() == 1 ? "," : ", ");
  }
  if (shape.size() > 1) {
    extents.resize(extents.size() - 2);
  }
  auto text = fmt::format("{{'descr': '{}{}', 'fortran_order': False, 'shape': ({}), }}", order,
                          code, extents);
  // The data starts at a multiple of 64 bytes: 10 bytes before the text, a newline after it.
  text.append((64 - (text.size() + 11) % 64) % 64, ' ');
  return text + '\n';
}

}  // namespace

Result<NpyHeader> parse_npy_header(std::span<const std::byte> bytes, std::uint64_t total_bytes,
                                   std::string_view what) {
  TESSERA_TRY(const auto parts, split_header(bytes, what));
  auto text = HeaderParser(parts.text).parse();
  if (!text) {
    return malformed(what, "its header is damaged");
  }
  TESSERA_TRY(const auto type, element_type(text->descr, what));
  NpyHeader header;
  header.dtype = type.dtype;
  header.swapped = type.swapped;
  header.fortran_order = text->fortran_order && text->shape.size() > 1;
  header.shape = std::move(text->shape);
  header.bytes = parts.header_bytes;
  const auto count = element_count(header.shape);
  const auto data_bytes = total_bytes - header.bytes;
  if (count < 0 || static_cast<std::uint64_t>(count) > data_bytes / header.element_bytes()) {
    return malformed(what,
                     fmt::format("it is truncated: {} elements of {} bytes announced, {} "
                                 "bytes of data found",
                                 to_string(header.shape), header.element_bytes(), data_bytes));
  }
  return header;
}

Tensor npy_tensor(const NpyHeader& header, const Shape& shape, std::span<const std::byte> data) {
  const auto width = header.element_bytes();
  Tensor tensor(TensorView{header.dtype, shape, data});
  if (header.fortran_order) {
    transpose_fortran(data, shape, width, tensor.bytes());
  }
  if (header.swapped) {
    const bool is_complex = header.dtype == DType::kComplex64 || header.dtype == DType::kComplex128;
    swap_bytes(tensor.bytes(), is_complex ? width / 2 : width);
  }
  return tensor;
}

Result<Tensor> parse_npy(std::span<const std::byte> bytes, std::string_view what) {
  TESSERA_TRY(const auto header, parse_npy_header(bytes, bytes.size(), what));
  const auto count = static_cast<std::size_t>(element_count(header.shape));
  return npy_tensor(header, header.shape,
                    bytes.subspan(header.bytes, count * header.element_bytes()));
}

std::vector<std::byte> format_npy(const TensorView& tensor) {
  const auto code = descr_of(tensor.dtype);
  if (code.empty()) {
    return format_npy(widen(tensor).view());
  }
  const auto header = header_text(code, tensor.shape);
  std::string prefix(kMagic);
  prefix += {'\x01', '\x00', static_cast<char>(header.size() & 0xff),
             static_cast<char>(header.size() >> 8)};
  prefix += header;
  const auto head = std::as_bytes(std::span(prefix));
  std::vector<std::byte> result;
  result.reserve(head.size() + tensor.bytes.size());
  result.insert(result.end(), head.begin(), head.end());
  result.insert(result.end(), tensor.bytes.begin(), tensor.bytes.end());
  return result;
}

Result<Tensor> read_npy(const std::filesystem::path& path) {
  TESSERA_TRY(const auto file, MappedFile::open(path));
  return parse_npy(file.bytes(), path.string());
}

Status write_npy(const std::filesystem::path& path, const TensorView& tensor, Overwrite overwrite) {
  TESSERA_TRY(auto file, AtomicFile::create(path, overwrite));
  TESSERA_CHECK(file.write(format_npy(tensor)));
  return file.commit();
}

}  // namespace tessera
