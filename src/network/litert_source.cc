// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "network/litert_source.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <utility>
#include <vector>

#include "tessera/runtime/backend.h"
#include "tessera/runtime/litert.h"

namespace tessera::network {
namespace {

using graph::OpKind;
using runtime::KernelRole;

KernelRole role_of(const graph::Op& op) {
  switch (op.kind) {
    case OpKind::kQuantize:
      return KernelRole::kQuantize;
    case OpKind::kDequantize:
      return KernelRole::kDequantize;
    case OpKind::kCast:
      return KernelRole::kCast;
    default:
      break;
  }
  if (op.arithmetic != graph::Arithmetic::kInteger &&
      op.arithmetic != graph::Arithmetic::kDynamic) {
    return KernelRole::kFloat;
  }
  return graph::is_sum_of_products(op.kind) ? KernelRole::kIntegerProduct : KernelRole::kInteger;
}

/// Kernel times with the operators' handles where the library has their places in the file.
class WithHandles final : public runtime::SessionBackend {
 public:
  WithHandles(runtime::Session session, std::vector<std::uint32_t> handles)
      : session_(std::move(session)), handles_(std::move(handles)) {}

  const std::vector<runtime::ValueInfo>& inputs() const noexcept override {
    return session_.inputs();
  }
  const std::vector<runtime::ValueInfo>& outputs() const noexcept override {
    return session_.outputs();
  }
  Result<runtime::Outputs> run(std::span<const TensorView> tensors) override {
    return session_.backend().run(tensors);
  }
  Result<std::vector<runtime::KernelTime>> end_profile() override {
    TESSERA_TRY(auto kernels, session_.backend().end_profile());
    for (auto& kernel : kernels) {
      for (auto* places : {&kernel.sources, &kernel.behind}) {
        for (auto& place : *places) {
          place = handles_.at(place);
        }
      }
    }
    return kernels;
  }

 private:
  runtime::Session session_;
  std::vector<std::uint32_t> handles_;  ///< by place in the file
};

class LitertSource final : public SessionSource {
 public:
  LitertSource(std::string bytes, runtime::LitertModel known, std::vector<std::uint32_t> handles)
      : bytes_(std::move(bytes)), known_(std::move(known)), handles_(std::move(handles)) {}

  Result<runtime::Session> open(std::shared_ptr<const runtime::Library> library,
                                const runtime::SessionOptions& options) const override {
    TESSERA_TRY(auto session, runtime::open_litert(std::move(library), bytes_, options, known_));
    if (!options.profile) {
      return session;
    }
    return runtime::Session(std::make_unique<WithHandles>(std::move(session), handles_));
  }

  Result<runtime::SessionMemory> memory(std::shared_ptr<const runtime::Library> /*library*/,
                                        const runtime::SessionOptions& /*options*/,
                                        std::span<const runtime::Feed> /*feeds*/) const override {
    return fail(ErrorCode::kUnimplemented, "LiteRT does not tell what a session takes");
  }

  std::int64_t size_bytes() const noexcept override { return std::ssize(bytes_); }

 private:
  std::string bytes_;
  runtime::LitertModel known_;
  std::vector<std::uint32_t> handles_;
};

}  // namespace

Result<SessionSourcePtr> litert_source(const litert::Model& model, const graph::Graph& graph,
                                       std::span<const std::string> taps,
                                       const litert::AssumedShapes& extents) {
  const auto& subgraph = model.content().subgraphs.front();
  runtime::LitertModel known{.tensors = litert::value_names(subgraph)};
  std::map<std::uint32_t, const graph::Op*> ops;
  for (const auto& op : graph.ops()) {
    ops.emplace(op.source, &op);
  }
  std::vector<std::uint32_t> handles;
  for (const auto& written : subgraph.operators) {
    const auto& op = *ops.at(written.id);
    known.operators.push_back({op.name, op.type, role_of(op)});
    handles.push_back(written.id);
  }
  for (const auto& tap : taps) {
    const auto found = std::find(known.tensors.begin(), known.tensors.end(), tap);
    if (found == known.tensors.end()) {
      return fail(ErrorCode::kInternal, "no value '{}' to look at", tap);
    }
    known.taps.push_back(static_cast<std::int32_t>(found - known.tensors.begin()));
  }
  for (const auto& [input, dims] : extents) {
    auto& shape = known.shapes[input];
    for (const auto& dim : dims) {
      shape.push_back(dim.known() ? dim.value : 1);
    }
  }
  TESSERA_TRY(auto bytes, model.serialize());
  return std::make_unique<const LitertSource>(std::move(bytes), std::move(known),
                                              std::move(handles));
}

}  // namespace tessera::network
