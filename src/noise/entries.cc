// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/noise/entries.h"

namespace tessera::noise {

std::vector<Entry> entries_of(std::span<const Switch> switches) {
  std::vector<Entry> entries;
  for (std::size_t place = 0; place < switches.size(); ++place) {
    const auto& item = switches[place];
    for (std::size_t k = 0; k < item.schemes.size(); ++k) {
      const bool further = k > 0 || item.only_further;
      const auto scheme = quantize::to_string(item.schemes[k]);
      entries.push_back({further ? item.op + "@" + scheme : item.op, item.op, scheme, place,
                         static_cast<std::uint8_t>(k + 1)});
    }
  }
  return entries;
}

Setting setting_of(const LayerSet& subset, std::span<const Entry> entries) {
  Setting setting(entries.empty() ? 0 : entries.back().place + 1, 0);
  for (const auto layer : subset) {
    const auto& entry = entries[static_cast<std::size_t>(layer)];
    setting[entry.place] = entry.position;
  }
  return setting;
}

}  // namespace tessera::noise
