#pragma once

// The random numbers of SampleKey (nngp/finite.hpp).

#include <cstddef>
#include <cstdint>

#include "nngp/finite.hpp"

namespace nngp {

/// A stream of random numbers, each reached by its index.
struct RandomStream {
  /// Part of the counter: must never change.
  enum class Purpose : std::uint64_t { weights = 0, bias = 1, mask = 2 };

  SampleKey key;
  Purpose purpose;
  std::uint64_t layer;
  std::uint64_t row = 0;

  /// Numbers come in blocks of this many: `first` below is a multiple of it.
  static constexpr std::size_t block = 4;

  /// out[i] = scale z with z ~ N(0, 1) of index first + i.
  template <class Real>
  void normal(std::uint64_t first, double scale, Real* out, std::size_t count) const;

  /// out[i] = 1 / rate with probability `rate`, else 0, of index i.
  template <class Real>
  void mask(double rate, Real* out, std::size_t count) const;
};

}  // namespace nngp
