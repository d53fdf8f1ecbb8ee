// nngp predict: what infinitely wide networks predict after training.

#include "nngp/predict.hpp"

#include <algorithm>
#include <cmath>
#include <iostream>
#include <limits>

#include "command/command.hpp"
#include "command/inexact.hpp"
#include "command/models.hpp"
#include "command/process_guard.hpp"
#include "command/progress.hpp"
#include "nngp/data.hpp"
#include "nngp/error.hpp"
#include "nngp/npy.hpp"
#include "nngp/text.hpp"
#include "predict/label_file.hpp"
#include "predict/predict_plot.hpp"
#include "predict/predict_report.hpp"
#include "predict/predict_request.hpp"
#include "predict/prediction_kernels.hpp"

namespace nngp::host {
namespace {

/// Bytes of `count` matrices of the training kernel.
double matrices(double count, Eigen::Index n) {
  return count * static_cast<double>(n) * static_cast<double>(n) * sizeof(double);
}

/// One run of the command.
template <class Real>
class PredictRun {
 public:
  PredictRun(const PredictRequest& request, Models& models)
      : request_(request),
        kernels_(prediction_kernels<Real>(request, models)),
        targets_(request.y_train, request.targets, with_rows(request.reading, kernels_->examples())) {
    if (!request.y_test.empty())
      y_test_.emplace(targets_.read_test(request.y_test, request.y_train,
                                         with_rows(request.reading, kernels_->tests())));
    check_inputs();
    report_.request = request;
    kernels_->describe(report_);
    report_.y_train = input_report(targets_.data());
    if (y_test_) report_.y_test = input_report(*y_test_);
    report_.targets = targets_.text(request.y_train);
    report_.classes = targets_.class_names();
    report_.named_classes = targets_.has_names();
    report_.normalized = targets_.standardization().has_value();
    report_.read_seconds = reading_.seconds();
    if (!request.labels.empty() && !classifies())
      throw UsageError("--labels is of classes: say --task classification if '" + request.y_train +
                       "' holds labels");
  }

  void run() {
    interrupt_.check();
    // Opened before the computation, so that an output that cannot be written is known at once.
    const Eigen::Index n = kernels_->tests(), outputs = targets_.values().cols();
    const std::vector<double> units = this->units();
    const auto spreads = static_cast<Eigen::Index>(units.size());
    std::optional<NpyWriter<double>> mean = open(request_.mean, {n, outputs}),
                                     cov = open(request_.cov,
                                                spreads == 1 ? Shape{n, n} : Shape{spreads, n, n}),
                                     std = open(request_.std_path, {n, spreads});
    std::optional<LabelFile> labels;
    if (!request_.labels.empty()) labels.emplace(request_.labels);
    const Gaussian predicted = interrupt_.during([this] { return compute(); });
    kernels_->check_unchanged();
    targets_.data().check_unchanged();
    if (y_test_) y_test_->check_unchanged();
    if (mean) mean->write_block(0, 0, predicted.mean.view());
    for (Eigen::Index i = 0; i < spreads; ++i) {
      const double unit = spreads == 1 ? 1 : units[static_cast<std::size_t>(i)];
      if (std) std->matrix().col(i) = unit * deviations(predicted.variance);
      if (cov) cov->matrix().middleRows(i * n, n) = unit * unit * predicted.covariance.view();
    }
    if (labels)
      labels->write(predicted_classes(predicted), targets_.class_names(), targets_.has_names());
    interrupt_.check();
    if (picture_) picture_->write(request_.plot);
    for (auto* file : {&mean, &cov, &std})
      if (*file) (*file)->commit();
    if (labels) labels->commit();
    if (!give_report(request_.report, report_.json())) output() << report_.text();
  }

 private:
  using Shape = std::vector<Eigen::Index>;
  static std::optional<NpyWriter<double>> open(const std::string& path, const Shape& shape) {
    if (path.empty()) return std::nullopt;
    return NpyWriter<double>(path, shape);
  }

