// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tessera/onnx/model.h"

namespace tessera::onnx {

/// An operator that hands input 0 on as output 0 by what it is: Identity, Dropout in inference.
[[nodiscard]] bool hands_on(const Model& model, NodeId node);
/// Takes an operator that hands input 0 on as output 0 out of the graph. Readers, bodies among
/// them, read its input; an output of the model keeps its name, its maker takes it over. False,
/// and nothing changes, where that cannot be said without the operator.
bool bypass(Model& model, NodeId node);

}  // namespace tessera::onnx
