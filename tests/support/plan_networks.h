// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>

#include "support/plan_instances.h"

/// Problems of the shape of real networks.
namespace tessera::plan {

/// Machines that compute and send, in rising order of speed; the client is the first.
struct Machines {
  std::size_t count = 3;
  std::size_t precisions = 4;  ///< the first half of them hand floats over, the others integers
};

inline std::size_t states_of(const Machines& machines) {
  return machines.count * machines.precisions;
}

/// Where a tensor is and in which of the two formats.
inline Class class_of(const Machines& machines, std::size_t state) {
  const auto machine = state / machines.precisions;
  const auto is_integer = state % machines.precisions >= machines.precisions / 2;
  return static_cast<Class>(machine * 2 + (is_integer ? 1 : 0));
}

/// Adds operators and tensors the way a detector's layers hang together.
class NetworkMaker {
 public:
  NetworkMaker(Machines machines, std::uint64_t seed) : machines_(machines), random_(seed) {}

  /// An operator of about so much work that reads these; its number.
  std::size_t op(const std::vector<std::size_t>& inputs, double work_ms, double kib) {
    const auto number = problem_.variables.size();
    Variable variable{std::to_string(number), {}};
    const auto work = work_ms * 1e6 * (0.3 + 1.4 * random_.uniform());
    for (std::size_t state = 0; state < states_of(machines_); ++state) {
      const auto machine = static_cast<double>(state / machines_.precisions);
      const auto precision = static_cast<double>(state % machines_.precisions);
      const auto speed = std::pow(4.0, machine) * (1 + 0.6 * precision);
      variable.cost_ns.push_back(
          static_cast<std::int64_t>(work / speed * (0.85 + 0.3 * random_.uniform())));
    }
    problem_.variables.push_back(std::move(variable));
    kib_.push_back(kib * (0.5 + random_.uniform()));
    readers_.emplace_back();
    for (const auto input : inputs) {
      readers_[input].push_back(number);
    }
    return number;
  }

  Random& random() { return random_; }

  Problem finish() {
    for (std::size_t i = 0; i < readers_.size(); ++i) {
      if (!readers_[i].empty()) {
        problem_.tensors.push_back(tensor_of(i));
      }
    }
    return std::move(problem_);
  }

 private:
  Tensor tensor_of(std::size_t producer) {
    Tensor tensor;
    tensor.name = std::to_string(producer);
    tensor.producer = producer;
    tensor.from_classes = tensor.to_classes = machines_.count * 2;
    for (std::size_t s = 0; s < states_of(machines_); ++s) {
      tensor.producer_classes.push_back(class_of(machines_, s));
    }
    for (const auto reader : readers_[producer]) {
      tensor.consumers.push_back({reader, tensor.producer_classes});
    }
    // 20 KiB a ms between neighbours, half of it for each machine further; integers are a fourth.
    for (std::size_t from = 0; from < tensor.from_classes; ++from) {
      for (std::size_t to = 0; to < tensor.to_classes; ++to) {
        const auto hops = std::abs(static_cast<double>(from / 2) - static_cast<double>(to / 2));
        const auto kib = kib_[producer];
        const double convert = from % 2 == to % 2 ? 0 : kib * 500 * std::pow(4.0, -hops);
        const double send = hops == 0 ? 0 : 2e5 + hops * (from % 2 == 1 ? kib / 4 : kib) * 5e4;
        tensor.cost_ns.push_back(static_cast<std::int64_t>(convert + send));
      }
    }
    return tensor;
  }

