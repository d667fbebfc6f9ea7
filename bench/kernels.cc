// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// kernels_times [ROUNDS]
//
// Operators of libtessera_kernels.so beside those of the runtime, one thread, by the thread's CPU
// clock; a row per operator and size, the median of rounds in which all that is compared takes
// turns:
// - ours, stock: sessions of one node, us. float: what a float32 convolution adds to a model in
// which
//   it follows another one, so that neither changes the layout.
// - loop: the arithmetic alone, without the runtime around it, us.
// - rate: of the loop, GB/s of all that is read and written, or GMAC/s; share: of what a copy of as
//   many bytes by memcpy reaches, which is what memory allows.
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <new>
#include <random>
#include <string>
#include <vector>

#include "kernels/binary.h"
#include "kernels/depthwise.h"
#include "kernels/lookup.h"
#include "kernels/sessions.h"

namespace tessera::kernels {
namespace {

using testing::constant;
using testing::Extents;
using testing::feed;
using testing::OneNode;
using testing::scalar;
using testing::value;
/// Aligned as the runtime aligns tensors.
template <class T>
struct Aligned {
  using value_type = T;
  static T* allocate(std::size_t count) {
    return static_cast<T*>(::operator new (count * sizeof(T), std::align_val_t{64}));
  }
  static void deallocate(T* data, std::size_t /*count*/) {
    ::operator delete (data, std::align_val_t{64});
  }
  friend bool operator==(Aligned, Aligned) { return true; }
};
using Bytes = std::vector<std::uint8_t, Aligned<std::uint8_t>>;

int rounds = 41;

double cpu_us() {
  timespec now = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) * 1e-3;
}

/// Medians of what the works take, us; they take turns.
std::vector<double> race(const std::vector<std::function<void()>>& works) {
  std::vector<std::vector<double>> times(works.size());
  std::vector<int> repeats(works.size(), 1);
  for (std::size_t i = 0; i < works.size(); ++i) {
    works[i]();
    const double start = cpu_us();
    works[i]();
    repeats[i] = std::clamp(static_cast<int>(500 / (cpu_us() - start + 0.1)), 1, 2000);
  }
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < works.size(); ++i) {
      const double start = cpu_us();
      for (int k = 0; k < repeats[i]; ++k) {
        works[i]();
      }
      times[i].push_back((cpu_us() - start) / repeats[i]);
    }
  }
  std::vector<double> medians;
  for (auto& all : times) {
    std::nth_element(all.begin(), all.begin() + rounds / 2, all.end());
    medians.push_back(all[static_cast<std::size_t>(rounds / 2)]);
  }
  return medians;
}

std::size_t count_of(const Extents& shape) {
  std::size_t count = 1;
  for (const auto extent : shape) {
    count *= static_cast<std::size_t>(extent);
  }
  return count;
}

Bytes random_bytes(std::size_t count) {
  static std::mt19937 random(1);
  Bytes bytes(count);
  for (auto& byte : bytes) {
    byte = static_cast<std::uint8_t>(random());
  }
  return bytes;
}

/// A session with its inputs and an output in place.
class Prepared {
 public:
  Prepared(const std::string& model, const std::vector<testing::Value>& feeds,
           const Extents& output, ONNXTensorElementDataType type)
      : session_(open(model)) {
    // Memory of the runtime's own, aligned as between the operators of a network.
    const Ort::AllocatorWithDefaultOptions memory;
    for (const auto& fed : feeds) {
      auto& input = inputs_.emplace_back(
          Ort::Value::CreateTensor(memory, fed.shape.data(), fed.shape.size(), fed.type));
      std::memcpy(input.GetTensorMutableRawData(), fed.bytes.data(), fed.bytes.size());
    }
    for (std::size_t i = 0; i < session_.GetInputCount(); ++i) {
      Ort::AllocatorWithDefaultOptions allocator;
      names_.emplace_back(session_.GetInputNameAllocated(i, allocator).get());
    }
    for (const auto& name : names_) {
      raw_.push_back(name.c_str());
    }
    output_ = Ort::Value::CreateTensor(memory, output.data(), output.size(), type);
  }

