// Whole networks against tests/golden/networks: kernels of the same closed forms with 50 digits.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "nngp/data.hpp"
#include "nngp/kernel.hpp"
#include "nngp/model.hpp"

namespace nngp {
namespace {

const std::string folder = NNGP_TEST_DATA "/golden/networks/";

const Registry& registry() {
  static const Registry all({.named = {NNGP_TEST_PLUGINS}, .folders = {}});
  return all;
}

struct Network {
  std::string id;
  std::string model;
};

std::vector<Network> networks() {
  std::vector<Network> all;
  const auto file = nlohmann::json::parse(std::ifstream(folder + "networks.json"));
  for (const auto& entry : file["models"]) all.push_back({entry["id"], entry["model"]});
  return all;
}

/// Rows that differ by 1e-8: there float64 holds only half the digits of the angle between them.
bool is_ill_conditioned(Eigen::Index i, Eigen::Index j, bool self) {
  using Pair = std::pair<Eigen::Index, Eigen::Index>;
  static const std::set<Pair> cross = {{5, 5}, {16, 3}};
  static const std::set<Pair> square = {{16, 3}, {3, 16}, {16, 17}, {17, 16}};
  return (self ? square : cross).contains({i, j});
}

/// Largest error relative to max(|K_ij|, sqrt(K_ii K_jj)), `var` being the diagonals.
double largest_error(const KernelMatrix<double>& kernel, const MatrixView<double>& exact,
                     const Eigen::VectorXd& var1, const Eigen::VectorXd& var2, bool self) {
  double largest = 0;
  for (Eigen::Index i = 0; i < exact.rows(); ++i)
    for (Eigen::Index j = 0; j < exact.cols(); ++j) {
      if (is_ill_conditioned(i, j, self)) continue;
      const double scale = std::max(std::abs(exact(i, j)), std::sqrt(var1(i) * var2(j)));
      const double error = std::abs(kernel(i, j) - exact(i, j));
      largest = std::max(largest, std::isfinite(error) ? (error == 0 ? 0 : error / scale) : INFINITY);
    }
  return largest;
}

class GoldenNetwork : public testing::TestWithParam<Network> {};

TEST_P(GoldenNetwork, AgreesWithExactKernels) {
  const auto x1 = read_data<double>(folder + "x1.npy");
  const auto x2 = read_data<double>(folder + "x2.npy");
  const auto exact = [&](const char* name) {
    return read_data<double>(folder + GetParam().id + "/" + name + ".npy");
  };
  const KernelFn kernel_fn(parse_model(GetParam().model, registry()));

  const auto self = kernel_fn(x1.view());
  const auto square2 = kernel_fn(x2.view());
  const auto cross = kernel_fn(x1.view(), x2.view());
  const Eigen::VectorXd nngp1 = self.nngp.view().diagonal(), nngp2 = square2.nngp.view().diagonal();
  const Eigen::VectorXd ntk1 = self.ntk.view().diagonal(), ntk2 = square2.ntk.view().diagonal();

  EXPECT_LE(largest_error(cross.nngp, exact("nngp").view(), nngp1, nngp2, false), 1e-10);
  EXPECT_LE(largest_error(cross.ntk, exact("ntk").view(), ntk1, ntk2, false), 1e-10);
  EXPECT_LE(largest_error(self.nngp, exact("nngp_self").view(), nngp1, nngp1, true), 1e-10);
  EXPECT_LE(largest_error(self.ntk, exact("ntk_self").view(), ntk1, ntk1, true), 1e-10);
  EXPECT_EQ(self.nngp.view(), self.nngp.view().transpose());
  EXPECT_EQ(self.ntk.view(), self.ntk.view().transpose());
}

INSTANTIATE_TEST_SUITE_P(All, GoldenNetwork, testing::ValuesIn(networks()),
                         [](const auto& info) { return info.param.id; });

}  // namespace
}  // namespace nngp
