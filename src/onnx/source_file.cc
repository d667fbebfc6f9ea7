// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/onnx/source_file.h"

#include <memory>
#include <utility>

#include "onnx/model_state.h"

namespace tessera::onnx {

Status set_source_file(Model& model, const std::filesystem::path& file) {
  TESSERA_TRY(auto mapped, MappedFile::open(file));
  auto& state = StateAccess::of(model);
  state.path = file;
  state.hash = std::make_shared<FileHash>(std::make_shared<WeightFile>(file, std::move(mapped)));
  return {};
}

}  // namespace tessera::onnx
