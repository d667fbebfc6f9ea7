// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "runtime/litert_abi.h"
#include "tessera/core/result.h"
#include "tessera/core/timing.h"
#include "tessera/runtime/litert.h"
#include "tessera/runtime/session.h"

namespace tessera::runtime::litert {

/// Stands around every operator of one session: reads the clock, and shows what operators made.
/// It is a delegate, the last in the row, that takes no operator: when it is shown the graph, after
/// XNNPACK took its part, it puts a function of its own before each operator's. Must outlive the
/// compiled model.
class Observer {
 public:
  struct Plan {
    std::vector<LitertOperator> operators;
    /// Tensors and their tags.
    std::vector<std::pair<std::int32_t, std::int64_t>> taps;
    TensorTap* tap = nullptr;
    bool times = false;
    std::size_t subgraph = 0;  ///< the one that is looked at
  };
  explicit Observer(Plan plan);
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;
  ~Observer() = default;

  /// What the library is given as a delegate.
  [[nodiscard]] Delegate* delegate() noexcept { return &delegate_; }
  /// The one of the scope that the calling thread is in; null outside.
  [[nodiscard]] static Observer* of_thread() noexcept;

  /// Once the model is compiled. Errors: kUnimplemented for taps of values that no operator shows,
  /// kUnavailable if the library did not ask the observer.
  [[nodiscard]] Status check() const;
  /// True for the value of an operator; the others are shown by the session.
  [[nodiscard]] bool is_made(std::int32_t tensor) const;

  void begin_run() noexcept { ++run_; }
  /// What runs meanwhile is neither timed nor shown.
  void look_away(bool away) noexcept { away_ = away; }
  /// As SessionBackend::end_profile().
  [[nodiscard]] Result<std::vector<KernelTime>> end_profile();

  /// The library calls only between these two ends into this observer, on this thread.
  class Scope {
   public:
    explicit Scope(Observer* observer) noexcept;
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Observer* before_;
  };

 private:
  /// One entry of the execution plan: an operator, or a partition of them.
  struct Kernel {
    int (*compute)(Context*, Node*) = nullptr;
    KernelTime description;
    std::vector<std::int32_t> outputs;
    std::vector<std::pair<std::int32_t, std::int64_t>> taps;
  };
  struct Call {
    int node;
    std::int64_t run;
    double start_us;
    double duration_us;
    std::int64_t output_bytes;
  };

  static int prepare(Context* context, Delegate* delegate);
  static int around(Context* context, Node* node);

  int look_at_plan(Context* context);
  [[nodiscard]] Kernel kernel_of(int index, const Node& node,
                                 const Registration& registration) const;
  [[nodiscard]] KernelTime describe_operator(int index, const Registration& registration) const;
  [[nodiscard]] KernelTime describe_partition(const DelegateParams& partition,
                                              const Registration& registration) const;
  /// What the opener says of an operator; null if it says nothing.
  [[nodiscard]] const LitertOperator* known(int index) const;
  void learn_makers(const IntArray& plan, Context* context);
  int call(Context* context, Node* node);

  Plan plan_;
  Delegate delegate_{};
  Clock clock_ = steady_clock_us();
  std::size_t graphs_ = 0;  ///< shown so far
  Context* graph_ = nullptr;
  std::unordered_map<int, Kernel> kernels_;          ///< by node index
  std::unordered_map<const Node*, int> node_index_;  ///< of the objects that are there now
  std::int64_t run_ = -1;
  bool away_ = false;
  std::vector<Call> calls_;
};

/// Lets the sessions of an environment, which has the library's own accelerators already, be
/// observed by Observer::of_thread().
[[nodiscard]] Status join(const Functions& functions, Environment environment);

}  // namespace tessera::runtime::litert
