#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "check/specimen.hpp"

namespace nngp::host {

/// One function of an activation's table, called as a host calls it. The checks of what surrounds a
/// call go through all of them, whatever they compute.
struct Call {
  std::string name;  ///< "nngp_fn", "tile_f64 (avx2)"
  /// Other arguments for each `place`; appends what the function gives.
  std::function<void(const Instance& f, unsigned place, std::vector<double>& results)> run;
  /// Of a function of numbers: whether many calls one after the other, with hardly anything in between,
  /// all give the same. Null of others.
  std::function<bool(const Instance& f, unsigned place)> is_steady = nullptr;
  std::size_t entries = 1;  ///< of a tile: how many it has

  std::vector<double> results(const Instance& f, unsigned place) const {
    std::vector<double> results;
    run(f, place, results);
    return results;
  }
};

/// Tiles of some 100 entries, or besides these some as an engine has them, of 8,192 entries and more.
enum class Tiles { small, all };

/// create with destroy, also of values that it refuses, the functions that are offered, and every
/// version of the tile entries.
std::vector<Call> calls_of(const nngp_activation& table, Tiles tiles);

/// Equal to the last bit.
bool same_bits(const std::vector<double>& a, const std::vector<double>& b);

/// The bits that a function of an instance gives at a place, as one number.
std::uint64_t digest(const Call& call, const Instance& f, unsigned place);

/// At how many places digests() calls each function.
constexpr unsigned digest_places = 2;

/// Those of each function at each place.
std::vector<std::uint64_t> digests(const std::vector<Call>& calls, const Instance& f);

/// Those of the only instance that a process has ever made. None if it was not made, or did not come to
/// that, which is then left to checks that say why.
std::vector<std::uint64_t> digests_alone(const std::vector<Call>& calls, const nngp_activation& table,
                                         const Setting& setting);

}  // namespace nngp::host
