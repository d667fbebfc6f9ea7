// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// Files that are damaged, or that the toolkit does not know: one error each, with a hint.
#include <flatbuffers/flatbuffers.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <litert_generated.h>

#include <functional>
#include <limits>

#include "litert/write.h"
#include "support/litert_builder.h"
#include "support/matchers.h"
#include "tessera/litert/model.h"

namespace tessera::litert {
namespace {

using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::LitertBuilder;
using testing::small_litert;

/// Written without a look at it.
std::string raw(const Content& content) {
  const auto bytes = write_content(content);
  EXPECT_THAT(bytes, IsOk());
  return *bytes;
}

void expect_refused(const std::string& bytes, ErrorCode code, const std::string& message) {
  const auto model = Model::parse(bytes);
  ASSERT_THAT(model, FailsWith(code, HasSubstr(message)));
  EXPECT_NE(model.error().hint, "");
}

struct Damage {
  const char* name;
  ErrorCode code;
  const char* message;
  std::function<void(Content&)> make;
};

Subgraph& main_of(Content& content) {
  return content.subgraphs.front();
}

class Damaged : public ::testing::TestWithParam<Damage> {};

TEST_P(Damaged, IsOneClearError) {
  auto content = small_litert();
  GetParam().make(content);
  expect_refused(raw(content), GetParam().code, GetParam().message);
  // The same content made in memory is refused, too, before anything is written.
  EXPECT_FALSE(Model::of(content).has_value());
  auto model = Model::of(small_litert());
  GetParam().make(model->content());
  EXPECT_THAT(model->serialize(), FailsWith(ErrorCode::kInternal, HasSubstr(GetParam().message)));
}

constexpr auto kData = ErrorCode::kDataLoss;
constexpr auto kUnknown = ErrorCode::kUnimplemented;

INSTANTIATE_TEST_SUITE_P(
    Content, Damaged,
    ::testing::Values(
        Damage{"NoSubgraph", kData, "no network", [](Content& c) { c.subgraphs.clear(); }},
        Damage{"NoInputs", kUnknown, "no inputs", [](Content& c) { main_of(c).inputs.clear(); }},
        Damage{"NoOutputs", kUnknown, "no outputs", [](Content& c) { main_of(c).outputs.clear(); }},
        Damage{"InputBeyondTensors", kData, "as its input tensor 99 of",
               [](Content& c) { main_of(c).inputs = {99}; }},
        Damage{"AbsentInput", kData, "as its input tensor -1",
               [](Content& c) { main_of(c).inputs = {-1}; }},
        Damage{"OutputBeyondTensors", kData, "as its output",
               [](Content& c) { main_of(c).outputs = {std::numeric_limits<int>::max()}; }},
        Damage{"OperatorReadsBeyondTensors", kData, "operator 1 of subgraph 0 reads tensor 11 of 11",
               [](Content& c) { main_of(c).operators[1].inputs[0] = 11; }},
        Damage{"OperatorReadsNegative", kData, "reads tensor -2",
               [](Content& c) { main_of(c).operators[1].inputs[0] = -2; }},
        Damage{"OperatorMakesBeyondTensors", kData, "makes tensor",
               [](Content& c) { main_of(c).operators[0].outputs = {1000}; }},
        Damage{"IntermediateBeyondTensors", kData, "uses tensor",
               [](Content& c) { main_of(c).operators[0].intermediates = {1000}; }},
        Damage{"MadeTwice", kData, "is made twice",
               [](Content& c) { main_of(c).operators[1].outputs = main_of(c).operators[0].outputs; }},
        Damage{"InputIsMade", kData, "is made twice",
               [](Content& c) { main_of(c).operators[1].outputs = main_of(c).inputs; }},
        Damage{"ConstantIsMade", kData, "is made twice",
               [](Content& c) { main_of(c).operators[1].outputs = {1}; }},
        Damage{"CodeBeyondCodes", kData, "has code 4 of 4",
               [](Content& c) { main_of(c).operators[0].code = 4; }},
        Damage{"BufferBeyondBuffers", kData, "has buffer 77 of",
               [](Content& c) { main_of(c).tensors[2].buffer = 77; }},
        Damage{"NoBuffers", kData, "has buffer 0 of 0", [](Content& c) { c.buffers.clear(); }},
        Damage{"TooFewValues", kData, "('w') of subgraph 0 has 432 bytes of values, and not the 444",
               [](Content& c) { main_of(c).tensors[1].shape = {{1, 111}}; }},
        Damage{"ShapeThatDoesNotFit", kData, "too many",
               [](Content& c) {
                 main_of(c).tensors[1].shape = {{1 << 30, 1 << 30, 1 << 30}};
               }},
        Damage{"OpenConstant", kData, "bytes of values",
               [](Content& c) { main_of(c).tensors[1].shape = {{-1, 3, 3, 3}}; }},
        Damage{"NegativeExtent", kData, "has the extent -7",
               [](Content& c) { main_of(c).tensors[0].shape = {{1, -7, 8, 3}}; }},
        Damage{"SignatureOfAnotherRank", kData, "a signature of 2",
               [](Content& c) { main_of(c).tensors[0].signature = {-1, 8}; }},
        Damage{"NegativeSignature", kData, "has the extent -5",
               [](Content& c) { main_of(c).tensors[0].signature = {-5, 8, 8, 3}; }},
        Damage{"UnknownType", kUnknown, "element type 60",
               [](Content& c) { main_of(c).tensors[0].type = static_cast<ElementType>(60); }},
        Damage{"NegativeType", kUnknown, "element type -1",
               [](Content& c) { main_of(c).tensors[0].type = static_cast<ElementType>(-1); }},
        Damage{"ScalesWithoutChannels", kData, "not one for each index of its axis 0",
               [](Content& c) { main_of(c).tensors[1].quantization = {.scales = {1, 2, 3}}; }},
        Damage{"AxisBeyondRank", kData, "of its axis 9",
               [](Content& c) {
                 main_of(c).tensors[1].quantization = {.scales = {1, 2, 3, 4}, .axis = 9};
               }},
        Damage{"ZeroPointsWithoutScales", kData, "4 scales and 3 zero points",
               [](Content& c) {
                 main_of(c).tensors[1].quantization = {.scales = {1, 2, 3, 4},
                                                       .zero_points = {0, 0, 0}};
               }},
        Damage{"SignatureWithoutSubgraph", kData, "signature 's' is of subgraph 7",
               [](Content& c) { c.signatures.push_back({.key = "s", .subgraph = 7}); }},
        Damage{"SignatureBeyondTensors", kData, "'in' of signature 's' is tensor 50",
               [](Content& c) { c.signatures.push_back({.key = "s", .inputs = {{"in", 50}}}); }},
        Damage{"MetadataBeyondBuffers", kData, "metadata 'm' has buffer 90",
               [](Content& c) { c.metadata.push_back({"m", 90}); }},
        Damage{"OldMetadataBeyondBuffers", kData, "metadata has buffer -3",
               [](Content& c) { c.metadata_buffers = {-3}; }}),
    [](const auto& one) { return one.param.name; });

/// An If whose branches are these subgraphs of three.
Content branches(std::int64_t then_branch, std::int64_t else_branch) {
  LitertBuilder builder;
  builder.input("c", {1}).type(ElementType::kBool).input("x", {2}).value("y", {2});
  builder.op(Builtin::kIf, {"c", "x"}, {"y"},
             testing::litert_options(92, {{0, then_branch}, {1, else_branch}}));
  builder.output("y");
  for (const auto* name : {"then", "else"}) {
    builder.subgraph(name).input("a", {2}).value("b", {2});
    builder.op(Builtin::kRelu, {"a"}, {"b"}).output("b");
  }
  return builder.build();
}

TEST(DamagedCalls, ToNowhereOrInCircles_AreErrors) {
  EXPECT_THAT(Model::of(branches(1, 2)), IsOk());
  expect_refused(raw(branches(1, 3)), kData, "calls subgraph 3 of 3");
  expect_refused(raw(branches(-1, 2)), kData, "calls subgraph");
  expect_refused(raw(branches(0, 2)), kData, "calls subgraph 0");
  auto content = branches(1, 2);
  auto& inner = content.subgraphs[2];
  const auto condition = inner.add_tensor({.shape = {{1}}, .type = ElementType::kBool});
  inner.operators.front().code = 0;
  inner.operators.front().inputs.insert(inner.operators.front().inputs.begin(), condition);
  inner.operators.front().options = testing::litert_options(92, {{0, 1}, {1, 2}});
  expect_refused(raw(content), kData, "subgraph 2 calls itself");
}

TEST(DamagedCalls, TooDeep_AreRefused) {
  LitertBuilder builder;
  builder.input("x", {2}).value("y", {2});
  builder.op(Builtin::kCall, {"x"}, {"y"}, testing::litert_options(16, {{0, 1}})).output("y");
  for (std::int64_t i = 2; i < 1000; ++i) {
    builder.subgraph("s").input("x", {2}).value("y", {2});
    builder.op(Builtin::kCall, {"x"}, {"y"}, testing::litert_options(16, {{0, i}})).output("y");
  }
  builder.subgraph("last").input("x", {2}).output("x");
  expect_refused(raw(builder.build()), kUnknown, "deep");
}

TEST(DamagedCalls, ThatDoubleWithEachLevel_DoNotFillTheMemory) {
  LitertBuilder builder;
  constexpr int kLevels = 40;
  for (std::int64_t level = 0; level < kLevels; ++level) {
    if (level > 0) {
      builder.subgraph("s");
    }
    builder.input("x", {2}).value("y", {2}).value("z", {2});
    const auto next = testing::litert_options(16, {{0, level + 1}});
    builder.op(Builtin::kCall, {"x"}, {"y"}, next).op(Builtin::kCall, {"y"}, {"z"}, next);
    builder.output("z");
  }
  builder.subgraph("last").input("x", {2}).output("x");
  const auto model = Model::parse(raw(builder.build()));
  ASSERT_THAT(model, IsOk());
  EXPECT_THAT(view(model->content(), types_of(model->content(), {})),
              FailsWith(ErrorCode::kResourceExhausted, HasSubstr("operators")));
}

TEST(DamagedFile, NotAFlatbuffer) {
  expect_refused("", kData, "a few bytes");
  expect_refused(std::string(8, 'x'), kData, "a few bytes");
  expect_refused(std::string(1000, 'x'), kData, "'TFL3' is missing");
  expect_refused(std::string("\x1c\0\0\0TFL3", 8) + std::string(100, '\xff'), kData, "truncated");
}

TEST(DamagedFile, CutShortAnywhere) {
  const auto whole = raw(small_litert());
  for (std::size_t size = 0; size + 64 < whole.size(); size += 61) {
    const auto model = Model::parse(whole.substr(0, size));
    ASSERT_FALSE(model.has_value()) << size;
    EXPECT_EQ(model.error().code, kData);
    EXPECT_NE(model.error().hint, "");
  }
}

TEST(DamagedFile, WithBytesChanged_IsReadOrRefused) {
  const auto whole = raw(small_litert());
  int refused = 0;
  Random random(1);
  for (int i = 0; i < 3000; ++i) {
    auto bytes = whole;
    bytes[static_cast<std::size_t>(random.uniform() * static_cast<double>(bytes.size()))] =
        static_cast<char>(random.uniform() * 256);
    const auto model = Model::parse(bytes);
    refused += model ? 0 : 1;
    if (model) {
      (void)view(model->content(), types_of(model->content(), {}));
      (void)model->serialize();
    }
  }
  EXPECT_GT(refused, 20);
}

// --- forms of the file
// -----------------------------------------------------------------------------

/// A model written field by field.
std::string model_of(
    std::uint32_t version,
    const std::function<flatbuffers::Offset<fb::Buffer>(flatbuffers::FlatBufferBuilder&)>&
        make_buffer,
    std::int32_t code = 0, bool external = false, bool more_fields = false) {
  flatbuffers::FlatBufferBuilder builder;
  const auto buffers = builder.CreateVector(std::vector{make_buffer(builder)});
  const auto codes =
      builder.CreateVector(std::vector{fb::CreateOperatorCode(builder, 0, 0, 1, code)});
  const auto tensor = fb::CreateTensor(builder, builder.CreateVector(std::vector<int>{1}));
  const auto tensors = builder.CreateVector(std::vector{tensor});
  const auto ends = builder.CreateVector(std::vector<int>{0});
  const auto subgraphs =
      builder.CreateVector(std::vector{fb::CreateSubGraph(builder, tensors, ends, ends)});
  const auto empty = builder.StartTable();
  const flatbuffers::Offset<fb::Opaque> opaque(builder.EndTable(empty));
  const auto opaques = builder.CreateVector(std::vector{opaque});
  const auto table = builder.StartTable();
  builder.AddElement<std::uint32_t>(fb::Model::VT_VERSION, version, 0);
  builder.AddOffset(fb::Model::VT_OPERATOR_CODES, codes);
  builder.AddOffset(fb::Model::VT_SUBGRAPHS, subgraphs);
  builder.AddOffset(fb::Model::VT_BUFFERS, buffers);
  if (external) {
    builder.AddOffset(fb::Model::VT_EXTERNAL_BUFFERS, opaques);
  }
  if (more_fields) {
    builder.AddElement<std::uint32_t>(fb::Model::VT_EXTERNAL_BUFFERS + 4, 1, 0);
  }
  builder.Finish(flatbuffers::Offset<fb::Model>(builder.EndTable(table)), fb::ModelIdentifier());
  return {reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize()};
}

flatbuffers::Offset<fb::Buffer> empty_buffer(flatbuffers::FlatBufferBuilder& builder) {
  return fb::CreateBuffer(builder);
}

TEST(FormOfFile, OfThisVersion_IsRead) {
  const auto model = Model::parse(model_of(3, empty_buffer));
  ASSERT_THAT(model, IsOk());
  EXPECT_THAT(model->serialize(), IsOk());
}

TEST(FormOfFile, ThatIsNotKnown_IsRefused) {
  expect_refused(model_of(2, empty_buffer), kUnknown, "version 2");
  expect_refused(model_of(3, empty_buffer, 210), kUnknown, "operator code 210");
  expect_refused(model_of(3, empty_buffer, 127), kUnknown, "operator code 127");
  expect_refused(model_of(3, empty_buffer, 0, true), kUnknown, "files of their own");
  expect_refused(model_of(3, [](auto& b) { return fb::CreateBuffer(b, 0, 4096, 16); }), kUnknown,
                 "2 GB");
}

TEST(FormOfFile, WithMoreFieldsThanAreKnown_IsReadAndNotRewritten) {
  const auto model = Model::parse(model_of(3, empty_buffer, 0, false, true));
  ASSERT_THAT(model, IsOk());
  EXPECT_THAT(view(model->content(), types_of(model->content(), {})), IsOk());
  const auto bytes = model->serialize();
  ASSERT_THAT(bytes, FailsWith(kUnknown, HasSubstr("field 11")));
  EXPECT_NE(bytes.error().hint, "");
}

TEST(FormOfFile, WithOptionsThatAreNotKnown_IsReadAndNotRewritten) {
  auto content = small_litert();
  auto& op = main_of(content).operators.front();
  // No options of this type: the table is there, but what it holds nobody knows.
  op.options = Options(TableUnion::kOptions, 200);
  const auto model = Model::parse(raw(content));
  ASSERT_THAT(model, IsOk());
  EXPECT_THAT(model->serialize(), FailsWith(kUnknown, HasSubstr("CONV_2D")));
  // More fields than the type has.
  op.options = Options(TableUnion::kOptions, 1);
  op.options.set_field(9, {FieldForm::kScalar, 4, std::string("\1\0\0\0", 4)});
  const auto longer = Model::parse(raw(content));
  ASSERT_THAT(longer, IsOk());
  EXPECT_THAT(longer->serialize(), FailsWith(kUnknown, HasSubstr("CONV_2D")));
}

/// A million references to one large thing: 4 bytes each.
TEST(FormOfFile, ThatHasOnePartAMillionTimes_DoesNotFillTheMemory) {
  flatbuffers::FlatBufferBuilder builder;
  const auto shape = builder.CreateVector(std::vector<int>(1000000, 1));
  const auto tensor = fb::CreateTensor(builder, shape);
  const auto tensors = builder.CreateVector(std::vector(500000, tensor));
  const auto ends = builder.CreateVector(std::vector<int>{0});
  const auto subgraphs =
      builder.CreateVector(std::vector{fb::CreateSubGraph(builder, tensors, ends, ends)});
  const auto buffers = builder.CreateVector(std::vector{fb::CreateBuffer(builder)});
  fb::FinishModelBuffer(builder, fb::CreateModel(builder, 3, 0, subgraphs, 0, buffers));
  expect_refused({reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize()},
                 kData, "lie in one another");
}

}  // namespace
}  // namespace tessera::litert
