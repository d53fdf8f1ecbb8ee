// The tile engine: what must hold whatever the network computes.

#include "nngp/kernel.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "expect_error.hpp"
#include "matrices.hpp"
#include "nngp/data.hpp"
#include "nngp/model.hpp"
#include "nngp/stream.hpp"
#include "shipped_registry.hpp"
#include "temporary_folder.hpp"

namespace nngp {
namespace {

using test::normal_inputs, test::shipped_model, test::shipped_registry, test::view;

KernelFn kernel_fn(const std::string& model) { return KernelFn(shipped_model(model)); }

const std::string mixed =
    "serial(Dense(512, 1.5, 0.1), Relu(), Dense(256, 1.2), FanOut(2), "
    "parallel(serial(Erf(), Dense(64, 1.1, 0.3)), Dense(64)), FanInSum(), LayerNorm(), Relu(), "
    "Dense(1))";

template <class Real>
class Kernel : public testing::Test {};
using Types = testing::Types<double, float>;
TYPED_TEST_SUITE(Kernel, Types);

TYPED_TEST(Kernel, DoesNotDependOnTheNumberOfThreads) {
  const Matrix<TypeParam> x1 = normal_inputs<TypeParam>(531, 17, 1),
                          x2 = normal_inputs<TypeParam>(300, 17, 2);
  const KernelFn fn = kernel_fn(mixed);
  const auto one = fn(view(x1), view(x2), Get::both, {.threads = 1});
  const auto one_self = fn(view(x1), std::nullopt, Get::both, {.threads = 1});
  for (const unsigned threads : {2u, 3u, 8u}) {
    const auto many = fn(view(x1), view(x2), Get::both, {.threads = threads});
    EXPECT_EQ(many.nngp.view(), one.nngp.view());
    EXPECT_EQ(many.ntk.view(), one.ntk.view());
    const auto many_self = fn(view(x1), std::nullopt, Get::both, {.threads = threads});
    EXPECT_EQ(many_self.nngp.view(), one_self.nngp.view());
    EXPECT_EQ(many_self.ntk.view(), one_self.ntk.view());
  }
}

TYPED_TEST(Kernel, OfWindowsAndOfAllAreTheSame) {
  const Matrix<TypeParam> x1 = normal_inputs<TypeParam>(211, 5, 1),
                          x2 = normal_inputs<TypeParam>(333, 5, 2);
  const KernelFn fn = kernel_fn(mixed);
  const auto all = fn(view(x1), view(x2));
  const auto op = fn.template bind<TypeParam>(view(x1), view(x2));
  for (const KernelWindow& w :
       {KernelWindow{0, 0, 1, 1}, KernelWindow{7, 130, 65, 129}, KernelWindow{210, 0, 1, 333}}) {
    Matrix<TypeParam> nngp(w.rows, w.cols), ntk(w.rows, w.cols);
    op.compute(w, {nngp.data(), ntk.data(), w.cols});
    EXPECT_EQ(nngp, all.nngp.view().block(w.row, w.col, w.rows, w.cols));
    EXPECT_EQ(ntk, all.ntk.view().block(w.row, w.col, w.rows, w.cols));
  }
}

TYPED_TEST(Kernel, OfInputsWithThemselvesIsExactlySymmetric) {
  const Matrix<TypeParam> x = normal_inputs<TypeParam>(301, 9, 3);
  const KernelFn fn = kernel_fn(mixed);
  const auto self = fn(view(x));
  EXPECT_EQ(self.nngp.view(), self.nngp.view().transpose());
  EXPECT_EQ(self.ntk.view(), self.ntk.view().transpose());
  const auto cross = fn(view(x), view(x));
  const auto upper = [](const auto& m) {
    return m.view().template triangularView<Eigen::Upper>().toDenseMatrix();
  };
  EXPECT_EQ(upper(self.nngp), upper(cross.nngp));
  EXPECT_EQ(upper(self.ntk), upper(cross.ntk));
}

TYPED_TEST(Kernel, OfEqualRowsIsThatOfARowWithItself) {
  Matrix<TypeParam> x = normal_inputs<TypeParam>(90, 33, 4);
  x.row(80) = x.row(3);
  const auto kernels = kernel_fn(
      "serial(Dense(8, 1.4, 0.1), Relu(), Dense(8, 1.4, 0.1), Relu(), Dense(8), Relu(), Dense(1))")(
      view(x));
  EXPECT_EQ(kernels.nngp(3, 80), kernels.nngp(3, 3));
  EXPECT_EQ(kernels.ntk(3, 80), kernels.ntk(3, 3));
  EXPECT_EQ(kernels.ntk(80, 80), kernels.ntk(3, 3));
}

TYPED_TEST(Kernel, OneKernelAloneIsTheSame) {
  const Matrix<TypeParam> x = normal_inputs<TypeParam>(70, 3, 5);
  const KernelFn fn = kernel_fn(mixed);
  const auto both = fn(view(x));
  const auto nngp = fn(view(x), std::nullopt, Get::nngp);
  const auto ntk = fn(view(x), std::nullopt, Get::ntk);
  EXPECT_EQ(nngp.nngp.view(), both.nngp.view());
  EXPECT_EQ(nngp.ntk.size(), 0);
  EXPECT_EQ(ntk.ntk.view(), both.ntk.view());
  EXPECT_EQ(ntk.nngp.size(), 0);
}

TYPED_TEST(Kernel, ByNumericalIntegrationIsThatOfTheClosedForm) {
  const Matrix<TypeParam> x1 = normal_inputs<TypeParam>(50, 8, 1),
                          x2 = normal_inputs<TypeParam>(40, 8, 2);
  const std::string dense = "Dense(64, 1.5, 0.1), ";
  const auto closed = kernel_fn("serial(" + dense + "Erf(), " + dense + "Relu(), Dense(1))");
  const auto integrated = kernel_fn("serial(" + dense + "ElementwiseNumerical(Erf), " + dense +
                                    "ElementwiseNumerical(Relu), Dense(1))");
  const auto expected = closed(view(x1), view(x2));
  const auto op = integrated.template bind<TypeParam>(view(x1), view(x2));
  ASSERT_EQ(op.numerical_layers().size(), 2u);
  EXPECT_EQ(op.numerical_layers()[1].activation, "Relu()");
  ASSERT_EQ(op.numerical_layers()[1].breakpoints.size(), 1u);
  EXPECT_EQ(op.numerical_layers()[1].breakpoints[0].x, 0);
  const auto kernels = integrated(view(x1), view(x2));
  const double tolerance = std::is_same_v<TypeParam, double> ? 1e-9 : 1e-5;
  EXPECT_LT((kernels.nngp.view() - expected.nngp.view()).cwiseAbs().maxCoeff(), tolerance);
  EXPECT_LT((kernels.ntk.view() - expected.ntk.view()).cwiseAbs().maxCoeff(), tolerance);
}

TYPED_TEST(Kernel, IsRefusedIfHardlyKnown) {
  const KernelFn fn = kernel_fn("serial(Dense(1), Elementwise(fn='tanh(sin(1e9 * x))'), Dense(1))");
  const Matrix<TypeParam> x = normal_inputs<TypeParam>(4, 3, 9);
  expect_error<InexactError>([&] { fn(view(x)); }, ", above 0.001: fn varies on scales too small");
  try {
    fn.bind(view(x));
  } catch (const InexactError& error) {
    EXPECT_EQ(std::string(error.what()).rfind(error.reason(), 0), 0u);
    EXPECT_NE(std::string(error.what()).find("; allowed_error = "), std::string::npos);
    const auto op = fn.bind(view(x), std::nullopt, {.allowed_error = error.sufficient()});
    EXPECT_GT(op.numerical_layers()[0].error.worst(), 1e-3);
    EXPECT_GT(op.numerical_layers()[0].calls, 1000u);
  }
}

TYPED_TEST(Kernel, OfManyFeaturesIsAccurate) {
  const Matrix<TypeParam> x1 = normal_inputs<TypeParam>(20, 1000, 6),
                          x2 = normal_inputs<TypeParam>(18, 1000, 7);
  const auto kernels = kernel_fn("serial(Dense(1))")(view(x1), view(x2));
  const Matrix<long double> exact =
      x1.template cast<long double>() * x2.template cast<long double>().transpose() / 1000;
  const double error = static_cast<double>(
      (kernels.nngp.view().template cast<long double>() - exact).cwiseAbs().maxCoeff());
  EXPECT_LT(error, 20 * std::numeric_limits<TypeParam>::epsilon());
}

TYPED_TEST(Kernel, StopsWhenProgressSaysSo) {
  const Matrix<TypeParam> x = normal_inputs<TypeParam>(600, 3, 8);
  std::size_t calls = 0;
  KernelOptions options;
  options.progress = [&](double done, double total) {
    EXPECT_LE(done, total);
    return ++calls < 2;
  };
  expect_error<Interrupted>([&] { kernel_fn(mixed)(view(x), std::nullopt, Get::both, options); },
                            "interrupted");
  EXPECT_EQ(calls, 2u);
}

// Rounding takes covariances of nearly equal inputs beyond the boundary; where fn is chaotic every
// layer would take them farther.
TYPED_TEST(Kernel, DeepLayersKeepCorrelations) {
  Matrix<TypeParam> x = normal_inputs<TypeParam>(12, 5, 4);
  for (Eigen::Index i = 1; i < x.rows(); ++i)
    x.row(i) = x.row(0) * (1 + static_cast<TypeParam>(i) * std::numeric_limits<TypeParam>::epsilon());
  for (const char* layer : {"Sin(1, 2, 0)", "Sin()", "Cos(1, 3, 1)", "Rbf()", "Gabor()", "Erf()"})
    for (const char* dense : {"Dense(1)", "Dense(1, 1.5, 0.1)", "Dense(1, 2)"}) {
      const std::string model = "repeat(serial(" + std::string(dense) + ", " + layer + "), 120)";
      const auto k = kernel_fn(model)(view(x), std::nullopt, Get::nngp).nngp;
      for (Eigen::Index i = 0; i < x.rows(); ++i)
        for (Eigen::Index j = 0; j < i; ++j)
          EXPECT_LE(std::abs(k(i, j)), std::sqrt(k(i, i)) * std::sqrt(k(j, j)) *
                                           (1 + 20 * std::numeric_limits<TypeParam>::epsilon()))
              << model;
    }
}

// Of the largest variance too, which float32 rounds: inputs are parallel to themselves.
TYPED_TEST(Kernel, IntegratedLayersKnowTheDiagonal) {
  for (const double scale : {1.0, 1e3, 1e6}) {
    const Matrix<TypeParam> x = static_cast<TypeParam>(scale) * normal_inputs<TypeParam>(50, 7, 3);
    const Matrix<double> exact_x = x.template cast<double>();
    const KernelFn fn = kernel_fn("serial(Dense(1, 1.5, 0.1), Tanh())");
    const auto kernels = fn(view(x));
    const auto exact = fn(view(exact_x));
    for (Eigen::Index i = 0; i < x.rows(); ++i) {
      EXPECT_NEAR(kernels.nngp(i, i) / exact.nngp(i, i), 1, 1e-5) << scale;
      EXPECT_NEAR(kernels.ntk(i, i) / exact.ntk(i, i), 1, 1e-5) << scale;
    }
  }
}

TYPED_TEST(Kernel, RefusesWindowsThatAreNotInside) {
  const Matrix<TypeParam> x = normal_inputs<TypeParam>(7, 3, 8);
  const auto op = kernel_fn(mixed).template bind<TypeParam>(view(x));
  OwnedMatrix<TypeParam> out(7, 7);
  constexpr std::size_t far = std::numeric_limits<std::size_t>::max();
  for (const KernelWindow& window :
       {KernelWindow{5, 0, 3, 1}, {0, 7, 1, 1}, {8, 0, 0, 1}, {far, 0, 2, 2}, {0, 1, 1, far}})
    expect_error<InvalidArgument>(
        [&] {
          op.compute(window, {nullptr, out.data(), 7});
        },
        "is not within a kernel of 7 x 7");
  expect_error<InvalidArgument>(
      [&] {
        op.compute({0, 0, 7, 7}, {out.data()});
      },
      "rows of 7 entries do not fit where one is 0 entries from the next");
  EXPECT_NO_THROW(op.compute({6, 0, 1, 7}, {out.data()}));
}

TYPED_TEST(Kernel, StreamedToFilesIsTheSame) {
  const TemporaryFolder folder;
  const Matrix<TypeParam> x1 = normal_inputs<TypeParam>(700, 4, 1),
                          x2 = normal_inputs<TypeParam>(530, 4, 2);
  const KernelFn fn = kernel_fn(mixed);
  StreamOptions options;
  options.memory = 1;  // least blocks
  for (const bool self : {false, true}) {
    const auto all = self ? fn(view(x1)) : fn(view(x1), view(x2));
    const auto op =
        self ? fn.template bind<TypeParam>(view(x1)) : fn.template bind<TypeParam>(view(x1), view(x2));
    stream_kernels(op, {0, 0, op.rows(), op.cols()}, folder / "nngp.npy", folder / "ntk.npy", options);
    EXPECT_EQ(read_data<TypeParam>(folder / "nngp.npy").view(), all.nngp.view());
    EXPECT_EQ(read_data<TypeParam>(folder / "ntk.npy").view(), all.ntk.view());
    EXPECT_FALSE(exists(folder / "nngp.npy.journal"));
    EXPECT_FALSE(exists(folder / "nngp.npy.partial"));
  }
}

TYPED_TEST(Kernel, StreamedResumesWhereItStopped) {
  const TemporaryFolder folder;
  const Matrix<TypeParam> x = normal_inputs<TypeParam>(700, 4, 1);
  const auto op = kernel_fn(mixed).template bind<TypeParam>(view(x));
  const KernelWindow all{0, 0, 700, 700};
  StreamOptions options;
  options.memory = 1;
  options.identity = "this run";
  double stop_at = 200000;
  options.kernel.progress = [&](double done, double) { return done < stop_at; };
  const auto run = [&] { stream_kernels(op, all, folder / "nngp.npy", folder / "ntk.npy", options); };

  options.resume = true;
  expect_error<DataError>(run, "nothing to resume");
  options.resume = false;
  expect_error<Interrupted>(run, "interrupted");
  EXPECT_FALSE(exists(folder / "nngp.npy"));

  options.resume = true;
  options.identity = "another run";
  expect_error<DataError>(run, "another model");
  options.identity = "this run";
  stop_at = 700 * 700;
  double first = 0;
  options.kernel.progress = [&](double done, double) {
    if (first == 0) first = done;
    return true;
  };
  run();
  EXPECT_GT(first, 100000);
  const auto kernels = kernel_fn(mixed)(view(x));
  EXPECT_EQ(read_data<TypeParam>(folder / "nngp.npy").view(), kernels.nngp.view());
  EXPECT_EQ(read_data<TypeParam>(folder / "ntk.npy").view(), kernels.ntk.view());
}

/// A line of the journal that was cut off does not join the next to name a block that was not computed.
TYPED_TEST(Kernel, StreamedResumesAfterALineThatWasCutOff) {
  const TemporaryFolder folder;
  const Matrix<TypeParam> x1 = normal_inputs<TypeParam>(257, 4, 1),
                          x2 = normal_inputs<TypeParam>(257, 4, 2);
  const auto op = kernel_fn(mixed).template bind<TypeParam>(view(x1), view(x2));
  StreamOptions options;
  options.memory = 1;
  double most = 256 * 257;  // blocks (0, 0) and (0, 256)
  options.kernel.progress = [&](double done, double) { return done <= most; };
  const auto run = [&] { stream_kernels(op, {0, 0, 257, 257}, folder / "nngp.npy", {}, options); };
  expect_error<Interrupted>(run, "interrupted");
  std::ofstream(folder / "nngp.npy.journal", std::ios::app) << "256 ";
  options.resume = true;
  most += 256;  // and (256, 0)
  expect_error<Interrupted>(run, "interrupted");
  most = 257 * 257;
  run();
  EXPECT_EQ(read_data<TypeParam>(folder / "nngp.npy").view(),
            kernel_fn(mixed)(view(x1), view(x2)).nngp.view());
}

/// Rows that begin on a cache line are written by the plugin, others by the core.
TYPED_TEST(Kernel, IsTheSameWhoeverWritesIt) {
#if defined(__clang__) && defined(NNGP_SANITIZED)
  if (!std::getenv("NNGP_ISA"))
    GTEST_SKIP() << "sanitized plugins compiled by clang compute with SSE2 unless they are told "
                    "otherwise, the core does not";
#endif
  using Real = TypeParam;
  constexpr std::size_t rows = 70, cols = 160;
  const Matrix<Real> x1 = normal_inputs<Real>(rows, 5, 1), x2 = normal_inputs<Real>(cols, 5, 2);
  for (const char* model : {"serial(Dense(1), Erf(), Dense(1), Relu(), Dense(1, 1.3, 0.1))",
                            "serial(Dense(1), FanOut(2), parallel(Relu(), Sin()), FanInConcat())"}) {
    const auto op = kernel_fn(model).bind(view(x1), view(x2));
    std::vector<Matrix<Real>> nngp, ntk;
    for (const std::size_t more : {0, 1}) {
      OwnedMatrix<Real> k(rows, cols + more), t(rows, cols + more);
      op.compute({0, 0, rows, cols}, {k.data(), t.data(), cols + more});
      nngp.push_back(k.map().leftCols(cols));
      ntk.push_back(t.map().leftCols(cols));
    }
    EXPECT_EQ(nngp[0], nngp[1]);
    EXPECT_EQ(ntk[0], ntk[1]);
  }
}

TEST(KernelErrors, OfResultsThatAreNotFinite) {
  for (const Eigen::Index cols : {5, 64}) {  // written by the core, by the plugin
    const Matrix<float> x1 = normal_inputs<float>(40, 3, 1), x2 = normal_inputs<float>(cols, 3, 2);
    const KernelFn fn = kernel_fn("serial(Dense(1, 10), Relu(), Dense(1, 1e19))");
    expect_error<DataError>([&] { fn(view(x1), view(x2)); },
                            "is not finite from the last Dense layer on");
  }
}

TEST(KernelErrors, OfNumbersThatAreNone) {
  Matrix<double> x = normal_inputs<double>(40, 3, 1);
  x(7, 2) = std::nan("");
  x(30, 0) = std::numeric_limits<double>::infinity();
  const KernelFn fn = kernel_fn(mixed);
  expect_error<DataError>([&] { fn(view(x)); },
                          "x1 is nan in row 7, column 2 (counted from 0): remove or replace it");
  expect_error<DataError>([&] { fn(view(normal_inputs<double>(2, 3, 1)), view(x)); },
                          "x2 is nan in row 7");
  expect_error<InvalidArgument>([&] { fn(view(x), Get::both, {.allowed_error = std::nan("")}); },
                                "allowed_error is nan");
}

TEST(KernelErrors, OfInputs) {
  const Matrix<double> x = normal_inputs<double>(4, 3, 1), narrow = normal_inputs<double>(4, 2, 1),
                       none(0, 3);
  const KernelFn fn = kernel_fn("serial(Dense(1), Relu(), Dense(1))");
  expect_error<DataError>([&] { fn(view(none)); }, "x1 is empty (0 rows, 3 columns)");
  expect_error<DataError>([&] { fn(view(x), view(none)); }, "x2 is empty");
  expect_error<DataError>([&] { fn(view(x), view(narrow)); },
                          "x1 has 3 features (columns) and x2 has 2");
}

TEST(KernelErrors, OfValuesThatLeaveTheRange) {
  Matrix<float> x = normal_inputs<float>(4, 3, 1);
  x.row(2) *= 1e25f;
  expect_error<DataError>(
      [&] { kernel_fn("serial(Dense(1), Relu(), Dense(1))")(view(x)); },
      "the first layer makes the variance of row 2 (counted from 0) of x1 inf: scale the data");
}

TEST(KernelErrors, OfDenseLayersThatLeaveTheRange) {
  const Matrix<double> x = normal_inputs<double>(4, 3, 1);
  expect_error<DataError>(
      [&] { kernel_fn("serial(Dense(1), Relu(), Dense(1, W_std=1e160), Relu(), Dense(1))")(view(x)); },
      "the Dense layer before Relu() makes the variance of row 0 (counted from 0) of x1 inf");
  expect_error<DataError>(
      [&] { kernel_fn("serial(Dense(1, W_std=1e160), LayerNorm(), Dense(1))")(view(x)); },
      "the Dense layer before LayerNorm makes the variance of row 0");
}

/// A chain of sums of equal sign would be wrong by 7e-4 at 1e5 features, where NumPy is by 3e-6.
TEST(KernelFloat, SumsManyFeaturesAccurately) {
  for (const Eigen::Index features : {1000, 100000, 1000000}) {
    const Matrix<float> x = Matrix<float>::Constant(2, features, 0.1f);
    const double exact = double(0.1f) * double(0.1f);
    const auto kernels = kernel_fn("Dense(1)")(view(x));
    EXPECT_NEAR(kernels.nngp(0, 1) / exact, 1, 3e-6) << features;
    EXPECT_EQ(kernels.nngp(0, 1), kernels.nngp(0, 0));
  }
  const Matrix<float> x = normal_inputs<float>(70, 3001, 2), y = normal_inputs<float>(90, 3001, 3);
  const auto kernels = kernel_fn("Dense(1)")(view(x), view(y));
  const Matrix<double> exact = x.cast<double>() * y.cast<double>().transpose() / 3001.;
  EXPECT_LE((kernels.nngp.view().cast<double>() - exact).cwiseAbs().maxCoeff(), 2e-6);
}

/// The network sees the variance of a row by the same sums as its covariance with an equal row.
TEST(KernelFloat, EqualRowsOfManyFeaturesHaveTheirVariance) {
  Matrix<float> x = normal_inputs<float>(130, 1000, 4);
  x.row(129) = x.row(3);
  const auto kernels = kernel_fn("serial(Dense(1), Relu(), Dense(1))")(view(x));
  EXPECT_EQ(kernels.nngp(3, 129), kernels.nngp(3, 3));
  EXPECT_EQ(kernels.ntk(3, 129), kernels.ntk(129, 129));
}

TEST(KernelErrors, OfLayersThatDoNotFit) {
  const auto rejects = [](const std::string& model, const std::string& message) {
    expect_error<ModelError>([&] { kernel_fn(model); }, message);
  };
  rejects(
      "serial(Relu(), Dense(1))",
      "layer 1, Relu(): the input of a non-linearity must be Gaussian; insert Dense(...) before it");
  rejects("serial(Dense(1), Relu(), Erf())", "layer 3, Erf(a=1.0, b=1.0, c=0.0): the input of");
  rejects("serial(LayerNorm())", "layer 1, LayerNorm: only implemented for Gaussian inputs");
  rejects("serial(Dropout(0.5), Dense(1))", "layer 1, Dropout: cannot be applied to the input");
  rejects("serial(Dense(1), FanOut(2), Relu())", "layer 3, Relu(): its input has 2 branches");
  rejects("serial(Dense(1), FanOut(2))", "the network ends in 2 branches");
  rejects("serial(Dense(1), FanOut(2), parallel(Identity(), Identity(), Identity()), FanInSum())",
          "parallel(...) has 3 layers but its input has 2 branches; put FanOut(3) before it");
  rejects("serial(Dense(1), FanOut(2), parallel(Identity(), FanOut(2)), FanInSum())",
          "branch 2 of parallel(...) ends in 2 branches");
  rejects("serial(Dense(1), FanOut(2), parallel(Identity(), Relu()), FanInSum())",
          "FanInSum: only implemented for Gaussian branches, and branch 2 is not");
  rejects("serial(Dense(1), FanOut(2), parallel(Dense(2), Dense(3)), FanInSum())",
          "FanInSum: all branches need the same width, got 2 and 3");
  rejects("serial(Dense(1), FanOut(2), parallel(Dense(2), Dense(3)), FanInProd())",
          "FanInProd: all branches need the same width, got 2 and 3");
  rejects("serial(Dense(1), FanOut(2), FanInConcat(), Relu())", "Relu(): the input of a non-linearity");
}

TEST(KernelDropout, ScalesTheDiagonalAlone) {
  const Matrix<double> x = normal_inputs<double>(5, 3, 1);
  const auto plain = kernel_fn("serial(Dense(1, 1.5, 0.1), Relu())")(view(x));
  const auto dropped = kernel_fn("serial(Dense(1, 1.5, 0.1), Relu(), Dropout(0.25))")(view(x));
  for (Eigen::Index i = 0; i < 5; ++i)
    for (Eigen::Index j = 0; j < 5; ++j) {
      EXPECT_DOUBLE_EQ(dropped.nngp(i, j), (i == j ? 4 : 1) * plain.nngp(i, j));
      EXPECT_DOUBLE_EQ(dropped.ntk(i, j), (i == j ? 4 : 1) * plain.ntk(i, j));
    }
}

}  // namespace
}  // namespace nngp
