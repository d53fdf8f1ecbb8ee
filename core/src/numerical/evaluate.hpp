#pragma once

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <vector>

#include "nngp/activation.h"
#include "nngp/gram.hpp"
#include "nngp/numerical.hpp"
#include "numerical/arc_sine.hpp"
#include "numerical/kinks_dual.hpp"
#include "numerical/table.hpp"

#pragma GCC visibility push(hidden)

namespace nngp::numerical {

template <class Real>
using Tile = std::conditional_t<std::is_same_v<Real, double>, nngp_tile_f64, nngp_tile_f32>;

/// Fills a tile from a table. An entry costs one arc sine, one step of Clenshaw's recurrence a term in
/// x, and one multiplication a factor; factors are made once a row of the tile, and once a column of
/// all tiles that share a memory.
template <class Real>
class TileEvaluation {
 public:
  /// `memory` may hold the factors of the tile's columns already.
  TileEvaluation(const Table<Real>& table, const Tile<Real>& tile, ColumnCache<Real>& memory)
      : table_(table),
        tile_(tile),
        memory_(memory),
        derivative_(tile.d_nngp || tile.ntk),
        moderate_(table.kappa <= 0.99),
        per_kappa_(1 / table.kappa),
        per_angle_(1 / std::asin(table.kappa)),
        factors_(derivative_ ? table.factors : table.nngp_factors),
        row_factors_(tile.rows * factors_),
        row_inverses_(tile.rows),
        lane_factors_(max_lanes * factors_) {}

  template <class Isa>
  void run() {
    using V = vec<Real, Isa>;
    for (std::size_t i = 0; i < tile_.rows; i += V::size) {
      const V v1 = dense(load(tile_.var1 + i, tile_.rows - i, V(0.0)));
      make_factors(v1, lane_factors_.data(), V::size);
      const std::size_t count = std::min(V::size, tile_.rows - i);
      store(inverse_deviation(v1), &row_inverses_[i], count);
      for (std::size_t f = 0; f < factors_; ++f)
        for (std::size_t r = 0; r < count; ++r)
          row_factors_[(i + r) * factors_ + f] = table_.sign[f] * lane_factors_[f * V::size + r];
    }
    const bool at_hand =
        memory_.var2 == tile_.var2 && memory_.cols == tile_.cols && memory_.derivative == derivative_;
    if (!at_hand) memory_ = {tile_.var2, tile_.cols, derivative_, std::move(memory_.values)};
    memory_.values.resize((tile_.cols + V::size - 1) / V::size * V::size * factors_);
    // Two vectors share what is loaded of a row, where there are registers for their sums.
    constexpr std::size_t most = sizeof(V) == 64 ? 2 : 1;
    std::size_t j = 0;
    for (; j + (most - 1) * V::size < tile_.cols; j += most * V::size) columns<V, most>(j, at_hand);
    for (; j < tile_.cols; j += V::size) columns<V, 1>(j, at_hand);
  }

 protected:
  template <class Isa>
  void run_diagonal() {
    using V = vec<Real, Isa>;
    for (std::size_t j = 0; j < tile_.cols; j += V::size) diagonal_entries<V>(j);
  }

 private:
  static constexpr std::size_t max_lanes = 64 / sizeof(Real);
  static constexpr std::size_t rows_at_once = 4;
  static constexpr std::size_t max_degrees = 96;

  /// The Dense layer in front.
  template <class V>
  V dense(const V& x) const {
    return fma(V(tile_.cov_scale), x, V(tile_.cov_shift));
  }
  template <class V>
  static V inverse_deviation(const V& variance) {
    return select(variance > 0.0, 1.0 / sqrt(variance), V(0.0));
  }

  /// All rows of `Vectors` vectors of columns from j on.
  template <class V, std::size_t Vectors>
  void columns(std::size_t j, bool at_hand) {
    column_ = memory_.values.data() + j * factors_;
    V v2[Vectors], inverse2[Vectors];
    for (std::size_t q = 0; q < Vectors; ++q) {
      const std::size_t at = j + q * V::size;
      v2[q] = dense(load(tile_.var2 + at, tile_.cols - at, V(0.0)));
      inverse2[q] = inverse_deviation(v2[q]);
      if (!at_hand) make_factors(v2[q], column_ + q * V::size, Vectors * V::size);
    }
    std::size_t i = 0;
    for (; i + rows_at_once <= tile_.rows; i += rows_at_once)
      entries<V, rows_at_once>(i, j, v2, inverse2);
    for (; i < tile_.rows; ++i) entries<V, 1>(i, j, v2, inverse2);
  }

