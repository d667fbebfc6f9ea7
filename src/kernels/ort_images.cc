// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>

#include "kernels/lookup.h"
#include "kernels/operators.h"
#include "kernels/pool.h"
#include "kernels/window.h"

namespace tessera::kernels {
namespace {

constexpr auto kUnsigned = ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8;
constexpr auto kSigned = ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8;
constexpr std::size_t kBytesPerTask = std::size_t{1} << 16;

/// Rows of the output that a thread takes at once.
std::size_t rows_per_task(std::size_t bytes_per_row) {
  return std::max<std::size_t>(1, kBytesPerTask / std::max<std::size_t>(1, bytes_per_row));
}

Outcome<void> check_image(const Shape& x) {
  if (x.size() != 4) {
    return problem("X has the shape ", text_of(x), "; NxHxWxC was expected");
  }
  return {};
}

// --- NhwcMaxPool --------------------------------------------------------------------------------

struct Pool {
  Window window;
  std::int64_t kernel[2] = {0, 0};
};

template <class Source>
Outcome<Pool> pool_of(const Source& source) {
  Pool pool;
  TESSERA_KERNELS_TRY(pool.window, window_of(source));
  TESSERA_KERNELS_CHECK(read_list(source, "kernel_shape", 1, pool.kernel));
  if (pool.kernel[0] == 0) {
    return problem("it has no attribute kernel_shape");
  }
  if (source.integer("ceil_mode").value_or(0) != 0) {
    return problem("ceil_mode is not 0: extents are rounded down only");
  }
  return pool;
}

class MaxPoolKernel : public Kernel {
 public:
  MaxPoolKernel(Target target, const Pool& pool, std::uint8_t flip)
      : target_(target), pool_(pool), flip_(flip) {}

  [[nodiscard]] Outcome<void> run(const Run& run) const override {
    TESSERA_KERNELS_TRY(const auto x, run.input(0));
    TESSERA_KERNELS_CHECK(check_image(x.shape));
    ConvShape shape = {.batch = static_cast<std::size_t>(x.shape[0]),
                       .channels = static_cast<std::size_t>(x.shape[3])};
    TESSERA_KERNELS_TRY(shape.y, window_axis(pool_.window, 0, x.shape[1], pool_.kernel[0]));
    TESSERA_KERNELS_TRY(shape.x, window_axis(pool_.window, 1, x.shape[2], pool_.kernel[1]));
    TESSERA_KERNELS_TRY(auto* const y,
                        run.output({x.shape[0], static_cast<std::int64_t>(shape.y.output),
                                    static_cast<std::int64_t>(shape.x.output), x.shape[3]}));
    const std::size_t rows = shape.batch * shape.y.output;
    const std::size_t at_once = rows_per_task(shape.x.output * shape.channels);
    return run.each((rows + at_once - 1) / at_once, [&](std::size_t task) {
      max_pool(target_, shape, flip_, x.as<std::uint8_t>(), static_cast<std::uint8_t*>(y),
               task * at_once, std::min((task + 1) * at_once, rows));
    });
  }

 private:
  Target target_;
  Pool pool_;
  std::uint8_t flip_;
};

template <bool kIsSigned>
Outcome<std::unique_ptr<Kernel>> create_pool(const Node& node, Target target) {
  TESSERA_KERNELS_TRY(const auto pool, pool_of(node));
  return std::unique_ptr<Kernel>(std::make_unique<MaxPoolKernel>(
      target, pool, static_cast<std::uint8_t>(kIsSigned ? 0x80 : 0)));
}

std::optional<Inference::Extents> infer_pool(const Inference& inference) {
  auto x = inference.input(0);
  const auto pool = pool_of(inference);
  if (!x || x->size() != 4 || !pool) {
    return std::nullopt;
  }
  for (const std::size_t axis : {std::size_t{0}, std::size_t{1}}) {
    auto& extent = (*x)[axis + 1];
    if (extent.value < 0) {
      return std::nullopt;
    }
    const auto known = window_axis(pool->window, axis, extent.value, pool->kernel[axis]);
    if (!known) {
      return std::nullopt;
    }
    extent.value = static_cast<std::int64_t>(known->output);
  }
  return x;
}

// --- NhwcUpsample and NhwcSlice -----------------------------------------------------------------

/// Pixels of the output that are those of the input: each `repeat` times, or every `step`-th one
/// from `start` on. Height before width.
struct Picks {
  std::int64_t repeat[2] = {1, 1};
  std::int64_t start[2] = {0, 0};
  std::int64_t step[2] = {1, 1};

