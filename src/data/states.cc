// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "data/states.h"

#include <algorithm>
#include <bit>

#include "tessera/core/host.h"

namespace tessera::data {
namespace {

/// Bit a: open extents at axis a of a state start as 0 instead of the batch.
using EmptyAxes = std::uint32_t;
constexpr std::size_t kMostAxes = 8;

class Recorder {
 public:
  explicit Recorder(const Steps& steps) : steps_(steps) {
    for (const auto& link : *steps.links) {
      const auto& inputs = *steps.inputs;
      const auto found = std::find_if(inputs.begin(), inputs.end(), [&](const InputSpec& input) {
        return input.name == link.input;
      });
      states_.push_back(static_cast<std::size_t>(found - inputs.begin()));
    }
  }

  /// The states before step `row`, given those after the one before it.
  Result<std::vector<Tensor>> before(std::int64_t row, std::vector<Tensor> carried) {
    if (!steps_.first->starts_sequence(row)) {
      return carried;
    }
    TESSERA_TRY(auto sample, load(row));
    if (!empty_axes_) {
      TESSERA_TRY(empty_axes_, choose_empty_axes(row, sample));
    }
    return initial(row, sample, *empty_axes_);
  }

  /// The states after it.
  Result<std::vector<Tensor>> after(std::int64_t row, const std::vector<Tensor>& states) const {
    TESSERA_TRY(auto sample, load(row));
    return run(std::move(sample), states);
  }

 private:
  [[nodiscard]] const InputSpec& spec(std::size_t link) const {
    return (*steps_.inputs)[states_[link]];
  }

  /// A sample without its states.
  [[nodiscard]] Result<Sample> load(std::int64_t row) const {
    Sample sample;
    sample.name = steps_.first->name(row);
    for (std::size_t i = 0; i < steps_.inputs->size(); ++i) {
      const auto& column = (*steps_.columns)[i];
      Tensor tensor;
      if (column != nullptr) {
        TESSERA_TRY(tensor, column->load(row));
      }
      sample.tensors.push_back({(*steps_.inputs)[i].name, std::move(tensor)});
    }
    return sample;
  }

  [[nodiscard]] Result<std::vector<Tensor>> run(Sample sample,
                                                const std::vector<Tensor>& states) const {
    for (std::size_t k = 0; k < states_.size(); ++k) {
      sample.tensors[states_[k]].tensor = states[k];
    }
    TESSERA_TRY(auto outputs, (*steps_.run)(sample).map_error(in_file(sample.name)));
    for (std::size_t k = 0; k < outputs.size(); ++k) {
      const auto what = fmt::format("{}: output '{}'", sample.name, (*steps_.links)[k].output);
      if (!fits(outputs[k].shape(), spec(k))) {
        return fail(ErrorCode::kInvalidArgument, "{} is {}; state '{}' wants {}", what,
                    to_string(outputs[k].shape()), spec(k).name, shape_text(spec(k).shape))
            .hint("--state OUT=IN: the output must have the shape of the input");
      }
      TESSERA_TRY(outputs[k], finish(std::move(outputs[k]), spec(k), what));
    }
    return outputs;
  }

  /// As the archive says, else zeros.
  [[nodiscard]] Result<std::vector<Tensor>> initial(std::int64_t row, const Sample& sample,
                                                    EmptyAxes empty) const {
    std::vector<Tensor> states;
    for (std::size_t k = 0; k < states_.size(); ++k) {
      const auto& wanted = spec(k);
      TESSERA_TRY(auto given, steps_.first->beside(row, wanted.name + "0"));
      if (!given) {
        states.emplace_back(wanted.dtype, initial_shape(wanted, batch_of(sample), empty));
        continue;
      }
      const auto what = fmt::format("{}: array '{}0'", sample.name, wanted.name);
      if (!fits(given->shape(), wanted)) {
        return fail(ErrorCode::kInvalidArgument, "{} is {}; input '{}' wants {}", what,
                    to_string(given->shape()), wanted.name, shape_text(wanted.shape))
            .hint("an initial state has the shape of the model's input");
      }
      TESSERA_TRY(auto state, finish(*std::move(given), wanted, what));
      states.push_back(std::move(state));
    }
    return states;
  }

  [[nodiscard]] static Shape initial_shape(const InputSpec& wanted, std::int64_t batch,
                                           EmptyAxes empty) {
    auto shape = wanted.shape;
    for (std::size_t axis = 0; axis < shape.size(); ++axis) {
      if (shape[axis] < 0) {
        shape[axis] = (empty >> axis & 1u) != 0 ? 0 : batch;
      }
    }
    return shape;
  }

