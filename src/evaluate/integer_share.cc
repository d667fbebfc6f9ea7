// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/evaluate/integer_share.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "tessera/graph/cost.h"
#include "tessera/network/load.h"

namespace tessera::evaluate {
namespace {

/// Zeros for every input, open extents 1.
std::vector<Tensor> zeros_for(const runtime::Session& session) {
  std::vector<Tensor> tensors;
  for (const auto& input : session.inputs()) {
    auto shape = input.shape;
    std::replace_if(
        shape.begin(), shape.end(), [](auto one) { return one < 1; }, 1);
    tensors.emplace_back(input.dtype, shape);
  }
  return tensors;
}

Result<std::vector<runtime::KernelTime>> kernels_of_a_run(runtime::Session& session) {
  const auto tensors = zeros_for(session);
  std::vector<runtime::Feed> feeds;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    feeds.push_back({session.inputs()[i].name, tensors[i].view()});
  }
  TESSERA_CHECK(session.run(feeds).map([](const auto&) {}));
  return session.end_profile();
}

}  // namespace

std::optional<double> IntegerShare::share() const noexcept {
  return macs > 0 ? std::optional(static_cast<double>(integer_macs) / static_cast<double>(macs))
                  : std::nullopt;
}

Json to_json(const IntegerShare& share) {
  Json products = Json::array();
  for (const auto& one : share.products) {
    products.push_back({{"name", one.name},
                        {"type", one.type},
                        {"macs", one.macs},
                        {"integer", one.integer},
                        {"kernel", one.kernel.empty() ? Json(nullptr) : Json(one.kernel)}});
  }
  return {{"macs", share.macs},
          {"integer_macs", share.integer_macs},
          {"share", or_null(share.share())},
          {"unknown", share.unknown},
          {"products", std::move(products)}};
}

Result<IntegerShare> integer_share(const network::Network& network,
                                   const std::shared_ptr<const runtime::Library>& library,
                                   runtime::SessionOptions session) {
  auto sized = network.clone();
  network::assume_extents(sized, {});
  TESSERA_CHECK(network::learn_assumed_types(sized, library, false));
  TESSERA_TRY(const auto graph, sized.view());
  session.profile = true;
  session.kernel_sources = true;
  TESSERA_TRY(auto opened, sized.open(library, session));
  TESSERA_TRY(const auto kernels, kernels_of_a_run(opened));
  std::map<std::uint32_t, const runtime::KernelTime*> kernel_of;
  for (const auto& kernel : kernels) {
    for (const auto source : kernel.sources) {
      const auto [at, added] = kernel_of.emplace(source, &kernel);
      // Of several kernels for an operator, the one that multiplies.
      if (!added && kernel.role == runtime::KernelRole::kIntegerProduct) {
        at->second = &kernel;
      }
    }
  }
  IntegerShare result;
  const auto costs = graph::operator_costs(graph, graph::QdqCounting::kExclude);
  for (std::size_t i = 0; i < costs.size(); ++i) {
    const auto& op = graph.ops()[i];
    if (!costs[i].macs) {
      ++result.unknown;
    } else if (*costs[i].macs > 0) {
      const auto found = kernel_of.find(op.source);
      const bool told = found != kernel_of.end();
      const bool integer = told && found->second->role == runtime::KernelRole::kIntegerProduct;
      result.macs += *costs[i].macs;
      result.integer_macs += integer ? *costs[i].macs : 0;
      result.products.push_back(
          {op.name, op.type, *costs[i].macs, integer, told ? found->second->op_type : ""});
    }
  }
  return result;
}

}  // namespace tessera::evaluate
