// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "network/onnx_kernels.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "tessera/runtime/backend.h"

namespace tessera::network {
namespace {

using runtime::KernelRole;

struct Named {
  std::string_view type;
  KernelRole role;
  bool hybrid = false;  ///< KernelTime::hybrid_products
};
constexpr std::array kRoles = {Named{"QLinearConv", KernelRole::kIntegerProduct},
                               Named{"QLinearMatMul", KernelRole::kIntegerProduct},
                               Named{"QGemm", KernelRole::kIntegerProduct},
                               Named{"QAttention", KernelRole::kIntegerProduct},
                               Named{"QOrderedMatMul", KernelRole::kIntegerProduct},
                               Named{"ConvInteger", KernelRole::kIntegerProduct, true},
                               Named{"MatMulInteger", KernelRole::kIntegerProduct, true},
                               Named{"MatMulIntegerToFloat", KernelRole::kIntegerProduct, true},
                               Named{"DynamicQuantizeMatMul", KernelRole::kIntegerProduct, true},
                               Named{"DynamicQuantizeLSTM", KernelRole::kIntegerProduct, true},
                               Named{"MatMulNBits", KernelRole::kIntegerProduct, true},
                               Named{"QEmbedLayerNormalization", KernelRole::kInteger},
                               Named{"MatMulInteger16", KernelRole::kInteger},
                               Named{"NhwcDepthToSpace", KernelRole::kInteger},
                               Named{"NhwcMaxPool", KernelRole::kInteger},
                               Named{"NhwcSlice", KernelRole::kInteger},
                               Named{"NhwcUpsample", KernelRole::kInteger},
                               Named{"Lookup", KernelRole::kInteger},
                               Named{"QuantizeLinear", KernelRole::kQuantize},
                               Named{"DynamicQuantizeLinear", KernelRole::kDynamicQuantize},
                               Named{"DequantizeLinear", KernelRole::kDequantize},
                               Named{"Cast", KernelRole::kCast},
                               Named{"ReorderInput", KernelRole::kReorder},
                               Named{"ReorderOutput", KernelRole::kReorder},
                               Named{"Transpose", KernelRole::kReorder},
                               Named{"MemcpyToHost", KernelRole::kCopy},
                               Named{"MemcpyFromHost", KernelRole::kCopy}};

const Named* find_named(std::string_view kernel_type) noexcept {
  const auto* const found = std::find_if(
      kRoles.begin(), kRoles.end(), [&](const Named& named) { return named.type == kernel_type; });
  return found == kRoles.end() ? nullptr : found;
}

constexpr std::string_view kTag = "tsr";
constexpr char kTagEnd = '.';

/// A tag in a kernel's name: where it stands, and whose it is.
struct Tag {
  std::size_t at = 0;
  std::size_t length = 0;
  std::size_t place = 0;
};

std::vector<Tag> tags_in(std::string_view name) {
  std::vector<Tag> tags;
  for (auto at = name.find(kTag); at != std::string_view::npos; at = name.find(kTag, at + 1)) {
    const auto digits = name.substr(at + kTag.size());
    std::uint32_t place = 0;
    const auto [end, problem] =
        std::from_chars(digits.data(), digits.data() + digits.size(), place);
    if (problem == std::errc() && end != digits.data() + digits.size() && *end == kTagEnd) {
      const auto length = kTag.size() + static_cast<std::size_t>(end - digits.data()) + 1;
      tags.push_back({at, length, place});
    }
  }
  return tags;
}

/// "conv1_nchwc", "x_token_12" -> "conv1", "x": what the runtime hangs on names it derives.
std::vector<std::string_view> stems(std::string_view name) {
  std::vector<std::string_view> found{name};
  for (bool cut = true; cut;) {
    cut = false;
    if (const auto token = name.rfind("_token_"); token != std::string_view::npos) {
      const auto digits = name.substr(token + 7);
      if (!digits.empty() &&
          std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; })) {
        name = name.substr(0, token);
        cut = true;
      }
    }
    if (name.ends_with("_nchwc")) {
      name.remove_suffix(6);
      cut = true;
    }
    if (cut) {
      found.push_back(name);
    }
  }
  return found;
}

class WithRoles final : public runtime::SessionBackend {
 public:
  WithRoles(runtime::Session session, std::optional<KernelSources> sources)
      : session_(std::move(session)), sources_(std::move(sources)) {}

  [[nodiscard]] const std::vector<runtime::ValueInfo>& inputs() const noexcept override {
    return session_.inputs();
  }
  [[nodiscard]] const std::vector<runtime::ValueInfo>& outputs() const noexcept override {
    return session_.outputs();
  }
  [[nodiscard]] Result<runtime::Outputs> run(std::span<const TensorView> tensors) override {
    return session_.backend().run(tensors);
  }
  [[nodiscard]] Result<std::vector<runtime::KernelTime>> end_profile() override {
    TESSERA_TRY(auto kernels, session_.end_profile());
    for (auto& kernel : kernels) {
      kernel.role = role_of(kernel.op_type);
      kernel.hybrid_products = is_hybrid(kernel.op_type) ? 1 : 0;
    }
    if (sources_) {
      sources_->fill(kernels);
    }
    return kernels;
  }

