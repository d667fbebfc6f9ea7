// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/ranges.h>

#include <algorithm>

#include "tessera/calibrate/calibrate.h"
#include "tessera/runtime/session.h"

namespace tessera::calibrate {
namespace {

struct Runner {
  std::optional<runtime::Session> session;
  std::vector<std::size_t> outputs;  ///< by link
};

Result<std::vector<Tensor>> run(Runner& runner, const data::Sample& step) {
  std::vector<runtime::Feed> feeds;
  for (const auto& tensor : step.tensors) {
    feeds.push_back({tensor.name, tensor.tensor.view()});
  }
  TESSERA_TRY(const auto outputs, runner.session->run(feeds));
  std::vector<Tensor> states;
  for (const auto index : runner.outputs) {
    TESSERA_TRY(auto state, runtime::as_real(outputs[index], runner.session->outputs()[index]));
    states.push_back(std::move(state));
  }
  return states;
}

}  // namespace

Result<data::StepFunction> step_function(const network::Network& model,
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
  TESSERA_TRY(runner->session, model.open(library, {}));
  return [runner](const data::Sample& step) { return run(*runner, step); };
}

}  // namespace tessera::calibrate
