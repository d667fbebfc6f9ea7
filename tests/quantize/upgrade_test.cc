// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// Operator sets are raised without changing results: the runtime, which knows all of them, runs the
// model before and after. (Here and not with the tests of the onnx room, which does not know the
// runtime.)

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <random>

#include "support/matchers.h"
#include "support/shared_data.h"
#include "tessera/onnx/model.h"
#include "tessera/onnx/normalize.h"
#include "tessera/runtime/onnx.h"
#include "tessera/runtime/type_oracle.h"

namespace tessera {
namespace {

using onnx::Model;
using onnx::NodeSpec;
using tessera::testing::FailsWith;
using tessera::testing::IsOk;
using ::testing::HasSubstr;

const std::shared_ptr<const runtime::Library>& library() {
  static const auto kLibrary = runtime::Library::load().value();
  return kLibrary;
}

ValueType tensor_type(DType dtype, const Shape& shape) {
  std::vector<Dim> dims;
  for (const auto extent : shape) {
    dims.push_back({extent, ""});
  }
  return {dtype, dims};
}

ValueType floats(const Shape& shape) {
  return tensor_type(DType::kFloat32, shape);
}

Tensor random_tensor(const Shape& shape, std::uint32_t seed) {
  std::mt19937 engine(seed);
  std::normal_distribution<float> normal(0.0F, 2.0F);
  Tensor tensor(DType::kFloat32, shape);
  for (auto& value : tensor.as<float>()) {
    value = normal(engine);
  }
  return tensor;
}

Result<std::vector<Tensor>> run(const Model& model, const Tensor& input,
                                runtime::OptLevel level = runtime::OptLevel::kDisabled) {
  TESSERA_TRY(const auto bytes, model.serialize());
  runtime::SessionOptions options;
  options.opt_level = level;
  TESSERA_TRY(auto session, runtime::open_onnx(library(), bytes, {}, options));
  const auto name = session.inputs().front().name;
  const runtime::Feed feed{name, input.view()};
  TESSERA_TRY(const auto outputs, session.run({&feed, 1}));
  std::vector<Tensor> result;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    result.emplace_back(outputs[i]);
  }
  return result;
}

/// "" if equal bit for bit, else the first difference.
std::string difference(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  if (a.size() != b.size()) {
    return fmt::format("{} and {} outputs", a.size(), b.size());
  }
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i].dtype() != b[i].dtype() || a[i].shape() != b[i].shape()) {
      return fmt::format("output {}: {} {} and {} {}", i, to_string(a[i].dtype()),
                         to_string(a[i].shape()), to_string(b[i].dtype()), to_string(b[i].shape()));
    }
    const auto left = a[i].bytes();
    const auto right = b[i].bytes();
    if (std::memcmp(left.data(), right.data(), left.size()) == 0) {
      continue;
    }
    const auto size = bytes_of(a[i].dtype(), 1);
    for (std::int64_t e = 0; e < a[i].size(); ++e) {
      if (std::memcmp(left.data() + e * size, right.data() + e * size,
                      static_cast<std::size_t>(size)) != 0) {
        const auto x = to_float32(a[i].view()).value()[static_cast<std::size_t>(e)];
        const auto y = to_float32(b[i].view()).value()[static_cast<std::size_t>(e)];
        return fmt::format("output {} element {}: {} and {}", i, e, x, y);
      }
    }
  }
  return {};
}

/// The original of an opset that the runtime runs, with types inferred.
void infer(Model& model) {
  ASSERT_THAT(model.infer_types(runtime::type_oracle(library())), IsOk());
}

struct Case {
  std::string name;
  std::int64_t opset = 7;
  Shape input;
  std::function<void(Model&)> build;  ///< from "x" to "y" (and more outputs that it adds)
  /// Largest allowed difference where another formula computes the same number.
  float tolerance = 0;
  std::int64_t newest = 22;  ///< opset that the runtime has a kernel for
};

void PrintTo(const Case& test, std::ostream* out) {
  *out << test.name << " of opset " << test.opset;
}

void add(Model& model, const std::string& type, const std::vector<std::string>& inputs,
         const std::vector<onnx::NamedAttribute>& attributes = {},
         const std::vector<std::string>& outputs = {"y"}) {
  model.add_node({"node_" + outputs.front(), type, "", inputs, outputs, attributes});
}

