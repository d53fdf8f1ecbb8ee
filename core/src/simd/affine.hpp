#pragma once

namespace nngp {

/// Dense layers that still wait to be applied to a signal (k, t):
///   K = cov_scale k + cov_shift,   NTK = ntk_cov k + ntk_scale t + ntk_shift.
/// A Dense layer only changes these five numbers; the next step that reads the signal applies them.
struct Affine {
  double cov_scale = 1.0;
  double cov_shift = 0.0;
  double ntk_cov = 0.0;
  double ntk_scale = 1.0;
  double ntk_shift = 0.0;

  bool is_identity() const { return *this == Affine{}; }
  friend bool operator==(const Affine&, const Affine&) = default;
};

}  // namespace nngp
