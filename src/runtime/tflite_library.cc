// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "runtime/tflite_library.h"

#include <dlfcn.h>

#include "runtime/message.h"
#include "runtime/overheard.h"
#include "tessera/core/shared_library.h"
#include "tessera/core/text.h"

namespace tessera::runtime::tflite {
namespace {

namespace fs = std::filesystem;

/// What the delegate that is being made on this thread says is wrong: its callback takes no data.
thread_local std::string* complaint = nullptr;

void complain(const char* text) {
  if (complaint != nullptr && text != nullptr) {
    *complaint += text;
  }
}

using Make = Delegate* (*)(char** keys, char** values, std::size_t count, void (*)(const char*));
using End = void (*)(Delegate*);

/// The library takes arrays of strings that it may change.
struct Strings {
  explicit Strings(const std::map<std::string, std::string>& options) {
    for (const auto& [key, value] : options) {
      texts.push_back(key);
      texts.push_back(value);
    }
    for (std::size_t i = 0; i < texts.size(); i += 2) {
      keys.push_back(texts[i].data());
      values.push_back(texts[i + 1].data());
    }
  }
  std::vector<std::string> texts;
  std::vector<char*> keys;
  std::vector<char*> values;
};

}  // namespace

bool is_delegate_path(std::string_view provider) {
  return provider.find('/') != std::string_view::npos || provider.ends_with(".so");
}

Result<HeldDelegate> external_delegate(const ProviderChoice& choice) {
  const fs::path file = choice.name;
  std::error_code error;
  if (!fs::is_regular_file(file, error)) {
    return fail(ErrorCode::kNotFound, "no library of a delegate at '{}'", choice.name)
        .hint("give the path of its .so, and options behind colons: PATH:KEY=VALUE");
  }
  const auto explained = [&](const Error& cause) {
    return fail(ErrorCode::kUnavailable, "cannot use delegate '{}': {}", choice.name, cause.message)
        .error();
  };
  auto loaded = load_for_ever(fs::absolute(file)).map_error(explained);
  TESSERA_TRY(auto* handle, std::move(loaded));
  const auto make = reinterpret_cast<Make>(::dlsym(handle, "tflite_plugin_create_delegate"));
  const auto end = reinterpret_cast<End>(::dlsym(handle, "tflite_plugin_destroy_delegate"));
  if (make == nullptr || end == nullptr) {
    return fail(ErrorCode::kUnavailable, "'{}' is no library of a delegate", choice.name)
        .hint("it has to export tflite_plugin_create_delegate and tflite_plugin_destroy_delegate");
  }
  Strings options(choice.options);
  std::string said;
  const Overheard overheard;
  complaint = &said;
  HeldDelegate delegate(
      make(options.keys.data(), options.values.data(), options.keys.size(), complain), end);
  complaint = nullptr;
  if (delegate == nullptr) {
    const auto text = collapse_spaces(said.empty() ? overheard.text() : said);
    return fail(ErrorCode::kUnavailable, "delegate '{}' does not start: {}", choice.name,
                text.empty() ? "it does not say why" : clipped(printable_message(text), 400))
        .hint("its options, or what it needs on this machine");
  }
  return delegate;
}

Result<ProviderChoice> TfliteLibrary::resolve(const ProviderChoice& choice) const {
  if (is_delegate_path(choice.name)) {
    TESSERA_CHECK(external_delegate(choice).map([](const auto&) {}));
    return choice;
  }
  if (choice.name != "cpu") {
    return fail(ErrorCode::kUnavailable, "TFLite has no provider '{}'; 'cpu' is what it has",
                choice.name)
        .hint("a delegate is named by the path of its library");
  }
  if (!choice.options.empty()) {
    return fail(ErrorCode::kInvalidArgument, "provider 'cpu' of TFLite has no option '{}'",
                choice.options.begin()->first);
  }
  return choice;
}

bool is_tflite(void* handle) {
  return ::dlsym(handle, "TfLiteInterpreterCreate") != nullptr;
}

Result<std::shared_ptr<const Library>> library_of(void* handle, const fs::path& file) {
  Functions functions;
#define TESSERA_TFLITE_TAKE(name, result, parameters)                                           \
  functions.name = reinterpret_cast<decltype(functions.name)>(::dlsym(handle, "TfLite" #name)); \
  if (functions.name == nullptr) {                                                              \
    return fail(ErrorCode::kUnavailable, "this TFLite lacks the function TfLite{}", #name);     \
  }
  TESSERA_TFLITE_FUNCTIONS(TESSERA_TFLITE_TAKE)
#undef TESSERA_TFLITE_TAKE
  return std::make_shared<const TfliteLibrary>(
      functions, path_of_symbol(reinterpret_cast<void*>(functions.InterpreterCreate), file));
}

}  // namespace tessera::runtime::tflite
