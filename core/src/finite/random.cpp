#include "finite/random.hpp"

#include <Random123/philox.h>

#include <Random123/uniform.hpp>
#include <algorithm>
#include <array>

#include "nngp/math.hpp"
#include "simd/dispatch.hpp"

// As in simd.hpp: vectors never cross a call, so notes on vector calling conventions are moot.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wpsabi"
#endif

namespace nngp {
namespace {

using Generator = r123::Philox4x64;
static_assert(RandomStream::block == 4);

Generator::ctr_type words(const RandomStream& stream, std::uint64_t block) {
  const Generator::ctr_type counter = {
      {block, stream.row, stream.layer, static_cast<std::uint64_t>(stream.purpose)}};
  const Generator::key_type key = {{stream.key.seed, stream.key.sample}};
  return Generator()(counter, key);
}

constexpr std::size_t batch = 128;  // pairs of numbers

/// Pairs of uniform numbers, of (-1, 1) and (0, 1), to pairs of normal ones (G. E. P. Box and M. E.
/// Muller, Ann. Math. Statist. 29, 1958). In vectors: with the scalar functions of the C library a
/// weight took twice as long, and for fewer than about 50 inputs sampling the weights of layers 512
/// wide takes longer than the kernels.
struct BoxMuller {
  alignas(64) std::array<double, batch> half_turns, first, radii, second;

  template <class Isa>
  void run() {
    using V = vec<double, Isa>;
    for (std::size_t i = 0; i < batch; i += V::size) {
      const V angle = pi * V::load(half_turns.data() + i);
      const V radius = sqrt(-2.0 * log(V::load(radii.data() + i)));
      (radius * sin(angle)).store(first.data() + i);
      (radius * cos(angle)).store(second.data() + i);
    }
  }
};

}  // namespace

template <class Real>
void RandomStream::normal(std::uint64_t first, double scale, Real* out, std::size_t count) const {
  BoxMuller pairs = {};
  for (std::size_t i = 0; i < count; i += 2 * batch) {
    const std::size_t size = std::min(2 * batch, count - i);
    for (std::size_t j = 0; j < 2 * batch; j += block) {
      if (j >= size) {  // beyond the end: any numbers in range
        pairs.half_turns[j / 2] = pairs.half_turns[j / 2 + 1] = 0;
        pairs.radii[j / 2] = pairs.radii[j / 2 + 1] = 1;
        continue;
      }
      const Generator::ctr_type w = words(*this, (first + i + j) / block);
      for (std::size_t k = 0; k < 2; ++k) {
        pairs.half_turns[j / 2 + k] = r123::uneg11<double>(w[2 * k]);
        pairs.radii[j / 2 + k] = r123::u01<double>(w[2 * k + 1]);
      }
    }
    dispatch(pairs);
    for (std::size_t j = 0; j < size; ++j)
      out[i + j] = static_cast<Real>(scale * (j % 2 == 0 ? pairs.first : pairs.second)[j / 2]);
  }
}

template <class Real>
void RandomStream::mask(double rate, Real* out, std::size_t count) const {
  const Real kept = static_cast<Real>(1 / rate);
  for (std::size_t i = 0; i < count; i += block) {
    const Generator::ctr_type w = words(*this, i / block);
    for (std::size_t j = 0; j < std::min(block, count - i); ++j)
      out[i + j] = r123::u01<double>(w[j]) <= rate ? kept : Real(0);
  }
}

template void RandomStream::normal(std::uint64_t, double, double*, std::size_t) const;
template void RandomStream::normal(std::uint64_t, double, float*, std::size_t) const;
template void RandomStream::mask(double, double*, std::size_t) const;
template void RandomStream::mask(double, float*, std::size_t) const;

}  // namespace nngp
