// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/tensor/npy.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <fstream>

#include "support/matchers.h"
#include "tessera/core/random.h"

namespace tessera {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;

std::vector<std::byte> bytes_of_text(std::string_view text) {
  const auto view = std::as_bytes(std::span(text));
  return {view.begin(), view.end()};
}

/// A version 1 file with the given header and data.
std::vector<std::byte> npy(std::string header, std::string_view data) {
  header += '\n';
  std::string text("\x93NUMPY\x01\x00", 8);
  text += static_cast<char>(header.size() & 0xff);
  text += static_cast<char>(header.size() >> 8);
  text += header;
  text += data;
  return bytes_of_text(text);
}

std::string_view raw(const auto& values) {
  const auto bytes = std::as_bytes(std::span(values));
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool equal(const TensorView& a, const TensorView& b) {
  return a.dtype == b.dtype && std::ranges::equal(a.shape, b.shape) &&
         std::ranges::equal(a.bytes, b.bytes);
}

Tensor random_tensor(Random& random) {
  constexpr DType kTypes[] = {DType::kFloat32, DType::kFloat16, DType::kFloat64, DType::kUInt8,
                              DType::kInt8,    DType::kInt16,   DType::kUInt16,  DType::kInt32,
                              DType::kInt64,   DType::kUInt64,  DType::kBool,    DType::kComplex64};
  Shape shape(random.below(5));
  for (auto& extent : shape) {
    extent = static_cast<std::int64_t>(random.below(5));
  }
  Tensor tensor(kTypes[random.below(std::size(kTypes))], shape);
  for (auto& byte : tensor.bytes()) {
    byte = static_cast<std::byte>(random.below(2));
  }
  return tensor;
}

RC_GTEST_PROP(Npy, AnyTensor_RoundTrips, (std::uint64_t seed)) {
  Random random(seed);
  const auto tensor = random_tensor(random);
  const auto bytes = format_npy(tensor.view());
  const auto back = parse_npy(bytes, "x.npy");
  RC_ASSERT(back.has_value());
  RC_ASSERT(equal(back->view(), tensor.view()));
}

RC_GTEST_PROP(Npy, AnyPrefix_IsAnErrorNotACrash, (std::uint64_t seed)) {
  Random random(seed);
  const auto tensor = random_tensor(random);
  RC_PRE(tensor.size() > 0);
  auto bytes = format_npy(tensor.view());
  bytes.resize(random.below(bytes.size()));
  const auto back = parse_npy(bytes, "x.npy");
  RC_ASSERT(!back.has_value());
  RC_ASSERT(back.error().code == ErrorCode::kDataLoss);
}

RC_GTEST_PROP(Npy, AnyDamage_IsHandled, (std::uint64_t seed)) {
  Random random(seed);
  auto bytes = format_npy(random_tensor(random).view());
  for (std::uint64_t i = random.below(8) + 1; i > 0; --i) {
    bytes[random.below(std::min<std::size_t>(bytes.size(), 96))] =
        static_cast<std::byte>(random.below(256));
  }
  const auto back = parse_npy(bytes, "x.npy");
  RC_ASSERT(!back.has_value() || back->size() >= 0);
}

TEST(Npy, Header_IsAlignedTo64Bytes) {
  const Tensor tensor(DType::kUInt8, {3});
  EXPECT_EQ((format_npy(tensor.view()).size() - 3) % 64, 0u);
}

TEST(Npy, BigEndian_IsSwapped) {
  const auto file = npy("{'descr': '>i4', 'fortran_order': False, 'shape': (2,), }",
                        std::string_view("\0\0\1\2\xff\xff\xff\xfe", 8));
  const auto tensor = parse_npy(file, "x.npy");
  ASSERT_THAT(tensor, IsOk());
  EXPECT_THAT(tensor->as<std::int32_t>(), ElementsAre(258, -2));
}

TEST(Npy, FortranOrder_BecomesRowMajor) {
  const std::vector<std::int16_t> columns{0, 10, 1, 11, 2, 12};
  const auto file = npy("{'descr': '<i2', 'fortran_order': True, 'shape': (2, 3), }", raw(columns));
  const auto tensor = parse_npy(file, "x.npy");
  ASSERT_THAT(tensor, IsOk());
  EXPECT_THAT(tensor->as<std::int16_t>(), ElementsAre(0, 1, 2, 10, 11, 12));
}

TEST(Npy, FortranOrder_OfThreeAxes) {
  std::vector<std::uint8_t> columns(24);
  for (std::uint8_t i = 0; i < 2; ++i) {
    for (std::uint8_t j = 0; j < 3; ++j) {
      for (std::uint8_t k = 0; k < 4; ++k) {
        columns[i + 2u * j + 6u * k] = static_cast<std::uint8_t>(12 * i + 4 * j + k);
      }
    }
  }
  const auto tensor = parse_npy(
      npy("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3, 4), }", raw(columns)), "x.npy");
  ASSERT_THAT(tensor, IsOk());
  for (std::uint8_t i = 0; i < 24; ++i) {
    EXPECT_EQ(tensor->as<std::uint8_t>()[i], i);
  }
}

TEST(Npy, Scalar_HasNoExtents) {
  const std::vector<float> value{2.5f};
  const auto tensor =
      parse_npy(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (), }", raw(value)), "x");
  ASSERT_THAT(tensor, IsOk());
  EXPECT_TRUE(tensor->shape().empty());
  EXPECT_EQ(tensor->as<float>()[0], 2.5f);
}

TEST(Npy, Version2And3_AreRead) {
  auto file = npy("{'descr': '|u1', 'fortran_order': False, 'shape': (1,)}", "\x07");
  for (const auto version : {std::byte{2}, std::byte{3}}) {
    auto newer = file;
    newer[6] = version;
    newer.insert(newer.begin() + 10, 2, std::byte{0});
    EXPECT_THAT(parse_npy(newer, "x"), IsOk());
  }
  file[6] = std::byte{4};
  EXPECT_THAT(parse_npy(file, "x"), FailsWith(ErrorCode::kDataLoss, HasSubstr("version")));
}

TEST(Npy, TypesWithoutNumpyForm_AreWidened) {
  const Shape shape{3};
  const std::vector<std::byte> bytes{std::byte{0x8f}, std::byte{0x07}};
  const auto int4 = parse_npy(format_npy({DType::kInt4, shape, bytes}), "x");
  ASSERT_THAT(int4, IsOk());
  EXPECT_THAT(int4->as<std::int8_t>(), ElementsAre(-1, -8, 7));
  const auto bfloat = parse_npy(
      format_npy({DType::kBFloat16, Shape{1}, bytes_of_text(std::string_view("\x80\x3f", 2))}),
      "x");
  ASSERT_THAT(bfloat, IsOk());
  EXPECT_THAT(bfloat->as<float>(), ElementsAre(1.0f));
}

TEST(Npy, BadInput_NamesTheFileAndTheReason) {
  const auto is = [](std::string_view reason) {
    return FailsWith(ErrorCode::kDataLoss,
                     AllOf(HasSubstr("a.npy"), HasSubstr(std::string(reason))));
  };
  EXPECT_THAT(parse_npy({}, "a.npy"), is("empty"));
  EXPECT_THAT(parse_npy(bytes_of_text("this is some text, no array"), "a.npy"), is("magic"));
  EXPECT_THAT(parse_npy(npy("{'descr': '<f4'}", ""), "a.npy"), is("header is damaged"));
  EXPECT_THAT(
      parse_npy(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }", "abc"), "a.npy"),
      is("truncated"));
  EXPECT_THAT(
      parse_npy(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-4,), }", "abc"), "a.npy"),
      is("header is damaged"));
  EXPECT_THAT(
      parse_npy(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, "
                    "4611686018427387904), }",
                    "abc"),
                "a.npy"),
      is("truncated"));
}

