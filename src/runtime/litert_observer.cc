// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "runtime/litert_observer.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

#include "runtime/litert_types.h"
#include "tessera/runtime/backend.h"

namespace tessera::runtime::litert {
namespace {

/// The one whose session the calling thread has inside of the library.
thread_local Observer* active = nullptr;

constexpr int kError = 1;

std::span<const int> ints(const IntArray* array) {
  return array == nullptr ? std::span<const int>()
                          : std::span(array->data, static_cast<std::size_t>(array->size));
}

std::int64_t bytes_of_outputs(const Context& context, std::span<const std::int32_t> tensors) {
  std::int64_t bytes = 0;
  for (const auto tensor : tensors) {
    bytes += static_cast<std::int64_t>(context.tensors[tensor].bytes);
  }
  return bytes;
}

void show(TensorTap& tap, std::int64_t tag, const TfLiteTensor& tensor) {
  const auto extents = ints(tensor.dims);
  const Shape shape(extents.begin(), extents.end());
  auto* const data = static_cast<std::byte*>(tensor.data);
  tap.visit(tag, dtype_of(tensor.type), shape,
            data == nullptr ? std::span<std::byte>() : std::span(data, tensor.bytes));
}

/// A partition does what most of its work is; products are what networks spend their time on.
KernelRole role_of(const std::vector<KernelRole>& roles) {
  for (const auto role : {KernelRole::kIntegerProduct, KernelRole::kInteger}) {
    if (std::find(roles.begin(), roles.end(), role) != roles.end()) {
      return role;
    }
  }
  const bool alike =
      std::adjacent_find(roles.begin(), roles.end(), std::not_equal_to<>()) == roles.end();
  return alike && !roles.empty() ? roles.front() : KernelRole::kFloat;
}

}  // namespace

Observer::Scope::Scope(Observer* observer) noexcept : before_(std::exchange(active, observer)) {}
Observer::Scope::~Scope() {
  active = before_;
}

Observer* Observer::of_thread() noexcept {
  return active;
}

Observer::Observer(Plan plan) : plan_(std::move(plan)) {
  delegate_.data = this;
  delegate_.Prepare = prepare;
  delegate_.flags = kAllowDynamicTensors;
}

int Observer::prepare(Context* context, Delegate* delegate) {
  auto& observer = *static_cast<Observer*>(delegate->data);
  // Graphs are shown in the order of the file, and all of them again after extents changed.
  if (observer.graph_ == nullptr && observer.graphs_++ == observer.plan_.subgraph) {
    observer.graph_ = context;
  }
  return context == observer.graph_ ? observer.look_at_plan(context) : kOk;
}

int Observer::look_at_plan(Context* context) {
  IntArray* plan = nullptr;
  if (context->GetExecutionPlan(context, &plan) != kOk || plan == nullptr) {
    return kError;
  }
  node_index_.clear();
  for (const int index : ints(plan)) {
    Node* node = nullptr;
    Registration* registration = nullptr;
    if (context->GetNodeAndRegistration(context, index, &node, &registration) != kOk) {
      return kError;
    }
    node_index_[node] = index;
    if (registration->invoke != around) {  // else it is shown again, with ours still in place
      kernels_.insert_or_assign(index, kernel_of(index, *node, *registration));
      registration->invoke = around;
    }
  }
  learn_makers(*plan, context);
  return kOk;
}

Observer::Kernel Observer::kernel_of(int index, const Node& node,
                                     const Registration& registration) const {
  Kernel kernel;
  kernel.compute = registration.invoke;
  kernel.description =
      registration.builtin_code == kDelegateCode && node.builtin_data != nullptr
          ? describe_partition(*static_cast<const DelegateParams*>(node.builtin_data), registration)
          : describe_operator(index, registration);
  for (const int tensor : ints(node.outputs)) {
    if (tensor < 0) {
      continue;
    }
    kernel.outputs.push_back(tensor);
    for (const auto& [tapped, tag] : plan_.taps) {
      if (tapped == tensor) {
        kernel.taps.emplace_back(tapped, tag);
      }
    }
  }
  return kernel;
}

const LitertOperator* Observer::known(int index) const {
  const auto at = static_cast<std::size_t>(index);
  return index >= 0 && at < plan_.operators.size() ? &plan_.operators[at] : nullptr;
}

KernelTime Observer::describe_partition(const DelegateParams& partition,
                                        const Registration& registration) const {
  const auto nodes = ints(partition.nodes_to_replace);
  std::vector<KernelRole> roles;
  std::int64_t hybrid = 0;
  for (const int index : nodes) {
    const auto* const op = known(index);
    roles.push_back(op == nullptr ? KernelRole::kFloat : op->role);
    hybrid += op != nullptr && op->hybrid ? 1 : 0;
  }
  const std::string type =
      registration.custom_name == nullptr ? "delegate" : registration.custom_name;
  const std::string provider = type == "TfLiteXNNPackDelegate" ? "xnnpack" : type;
  return {.node = fmt::format("{}: {} operators", provider, nodes.size()),
          .op_type = type,
          .provider = provider,
          .role = role_of(roles),
          .integer_products = std::count(roles.begin(), roles.end(), KernelRole::kIntegerProduct),
          .hybrid_products = hybrid,
          .sources = {nodes.begin(), nodes.end()},
          .partition = nodes.size() > 1};
}

KernelTime Observer::describe_operator(int index, const Registration& registration) const {
  KernelTime what{.provider = "cpu", .sources = {static_cast<std::uint32_t>(index)}};
  if (const auto* const op = known(index)) {
    what.node = op->name;
    what.op_type = op->type;
    what.role = op->role;
    what.hybrid_products = op->hybrid ? 1 : 0;
    return what;
  }
  what.node = fmt::format("#{}", index);
  what.op_type = registration.custom_name != nullptr
                     ? std::string(registration.custom_name)
                     : fmt::format("builtin {}", registration.builtin_code);
  return what;
}

/// KernelTime::behind: who made the first value that a kernel reads.
void Observer::learn_makers(const IntArray& plan, Context* context) {
  std::unordered_map<int, int> makers;
  for (const int index : ints(&plan)) {
    Node* node = nullptr;
    Registration* registration = nullptr;
    auto& kernel = kernels_.at(index);
    if (context->GetNodeAndRegistration(context, index, &node, &registration) == kOk) {
      for (const int tensor : ints(node->inputs)) {
        if (const auto maker = makers.find(tensor); maker != makers.end()) {
          kernel.description.behind = kernels_.at(maker->second).description.sources;
          break;
        }
      }
    }
    for (const auto tensor : kernel.outputs) {
      makers[tensor] = index;
    }
  }
}

int Observer::around(Context* context, Node* node) {
  return active == nullptr ? kError : active->call(context, node);
}

int Observer::call(Context* context, Node* node) {
  const auto found = node_index_.find(node);
  if (found == node_index_.end()) {
    return kError;
  }
  const auto& kernel = kernels_.at(found->second);
  const double start_us = clock_();
  const int code = kernel.compute(context, node);
  const double end_us = clock_();
  if (code != kOk || away_) {
    return code;
  }
  if (plan_.times && run_ >= 0) {
    calls_.push_back({found->second, run_, start_us, end_us - start_us,
                      bytes_of_outputs(*context, kernel.outputs)});
  }
  if (plan_.tap != nullptr) {
    for (const auto& [tensor, tag] : kernel.taps) {
      show(*plan_.tap, tag, context->tensors[tensor]);
    }
  }
  return code;
}

bool Observer::is_made(std::int32_t tensor) const {
  return std::any_of(node_index_.begin(), node_index_.end(), [&](const auto& entry) {
    const auto& outputs = kernels_.at(entry.second).outputs;
    return std::find(outputs.begin(), outputs.end(), tensor) != outputs.end();
  });
}

Status Observer::check() const {
  if (graph_ == nullptr) {
    return fail(ErrorCode::kUnavailable, "this LiteRT does not show its operators")
        .hint("take another version, or make the values outputs of the model");
  }
  return {};
}

Result<std::vector<KernelTime>> Observer::end_profile() {
  if (!std::exchange(plan_.times, false)) {
    return tl::unexpected(not_profiled());
  }
  std::vector<KernelTime> times;
  times.reserve(calls_.size());
  for (const auto& call : calls_) {
    auto& time = times.emplace_back(kernels_.at(call.node).description);
    time.start_us = call.start_us;
    time.duration_us = call.duration_us;
    time.output_bytes = call.output_bytes;
    time.run = call.run;
  }
  return times;
}

}  // namespace tessera::runtime::litert