  [[nodiscard]] std::int64_t extent(std::size_t axis, std::int64_t input) const {
    const std::int64_t left = std::max<std::int64_t>(0, input - start[axis]);
    return (left + step[axis] - 1) / step[axis] * repeat[axis];
  }
};

template <class Source>
Outcome<Picks> upsample_of(const Source& source) {
  Picks picks;
  if (!source.integers("scales")) {
    return problem("it has no attribute scales");
  }
  TESSERA_KERNELS_CHECK(read_list(source, "scales", 1, picks.repeat));
  return picks;
}

template <class Source>
Outcome<Picks> slice_of(const Source& source) {
  Picks picks;
  TESSERA_KERNELS_CHECK(read_list(source, "starts", 0, picks.start));
  TESSERA_KERNELS_CHECK(read_list(source, "steps", 1, picks.step));
  return picks;
}

class PicksKernel : public Kernel {
 public:
  PicksKernel(Target target, const Picks& picks) : target_(target), picks_(picks) {}

  [[nodiscard]] Outcome<void> run(const Run& run) const override {
    TESSERA_KERNELS_TRY(const auto x, run.input(0));
    TESSERA_KERNELS_CHECK(check_image(x.shape));
    const Shape shape = {x.shape[0], picks_.extent(0, x.shape[1]), picks_.extent(1, x.shape[2]),
                         x.shape[3]};
    TESSERA_KERNELS_TRY(auto* const data, run.output(shape));
    if (kernels::count_of(shape) == 0) {
      return {};
    }
    auto* const y = static_cast<std::uint8_t*>(data);
    const auto size = [](std::int64_t extent) { return static_cast<std::size_t>(extent); };
    const std::size_t pixel = size(shape[3]);
    const std::size_t in_row = size(x.shape[2]) * pixel;
    const std::size_t out_row = size(shape[2]) * pixel;
    const std::size_t repeat_y = size(picks_.repeat[0]);
    const std::size_t repeat_x = size(picks_.repeat[1]);
    const std::size_t rows_of_image = size(shape[1]) / repeat_y;  // that are read
    const std::size_t rows = size(shape[0]) * rows_of_image;
    const std::size_t at_once = rows_per_task(out_row * repeat_y);
    return run.each((rows + at_once - 1) / at_once, [&](std::size_t task) {
      for (std::size_t row = task * at_once; row < std::min((task + 1) * at_once, rows); ++row) {
        const std::size_t in_y = size(picks_.start[0]) + row % rows_of_image * size(picks_.step[0]);
        const auto* const from = x.as<std::uint8_t>() +
                                 (row / rows_of_image * size(x.shape[1]) + in_y) * in_row +
                                 size(picks_.start[1]) * pixel;
        auto* const to = y + row * repeat_y * out_row;
        for (std::size_t k = 0; k < repeat_x; ++k) {
          copy(target_, {.from = from,
                         .from_step = size(picks_.step[1]) * pixel,
                         .to = to + k * pixel,
                         .to_step = repeat_x * pixel,
                         .count = size(shape[2]) / repeat_x,
                         .width = pixel});
        }
        for (std::size_t k = 1; k < repeat_y; ++k) {
          std::memcpy(to + k * out_row, to, out_row);
        }
      }
    });
  }

 private:
  Target target_;
  Picks picks_;
};

template <Outcome<Picks> (*kPicks)(const Node&)>
Outcome<std::unique_ptr<Kernel>> create_picks(const Node& node, Target target) {
  TESSERA_KERNELS_TRY(const auto picks, kPicks(node));
  return std::unique_ptr<Kernel>(std::make_unique<PicksKernel>(target, picks));
}

template <Outcome<Picks> (*kPicks)(const Inference&)>
std::optional<Inference::Extents> infer_picks(const Inference& inference) {
  auto x = inference.input(0);
  const auto picks = kPicks(inference);
  if (!x || x->size() != 4 || !picks || (*x)[1].value < 0 || (*x)[2].value < 0) {
    return std::nullopt;
  }
  (*x)[1].value = picks->extent(0, (*x)[1].value);
  (*x)[2].value = picks->extent(1, (*x)[2].value);
  return x;
}

// --- NhwcDepthToSpace ---------------------------------------------------------------------------

/// Every pixel becomes a block of pixels. Height before width.
struct Blocks {
  std::int64_t size[2] = {1, 1};

