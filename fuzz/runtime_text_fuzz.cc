// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// What the runtime says of a model holds names from the file. Whatever they are, the error for
// people is short, one line, and valid UTF-8 without control characters.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "runtime/ort.h"
#include "tessera/core/text.h"

namespace {

void expect_readable(std::string_view text) {
  constexpr std::size_t kLongest = 10000;  // message and hint
  if (text.size() > kLongest || tessera::printable_lines(text) != text) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  expect_readable(tessera::runtime::clean_message(text));
  // As it is, and with the text for the names in every sentence that is known.
  expect_readable(to_string(tessera::runtime::open_error(ORT_FAIL, text)));
  for (const char* known :
       {"Could not find an implementation for %(1) node with name '%'",
        "In Node, (\"%\", % is not a registered function/op",
        "%:%(-1) is not a registered function/op",
        "Type '%' of input parameter (%) of operator (%) in node (%) is",
        "Load model from % failed:/onnxruntime/a.cc:1 void f(%) [with T = %] "}) {
    std::string filled;
    for (const char* c = known; *c != '\0'; ++c) {
      if (*c == '%') {
        filled.append(text);
      } else {
        filled.append(1, *c);
      }
    }
    expect_readable(to_string(tessera::runtime::open_error(ORT_FAIL, filled)));
  }
  return 0;
}
