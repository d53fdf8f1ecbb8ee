#include "numerical/heat_flow.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "nngp/math.hpp"
#include "numerical/quadrature.hpp"
#include "simd/dispatch.hpp"

namespace nngp::numerical {
namespace {

/// sum_k weighted_k exp(-(x_k - y)^2 / (2 b^2)) for both channels and all y.
struct GaussTransform {
  const double* x;
  const double* weighted[2];
  std::size_t count;
  double inverse;  // of b
  const std::vector<double>& y;
  HeatFlow::Values& out;

  template <class Isa>
  void run() {
    using V = vec<double, Isa>;
    const std::size_t whole = count / V::size * V::size;
    const V scale(inverse * std::numbers::sqrt2 / 2);
    for (std::size_t i = 0; i < y.size(); ++i) {
      V sum0(0.0), sum1(0.0);
      const V at(y[i]);
      for (std::size_t k = 0; k < whole; k += V::size) {
        const V u = (V::load(x + k) - at) * scale;
        const V density = exp(-(u * u));
        sum0 = fma(V::load(weighted[0] + k), density, sum0);
        sum1 = fma(V::load(weighted[1] + k), density, sum1);
      }
      double total[2] = {0, 0};
      for (std::size_t lane = 0; lane < V::size; ++lane) {
        total[0] += sum0[lane];
        total[1] += sum1[lane];
      }
      for (std::size_t k = whole; k < count; ++k) {
        const double u = (x[k] - y[i]) * inverse, density = std::exp(-u * u / 2);
        total[0] += weighted[0][k] * density;
        total[1] += weighted[1][k] * density;
      }
      const double norm = inverse / std::sqrt(2 * std::numbers::pi);
      out[0][i] = norm * total[0];
      out[1][i] = norm * total[1];
    }
  }
};

}  // namespace

HeatFlow::HeatFlow(const Pieces& fn, Fineness fineness) : fn_(fn), fineness_(fineness) {
  const std::vector<double>& edges = fn.panels();
  for (std::size_t i = 0; i + 1 < edges.size(); ++i) add(nodes_, edges[i], edges[i + 1]);
}

void HeatFlow::add(Nodes& nodes, double left, double right) const {
  const Rule rule = composite_gauss({left, right}, INFINITY, fineness_.nodes);
  for (std::size_t i = 0; i < rule.size(); ++i) {
    const auto g = fn_(rule.node[i]);
    nodes.x.push_back(rule.node[i]);
    for (Channel channel : {nngp, d_nngp})
      nodes.weighted[channel].push_back(rule.weight[i] * g[channel]);
  }
}

/// For integrals against Gaussians of deviation b.
HeatFlow::Nodes HeatFlow::nodes_between(double left, double right, double b) const {
  Nodes nodes;
  const std::vector<double>& edges = fn_.panels();
  const std::size_t panels = edges.size() - 1;
  const auto offset = [&](std::size_t panel) {
    return static_cast<std::ptrdiff_t>(panel * fineness_.nodes);
  };
  for (std::size_t i = interval_of(edges, left); i < panels && edges[i] < right;) {
    std::size_t end = i;
    while (end < panels && edges[end] < right && edges[end + 1] - edges[end] <= fineness_.width * b)
      ++end;
    if (end > i) {
      nodes.x.insert(nodes.x.end(), nodes_.x.begin() + offset(i), nodes_.x.begin() + offset(end));
      for (Channel channel : {nngp, d_nngp})
        nodes.weighted[channel].insert(nodes.weighted[channel].end(),
                                       nodes_.weighted[channel].begin() + offset(i),
                                       nodes_.weighted[channel].begin() + offset(end));
      i = end;
    } else {
      const double from = std::max(left, edges[i]), to = std::min(right, edges[i + 1]);
      const double parts = std::ceil((to - from) / (fineness_.width * b));
      for (double p = 0; p < parts; ++p)
        add(nodes, from + p / parts * (to - from), from + (p + 1) / parts * (to - from));
      ++i;
    }
  }
  return nodes;
}

HeatFlow::Values HeatFlow::operator()(const std::vector<double>& y, double b) const {
  Values out{std::vector<double>(y.size()), std::vector<double>(y.size())};
  const auto put = [&](std::size_t i, const std::array<double, 2>& value) {
    for (Channel channel : {nngp, d_nngp}) out[channel][i] = value[channel];
  };
  constexpr double near = 8.5, much_smaller = 10;
  const double scale = fn_.scale_between(y.front() - near * b, y.back() + near * b);
  if (b == 0 || scale > much_smaller * b) {
    // fn is a polynomial as far as z counts, of terms that fall by b / local: towards 0 fn may be as
    // small as a power. With n nodes the error is about n! (b / local)^(2 n).
    const double local = std::min(scale, std::max(std::abs(y.front()), std::abs(y.back())));
    const std::size_t parts = local > 1000 * b ? 5 : local > 30 * b ? 2 : 1;
    const Rule& rule = gauss_hermite(fineness_.nodes / parts);
    for (std::size_t i = 0; i < y.size(); ++i) {
      std::array<double, 2> sum = {0, 0};
      for (std::size_t k = 0; k < (b == 0 ? 1 : rule.size()); ++k) {
        const auto g = fn_(b == 0 ? y[i] : y[i] + b * rule.node[k]);
        for (Channel channel : {nngp, d_nngp})
          sum[channel] += (b == 0 ? 1 : rule.weight[k]) * g[channel];
      }
      put(i, sum);
    }
    return out;
  }
  const double reach = 0.8 * fn_.reach() * b;
  const Nodes nodes = nodes_between(y.front() - reach, y.back() + reach, b);
  GaussTransform transform{nodes.x.data(),
                           {nodes.weighted[0].data(), nodes.weighted[1].data()},
                           nodes.x.size(),
                           1 / b,
                           y,
                           out};
  dispatch(transform);
  return out;
}

}  // namespace nngp::numerical
