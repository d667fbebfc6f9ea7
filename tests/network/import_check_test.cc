// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/network/import_check.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "support/matchers.h"
#include "tessera/core/file.h"
#include "tessera/core/hash.h"
#include "tessera/network/load.h"
#include "tessera/onnx/model.h"
#include "tessera/tensor/npy.h"

// Networks that Keras 3 made, with what it computed (tests/fixtures/keras/make.py).
namespace tessera::network {
namespace {

using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;

constexpr double kTolerance = 1e-5;

const std::shared_ptr<const runtime::Library>& library() {
  static const auto kLibrary = runtime::Library::load().value();
  return kLibrary;
}

std::filesystem::path fixture(const std::string& name) {
  return std::filesystem::path(TESSERA_SOURCE_DIR) / "tests/fixtures/keras" / name;
}

std::vector<NamedTensor> golden(const std::string& name) {
  return read_npz(fixture(name + ".npz")).value();
}

NamedTensor& find(std::vector<NamedTensor>& arrays, std::string_view name) {
  return *std::find_if(arrays.begin(), arrays.end(),
                       [&](const auto& one) { return one.name == name; });
}

const LayerDifference& find(const ImportCheck& check, std::string_view layer) {
  return *std::find_if(check.layers.begin(), check.layers.end(),
                       [&](const auto& one) { return one.layer == layer; });
}

class ImportedNetwork : public ::testing::TestWithParam<const char*> {};

TEST_P(ImportedNetwork, Layers_AreThoseOfKeras) {
  const std::string file = GetParam();
  const auto arrays = golden(file.substr(0, file.find('.')));
  for (const bool keep : {false, true}) {
    const auto imported = keras::import(fixture(file), {.keep_layout = keep});
    ASSERT_THAT(imported, IsOk());
    const auto check = check_import(*imported, arrays, library(), kTolerance);
    ASSERT_THAT(check, IsOk());
    EXPECT_TRUE(check->unknown.empty());
    EXPECT_GE(check->layers.size(), 4U);
    for (const auto& one : check->layers) {
      EXPECT_EQ(one.differing, 0) << file << ": " << one.layer << ", " << one.worst_relative;
      EXPECT_EQ(one.alone_differing, 0) << file << ": " << one.layer;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Keras, ImportedNetwork,
                         ::testing::Values("conv.keras", "trans.keras", "c1d.keras", "rnn.keras",
                                           "att.keras", "misc.keras", "misc.h5", "acts.keras",
                                           "open.keras"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

TEST(ImportedQuantized, Optimized_IsEqualToTheLastBit) {
  const auto imported = keras::import(fixture("q8.h5"));
  ASSERT_THAT(imported, IsOk());
  for (const auto level :
       {runtime::OptLevel::kBasic, runtime::OptLevel::kExtended, runtime::OptLevel::kAll}) {
    const auto check =
        check_import(*imported, golden("q8"), library(), kTolerance, {.opt_level = level});
    ASSERT_THAT(check, IsOk());
    EXPECT_TRUE(check->passed());
    EXPECT_TRUE(find(*check, "y").optimized_relative.has_value());
    // What is inside of a kernel is not there to be compared.
    EXPECT_FALSE(find(*check, "c1").optimized_differing.has_value());
    for (const auto& one : check->layers) {
      EXPECT_EQ(one.optimized_relative.value_or(0), 0) << one.layer;
      EXPECT_EQ(one.worst_relative, 0) << one.layer;
    }
  }
}

TEST(ImportedWithFoldedNorms, Outputs_AreTheSame) {
  const auto imported = keras::import(fixture("c1d.keras"), {.fold_batch_norm = true});
  ASSERT_THAT(imported, IsOk());
  auto arrays = golden("c1d");
  std::erase_if(arrays, [](const auto& one) { return one.name.starts_with("layer/"); });
  const auto check = check_import(*imported, arrays, library(), kTolerance);
  ASSERT_THAT(check, IsOk());
  EXPECT_TRUE(check->passed());
}

TEST(ImportCheck, LayerThatDiffers_IsTheOnlyOneByItself) {
  const auto imported = keras::import(fixture("acts.keras")).value();
  auto arrays = golden("acts");
  find(arrays, "layer/softplus").tensor.as<float>()[0] += 1;
  const auto check = check_import(imported, arrays, library(), kTolerance).value();
  EXPECT_FALSE(check.passed());
  EXPECT_FALSE(find(check, "softplus").within);
  EXPECT_EQ(find(check, "softplus").differing, 1);
  // Those behind it agree with what Keras has, if not with what it would have made of the change.
  EXPECT_TRUE(find(check, "y").within);
  EXPECT_EQ(to_json(check)["passed"], false);
}

TEST(ImportCheck, MissingArrays_AreNamed) {
  const auto imported = keras::import(fixture("acts.keras")).value();
  auto arrays = golden("acts");
  arrays.push_back({"layer/none", Tensor::scalar(1.0F)});
  EXPECT_THAT(check_import(imported, arrays, library(), kTolerance).value().unknown,
              ::testing::ElementsAre("none"));
  std::erase_if(arrays, [](const auto& one) { return one.name == "x"; });
  EXPECT_THAT(check_import(imported, arrays, library(), kTolerance),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("no array 'x'")));
  EXPECT_THAT(check_import(imported, {}, library(), kTolerance),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("no array to compare")));
}

TEST(KerasFile, IsANetworkThatAnswersForTheFile) {
  const auto path = fixture("acts.keras");
  EXPECT_EQ(format_of(path), FileFormat::kOnnx);
  const auto network = read(path);
  ASSERT_THAT(network, IsOk());
  const auto info = network->clone().info();
  ASSERT_THAT(info, IsOk());
  EXPECT_EQ(info->format, "keras");
  EXPECT_EQ(info->path, path.string());
  // Documents are matched by it, also where passes work on copies of the model itself.
  EXPECT_EQ(info->sha256, sha256(MappedFile::open(path)->bytes()));
  EXPECT_EQ(Network::of(network->onnx()->clone()).info()->sha256, info->sha256);
  EXPECT_EQ(network->path(), path);
  EXPECT_THAT(network->description(), HasSubstr("Keras"));
  EXPECT_THAT(open_file(library(), path, {}), IsOk());
}

}  // namespace
}  // namespace tessera::network