  Machines machines_;
  Random random_;
  Problem problem_;
  std::vector<double> kib_;
  std::vector<std::vector<std::size_t>> readers_;
};

/// A convolution as exporters write it: Conv, Sigmoid, Mul; the last one's number.
inline std::size_t convolution(NetworkMaker& maker, std::size_t input, double work, double kib) {
  const auto conv = maker.op({input}, work, kib);
  const auto sigmoid = maker.op({conv}, work / 20, kib);
  return maker.op({conv, sigmoid}, work / 20, kib);
}

/// Two halves, `depth` residual bottlenecks behind the second, all of them put together again.
inline std::size_t cross_stage(NetworkMaker& maker, std::size_t input, int depth, double work,
                               double kib) {
  const auto split = convolution(maker, input, work, kib);
  std::vector<std::size_t> kept{maker.op({split}, work / 50, kib / 2)};
  auto last = maker.op({split}, work / 50, kib / 2);
  kept.push_back(last);
  for (int d = 0; d < depth; ++d) {
    const auto inner = convolution(maker, convolution(maker, last, work, kib / 2), work, kib / 2);
    last = maker.op({last, inner}, work / 50, kib / 2);
    kept.push_back(last);
  }
  return convolution(maker, maker.op(kept, work / 50, kib), work, kib);
}

/// Backbone, pyramid and three heads with masks, as YOLO segmentation networks have them;
/// 622 operators and 931 edges, or some `repeats` times as many.
inline Problem segmentation_network(const Machines& machines, std::uint64_t seed, int repeats = 1) {
  constexpr int kDepth = 6;
  NetworkMaker maker(machines, seed);
  auto x = maker.op({}, 0.01, 1200);
  std::vector<std::size_t> levels;
  double kib = 1600;
  for (int level = 0; level < 5; ++level, kib /= 2) {
    x = convolution(maker, x, 6, kib);
    if (level > 0) {
      for (int repeat = 0; repeat < repeats; ++repeat) {
        x = cross_stage(maker, x, kDepth * (level == 2 || level == 3 ? 2 : 1), 4, kib);
      }
    }
    if (level > 1) {
      levels.push_back(x);
    }
  }
  const auto pool = convolution(maker, x, 3, kib);
  const auto pool1 = maker.op({pool}, 0.3, kib);
  const auto pool2 = maker.op({pool1}, 0.3, kib);
  const auto pool3 = maker.op({pool2}, 0.3, kib);
  levels[2] = convolution(maker, maker.op({pool, pool1, pool2, pool3}, 0.2, kib), 3, kib);
  const auto stages = [&](std::size_t at, double size) {
    for (int repeat = 0; repeat < repeats; ++repeat) {
      at = cross_stage(maker, at, kDepth, 4, size);
    }
    return at;
  };
  const auto up = [&](std::size_t from, std::size_t with, double size) {
    const auto larger = maker.op({from}, 0.2, size);
    return stages(maker.op({larger, with}, 0.2, size), size);
  };
  const auto down = [&](std::size_t from, std::size_t with, double size) {
    const auto smaller = convolution(maker, from, 4, size);
    return stages(maker.op({smaller, with}, 0.2, size), size);
  };
  const auto middle = up(levels[2], levels[1], kib * 2);
  const auto fine = up(middle, levels[0], kib * 4);
  const auto medium = down(fine, middle, kib * 2);
  const auto coarse = down(medium, levels[2], kib);
  std::vector<std::size_t> boxes;
  std::vector<std::size_t> masks;
  for (const auto level : {fine, medium, coarse}) {
    std::vector<std::size_t> parts;
    for (int head = 0; head < 3; ++head) {
      auto h = convolution(maker, convolution(maker, level, 3, 100), 3, 100);
      h = maker.op({h}, 1, 50);
      (head < 2 ? parts : masks).push_back(maker.op({h}, 0.02, 50));
    }
    boxes.push_back(maker.op(parts, 0.05, 100));
  }
  const auto all = maker.op(boxes, 0.1, 300);
  const auto scores = maker.op({maker.op({all}, 0.05, 200)}, 0.1, 200);
  const auto corners = maker.op({maker.op({all}, 0.05, 100)}, 0.3, 100);
  const auto coefficients = maker.op(masks, 0.1, 100);
  maker.op({scores, corners, coefficients}, 0.1, 300);
  const auto prototypes = convolution(maker, convolution(maker, fine, 8, 800), 8, 800);
  maker.op({convolution(maker, prototypes, 4, 400)}, 0.1, 400);
  return maker.finish();
}

/// What rounding adds to the error: integers most, floats of 16 bits little. Pairs of operators in
/// integers add less than both alone (or more). The bound is `share` of all in integers.
inline Limit error_limit(const Problem& problem, const Machines& machines, std::size_t pairs,
                         double share, std::uint64_t seed) {
  Random random(seed);
  Limit limit{.name = "error", .unit = "1e-9"};
  std::vector<std::int64_t> errors;
  double all = 0;
  std::vector<std::uint8_t> integers;
  for (std::size_t s = 0; s < states_of(machines); ++s) {
    if (class_of(machines, s) % 2 == 1) {
      integers.push_back(static_cast<std::uint8_t>(s));
    }
  }
  for (std::size_t i = 0; i < problem.variables.size(); ++i) {
    const auto error = std::exp(1.2 * random.normal()) * 4e5;
    errors.push_back(static_cast<std::int64_t>(error));
    for (std::size_t s = 0; s < states_of(machines); ++s) {
      const auto precision = s % machines.precisions;
      const double part = precision == 0                         ? 0
                          : class_of(machines, s) % 2 == 0       ? 0.03
                          : precision + 1 == machines.precisions ? 1.0
                                                                 : 0.7;
      limit.states.push_back(
          {i, static_cast<std::uint8_t>(s), static_cast<std::int64_t>(error * part)});
    }
    all += error;
  }
  for (std::size_t k = 0; k < pairs; ++k) {
    const auto first = random.below(problem.variables.size());
    const auto second =
        (first + 1 + random.below(problem.variables.size() - 1)) % problem.variables.size();
    const auto less = static_cast<double>(std::min(errors[first], errors[second]));
    const auto amount = less * (random.below(4) == 0 ? 0.3 : -0.6) * random.uniform();
    limit.pairs.push_back({first, second, integers, integers, static_cast<std::int64_t>(amount)});
  }
  limit.bound = static_cast<std::int64_t>(all * share);
  return limit;
}

/// What one machine may hold of weights.
inline Limit memory_limit(const Problem& problem, const Machines& machines, std::size_t machine,
                          double share, std::uint64_t seed) {
  Random random(seed);
  Limit limit{.name = "memory", .unit = "B"};
  double all = 0;
  for (std::size_t i = 0; i < problem.variables.size(); ++i) {
    const auto bytes = std::exp(1.5 * random.normal()) * 1e5;
    for (std::size_t p = 0; p < machines.precisions; ++p) {
      const auto state = machine * machines.precisions + p;
      const auto part = p == 0 ? 1.0 : p < machines.precisions / 2 ? 0.5 : 0.25;
      limit.states.push_back(
          {i, static_cast<std::uint8_t>(state), static_cast<std::int64_t>(bytes * part)});
    }
    all += bytes;
  }
  limit.bound = static_cast<std::int64_t>(all * share);
  return limit;
}

}  // namespace tessera::plan
