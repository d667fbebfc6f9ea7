// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "keras/model.h"

namespace tessera::keras {

/// The class without the package it was registered under: "QDense" of "qkeras>QDense".
[[nodiscard]] std::string bare_class_name(std::string_view name);

/// A network from its configuration, {"class_name", "config"}, without weights. `keras_version` may
/// be empty, then the configuration's own counts if it has one, else "3" if it has the names of
/// Keras 3.
///
/// Call::inputs are the tensors among the arguments, those given by name last. Call::arguments are
/// the arguments given by name that are not null, tensors in them replaced by {"__input__": place
/// in inputs}. Where constants stand among the arguments without names, all of those are in
/// arguments["*args"] in the same form.
///
/// Errors: kDataLoss naming the layer for what is missing, of the wrong kind, not there or in a
/// circle; kUnimplemented for a subclassed model and a network without an input shape.
[[nodiscard]] Result<Model> parse_config(const Json& config, const std::string& keras_version,
                                         const std::string& what);

}  // namespace tessera::keras
