// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "network/litert_source.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <map>
#include <numeric>
#include <optional>
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

bool is_hybrid(const graph::Op& op) {
  return op.arithmetic == graph::Arithmetic::kDynamic && role_of(op) == KernelRole::kIntegerProduct;
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
        // What was added to the file's operators stands behind them, and is none of the network's.
        std::erase_if(*places, [&](std::uint32_t place) { return place >= handles_.size(); });
        for (auto& place : *places) {
          place = handles_[place];
        }
      }
    }
    return kernels;
  }

 private:
  runtime::Session session_;
  std::vector<std::uint32_t> handles_;  ///< by place in the file
};

bool is_known(const ValueType& type) {
  return type.shape && std::ranges::all_of(*type.shape, [](const Dim& dim) { return dim.known(); });
}

/// With 1 for extents of inputs that nobody knows, as a session takes them.
std::vector<ValueType> types_that_run(const litert::Content& content,
                                      const litert::AssumedShapes& extents) {
  const auto& network = content.subgraphs.front();
  const auto declared = litert::declared_types(content, network);
  const auto names = litert::value_names(network);
  litert::AssumedShapes all;
  for (const auto input : network.inputs) {
    const auto place = static_cast<std::size_t>(input);
    const auto found = extents.find(names[place]);
    auto dims =
        found != extents.end() ? found->second : declared[place].shape.value_or(std::vector<Dim>());
    for (auto& dim : dims) {
      dim = dim.known() ? dim : Dim{1, {}};
    }
    all.emplace(names[place], std::move(dims));
  }
  return litert::types_of(content, all);
}

/// For a value that lies apart LiteRT takes memory of its own, and leaves what the caller gave it
/// for an output as it is. What passes by one more operator comes out: a transposition that moves
/// nothing. Its extents have to be known, which scalars have none of.
class HandedOut {
 public:
  HandedOut(litert::Content& content, runtime::LitertModel& known)
      : content_(content), network_(content.subgraphs.front()), known_(known) {}

  void add(const std::vector<ValueType>& types) {
    const auto apart = litert::tensors_apart(content_);
    for (auto& output : network_.outputs) {
      const auto place = static_cast<std::size_t>(output);
      const bool is_number = litert::bits_of(network_.tensors[place].type) >= 8;
      if (apart[place] && is_number && is_known(types[place]) && !types[place].shape->empty()) {
        const auto copied = copy_of(output);
        rename(output, copied);
        output = copied;
      }
    }
  }

 private:
  std::int32_t copy_of(std::int32_t output) {
    const auto place = static_cast<std::size_t>(output);
    auto tensor = network_.tensors[place];
    const auto rank = tensor.shape->size();
    const auto result = network_.add_tensor(std::move(tensor));
    std::vector<std::int32_t> order(rank);
    std::iota(order.begin(), order.end(), 0);
    std::vector<std::byte> bytes(order.size() * sizeof(order.front()));
    std::memcpy(bytes.data(), order.data(), bytes.size());
    litert::Tensor axes{.has_rank = true, .type = litert::ElementType::kInt32, .name = "axes"};
    axes.shape = {static_cast<std::int32_t>(rank)};
    axes.buffer = content_.add_buffer(litert::Data(std::move(bytes)));
    const auto by = network_.add_tensor(std::move(axes));
    constexpr std::uint8_t kTransposeOptions = 26;
    const bool is_float = network_.tensors[place].type == litert::ElementType::kFloat32;
    network_.add_operator(
        {.code =
             content_.code_of({.code = litert::Builtin::kTranspose, .version = is_float ? 1 : 2}),
         .inputs = {output, by},
         .outputs = {result},
         .options = litert::Options(litert::TableUnion::kOptions, kTransposeOptions)});
    known_.tensors.push_back(known_.tensors[place]);
    known_.tensors.push_back("axes");
    known_.operators.push_back(
        {known_.tensors[place] + " (handed out)", "TRANSPOSE", KernelRole::kReorder});
    return result;
  }

  void rename(std::int32_t output, std::int32_t copied) {
    for (auto& signature : content_.signatures) {
      for (auto& value : signature.outputs) {
        if (signature.subgraph == 0 && std::cmp_equal(value.tensor, output)) {
          value.tensor = static_cast<std::uint32_t>(copied);
        }
      }
    }
  }

  litert::Content& content_;
  litert::Subgraph& network_;
  runtime::LitertModel& known_;
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
  for (const auto& name : known.tensors) {
    const auto value = graph.find_tensor(name);
    known.quantization.push_back(value ? graph.tensor(*value).quantization : std::nullopt);
  }
  std::map<std::uint32_t, const graph::Op*> ops;
  for (const auto& op : graph.ops()) {
    ops.emplace(op.source, &op);
  }
  std::vector<std::uint32_t> handles;
  for (const auto& written : subgraph.operators) {
    const auto& op = *ops.at(written.id);
    known.operators.push_back({op.name, op.type, role_of(op), is_hybrid(op)});
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
  auto run = model;
  HandedOut(run.content(), known).add(types_that_run(run.content(), extents));
  TESSERA_TRY(auto bytes, run.serialize());
  return std::make_unique<const LitertSource>(std::move(bytes), std::move(known),
                                              std::move(handles));
}

}  // namespace tessera::network
