// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/result.h"
#include "tessera/graph/graph.h"
#include "tessera/onnx/model.h"
#include "tessera/runtime/session.h"

/// What the kernels of ONNX Runtime do, and which operators of a model they compute.
namespace tessera::network {

/// By the type that the profiler gives a kernel: the one table of their names.
[[nodiscard]] runtime::KernelRole role_of(std::string_view kernel_type) noexcept;
/// True for products on integers whose inputs and results are floats for the rest of the network
/// (KernelTime::hybrid_products).
[[nodiscard]] bool is_hybrid(std::string_view kernel_type) noexcept;

/// Gives every operator a name that survives the runtime's rewriting and is found in the names of
/// the kernels made of it: its place among Model::nodes(). Names of values stay. Returns the names
/// that they had, the types of those without one.
[[nodiscard]] std::vector<std::string> tag_operators(onnx::Model& model);
/// Places whose tags are in a kernel's name.
[[nodiscard]] std::vector<std::size_t> tagged_operators(std::string_view kernel);

/// What the runtime says of tagged operators, with the names that they had instead.
[[nodiscard]] std::string without_tags(std::string_view text, std::span<const std::string> names);

/// Which operators of an opened model the kernels compute, by the names that both have.
class KernelSources {
 public:
  /// `model`: as opened, its operators tagged; `sources` and `names` of them, by their places;
  /// `optimized`: what the runtime wrote of it (SessionOptions::optimized_model).
  [[nodiscard]] static Result<KernelSources> make(const onnx::Model& model,
                                                  std::vector<std::uint32_t> sources,
                                                  std::vector<std::string> names,
                                                  const graph::Graph* optimized);
  /// Sets `sources` and `behind`, and gives the names back that operators had. Where the runtime
  /// did not write its graph (a provider that compiles parts of it keeps it from that), names of
  /// kernels alone tell, and `behind` stays empty.
  void fill(std::vector<runtime::KernelTime>& kernels) const;

 private:
  struct Found {
    std::vector<std::uint32_t> sources;
    std::vector<std::uint32_t> behind;
  };

  [[nodiscard]] std::vector<std::uint32_t> by_name(std::string_view kernel,
                                                   std::string_view type) const;
  [[nodiscard]] std::vector<std::uint32_t> by_outputs(const graph::Graph& optimized,
                                                      const graph::Op& kernel) const;
  void look_at(const graph::Graph& optimized);

  std::vector<std::uint32_t> sources_;                           ///< by place
  std::vector<std::string> names_;                               ///< by place
  std::map<std::string, std::uint32_t, std::less<>> source_of_;  ///< of what makes a value
  std::optional<std::map<std::string, Found, std::less<>>>
      found_;  ///< by name; of the written graph
};

/// A session whose kernel times say what the kernels do, and what they compute if that is known.
[[nodiscard]] runtime::Session with_kernel_roles(runtime::Session session,
                                                 std::optional<KernelSources> sources);

}  // namespace tessera::network
