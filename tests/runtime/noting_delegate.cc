// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// A delegate of TFLite that takes no operator and notes what it is told.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

namespace {

struct Delegate {
  void* data;
  int (*prepare)(void* context, Delegate* delegate);
  void* handles[3];
  std::int64_t flags;
  void* more[8];
};

std::string noted;

int prepare(void*, Delegate*) {
  noted += "shown;";
  return 0;
}

}  // namespace

extern "C" {

/// Options come as "KEY=VALUE;"; key "fail" makes it refuse, with its value as the reason.
Delegate* tflite_plugin_create_delegate(char** keys, char** values, std::size_t count,
                                        void (*report)(const char*)) {
  noted.clear();
  for (std::size_t i = 0; i < count; ++i) {
    if (std::strcmp(keys[i], "fail") == 0) {
      report(values[i]);
      return nullptr;
    }
    noted += std::string(keys[i]) + "=" + values[i] + ";";
  }
  return new Delegate{nullptr, prepare, {}, 1, {}};
}

void tflite_plugin_destroy_delegate(Delegate* delegate) {
  noted += "ended;";
  delete delegate;
}

const char* noting_delegate_notes() {
  return noted.c_str();
}
}
