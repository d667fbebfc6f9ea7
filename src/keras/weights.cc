// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "keras/weights.h"

#include <algorithm>
#include <cctype>

namespace tessera::keras {
namespace {

bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}

/// re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
std::string before_words(std::string_view name) {
  std::string out;
  for (std::size_t i = 0; i < name.size();) {
    const bool word = i + 2 < name.size() && is_upper(name[i + 1]) && is_lower(name[i + 2]);
    out += name[i++];
    if (!word) {
      continue;
    }
    out += '_';
    out += name[i++];
    while (i < name.size() && is_lower(name[i])) {
      out += name[i++];
    }
  }
  return out;
}

}  // namespace

std::string snake_case(std::string_view class_name) {
  std::string word;
  std::ranges::copy_if(class_name, std::back_inserter(word), [](char c) {
    return is_upper(c) || is_lower(c) || (c >= '0' && c <= '9') || c == '_';
  });
  word = before_words(word);
  std::string out;
  for (std::size_t i = 0; i < word.size(); ++i) {
    if (i > 0 && is_lower(word[i - 1]) && is_upper(word[i])) {
      out += '_';
    }
    out += static_cast<char>(is_upper(word[i]) ? word[i] - 'A' + 'a' : word[i]);
  }
  return out;
}

Result<std::optional<std::vector<std::string>>> names_at(const hdf5::File& file,
                                                         const hdf5::Object& object,
                                                         const std::string& attribute) {
  TESSERA_TRY(auto whole, file.texts(object, attribute));
  if (whole) {
    return whole;
  }
  std::optional<std::vector<std::string>> all;
  for (std::size_t i = 0;; ++i) {
    TESSERA_TRY(const auto part, file.texts(object, fmt::format("{}{}", attribute, i)));
    if (!part) {
      return all;
    }
    all = all ? std::move(all) : std::vector<std::string>();
    all->insert(all->end(), part->begin(), part->end());
  }
}

Failure disagree(const hdf5::File& file, std::string_view reason) {
  return fail(ErrorCode::kDataLoss, "{}: configuration and weights disagree: {}", file.what(),
              reason)
      .hint("the weights are of another model, or the file is half written; save it again");
}

Failure homeless(const hdf5::File& file, std::string_view weight) {
  return fail(ErrorCode::kUnimplemented,
              "{}: weight '{}' belongs to the model itself, which is not supported", file.what(),
              weight)
      .hint("keep it in a layer");
}

Model& opened(Layer& layer) {
  auto copy = std::make_shared<Model>(*layer.inner);
  auto& inner = *copy;
  layer.inner = std::move(copy);
  return inner;
}

Status read_weights(const hdf5::File& file, Model& model) {
  TESSERA_TRY(auto root, file.root());
  TESSERA_TRY(const auto legacy, file.find(*root, "model_weights"));
  if (legacy != nullptr) {
    root = legacy;
  }
  TESSERA_TRY(const auto listed, names_at(file, *root, "layer_names"));
  if (listed) {
    return read_named_weights(file, *root, *listed, model);
  }
  return read_numbered_weights(file, *root, model);
}

std::string_view owner_of(std::string_view path) {
  constexpr std::string_view kNumbered = "/vars";
  const auto name = path.rfind('/');
  path = path.substr(0, name == std::string_view::npos ? 0 : name);
  if (path.ends_with(kNumbered)) {
    path.remove_suffix(kNumbered.size());
  }
  return path.substr(path.rfind('/') + 1);
}

}  // namespace tessera::keras
