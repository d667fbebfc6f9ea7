// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// Any bytes are an error or an HDF5 file whose every object, attribute and array can be read.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <span>
#include <vector>

#include "keras/hdf5.h"

namespace {

namespace hdf5 = tessera::keras::hdf5;

void read_all(const hdf5::File& file, const hdf5::Object& object) {
  for (const auto& [name, attribute] : object.attributes) {
    (void)file.texts(object, name);
  }
  if (!object.is_dataset()) {
    return;
  }
  const auto tensor = file.tensor(object);
  if (tensor && tensor->size() != object.space->count) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = hdf5::File::open(std::as_bytes(std::span(data, size)), "input");
  if (!file) {
    return 0;
  }
  const auto root = file->root();
  if (!root) {
    return 0;
  }
  std::vector<std::shared_ptr<const hdf5::Object>> open{*root};
  std::set<const hdf5::Object*> seen;
  while (!open.empty()) {
    const auto object = open.back();
    open.pop_back();
    if (!seen.insert(object.get()).second) {
      continue;
    }
    read_all(*file, *object);
    for (const auto& [name, link] : object->links) {
      if (const auto member = file->find(*object, name); member && *member != nullptr) {
        open.push_back(*member);
      }
    }
  }
  return 0;
}
