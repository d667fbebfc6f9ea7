// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/ranges.h>

#include <algorithm>

#include "tessera/calibrate/calibrate.h"
#include "tessera/core/file.h"
#include "tessera/runtime/session.h"

namespace tessera::calibrate {
namespace {

/// A session and, for models beyond the size of one message, the files it was opened from.
struct Runner {
  std::optional<TemporaryDirectory> folder;
  std::optional<runtime::Session> session;
  std::vector<std::size_t> outputs;  ///< by link
};

Result<runtime::Session> open_session(const onnx::Model& model,
                                      const std::shared_ptr<const runtime::Library>& library,
                                      std::optional<TemporaryDirectory>& folder) {
  const auto bytes = model.serialize();
  if (bytes) {
    return runtime::Session::open(library, *bytes, model.external_data_folder(), {});
  }
  if (bytes.error().code != ErrorCode::kResourceExhausted) {
    return tl::unexpected(bytes.error());
  }
  TESSERA_TRY(folder, TemporaryDirectory::create("tessera-states"));
  const auto path = folder->path() / "model.onnx";
  TESSERA_CHECK(model.save(path, {.external_data = onnx::ExternalData::kAlways}));
  return runtime::Session::open(library, path, {});
}

Result<std::vector<Tensor>> run(Runner& runner, const data::Sample& step) {
  std::vector<runtime::Feed> feeds;
  for (const auto& tensor : step.tensors) {
    feeds.push_back({tensor.name, tensor.tensor.view()});
  }
  TESSERA_TRY(const auto outputs, runner.session->run(feeds));
  std::vector<Tensor> states;
  for (const auto index : runner.outputs) {
    states.emplace_back(outputs[index]);
  }
  return states;
}

}  // namespace

Result<data::StepFunction> step_function(const onnx::Model& model,
                                         const std::vector<data::StateLink>& links,
                                         const std::shared_ptr<const runtime::Library>& library) {
  const auto names = model.outputs();
  auto runner = std::make_shared<Runner>();
  for (const auto& link : links) {
    const auto found = std::find(names.begin(), names.end(), link.output);
    if (found == names.end()) {
      return fail(ErrorCode::kInvalidArgument, "--state: the model has no output '{}'", link.output)
          .hint("its outputs: {}", fmt::join(names, ", "));
    }
    runner->outputs.push_back(static_cast<std::size_t>(found - names.begin()));
  }
  TESSERA_TRY(runner->session, open_session(model, library, runner->folder));
  return [runner](const data::Sample& step) { return run(*runner, step); };
}

}  // namespace tessera::calibrate
