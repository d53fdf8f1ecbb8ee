#include "check/tile_buffers.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <cstdint>
#include <iterator>
#include <new>

namespace nngp::host {

GuardedMemory::GuardedMemory(std::size_t bytes) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t usable = (bytes + page - 1) / page * page;
  mapped_ = usable + page;
  void* memory = ::mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  begin_ = static_cast<char*>(memory);
  end_ = begin_ + usable;
  ::mprotect(end_, page, PROT_NONE);
}

GuardedMemory::~GuardedMemory() { ::munmap(begin_, mapped_); }

template <class Real>
void TileBuffers<Real>::fill() {
  // The same entries at the same place whatever the shape of the tile: a hash (the finaliser of
  // SplitMix64), since a generator for each would take longer than the tile.
  const auto at_place = [](std::uint64_t i, std::uint64_t j, std::uint64_t salt) {
    std::uint64_t bits = (i << 40) + (j << 8) + salt;
    bits = (bits ^ bits >> 30) * 0xBF58476D1CE4E5B9;
    bits = (bits ^ bits >> 27) * 0x94D049BB133111EB;
    return static_cast<double>((bits ^ bits >> 31) >> 11) * 0x1p-53;
  };
  for (std::size_t i = 0; i < rows; ++i) var1(0, i) = static_cast<Real>(0.1 + 1.9 * at_place(i, 0, 1));
  for (std::size_t j = 0; j < cols; ++j) var2(0, j) = static_cast<Real>(0.1 + 1.9 * at_place(0, j, 2));
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < cols; ++j) {
      const double rho = 1.8 * at_place(i, j, 3) - 0.9;
      const double unit = std::sqrt(static_cast<double>(var1(0, i)) * static_cast<double>(var2(0, j)));
      cov12(i, j) = static_cast<Real>(rho * unit);
      ntk(i, j) = static_cast<Real>(200 * std::pow(at_place(i, j, 4), 3));
      nngp(i, j) = d_nngp(i, j) = static_cast<Real>(-3);
    }
}

template <class Real>
void TileBuffers<Real>::assign(const TileBuffers& other) {
  cov12.assign(other.cov12);
  var1.assign(other.var1), var2.assign(other.var2);
  nngp.assign(other.nngp), d_nngp.assign(other.d_nngp), ntk.assign(other.ntk);
}

template <class Real>
void TileBuffers<Real>::fill_extremes() {
  // In float32 powers of the least must be normal numbers, and 1 must count beside the square of the
  // most.
  constexpr bool is_double = std::is_same_v<Real, double>;
  constexpr double least = is_double ? 1e-10 : 1e-6, most = is_double ? 1e7 : 1e4;
  constexpr double variances[] = {0,  least, 1e-6, 1e-3, 0.02, 0.5, 1,   3,
                                  12, 35,    77,   208,  2e3,  1e4, most},
                   rhos[] = {1, -1, 0, 0.999, -0.3, 0.6, -0.8};
  fill();
  for (std::size_t i = 0; i < rows; ++i)
    var1(0, i) = static_cast<Real>(variances[i % std::size(variances)]);
  for (std::size_t j = 0; j < cols; ++j)
    var2(0, j) = static_cast<Real>(variances[j / std::size(rhos) % std::size(variances)]);
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < cols; ++j) {
      const double v1 = static_cast<double>(var1(0, i)), v2 = static_cast<double>(var2(0, j));
      const double unit = v1 == v2 ? v1 : std::sqrt(v1) * std::sqrt(v2);
      cov12(i, j) = static_cast<Real>(rhos[j % std::size(rhos)] * unit);
    }
}

template struct TileBuffers<double>;
template struct TileBuffers<float>;

}  // namespace nngp::host