  /// asin(kappa rho) / asin(kappa), for kappa that are not near 1.
  template <class V>
  V moderate_angle(const V& c, const V& inverse1, const V& inverse2) const {
    const V kappa = table_.kappa;
    return arc_sine(max(-kappa, min(kappa, c * (kappa * inverse1 * inverse2))), V(per_angle_));
  }
  /// The same for any, without the rounding of rho, which would count near 1.
  template <class V>
  V wide_angle(const V& c, const V& v1, const V& v2) const {
    const V per_kappa = per_kappa_;
    return asin2(c, root_det(c, per_kappa * v1, per_kappa * v2)) * per_angle_;
  }

  /// A vector from up to V::size elements; the rest repeats the last.
  template <class V>
  static V load(const Real* p, std::size_t count, V) {
    if (count >= V::size) return V::load(p);
    Real lanes[V::size];
    for (std::size_t l = 0; l < V::size; ++l) lanes[l] = p[std::min(l, count - 1)];
    return V::load(lanes);
  }
  template <class V>
  static void store(const V& x, Real* p, std::size_t count) {
    if (count >= V::size) return x.store(p);
    Real lanes[V::size];
    x.store(lanes);
    std::copy_n(lanes, count, p);
  }

  /// The factors of V::size variances, lane by lane; from one factor to the next it is `stride`.
  template <class V>
  void make_factors(const V& v, Real* out, std::size_t stride) {
    const V sigma = sqrt(v);
    const V z = sigma / (sigma + 2.0);
    const V t = min(max((z - table_.z_middle) * table_.z_scale, V(-1.0)), V(1.0));
    V power[max_degrees];  // T_k(t)
    power[0] = V(1.0);
    power[1] = t;
    for (std::size_t k = 2; k < table_.degrees; ++k) power[k] = fma(t + t, power[k - 1], -power[k - 2]);
    using Group = typename Table<Real>::FactorGroup;
    for (const Group& group : table_.groups) {
      if (group.factor[0] >= factors_) break;  // d_nngp is not wanted
      const Real* coefficient = table_.coefficients.data() + group.coefficients;
      V sum[Group::size];
      for (std::size_t b = 0; b < Group::size; ++b) sum[b] = V(coefficient[b]);
      for (std::size_t k = 1; k < group.degrees; ++k) {
        coefficient += Group::size;
        for (std::size_t b = 0; b < Group::size; ++b) sum[b] = fma(V(coefficient[b]), power[k], sum[b]);
      }
      for (std::size_t b = 0; b < Group::size; ++b)
        if (b < group.count) sum[b].store(out + group.factor[b] * stride);
    }
    for (std::size_t channel = 0; channel < 2; ++channel) {
      const Scale& scale = table_.scale[channel];
      if (scale.power == 0 && scale.growth.empty()) continue;
      V factor(1.0);
      for (int p = 0; p < scale.power; ++p) factor = factor * sigma;
      if (!scale.growth.empty()) {
        V exponent(0.0);
        for (std::size_t k = scale.growth.size(); k-- > 0;)
          exponent = fma(V(scale.growth[k]), power[k], exponent);
        factor = factor * exp(exponent);
      }
      const std::size_t begin = channel == 0 ? 0 : std::min(table_.nngp_factors, factors_);
      const std::size_t end = channel == 0 ? std::min(table_.nngp_factors, factors_) : factors_;
      for (std::size_t f = begin; f < end; ++f)
        (factor * V::load(out + f * stride)).store(out + f * stride);
    }
  }

  /// The factors of a row, for every lane, with the signs.
  template <class V>
  struct RowFactors {
    const Real* row;
    V operator[](std::size_t f) const { return V(row[f]); }
  };
  /// Those of the columns at hand, each lane being a row of its own.
  template <class V>
  struct LaneFactors {
    const Real* sign;
    const Real* column;
    V operator[](std::size_t f) const { return V(sign[f]) * V::load(column + f * V::size); }
  };