  void run() {
    const char* const y = "y";
    session_.Run(options_, raw_.data(), inputs_.data(), inputs_.size(), &y, &output_, 1);
  }

 private:
  static Ort::Session open(const std::string& model) {
    auto& env = testing::environment();
    Ort::SessionOptions options;
    options.SetIntraOpNumThreads(1);
    options.RegisterCustomOpsLibrary(TESSERA_KERNELS_LIBRARY);
    return {env, model.data(), model.size(), options};
  }

  Ort::Session session_;
  std::vector<Ort::Value> inputs_;
  std::vector<std::string> names_;
  std::vector<const char*> raw_;
  Ort::Value output_{nullptr};
  Ort::RunOptions options_;
};

std::unique_ptr<Prepared> prepared(const OneNode& node, const Extents& output) {
  std::vector<testing::Value> feeds;
  for (const auto& input : node.inputs) {
    if (input.feed) {
      feeds.push_back(*input.feed);
    }
  }
  return std::make_unique<Prepared>(node.bytes(), feeds, output,
                                    ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8);
}

std::unique_ptr<Prepared> stock(OneNode node, const Extents& output) {
  node.domain = "com.microsoft";
  return prepared(node, output);
}

/// A copy that moves as many bytes, half of them read and half written.
class Copy {
 public:
  explicit Copy(std::size_t moved) : from_(moved / 2, 1), to_(moved / 2) {}
  void operator()() {
    std::memcpy(to_.data(), from_.data(), to_.size());
    // NOLINTNEXTLINE(hicpp-no-assembler): the copy is seen by somebody
    __asm__ volatile("" : : "r"(to_.data()) : "memory");
  }

 private:
  Bytes from_;
  Bytes to_;
};

void heading(const char* what) {
  std::printf("\n%-34s %8s %8s %7s %8s %8s %8s %6s\n", what, "ours", "stock", "ratio", "loop",
              "GB/s", "copy", "share");
}

std::string text_of_shape(const Extents& shape) {
  std::string text;
  for (const auto extent : shape) {
    text += (text.empty() ? "" : "x") + std::to_string(extent);
  }
  return text;
}

/// `moved`: bytes that the loop reads and writes.
void row(const std::string& name, Prepared& ours, Prepared& theirs,
         const std::function<void()>& loop, std::size_t moved) {
  Copy copy(moved);
  const auto us = race({[&] { ours.run(); }, [&] { theirs.run(); }, loop, [&] { copy(); }});
  const double bytes = static_cast<double>(moved) * 1e-3;
  std::printf("%-34s %8.1f %8.1f %7.2f %8.1f %8.1f %8.1f %6.2f\n", name.c_str(), us[0], us[1],
              us[1] / us[0], us[2], bytes / us[2], bytes / us[3], us[3] / us[2]);
  std::fflush(stdout);
}

testing::Input bytes_feed(const Extents& shape) {
  const auto bytes = random_bytes(count_of(shape));
  return feed(value(shape, std::vector<std::uint8_t>(bytes.begin(), bytes.end())));
}
testing::Input scale(float s) {
  return constant(scalar(s));
}
testing::Input zero(std::uint8_t z) {
  return constant(scalar(z));
}

void bench_lookup(const Extents& shape) {
  const auto bytes = random_bytes(256);
  const std::vector<std::uint8_t> table(bytes.begin(), bytes.end());
  const OneNode node = {
      "Lookup", "ai.tessera", {bytes_feed(shape), constant(value({256}, table))}, {}};
  const OneNode theirs = {"QLinearSigmoid",
                          "com.microsoft",
                          {node.inputs[0], scale(0.05F), zero(128), scale(0.004F), zero(0)},
                          {}};
  auto a = prepared(node, shape);
  auto b = prepared(theirs, shape);
  const std::size_t count = count_of(shape);
  const auto from = random_bytes(count);
  Bytes to(count);
  row(
      "Lookup " + text_of_shape(shape), *a, *b,
      [&] {
        lookup(targets().front(),
               {.from = from.data(),
                .from_step = count,
                .to = to.data(),
                .to_step = count,
                .count = 1,
                .width = count},
               table.data());
      },
      2 * count);
}

