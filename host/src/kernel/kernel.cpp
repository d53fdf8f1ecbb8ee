// nngp kernel: from data files to kernel matrices.

#include "nngp/kernel.hpp"

#include <charconv>
#include <tuple>

#include "command/command.hpp"
#include "command/inexact.hpp"
#include "command/models.hpp"
#include "command/plot.hpp"
#include "command/process_guard.hpp"
#include "command/progress.hpp"
#include "kernel/kernel_report.hpp"
#include "kernel/kernel_request.hpp"
#include "nngp/data.hpp"
#include "nngp/error.hpp"
#include "nngp/model.hpp"
#include "nngp/npy.hpp"
#include "nngp/stream.hpp"

namespace nngp::host {
namespace {

/// Comma-separated, each number with the fewest digits that read back the same.
template <class Real>
void print_matrix(const OwnedMatrix<Real>& matrix) {
  char buffer[64];
  for (Eigen::Index i = 0; i < matrix.rows(); ++i) {
    for (Eigen::Index j = 0; j < matrix.cols(); ++j) {
      const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, matrix(i, j));
      if (j > 0) output() << ',';
      output().write(buffer, end - buffer);
    }
    output() << '\n';
  }
}

/// The part of n rows or columns that `slice` asks for, as first and count.
std::pair<std::size_t, std::size_t> part_of(const Slice& slice, Eigen::Index n, const char* option) {
  const auto size = static_cast<std::size_t>(n);
  const std::size_t end = slice.end.value_or(size);
  if (end > size || slice.begin >= size)
    throw UsageError(std::string(option) + " goes beyond the " + std::to_string(size) +
                     " that the kernels have");
  return {slice.begin, end - slice.begin};
}

/// One run of the command.
template <class Real>
class KernelRun {
 public:
  KernelRun(const KernelRequest& request, Models& models)
      : request_(request),
        network_(models.network(request.model)),
        x1_(read(request.x1)),
        kernel_fn_(network_, x1_.sites()),
        x2_(request.x2.empty() ? std::nullopt
                               : std::optional(match_columns(request.x1, x1_.source(), x1_.cols(),
                                                             request.x2, read(request.x2)))) {
    check_index_column(request.reading, {&x1_.source(), x2_ ? &x2_->source() : &x1_.source()});
    std::tie(window_.row, window_.rows) = part_of(request.rows, x1_.rows(), "--rows");
    std::tie(window_.col, window_.cols) =
        part_of(request.columns, x2_ ? x2_->rows() : x1_.rows(), "--columns");
    report_.request = request;
    report_.normalised_model = model_text(network_);
    report_.plugins = plugins_used(network_, models.plugins());
    report_.x1 = input_report(x1_);
    if (x2_) report_.x2 = input_report(*x2_);
    if (!request.wants_summary()) {
      note_guesses(request.x1, x1_.source());
      if (x2_) note_guesses(request.x2, x2_->source());
    }
    report_.window = window_;
    options_.threads = request.threads;
    options_.allowed_error = request.allowed_error;
    options_.progress = [this](double done, double total) {
      progress_.update(done, total);
      return !interrupt_.interrupted();
    };
  }

  void run() {
    interrupt_.check();
    if (request_.writes_files_alone() && request_.plot.empty() &&
        (request_.resume || bytes() > request_.memory.bytes)) {
      stream();
      write_report();
    } else {
      compute();
    }
  }

 private:
  Dataset<Real> read(const std::string& path) {
    const Stopwatch watch;
    Dataset<Real> data = read_input<Real>(path, request_.reading);
    report_.read_seconds += watch.seconds();
    return data;
  }

  void check_inputs() const {
    x1_.check_unchanged();
    if (x2_) x2_->check_unchanged();
  }

  std::size_t bytes() const {
    const std::size_t kernels = std::size_t{request_.wants_nngp()} + std::size_t{request_.wants_ntk()};
    return kernels * window_.rows * window_.cols * sizeof(Real);
  }

  KernelOperator<Real> bind() {
    std::optional<MatrixView<Real>> x2;
    if (x2_) x2.emplace(x2_->view());
    constexpr std::size_t many_positions = 10'000;  // that take a second to plan
    if (x1_.sites().count() > many_positions) progress_.show_now("planning");
    KernelOperator<Real> kernels = kernel_fn_.bind(x1_.view(), x2, options_);
    report_.numerical = kernels.numerical_layers();
    report_.work = kernels.work();
    const std::size_t memory = std::max(1u, request_.threads) * kernels.bytes_per_thread();
    progress_.needs(bytes_text(memory) + " of memory beside inputs and results");
    warn_inexact(report_.numerical);
    return kernels;
  }

