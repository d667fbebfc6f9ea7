// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "onnx/tensor_proto.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "support/matchers.h"

namespace tessera::onnx {
namespace {

using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;

proto::TensorProto tensor(DType dtype, const std::vector<std::int64_t>& shape) {
  proto::TensorProto made;
  made.set_name("t");
  made.set_data_type(static_cast<std::int32_t>(dtype));
  made.mutable_dims()->Assign(shape.begin(), shape.end());
  return made;
}

TEST(Unpack, TypedFields_AreNarrowedToTheirType) {
  auto half = tensor(DType::kFloat16, {2});
  half.add_int32_data(0x3c00);
  half.add_int32_data(0xbc00);
  ASSERT_THAT(check_tensor(half, {}), IsOk());
  EXPECT_THAT(*to_float32(unpack(half)->view()), ElementsAre(1, -1));
  auto bytes = tensor(DType::kInt8, {3});
  for (const int value : {-128, 0, 127}) {
    bytes.add_int32_data(value);
  }
  EXPECT_THAT(unpack(bytes)->as<std::int8_t>(), ElementsAre(-128, 0, 127));
  auto shorts = tensor(DType::kUInt16, {1});
  shorts.add_int32_data(65535);
  EXPECT_THAT(unpack(shorts)->as<std::uint16_t>(), ElementsAre(65535));
  auto words = tensor(DType::kUInt32, {1});
  words.add_uint64_data(4294967295U);
  EXPECT_THAT(unpack(words)->as<std::uint32_t>(), ElementsAre(4294967295U));
  auto longs = tensor(DType::kInt64, {2});
  longs.add_int64_data(-1);
  longs.add_int64_data(std::int64_t{1} << 62);
  EXPECT_THAT(unpack(longs)->as<std::int64_t>(), ElementsAre(-1, std::int64_t{1} << 62));
  auto doubles = tensor(DType::kFloat64, {});
  doubles.add_double_data(0.1);
  EXPECT_THAT(unpack(doubles)->as<double>(), ElementsAre(0.1));
}

TEST(Unpack, PackedNibbles_HaveTwoInAValue) {
  auto nibbles = tensor(DType::kInt4, {3});
  nibbles.add_int32_data(0x21);
  EXPECT_THAT(check_tensor(nibbles, {}),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("needs 2 values; the file has 1")));
  nibbles.add_int32_data(0x0f);
  ASSERT_THAT(check_tensor(nibbles, {}), IsOk());
  EXPECT_THAT(*to_float32(unpack(nibbles)->view()), ElementsAre(1, 2, -1));
}

TEST(Unpack, OfRawData_IsBitForBit) {
  const std::vector<float> values{1.5F, -0.0F, std::numeric_limits<float>::infinity()};
  const auto packed = pack(Tensor::of(values, {3, 1}).view());
  EXPECT_EQ(shape_of(packed), (Shape{3, 1}));
  ASSERT_THAT(check_tensor(packed, {}), IsOk());
  EXPECT_EQ(pack(unpack(packed)->view()).raw_data(), packed.raw_data());
}

TEST(Unpack, OfNothing_IsEmpty) {
  EXPECT_EQ(unpack(tensor(DType::kFloat32, {0, 4}))->shape(), (Shape{0, 4}));
  EXPECT_THAT(check_tensor(tensor(DType::kFloat32, {0}), {}), IsOk());
  EXPECT_THAT(unpack(tensor(DType::kString, {1})),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("'t' (ONNX data type 8)")));
}

TEST(CheckTensor, WhatDoesNotFit_IsRefusedByName) {
  auto many = tensor(DType::kFloat32, {1});
  many.add_float_data(1);
  many.add_float_data(2);
  EXPECT_THAT(check_tensor(many, {}),
              FailsWith(ErrorCode::kDataLoss,
                        "tensor 't' of type float32 and shape 1 needs 1 values; the file has 2"));
  auto raw = tensor(DType::kFloat32, {2});
  raw.set_raw_data("1234567");
  EXPECT_THAT(check_tensor(raw, {}),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("needs 8 bytes; the file has 7")));
  EXPECT_THAT(check_tensor(tensor(DType::kFloat32, {2}), 9),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("needs 8 bytes; the file has 9")));
  EXPECT_THAT(check_tensor(tensor(DType::kFloat32, {2}), 8), IsOk());
  auto text = tensor(DType::kString, {1});
  text.set_raw_data("abcd");
  EXPECT_THAT(check_tensor(text, {}),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("string tensor 't' has raw data")));
}

