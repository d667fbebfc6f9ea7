// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "keras/lower.h"
#include "keras/read.h"
#include "tessera/core/file.h"
#include "tessera/keras/keras.h"

namespace tessera::keras {

Result<Imported> import(const std::filesystem::path& file, const ImportOptions& options) {
  TESSERA_TRY(const auto network, options.config.empty() ? read(file) : read(file, options.config));
  return lower(network, options).map_error(in_file(file.string()));
}

}  // namespace tessera::keras
