// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/data/sample_set.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "data/golden.h"
#include "support/matchers.h"
#include "tessera/core/file.h"
#include "tessera/core/parallel.h"

namespace tessera::data {
namespace {

using tessera::testing::FailsWith;
using tessera::testing::IsOk;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

class Recorder : public Monitor {
 public:
  void progress(std::string_view, std::int64_t, std::int64_t) override {}
  void warn(const Warning& warning) override { warnings.push_back(warning); }
  [[nodiscard]] bool cancelled() const noexcept override { return false; }
  std::vector<Warning> warnings;
};

class SampleSetTest : public ::testing::Test {
 protected:
  void image(const std::string& name) { copy("rgb.jpg", name); }
  void copy(const std::string& golden, const std::string& name) {
    fs::create_directories((root_ / name).parent_path());
    fs::copy_file(golden_folder() / golden, root_ / name);
  }
  void text(const std::string& name, const std::string& content) {
    fs::create_directories((root_ / name).parent_path());
    ASSERT_THAT(write_file(root_ / name, content, Overwrite::kReplace), IsOk());
  }
  void array(const std::string& name, const Tensor& tensor) {
    fs::create_directories((root_ / name).parent_path());
    ASSERT_THAT(write_npy(root_ / name, tensor.view(), Overwrite::kReplace), IsOk());
  }
  Result<SampleSet> open(const std::string& name, const std::vector<InputSpec>& inputs,
                         SampleOptions options = {}) {
    options.source = name.starts_with("random:") ? name : (root_ / name).string();
    return SampleSet::open(options, inputs, monitor_);
  }
  std::vector<std::string> names(const SampleSet& set) {
    std::vector<std::string> result;
    for (std::int64_t i = 0; i < set.size(); ++i) {
      result.push_back(set.load(i)->name);
    }
    return result;
  }

  TemporaryDirectory folder_ = *TemporaryDirectory::create("samples");
  fs::path root_ = folder_.path();
  Recorder monitor_;
  const InputSpec image_{"x", DType::kFloat32, {1, 3, 8, 8}};
  const InputSpec vector_{"v", DType::kFloat32, {-1, 2}};
};

TEST_F(SampleSetTest, Folder_IsSortedAndFiltered) {
  image("d/b.jpg");
  image("d/a.JPG");
  image("d/sub/c.jpeg");
  copy("rgb.png", "d/B.png");
  text("d/labels.csv", "file,class_index\n");
  text("d/.hidden.jpg", "");
  const auto set = open("d", {image_});
  ASSERT_THAT(set, IsOk());
  EXPECT_THAT(names(*set), ElementsAre("B.png", "a.JPG", "b.jpg", "c.jpeg"));
  EXPECT_EQ(set->load(0)->tensors[0].tensor.shape(), (Shape{1, 3, 8, 8}));
  EXPECT_EQ(set->load(0)->tensors[0].name, "x");
}

TEST_F(SampleSetTest, GuessedPreprocess_IsAWarningThatNamesTheOption) {
  image("d/a.jpg");
  const auto guessed = open("d", {image_});
  ASSERT_THAT(guessed, IsOk());
  ASSERT_EQ(monitor_.warnings.size(), 1u);
  EXPECT_EQ(monitor_.warnings[0].id, "guessed-preprocess");
  EXPECT_THAT(monitor_.warnings[0].hint, HasSubstr("--preprocess"));
  EXPECT_TRUE(guessed->describe()["preprocess"]["guessed"].get<bool>());
  SampleOptions options;
  options.preprocess = *preprocess_from("unit");
  const auto given = open("d", {image_}, options);
  ASSERT_THAT(given, IsOk());
  EXPECT_EQ(monitor_.warnings.size(), 1u);
  EXPECT_EQ(given->describe()["preprocess"]["name"], "unit");
}

TEST_F(SampleSetTest, BadFolders_AreClearErrors) {
  fs::create_directories(root_ / "empty");
  EXPECT_THAT(open("empty", {image_}), FailsWith(ErrorCode::kNotFound, HasSubstr("empty")));
  EXPECT_THAT(open("nowhere", {image_}), FailsWith(ErrorCode::kNotFound, HasSubstr("nowhere")));
  text("zero/a.jpg", "");
  EXPECT_THAT(open("zero", {image_}),
              FailsWith(ErrorCode::kDataLoss, AllOf(HasSubstr("a.jpg"), HasSubstr("empty"))));
  text("words/a.jpg", "I am not an image");
  EXPECT_THAT(open("words", {image_}),
              FailsWith(ErrorCode::kDataLoss, AllOf(HasSubstr("a.jpg"), HasSubstr("I am not"))));
  image("one/a.jpg");
  EXPECT_THAT(open("one", {vector_}),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("cannot take one")));
}

TEST_F(SampleSetTest, LateBadFile_IsNamedWhenLoaded) {
  image("d/a.jpg");
  text("d/b.jpg", "broken");
  const auto set = open("d", {image_});
  ASSERT_THAT(set, IsOk());
  EXPECT_THAT(set->load(1), FailsWith(ErrorCode::kDataLoss, HasSubstr("b.jpg")));
}

TEST_F(SampleSetTest, List_IsReadInItsOrder) {
  image("d/a.jpg");
  image("d/b.jpg");
  text("list.txt", "# two photos\r\nd/b.jpg\r\n\r\nd/a.jpg\r\n");
  const auto set = open("list.txt", {image_});
  ASSERT_THAT(set, IsOk());
  EXPECT_THAT(names(*set), ElementsAre("b.jpg", "a.jpg"));
  text("bad.txt", "d/a.jpg\nd/none.jpg\n");
  EXPECT_THAT(open("bad.txt", {image_}), FailsWith(ErrorCode::kNotFound, HasSubstr("line 2")));
  text("odd.txt", "hello\n");
  EXPECT_THAT(open("odd.txt", {image_}),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("line 1: 'hello'")));
  text("none.txt", "\n");
  EXPECT_THAT(open("none.txt", {image_}), FailsWith(ErrorCode::kNotFound, HasSubstr("no file")));
}

