// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

#include "tessera/core/file.h"
#include "tessera/core/result.h"
#include "tessera/tensor/tensor.h"

namespace tessera {

/// Parses a NumPy .npy file (format versions 1 to 3). Little- and big-endian numbers, C and
/// Fortran order; the result is native and row-major. `what` names the source in errors.
/// Errors: kDataLoss if truncated or malformed; kUnimplemented for object and string arrays.
[[nodiscard]] Result<Tensor> parse_npy(std::span<const std::byte> bytes, std::string_view what);
/// Version 1.0 bytes of a tensor, readable by NumPy.
[[nodiscard]] std::vector<std::byte> format_npy(const TensorView& tensor);

[[nodiscard]] Result<Tensor> read_npy(const std::filesystem::path& path);
[[nodiscard]] Status write_npy(const std::filesystem::path& path, const TensorView& tensor,
                               Overwrite overwrite);

/// Arrays of a NumPy .npz (a zip of .npy, stored or deflated, zip64), in archive order.
[[nodiscard]] Result<std::vector<NamedTensor>> parse_npz(std::span<const std::byte> bytes,
                                                         std::string_view what);
[[nodiscard]] Result<std::vector<NamedTensor>> read_npz(const std::filesystem::path& path);

}  // namespace tessera
