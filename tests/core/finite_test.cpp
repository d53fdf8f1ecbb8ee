// Sampled networks: against neural-tangents (tests/golden/finite), finite differences and statistics.

#include "nngp/finite.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numbers>

#include "matrices.hpp"
#include "shipped_registry.hpp"

namespace nngp {
namespace {

using nlohmann::json;
using test::inputs;
using test::shipped_model;
using test::view;

Matrix<double> matrix(const json& rows) {
  Matrix<double> m(rows.size(), rows[0].size());
  for (std::size_t i = 0; i < rows.size(); ++i)
    for (std::size_t j = 0; j < rows[i].size(); ++j)
      m(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j)) = rows[i][j];
  return m;
}

template <class Real>
OwnedMatrix<Real> kernel_matrix(const Matrix<double>& m) {
  OwnedMatrix<Real> copy(m.rows(), m.cols());
  copy.map() = m.cast<Real>();
  return copy;
}

// ---- Against neural-tangents -------------------------------------------------------------------

const json& golden() {
  static const json all = json::parse(std::ifstream(NNGP_TEST_DATA "/golden/finite/networks.json"));
  return all;
}

class FiniteGolden : public testing::TestWithParam<std::size_t> {
 protected:
  static const json& network() { return golden()["networks"][GetParam()]; }

  template <class Real>
  static Parameters<Real> parameters() {
    Parameters<Real> all;
    for (const json& dense : network()["parameters"]) {
      all.push_back({kernel_matrix<Real>(matrix(dense["W"])), {}});
      if (!dense["b"].is_null()) all.back().b = kernel_matrix<Real>(matrix(json::array({dense["b"]})));
    }
    return all;
  }

