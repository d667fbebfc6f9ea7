// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/runtime/evaluator.h"

#include "tessera/runtime/onnx.h"

namespace tessera::runtime {

Evaluator evaluator(std::shared_ptr<const Library> library) {
  return [library = std::move(library)](
             std::string_view model,
             const std::filesystem::path& folder) -> Result<std::vector<Tensor>> {
    SessionOptions options;
    options.opt_level = OptLevel::kDisabled;
    options.memory_arena = false;  // one run
    options.config = {{"session.disable_prepacking", "1"}};
    TESSERA_TRY(auto session, open_onnx(library, model, folder, options));
    TESSERA_TRY(const auto outputs, session.run({}));
    std::vector<Tensor> tensors;
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const auto view = outputs[i];
      tensors.push_back(view.dtype == DType::kUndefined ? Tensor() : Tensor(view));
    }
    return tensors;
  };
}

}  // namespace tessera::runtime