void constant(Model& model, const std::string& name, const std::vector<float>& values,
              const Shape& shape) {
  model.set_initializer(name, Tensor::of(values, shape));
}

std::vector<std::int64_t> ints(std::initializer_list<std::int64_t> values) {
  return values;
}

/// One operator from x to y.
Case single(std::string type, std::int64_t opset, Shape input,
            std::vector<onnx::NamedAttribute> attributes, float tolerance = 0) {
  auto build = [type, attributes](Model& model) { add(model, type, {"x"}, attributes); };
  return {type, opset, std::move(input), build, tolerance};
}

std::vector<Case> cases() {
  const Shape image{2, 6, 5, 7};
  // From opset 19 on the runtime averages in another order.
  constexpr float kOtherOrder = 1e-6F;
#ifdef __aarch64__
  // There its kernels of scale * x + bias round once (fused multiply-add), Mul and Add twice.
  constexpr float kFused = 1e-5F;
#else
  constexpr float kFused = 0;
#endif
  std::vector<Case> list = {
      single("Clip", 7, image, {{"min", -0.5F}, {"max", 1.5F}}),
      single("Clip", 7, image, {{"max", 1.5F}}),
      single("Clip", 10, image, {}),
      single("Pad", 7, image, {{"pads", ints({0, 0, 1, 2, 0, 0, 3, 0})}, {"value", 1.25F}}),
      single("Pad", 7, image, {{"pads", ints({0, 0, -1, 2, 0, 0, 3, -2})}}),
      single("Pad", 7, image,
             {{"pads", ints({0, 0, 1, 2, 0, 0, 3, 0})}, {"mode", std::string("reflect")}}),
      single("Pad", 7, image,
             {{"pads", ints({0, 0, 1, 2, 0, 0, 3, 0})}, {"mode", std::string("edge")}}),
      single("Slice", 7, image, {{"starts", ints({1, -4})}, {"ends", ints({1000, -1})}}),
      single("Slice", 7, image,
             {{"axes", ints({3, 1})}, {"starts", ints({1, -4})}, {"ends", ints({4, -1})}}),
      single("Softmax", 7, image, {}),
      single("Softmax", 7, image, {{"axis", std::int64_t{3}}}),
      single("Softmax", 7, image, {{"axis", std::int64_t{0}}}),
      single("Softmax", 7, {3, 8, 1, 1}, {{"axis", std::int64_t{1}}}),
      single("Softmax", 11, image, {{"axis", std::int64_t{-2}}}),
      single("LogSoftmax", 7, image, {{"axis", std::int64_t{2}}}),
      single("Hardmax", 7, image, {{"axis", std::int64_t{1}}}),
      single("Squeeze", 7, {1, 4, 1, 3}, {{"axes", ints({0, 2})}}),
      single("Squeeze", 7, {1, 4, 1, 3}, {}),
      single("Unsqueeze", 7, {4, 3}, {{"axes", ints({0, 3})}}),
      single("Unsqueeze", 11, {4, 3}, {{"axes", ints({-1})}}),
      single("ImageScaler", 7, {2, 3, 5, 7},
             {{"scale", 0.7F}, {"bias", std::vector<float>{-103.939F, 0.0F, 2.5F}}}, kFused),
      single("ImageScaler", 7, {1, 3, 5, 7},
             {{"scale", 1.0F}, {"bias", std::vector<float>{-103.939F, -116.779F, -123.68F}}}),
      single("ImageScaler", 7, {1, 3, 5, 7},
             {{"scale", 1.0F}, {"bias", std::vector<float>{0.0F, 0.0F, 0.0F}}}),
      single("Affine", 7, image, {{"alpha", 1.5F}, {"beta", -0.3F}}, kFused),
      single("Affine", 7, image, {{"alpha", 150.0F}, {"beta", 0.0F}}),
      single("Scale", 7, image, {{"scale", 0.3F}}),
      single("Crop", 7, image, {{"border", ints({1, 2, 3, 0})}}),
      single("Crop", 7, image, {{"border", ints({1, 2, 0, 0})}, {"scale", ints({2, 3})}}),
      single("ParametricSoftplus", 7, image, {{"alpha", 0.7F}, {"beta", 1.3F}}, 1e-5F),
      single("ScaledTanh", 7, image, {{"alpha", 0.7F}, {"beta", 1.3F}}, 1e-6F),
      single("ThresholdedRelu", 7, image, {{"alpha", 0.4F}}),
      single("MeanVarianceNormalization", 7, image, {}, 1e-5F),
      single("MeanVarianceNormalization", 7, image, {{"across_channels", std::int64_t{1}}}, 1e-5F),
      single("MeanVarianceNormalization", 7, image, {{"normalize_variance", std::int64_t{0}}},
             1e-5F),
      single("Upsample", 7, image, {{"scales", std::vector<float>{1, 1, 2, 3}}}),
      single("Upsample", 7, image, {{"scales", std::vector<float>{1, 1, 1.5F, 2.3F}}}),
      single("Upsample", 7, image,
             {{"scales", std::vector<float>{1, 1, 2, 3}}, {"mode", std::string("linear")}}),
      single("Dropout", 7, image, {{"ratio", 0.3F}}),
      single("MaxPool", 7, image, {{"kernel_shape", ints({3, 2})}, {"strides", ints({2, 1})}}),
      single("MaxPool", 7, image,
             {{"kernel_shape", ints({3, 2})}, {"auto_pad", std::string("SAME_UPPER")}}),
      single("AveragePool", 7, image,
             {{"kernel_shape", ints({3, 3})}, {"pads", ints({1, 1, 1, 1})}}, kOtherOrder),
      single("AveragePool", 7, image,
             {{"kernel_shape", ints({3, 3})},
              {"pads", ints({1, 1, 1, 1})},
              {"count_include_pad", std::int64_t{1}}},
             kOtherOrder),
      single("AveragePool", 10, image,
             {{"kernel_shape", ints({3, 3})},
              {"strides", ints({2, 2})},
              {"ceil_mode", std::int64_t{1}}},
             kOtherOrder),
      single("LpPool", 7, image, {{"kernel_shape", ints({3, 3})}, {"p", std::int64_t{2}}}),
      single("Flatten", 7, image, {{"axis", std::int64_t{2}}}),
      single("LRN", 7, image, {{"size", std::int64_t{3}}}),
      single("DepthToSpace", 7, {1, 8, 3, 3}, {{"blocksize", std::int64_t{2}}}),
      single("Elu", 7, image, {{"alpha", 0.7F}}),
      single("Selu", 7, image, {}),
      single("ArgMax", 7, image, {{"axis", std::int64_t{1}}}),
  };
  for (const auto* const type :
       {"ReduceL1", "ReduceL2", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin",
        "ReduceProd", "ReduceSum", "ReduceSumSquare"}) {
    list.push_back(single(type, 7, image, {{"axes", ints({1, 3})}}));
    list.push_back(single(type, 7, image, {{"keepdims", std::int64_t{0}}}));
    list.push_back(single(type, 11, image, {{"axes", ints({-2})}, {"keepdims", std::int64_t{0}}}));
  }
  list.push_back({"Split", 7, image, [](Model& m) {
                    add(m, "Split", {"x"}, {{"axis", std::int64_t{1}}, {"split", ints({1, 3, 2})}},
                        {"a", "b", "c"});
                    add(m, "Concat", {"c", "a", "b"}, {{"axis", std::int64_t{1}}});
                  }});
  list.push_back({"Split", 11, image, [](Model& m) {
                    add(m, "Split", {"x"}, {{"axis", std::int64_t{-3}}}, {"a", "b", "c"});
                    add(m, "Sum", {"a", "b", "c"});
                  }});
  list.push_back({"TopK", 7, image, [](Model& m) {
                    add(m, "TopK", {"x"}, {{"k", std::int64_t{3}}}, {"y", "i"});
                    m.add_output("i");
                  }});
  list.push_back(
      {"TopK", 9, image, [](Model& m) {
         add(m, "TopK", {"x"}, {{"k", std::int64_t{2}}, {"axis", std::int64_t{1}}}, {"y", "i"});
         m.add_output("i");
       }});
  for (const auto spatial : {0, 1}) {
    list.push_back({"BatchNormalization", 7, image,
                    [spatial](Model& m) {
                      const Shape shape = spatial != 0 ? Shape{6} : Shape{6, 5, 7};
                      std::uint32_t seed = 1;
                      for (const auto* name : {"scale", "bias", "mean", "var"}) {
                        auto values = random_tensor(shape, ++seed);
                        for (auto& v : values.as<float>()) {
                          v = std::abs(v) + 0.1F;
                        }
                        m.set_initializer(name, std::move(values));
                      }
                      add(m, "BatchNormalization", {"x", "scale", "bias", "mean", "var"},
                          {{"epsilon", 1e-3F}, {"spatial", std::int64_t{spatial}}});
                    },
                    spatial != 0 ? 0.0F : 1e-4F});
  }
  for (const auto* const mode : {"nearest", "linear"}) {
    for (const auto& scales : {std::vector<float>{1, 1, 2, 2}, std::vector<float>{1, 1, 1.7F, 3},
                               std::vector<float>{1, 1, 0.5F, 0.4F}}) {
      list.push_back({"Resize", 10, image, [mode, scales](Model& m) {
                        constant(m, "scales", scales, {4});
                        add(m, "Resize", {"x", "scales"}, {{"mode", std::string(mode)}});
                      }});
    }
  }
  for (const auto* const transform : {"half_pixel", "align_corners", "asymmetric",
                                      "pytorch_half_pixel", "tf_half_pixel_for_nn"}) {
    list.push_back({"Resize", 11, image, [transform](Model& m) {
                      constant(m, "roi", {}, {0});
                      constant(m, "scales", {1, 1, 2.3F, 0.6F}, {4});
                      add(m, "Resize", {"x", "roi", "scales"},
                          {{"mode", std::string("nearest")},
                           {"nearest_mode", std::string("floor")},
                           {"coordinate_transformation_mode", std::string(transform)}});
                    }});
  }
  list.push_back(
      {"Resize", 11, image, [](Model& m) {
         constant(m, "none", {}, {0});
         m.set_initializer("sizes", Tensor::of(ints({2, 6, 11, 4}), {4}));
         add(m, "Resize", {"x", "none", "none", "sizes"}, {{"mode", std::string("linear")}});
       }});
  list.push_back({"Dropout", 7, image, [](Model& m) {
                    add(m, "Relu", {"x"}, {}, {"r"});
                    add(m, "Dropout", {"r"}, {{"ratio", 0.5F}}, {"y", "unused"});
                  }});
  list.push_back({"Scatter", 9, {3, 3}, [](Model& m) {
                    m.set_initializer("indices", Tensor::of(ints({1, 0, 2, 0, 2, 1}), {2, 3}));
                    constant(m, "updates", {1, 2, 3, 4, 5, 6}, {2, 3});
                    add(m, "Scatter", {"x", "indices", "updates"});
                  }});
  list.push_back({"PRelu", 7, image, [](Model& m) {
                    constant(m, "slope", {0.1F, 0.2F, 0.3F, 0.4F, 0.5F, 0.6F}, {6, 1, 1});
                    add(m, "PRelu", {"x", "slope"});
                  }});
  for (const auto* const pad : {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"}) {
    list.push_back({"ConvTranspose", 7, image, [pad](Model& m) {
                      m.set_initializer("w", random_tensor({6, 4, 3, 3}, 3));
                      add(m, "ConvTranspose", {"x", "w"},
                          {{"strides", ints({2, 2})}, {"auto_pad", std::string(pad)}});
                    }});
    list.push_back(
        {"Conv", 7, image, [pad](Model& m) {
           m.set_initializer("w", random_tensor({4, 6, 3, 2}, 3));
           add(m, "Conv", {"x", "w"}, {{"strides", ints({2, 1})}, {"auto_pad", std::string(pad)}});
         }});
  }
  list.push_back({"ConvTranspose", 7, image, [](Model& m) {
                    m.set_initializer("w", random_tensor({6, 4, 3, 3}, 3));
                    add(m, "ConvTranspose", {"x", "w"},
                        {{"strides", ints({2, 2})}, {"output_shape", ints({10, 14})}});
                  }});
  list.push_back({"RoiAlign",
                  10,
                  {1, 2, 9, 9},
                  [](Model& m) {
                    constant(m, "rois", {0, 0, 7, 5, 1, 2, 8, 8}, {2, 4});
                    m.set_initializer("batch", Tensor::of(ints({0, 0}), {2}));
                    add(m, "RoiAlign", {"x", "rois", "batch"},
                        {{"output_height", std::int64_t{3}}, {"output_width", std::int64_t{2}}});
                  },
                  0,
                  21});
  list.push_back({"GridSample", 16, {1, 2, 5, 6}, [](Model& m) {
                    m.set_initializer("grid", random_tensor({1, 4, 3, 2}, 9));
                    add(m, "GridSample", {"x", "grid"}, {{"mode", std::string("bicubic")}});
                  }});
  list.push_back({"DFT", 17, {1, 6, 5, 1}, [](Model& m) {
                    add(m, "DFT", {"x"}, {{"axis", std::int64_t{2}}});
                  }});
  list.push_back(
      {"GroupNormalization", 18, image,
       [](Model& m) {
         constant(m, "scale", {0.5F, 2.0F}, {2});
         constant(m, "bias", {-1.0F, 1.0F}, {2});
         add(m, "GroupNormalization", {"x", "scale", "bias"}, {{"num_groups", std::int64_t{2}}});
       },
       1e-5F});
  list.push_back({"LSTM", 7, {4, 1, 3}, [](Model& m) {
                    m.set_initializer("w", random_tensor({1, 20, 3}, 3));
                    m.set_initializer("r", random_tensor({1, 20, 5}, 4));
                    add(m, "LSTM", {"x", "w", "r"}, {{"hidden_size", std::int64_t{5}}});
                  }});
  return list;
}

Model make(const Case& test) {
  auto model = Model::empty(test.opset);
  model.add_input("x", floats(test.input));
  test.build(model);
  model.add_output("y");
  return model;
}

class UpgradeOpset : public ::testing::TestWithParam<Case> {};

TEST_P(UpgradeOpset, KeepsWhatIsComputed) {
  auto model = make(GetParam());
  infer(model);
  const auto input = random_tensor(GetParam().input, 17);
  const auto before = run(model, input);
  ASSERT_THAT(before, IsOk());
  for (const std::int64_t target : {10, 11, 13, 14, 18, 21, 22}) {
    if (target < GetParam().opset || target > GetParam().newest) {
      continue;
    }
    auto upgraded = model.clone();
    ASSERT_THAT(onnx::upgrade_opset(upgraded, target), IsOk());
    EXPECT_EQ(upgraded.opset(), std::max(target, GetParam().opset));
    const auto after = run(upgraded, input);
    ASSERT_THAT(after, IsOk()) << "opset " << target;
    if (GetParam().tolerance == 0) {
      EXPECT_EQ(difference(*before, *after), "") << "opset " << target;
      continue;
    }
    ASSERT_EQ((*before)[0].shape(), (*after)[0].shape());
    for (std::size_t i = 0; i < (*before)[0].as<float>().size(); ++i) {
      EXPECT_NEAR((*before)[0].as<float>()[i], (*after)[0].as<float>()[i], GetParam().tolerance);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Operators, UpgradeOpset, ::testing::ValuesIn(cases()),
                         [](const auto& instance) {
                           return fmt::format("{}_{}_{}", instance.param.name, instance.param.opset,
                                              instance.index);
                         });

// --- chains of old operators --------------------------------------------------------------------

/// A random chain of operators whose form changed, on values of rank 4.
class Chain {
 public:
  explicit Chain(std::uint32_t seed) : engine_(seed), model_(Model::empty(7)) {
    opset_ = pick(7, 12);
    model_ = Model::empty(opset_);
    shape_ = {pick(1, 2), 2 * pick(1, 3), pick(3, 8), pick(3, 8)};
    input_ = shape_;
    model_.add_input("x", floats(shape_));
    const auto length = pick(1, 6);
    for (std::int64_t i = 0; i < length; ++i) {
      extend();
    }
    step("Relu");  // every model has an operator
    model_.add_output(value_);
  }

  [[nodiscard]] Model take() { return std::move(model_); }
  [[nodiscard]] const Shape& input() const { return input_; }

 private:
  std::int64_t pick(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(engine_);
  }
  float real(float low, float high) {
    return std::uniform_real_distribution<float>(low, high)(engine_);
  }
  std::string fresh() { return "v" + std::to_string(++values_); }
  void step(const std::string& type, const std::vector<std::string>& more = {},
            const std::vector<onnx::NamedAttribute>& attributes = {}) {
    const auto next = fresh();
    std::vector<std::string> inputs{value_};
    inputs.insert(inputs.end(), more.begin(), more.end());
    add(model_, type, inputs, attributes, {next});
    value_ = next;
  }
  std::string ints_constant(const std::vector<std::int64_t>& values) {
    const auto name = fresh();
    model_.set_initializer(name, Tensor::of(values, {static_cast<std::int64_t>(values.size())}));
    return name;
  }

  void extend() {
    switch (pick(0, 9)) {
      case 0:
        return clip();
      case 1:
        return pad();
      case 2:
        return slice();
      case 3:
        return step(pick(0, 1) == 0 ? "Softmax" : "LogSoftmax", {}, {{"axis", pick(0, 3)}});
      case 4:
        return squeeze();
      case 5:
        return reduce();
      case 6:
        return split();
      case 7:
        return enlarge();
      case 8:
        return step("Dropout");
      default:
        return step("Flatten", {}, {{"axis", std::int64_t{2}}}), unflatten();
    }
  }

  void unflatten() { step("Reshape", {ints_constant(shape_)}); }
  void clip() {
    const float low = real(-1, 0);
    if (opset_ < 11) {
      return step("Clip", {}, {{"min", low}, {"max", low + 1}});
    }
    const auto name = fresh();
    model_.set_initializer(name, Tensor::scalar(low));
    step("Clip", {name});
  }
  void pad() {
    std::vector<std::int64_t> pads(8, 0);
    for (const auto axis : {2U, 3U}) {
      pads[axis] = pick(0, 2);
      pads[axis + 4] = pick(0, 2);
      shape_[axis] += pads[axis] + pads[axis + 4];
    }
    if (opset_ < 11) {
      return step("Pad", {}, {{"pads", pads}, {"value", real(-1, 1)}});
    }
    step("Pad", {ints_constant(pads)});
  }
  void slice() {
    const auto axis = pick(2, 3);
    auto& extent = shape_[static_cast<std::size_t>(axis)];
    if (extent < 3) {
      return;
    }
    --extent;
    if (opset_ < 10) {
      return step("Slice", {},
                  {{"axes", ints({axis})}, {"starts", ints({1})}, {"ends", ints({99})}});
    }
    const auto starts = ints_constant({1});
    const auto ends = ints_constant({99});
    step("Slice", {starts, ends, ints_constant({axis})});
  }
  void squeeze() {
    const auto axis = pick(0, 4);
    step("Unsqueeze", {}, {{"axes", ints({axis})}});
    step("Squeeze", {}, {{"axes", ints({axis})}});
  }
  void reduce() {
    const auto axis = pick(2, 3);
    step(pick(0, 1) == 0 ? "ReduceSum" : "ReduceMax", {}, {{"axes", ints({axis})}});
    shape_[static_cast<std::size_t>(axis)] = 1;
  }
  void split() {
    const auto half = shape_[1] / 2;
    const auto a = fresh();
    const auto b = fresh();
    const auto next = fresh();
    std::vector<onnx::NamedAttribute> attributes{{"axis", std::int64_t{1}}};
    if (pick(0, 1) == 0) {
      attributes.push_back({"split", ints({half, shape_[1] - half})});
    }
    add(model_, "Split", {value_}, attributes, {a, b});
    add(model_, "Concat", {b, a}, {{"axis", std::int64_t{1}}}, {next});
    value_ = next;
  }
  void enlarge() {
    const std::vector<float> scales{1, 1, 2, static_cast<float>(pick(1, 3))};
    if (opset_ > 10) {
      return;
    }
    shape_[2] *= 2;
    shape_[3] *= static_cast<std::int64_t>(scales[3]);
    if (opset_ < 9) {
      return step("Upsample", {}, {{"scales", scales}});
    }
    const auto name = fresh();
    constant(model_, name, scales, {4});
    step(opset_ < 10 ? "Upsample" : "Resize", {name}, {{"mode", std::string("linear")}});
  }

  std::mt19937 engine_;
  Model model_;
  std::int64_t opset_ = 7;
  Shape shape_;
  Shape input_;
  std::string value_ = "x";
  int values_ = 0;
};

TEST(UpgradeOpsetSlow, AnyChainOfOldOperatorsComputesTheSame) {
  const auto holds = rc::check([] {
    Chain chain(*rc::gen::arbitrary<std::uint32_t>());
    auto model = chain.take();
    const auto target = *rc::gen::inRange<std::int64_t>(13, 23);
    // Ranks and extents may or may not be known.
    if (*rc::gen::arbitrary<bool>()) {
      const auto inferred = model.infer_types(runtime::type_oracle(library()));
      if (!inferred) {
        RC_FAIL(inferred.error().message);
      }
    }
    auto upgraded = model.clone();
    const auto status = onnx::upgrade_opset(upgraded, target);
    if (!status) {
      RC_FAIL(status.error().message);
    }
    const auto input = random_tensor(chain.input(), 3);
    const auto before = run(model, input);
    const auto after = run(upgraded, input);
    if (!before || !after) {
      RC_FAIL((before ? after : before).error().message);
    }
    RC_ASSERT(difference(*before, *after) == "");
  });
  EXPECT_TRUE(holds);
}

// --- bodies, old opsets, refusals ---------------------------------------------------------------

TEST(UpgradeOpset, BroadcastAxisOfOpset6_BecomesTrailingOnes) {
  auto model = Model::empty(6);
  model.add_input("x", floats({1, 2, 2}));
  constant(model, "b", {10, 20}, {2});
  add(model, "Add", {"x", "b"}, {{"broadcast", std::int64_t{1}}, {"axis", std::int64_t{1}}});
  model.add_output("y");
  ASSERT_THAT(onnx::upgrade_opset(model, 13), IsOk());
  const auto outputs = run(model, Tensor::of(std::vector<float>{1, 2, 3, 4}, {1, 2, 2}));
  ASSERT_THAT(outputs, IsOk());
  EXPECT_THAT((*outputs)[0].as<float>(), ::testing::ElementsAre(11, 12, 23, 24));
}

TEST(UpgradeOpset, BroadcastAxisOfAnActivation_IsUnsqueezed) {
  auto model = Model::empty(5);
  model.add_input("x", floats({1, 2, 2}));
  add(model, "Relu", {"x"}, {{"consumed_inputs", ints({0})}}, {"r"});
  constant(model, "c", {10, 20}, {2});
  add(model, "Neg", {"c"}, {}, {"b"});
  model.set_type("b", floats({2}));
  model.set_type("r", floats({1, 2, 2}));
  add(model, "Sub", {"r", "b"}, {{"broadcast", std::int64_t{1}}, {"axis", std::int64_t{1}}});
  model.add_output("y");
  ASSERT_THAT(onnx::upgrade_opset(model, 13), IsOk());
  const auto outputs = run(model, Tensor::of(std::vector<float>{1, 2, 3, 4}, {1, 2, 2}));
  ASSERT_THAT(outputs, IsOk());
  EXPECT_THAT((*outputs)[0].as<float>(), ::testing::ElementsAre(11, 12, 23, 24));
}

TEST(UpgradeOpset, ReshapeAndUpsampleOfOpset1_TakeInputs) {
  auto model = Model::empty(1);
  model.add_input("x", floats({4}));
  add(model, "Reshape", {"x"}, {{"shape", ints({1, 1, 2, 2})}}, {"r"});
  add(model, "Upsample", {"r"},
      {{"height_scale", 2.0F}, {"width_scale", 1.0F}, {"mode", std::string("nearest")}});
  model.add_output("y");
  ASSERT_THAT(onnx::upgrade_opset(model, 13), IsOk());
  const auto outputs = run(model, Tensor::of(std::vector<float>{1, 2, 3, 4}, {4}));
  ASSERT_THAT(outputs, IsOk());
  EXPECT_THAT((*outputs)[0].as<float>(), ::testing::ElementsAre(1, 2, 1, 2, 3, 4, 3, 4));
}

TEST(UpgradeOpset, SlopesPerChannelOfOpset6_Broadcast) {
  auto model = Model::empty(6);
  model.add_input("x", floats({1, 2, 1, 2}));
  constant(model, "slope", {0.5F, 2.0F}, {2});
  add(model, "PRelu", {"x", "slope"});
  model.add_output("y");
  ASSERT_THAT(onnx::upgrade_opset(model, 16), IsOk());
  const auto outputs = run(model, Tensor::of(std::vector<float>{-1, 1, -1, 1}, {1, 2, 1, 2}));
  ASSERT_THAT(outputs, IsOk());
  EXPECT_THAT((*outputs)[0].as<float>(), ::testing::ElementsAre(-0.5F, 1, -2, 1));
}

TEST(UpgradeOpset, TrainingStatistics_AreRefusedAndTheModelStays) {
  auto model = Model::empty(6);
  model.add_input("x", floats({1, 2, 1, 2}));
  for (const auto* name : {"s", "b", "m", "v"}) {
    constant(model, name, {1, 1}, {2});
  }
  add(model, "Reshape", {"x", "s"}, {}, {"r"});
  add(model, "BatchNormalization", {"r", "s", "b", "m", "v"});
  model.add_output("y");
  const auto before = model.serialize().value();
  EXPECT_THAT(onnx::upgrade_opset(model, 13),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("'node_y' (BatchNormalization)")));
  EXPECT_EQ(model.serialize().value(), before);
}

TEST(UpgradeOpset, NewerThanKnown_IsRefused) {
  auto model = Model::empty(13);
  EXPECT_THAT(onnx::upgrade_opset(model, 99),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("99")));
}

TEST(UpgradeOpset, LowerTarget_LeavesTheModelAlone) {
  auto model = Model::empty(17);
  ASSERT_THAT(onnx::upgrade_opset(model, 13), IsOk());
  EXPECT_EQ(model.opset(), 17);
}

// --- published models ---------------------------------------------------------------------------

class PublishedModelSlow : public ::testing::TestWithParam<std::string> {};

TEST_P(PublishedModelSlow, ComputesTheSameWithANewerOpset) {
  const auto path = testing::shared_path("data/models/" + GetParam());
  TESSERA_NEEDS_SHARED(path);
  auto loaded = Model::load(path);
  ASSERT_THAT(loaded, IsOk());
  auto& model = *loaded;
  infer(model);
  const auto input_name = model.inputs().front();
  Shape shape;
  const auto input_type = model.type_of(input_name).value();
  for (const auto& dim : input_type.shape.value()) {
    shape.push_back(dim.known() ? dim.value : 1);
  }
  for (const auto& output : model.outputs()) {
    if (model.type_of(output)->dtype != DType::kFloat32) {
      model.remove_output(output);
    }
  }
  for (const auto node : model.nodes()) {  // scores, where the model returns labels only
    if (model.outputs().empty() && model.op_type(node) == "Sigmoid") {
      model.add_output(model.outputs(node).front());
    }
  }
  const auto input = random_tensor(shape, 5);
  for (const std::int64_t target : {13, 21}) {
    auto upgraded = model.clone();
    ASSERT_THAT(onnx::upgrade_opset(upgraded, target), IsOk());
    auto normalized = upgraded.clone();
    ASSERT_THAT(onnx::normalize_for_quantization(normalized), IsOk());
    const auto before = run(model, input);
    const auto after = run(upgraded, input);
    const auto simple = run(normalized, input);
    ASSERT_THAT(before, IsOk());
    ASSERT_THAT(after, IsOk());
    ASSERT_THAT(simple, IsOk());
    EXPECT_EQ(difference(*before, *after), "") << "opset " << target;
    for (std::size_t o = 0; o < before->size(); ++o) {
      const auto a = (*before)[o].as<float>();
      const auto b = (*simple)[o].as<float>();
      double error = 0;
      double signal = 0;
      for (std::size_t i = 0; i < a.size(); ++i) {
        error += std::pow(double{a[i]} - double{b[i]}, 2);
        signal += std::pow(double{a[i]}, 2);
      }
      EXPECT_LT(std::sqrt(error), 1e-5 * std::sqrt(signal)) << "normalized output " << o;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Files, PublishedModelSlow,
                         ::testing::Values("squeezenet_winml.onnx", "fns-candy.onnx",
                                           "yolox_nano.onnx"),
                         [](const auto& instance) {
                           return instance.param.substr(0, instance.param.find_first_of(".-"));
                         });

}  // namespace
}  // namespace tessera