TEST_F(SampleSetTest, Arrays_GetTheBatchAxisBack) {
  array("d/a.npy", Tensor::of(std::vector<float>{1, 2}, {2}));
  array("d/b.npy", Tensor::of(std::vector<double>{3, 4}, {1, 2}));
  const auto set = open("d", {vector_});
  ASSERT_THAT(set, IsOk());
  const auto first = set->load(0);
  ASSERT_THAT(first, IsOk());
  EXPECT_EQ(first->tensors[0].tensor.shape(), (Shape{1, 2}));
  const auto second = set->load(1);
  ASSERT_THAT(second, IsOk());
  EXPECT_THAT(second->tensors[0].tensor.as<float>(), ElementsAre(3, 4));
  EXPECT_EQ(set->preprocess(), std::nullopt);
}

TEST_F(SampleSetTest, WrongShapeOrValue_IsRefused) {
  array("s/a.npy", Tensor::of(std::vector<float>{1, 2, 3}, {3}));
  EXPECT_THAT(open("s", {vector_}),
              FailsWith(ErrorCode::kInvalidArgument,
                        AllOf(HasSubstr("a.npy"), HasSubstr("is 3;"), HasSubstr("wants ?x2"))));
  array("n/a.npy", Tensor::of(std::vector<float>{1, std::numeric_limits<float>::quiet_NaN()}, {2}));
  EXPECT_THAT(
      open("n", {vector_}),
      FailsWith(ErrorCode::kDataLoss, AllOf(HasSubstr("a.npy"), HasSubstr("NaN at element 1"))));
  array("f/a.npy", Tensor::of(std::vector<float>{1, 2.5f}, {2}));
  EXPECT_THAT(
      open("f", {InputSpec{"v", DType::kInt64, {1, 2}}}),
      FailsWith(ErrorCode::kInvalidArgument,
                AllOf(HasSubstr("a.npy"), HasSubstr("element 1 is 2.5, which is no int64"))));
}

class NpzSamples : public SampleSetTest {
 protected:
  fs::path archive_ = fs::path(TESSERA_SOURCE_DIR) / "tests/golden/npz/deflated.npz";
  Result<SampleSet> open_archive(const std::vector<InputSpec>& inputs) {
    SampleOptions options;
    options.source = archive_.string();
    return SampleSet::open(options, inputs, monitor_);
  }
};