  /// In memory.
  void compute() {
    // Opened before the computation, so that an output that cannot be written is known at once.
    std::optional<NpyWriter<Real>> nngp_file = open(request_.nngp), ntk_file = open(request_.ntk);

    const Stopwatch computing;
    OwnedMatrix<Real> nngp = matrix(request_.wants_nngp()), ntk = matrix(request_.wants_ntk());
    interrupt_.during([&] {
      bind().compute(window_, {nngp.data(), ntk.data(), window_.cols}, options_);
    });
    progress_.erase();
    report_.compute_seconds = computing.seconds();

    const Stopwatch writing;
    if (nngp_file) nngp_file->write_block(0, 0, nngp.view());
    if (ntk_file) ntk_file->write_block(0, 0, ntk.view());
    interrupt_.check();
    check_inputs();
    if (!request_.plot.empty()) draw(request_.wants_nngp() ? nngp : ntk);
    if (nngp_file) nngp_file->commit();
    if (ntk_file) ntk_file->commit();
    report_.write_seconds = writing.seconds();

    write_report();
    if (request_.nngp == standard_output) print_matrix(nngp);
    if (request_.ntk == standard_output) print_matrix(ntk);
    if (request_.wants_summary() && request_.report != standard_output)
      output() << report_.text() << '\n'
               << kernel_text("nngp", nngp.view(), report_.symmetric()) << '\n'
               << kernel_text("ntk", ntk.view(), report_.symmetric());
  }

  /// To disk, block by block; an interrupted run can be resumed.
  void stream() {
    const Stopwatch watch;
    StreamOptions options;
    options.memory = request_.memory.bytes;
    options.resume = request_.resume;
    options.identity = report_.identity();
    options.kernel = options_;
    options.finish = [this] { check_inputs(); };
    interrupt_.resumes_from(journal_path(request_.nngp.empty() ? request_.ntk : request_.nngp));
    interrupt_.during([&] { stream_kernels(bind(), window_, request_.nngp, request_.ntk, options); });
    progress_.erase();
    report_.compute_seconds = watch.seconds();  // which includes writing
  }

  std::optional<NpyWriter<Real>> open(const std::string& path) const {
    if (path.empty() || path == standard_output) return std::nullopt;
    return NpyWriter<Real>(path, rows(), cols());
  }
  OwnedMatrix<Real> matrix(bool wanted) const {
    return wanted ? OwnedMatrix<Real>(rows(), cols()) : OwnedMatrix<Real>();
  }
  Eigen::Index rows() const { return static_cast<Eigen::Index>(window_.rows); }
  Eigen::Index cols() const { return static_cast<Eigen::Index>(window_.cols); }

  void draw(const OwnedMatrix<Real>& kernel) const {
    Plot plot("row of x2", "row of x1");
    plot.heat_map(kernel.view().template cast<double>());
    plot.write(request_.plot);
  }

  void write_report() const { give_report(request_.report, report_.json()); }

  const KernelRequest& request_;
  InterruptGuard interrupt_;
  ProgressLine progress_;
  KernelReport report_;
  Layer network_;
  Dataset<Real> x1_;
  KernelFn kernel_fn_;
  std::optional<Dataset<Real>> x2_;
  KernelWindow window_;
  KernelOptions options_;
};

void run_kernel(const po::variables_map& arguments) {
  const KernelRequest request = kernel_request(arguments);
  Models models(arguments);
  if (request.dtype == "float32")
    KernelRun<float>(request, models).run();
  else
    KernelRun<double>(request, models).run();
}

}  // namespace

Command kernel_command() {
  return {"kernel",
          "Compute the NNGP and NTK matrices of data.",
          "--model MODEL --x1 FILE [--x2 FILE]\n"
          "[--nngp OUT.npy] [--ntk OUT.npy] [options]",
          "With neither --nngp nor --ntk, both kernels are computed and summarised.\n"
          "Output files appear when all is done, whole or not at all.\n\n"
          "Example:\n"
          "  nngp kernel --model 'serial(Dense(512, 1.5, 0.05), Relu(), Dense(1))' \\\n"
          "    --x1 train.npy --x2 test.npy --ntk ntk.npy\n",
          kernel_options(),
          {},
          run_kernel};
}

}  // namespace nngp::host