  /// nngp where rows and columns are the same, for V::size columns from j on: what entries() gives
  /// there.
  template <class V>
  void diagonal_entries(std::size_t j) {
    const std::size_t count = tile_.cols - j;
    const V v = dense(load(tile_.var2 + j, count, V(0.0)));
    make_factors(v, lane_factors_.data(), V::size);
    column_ = lane_factors_.data();
    const V inverse = inverse_deviation(v);
    const V x = moderate_ ? moderate_angle(v, inverse, inverse) : wide_angle(v, v, v);
    const V y[1][1] = {{fma(x + x, x, V(-1.0))}};
    const LaneFactors<V> row[1] = {{table_.sign.data(), column_}};
    std::size_t f = 0;
    V even[1][1], odd[1][1];
    chain(Table<Real>::nngp_even, f, row, y, even);
    chain(Table<Real>::nngp_odd, f, row, y, odd);
    V kinks(0.0);
    if (!table_.kinks.empty()) kinks = dual_of_kinks(table_.kinks, v, v, v).nngp;
    store(fma(x, odd[0][0], even[0][0]) + kinks, tile_.nngp + j, count);
  }

  /// Rows i ... i + Rows - 1 of `Vectors` vectors of columns from j on.
  template <class V, std::size_t Rows, std::size_t Vectors>
  void entries(std::size_t i, std::size_t j, const V (&v2)[Vectors], const V (&inverse2)[Vectors]) {
    V k[Rows][Vectors], c[Rows][Vectors], x[Rows][Vectors], y[Rows][Vectors];
    RowFactors<V> row[Rows];
    V v1[Rows];
#pragma GCC unroll 4
    for (std::size_t r = 0; r < Rows; ++r) {
      row[r] = {row_factors_.data() + (i + r) * factors_};
      v1[r] = dense(V(tile_.var1[i + r]));
#pragma GCC unroll 2
      for (std::size_t q = 0; q < Vectors; ++q) {
        const std::size_t at = j + q * V::size;
        k[r][q] = load(tile_.cov12 + (i + r) * tile_.cov12_ld + at, tile_.cols - at, V(0.0));
        c[r][q] = dense(k[r][q]);
      }
    }
    if (moderate_) {
#pragma GCC unroll 4
      for (std::size_t r = 0; r < Rows; ++r)
#pragma GCC unroll 2
        for (std::size_t q = 0; q < Vectors; ++q)
          x[r][q] = moderate_angle(c[r][q], V(row_inverses_[i + r]), inverse2[q]);
    } else {
      for (std::size_t r = 0; r < Rows; ++r)
        for (std::size_t q = 0; q < Vectors; ++q) x[r][q] = wide_angle(c[r][q], v1[r], v2[q]);
    }
    kernel_pair<V> kinks[Rows][Vectors];
#pragma GCC unroll 4
    for (std::size_t r = 0; r < Rows; ++r)
#pragma GCC unroll 2
      for (std::size_t q = 0; q < Vectors; ++q) {
        y[r][q] = fma(x[r][q] + x[r][q], x[r][q], V(-1.0));  // T_2(x)
        kinks[r][q] = {V(0.0), V(0.0)};
      }
    if (!table_.kinks.empty())
      for (std::size_t r = 0; r < Rows; ++r)
        for (std::size_t q = 0; q < Vectors; ++q)
          kinks[r][q] = dual_of_kinks(table_.kinks, c[r][q], v1[r], v2[q]);
    std::size_t f = 0;
    V even[Rows][Vectors], odd[Rows][Vectors];
    chain(Table<Real>::nngp_even, f, row, y, even);
    chain(Table<Real>::nngp_odd, f, row, y, odd);
    for (std::size_t r = 0; r < Rows; ++r)
      for (std::size_t q = 0; q < Vectors; ++q) {
        const std::size_t at = j + q * V::size;
        store(fma(x[r][q], odd[r][q], even[r][q]) + kinks[r][q].nngp,
              tile_.nngp + (i + r) * tile_.nngp_ld + at, tile_.cols - at);
      }
    if (!derivative_) return;
    chain(Table<Real>::d_nngp_even, f, row, y, even);
    chain(Table<Real>::d_nngp_odd, f, row, y, odd);
    for (std::size_t r = 0; r < Rows; ++r)
      for (std::size_t q = 0; q < Vectors; ++q) {
        const V d = fma(x[r][q], odd[r][q], even[r][q]) + kinks[r][q].d_nngp;
        store_derivative(d, k[r][q], i + r, j + q * V::size);
      }
  }