/// The archive holds x, float32 2x3x4, and y, int64 of 3.
TEST_F(NpzSamples, FirstAxis_CountsTheSamples) {
  const auto set = open_archive({{"x", DType::kFloat32, {-1, 3, 4}}});
  ASSERT_THAT(set, IsOk());
  ASSERT_EQ(set->size(), 2);
  const auto sample = set->load(1);
  ASSERT_THAT(sample, IsOk());
  EXPECT_EQ(sample->name, "deflated.npz[1]");
  EXPECT_EQ(sample->tensors[0].tensor.shape(), (Shape{1, 3, 4}));
  EXPECT_EQ(sample->tensors[0].tensor.as<float>()[0], 12.0f);
}

TEST_F(NpzSamples, OneAxisMore_CountsWholeBatches) {
  const auto set = open_archive({{"x", DType::kFloat32, {3, 4}}});
  ASSERT_THAT(set, IsOk());
  EXPECT_EQ(set->size(), 2);
  EXPECT_EQ(set->load(0)->tensors[0].tensor.shape(), (Shape{3, 4}));
}

TEST_F(NpzSamples, FixedBatch_TakesSoManyRows) {
  const auto set = open_archive({{"x", DType::kFloat32, {2, 3, 4}}});
  ASSERT_THAT(set, IsOk());
  EXPECT_EQ(set->size(), 1);
  EXPECT_THAT(open_archive({{"y", DType::kInt64, {2}}}),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("fixed batch of 2")));
}

TEST_F(NpzSamples, Mistakes_AreNamed) {
  const auto missing = open_archive({{"z", DType::kFloat32, {-1, 3, 4}}});
  ASSERT_THAT(missing, FailsWith(ErrorCode::kInvalidArgument, HasSubstr("no array 'z'")));
  EXPECT_THAT(missing.error().hint, HasSubstr("x, y"));
  EXPECT_THAT(open_archive({{"x", DType::kFloat32, {-1, 3, 4}}, {"y", DType::kInt64, {-1}}}),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("2 samples for input 'x' but 3")));
  EXPECT_THAT(open_archive({{"x", DType::kFloat32, {-1, 3, 5}}}),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("is 2x3x4; input 'x' wants ?x3x5")));
}

TEST_F(SampleSetTest, OpenFirstExtent_TakesWhatTheSampleHas) {
  array("d/a.npy", Tensor::of(std::vector<float>(10), {5, 2}));
  array("d/b.npy", Tensor::of(std::vector<float>(6), {3, 2}));
  array("d/c.npy", Tensor::of(std::vector<float>(0), {0, 2}));
  array("d/d.npy", Tensor::of(std::vector<float>(6), {3, 2}));
  const auto set = open("d", {vector_});
  ASSERT_THAT(set, IsOk());
  EXPECT_EQ(set->load(0)->tensors[0].tensor.shape(), (Shape{5, 2}));
  EXPECT_EQ(set->load(1)->tensors[0].tensor.shape(), (Shape{3, 2}));
  EXPECT_EQ(set->load(2)->tensors[0].tensor.shape(), (Shape{0, 2}));
  EXPECT_THAT(*set->alike(), ElementsAre(1, 3));
  const auto extents = set->extents();
  ASSERT_THAT(extents, IsOk());
  ASSERT_EQ(extents->size(), 1u);
  EXPECT_EQ((*extents)[0].input, "v");
  EXPECT_THAT(*(*extents)[0].extents, ElementsAre(std::nullopt, 2));
}

TEST_F(SampleSetTest, Extents_AreOfTheSelectedSamples) {
  array("d/a.npy", Tensor::of(std::vector<float>(10), {5, 2}));
  array("d/b.npy", Tensor::of(std::vector<float>(6), {3, 2}));
  SampleOptions options;
  options.limit = 1;
  const auto set = open("d", {vector_}, options);
  ASSERT_THAT(set, IsOk());
  EXPECT_THAT(*(*set->extents())[0].extents, ElementsAre(5, 2));
  const auto images = [&] {
    image("i/a.jpg");
    return open("i", {{"x", DType::kFloat32, {-1, 3, -1, -1}}});
  }();
  ASSERT_THAT(images, IsOk());
  EXPECT_THAT(*(*images->extents())[0].extents, ElementsAre(1, 3, 224, 224));
}

