// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <cmath>
#include <map>
#include <tuple>

#include "noise/noise_bench.h"
#include "support/matchers.h"
#include "tessera/core/random.h"
#include "tessera/noise/check.h"
#include "tessera/noise/subsets.h"

namespace tessera::noise {
namespace {

using testing::IsOk;
using testing::ModelBuilder;

/// Grows a network of convolutions by random steps: branches, residuals, concatenations, gates,
/// pools, depthwise convolutions, weights that several layers share.
class Grower {
 public:
  /// `depthwise`: half of all steps are depthwise convolutions.
  Grower(std::uint64_t seed, bool depthwise) : random_(seed), depthwise_(depthwise) {
    builder_.input("x", {1, 4, 10, 10});
    values_.push_back({"x", 4, 0});
  }

  onnx::Model grow() {
    const auto steps = 5 + random_.below(6);
    convolve();
    for (std::uint64_t i = 0; i < steps; ++i) {
      step();
    }
    if (layers_ < 2) {
      convolve();
    }
    for (const auto& value : values_) {
      // Some are read and measured as well.
      if (value.name != "x" && (value.readers == 0 || random_.below(8) == 0)) {
        builder_.output(value.name, {1, value.channels, 10, 10});
      }
    }
    return builder_.build();
  }

  [[nodiscard]] const std::string& story() const { return story_; }

 private:
  struct Value {
    std::string name;
    std::int64_t channels = 0;
    int readers = 0;
  };

  void step() {
    if (depthwise_ && random_.below(2) == 0) {
      return convolve_depthwise();
    }
    switch (random_.below(8)) {
      case 0:
        return add();
      case 1:
        return concatenate();
      case 2:
        return pool();
      case 3:
        return gate();
      case 4:
        return convolve_depthwise();
      default:
        return convolve();
    }
  }

  /// Rather a late one, so that graphs grow long, but sometimes any.
  std::size_t pick() {
    const auto count = values_.size();
    return random_.below(3) == 0 ? random_.below(count) : count - 1;
  }

  const std::string& read(std::size_t index) {
    ++values_[index].readers;
    return values_[index].name;
  }

  void make(const std::string& type, std::vector<std::string> inputs, std::int64_t channels,
            std::vector<onnx::NamedAttribute> attributes = {}) {
    const auto name = fmt::format("v{}", values_.size());
    story_ += fmt::format("{} = {}({}); ", name, type, fmt::join(inputs, ", "));
    builder_.op(type, std::move(inputs), {name}, std::move(attributes));
    values_.push_back({name, channels, 0});
  }

  void activate() {
    const auto last = values_.size() - 1;
    switch (random_.below(4)) {
      case 0:
        return make("Relu", {read(last)}, values_[last].channels);
      case 1:
        return make("LeakyRelu", {read(last)}, values_[last].channels);
      case 2:
        builder_.constant("zero", Tensor::scalar(0.0F)).constant("six", Tensor::scalar(6.0F));
        return make("Clip", {read(last), "zero", "six"}, values_[last].channels);
      default:
        return;
    }
  }

  /// A weight of this form, an old one now and then.
  std::string weight_of(std::int64_t out, std::int64_t in, std::int64_t kernel) {
    auto& known = weights_[{out, in, kernel}];
    if (!known.empty() && random_.below(2) == 0) {
      return known;
    }
    known = fmt::format("w{}", ++weight_count_);
    const auto fan = static_cast<double>(in * kernel * kernel);
    builder_.constant(known, testing::random_tensor({out, in, kernel, kernel},
                                                    random_.below(1 << 30), 1 / std::sqrt(fan)));
    return known;
  }

