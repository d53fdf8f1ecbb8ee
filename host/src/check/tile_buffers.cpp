#include "check/tile_buffers.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <new>
#include <random>

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
  // The same entries at the same place whatever the shape of the tile.
  const auto at_place = [](std::size_t i, std::size_t j, unsigned salt) {
    std::minstd_rand random(static_cast<unsigned>(1 + 7919 * i + 104729 * j + salt));
    random.discard(3);
    return std::uniform_real_distribution<double>(0, 1)(random);
  };
  for (std::size_t i = 0; i < rows; ++i) var1(0, i) = static_cast<Real>(0.1 + 1.9 * at_place(i, 0, 1));
  for (std::size_t j = 0; j < cols; ++j) var2(0, j) = static_cast<Real>(0.1 + 1.9 * at_place(0, j, 2));
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < cols; ++j) {
      const double rho = 1.8 * at_place(i, j, 3) - 0.9;
      const double unit = std::sqrt(static_cast<double>(var1(0, i)) * static_cast<double>(var2(0, j)));
      cov12(i, j) = static_cast<Real>(rho * unit);
      ntk(i, j) = static_cast<Real>(2 * at_place(i, j, 4));
      nngp(i, j) = d_nngp(i, j) = static_cast<Real>(-3);
    }
}

template <class Real>
void TileBuffers<Real>::fill_extremes() {
  constexpr double variances[] = {1e-6, 1e-3, 0.5, 1, 3, 77, 208, 1e4},
                   rhos[] = {1, -1, 0, 0.999, -0.3};
  fill();
  for (std::size_t i = 0; i < rows; ++i) var1(0, i) = static_cast<Real>(variances[i % 8]);
  for (std::size_t j = 0; j < cols; ++j) var2(0, j) = static_cast<Real>(variances[j / 5 % 8]);
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < cols; ++j) {
      const double v1 = static_cast<double>(var1(0, i)), v2 = static_cast<double>(var2(0, j));
      const double unit = v1 == v2 ? v1 : std::sqrt(v1) * std::sqrt(v2);
      cov12(i, j) = static_cast<Real>(rhos[j % 5] * unit);
    }
}

template struct TileBuffers<double>;
template struct TileBuffers<float>;

}  // namespace nngp::host