  /// Entries of d_nngp, and of the NTK, whose covariances before were k.
  template <class V>
  void store_derivative(const V& d, const V& k, std::size_t row, std::size_t col) const {
    const std::size_t count = tile_.cols - col;
    if (tile_.d_nngp) store(d, tile_.d_nngp + row * tile_.d_nngp_ld + col, count);
    if (!tile_.ntk) return;
    Real* p = tile_.ntk + row * tile_.ntk_ld + col;
    const V t = fma(V(tile_.ntk_scale), load(p, count, V(0.0)), V(tile_.ntk_shift));
    store(d * fma(V(tile_.ntk_cov), k, t), p, count);
  }

  /// sum c_m T_2m(x), or sum c_m T_2m+1(x) / x, by Clenshaw's recurrence in y = T_2(x).
  template <class V, std::size_t Rows, std::size_t Vectors, class Factors>
  void chain(std::size_t which, std::size_t& f, const Factors (&row)[Rows], const V (&y)[Rows][Vectors],
             V (&result)[Rows][Vectors]) const {
    const std::vector<std::uint16_t>& ranks = table_.ranks[which];
    const auto each = [](auto body) {
#pragma GCC unroll 4
      for (std::size_t r = 0; r < Rows; ++r)
#pragma GCC unroll 2
        for (std::size_t q = 0; q < Vectors; ++q) body(r, q);
    };
    V b1[Rows][Vectors], b2[Rows][Vectors], sum[Rows][Vectors];
    each([&](auto r, auto q) { b1[r][q] = b2[r][q] = result[r][q] = V(0.0); });
    if (ranks.empty()) return;
    const Real* column = column_ + f * Vectors * V::size;
    // The coefficient less b2.
    const auto coefficient = [&](std::size_t rank) {
      each([&](auto r, auto q) { sum[r][q] = -b2[r][q]; });
      for (const std::size_t end = f + rank; f < end; ++f, column += Vectors * V::size) {
        V u[Vectors];
        for (std::size_t q = 0; q < Vectors; ++q) u[q] = V::load(column + q * V::size);
        for (std::size_t r = 0; r < Rows; ++r) {
          const V factor = row[r][f];
          for (std::size_t q = 0; q < Vectors; ++q) sum[r][q] = fma(factor, u[q], sum[r][q]);
        }
      }
    };
    for (std::size_t step = 0; step + 1 < ranks.size(); ++step) {
      coefficient(ranks[step]);
      each([&](auto r, auto q) {
        b2[r][q] = b1[r][q];
        b1[r][q] = fma(y[r][q] + y[r][q], b1[r][q], sum[r][q]);
      });
    }
    coefficient(ranks.back());
    const bool even = which == Table<Real>::nngp_even || which == Table<Real>::d_nngp_even;
    each([&](auto r, auto q) {
      result[r][q] = even ? fma(y[r][q], b1[r][q], sum[r][q])
                          : fma(y[r][q] + y[r][q], b1[r][q], sum[r][q]) - b1[r][q];
    });
  }

  const Table<Real>& table_;
  const Tile<Real>& tile_;
  ColumnCache<Real>& memory_;  ///< factors [vectors of columns][factor][lane]
  bool derivative_;
  bool moderate_;                 ///< kappa is
  double per_kappa_, per_angle_;  // 1 / kappa, 1 / asin(kappa)
  std::size_t factors_;
  std::vector<Real> row_factors_;   // [row][factor], with the signs
  std::vector<Real> row_inverses_;  // of the deviations
  std::vector<Real> lane_factors_;  // [factor][lane], of V::size variances
  Real* column_ = nullptr;          // [factor][lane], of the columns at hand
};

/// The diagonal of a tile whose rows are its columns: `nngp` is one row of results, `rows` 0.
template <class Real>
class DiagonalEvaluation : TileEvaluation<Real> {
 public:
  using TileEvaluation<Real>::TileEvaluation;
  template <class Isa>
  void run() {
    this->template run_diagonal<Isa>();
  }
};

}  // namespace nngp::numerical

#pragma GCC visibility pop