  /// The files of one run go together.
  void check_inputs() const {
    const DataSource &y_train = targets_.data().source(), *x_train = kernels_->train_source(),
                     *x_test = kernels_->test_source();
    std::vector<const DataSource*> files = {&y_train};
    for (const DataSource* source : {x_train, x_test})
      if (source) files.push_back(source);
    if (y_test_) files.push_back(&y_test_->source());
    check_index_column(request_.reading, files);
    check_same_rows(kernels_->train_path(), kernels_->examples(), request_.y_train,
                    targets_.values().rows());
    if (x_train) check_same_order(request_.x_train, *x_train, request_.y_train, y_train);
    if (!y_test_) return;
    check_same_rows(kernels_->test_path(), kernels_->tests(), request_.y_test, y_test_->rows());
    if (x_test) check_same_order(request_.x_test, *x_test, request_.y_test, y_test_->source());
  }

  /// The units of spreads: one for all outputs, or one for each.
  std::vector<double> units() const {
    return targets_.standardization() ? targets_.standardization()->deviation() : std::vector{1.0};
  }

  /// Means in units of the targets, and variances too if there is one for all outputs.
  void restore_units(Gaussian& predicted) const {
    if (!targets_.standardization()) return;
    targets_.standardization()->undo(predicted.mean.map());
    if (units().size() > 1) return;
    const double square = units()[0] * units()[0];
    for (double& variance : predicted.variance) variance *= square;
    if (predicted.covariance.size() > 0) predicted.covariance.map() *= square;
  }

  static std::vector<std::size_t> predicted_classes(const Gaussian& predicted) {
    std::vector<std::size_t> classes;
    for (Eigen::Index i = 0; i < predicted.mean.rows(); ++i) {
      Eigen::Index best = 0;
      predicted.mean.view().row(i).maxCoeff(&best);
      classes.push_back(static_cast<std::size_t>(best));
    }
    return classes;
  }

  /// Finite times and many diag_reg need the eigensystem.
  SolveMethod method() const {
    const bool eigen = request_.time || !request_.selection.grid.empty() || plots_learning();
    const double needed = matrices(eigen ? 3 : request_.wants_scores() ? 2 : 1, kernels_->examples());
    const bool fits = needed <= static_cast<double>(request_.memory.bytes);
    const bool iterate = request_.solver == "cg" || (request_.solver == "auto" && !fits);
    if (!iterate) return eigen ? SolveMethod::eigensystem : SolveMethod::cholesky;
    if (eigen || request_.wants_scores())
      throw DataError(std::string(plots_learning()                   ? "--plot of a learning curve"
                                  : request_.time                    ? "a finite --time"
                                  : !request_.selection.grid.empty() ? "--diag-reg-grid"
                                                                     : "--loo or --folds") +
                      " needs the factorised kernel, here " + print("%.1f", needed / (1 << 30)) +
                      " GiB: use --solver direct" +
                      (fits ? "" : ", and --memory if there is more than " + request_.memory.text()));
    return SolveMethod::conjugate_gradients;
  }

  EnsembleOptions options() {
    EnsembleOptions options;
    options.kernel = request_.kernel;
    options.diag_reg = request_.selection.diag_reg;
    options.learning_rate = request_.learning_rate;
    options.method = method();
    options.memory = request_.memory.bytes;
    options.scratch = request_.scratch;
    options.conjugate_gradients.tolerance = request_.tolerance;
    options.conjugate_gradients.progress = [this](std::size_t iteration, double residual) {
      progress_.show(print("iteration %zu, residual %.1e", iteration, residual));
      return !interrupt_.interrupted();
    };
    options.compute.threads = request_.threads;
    options.compute.allowed_error = request_.allowed_error;
    options.compute.progress = [this, quiet = options.method == SolveMethod::conjugate_gradients](
                                   double done, double total) {
      if (!quiet) progress_.update(done, total);
      return !interrupt_.interrupted();
    };
    return options;
  }