TEST(Npy, UnsupportedTypes_AreNamed) {
  EXPECT_THAT(
      parse_npy(npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", "12345678"), "a"),
      FailsWith(ErrorCode::kUnimplemented, HasSubstr("'|O'")));
  EXPECT_THAT(parse_npy(npy("{'descr': [('x', '<f4'), ('y', '<f4')], 'fortran_order': False, "
                            "'shape': (1,), }",
                            "12345678"),
                        "a"),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("structured")));
}

TEST(Npy, File_RoundTripsAndIsNotOverwritten) {
  auto folder = TemporaryDirectory::create("npy");
  ASSERT_THAT(folder, IsOk());
  const auto path = folder->path() / "a.npy";
  const auto tensor = Tensor::of(std::vector<float>{1, 2, 3, 4}, {2, 2});
  ASSERT_THAT(write_npy(path, tensor.view(), Overwrite::kRefuse), IsOk());
  const auto back = read_npy(path);
  ASSERT_THAT(back, IsOk());
  EXPECT_TRUE(equal(back->view(), tensor.view()));
  EXPECT_THAT(write_npy(path, tensor.view(), Overwrite::kRefuse),
              FailsWith(ErrorCode::kAlreadyExists, HasSubstr("a.npy")));
  EXPECT_THAT(read_npy(folder->path() / "none.npy"),
              FailsWith(ErrorCode::kNotFound, HasSubstr("none.npy")));
}

// --- npz --------------------------------------------------------------------------------------

std::filesystem::path golden(std::string_view name) {
  return std::filesystem::path(TESSERA_SOURCE_DIR) / "tests/golden/npz" / name;
}

