// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "calibrate/collector.h"

#include <algorithm>
#include <map>
#include <new>
#include <string_view>

namespace tessera::calibrate {
namespace {

constexpr std::size_t kChunk = 16384;  // elements converted at a time

}  // namespace

Collector::Collector(const Plan& plan, const CalibrateOptions& options, std::size_t parts)
    : plan_(plan), by_channel_(options.channels), estimators_(parts), channels_(parts) {
  for (std::size_t part = 0; part < parts; ++part) {
    channels_[part].resize(plan.measured.size());
    estimators_[part].reserve(plan.measured.size());
    for (std::size_t i = 0; i < plan.measured.size(); ++i) {
      estimators_[part].emplace_back(options.estimator);
    }
  }
  for (std::size_t i = 0; i < plan.measured.size(); ++i) {
    if (plan.measured[i].place == Place::kTap) {
      tapped_.push_back(i);
    }
  }
}

Result<std::unique_ptr<Collector>> Collector::open(
    const network::SessionSource& tapped, const std::shared_ptr<const runtime::Library>& library,
    const Plan& plan, const CalibrateOptions& options, std::size_t parts) {
  std::unique_ptr<Collector> collector(new Collector(plan, options, parts));
  runtime::SessionOptions session;
  session.opt_level = options.as_written ? runtime::OptLevel::kDisabled : runtime::OptLevel::kAll;
  session.tap = collector.get();
  auto opened = tapped.open(library, session);
  if (!opened) {
    // A model that the runtime's optimizer stumbles over still runs as it is.
    session.opt_level = runtime::OptLevel::kDisabled;
    opened = tapped.open(library, session);
  }
  if (!opened) {
    return tl::unexpected(std::move(opened).error());
  }
  collector->session_ = *std::move(opened);
  collector->find_outputs();
  return collector;
}

void Collector::find_outputs() {
  std::map<std::string_view, std::size_t> places;
  for (std::size_t i = 0; i < session_->outputs().size(); ++i) {
    places.emplace(session_->outputs()[i].name, i);
  }
  for (std::size_t i = 0; i < plan_.measured.size(); ++i) {
    const auto place = places.find(plan_.measured[i].tensor);
    if (plan_.measured[i].place == Place::kOutput && place != places.end()) {
      outputs_.emplace_back(i, place->second);
    }
  }
}

Status Collector::run(const data::Sample& sample, std::int64_t order, std::size_t part) {
  sample_ = &sample;
  order_ = order;
  part_ = part;
  std::vector<runtime::Feed> feeds;
  feeds.reserve(sample.tensors.size());
  for (const NamedTensor& tensor : sample.tensors) {
    feeds.push_back({tensor.name, tensor.tensor.view()});
  }
  for (std::size_t i = 0; i < plan_.measured.size(); ++i) {
    if (plan_.measured[i].place != Place::kInput) {
      break;  // inputs come first
    }
    const auto fed = std::find_if(sample.tensors.begin(), sample.tensors.end(), [&](const auto& t) {
      return t.name == plan_.measured[i].tensor;
    });
    if (fed != sample.tensors.end()) {
      look_at(i, fed->tensor.view());
    }
  }
  TESSERA_TRY(const runtime::Outputs outputs, session_->run(feeds).map_error(in_file(sample.name)));
  for (const auto& [measured, output] : outputs_) {
    look_at(measured, outputs[output]);
  }
  if (out_of_memory_) {
    return fail(ErrorCode::kResourceExhausted, "out of memory at sample '{}'", sample.name)
        .hint("use fewer --threads, or a machine with more memory");
  }
  return {};
}

void Collector::visit(std::int64_t tag, DType dtype, std::span<const std::int64_t> shape,
                      std::span<std::byte> data) noexcept {
  try {
    look_at(tapped_[static_cast<std::size_t>(tag)], {dtype, shape, data});
  } catch (const std::bad_alloc&) {
    out_of_memory_ = true;
  }
}

void Collector::look_at(std::size_t measured, const TensorView& values) {
  numerics::RangeEstimator& estimator = estimators_[part_][measured];
  const auto [dtype, shape, bytes] = values;
  if (dtype == DType::kFloat32) {
    const std::span floats(reinterpret_cast<const float*>(bytes.data()),
                           bytes.size() / sizeof(float));
    estimator.add(floats, order_, scratch_);
    if (by_channel_ && plan_.measured[measured].channels) {
      channels_[part_][measured].add(floats, shape);
    }
  } else if (const int bits = bits_of(dtype); bits > 0) {
    const std::size_t chunk_bytes = kChunk * static_cast<std::size_t>(bits) / 8;
    for (std::size_t at = 0; at < bytes.size(); at += chunk_bytes) {
      const auto part = bytes.subspan(at, std::min(chunk_bytes, bytes.size() - at));
      const std::int64_t count = std::ssize(part) * 8 / bits;
      if (auto converted = to_float32({dtype, std::span(&count, 1), part})) {
        estimator.add(*converted, order_, scratch_);
      }
    }
  }
  if (!first_nan_ && estimator.nan_count() > 0) {
    first_nan_ = {order_, sample_->name, measured};
  }
}

}  // namespace tessera::calibrate
