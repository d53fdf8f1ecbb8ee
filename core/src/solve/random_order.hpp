#pragma once

#include <cstdint>
#include <numeric>
#include <random>
#include <vector>

#include "nngp/array.hpp"

namespace nngp {

/// 0 ... size - 1 in a random order that is the same on every machine, as std::shuffle's is not.
inline std::vector<Eigen::Index> random_order(Eigen::Index size) {
  std::vector<Eigen::Index> order(static_cast<std::size_t>(size));
  std::iota(order.begin(), order.end(), 0);
  std::mt19937_64 random(1);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random() % i]);
  return order;
}

}  // namespace nngp
