#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <vector>

#include "nngp/activation.h"

namespace nngp::numerical {

/// Jumps of fn and of its first three derivatives are looked for and dealt with; those of higher ones
/// only slow convergence.
constexpr std::size_t kink_orders = 4;

struct Jumps {
  std::array<double, kink_orders> of_derivatives;  ///< 0 where it is no more than rounding
  std::size_t order;  ///< of the lowest derivative that jumps; kink_orders: none does
};

/// `noise` is the relative error of fn where it is more than rounding.
Jumps jumps_at(const std::function<double(double)>& fn, double x, double noise);

/// The break points among and between the ends of pieces that fn was cut into until resolved: where
/// pieces end, or where they became very small.
std::vector<nngp_breakpoint> find_breakpoints(const std::function<double(double)>& fn,
                                              const std::vector<double>& edges, double noise);

/// Whether a break point that was found is one as near as doubles lie together, and not a place where
/// fn is smooth but steep, or bends, within 1e-9.
bool is_break(const std::function<double(double)>& fn, const nngp_breakpoint& point);

}  // namespace nngp::numerical
