// What holds for every kernel, whatever fn is.

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <random>

#include "check/checks.hpp"
#include "check/measure.hpp"

namespace nngp::host {
namespace {

using Kernel = double (*)(const void*, double, double, double);

/// nngp_fn and d_nngp_fn, those of them that are offered.
std::vector<std::pair<const char*, Kernel>> kernels_of(const nngp_activation& table) {
  std::vector<std::pair<const char*, Kernel>> kernels;
  if (table.nngp_fn) kernels.emplace_back("nngp_fn", table.nngp_fn);
  if (table.d_nngp_fn) kernels.emplace_back("d_nngp_fn", table.d_nngp_fn);
  return kernels;
}

/// sqrt(k(var1) k(var2)) of a kernel's own diagonal.
double own_scale(Kernel kernel, const Instance& f, double var1, double var2) {
  return std::sqrt(kernel(f.get(), var1, var1, var1)) * std::sqrt(kernel(f.get(), var2, var2, var2));
}

/// Runs `run(name, kernel, f, measure)` for each kernel of each setting.
template <class Run>
Result measure_kernels(const Specimen& specimen, double tolerance, Run run) {
  const auto kernels = kernels_of(*specimen.table);
  if (kernels.empty()) return skipped("nngp_fn is not offered");
  return worst_of_settings(specimen, [&](const Instance& f) {
    Measure measure(tolerance, 1e-6);
    for (const auto& [name, kernel] : kernels) run(std::string(name), kernel, f, measure);
    return measure.result();
  });
}

Result check_symmetry(const Specimen& specimen) {
  return measure_kernels(
      specimen, 1e-12, [](const std::string& name, Kernel kernel, const Instance& f, Measure& measure) {
        for (const auto& [v1, v2] : {std::pair{0.4, 2.0}, {1e-5, 1.5}, {0.3, 0.31}, {20.0, 3.0}})
          for (const double rho : {-0.9, -0.3, 0.0, 0.5, 0.99}) {
            const double c = rho * std::sqrt(v1 * v2), scale = own_scale(kernel, f, v1, v2);
            if (!std::isfinite(scale)) continue;
            measure.compare(
                kernel(f.get(), c, v2, v1), kernel(f.get(), c, v1, v2), scale,
                [&, v1 = v1, v2 = v2] { return name + " " + at(c, v2, v1) + " and swapped"; });
          }
      });
}

/// The end of a message. It says of what the bound was made, for that may be what has lost its digits.
std::string beyond_bound(double k1, double k2) {
  return "beyond sqrt(a b), a = " + short_number(k1) + " and b = " + short_number(k2) +
         " being its own values for the two variances: one of the three has lost its digits";
}

/// How far |k| exceeds sqrt(k(var1) k(var2)), relative to it.
Result check_cauchy_schwarz(const Specimen& specimen) {
  return measure_kernels(
      specimen, 1e-10, [](const std::string& name, Kernel kernel, const Instance& f, Measure& measure) {
        std::mt19937 random(1);
        std::uniform_real_distribution<double> unit(-1, 1);
        for (int i = 0; i < 300; ++i) {
          const double v1 = std::pow(10, 2 * unit(random) - 1), v2 = std::pow(10, 2 * unit(random) - 1);
          const double c = 0.999 * unit(random) * std::sqrt(v1 * v2);
          const double bound = own_scale(kernel, f, v1, v2), k = kernel(f.get(), c, v1, v2);
          if (!std::isfinite(bound)) continue;
          const double excess = bound > 0 ? std::abs(k) / bound - 1 : std::abs(k);
          measure.add(std::isnan(k) ? k : std::max(0.0, excess), [&] {
            return name + " is " + short_number(k) + " " + at(c, v1, v2) + ", " +
                   beyond_bound(kernel(f.get(), v1, v1, v1), kernel(f.get(), v2, v2, v2));
          });
        }
      });
}

/// The covariances of inputs in four dimensions: random ones, a duplicate, an opposite, a parallel, and
/// all with two entries +-1, between which there are many right angles.
Eigen::MatrixXd covariances() {
  std::mt19937 random(2);
  std::normal_distribution<double> normal(0, 0.8);
  Eigen::MatrixXd x = Eigen::MatrixXd::NullaryExpr(36, 4, [&] { return normal(random); });
  x.row(5) = x.row(4);
  x.row(6) = -x.row(4);
  x.row(7) = 0.25 * x.row(4);
  Eigen::Index row = 24;
  for (Eigen::Index i = 0; i < 4; ++i)
    for (Eigen::Index j = i + 1; j < 4; ++j)
      for (const double sign : {-1.0, 1.0}) {
        x.row(row).setZero();
        x(row, i) = 1;
        x(row++, j) = sign;
      }
  return x * x.transpose();
}

/// Minus the least eigenvalue of a kernel matrix, relative to the largest.
Result check_positive(const Specimen& specimen) {
  const Eigen::MatrixXd c = covariances();
  return measure_kernels(
      specimen, 1e-12,
      [&](const std::string& name, Kernel kernel, const Instance& f, Measure& measure) {
        const Eigen::MatrixXd k = Eigen::MatrixXd::NullaryExpr(
            c.rows(), c.cols(),
            [&](Eigen::Index i, Eigen::Index j) { return kernel(f.get(), c(i, j), c(i, i), c(j, j)); });
        if (!k.diagonal().allFinite()) return;  // no expectation at such variances
        if (!k.allFinite()) return measure.add(NAN, [&] { return name + " is not finite"; });
        const Eigen::MatrixXd symmetric = 0.5 * (k + k.transpose());
        const Eigen::VectorXd values =
            Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd>(symmetric, Eigen::EigenvaluesOnly)
                .eigenvalues();
        const double largest = std::max(values.maxCoeff(), 1e-300);
        measure.add(std::max(0.0, -values.minCoeff() / largest), [&] {
          return name + " of " + std::to_string(c.rows()) + " inputs has the eigenvalues " +
                 short_number(values.minCoeff()) + " to " + short_number(values.maxCoeff());
        });
      });
}

/// Finite where both diagonals are, and in bounds as far as digits are not lost to underflow.
std::string fault_at(Kernel kernel, const Instance& f, double c, double v1, double v2) {
  const double k = kernel(f.get(), c, v1, v2);
  const double k1 = kernel(f.get(), v1, v1, v1), k2 = kernel(f.get(), v2, v2, v2);
  if (std::isnan(k1)) return "NaN " + at(v1, v1, v1);
  if (!std::isfinite(k1) || !std::isfinite(k2)) return "";
  if (!std::isfinite(k)) return short_number(k) + " " + at(c, v1, v2);
  if (std::min(k1, k2) < 1e-30 || std::min(v1, v2) < 1e-37 || std::max(v1, v2) > 1e6) return "";
  if (std::abs(k) > std::sqrt(k1) * std::sqrt(k2) * (1 + 1e-5))
    return short_number(k) + " " + at(c, v1, v2) + ", " + beyond_bound(k1, k2);
  return "";
}

Result check_extremes(const Specimen& specimen) {
  const auto kernels = kernels_of(*specimen.table);
  if (kernels.empty()) return skipped("nngp_fn is not offered");
  const double sizes[] = {1e-310, 1e-200, 1e-100, 1e-20, 1e-10, 1, 1e6, 1e20, 1e100, 1e200, 1e300};
  return worst_of_settings(specimen, [&](const Instance& f) {
    int points = 0;
    Result worst;
    for (const auto& [name, kernel] : kernels)
      for (const double v1 : sizes)
        for (const double v2 : sizes)
          for (const double rho : {-1.0, -0.5, 0.0, 0.7, 1.0}) {
            const double c = v1 == v2 ? rho * v1 : rho * std::sqrt(v1) * std::sqrt(v2);
            const auto fault = fault_at(kernel, f, c, v1, v2);
            // Beyond 1e+-100 products of variances overflow; no data has such variances.
            const bool usual = std::min(v1, v2) >= 1e-100 && std::max(v1, v2) <= 1e100;
            if (!fault.empty() && worst.status != Status::failure)
              worst = {usual ? Status::failure : Status::warning, std::string(name) + " is " + fault};
            ++points;
          }
    if (worst.status != Status::pass) return worst;
    return passed("finite where the diagonals are, " + std::to_string(points) + " points");
  });
}

}  // namespace

std::vector<Check> kernel_checks() {
  return {{"symmetry", "the kernels do not change when var1 and var2 are swapped", check_symmetry},
          {"cauchy_schwarz", "|k(cov12, var1, var2)| is at most sqrt(k(var1) k(var2))",
           check_cauchy_schwarz},
          {"positive", "kernel matrices have no negative eigenvalue", check_positive},
          {"extremes", "tiny and huge variances give no NaN", check_extremes}};
}

}  // namespace nngp::host