/// Each channel by its own table. The runtime has nothing like it: beside one table for all.
void bench_channel_lookup(const Extents& shape) {
  const auto channels = static_cast<std::size_t>(shape.back());
  const auto bytes = random_bytes(channels * kTableSize);
  const std::vector<std::uint8_t> tables(bytes.begin(), bytes.end());
  const auto x = bytes_feed(shape);
  const auto model = [&](const Extents& table) {
    const std::vector<std::uint8_t> some(tables.begin(),
                                         tables.begin() + std::ptrdiff_t(count_of(table)));
    return prepared({"Lookup", "ai.tessera", {x, constant(value(table, some))}, {}}, shape);
  };
  auto a = model({shape.back(), 256});
  auto b = model({256});
  const std::size_t count = count_of(shape);
  const auto from = random_bytes(count);
  Bytes to(count);
  const ChannelLookup work = {
      .from = from.data(), .to = to.data(), .channels = channels, .tables = tables.data()};
  row(
      "Lookup by channel " + text_of_shape(shape), *a, *b,
      [&] { lookup_channels(targets().front(), work, 0, count); }, 2 * count);
}

void bench_binary(const char* type, const Extents& shape, const Extents& other) {
  const OneNode node = {type,
                        "ai.tessera",
                        {bytes_feed(shape), scale(0.02F), zero(100), bytes_feed(other),
                         scale(0.03F), zero(120), scale(0.04F), zero(110)},
                        {}};
  auto a = prepared(node, shape);
  auto b = stock(node, shape);
  const std::size_t count = count_of(shape);
  const auto left = random_bytes(count);
  const auto right = random_bytes(count);
  Bytes to(count);
  const auto sum = *sum_of({0.02F, 100}, {0.03F, 120}, {0.04F, 110}, false);
  const auto product = *product_of({0.02F, 100}, {0.03F, 120}, {0.04F, 110}, false);
  const bool is_sum = std::string_view(type) == "QLinearAdd";
  row(
      std::string(type) + " " + text_of_shape(shape) + (other == shape ? "" : " by channel"), *a,
      *b,
      [&] {
        is_sum ? add(targets().front(), sum, left.data(), right.data(), to.data(), count)
               : multiply(targets().front(), product, left.data(), right.data(), to.data(), count);
      },
      3 * count);
}

void bench_concat(const Extents& shape, bool same_scales) {
  const float other = same_scales ? 0.04F : 0.03F;
  const OneNode node = {"QLinearConcat",
                        "ai.tessera",
                        {scale(0.04F), zero(110), bytes_feed(shape), scale(other), zero(110),
                         bytes_feed(shape), scale(other), zero(110)},
                        {testing::int_attribute("axis", -1)}};
  auto output = shape;
  output.back() *= 2;
  auto a = prepared(node, output);
  auto b = stock(node, output);
  const auto width = static_cast<std::size_t>(shape.back());
  const std::size_t count = count_of(shape);
  const auto from = random_bytes(2 * count);
  Bytes to(2 * count);
  const auto table = random_bytes(256);
  row(
      "QLinearConcat 2 of " + text_of_shape(shape) + (same_scales ? " as is" : ""), *a, *b,
      [&] {
        for (const std::size_t i : {0U, 1U}) {
          const Rows rows = {.from = from.data() + i * count,
                             .from_step = width,
                             .to = to.data() + i * width,
                             .to_step = 2 * width,
                             .count = count / width,
                             .width = width};
          same_scales ? copy(targets().front(), rows)
                      : lookup(targets().front(), rows, table.data());
        }
      },
      4 * count);
}

// --- convolutions -------------------------------------------------------------------------------

struct Conv {
  std::int64_t size;
  std::int64_t channels;
  std::int64_t kernel;
  std::int64_t stride;
};