  Gaussian compute() {
    const Stopwatch training;
    const EnsembleOptions options = this->options();
    const Ensemble<Real> trained = kernels_->train(targets_.values(), options);
    progress_.erase();
    interrupt_.check();
    const Ensemble<Real> ensemble = best(trained);
    report_.train_seconds = training.seconds();
    const Stopwatch predicting;
    const Uncertainty wanted = uncertainty(ensemble.options().method);
    std::optional<KernelOperator<Real>> test;
    const bool bounds = options.method == SolveMethod::conjugate_gradients && kernels_->knows_spread();
    if (wanted != Uncertainty::none || bounds) test = kernels_->test(options.compute);
    const KernelOperator<Real> cross = kernels_->cross(options.compute);
    warn_inexact(cross.numerical_layers());
    Gaussian predicted = ensemble.predict(cross, test, wanted, request_.time);
    report_.predict_seconds = predicting.seconds();
    progress_.erase();
    describe(ensemble, predicted);
    clamp(predicted);
    judge(predicted);
    // A picture shows many outputs on one scale.
    if (units().size() > 1 && !request_.plot.empty()) picture_ = draw(ensemble, predicted);
    restore_units(predicted);
    if (units().size() == 1 && !request_.plot.empty()) picture_ = draw(ensemble, predicted);
    return predicted;
  }

  /// With the diag_reg of the grid that does best, if there is one.
  Ensemble<Real> best(const Ensemble<Real>& trained) {
    if (!request_.wants_scores()) return trained;
    const Selection& selection = request_.selection;
    report_.scores = score_all(trained, selection, [this] { interrupt_.check(); });
    if (selection.grid.empty()) return trained;
    return trained.with({best_of(report_.scores, selection.criterion, classifies()).first,
                         selection.diag_reg.absolute});
  }

  bool classifies() const { return targets_.classes().has_value(); }

  /// Variances cost little beside a factorisation, but as much as the means by conjugate gradients.
  Uncertainty uncertainty(SolveMethod method) const {
    if (!request_.cov.empty()) return Uncertainty::covariance;
    const bool judged =
        y_test_ && kernels_->knows_spread() && method != SolveMethod::conjugate_gradients;
    const bool shown = !request_.plot.empty() && !plots_learning();
    return judged || shown || !request_.std_path.empty() ? Uncertainty::variance : Uncertainty::none;
  }

  void describe(const Ensemble<Real>& ensemble, const Gaussian& predicted) {
    report_.method = ensemble.options().method;
    report_.diag_reg = ensemble.options().diag_reg.value;
    report_.shift = ensemble.shift();
    report_.condition_number = ensemble.condition_number();
    report_.convergence = ensemble.convergence();
    report_.rounding = predicted.rounding;
    report_.numerical = ensemble.numerical_layers();
    report_.solver_threads = solver_threads();
    const double rounding = std::numeric_limits<Real>::epsilon();
    // What conjugate gradients tell is a bound, which they keep well within.
    const int few = report_.convergence ? 3 : 6;
    if (report_.digits().value_or(few) < few)
      std::cerr << "nngp: warning: the predictions have "
                << (report_.convergence ? print("at least %d right digits, no more being known at a "
                                                "relative residual of %.0e; a smaller --tolerance or a "
                                                "larger --diag-reg helps\n",
                                                *report_.digits(), report_.convergence->residual)
                                        : print("about %d right digits, as the condition number of the "
                                                "kernel is %.0e; a larger --diag-reg helps\n",
                                                *report_.digits(), *report_.condition_number));
    else if (!request_.time && report_.condition_number.value_or(1) > 0.1 / rounding)
      std::cerr << "nngp: warning: the condition number of the kernel is "
                << print("%.0e", *report_.condition_number)
                << ", so rounding may spoil the predictions; a larger --diag-reg helps\n";
  }