  [[nodiscard]] std::int64_t count() const { return size[0] * size[1]; }
};

template <class Source>
Outcome<Blocks> blocks_of(const Source& source) {
  Blocks blocks;
  if (!source.integers("blocks")) {
    return problem("it has no attribute blocks");
  }
  TESSERA_KERNELS_CHECK(read_list(source, "blocks", 1, blocks.size));
  return blocks;
}

class DepthToSpaceKernel : public Kernel {
 public:
  DepthToSpaceKernel(Target target, const Blocks& blocks) : target_(target), blocks_(blocks) {}

  [[nodiscard]] Outcome<void> run(const Run& run) const override {
    TESSERA_KERNELS_TRY(const auto x, run.input(0));
    TESSERA_KERNELS_CHECK(check_image(x.shape));
    if (x.shape[3] % blocks_.count() != 0) {
      return problem("X has ", x.shape[3], " channels, and a block has ", blocks_.count(),
                     " pixels");
    }
    const Shape shape = {x.shape[0], x.shape[1] * blocks_.size[0], x.shape[2] * blocks_.size[1],
                         x.shape[3] / blocks_.count()};
    TESSERA_KERNELS_TRY(auto* const data, run.output(shape));
    if (kernels::count_of(shape) == 0) {
      return {};
    }
    auto* const y = static_cast<std::uint8_t*>(data);
    const auto size = [](std::int64_t extent) { return static_cast<std::size_t>(extent); };
    const std::size_t rows = size(x.shape[0] * x.shape[1]);
    const std::size_t columns = size(x.shape[2]);
    const std::size_t pixel = size(x.shape[3]);
    const std::size_t rows_of_block = size(blocks_.size[0]);
    const std::size_t run_of_row = pixel / rows_of_block;  // a row of a block
    const std::size_t at_once = rows_per_task(columns * pixel);
    return run.each((rows + at_once - 1) / at_once, [&](std::size_t task) {
      for (std::size_t row = task * at_once; row < std::min((task + 1) * at_once, rows); ++row) {
        for (std::size_t k = 0; k < rows_of_block; ++k) {
          copy(target_, {.from = x.as<std::uint8_t>() + row * columns * pixel + k * run_of_row,
                         .from_step = pixel,
                         .to = y + row * columns * pixel + k * columns * run_of_row,
                         .to_step = run_of_row,
                         .count = columns,
                         .width = run_of_row});
        }
      }
    });
  }

 private:
  Target target_;
  Blocks blocks_;
};

Outcome<std::unique_ptr<Kernel>> create_depth_to_space(const Node& node, Target target) {
  TESSERA_KERNELS_TRY(const auto blocks, blocks_of(node));
  return std::unique_ptr<Kernel>(std::make_unique<DepthToSpaceKernel>(target, blocks));
}

std::optional<Inference::Extents> infer_depth_to_space(const Inference& inference) {
  auto x = inference.input(0);
  const auto blocks = blocks_of(inference);
  if (!x || x->size() != 4 || !blocks || (*x)[1].value < 0 || (*x)[2].value < 0 ||
      (*x)[3].value < 0) {
    return std::nullopt;
  }
  (*x)[1].value *= blocks->size[0];
  (*x)[2].value *= blocks->size[1];
  (*x)[3].value /= blocks->count();
  return x;
}

}  // namespace

std::vector<Description> image_operators() {
  std::vector<Description> all;
  for (const auto element : {kUnsigned, kSigned}) {
    const std::vector<InputKind> inputs = {{element}};
    all.push_back({.name = "NhwcMaxPool",
                   .inputs = inputs,
                   .output = element,
                   .create = element == kSigned ? create_pool<true> : create_pool<false>,
                   .infer = infer_pool});
    all.push_back({.name = "NhwcUpsample",
                   .inputs = inputs,
                   .output = element,
                   .create = create_picks<upsample_of<Node>>,
                   .infer = infer_picks<upsample_of<Inference>>});
    all.push_back({.name = "NhwcSlice",
                   .inputs = inputs,
                   .output = element,
                   .create = create_picks<slice_of<Node>>,
                   .infer = infer_picks<slice_of<Inference>>});
    all.push_back({.name = "NhwcDepthToSpace",
                   .inputs = inputs,
                   .output = element,
                   .create = create_depth_to_space,
                   .infer = infer_depth_to_space});
  }
  return all;
}

}  // namespace tessera::kernels