TEST_F(SampleSetTest, ArrayThatIsNoSample_IsCut) {
  array("a.npy", Tensor::of(std::vector<float>{1, 2, 3, 4, 5, 6}, {3, 2}));
  const auto set = open("a.npy", {{"v", DType::kFloat32, {1, 2}}});
  ASSERT_THAT(set, IsOk());
  ASSERT_EQ(set->size(), 3);
  EXPECT_THAT(set->load(2)->tensors[0].tensor.as<float>(), ElementsAre(5, 6));
  EXPECT_EQ(set->load(2)->name, "a.npy[2]");
}

TEST_F(SampleSetTest, AnyRank_IsTakenAsItIs) {
  array("d/a.npy", Tensor::of(std::vector<float>(10), {5, 2}));
  array("d/b.npy", Tensor::of(std::vector<float>(3), {3}));
  const InputSpec any{.name = "v", .any_rank = true};
  const auto set = open("d", {any});
  ASSERT_THAT(set, IsOk());
  EXPECT_EQ(set->load(1)->tensors[0].tensor.shape(), (Shape{3}));
  EXPECT_EQ((*set->extents())[0].extents, std::nullopt);
  EXPECT_THAT(open("random:1", {any}), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("rank")));
}

TEST_F(SampleSetTest, Constants_AreInEverySample) {
  array("d/a.npy", Tensor::of(std::vector<float>{1, 2}, {2}));
  array("d/b.npy", Tensor::of(std::vector<float>{1, 2}, {2}));
  const InputSpec rate{"sr", DType::kInt64, {}};
  const InputSpec flags{"f", DType::kBool, {-1, 2}};
  SampleOptions options;
  options.constants = {{"sr", "16000"}, {"f", "true,0"}};
  const auto set = open("d", {rate, vector_, flags}, options);
  ASSERT_THAT(set, IsOk());
  ASSERT_EQ(set->size(), 2);
  const auto sample = set->load(1);
  EXPECT_EQ(sample->name, "b.npy");
  EXPECT_THAT(sample->tensors[0].tensor.as<std::int64_t>(), ElementsAre(16000));
  EXPECT_EQ(sample->tensors[0].tensor.shape(), Shape{});
  EXPECT_EQ(sample->tensors[2].tensor.shape(), (Shape{1, 2}));
  EXPECT_EQ(set->describe()["inputs"]["sr"], "16000");
  const auto refused = [&](const ConstantInput& constant, const std::string& text) {
    options.constants = {constant};
    EXPECT_THAT(open("d", {rate, vector_}, options),
                FailsWith(ErrorCode::kInvalidArgument, HasSubstr(text)));
  };
  refused({"sr", "1.5"}, "no int64");
  refused({"sr", "1,2"}, "2 numbers for scalar");
  refused({"sr", "fast"}, "'fast' is no number");
  refused({"rate", "1"}, "no input 'rate'");
  const auto missing = open("d", {vector_, rate});
  ASSERT_THAT(missing, FailsWith(ErrorCode::kNotFound, HasSubstr("no folder")));
  EXPECT_THAT(missing.error().hint, HasSubstr("--input v=VALUE"));
}

/// v' = s + v, and the state s' = v'.
Result<std::vector<Tensor>> add_up(const Sample& step) {
  auto state = step.tensors[1].tensor;
  for (std::size_t i = 0; i < state.as<float>().size(); ++i) {
    state.as<float>()[i] += step.tensors[0].tensor.as<float>()[i];
  }
  return std::vector{std::move(state)};
}

