// Whole networks against tests/golden/networks: kernels of the same closed forms with 50 digits.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "matrices.hpp"
#include "nngp/data.hpp"
#include "nngp/kernel.hpp"
#include "nngp/model.hpp"
#include "shipped_registry.hpp"

namespace nngp {
namespace {

using test::largest_error, test::shipped_model;

const std::string folder = NNGP_TEST_DATA "/golden/networks/";

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
auto ill_conditioned(bool self) {
  using Pair = std::pair<Eigen::Index, Eigen::Index>;
  const std::set<Pair> pairs =
      self ? std::set<Pair>{{16, 3}, {3, 16}, {16, 17}, {17, 16}} : std::set<Pair>{{5, 5}, {16, 3}};
  return [pairs](Eigen::Index i, Eigen::Index j) { return pairs.contains({i, j}); };
}

class GoldenNetwork : public testing::TestWithParam<Network> {};

TEST_P(GoldenNetwork, AgreesWithExactKernels) {
  const auto x1 = read_data<double>(folder + "x1.npy");
  const auto x2 = read_data<double>(folder + "x2.npy");
  const auto exact = [&](const char* name) {
    return read_data<double>(folder + GetParam().id + "/" + name + ".npy");
  };
  const KernelFn kernel_fn(shipped_model(GetParam().model));

  const auto self = kernel_fn(x1.view());
  const auto square2 = kernel_fn(x2.view());
  const auto cross = kernel_fn(x1.view(), x2.view());
  const Eigen::VectorXd nngp1 = self.nngp.view().diagonal(), nngp2 = square2.nngp.view().diagonal();
  const Eigen::VectorXd ntk1 = self.ntk.view().diagonal(), ntk2 = square2.ntk.view().diagonal();

  EXPECT_LE(largest_error(cross.nngp, exact("nngp").view(), nngp1, nngp2, ill_conditioned(false)),
            1e-10);
  EXPECT_LE(largest_error(cross.ntk, exact("ntk").view(), ntk1, ntk2, ill_conditioned(false)), 1e-10);
  EXPECT_LE(largest_error(self.nngp, exact("nngp_self").view(), nngp1, nngp1, ill_conditioned(true)),
            1e-10);
  EXPECT_LE(largest_error(self.ntk, exact("ntk_self").view(), ntk1, ntk1, ill_conditioned(true)),
            1e-10);
  EXPECT_EQ(self.nngp.view(), self.nngp.view().transpose());
  EXPECT_EQ(self.ntk.view(), self.ntk.view().transpose());
}

INSTANTIATE_TEST_SUITE_P(All, GoldenNetwork, testing::ValuesIn(networks()),
                         [](const auto& info) { return info.param.id; });

}  // namespace
}  // namespace nngp
