// nngp montecarlo: kernels of sampled networks, beside those of infinite width.

#include <utility>
#include <vector>

#include "command/command.hpp"
#include "command/inexact.hpp"
#include "command/models.hpp"
#include "command/options.hpp"
#include "command/process_guard.hpp"
#include "command/progress.hpp"
#include "nngp/data.hpp"
#include "nngp/error.hpp"
#include "nngp/model.hpp"
#include "nngp/npy.hpp"
#include "sampling/montecarlo_report.hpp"

namespace nngp::host {
namespace {

/// One run of the command.
template <class Real>
class MonteCarloRun {
 public:
  MonteCarloRun(const MonteCarloRequest& request, Models& models)
      : request_(request),
        network_(with_requested_width(models.network(request.sampling.model), request.sampling)),
        x1_(read(request.x1)),
        x2_(request.x2.empty() ? std::nullopt
                               : std::optional(match_columns(request.x1, x1_.source(), x1_.cols(),
                                                             request.x2, read(request.x2)))) {
    check_index_column(request.sampling.reading, {&x1_.source(), x2_ ? &x2_->source() : &x1_.source()});
    report_.request = request;
    report_.normalised_model = model_text(network_);
    report_.plugins = plugins_used(network_, models.plugins());
    report_.x1 = input_report(x1_);
    if (x2_) report_.x2 = input_report(*x2_);
    if (!request.wants_summary()) {
      note_guesses(request.x1, x1_.source());
      if (x2_) note_guesses(request.x2, x2_->source());
    }
  }

  void run() {
    interrupt_.check();
    // Opened before the computation, so that an output that cannot be written is known at once.
    std::vector<Output> outputs;
    outputs.reserve(4);
    open(request_.nngp, &KernelEstimates::nngp, &KernelEstimate::mean, outputs);
    open(request_.nngp_error, &KernelEstimates::nngp, &KernelEstimate::error, outputs);
    open(request_.ntk, &KernelEstimates::ntk, &KernelEstimate::mean, outputs);
    open(request_.ntk_error, &KernelEstimates::ntk, &KernelEstimate::error, outputs);
    if (request_.wants_summary() || !request_.report.empty()) bind_infinite_width();
    const KernelEstimates estimates = interrupt_.during([this] { return sample(); });
    for (Output& output : outputs)
      output.file.matrix() = (estimates.*output.kernel.*output.part).view().template cast<Real>();
    if (infinite_width_) interrupt_.during([&] { compare(estimates); });
    interrupt_.check();
    x1_.check_unchanged();
    if (x2_) x2_->check_unchanged();
    for (Output& output : outputs) output.file.commit();
    print(estimates);
  }

 private:
  struct Output {
    NpyWriter<Real> file;
    KernelEstimate KernelEstimates::*kernel;
    OwnedMatrix<double> KernelEstimate::*part;
  };

  Dataset<Real> read(const std::string& path) {
    const Stopwatch watch;
    Dataset<Real> data = read_input<Real>(path, request_.sampling.reading);
    report_.read_seconds += watch.seconds();
    return data;
  }

  void open(const std::string& path, KernelEstimate KernelEstimates::*kernel,
            OwnedMatrix<double> KernelEstimate::*part, std::vector<Output>& outputs) const {
    if (path.empty()) return;
    outputs.push_back(
        {NpyWriter<Real>(path, x1_.rows(), x2_ ? x2_->rows() : x1_.rows()), kernel, part});
  }

  std::optional<MatrixView<Real>> x2() const {
    if (!x2_) return std::nullopt;
    return x2_->view();
  }
  Get wanted() const {
    return !request_.wants_ntk() ? Get::nngp : !request_.wants_nngp() ? Get::ntk : Get::both;
  }

  KernelEstimates sample() {
    const Stopwatch watch;
    MonteCarloOptions options;
    options.sites = x1_.sites();
    options.seed = request_.sampling.seed;
    options.samples = request_.sampling.samples;
    options.threads = request_.sampling.threads;
    options.relative_error = request_.relative_error;
    options.progress = [this](std::size_t done, std::size_t total) {
      progress_.update(done, total, "samples");
      return !interrupt_.interrupted();
    };
    KernelEstimates estimates = monte_carlo_kernels(network_, x1_.view(), x2(), wanted(), options);
    progress_.erase();
    report_.samples = estimates.samples;
    report_.sample_seconds = watch.seconds();
    if (request_.wants_nngp()) report_.nngp = EstimateReport{estimates.nngp.relative_error, {}};
    if (request_.wants_ntk()) report_.ntk = EstimateReport{estimates.ntk.relative_error, {}};
    return estimates;
  }

  KernelOptions kernel_options() {
    KernelOptions options;
    options.threads = request_.sampling.threads;
    options.allowed_error = request_.allowed_error;
    options.progress = [this](double, double) { return !interrupt_.interrupted(); };
    return options;
  }

  /// The kernels of infinite width in double precision, where the network has them. Kernels that are
  /// hardly known are refused before networks are sampled.
  void bind_infinite_width() {
    rows_ = x1_.view().template cast<double>();
    if (x2_) cols_ = x2_->view().template cast<double>();
    std::optional<MatrixView<double>> second;
    if (x2_) second.emplace(cols_);
    try {
      infinite_width_.emplace(
          KernelFn(network_, x1_.sites()).bind<double>(rows_, second, kernel_options()));
      report_.numerical = infinite_width_->numerical_layers();
      warn_inexact(report_.numerical);
    } catch (const InexactError&) {
      throw;
    } catch (const Error& error) {
      report_.no_kernel = error.what();
    }
  }