TEST(CheckTensor, ImpossibleShapes_AreRefused) {
  for (const std::vector<std::int64_t>& shape : {std::vector<std::int64_t>{-1},
                                                 {-1, -1},
                                                 {std::int64_t{1} << 59},
                                                 {std::int64_t{1} << 32, std::int64_t{1} << 32},
                                                 {0, -1}}) {
    EXPECT_THAT(check_tensor(tensor(DType::kInt8, shape), {}),
                FailsWith(ErrorCode::kDataLoss, HasSubstr("impossible shape")));
  }
}

TEST(CheckTensor, TypesFromTheFuture_AreLeftToTheRuntime) {
  auto newer = tensor(DType::kFloat32, {7});
  newer.set_data_type(99);
  EXPECT_THAT(check_tensor(newer, {}), IsOk());
  EXPECT_EQ(dtype_of(newer), DType::kUndefined);
  newer.set_data_type(0);
  EXPECT_THAT(check_tensor(newer, {}),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("no element type")));
  newer.mutable_segment();
  EXPECT_THAT(check_tensor(newer, {}), FailsWith(ErrorCode::kUnimplemented, HasSubstr("segments")));
}

TEST(CheckTensor, EmptyRawDataBesideATypedField_CountsAsAbsent) {
  auto both = tensor(DType::kFloat32, {1});
  both.add_float_data(2.5F);
  both.set_raw_data("");
  ASSERT_THAT(check_tensor(both, {}), IsOk());
  EXPECT_THAT(unpack(both)->as<float>(), ElementsAre(2.5F));
}

TEST(ValueTypes, GoThereAndBack) {
  const ValueType type{DType::kInt8, {{{2, {}}, {-1, "N"}, {-1, {}}, {0, {}}}}};
  proto::TypeProto written;
  assign_type(written, type);
  EXPECT_EQ(to_value_type(written), type);
  assign_type(written, {DType::kInt8, std::nullopt});
  EXPECT_FALSE(to_value_type(written).shape) << "an unknown rank is no scalar";
  assign_type(written, {DType::kUndefined, {}});
  EXPECT_EQ(to_value_type(written).dtype, DType::kInt8) << "nothing known changes nothing";
  proto::TypeProto sequence;
  sequence.mutable_sequence_type();
  EXPECT_EQ(to_value_type(sequence), ValueType{});
}

TEST(ValueTypes, NegativeExtentsOfAFile_AreUnknown) {
  proto::TypeProto type;
  type.mutable_tensor_type()->set_elem_type(1);
  type.mutable_tensor_type()->mutable_shape()->add_dim()->set_dim_value(-7);
  EXPECT_EQ(to_value_type(type).shape->at(0), (Dim{-1, {}}));
}

proto::TensorProto external(std::initializer_list<std::pair<const char*, std::string>> entries) {
  auto made = tensor(DType::kFloat32, {1});
  made.set_data_location(proto::TensorProto::EXTERNAL);
  for (const auto& [key, value] : entries) {
    auto& entry = *made.add_external_data();
    entry.set_key(key);
    entry.set_value(value);
  }
  return made;
}

TEST(ExternalLocation, IsReadAndHeldWithinTheFolder) {
  const auto found =
      external_location(external({{"location", "a/b.bin"}, {"offset", "4096"}, {"length", "12"}}));
  ASSERT_THAT(found, IsOk());
  EXPECT_EQ(found->location, "a/b.bin");
  EXPECT_EQ(found->offset, 4096);
  EXPECT_EQ(found->length, 12);
  EXPECT_FALSE(external_location(external({{"location", "w"}, {"checksum", "x"}}))->length);
  for (const auto& location :
       {std::string(), std::string("/etc/passwd"), std::string("../w"), std::string("a/../../w"),
        std::string("a/.."), std::string("w\0.bin", 6)}) {
    EXPECT_THAT(external_location(external({{"location", location}})),
                FailsWith(ErrorCode::kDataLoss, HasSubstr("not within the model's folder")))
        << location;
  }
  for (const auto* number : {"-1", "", "1x", "0x10", "99999999999999999999", " 1"}) {
    EXPECT_THAT(external_location(external({{"location", "w"}, {"offset", number}})),
                FailsWith(ErrorCode::kDataLoss, HasSubstr("impossible place")))
        << number;
  }
}

}  // namespace
}  // namespace tessera::onnx