  /// First extent of the first input that leaves it open.
  [[nodiscard]] std::int64_t batch_of(const Sample& sample) const {
    for (std::size_t i = 0; i < steps_.inputs->size(); ++i) {
      const auto& shape = (*steps_.inputs)[i].shape;
      if ((*steps_.columns)[i] != nullptr && !shape.empty() && shape[0] < 0) {
        return sample.tensors[i].tensor.shape()[0];
      }
    }
    return 1;
  }

  /// Open axes of states; the first is the batch.
  [[nodiscard]] EmptyAxes open_axes() const {
    EmptyAxes open = 0;
    for (std::size_t k = 0; k < states_.size(); ++k) {
      const auto& shape = spec(k).shape;
      for (std::size_t axis = 1; axis < std::min(shape.size(), kMostAxes); ++axis) {
        open |= shape[axis] < 0 ? EmptyAxes{1} << axis : 0;
      }
    }
    return open;
  }

  /// An open extent of a state is a batch somewhere inside, or the length of a cache. A cache is
  /// known by its growing, and starts empty.
  Result<EmptyAxes> choose_empty_axes(std::int64_t row, const Sample& sample) const {
    const auto open = open_axes();
    std::vector<EmptyAxes> choices;
    for (EmptyAxes axes = 0; axes <= open; ++axes) {
      if ((axes & ~open) == 0) {
        choices.push_back(axes);
      }
    }
    std::stable_sort(choices.begin(), choices.end(),
                     [](EmptyAxes a, EmptyAxes b) { return std::popcount(a) < std::popcount(b); });
    std::optional<Error> first_error;
    for (const auto axes : choices) {
      TESSERA_TRY(const auto states, initial(row, sample, axes));
      const auto next = run(sample, states);
      if (!next) {
        first_error = first_error ? first_error : next.error();
        continue;
      }
      const auto grown = axes | growing_axes(states, *next);
      if (grown != axes) {
        TESSERA_TRY(const auto smaller, initial(row, sample, grown));
        return run(sample, smaller) ? grown : axes;
      }
      return axes;
    }
    first_error->hint = fmt::format(
        "say how the states start: an array '{}0' beside the data in an .npz archive, or extents "
        "for open dimensions with --dim",
        spec(0).name);
    return tl::unexpected(*std::move(first_error));
  }

  [[nodiscard]] EmptyAxes growing_axes(const std::vector<Tensor>& before,
                                       const std::vector<Tensor>& after) const {
    EmptyAxes grown = 0;
    for (std::size_t k = 0; k < before.size(); ++k) {
      const auto& shape = spec(k).shape;
      for (std::size_t axis = 1; axis < std::min(shape.size(), kMostAxes); ++axis) {
        if (shape[axis] < 0 && after[k].shape()[axis] > before[k].shape()[axis]) {
          grown |= EmptyAxes{1} << axis;
        }
      }
    }
    return grown;
  }

  const Steps& steps_;
  std::vector<std::size_t> states_;  ///< inputs, by link
  std::optional<EmptyAxes> empty_axes_;
};

std::int64_t bytes_of_all(const std::vector<Tensor>& tensors) {
  std::int64_t bytes = 0;
  for (const auto& tensor : tensors) {
    bytes += std::ssize(tensor.bytes());
  }
  return bytes;
}

}  // namespace

Result<std::vector<std::unique_ptr<Column>>> record_states(const Steps& steps,
                                                           const std::vector<std::int64_t>& wanted,
                                                           Monitor& monitor) {
  constexpr std::int64_t kLeastBytes = std::int64_t{256} << 20;
  const auto most_bytes = std::max(describe_host().memory_bytes / 4, kLeastBytes);
  const auto last = wanted.back();
  const auto links = steps.links->size();
  std::vector<std::vector<std::optional<Tensor>>> recorded(links);
  for (auto& column : recorded) {
    column.resize(static_cast<std::size_t>(steps.first->size()));
  }
  Recorder recorder(steps);
  std::vector<Tensor> states;
  std::int64_t bytes = 0;
  auto next = wanted.begin();
  for (std::int64_t row = 0; row <= last; ++row) {
    TESSERA_CHECK(monitor.check());
    TESSERA_TRY(states, recorder.before(row, std::move(states)));
    if (*next == row) {
      ++next;
      bytes += bytes_of_all(states);
      for (std::size_t k = 0; k < links; ++k) {
        recorded[k][static_cast<std::size_t>(row)] = states[k];
      }
    }
    if (bytes > most_bytes) {
      return fail(ErrorCode::kResourceExhausted,
                  "the states of {} steps take more than a quarter of the memory", row + 1)
          .hint("take fewer steps with --samples");
    }
    if (row < last) {
      TESSERA_TRY(states, recorder.after(row, states));
    }
    monitor.progress("states", row + 1, last + 1);
  }
  std::vector<std::unique_ptr<Column>> columns;
  for (auto& column : recorded) {
    columns.push_back(recorded_column(std::move(column)));
  }
  return columns;
}

}  // namespace tessera::data