/// One float convolution behind another, or a pool in its place that only picks the pixels: so the
/// outputs are equally large, and what changes their layout takes as long.
std::string float_model(const Conv& c, bool second) {
  using testing::Message;
  Message graph;
  const auto add = [&](const char* from, const char* to, std::int64_t kernel, std::int64_t stride,
                       const char* weights) {
    Message node;
    node.text(1, from).text(1, weights).text(2, to).text(4, "Conv");
    node.message(5, testing::int_attribute("group", c.channels));
    node.message(5, testing::ints_attribute("pads", Extents(4, kernel / 2)));
    node.message(5, testing::ints_attribute("strides", {stride, stride}));
    graph.message(1, node);
    const std::vector<float> values(static_cast<std::size_t>(c.channels * kernel * kernel), 0.1F);
    const auto tensor = value({c.channels, 1, kernel, kernel}, values);
    Message initializer;
    for (const auto extent : tensor.shape) {
      initializer.varint(1, static_cast<std::uint64_t>(extent));
    }
    graph.message(5, initializer.varint(2, 1).text(8, weights).text(9, tensor.bytes));
  };
  add("x", second || c.stride > 1 ? "m" : "y", 3, 1, "w0");
  if (second) {
    add("m", "y", c.kernel, c.stride, "w1");
  } else if (c.stride > 1) {
    Message pool;
    pool.text(1, "m").text(2, "y").text(4, "MaxPool");
    pool.message(5, testing::ints_attribute("kernel_shape", {1, 1}));
    graph.message(1, pool.message(5, testing::ints_attribute("strides", {c.stride, c.stride})));
  }
  Message shape;
  for (const auto extent : {std::int64_t{1}, c.channels, c.size, c.size}) {
    shape.message(1, Message().varint(1, static_cast<std::uint64_t>(extent)));
  }
  graph.text(2, "float")
      .message(11, Message().text(1, "x").message(
                       2, Message().message(1, Message().varint(1, 1).message(2, shape))));
  graph.message(12, Message().text(1, "y"));
  return Message()
      .varint(1, 8)
      .message(7, graph)
      .message(8, Message().text(1, "").varint(2, 17))
      .bytes();
}

std::unique_ptr<Prepared> float_session(const Conv& c, bool second) {
  const std::int64_t out = (c.size - 1) / c.stride + 1;
  const Extents shape = {1, c.channels, c.size, c.size};
  return std::make_unique<Prepared>(
      float_model(c, second),
      std::vector<testing::Value>{value(shape, std::vector<float>(count_of(shape), 0.5F))},
      Extents{1, c.channels, out, out}, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT);
}

void conv_heading() {
  std::printf("\n%-34s %8s %8s %8s %7s %8s %8s %8s %8s %6s\n", "QLinearConv, depthwise", "ours",
              "stock", "float", "by float", "loop", "GMAC/s", "GB/s", "copy", "share");
}

