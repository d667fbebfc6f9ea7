// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>

#include "runtime/litert_library.h"
#include "runtime/litert_tiny_model.h"
#include "runtime/tflite_library.h"
#include "tessera/runtime/litert.h"

namespace tessera::runtime {
namespace litert {
namespace {

constexpr std::int32_t kInputs = 8;
constexpr std::int32_t kOutputs = 4;

/// How a skill stores what is multiplied. Weights are whole numbers of -7 to 7 times a scale.
struct Storage {
  LitertSkill skill;
  FileType activations;
  FileType weights;
  bool per_channel;
};
constexpr std::array kStorages = {
    Storage{LitertSkill::kFloat, FileType::kFloat32, FileType::kFloat32, false},
    Storage{LitertSkill::kInt8, FileType::kInt8, FileType::kInt8, false},
    Storage{LitertSkill::kPerChannelInt8, FileType::kInt8, FileType::kInt8, true},
    Storage{LitertSkill::kInt4Weights, FileType::kInt8, FileType::kInt4, true},
    Storage{LitertSkill::kInt16, FileType::kInt16, FileType::kInt8, false},
    Storage{LitertSkill::kDynamicRange, FileType::kFloat32, FileType::kInt8, false}};

constexpr float kInputScale = 1.F / 16;
constexpr float kOutputScale = 1.F / 2;

std::int8_t weight(std::int32_t output, std::int32_t input) {
  constexpr std::int32_t kLevels = 15;
  return static_cast<std::int8_t>((output * 5 + input * 11) % kLevels - 7);
}
std::int32_t input_level(std::int32_t input) {
  return 5 * input - 17;
}
/// Each a half of the one before, if there are several.
float weight_scale(const Storage& storage, std::int32_t output) {
  return storage.per_channel ? std::ldexp(1.F, -output) : 1.F;
}

float expected(const Storage& storage, std::int32_t output) {
  float sum = 0;
  for (std::int32_t i = 0; i < kInputs; ++i) {
    sum += static_cast<float>(input_level(i)) * kInputScale * static_cast<float>(weight(output, i));
  }
  return sum * weight_scale(storage, output);
}

std::string packed_weights(const Storage& storage) {
  std::vector<std::int8_t> levels;
  for (std::int32_t o = 0; o < kOutputs; ++o) {
    for (std::int32_t i = 0; i < kInputs; ++i) {
      levels.push_back(weight(o, i));
    }
  }
  if (storage.weights == FileType::kFloat32) {
    return bytes_of(std::vector<float>(levels.begin(), levels.end()));
  }
  if (storage.weights == FileType::kInt8) {
    return bytes_of(levels);
  }
  std::string pairs;  // two to a byte, the low half first
  for (std::size_t i = 0; i < levels.size(); i += 2) {
    const auto low = static_cast<unsigned>(levels[i]) & 15U;
    const auto high = static_cast<unsigned>(levels[i + 1]) & 15U;
    pairs += static_cast<char>(low | high << 4U);
  }
  return pairs;
}

TinyModel product(const Storage& storage) {
  const bool integer = storage.activations != FileType::kFloat32;
  std::vector<float> scales;
  for (std::int32_t o = 0; o < (storage.per_channel ? kOutputs : 1); ++o) {
    scales.push_back(weight_scale(storage, o));
  }
  if (storage.weights == FileType::kFloat32) {
    scales.clear();
  }
  const auto scale = [&](float value) {
    return integer ? std::vector{value} : std::vector<float>();
  };
  return {.graphs = {{.tensors = {{.name = "x",
                                   .type = storage.activations,
                                   .shape = {1, kInputs},
                                   .scales = scale(kInputScale)},
                                  {.name = "w",
                                   .type = storage.weights,
                                   .shape = {kOutputs, kInputs},
                                   .data = packed_weights(storage),
                                   .scales = scales},
                                  {.name = "y",
                                   .type = storage.activations,
                                   .shape = {1, kOutputs},
                                   .scales = scale(kOutputScale)}},
                      // The oldest version that has the type: kernels are the same for all.
                      .operators = {fully_connected(integer || scales.empty() ? 4 : 3)},
                      .inputs = {0},
                      .outputs = {2}}}};
}

Tensor input_of(const Storage& storage) {
  std::vector<float> values;
  std::vector<std::int8_t> bytes;
  std::vector<std::int16_t> words;
  for (std::int32_t i = 0; i < kInputs; ++i) {
    values.push_back(static_cast<float>(input_level(i)) * kInputScale);
    bytes.push_back(static_cast<std::int8_t>(input_level(i)));
    words.push_back(static_cast<std::int16_t>(input_level(i)));
  }
  const Shape shape{1, kInputs};
  return storage.activations == FileType::kFloat32 ? Tensor::of(values, shape)
         : storage.activations == FileType::kInt8  ? Tensor::of(bytes, shape)
                                                   : Tensor::of(words, shape);
}

/// Within the rounding of the result, or of the activations where the library rounds them.
bool is_right(const Storage& storage, const TensorView& result) {
  const auto levels = to_float32(result);
  if (!levels || levels->size() != kOutputs) {
    return false;
  }
  const bool integer = storage.activations != FileType::kFloat32;
  const bool rounds = storage.skill == LitertSkill::kDynamicRange;
  const float tolerance = integer ? 1.01F * kOutputScale : rounds ? .5F : 1e-4F;
  for (std::int32_t o = 0; o < kOutputs; ++o) {
    const float value = (*levels)[static_cast<std::size_t>(o)] * (integer ? kOutputScale : 1);
    if (!(std::abs(value - expected(storage, o)) <= tolerance)) {
      return false;
    }
  }
  return true;
}

Status try_product(const std::shared_ptr<const Library>& library, const Storage& storage,
                   bool observed, LitertProbe& probe) {
  const SessionOptions options{.opt_level = probe.kernels, .profile = observed};
  TESSERA_TRY(auto session, open_litert(library, product(storage).bytes(), options));
  probe.opened = true;
  const auto x = input_of(storage);
  TESSERA_TRY(const auto outputs, session.run(std::vector<Feed>{{"x", x.view()}}));
  probe.right = is_right(storage, outputs[0]);
  if (observed && probe.kernels == OptLevel::kAll) {
    TESSERA_TRY(const auto kernels, session.end_profile());
    probe.by_xnnpack = std::any_of(kernels.begin(), kernels.end(), [](const KernelTime& kernel) {
      return kernel.provider == "xnnpack";
    });
  }
  return {};
}

/// Notes the one value that it is shown.
class Witness final : public TensorTap {
 public:
  void visit(std::int64_t, DType, std::span<const std::int64_t>,
             std::span<std::byte> data) noexcept override {
    ++visits;
    bytes = data.size();
  }
  int visits = 0;
  std::size_t bytes = 0;
};

bool observes(const std::shared_ptr<const Library>& library) {
  Witness witness;
  const SessionOptions options{.opt_level = OptLevel::kDisabled, .profile = true, .tap = &witness};
  auto session = open_litert(library, product(kStorages.front()).bytes(), options, {.taps = {2}});
  if (!session) {
    return false;
  }
  const auto x = input_of(kStorages.front());
  if (!session->run(std::vector<Feed>{{"x", x.view()}})) {
    return false;
  }
  const auto kernels = session->end_profile();
  return witness.visits == 1 && witness.bytes == kOutputs * sizeof(float) && kernels &&
         kernels->size() == 1 && kernels->front().sources == std::vector<std::uint32_t>{0};
}

}  // namespace
}  // namespace litert

std::string_view to_string(LitertSkill skill) noexcept {
  switch (skill) {
    case LitertSkill::kFloat:
      return "float32";
    case LitertSkill::kInt8:
      return "int8";
    case LitertSkill::kPerChannelInt8:
      return "int8 per channel";
    case LitertSkill::kInt4Weights:
      return "int4 weights";
    case LitertSkill::kInt16:
      return "int16 activations";
    case LitertSkill::kDynamicRange:
      break;
  }
  return "dynamic range";
}

Result<LitertSkills> probe_litert(const std::shared_ptr<const Library>& library) {
  if (library->named(tflite::TfliteLibrary::kName) == nullptr) {
    TESSERA_CHECK(litert::LitertLibrary::in(*library).map([](const auto*) {}));
  }
  LitertSkills skills;
  skills.observer = litert::observes(library);
  for (const auto& storage : litert::kStorages) {
    for (const auto kernels : {OptLevel::kDisabled, OptLevel::kAll}) {
      LitertProbe probe{.skill = storage.skill, .kernels = kernels};
      const auto tried = litert::try_product(library, storage, skills.observer, probe);
      if (!tried) {
        probe.error = tried.error().message;
      }
      skills.probes.push_back(std::move(probe));
    }
  }
  return skills;
}

}  // namespace tessera::runtime