std::vector<std::byte> file_bytes(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(stream)), {});
  return bytes_of_text(text);
}

class NpzFile : public ::testing::TestWithParam<const char*> {};

/// The archives hold x = arange(24) as float32 2x3x4, and y = [1, 2, 3] as int64.
TEST_P(NpzFile, OfNumpy_IsRead) {
  const auto arrays = read_npz(golden(GetParam()));
  ASSERT_THAT(arrays, IsOk());
  ASSERT_EQ(arrays->size(), 2u);
  EXPECT_EQ((*arrays)[0].name, "x");
  EXPECT_EQ((*arrays)[0].tensor.shape(), (Shape{2, 3, 4}));
  EXPECT_EQ((*arrays)[0].tensor.as<float>()[23], 23.0f);
  EXPECT_EQ((*arrays)[1].name, "y");
  EXPECT_THAT((*arrays)[1].tensor.as<std::int64_t>(), ElementsAre(1, 2, 3));
}

TEST_P(NpzFile, Rows_AreThoseOfTheWhole) {
  for (const std::int64_t keep : {0, 1 << 20}) {
    const auto archive = NpzArchive::open(golden(GetParam()));
    ASSERT_THAT(archive, IsOk());
    EXPECT_THAT(archive->names(), ElementsAre("x", "y"));
    const auto array = archive->array(0, {.keep_bytes = keep});
    ASSERT_THAT(array, IsOk());
    EXPECT_EQ((*array)->dtype(), DType::kFloat32);
    EXPECT_EQ((*array)->shape(), (Shape{2, 3, 4}));
    for (const std::int64_t row : {1, 0, 1}) {
      const auto rows = (*array)->rows(row, row + 1);
      ASSERT_THAT(rows, IsOk());
      EXPECT_EQ(rows->shape(), (Shape{1, 3, 4}));
      EXPECT_EQ(rows->as<float>()[0], static_cast<float>(12 * row));
    }
    EXPECT_EQ((*array)->rows(1, 1)->shape(), (Shape{0, 3, 4}));
    EXPECT_EQ((*array)->all()->as<float>()[23], 23.0f);
  }
}

TEST(NpyFile, Rows_AreReadInAnyOrder) {
  const auto folder = TemporaryDirectory::create("npy");
  const auto path = folder->path() / "a.npy";
  const std::vector<float> column_major{0, 3, 1, 4, 2, 5};
  const auto file =
      npy("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", raw(column_major));
  ASSERT_THAT(write_file(path, {reinterpret_cast<const char*>(file.data()), file.size()},
                         Overwrite::kReplace),
              IsOk());
  const auto array = open_npy(path);
  ASSERT_THAT(array, IsOk());
  EXPECT_THAT((*array)->rows(1, 2)->as<float>(), ElementsAre(3, 4, 5));
  EXPECT_THAT((*array)->all()->as<float>(), ElementsAre(0, 1, 2, 3, 4, 5));
}

TEST_P(NpzFile, Truncated_IsDataLoss) {
  const auto whole = file_bytes(golden(GetParam()));
  ASSERT_GT(whole.size(), 100u);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto part = std::span(whole).first(size);
    ASSERT_THAT(parse_npz(part, "a.npz"), FailsWith(ErrorCode::kDataLoss, HasSubstr("a.npz")))
        << size;
  }
}

TEST_P(NpzFile, FlippedBit_NeverCrashes) {
  const auto whole = file_bytes(golden(GetParam()));
  ASSERT_GT(whole.size(), 100u);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (const int bit : {0, 7}) {
      auto damaged = whole;
      damaged[i] ^= std::byte{1} << bit;
      const auto arrays = parse_npz(damaged, "a.npz");
      EXPECT_TRUE(!arrays || arrays->size() <= 2);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, NpzFile,
                         ::testing::Values("stored.npz", "deflated.npz", "zip64.npz"));

TEST(Npz, WrongChecksum_IsDataLoss) {
  auto bytes = file_bytes(golden("stored.npz"));
  const std::vector<float> value{17.0f};
  const auto needle = std::as_bytes(std::span(value));
  const auto at = std::search(bytes.begin(), bytes.end(), needle.begin(), needle.end());
  ASSERT_NE(at, bytes.end());
  *at ^= std::byte{1};
  EXPECT_THAT(parse_npz(bytes, "a.npz"), FailsWith(ErrorCode::kDataLoss, HasSubstr("checksum")));
}

TEST(Npz, NotAnArchive_IsDataLoss) {
  EXPECT_THAT(parse_npz(bytes_of_text("PK but no archive at all, just some text"), "a.npz"),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("directory")));
  EXPECT_THAT(parse_npz({}, "a.npz"), FailsWith(ErrorCode::kDataLoss, HasSubstr("empty")));
}

}  // namespace
}  // namespace tessera