  void compare(const KernelEstimates& estimates) {
    Kernels<double> exact;
    nngp::KernelOutput<double> out{.ld = infinite_width_->cols()};
    const auto make = [&](OwnedMatrix<double>& kernel) {
      kernel = OwnedMatrix<double>(rows_.rows(), static_cast<Eigen::Index>(out.ld));
      return kernel.data();
    };
    if (report_.nngp) out.nngp = make(exact.nngp);
    if (report_.ntk) out.ntk = make(exact.ntk);
    try {
      infinite_width_->compute({0, 0, infinite_width_->rows(), out.ld}, out, kernel_options());
      const double rounding = std::is_same_v<Real, float> ? 1e-5 : 1e-9;
      if (report_.nngp)
        report_.nngp->deviation = deviation(estimates.nngp, exact.nngp.view(), rounding);
      if (report_.ntk) report_.ntk->deviation = deviation(estimates.ntk, exact.ntk.view(), rounding);
    } catch (const Interrupted&) {
      throw;
    } catch (const Error& error) {
      report_.no_kernel = error.what();
    }
  }

  void print(const KernelEstimates& estimates) const {
    give_report(request_.report, report_.json());
    if (!request_.wants_summary() || request_.report == standard_output) return;
    output() << report_.text() << '\n'
             << kernel_text("nngp", estimates.nngp.mean.view(), !x2_) << estimate_text(*report_.nngp)
             << '\n'
             << kernel_text("ntk", estimates.ntk.mean.view(), !x2_) << estimate_text(*report_.ntk);
  }

  const MonteCarloRequest& request_;
  InterruptGuard interrupt_;
  ProgressLine progress_;
  MonteCarloReport report_;
  Layer network_;
  Dataset<Real> x1_;
  std::optional<Dataset<Real>> x2_;
  Matrix<double> rows_, cols_;  ///< the inputs in double precision
  std::optional<KernelOperator<double>> infinite_width_;
};

MonteCarloRequest montecarlo_request(const po::variables_map& arguments) {
  MonteCarloRequest request;
  request.sampling = sampling_request(arguments, 2);
  request.x1 = text_of(arguments, "x1");
  request.x2 = text_of(arguments, "x2");
  request.nngp = text_of(arguments, "nngp");
  request.nngp_error = text_of(arguments, "nngp-error");
  request.ntk = text_of(arguments, "ntk");
  request.ntk_error = text_of(arguments, "ntk-error");
  request.allowed_error = allowed_error(arguments);
  request.report = text_of(arguments, "report");
  Paths outputs = {{"--nngp", request.nngp},
                   {"--nngp-error", request.nngp_error},
                   {"--ntk", request.ntk},
                   {"--ntk-error", request.ntk_error}};
  for (const auto& [option, path] : outputs)
    if (path == standard_output) throw UsageError(option + " takes a file: it is not printed");
  outputs.emplace_back("--report", request.report);
  check_paths({{"--x1", request.x1}, {"--x2", request.x2}}, outputs);
  if (arguments.count("error")) {
    request.relative_error = parse_number(text_of(arguments, "error"), "error");
    if (!(request.relative_error > 0)) throw UsageError("--error takes a number above 0");
  }
  return request;
}

void run_montecarlo(const po::variables_map& arguments) {
  const MonteCarloRequest request = montecarlo_request(arguments);
  Models models(arguments);
  if (request.sampling.dtype == "float32")
    MonteCarloRun<float>(request, models).run();
  else
    MonteCarloRun<double>(request, models).run();
}

}  // namespace

Command montecarlo_command() {
  po::options_description options("Options");
  options.add_options()  //
      ("x1", text("FILE")->required(),
       "the inputs, one example a row: .npy or .csv, or - for standard input")                 //
      ("x2", text("FILE"), "further inputs: kernels of x1 with x2 instead of x1 with itself")  //
      ("nngp", text("OUT.npy"), "write the mean NNGP kernel of the sampled networks")          //
      ("nngp-error", text("OUT.npy"), "write the standard error of each of its entries")       //
      ("ntk", text("OUT.npy"), "write the mean neural tangent kernel")                         //
      ("ntk-error", text("OUT.npy"), "write the standard error of each of its entries")        //
      ("error", text("E"),
       "stop before K samples once the standard errors are this small, relative to the kernel (root "
       "mean square over the entries)")  //
      ("report", text("OUT.json"),
       "write what was computed and how far it is from infinite width; - prints it");
  add_sampling_options(options);
  options.add(inexact_options());
  return {"montecarlo",
          "Estimate the NNGP and NTK from sampled networks of finite width.",
          "--model MODEL --x1 FILE [--x2 FILE] --samples K\n"
          "[--nngp OUT.npy] [--ntk OUT.npy] [options]",
          "The NTK comes from the derivatives of the network's outputs by its weights.\n"
          "Without an output file both kernels are summarised, and compared with those of\n"
          "infinite width. A difference of order 1/width between the two is genuine; the\n"
          "rest is chance, and falls with the number of samples and with the width.\n\n"
          "Example:\n"
          "  nngp montecarlo --model 'serial(Dense(512, 1.5, 0.05), Tanh(), Dense(1))' \\\n"
          "    --x1 x.npy --samples 1000 --error 0.01 --ntk ntk.npy --ntk-error error.npy\n",
          options,
          {},
          run_montecarlo};
}

}  // namespace nngp::host