 private:
  runtime::Session session_;
  std::optional<KernelSources> sources_;
};

}  // namespace

KernelRole role_of(std::string_view kernel_type) noexcept {
  if (const auto* const found = find_named(kernel_type)) {
    return found->role;
  }
  return kernel_type.starts_with("QLinear") ? KernelRole::kInteger : KernelRole::kFloat;
}

bool is_hybrid(std::string_view kernel_type) noexcept {
  const auto* const found = find_named(kernel_type);
  return found != nullptr && found->hybrid;
}

std::vector<std::string> tag_operators(onnx::Model& model) {
  std::vector<std::string> names;
  for (const auto node : model.nodes()) {
    const auto& name = model.name(node);
    auto had = name.empty() ? model.op_type(node) : name;
    model.set_name(node, fmt::format("{}{}{}", kTag, names.size(), kTagEnd));
    names.push_back(std::move(had));
  }
  return names;
}

std::vector<std::size_t> tagged_operators(std::string_view kernel) {
  std::vector<std::size_t> places;
  for (const auto& tag : tags_in(kernel)) {
    places.push_back(tag.place);
  }
  return places;
}

std::string without_tags(std::string_view text, std::span<const std::string> names) {
  std::string result;
  std::size_t done = 0;
  for (const auto& tag : tags_in(text)) {
    if (tag.place < names.size()) {
      result += text.substr(done, tag.at - done);
      result += names[tag.place];
      done = tag.at + tag.length;
    }
  }
  result += text.substr(done);
  return result;
}

Result<KernelSources> KernelSources::make(const onnx::Model& model,
                                          std::vector<std::uint32_t> sources,
                                          std::vector<std::string> names,
                                          const graph::Graph* optimized) {
  KernelSources made;
  made.sources_ = std::move(sources);
  made.names_ = std::move(names);
  const auto nodes = model.nodes();
  if (nodes.size() != made.sources_.size()) {
    return fail(ErrorCode::kInternal, "{} operators were written, {} read", made.sources_.size(),
                nodes.size());
  }
  // In the order of the file, which is topological.
  for (std::size_t place = 0; place < nodes.size(); ++place) {
    auto source = made.sources_[place];
    const auto role = role_of(model.op_type(nodes[place]));
    if (role == KernelRole::kQuantize || role == KernelRole::kDequantize) {
      // A kernel that has a rounded value's name computes what was rounded.
      const auto rounded = made.source_of_.find(model.inputs(nodes[place]).front());
      source = rounded == made.source_of_.end() ? source : rounded->second;
    }
    for (const auto& output : model.outputs(nodes[place])) {
      made.source_of_.emplace(output, source);
    }
  }
  if (optimized != nullptr) {
    made.look_at(*optimized);
  }
  return made;
}

std::vector<std::uint32_t> KernelSources::by_name(std::string_view kernel,
                                                  std::string_view type) const {
  std::vector<std::uint32_t> sources;
  for (const auto place : tagged_operators(kernel)) {
    if (place < sources_.size() &&
        std::find(sources.begin(), sources.end(), sources_[place]) == sources.end()) {
      sources.push_back(sources_[place]);
    }
  }
  // The name of a conversion may be that of the value that it converts.
  if (!sources.empty() || is_conversion(role_of(type))) {
    return sources;
  }
  for (const auto stem : stems(kernel)) {
    if (const auto source = source_of_.find(stem); source != source_of_.end()) {
      return {source->second};
    }
  }
  return {};
}

std::vector<std::uint32_t> KernelSources::by_outputs(const graph::Graph& optimized,
                                                     const graph::Op& kernel) const {
  if (is_conversion(role_of(kernel.type))) {
    return {};
  }
  for (const auto& output : kernel.outputs) {
    const auto source = output ? source_of_.find(optimized.tensor(*output).name) : source_of_.end();
    if (source != source_of_.end()) {
      return {source->second};
    }
  }
  return {};
}

void KernelSources::look_at(const graph::Graph& optimized) {
  found_.emplace();
  std::vector<Found> kernels;  // in topological order: makers come before readers
  for (const auto& op : optimized.ops()) {
    Found found{by_name(op.name, op.type), {}};
    if (found.sources.empty()) {
      found.sources = by_outputs(optimized, op);
    }
    for (const auto& input : op.inputs) {
      if (const auto maker = input ? optimized.tensor(*input).producer : std::nullopt) {
        const auto& before = kernels[maker->value];
        found.behind = before.sources.empty() ? before.behind : before.sources;
        break;
      }
    }
    found_->emplace(op.name, found);
    kernels.push_back(std::move(found));
  }
}

void KernelSources::fill(std::vector<runtime::KernelTime>& kernels) const {
  for (auto& kernel : kernels) {
    if (!found_) {
      kernel.sources = by_name(kernel.node, kernel.op_type);
    } else if (const auto found = found_->find(kernel.node); found != found_->end()) {
      kernel.sources = found->second.sources;
      kernel.behind = found->second.behind;
    }
    kernel.node = without_tags(kernel.node, names_);
  }
}

runtime::Session with_kernel_roles(runtime::Session session, std::optional<KernelSources> sources) {
  return runtime::Session(std::make_unique<WithRoles>(std::move(session), std::move(sources)));
}

}  // namespace tessera::network
