#include "numerical/dual_values.hpp"
#include "simd/dispatch.hpp"

namespace nngp::numerical {
namespace {

struct Gram {
  const double* left;  // count rows of `size`
  const double* right;
  const double* weight;
  Eigen::Index count, size;
  double* row;  // scratch
  double* out;  // count x count

  template <class Isa>
  void run() {
    using V = vec<double, Isa>;
    constexpr Eigen::Index lanes = V::size;
    const Eigen::Index whole = size / lanes * lanes;
    for (Eigen::Index a = 0; a < count; ++a) {
      for (Eigen::Index j = 0; j < size; ++j) row[j] = weight[j] * left[a * size + j];
      for (Eigen::Index b = 0; b <= a; ++b) {
        const double* other = right + b * size;
        V sum0(0.0), sum1(0.0);
        Eigen::Index j = 0;
        for (; j + 2 * lanes <= whole; j += 2 * lanes) {
          sum0 = fma(V::load(row + j), V::load(other + j), sum0);
          sum1 = fma(V::load(row + j + lanes), V::load(other + j + lanes), sum1);
        }
        double total = 0;
        for (; j < size; ++j) total += row[j] * other[j];
        const V sum = sum0 + sum1;
        for (std::size_t lane = 0; lane < V::size; ++lane) total += sum[lane];
        out[a * count + b] = out[b * count + a] = total;
      }
    }
  }
};

}  // namespace

Eigen::MatrixXd weighted_gram(const RowMatrix& left, const RowMatrix& right,
                              const Eigen::VectorXd& weight) {
  Eigen::MatrixXd out(left.rows(), left.rows());
  Eigen::VectorXd row(left.cols());
  Gram gram{left.data(), right.data(), weight.data(), left.rows(), left.cols(), row.data(), out.data()};
  dispatch(gram);
  return out;
}

}  // namespace nngp::numerical