void bench_conv(const Conv& c) {
  const std::int64_t out = (c.size - 1) / c.stride + 1;
  const auto taps = c.kernel * c.kernel;
  const Extents output = {1, out, out, c.channels};
  const Extents input = {1, c.size, c.size, c.channels};
  std::vector<std::int8_t> weights;
  for (const auto byte : random_bytes(static_cast<std::size_t>(c.channels * taps))) {
    weights.push_back(static_cast<std::int8_t>(byte));
  }
  const auto channels = static_cast<std::size_t>(c.channels);
  const std::vector<float> scales(channels, 0.01F);
  const std::vector<std::int32_t> bias(channels, 100);
  const OneNode node = {
      "QLinearConv",
      "ai.tessera",
      {bytes_feed(input), scale(0.02F), zero(128),
       constant(value({c.channels, 1, c.kernel, c.kernel}, weights)),
       constant(value({c.channels}, scales)),
       constant(value({c.channels}, std::vector<std::int8_t>(channels))), scale(0.1F), zero(128),
       constant(value({c.channels}, bias))},
      {testing::int_attribute("channels_last", 1), testing::int_attribute("group", c.channels),
       testing::ints_attribute("pads", Extents(4, c.kernel / 2)),
       testing::ints_attribute("strides", {c.stride, c.stride})}};
  auto ours = prepared(node, output);
  auto theirs = stock(node, output);
  auto first = float_session(c, false);
  auto both = float_session(c, true);

  const auto kernel = static_cast<std::size_t>(c.kernel);
  const auto axis = ConvAxis{.input = static_cast<std::size_t>(c.size),
                             .output = static_cast<std::size_t>(out),
                             .kernel = kernel,
                             .stride = static_cast<std::size_t>(c.stride),
                             .pad = kernel / 2};
  const ConvShape shape = {.batch = 1, .channels = channels, .y = axis, .x = axis};
  const PackedDepthwise packed(
      targets().front(),
      depthwise_of(channels, kernel, kernel, weights.data(), bias.data(),
                   std::vector<float>(channels, 0.002F), {0.02F, 128}, {0.1F, 128}, false),
      axis.stride, 1);
  const auto from = random_bytes(count_of(input));
  Bytes to(count_of(output));
  const std::size_t moved = from.size() + to.size();
  Copy copy(moved);
  const auto us = race(
      {[&] { ours->run(); }, [&] { theirs->run(); }, [&] { first->run(); }, [&] { both->run(); },
       [&] { packed.run(shape, from.data(), to.data(), 0, axis.output); }, [&] { copy(); }});
  const double of_float = us[3] - us[2];
  const auto bytes = static_cast<double>(moved) * 1e-3;
  const auto macs = static_cast<double>(count_of(output)) * static_cast<double>(taps) * 1e-3;
  const auto name = std::to_string(c.kernel) + "x" + std::to_string(c.kernel) + " / " +
                    std::to_string(c.stride) + " on " + text_of_shape(input);
  std::printf("%-34s %8.1f %8.1f %8.1f %7.2f %8.1f %8.1f %8.1f %8.1f %6.2f\n", name.c_str(), us[0],
              us[1], of_float, of_float / us[0], us[4], macs / us[4], bytes / us[4], bytes / us[5],
              us[5] / us[4]);
  std::fflush(stdout);
}

// --- pools, and pixels that are picked
// -------------------------------------------------------------

/// What the runtime has for images with the channels last; ours where there is one.
void bench_images() {
  std::printf("\n%-40s %8s %8s %7s %8s %8s %6s\n", "images", "ours", "stock", "ratio", "GB/s",
              "copy", "share");
  const auto compare = [](const OneNode& node, const OneNode& theirs, const Extents& output) {
    auto a = prepared(node, output);
    auto b = prepared(theirs, output);
    const std::size_t moved = count_of(node.inputs[0].feed->shape) + count_of(output);
    Copy copy(moved);
    const auto us = race({[&] { a->run(); }, [&] { b->run(); }, [&] { copy(); }});
    const double bytes = static_cast<double>(moved) * 1e-3;
    std::printf("%-40s %8.1f %8.1f %7.2f %8.1f %8.1f %6.2f\n",
                (node.type + " " + text_of_shape(node.inputs[0].feed->shape)).c_str(), us[0], us[1],
                us[1] / us[0], bytes / us[0], bytes / us[2], us[2] / us[0]);
  };
  const auto pool = [&](std::int64_t size, std::int64_t channels, std::int64_t kernel,
                        std::int64_t stride) {
    const std::int64_t out = (size - 1) / stride + 1;
    OneNode node = {"NhwcMaxPool",
                    "ai.tessera",
                    {bytes_feed({1, size, size, channels})},
                    {testing::ints_attribute("kernel_shape", {kernel, kernel}),
                     testing::ints_attribute("pads", Extents(4, kernel / 2)),
                     testing::ints_attribute("strides", {stride, stride})}};
    auto theirs = node;
    theirs.domain = "com.microsoft";
    compare(node, theirs, {1, out, out, channels});
  };
  pool(20, 128, 5, 1);
  pool(20, 128, 9, 1);
  pool(20, 128, 13, 1);
  pool(112, 64, 3, 2);
  const auto map = bytes_feed({1, 40, 40, 64});
  compare({"NhwcUpsample", "ai.tessera", {map}, {testing::ints_attribute("scales", {2, 2})}},
          {"Resize",
           "",
           {map, testing::absent(), constant(value<float>({4}, {1, 2, 2, 1}))},
           {testing::text_attribute("mode", "nearest"),
            testing::text_attribute("nearest_mode", "floor"),
            testing::text_attribute("coordinate_transformation_mode", "asymmetric")}},
          {1, 80, 80, 64});
  const auto numbers = [](const Extents& list) {
    return constant(value({std::ssize(list)}, list));
  };
  const auto image = bytes_feed({1, 640, 640, 3});
  compare({"NhwcSlice",
           "ai.tessera",
           {image},
           {testing::ints_attribute("starts", {0, 0}), testing::ints_attribute("steps", {2, 2})}},
          {"Slice",
           "",
           {image, numbers({0, 0}), numbers({640, 640}), numbers({1, 2}), numbers({2, 2})},
           {}},
          {1, 320, 320, 3});
  const auto softmax = [&](const Extents& shape, std::int64_t axis) {
    const OneNode node = {
        "QLinearSoftmax",
        "ai.tessera",
        {bytes_feed(shape), scale(0.05F), zero(128), scale(1.0F / 255), zero(0)},
        {testing::int_attribute("axis", axis), testing::int_attribute("opset", 13)}};
    auto theirs = node;
    theirs.domain = "com.microsoft";
    compare(node, theirs, shape);
  };
  softmax({1, 2, 400, 400}, 3);
  softmax({1, 12, 197, 197}, 3);
  softmax({1, 16, 4, 8400}, 1);
}

