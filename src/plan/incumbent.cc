// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "plan/incumbent.h"

#include <algorithm>
#include <limits>

namespace tessera::plan {
namespace {

/// How many changes that gain are tried with how many that make room.
constexpr std::size_t kMostPartners = 60;
/// The same where nothing but limits connects variables.
constexpr std::size_t kManyPartners = 300;
/// How many make room for one, at most.
constexpr int kMostLeaving = 12;
/// How many of either are tried with two of the other.
constexpr std::size_t kFewPartners = 80;
constexpr int kMostRepairs = 4;
constexpr int kMostSwaps = 20;
/// Of what a limit's use can vary by.
constexpr double kLittle = 0.002;

/// The sum of the use of all limits, each in parts of its bound.
double use_of(const Ledger& ledger) {
  double use = 0;
  for (std::size_t r = 0; r < ledger.used().size(); ++r) {
    const auto bound = static_cast<double>(ledger.problem().limits[r].bound);
    use += static_cast<double>(ledger.used()[r]) / std::max(std::abs(bound), 1.0);
  }
  return use;
}

/// What is gained for what is used up; all that uses nothing comes first.
double gain_per_use(double gain, double use) {
  return use > 0 ? gain / use : std::numeric_limits<double>::max();
}

/// All single changes from where the ledger stands.
template <class Measure>
std::vector<Incumbent::Move> single_moves(Ledger& ledger, const Measure& measure) {
  const auto& variables = ledger.problem().variables;
  const auto cost = ledger.cost();
  const auto before = measure();
  std::vector<Incumbent::Move> moves;
  for (std::size_t i = 0; i < variables.size(); ++i) {
    const auto here = ledger.here()[i];
    for (std::size_t s = 0; s < variables[i].cost_ns.size(); ++s) {
      if (s == here) {
        continue;
      }
      ledger.change(i, static_cast<std::uint8_t>(s));
      moves.push_back({{i, static_cast<std::uint8_t>(s)},
                       static_cast<double>(cost - ledger.cost()),
                       before - measure(),
                       0});
    }
    ledger.change(i, here);
  }
  return moves;
}

}  // namespace

void Incumbent::make(const std::vector<Change>& changes) {
  for (const auto& [variable, state] : changes) {
    ledger_.change(variable, state);
  }
}

void Incumbent::keep() {
  if (ledger_.excess() > 0 || (best_ && ledger_.cost() >= cost_)) {
    return;
  }
  best_ = ledger_.here();
  cost_ = ledger_.cost();
  is_new_ = true;
}

void Incumbent::repair(int rounds) {
  for (int round = 0; round < rounds && ledger_.excess() > 0; ++round) {
    auto moves = single_moves(ledger_, [&] { return ledger_.excess(); });
    std::erase_if(moves, [](const Move& move) { return move.relief <= 0; });
    for (auto& move : moves) {
      // What gains and makes room comes first, the more of both the earlier.
      move.worth = move.gain >= 0 ? (move.gain + 1) * move.relief : move.gain / move.relief;
    }
    std::ranges::stable_sort(moves, std::greater{}, &Move::worth);
    for (const auto& [change, gain, relief, worth] : moves) {
      const auto excess = ledger_.excess();
      if (excess == 0) {
        break;
      }
      const auto old = ledger_.here()[change.variable];
      ledger_.change(change.variable, change.state);
      if (ledger_.excess() >= excess) {
        ledger_.change(change.variable, old);
      }
    }
  }
}

std::vector<std::vector<Change>> Incumbent::parts(const Assignment& from,
                                                  const Assignment& to) const {
  std::vector<std::vector<Change>> parts;
  std::vector<char> done(from.size(), 0);
  for (std::size_t first = 0; first < from.size(); ++first) {
    if (done[first] != 0 || from[first] == to[first]) {
      continue;
    }
    done[first] = 1;
    std::vector<Change> part{{first, to[first]}};
    for (std::size_t k = 0; k < part.size(); ++k) {
      for (const auto near : ledger_.neighbours(part[k].variable)) {
        if (done[near] == 0 && from[near] != to[near]) {
          done[near] = 1;
          part.push_back({near, to[near]});
        }
      }
    }
    parts.push_back(std::move(part));
  }
  return parts;
}

void Incumbent::cross(const Assignment& assignment) {
  const auto from = *best_;
  ledger_.stand_at(from);
  struct Part {
    std::vector<Change> changes;
    double worth = 0;
  };
  std::vector<Part> found;
  const auto cost = ledger_.cost();
  const auto use = use_of(ledger_);
  for (auto& changes : parts(from, assignment)) {
    make(changes);
    const auto gain = static_cast<double>(cost - ledger_.cost());
    const auto more = use_of(ledger_) - use;
    // What neither gains nor makes room stays.
    const double worth = gain > 0 ? gain_per_use(gain, more) : (more < 0 ? -gain / more : -1.0);
    for (const auto& [variable, state] : changes) {
      ledger_.change(variable, from[variable]);
    }
    found.push_back({std::move(changes), worth});
  }
  std::ranges::stable_sort(found, std::greater{}, &Part::worth);
  for (const auto& [changes, worth] : found) {
    const auto before = ledger_.cost();
    make(changes);
    if (ledger_.excess() > 0 || ledger_.cost() >= before) {
      for (const auto& [variable, state] : changes) {
        ledger_.change(variable, from[variable]);
      }
    }
  }
}

Incumbent::Partners Incumbent::partners() {
  Partners partners;
  for (auto move : single_moves(ledger_, [&] { return use_of(ledger_); })) {
    if (move.gain > 0) {
      move.worth = gain_per_use(move.gain, -move.relief);
      partners.gains.push_back(move);
    }
    if (move.relief > 0) {
      move.worth = move.gain / move.relief;
      partners.rooms.push_back(move);
    }
  }
  for (auto* moves : {&partners.gains, &partners.rooms}) {
    std::ranges::stable_sort(*moves, std::greater{}, &Move::worth);
    moves->resize(std::min(moves->size(), is_plain_ ? kManyPartners : kMostPartners));
  }
  return partners;
}

bool Incumbent::swap_two(const Partners& partners) {
  const auto cost = ledger_.cost();
  for (const auto& gain : partners.gains) {
    const auto first = ledger_.here()[gain.change.variable];
    ledger_.change(gain.change.variable, gain.change.state);
    for (const auto& room : partners.rooms) {
      if (room.change.variable == gain.change.variable) {
        continue;
      }
      const auto second = ledger_.here()[room.change.variable];
      ledger_.change(room.change.variable, room.change.state);
      if (ledger_.excess() == 0 && ledger_.cost() < cost) {
        return true;
      }
      ledger_.change(room.change.variable, second);
    }
    ledger_.change(gain.change.variable, first);
  }
  return false;
}

bool Incumbent::swap_three(const Partners& partners) {
  if (!is_plain_) {
    return false;
  }
  const auto few = [](const std::vector<Move>& moves) {
    return std::span(moves).first(std::min(moves.size(), kFewPartners));
  };
  const auto gains = few(partners.gains);
  const auto rooms = few(partners.rooms);
  for (const auto& gain : gains) {
    if (any_two_with(gain, rooms)) {
      return true;
    }
  }
  return std::ranges::any_of(rooms, [&](const Move& room) { return any_two_with(room, gains); });
}

bool Incumbent::make_room_for(const Partners& partners) {
  if (!is_plain_) {
    return false;
  }
  const auto from = ledger_.here();
  const auto cost = ledger_.cost();
  for (const auto& one : partners.gains) {
    ledger_.change(one.change.variable, one.change.state);
    for (int leaving = 0; leaving < kMostLeaving && ledger_.excess() > 0; ++leaving) {
      auto moves = single_moves(ledger_, [&] { return ledger_.excess(); });
      std::erase_if(moves, [&](const Move& move) {
        return move.relief <= 0 || move.change.variable == one.change.variable;
      });
      if (moves.empty()) {
        break;
      }
      const auto best = std::ranges::max_element(
          moves, {}, [](const Move& move) { return move.gain / move.relief; });
      ledger_.change(best->change.variable, best->change.state);
    }
    if (ledger_.excess() == 0) {
      change_one();
      if (ledger_.cost() < cost) {
        return true;
      }
    }
    ledger_.stand_at(from);
  }
  return false;
}

bool Incumbent::any_two_with(const Move& one, std::span<const Move> others) {
  const auto make = [&](const Move& move) {
    const auto old = ledger_.here()[move.change.variable];
    ledger_.change(move.change.variable, move.change.state);
    return old;
  };
  const auto first = make(one);
  for (std::size_t a = 0; a < others.size(); ++a) {
    if (others[a].change.variable == one.change.variable) {
      continue;
    }
    const auto second = make(others[a]);
    for (std::size_t b = 0; b < a; ++b) {
      const auto variable = others[b].change.variable;
      if (variable == one.change.variable || variable == others[a].change.variable ||
          one.gain + others[a].gain + others[b].gain <= 0) {
        continue;
      }
      const auto third = make(others[b]);
      if (ledger_.excess() == 0) {
        return true;
      }
      ledger_.change(variable, third);
    }
    ledger_.change(others[a].change.variable, second);
  }
  ledger_.change(one.change.variable, first);
  return false;
}

void Incumbent::change_one() {
  const auto& variables = ledger_.problem().variables;
  for (bool again = true; again;) {
    again = false;
    for (std::size_t i = 0; i < variables.size(); ++i) {
      for (std::size_t s = 0; s < variables[i].cost_ns.size(); ++s) {
        const auto old = ledger_.here()[i];
        const auto cost = ledger_.cost();
        ledger_.change(i, static_cast<std::uint8_t>(s));
        if (ledger_.excess() > 0 || ledger_.cost() >= cost) {
          ledger_.change(i, old);
        } else {
          again = true;
        }
      }
    }
  }
}

Incumbent::Incumbent(const Problem& problem)
    : ledger_(problem), is_plain_(problem.tensors.empty() && problem.couplings.empty()) {}

void Incumbent::offer(const Assignment& assignment) {
  ledger_.stand_at(assignment);
  // Far beyond the limits a repair ends far from the optimum, and takes long.
  if (!best_ || (ledger_.cost() < cost_ && ledger_.excess() < kLittle)) {
    repair(best_ ? 1 : kMostRepairs);
    keep();
  }
  if (best_) {
    cross(assignment);
    keep();
  }
}

void Incumbent::polish() {
  if (!is_new_) {
    return;
  }
  ledger_.stand_at(*best_);
  change_one();
  for (int swaps = 0; swaps < kMostSwaps; ++swaps) {
    const auto with = partners();
    if (!swap_two(with) && !swap_three(with) && !make_room_for(with)) {
      break;
    }
    change_one();
  }
  keep();
  is_new_ = false;
}

}  // namespace tessera::plan