  template <class Real>
  static void expect_agreement(double tolerance) {
    const Matrix<Real> x1 = matrix(golden()["x1"]).cast<Real>(),
                       x2 = matrix(golden()["x2"]).cast<Real>();
    const FiniteNetwork finite(shipped_model(network()["model"]), 3);
    const auto weights = parameters<Real>();
    const auto agree = [&](const OwnedMatrix<Real>& found, const char* name) {
      const Matrix<double> exact = matrix(network()[name]);
      ASSERT_EQ(found.rows(), exact.rows()) << name;
      ASSERT_EQ(found.cols(), exact.cols()) << name;
      EXPECT_LE((found.view().template cast<double>() - exact).norm(), tolerance * exact.norm())
          << name;
    };
    agree(finite.apply(weights, view(x1)), "outputs");
    const auto kernels = finite.kernels(weights, view(x1), view(x2));
    agree(kernels.nngp, "nngp");
    agree(kernels.ntk, "ntk");
  }
};

TEST_P(FiniteGolden, AgreesWithNeuralTangents) {
  expect_agreement<double>(1e-13);
  expect_agreement<float>(3e-6);
}

INSTANTIATE_TEST_SUITE_P(All, FiniteGolden, testing::Range(std::size_t{0}, golden()["networks"].size()),
                         [](const auto& info) {
                           return golden()["networks"][info.param]["id"].template get<std::string>();
                         });

// ---- Random numbers ----------------------------------------------------------------------------

TEST(FiniteNetwork, SamplesWeightsFromTheDocumentedStream) {
  // Philox4x64-10 of counter 0 and key 0, from the known answers of Salmon et al.
  const std::uint64_t words[] = {0x16554d9eca36314c, 0xdb20fe9d672d0fdc, 0xd7e772cee186176b,
                                 0x7e68b68aec7ba23b};
  const auto weights = FiniteNetwork(Dense(3, {.W_std = 9, .b_std = 9}), 2).init<double>({0, 0});
  for (int pair = 0; pair < 2; ++pair) {
    const double angle =
        std::numbers::pi *
        (std::ldexp(static_cast<double>(static_cast<std::int64_t>(words[2 * pair])), -63));
    const double radius =
        std::sqrt(-2 * std::log(std::ldexp(static_cast<double>(words[2 * pair + 1]), -64)));
    const auto w = [&](int i) { return weights[0].W(i / 3, i % 3); };
    EXPECT_NEAR(w(2 * pair), radius * std::sin(angle), 1e-14);
    EXPECT_NEAR(w(2 * pair + 1), radius * std::cos(angle), 1e-14);
  }
}

TEST(FiniteNetwork, SamplesEveryWeightFromAStreamOfItsOwn) {
  const FiniteNetwork network(serial(Dense(40, {.b_std = 1}), Dense(40, {.b_std = 1})), 40);
  std::vector<double> all;
  for (const SampleKey key : {SampleKey{1, 0}, SampleKey{1, 1}, SampleKey{2, 0}}) {
    for (const auto& [W, b] : network.init<double>(key)) {
      all.insert(all.end(), W.data(), W.data() + W.size());
      all.insert(all.end(), b.data(), b.data() + b.size());
    }
  }
  ASSERT_EQ(all.size(), 3 * network.parameter_count());
  // Mean and variance of n normal numbers deviate by 1 / sqrt(n) and sqrt(2 / n): five times that has
  // a probability below 1e-6.
  double sum = 0, squares = 0;
  for (const double z : all) sum += z, squares += z * z;
  const auto n = static_cast<double>(all.size());
  EXPECT_LE(std::abs(sum / n), 5 / std::sqrt(n));
  EXPECT_LE(std::abs(squares / n - 1), 5 * std::sqrt(2 / n));
  std::sort(all.begin(), all.end());
  EXPECT_EQ(std::adjacent_find(all.begin(), all.end()), all.end());
}

TEST(FiniteNetwork, ScalesTheStandardParameterization) {
  const DenseOptions options = {
      .W_std = 3, .b_std = 0.5, .parameterization = Parameterization::standard, .s = {2, 3}};
  const auto ntk = FiniteNetwork(Dense(12, {.b_std = 1}), 8).init<double>({5, 6});
  const auto standard = FiniteNetwork(Dense(4, options), 8).init<double>({5, 6});
  EXPECT_TRUE(standard[0].W.view().isApprox(3 / std::sqrt(8 / 2.0) * ntk[0].W.view(), 1e-15));
  EXPECT_TRUE(standard[0].b.view().isApprox(0.5 * ntk[0].b.view(), 1e-15));
}

TEST(FiniteNetwork, RoundsTheSameWeightsToFloat32) {
  const FiniteNetwork network(Dense(9, {.b_std = 1}), 5);
  const auto wide = network.init<double>({1, 2});
  const auto narrow = network.init<float>({1, 2});
  EXPECT_EQ(narrow[0].W.view(), wide[0].W.view().cast<float>());
  EXPECT_EQ(narrow[0].b.view(), wide[0].b.view().cast<float>());
}

// ---- Independence of threads and batches -------------------------------------------------------

const char* const dropout_network =
    "serial(Dense(70, 1.5, 0.1), Tanh(), Dropout(0.7), Dense(90), LayerNorm(), FanOut(2), "
    "parallel(Identity(), serial(Dropout(0.4), Relu())), FanInConcat(), Dense(3))";

TEST(FiniteNetwork, DoesNotDependOnThreads) {
  const FiniteNetwork network(shipped_model(dropout_network), 20);
  const Matrix<double> x = inputs(150, 20);
  const auto run = [&](unsigned threads) {
    const ApplyOptions options = {.masks = {3, 4}, .threads = threads};
    const auto weights = network.init<double>({3, 4}, threads);
    return std::pair(network.apply(weights, view(x), options),
                     network.kernels(weights, view(x), std::nullopt, Get::both, options));
  };
  const auto [outputs1, kernels1] = run(1);
  const auto [outputs2, kernels2] = run(2);
  EXPECT_EQ(outputs1.view(), outputs2.view());
  EXPECT_EQ(kernels1.nngp.view(), kernels2.nngp.view());
  EXPECT_EQ(kernels1.ntk.view(), kernels2.ntk.view());
}

TEST(FiniteNetwork, DoesNotDependOnBatchesOfRows) {
  const FiniteNetwork network(shipped_model(dropout_network), 20);
  const auto weights = network.init<double>({3, 4});
  const Matrix<double> x = inputs(150, 20);
  const auto all = network.apply(weights, view(x), {.masks = {3, 4}});
  for (const auto& [first, count] : {std::pair(0, 1), std::pair(1, 66), std::pair(67, 83)}) {
    const Matrix<double> part = x.middleRows(first, count);
    const auto outputs = network.apply(
        weights, view(part), {.masks = {3, 4}, .first_row = static_cast<std::uint64_t>(first)});
    EXPECT_EQ(outputs.view(), all.view().middleRows(first, count));
  }
}

TEST(FiniteNetwork, KernelsOfInputsWithThemselvesAreThoseOfTwoInputs) {
  const FiniteNetwork network(shipped_model("serial(Dense(30), Erf(), Dense(20), Relu(), Dense(2))"),
                              4);
  const auto weights = network.init<double>({7, 0});
  const Matrix<double> x = inputs(70, 4);
  const auto self = network.kernels(weights, view(x));
  const auto cross = network.kernels(weights, view(x), view(x));
  EXPECT_EQ(self.nngp.view(), cross.nngp.view());
  EXPECT_EQ(self.ntk.view(), cross.ntk.view());
  EXPECT_EQ(self.ntk.view(), self.ntk.view().transpose());
}

// ---- Dropout -----------------------------------------------------------------------------------

TEST(Dropout, KeepsUnitsWithTheGivenProbability) {
  const FiniteNetwork network(Dropout(0.3), 1000);
  const Matrix<double> x = Matrix<double>::Constant(40, 1000, 6);
  const auto y = network.apply(Parameters<double>(), view(x));
  // 40000 times yes or no: the share deviates by 0.0023; five times that has a probability below 1e-6.
  EXPECT_NEAR((y.view().array() != 0).cast<double>().mean(), 0.3, 5 * 0.0023);
  EXPECT_TRUE((y.view().array() == 0 || (y.view().array() - 20).abs() < 1e-12).all());
  EXPECT_NE(y.view().row(0), y.view().row(1));
  const auto other = network.apply(Parameters<double>(), view(x), {.masks = {1, 0}});
  EXPECT_NE(y.view(), other.view());
}

/// The gradient of every output by every weight, by central differences: (rows outputs) x weights.
Matrix<double> jacobian(const FiniteNetwork& network, const SampleKey& key, const Matrix<double>& x,
                        std::uint64_t first_row) {
  constexpr double step = 1e-5;
  auto weights = network.init<double>(key);
  const auto outputs = [&] {
    const auto y = network.apply(weights, view(x), {.masks = key, .first_row = first_row});
    return Eigen::VectorXd(Eigen::Map<const Eigen::VectorXd>(y.data(), y.size()));
  };
  Matrix<double> gradients(x.rows() * static_cast<Eigen::Index>(network.out_dim()),
                           network.parameter_count());
  Eigen::Index column = 0;
  for (auto& [W, b] : weights)
    for (OwnedMatrix<double>* part : {&W, &b})
      for (Eigen::Index i = 0; i < part->size(); ++i) {
        const double w = part->data()[i];
        part->data()[i] = w + step;
        const Eigen::VectorXd above = outputs();
        part->data()[i] = w - step;
        gradients.col(column++) = (above - outputs()) / (2 * step);
        part->data()[i] = w;
      }
  return gradients;
}

TEST(Dropout, NtkAgreesWithFiniteDifferences) {
  const FiniteNetwork network(
      shipped_model("serial(Dense(7, 1.5, 0.1), Tanh(), Dropout(0.7), Dense(6, b_std=0.2), Erf(), "
                    "Dropout(0.5), Dense(2))"),
      3);
  const SampleKey key = {11, 12};
  const Matrix<double> x1 = inputs(4, 3), x2 = inputs(3, 3) * 0.5;
  const auto kernels = network.kernels(network.init<double>(key), view(x1), view(x2), Get::ntk,
                                       {.masks = key, .first_row = 5});
  const Matrix<double> j1 = jacobian(network, key, x1, 5), j2 = jacobian(network, key, x2, 9);
  for (Eigen::Index i = 0; i < 4; ++i)
    for (Eigen::Index j = 0; j < 3; ++j) {
      const double ntk = j1.middleRows(2 * i, 2).cwiseProduct(j2.middleRows(2 * j, 2)).sum() / 2;
      EXPECT_NEAR(kernels.ntk(i, j), ntk, 1e-8);
    }
  EXPECT_EQ(kernels.nngp.size(), 0);
}

}  // namespace
}  // namespace nngp