TEST_F(SampleSetTest, States_AreThoseOfTheStepBefore) {
  array("d/a.npy", Tensor::of(std::vector<float>{1, 1, 2, 2, 3, 3}, {3, 2}));
  array("d/b.npy", Tensor::of(std::vector<float>{10, 10, 20, 20}, {2, 2}));
  array("d/c/0.npy", Tensor::of(std::vector<float>{5, 5}, {1, 2}));
  array("d/c/1.npy", Tensor::of(std::vector<float>{6, 6}, {1, 2}));
  SampleOptions options;
  options.states = {{"s'", "s"}};
  options.step = add_up;
  const InputSpec state{"s", DType::kFloat32, {-1, 2}};
  const auto set = open("d", {vector_, state}, options);
  ASSERT_THAT(set, IsOk());
  ASSERT_EQ(set->size(), 7);
  std::vector<float> states;
  std::vector<bool> follows;
  for (std::int64_t i = 0; i < set->size(); ++i) {
    const auto sample = set->load(i);
    ASSERT_THAT(sample, IsOk());
    EXPECT_EQ(sample->tensors[1].tensor.shape(), (Shape{1, 2}));
    states.push_back(sample->tensors[1].tensor.as<float>()[0]);
    follows.push_back(set->follows(i));
  }
  EXPECT_THAT(states, ElementsAre(0, 1, 3, 0, 10, 0, 5));
  EXPECT_THAT(follows, ElementsAre(false, true, true, false, true, false, true));
  EXPECT_EQ(set->describe()["states"][0]["output"], "s'");
  // A selection sees the same states, but its steps do not follow each other.
  options.limit = 2;
  const auto few = open("d", {vector_, state}, options);
  ASSERT_THAT(few, IsOk());
  EXPECT_EQ(few->load(1)->tensors[1].tensor.as<float>()[0], 0);
  // Whichever steps a shard takes, their states are those of the whole.
  std::map<std::string, float> by_name;
  for (std::int64_t i = 0; i < set->size(); ++i) {
    by_name[set->load(i)->name] = states[static_cast<std::size_t>(i)];
  }
  options.limit = 0;
  options.shard_count = 2;
  for (options.shard_index = 0; options.shard_index < 2; ++options.shard_index) {
    const auto shard = open("d", {vector_, state}, options);
    ASSERT_THAT(shard, IsOk());
    for (std::int64_t i = 0; i < shard->size(); ++i) {
      const auto sample = shard->load(i);
      EXPECT_EQ(sample->tensors[1].tensor.as<float>()[0], by_name.at(sample->name));
    }
  }
}

TEST_F(SampleSetTest, GrowingState_StartsEmpty) {
  array("d/a.npy", Tensor::of(std::vector<float>{1, 1, 2, 2, 3, 3}, {3, 2}));
  SampleOptions options;
  options.states = {{"cache", "past"}};
  options.step = [](const Sample& step) -> Result<std::vector<Tensor>> {
    const auto& past = step.tensors[1].tensor;
    auto shape = past.shape();
    shape[1] += 1;
    return std::vector{Tensor(DType::kFloat32, shape)};
  };
  const InputSpec past{"past", DType::kFloat32, {-1, -1, 2}};
  const auto set = open("d", {vector_, past}, options);
  ASSERT_THAT(set, IsOk());
  EXPECT_EQ(set->load(0)->tensors[1].tensor.shape(), (Shape{1, 0, 2}));
  EXPECT_EQ(set->load(2)->tensors[1].tensor.shape(), (Shape{1, 2, 2}));
  EXPECT_THAT(*(*set->extents())[1].extents, ElementsAre(1, std::nullopt, 2));
}

TEST_F(SampleSetTest, WrongStates_AreNamed) {
  array("d/a.npy", Tensor::of(std::vector<float>{1, 1, 2, 2}, {2, 2}));
  SampleOptions options;
  options.states = {{"s'", "t"}};
  options.step = add_up;
  const InputSpec state{"s", DType::kFloat32, {-1, 3}};
  EXPECT_THAT(open("d", {vector_, state}, options),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("no input 't'")));
  options.states = {{"s'", "s"}, {"s'", "s"}};
  EXPECT_THAT(open("d", {vector_, state}, options),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("named twice")));
  options.states = {{"s'", "s"}};
  options.step = [](const Sample&) -> Result<std::vector<Tensor>> {
    return std::vector{Tensor(DType::kFloat32, {4})};
  };
  const auto misfit = open("d", {vector_, state}, options);
  ASSERT_THAT(misfit, FailsWith(ErrorCode::kInvalidArgument, HasSubstr("wants ?x3")));
  EXPECT_THAT(misfit.error().hint, HasSubstr("'s0'"));
}

TEST_F(SampleSetTest, ImageSize_IsSaidWhereTheModelLeavesItOpen) {
  image("d/a.jpg");
  SampleOptions options;
  options.preprocess = *preprocess_from("unit");
  const InputSpec open_image{"x", DType::kFloat32, {-1, 3, -1, -1}};
  const auto set = open("d", {open_image}, options);
  ASSERT_THAT(set, IsOk());
  ASSERT_EQ(monitor_.warnings.size(), 1u);
  EXPECT_EQ(monitor_.warnings[0].id, "image-size");
  EXPECT_THAT(monitor_.warnings[0].message, HasSubstr("224 x 224"));
  EXPECT_EQ(set->describe()["image_size"]["largest"], (std::vector<int>{224, 224}));
  EXPECT_TRUE(open("d", {image_}, options)->describe()["image_size"].is_null());
  EXPECT_EQ(monitor_.warnings.size(), 1u);
}

