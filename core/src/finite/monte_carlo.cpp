#include "nngp/monte_carlo.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <mutex>
#include <vector>

#include "finite/empirical.hpp"
#include "finite/pass.hpp"
#include "nngp/data.hpp"
#include "nngp/error.hpp"
#include "parallel.hpp"

namespace nngp {
namespace {

/// Mean and spread of samples of one kernel, entry by entry (B. P. Welford, Technometrics 4, 1962).
class Moments {
 public:
  void resize(Eigen::Index rows, Eigen::Index cols) {
    mean_ = OwnedMatrix<double>(rows, cols);
    squares_ = OwnedMatrix<double>(rows, cols);
    mean_.map().setZero();
    squares_.map().setZero();
    row_norms_.resize(static_cast<std::size_t>(rows));
  }
  bool wanted() const { return mean_.size() > 0; }

  template <class Real>
  void add(const OwnedMatrix<Real>& sample) {
    ++count_;
    const Eigen::Index cols = mean_.cols();
    parallel_for(mean_.rows(), [&](Eigen::Index i) {
      double* mean = mean_.data() + i * cols;
      double* squares = squares_.data() + i * cols;
      Norms norms;
      for (Eigen::Index j = 0; j < cols; ++j) {
        const double x = sample(i, j), before = x - mean[j];
        mean[j] += before / count_;
        squares[j] += before * (x - mean[j]);
        norms.mean += mean[j] * mean[j];
        norms.squares += squares[j];
      }
      row_norms_[static_cast<std::size_t>(i)] = norms;
    });
  }

  /// Row after row, so that it does not depend on the threads.
  double relative_error() const {
    Norms all;
    for (const Norms& row : row_norms_) {
      all.mean += row.mean;
      all.squares += row.squares;
    }
    return all.squares == 0 ? 0 : std::sqrt(variance(all.squares) / all.mean);
  }

  /// Ends the sampling. `name` for messages.
  KernelEstimate finish(const char* name) {
    if (!wanted()) return {};
    if (count_ < 2) {  // which does not tell its error
      constexpr double unknown = std::numeric_limits<double>::infinity();
      squares_.map().setConstant(unknown);
      return {std::move(mean_), std::move(squares_), unknown};
    }
    const double relative = relative_error();
    double* error = squares_.data();
    for (Eigen::Index i = 0; i < squares_.size(); ++i) error[i] = std::sqrt(variance(error[i]));
    if (find_non_finite<double>(mean_.view()) || find_non_finite<double>(squares_.view()) ||
        !std::isfinite(relative))
      throw DataError(
          fmt::format("the standard error of the {} is not finite: scale the data or W_std "
                      "so that it stays in range",
                      name));
    return {std::move(mean_), std::move(squares_), relative};
  }

 private:
  struct Norms {
    double mean = 0, squares = 0;
  };

  /// Of the mean.
  double variance(double squares) const { return squares / (count_ * (count_ - 1)); }

  double count_ = 0;
  OwnedMatrix<double> mean_;
  OwnedMatrix<double> squares_;  ///< of the differences from the mean
  std::vector<Norms> row_norms_;
};

/// Hands the caller's callback to computations that may be asked to stop from any thread.
class Progress {
 public:
  using Callback = std::function<bool(std::size_t done, std::size_t total)>;
  Progress(const Callback& callback, std::size_t total) : callback_(callback), total_(total) {}

  void sample_done() { ++done_; }
  bool keep_going() {
    if (!callback_) return true;
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (lock && !stopped_) stopped_ = !callback_(done_, total_);
    return !stopped_;
  }

 private:
  const Callback& callback_;
  const std::size_t total_;
  std::mutex mutex_;
  std::atomic<std::size_t> done_ = 0;
  std::atomic<bool> stopped_ = false;
};

/// Calls sample(k) for first <= k < last side by side.
template <class Sample>
void for_each_sample(std::size_t first, std::size_t last, Progress& progress, Sample sample) {
  parallel_tasks(last - first, [&](std::size_t i) {
    sample(first + i);
    progress.sample_done();
  });
}

ApplyOptions apply_options(const SampleKey& key, Progress& progress) {
  ApplyOptions options;
  options.masks = key;
  options.keep_going = [&progress] { return progress.keep_going(); };
  return options;
}

template <class Real>
class MonteCarlo {
 public:
  MonteCarlo(const Layer& network, const MatrixView<Real>& x1,
             const std::optional<MatrixView<Real>>& x2, Get get, const MonteCarloOptions& options)
      : program_(compile_finite(network, static_cast<std::size_t>(x1.cols()), options.sites)),
        x1_(x1),
        x2_(x2),
        get_(get),
        options_(options),
        progress_(options.progress, options.samples) {
    if (options.samples < 1)
      throw InvalidArgument("monte_carlo_kernels: a mean needs at least one sample");
    check_input(program_, x1_, "x1");
    if (x2_) check_input(program_, *x2_, "x2");
    const Eigen::Index cols = x2_ ? x2_->rows() : x1_.rows();
    if (get != Get::ntk) nngp_.resize(x1_.rows(), cols);
    if (get != Get::nngp) ntk_.resize(x1_.rows(), cols);
  }

