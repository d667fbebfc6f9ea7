// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "keras/hdf5.h"
#include "keras/model.h"

namespace tessera::keras {

/// "max_pooling2d" of "MaxPooling2D": how Keras names what holds a layer of a class.
[[nodiscard]] std::string snake_case(std::string_view class_name);

/// Gives the layers of `model` their weights, from a file in one of two layouts: groups of the
/// layers' names with lists of names (legacy), or groups numbered by class (.keras). Errors: those
/// of hdf5::File; kDataLoss naming layer and weight where the model and the file disagree.
[[nodiscard]] Status read_weights(const hdf5::File& file, Model& model);

// --- parts of it --------------------------------------------------------------------------------

/// The legacy layout; `listed` are the layers that it lists.
[[nodiscard]] Status read_named_weights(const hdf5::File& file, const hdf5::Object& root,
                                        const std::vector<std::string>& listed, Model& model);
/// The layout of .keras. A member of `root` holds the layers.
[[nodiscard]] Status read_numbered_weights(const hdf5::File& file, const hdf5::Object& root,
                                           Model& model);

/// A list of names, which is split into NAME0, NAME1, ... where it is too large for one attribute;
/// none where it is not there at all.
[[nodiscard]] Result<std::optional<std::vector<std::string>>> names_at(
    const hdf5::File& file, const hdf5::Object& object, const std::string& attribute);

/// Whose weight it is: the part of the path before its name, "query" of "mha/query/kernel:0" and
/// "query_dense" of "mha/query_dense/vars/0".
[[nodiscard]] std::string_view owner_of(std::string_view path);

/// The model and the file contradict each other.
[[nodiscard]] Failure disagree(const hdf5::File& file, std::string_view reason);
/// A weight that belongs to no layer.
[[nodiscard]] Failure homeless(const hdf5::File& file, std::string_view weight);

/// True for a wrapper without weights of its own.
[[nodiscard]] inline bool is_bare_wrapper(const Layer& layer) {
  return layer.inner != nullptr && layer.class_name == "TimeDistributed";
}
/// What is in a layer, to be changed: a copy that takes its place.
[[nodiscard]] Model& opened(Layer& layer);

}  // namespace tessera::keras
