#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "numerical/pieces.hpp"

namespace nngp::numerical {

/// How finely functions are integrated: Gauss nodes a panel, and the widest panel in units of the
/// deviation of a Gaussian that the integrand contains.
struct Fineness {
  std::size_t nodes;
  double width;
};

/// fn and fn' after diffusion, P_b g(y) = E g(y + b z) with z ~ N(0, 1): solutions of the heat equation
/// at time b^2 / 2, which vary on a scale of b wherever g varies faster.
class HeatFlow {
 public:
  HeatFlow(const Pieces& fn, Fineness fineness);

  /// Values by Channel, [channel][i] of y[i]. It is quick if the y, which increase, lie together.
  using Values = std::array<std::vector<double>, 2>;
  Values operator()(const std::vector<double>& y, double b) const;

  const Pieces& fn() const { return fn_; }
  const Fineness& fineness() const { return fineness_; }

 private:
  /// Nodes, and values by Channel times weights.
  struct Nodes {
    std::vector<double> x;
    Values weighted;
  };
  void add(Nodes& nodes, double left, double right) const;
  Nodes nodes_between(double left, double right, double b) const;

  const Pieces& fn_;
  Fineness fineness_;
  Nodes nodes_;  // of all pieces
};

}  // namespace nngp::numerical