  KernelEstimates run() {
    // Networks are sampled side by side, as many as there are threads and memory allows, and added in
    // order: which are side by side does not matter.
    const std::size_t at_once = samples_at_once();
    std::size_t samples = 0;
    bool enough = false;
    while (samples < options_.samples && !enough) {
      std::vector<Kernels<Real>> kernels(std::min(at_once, options_.samples - samples));
      for_each_sample(samples, samples + kernels.size(), progress_,
                      [&](std::size_t k) { kernels[k - samples] = sample(k); });
      for (std::size_t i = 0; i < kernels.size() && !enough; ++i) enough = add(kernels[i], ++samples);
    }
    return {nngp_.finish("NNGP"), ntk_.finish("NTK"), samples};
  }

 private:
  Kernels<Real> sample(std::size_t number) {
    const SampleKey key = {options_.seed, number};
    return empirical_kernels(program_, sample_parameters<Real>(program_, key), x1_, x2_, get_,
                             apply_options(key, progress_));
  }

  /// Returns whether the samples so far are enough.
  bool add(const Kernels<Real>& kernels, std::size_t samples) {
    if (nngp_.wanted()) nngp_.add(kernels.nngp);
    if (ntk_.wanted()) ntk_.add(kernels.ntk);
    return options_.relative_error > 0 && samples >= options_.min_samples && precise(nngp_) &&
           precise(ntk_);
  }
  bool precise(const Moments& moments) const {
    return !moments.wanted() || moments.relative_error() <= options_.relative_error;
  }

  std::size_t samples_at_once() const {
    constexpr double memory = double{1 << 30};
    double units = 0, weights = 0;
    for (const UnitSlot& slot : program_.slots) units += static_cast<double>(slot.width);
    for (const FiniteOp* op : program_.with_weights)
      weights += static_cast<double>(op->weights()->count());
    const double cols = static_cast<double>(x2_ ? x2_->rows() : x1_.rows());
    const double rows = static_cast<double>(x1_.rows());
    constexpr double per_unit = 4;  // value, slope, derivative and what is on its way
    const double bytes = sizeof(Real) * (weights + per_unit * units * (rows + cols) + 2 * rows * cols);
    const int threads = oneapi::tbb::this_task_arena::max_concurrency();
    return static_cast<std::size_t>(std::clamp(memory / bytes, 1.0, static_cast<double>(threads)));
  }

  const FiniteProgram program_;
  const MatrixView<Real> x1_;
  const std::optional<MatrixView<Real>> x2_;
  const Get get_;
  const MonteCarloOptions& options_;
  Progress progress_;
  Moments nngp_, ntk_;
};

}  // namespace

template <class Real>
void sample_outputs(const Layer& network, const MatrixView<Real>& x, const SampleOptions& options,
                    const std::function<void(std::size_t, const MatrixView<Real>&)>& sink) {
  const FiniteProgram program =
      compile_finite(network, static_cast<std::size_t>(x.cols()), options.sites);
  check_input(program, x, "x");
  Progress progress(options.progress, options.samples);
  arena(options.threads).execute([&] {
    for_each_sample(0, options.samples, progress, [&](std::size_t k) {
      const SampleKey key = {options.seed, k};
      OwnedMatrix<Real> out(x.rows(), static_cast<Eigen::Index>(program.out_dim()));
      empirical_outputs(program, sample_parameters<Real>(program, key), x, apply_options(key, progress),
                        out.data());
      sink(k, out.view());
    });
  });
}

template <class Real>
KernelEstimates monte_carlo_kernels(const Layer& network, const MatrixView<Real>& x1,
                                    const std::optional<std::type_identity_t<MatrixView<Real>>>& x2,
                                    Get get, const MonteCarloOptions& options) {
  return arena(options.threads).execute([&] {
    return MonteCarlo<Real>(network, x1, x2, get, options).run();
  });
}

Deviation deviation(const KernelEstimate& estimate, const MatrixView<double>& kernel, double rounding) {
  const double size = kernel.norm();
  const double least = rounding * size / std::sqrt(static_cast<double>(kernel.size()));
  Deviation deviation = {0, 0, 0};
  for (Eigen::Index i = 0; i < kernel.rows(); ++i)
    for (Eigen::Index j = 0; j < kernel.cols(); ++j) {
      const double difference = std::abs(estimate.mean(i, j) - kernel(i, j));
      deviation.relative += difference * difference;
      if (difference == 0) continue;
      const double z = difference / std::max(estimate.error(i, j), least);
      deviation.rms += z * z;
      deviation.largest = std::max(deviation.largest, z);
    }
  deviation.relative = deviation.relative == 0 ? 0 : std::sqrt(deviation.relative) / size;
  deviation.rms = std::sqrt(deviation.rms / static_cast<double>(kernel.size()));
  return deviation;
}

#define NNGP_INSTANTIATE(Real)                                                                    \
  template void sample_outputs(const Layer&, const MatrixView<Real>&, const SampleOptions&,       \
                               const std::function<void(std::size_t, const MatrixView<Real>&)>&); \
  template KernelEstimates monte_carlo_kernels(                                                   \
      const Layer&, const MatrixView<Real>&,                                                      \
      const std::optional<std::type_identity_t<MatrixView<Real>>>&, Get, const MonteCarloOptions&);
NNGP_INSTANTIATE(double)
NNGP_INSTANTIATE(float)
#undef NNGP_INSTANTIATE

}  // namespace nngp