TEST_F(SampleSetTest, SeveralInputs_HaveOneFolderEach) {
  image("d/x/1.jpg");
  image("d/x/2.jpg");
  array("d/a_b/1.npy", Tensor::of(std::vector<float>{1, 2}, {2}));
  array("d/a_b/2.npy", Tensor::of(std::vector<float>{3, 4}, {2}));
  const InputSpec other{"a/b", DType::kFloat32, {1, 2}};
  const auto set = open("d", {image_, other});
  ASSERT_THAT(set, IsOk());
  const auto sample = set->load(1);
  ASSERT_THAT(sample, IsOk());
  ASSERT_EQ(sample->tensors.size(), 2u);
  EXPECT_THAT(sample->tensors[1].tensor.as<float>(), ElementsAre(3, 4));
  array("d/a_b/3.npy", Tensor::of(std::vector<float>{3, 4}, {2}));
  EXPECT_THAT(open("d", {image_, other}),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("2 files for input 'x' but 3")));
  fs::rename(root_ / "d/a_b/3.npy", root_ / "d/a_b/11.npy");
  fs::remove(root_ / "d/a_b/2.npy");
  EXPECT_THAT(open("d", {image_, other}),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("no counterpart for input 'a/b'")));
  EXPECT_THAT(open("d", {image_, vector_}), FailsWith(ErrorCode::kNotFound, HasSubstr("/v'")));
}

/// Samples of an input of integers with a scale are real numbers, whatever they come from.
TEST_F(SampleSetTest, QuantizedInput_IsGivenRealNumbers) {
  const InputSpec input{.name = "x",
                        .dtype = DType::kFloat32,
                        .shape = {1, 3},
                        .quantized = QuantizedType{DType::kInt8, {0.5, -2}}};
  array("real.npy", Tensor::of(std::vector<float>{0.3F, 1, -9}, {1, 3}));
  array("whole.npy", Tensor::of(std::vector<std::int16_t>{1, 2, 3}, {1, 3}));
  array("integers.npy", Tensor::of(std::vector<std::int8_t>{-2, 0, 127}, {1, 3}));
  const auto values = [&](const std::string& name) {
    const auto set = open(name, {input});
    EXPECT_THAT(set, IsOk());
    const auto sample = set->load(0);
    EXPECT_THAT(sample, IsOk());
    const auto tensor = sample->tensors.front().tensor;
    EXPECT_EQ(tensor.dtype(), DType::kFloat32);
    return std::vector<float>(tensor.as<float>().begin(), tensor.as<float>().end());
  };
  EXPECT_THAT(values("real.npy"), ElementsAre(0.3F, 1, -9));
  EXPECT_THAT(values("whole.npy"), ElementsAre(1, 2, 3));
  EXPECT_THAT(values("integers.npy"), ElementsAre(0, 1, 64.5F)) << "quantized already";
  InputSpec wide = input;
  wide.shape = {1, 4000};
  const auto set = open("random:1", {wide});
  ASSERT_THAT(set, IsOk());
  const auto drawn = set->load(0);
  const auto random = drawn->tensors.front().tensor.as<float>();
  const auto [low, high] = std::minmax_element(random.begin(), random.end());
  EXPECT_EQ(*low, -63) << "all that the integers can stand for";
  EXPECT_EQ(*high, 64.5F);
}

/// What the integers can stand for tells how images were scaled.
TEST_F(SampleSetTest, QuantizedImageInput_TellsItsPreprocessing) {
  image("photos/a.jpg");
  const auto guessed = [&](double scale, std::int64_t zero_point) {
    const InputSpec input{.name = "x",
                          .dtype = DType::kFloat32,
                          .shape = {1, 8, 8, 3},
                          .quantized = QuantizedType{DType::kInt8, {scale, zero_point}}};
    const auto set = open("photos", {input});
    EXPECT_THAT(set, IsOk());
    return set->preprocess()->name;
  };
  EXPECT_EQ(guessed(1, -128), "raw255");
  EXPECT_EQ(guessed(1.0 / 255, -128), "unit");
  EXPECT_EQ(guessed(2.0 / 255, 0), "signed");
  EXPECT_EQ(guessed(1, 0), "int8");
  EXPECT_EQ(guessed(0.0187, -14), "imagenet");
}

