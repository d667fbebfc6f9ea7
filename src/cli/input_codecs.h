// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <vector>

#include "tessera/cluster/cluster.h"
#include "tessera/core/monitor.h"
#include "tessera/core/result.h"
#include "tessera/network/network.h"

namespace tessera::cli {

/// What the files of samples take on a link and to decode on this machine: one codec for JPEG and
/// one for PNG, as far as the folder has such files, with `*` for the machine. At most 64 files are
/// looked at, spread evenly. Samples come so: nothing is lost, and nothing is encoded.
/// Errors: kNotFound without such files; those of decoding, with the file.
[[nodiscard]] Result<std::vector<cluster::InputCodec>> measure_image_codecs(
    const std::filesystem::path& folder, Monitor& monitor);

/// Inputs that are images, as bytes: what 8-bit pixels need that have the input's size already. For
/// each the time to make the input of them, on this machine.
/// Errors: those of the network's inputs. Warning: open-input for one whose size is open.
[[nodiscard]] Result<std::vector<cluster::InputCodec>> measure_pixel_codecs(
    const network::Network& model, Monitor& monitor);

}  // namespace tessera::cli