void all() {
  std::printf("target %s\n", std::string(name_of(targets().front())).c_str());
  const std::vector<Extents> maps = {
      {1, 320, 320, 16}, {1, 160, 160, 32}, {1, 80, 80, 64}, {1, 56, 56, 24}, {1, 14, 14, 96}};
  heading("stock: QLinearSigmoid");
  for (const auto& shape : maps) {
    bench_lookup(shape);
  }
  heading("stock: Lookup, one table");
  for (const Extents& shape : {Extents{1, 160, 160, 16},
                               {1, 80, 80, 64},
                               {1, 40, 40, 128},
                               {1, 28, 28, 192},
                               {1, 14, 14, 384},
                               {1, 7, 7, 960}}) {
    bench_channel_lookup(shape);
  }
  heading("sums and products");
  for (const auto& shape : maps) {
    bench_binary("QLinearAdd", shape, shape);
  }
  for (const auto& shape : maps) {
    bench_binary("QLinearMul", shape, shape);
  }
  for (const auto& shape : maps) {
    bench_binary("QLinearMul", shape, {1, 1, 1, shape.back()});
  }
  heading("concatenations");
  for (const auto& shape : maps) {
    bench_concat(shape, false);
  }
  for (const auto& shape : maps) {
    bench_concat(shape, true);
  }
  conv_heading();
  for (const Conv& c :
       {Conv{112, 32, 3, 1}, Conv{112, 96, 3, 2}, Conv{56, 144, 3, 1}, Conv{28, 192, 3, 1},
        Conv{14, 384, 3, 1}, Conv{14, 576, 3, 2}, Conv{7, 960, 3, 1}, Conv{160, 16, 3, 1},
        Conv{80, 64, 3, 1}, Conv{80, 64, 5, 1}, Conv{40, 128, 5, 1}, Conv{20, 256, 5, 1},
        Conv{28, 120, 5, 1}, Conv{28, 120, 5, 2}, Conv{56, 96, 7, 1}, Conv{14, 384, 7, 1}}) {
    bench_conv(c);
  }
  bench_images();
}

}  // namespace
}  // namespace tessera::kernels

int main(int count, char** arguments) {
  if (count > 1) {
    tessera::kernels::rounds = std::max(1, std::atoi(arguments[1]));
  }
  try {
    tessera::kernels::all();
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "error: %s\n", e.what());
    return 3;
  }
}
