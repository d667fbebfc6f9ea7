// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// LiteRT takes no delegates, but accelerators that make some.
#include "runtime/litert_observer.h"

namespace tessera::runtime::litert {
namespace {

/// Of the library whose session is being opened on this thread: the callback takes no data.
thread_local const Functions* functions_of_thread = nullptr;

Code create_delegate(RuntimeContextT*, Environment, const AcceleratorT*, Options,
                     DelegateWrapper* wrapper) {
  constexpr Code kFailed = 3;
  auto* const observer = Observer::of_thread();
  return observer == nullptr || functions_of_thread == nullptr
             ? kFailed
             : functions_of_thread->WrapDelegate(
                   observer->delegate(), [](Delegate*) {}, wrapper);
}

Code tell_name(const AcceleratorT*, const char** name) {
  *name = "tessera";
  return kOk;
}

Code tell_hardware(const AcceleratorT*, int* hardware) {
  *hardware = kCpu;
  return kOk;
}

/// It compiles nothing: then it is asked whatever hardware a model is compiled for.
Code tell_compiling(const AcceleratorT*, bool* compiling) {
  *compiling = false;
  return kOk;
}

}  // namespace

Status join(const Functions& functions, Environment environment) {
  functions_of_thread = &functions;
  const auto refused = [](Code code) {
    return fail(ErrorCode::kUnavailable, "this LiteRT takes no observer (status {})", code);
  };
  Accelerator accelerator = nullptr;
  if (const auto code = functions.CreateAccelerator(&accelerator);
      code != kOk || accelerator == nullptr) {
    return refused(code);
  }
  for (const Code code :
       {functions.SetAcceleratorGetName(accelerator, tell_name),
        functions.SetAcceleratorGetHardwareSupport(accelerator, tell_hardware),
        functions.SetIsAcceleratorDelegateResponsibleForJitCompilation(accelerator, tell_compiling),
        functions.SetDelegateFunction(accelerator, create_delegate)}) {
    if (code != kOk) {
      functions.DestroyAccelerator(accelerator);
      return refused(code);
    }
  }
  // Owns the accelerator from here on, also where it fails.
  if (const auto code = functions.RegisterAccelerator(environment, accelerator, nullptr, nullptr);
      code != kOk) {
    return refused(code);
  }
  return {};
}

}  // namespace tessera::runtime::litert