TEST_F(SampleSetTest, Random_DependsOnSeedAlone) {
  const std::vector<InputSpec> inputs{
      vector_, {"ids", DType::kInt64, {-1, 5}}, {"u", DType::kUInt8, {1, 64}}};
  const auto set = open("random:3", inputs);
  const auto again = open("random:3", inputs);
  ASSERT_THAT(set, IsOk());
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(set->size(), 3);
  EXPECT_EQ(set->load(2)->name, "random:2");
  const auto values = [](const SampleSet& from, std::int64_t sample, std::size_t input) {
    const auto tensor = from.load(sample)->tensors[input].tensor;
    return std::vector<std::byte>(tensor.bytes().begin(), tensor.bytes().end());
  };
  EXPECT_EQ(values(*again, 1, 0), values(*set, 1, 0));
  EXPECT_NE(values(*set, 1, 0), values(*set, 0, 0));
  const auto sample = set->load(0);
  for (const auto id : sample->tensors[1].tensor.as<std::int64_t>()) {
    EXPECT_TRUE(id == 0 || id == 1);
  }
  SampleOptions options;
  options.seed = 1;
  const auto other = open("random:3", inputs, options);
  ASSERT_THAT(other, IsOk());
  EXPECT_NE(values(*other, 1, 0), values(*set, 1, 0));
  EXPECT_NE(values(*other, 0, 0), values(*set, 1, 0));
}

TEST_F(SampleSetTest, Random_ClosesExtents) {
  const auto shape = [&](const std::vector<std::int64_t>& wanted, DType dtype = DType::kFloat32) {
    const auto set = open("random:1", {{"t", dtype, wanted}});
    EXPECT_THAT(set, IsOk());
    return set->load(0)->tensors[0].tensor.shape();
  };
  EXPECT_EQ(shape({1, -1}), (Shape{1, 16}));
  EXPECT_EQ(shape({-1, -1, 8}), (Shape{1, 16, 8}));
  EXPECT_EQ(shape({-1, 3, -1, -1}), (Shape{1, 3, 224, 224}));
  EXPECT_EQ(shape({1, -1, -1, 3}), (Shape{1, 224, 224, 3}));
  EXPECT_EQ(shape({-1, 1, 32, -1}), (Shape{1, 1, 32, 224}));
  EXPECT_EQ(shape({-1, 8, -1, 64}), (Shape{1, 8, 16, 64}));
  EXPECT_EQ(shape({}), Shape{});
}

TEST_F(SampleSetTest, RandomIndices_StayBelowTheirLimit) {
  InputSpec ids{.name = "ids", .dtype = DType::kInt64, .shape = {1, 200}, .index_limit = 30};
  const auto set = open("random:1", {ids});
  ASSERT_THAT(set, IsOk());
  const auto sample = set->load(0);
  const auto values = sample->tensors[0].tensor.as<std::int64_t>();
  EXPECT_GE(*std::ranges::min_element(values), 0);
  EXPECT_LT(*std::ranges::max_element(values), 30);
  EXPECT_GT(*std::ranges::max_element(values), 20);
}

TEST_F(SampleSetTest, RandomMasks_LetSomethingPass) {
  const auto set = open("random:30", {{"mask", DType::kBool, {1, 2}}});
  ASSERT_THAT(set, IsOk());
  for (std::int64_t i = 0; i < set->size(); ++i) {
    EXPECT_EQ(set->load(i)->tensors[0].tensor.bytes()[0], std::byte{1});
  }
}

TEST_F(SampleSetTest, Random_NeedsANumber) {
  for (const auto* source : {"random:", "random:0", "random:-1", "random:x", "random:5x"}) {
    EXPECT_THAT(open(source, {vector_}), FailsWith(ErrorCode::kInvalidArgument, HasSubstr(source)));
  }
}