  void convolve(std::int64_t groups = 1) {
    const auto source = pick();
    const auto in = values_[source].channels;
    const auto out = groups == 1 ? std::int64_t{4} << random_.below(2) : in;
    const std::int64_t kernel = groups == 1 && random_.below(2) == 0 ? 1 : 3;
    const std::int64_t pad = kernel / 2;
    std::vector<std::string> inputs{read(source),
                                    weight_of(out, groups == 1 ? in : std::int64_t{1}, kernel)};
    if (random_.below(2) == 0) {
      inputs.push_back(fmt::format("b{}", ++weight_count_));
      builder_.constant(inputs.back(), testing::random_tensor({out}, random_.below(1 << 30), 0.2));
    }
    make("Conv", std::move(inputs), out,
         {{"pads", std::vector<std::int64_t>{pad, pad, pad, pad}},
          {"group", groups == 1 ? std::int64_t{1} : in}});
    ++layers_;
    activate();
  }

  void convolve_depthwise() { convolve(0); }

  void add() {
    const auto a = pick();
    for (std::size_t b = 0; b < values_.size(); ++b) {
      if (b != a && values_[b].channels == values_[a].channels && values_[b].name != "x") {
        return make("Add", {read(b), read(a)}, values_[a].channels);
      }
    }
    convolve();
  }

  void concatenate() {
    const auto a = pick();
    const auto b = random_.below(values_.size());
    if (a == b || values_[a].channels + values_[b].channels > 16) {
      return convolve();
    }
    make("Concat", {read(a), read(b)}, values_[a].channels + values_[b].channels,
         {{"axis", std::int64_t{1}}});
  }

  void pool() {
    const auto source = pick();
    make("MaxPool", {read(source)}, values_[source].channels,
         {{"kernel_shape", std::vector<std::int64_t>{3, 3}},
          {"pads", std::vector<std::int64_t>{1, 1, 1, 1}}});
  }

  void gate() {
    const auto source = pick();
    const auto channels = values_[source].channels;
    make("Sigmoid", {read(source)}, channels);
    make("Mul", {read(source), read(values_.size() - 1)}, channels);
  }

  Random random_;
  bool depthwise_;
  ModelBuilder builder_{13};
  std::vector<Value> values_;
  std::map<std::tuple<std::int64_t, std::int64_t, std::int64_t>, std::string> weights_;
  std::string story_;
  int weight_count_ = 0;
  int layers_ = 0;
};

/// Every plan of every graph against the model that the quantizer writes for it.
void compare_random_graphs(std::uint64_t first_seed, std::uint64_t count,
                           const quantize::Scheme& scheme) {
  for (auto seed = first_seed; seed < first_seed + count; ++seed) {
    Grower grower(seed, scheme.format == quantize::Format::kKernels);
    auto model = grower.grow();
    SCOPED_TRACE(fmt::format("seed {}: {}", seed, grower.story()));
    const auto bench = bench_of(std::move(model), scheme);
    ASSERT_THAT(bench, IsOk());
    const std::vector<std::string> design{"random:8", "all"};
    const auto subsets = choose_subsets(design, (*bench)->entries(), Sizes::kUniform, seed);
    ASSERT_THAT(subsets, IsOk());
    const auto check = run_check((*bench)->setup, *(*bench)->samples, *subsets, Monitor::silent());
    ASSERT_THAT(check, IsOk());
    for (const auto& row : check->rows) {
      EXPECT_GT(row.built_error, 0);
      EXPECT_NEAR(row.deviation(), 0, 0.02) << fmt::format("{}", fmt::join(row.layers, " "));
    }
  }
}

TEST(RandomGraphs, EveryPlan_IsThatOfTheBuiltModel) {
  compare_random_graphs(1, 8, scheme_of_tests());
}

TEST(RandomGraphsSlow, EveryPlan_IsThatOfTheBuiltModel) {
  compare_random_graphs(1000, 150, scheme_of_tests());
}

/// Scales per channel between convolutions belong to both.
TEST(RandomGraphs, EveryPlanInKernels_IsThatOfTheBuiltModel) {
  compare_random_graphs(1036, 8, kernels_of_tests());
  compare_random_graphs(3094, 1,
                        kernels_of_tests());  // a MaxPool of floats behind a Concat of floats
}

TEST(RandomGraphsSlow, EveryPlanInKernels_IsThatOfTheBuiltModel) {
  compare_random_graphs(1000, 150, kernels_of_tests());
}

}  // namespace
}  // namespace tessera::noise