  /// A variance that is 0 may come out slightly negative.
  void clamp(Gaussian& predicted) {
    for (std::size_t i = 0; i < predicted.variance.size(); ++i) {
      double& variance = predicted.variance[i];
      if (!(variance < 0)) continue;
      report_.most_negative = std::min(report_.most_negative, variance);
      ++report_.clamped;
      variance = 0;
      const auto place = static_cast<Eigen::Index>(i);
      if (predicted.covariance.size() > 0) predicted.covariance.map()(place, place) = 0;
    }
  }
  static Matrix<double> deviations(const std::vector<double>& variance) {
    return Eigen::Map<const Eigen::VectorXd>(variance.data(),
                                             static_cast<Eigen::Index>(variance.size()))
        .cwiseSqrt();
  }

  void judge(const Gaussian& predicted) {
    if (!y_test_) return;
    if (classifies()) {
      report_.classification =
          classification_quality(predicted, report_.shift, y_test_->view(), *targets_.classes());
      return;
    }
    RegressionQuality& quality = report_.regression.emplace(
        regression_quality(predicted, report_.shift, targets_.encode(y_test_->view()).view()));
    if (!targets_.standardization()) return;
    // Of errors in units of the targets.
    const std::vector<double> units = this->units();
    for (std::size_t i = 0; i < units.size(); ++i) {
      quality.root_mean_squared_error[i] *= units[i];
      if (quality.log_density)
        *quality.log_density -= std::log(units[i]) / static_cast<double>(units.size());
    }
  }

  /// The picture is a learning curve where predictions over x cannot be drawn.
  bool plots_learning() const { return !request_.plot.empty() && !kernels_->curve(); }

  Plot draw(const Ensemble<Real>& ensemble, const Gaussian& predicted) const {
    if (const auto curve = kernels_->curve())
      return prediction_plot(
          curve->first.view(),
          units().size() == 1 && !classifies() ? targets_.data().view() : targets_.values(),
          curve->second.view(), predicted);
    // Labels that training did not know have no targets to compare with.
    std::optional<OwnedMatrix<double>> encoded;
    std::optional<MatrixView<double>> y_test;
    if (y_test_ && (!classifies() || report_.classification->unknown == 0))
      y_test.emplace(encoded.emplace(targets_.encode(y_test_->view())).view());
    return learning_plot(ensemble, targets_.values(), kernels_->cross(ensemble.options().compute),
                         y_test);
  }

  const PredictRequest& request_;
  InterruptGuard interrupt_;
  ProgressLine progress_;
  PredictReport report_;
  Stopwatch reading_;
  std::unique_ptr<const PredictionKernels<Real>> kernels_;
  TrainingTargets targets_;
  std::optional<Dataset<double>> y_test_;
  std::optional<Plot> picture_;
};

void run_predict(const po::variables_map& arguments) {
  const PredictRequest request = predict_request(arguments);
  Models models(arguments);
  const SolverThreads threads(request.threads);
  if (request.dtype == "float32")
    PredictRun<float>(request, models).run();
  else
    PredictRun<double>(request, models).run();
}

}  // namespace

Command predict_command() {
  return {"predict",
          "Predict with infinitely wide networks trained on data.",
          "--model MODEL --x-train FILE --y-train FILE --x-test FILE\n"
          "[--y-test FILE] [--mean OUT.npy] [--std OUT.npy] [options]\n"
          "--k-train FILE --y-train FILE --k-test FILE [options]",
          "Prints a summary; with --y-test it tells how good the predictions are.\n"
          "Labels become one-hot targets less their mean. The spread is that of the\n"
          "networks' outputs; what is said of calibration adds diag_reg as noise.\n"
          "Output files appear when all is done, whole or not at all.\n\n"
          "Example:\n"
          "  nngp predict --model 'serial(Dense(512, 1.5, 0.05), Relu(), Dense(1))' \\\n"
          "    --x-train x.npy --y-train y.npy --x-test new.npy --mean mean.npy\n",
          predict_options(),
          {},
          run_predict};
}

}  // namespace nngp::host