TEST_F(SampleSetTest, Limit_IsSpreadEvenly) {
  SampleOptions options;
  options.limit = 4;
  const auto set = open("random:10", {vector_}, options);
  ASSERT_THAT(set, IsOk());
  EXPECT_THAT(names(*set), ElementsAre("random:0", "random:2", "random:5", "random:7"));
}

RC_GTEST_PROP(SampleSelection, Shards_PartitionTheLimitedSet, (std::uint32_t draw)) {
  Recorder monitor;
  const auto total = 1 + draw % 50;
  SampleOptions options;
  options.source = "random:" + std::to_string(total);
  options.limit = (draw >> 8) % 60;
  const std::vector<InputSpec> inputs{{"v", DType::kFloat32, {1, 1}}};
  const auto whole = SampleSet::open(options, inputs, monitor);
  RC_ASSERT(whole.has_value());
  std::vector<std::string> expected;
  for (std::int64_t i = 0; i < whole->size(); ++i) {
    expected.push_back(whole->load(i)->name);
  }
  RC_ASSERT(std::set(expected.begin(), expected.end()).size() == expected.size());
  options.shard_count = 1 + (draw >> 16) % 7;
  std::vector<std::string> merged;
  for (options.shard_index = 0; options.shard_index < options.shard_count; ++options.shard_index) {
    const auto shard = SampleSet::open(options, inputs, monitor);
    RC_ASSERT(shard.has_value() || options.shard_count > whole->size());
    for (std::int64_t i = 0; shard && i < shard->size(); ++i) {
      merged.push_back(shard->load(i)->name);
    }
  }
  RC_ASSERT(merged == expected);
}

TEST(SampleSelection, InterleavedShards_TakeTurns) {
  Recorder monitor;
  SampleOptions options;
  options.source = "random:7";
  options.shard_count = 2;
  options.interleaved = true;
  const std::vector<InputSpec> inputs{{"v", DType::kFloat32, {1, 1}}};
  const auto names = [&](std::int64_t index) {
    options.shard_index = index;
    const auto shard = SampleSet::open(options, inputs, monitor);
    std::vector<std::string> found;
    for (std::int64_t i = 0; shard && i < shard->size(); ++i) {
      found.push_back(shard->load(i)->name);
    }
    return found;
  };
  EXPECT_EQ(names(0), (std::vector<std::string>{"random:0", "random:2", "random:4", "random:6"}));
  EXPECT_EQ(names(1), (std::vector<std::string>{"random:1", "random:3", "random:5"}));
}

TEST_F(SampleSetTest, Labels_AreFoundByFile) {
  image("d/a.jpg");
  image("d/b.jpg");
  image("d/c.jpg");
  text("labels.csv", "file,class_index,name\nc.jpg,7,\"x, y\"\na.jpg,3,z\n");
  SampleOptions options;
  options.labels = root_ / "labels.csv";
  options.preprocess = *preprocess_from("unit");
  const auto set = open("d", {image_}, options);
  ASSERT_THAT(set, IsOk());
  EXPECT_TRUE(set->has_labels());
  EXPECT_EQ(set->load(0)->label, 3);
  EXPECT_EQ(set->load(1)->label, std::nullopt);
  EXPECT_EQ(set->load(2)->label, 7);
  ASSERT_EQ(monitor_.warnings.size(), 1u);
  EXPECT_EQ(monitor_.warnings[0].id, "unlabelled-samples");
  text("labels.csv", "file,class_index\nother.jpg,7\n");
  EXPECT_THAT(open("d", {image_}, options),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("none of the 3 samples")));
}

TEST_F(SampleSetTest, Load_FromManyThreads_GivesTheSame) {
  image("d/a.jpg");
  copy("progressive.jpg", "d/b.jpg");
  copy("palette.png", "d/c.png");
  SampleOptions options;
  options.preprocess = *preprocess_from("imagenet");
  const auto set = open("d", {image_}, options);
  ASSERT_THAT(set, IsOk());
  std::vector<Tensor> loaded(60);
  parallel_for(4, 60, [&](std::int64_t i) {
    loaded[static_cast<std::size_t>(i)] = set->load(i % 3)->tensors[0].tensor;
  });
  for (std::size_t i = 3; i < 60; ++i) {
    EXPECT_TRUE(std::ranges::equal(loaded[i].bytes(), loaded[i % 3].bytes()));
  }
}

}  // namespace
}  // namespace tessera::data
