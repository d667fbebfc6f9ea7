// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/runtime/type_oracle.h"

#include "tessera/runtime/onnx.h"

namespace tessera::runtime {
namespace {

NamedType named_type(const ValueInfo& value) {
  NamedType named{value.name, {value.dtype, std::nullopt}};
  if (!value.is_tensor) {
    return named;
  }
  auto& dims = named.type.shape.emplace();
  for (std::size_t i = 0; i < value.shape.size(); ++i) {
    dims.push_back(Dim{value.shape[i], value.symbols[i]});
  }
  return named;
}

}  // namespace

TypeOracle type_oracle(std::shared_ptr<const Library> library) {
  return [library = std::move(library)](
             std::string_view model,
             const std::filesystem::path& folder) -> Result<std::vector<NamedType>> {
    SessionOptions options;
    options.opt_level = OptLevel::kDisabled;
    options.config = {{"session.disable_prepacking", "1"}};  // it will not run
    TESSERA_TRY(const auto session, open_onnx(library, model, folder, options));
    std::vector<NamedType> types;
    for (const auto& output : session.outputs()) {
      types.push_back(named_type(output));
    }
    return types;
  };
}

}  // namespace tessera::runtime
