// nngp kernel: from data files to kernel matrices.

#include "nngp/kernel.hpp"

#include <charconv>
#include <iostream>
#include <thread>

#include "command.hpp"
#include "kernel_report.hpp"
#include "nngp/data.hpp"
#include "nngp/error.hpp"
#include "nngp/model.hpp"
#include "nngp/npy.hpp"
#include "nngp/text.hpp"
#include "plugin_search.hpp"
#include "progress.hpp"

namespace nngp::host {
namespace {

constexpr const char* standard_output = "-";

struct Request {
  std::string model;  ///< the expression
  std::string x1;
  std::string x2;    ///< empty: x1
  std::string nngp;  ///< output paths; empty: not wanted, "-": standard output
  std::string ntk;
  std::string report;
  std::string dtype;
  unsigned threads = 0;

  bool wants_summary() const { return nngp.empty() && ntk.empty(); }
  Get get() const {
    if (nngp.empty() == ntk.empty()) return Get::both;
    return ntk.empty() ? Get::nngp : Get::ntk;
  }
};

std::string read_model(const std::string& argument) {
  if (!argument.starts_with('@')) return argument;
  return std::string(FileBytes(argument.substr(1)).text());
}

/// An output must not replace another file of the same command.
void check_paths(const Request& request) {
  const std::vector<std::pair<const char*, const std::string*>> paths = {{"x1", &request.x1},
                                                                         {"x2", &request.x2},
                                                                         {"nngp", &request.nngp},
                                                                         {"ntk", &request.ntk},
                                                                         {"report", &request.report}};
  constexpr std::size_t inputs = 2;
  const auto place = [](const std::string& path) {
    std::error_code ignored;
    return path == standard_output ? std::filesystem::path(path)
                                   : std::filesystem::weakly_canonical(path, ignored);
  };
  for (std::size_t output = inputs; output < paths.size(); ++output)
    for (std::size_t other = 0; other < output; ++other)
      if (!paths[output].second->empty() && !paths[other].second->empty() &&
          place(*paths[output].second) == place(*paths[other].second))
        throw UsageError(std::string("--") + paths[other].first + " and --" + paths[output].first +
                         " name the same place '" + printable(*paths[output].second) + "'");
}

Request request_from(const po::variables_map& arguments) {
  Request request;
  request.x1 = text_of(arguments, "x1");
  request.x2 = text_of(arguments, "x2");
  request.nngp = text_of(arguments, "nngp");
  request.ntk = text_of(arguments, "ntk");
  request.report = text_of(arguments, "report");
  request.dtype = text_of(arguments, "dtype");
  if (request.dtype != "float64" && request.dtype != "float32")
    throw UsageError("--dtype is float64 or float32, not '" + printable(request.dtype) + "'");
  constexpr int most_threads = 4096;
  const int threads = arguments["threads"].as<int>();
  if (threads < 0 || threads > most_threads)
    throw UsageError("--threads is a number from 1 to " + std::to_string(most_threads) +
                     ", or 0 for as many as the machine has");
  request.threads =
      threads > 0 ? static_cast<unsigned>(threads) : std::max(1u, std::thread::hardware_concurrency());
  check_paths(request);
  request.model = read_model(text_of(arguments, "model"));
  return request;
}

/// Comma-separated, each number with the fewest digits that read back the same.
template <class Real>
void print_matrix(const KernelMatrix<Real>& matrix) {
  char buffer[64];
  for (Eigen::Index i = 0; i < matrix.rows(); ++i) {
    for (Eigen::Index j = 0; j < matrix.cols(); ++j) {
      const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, matrix(i, j));
      if (j > 0) std::cout << ',';
      std::cout.write(buffer, end - buffer);
    }
    std::cout << '\n';
  }
}

/// Where one kernel goes. Opened before the computation, so that an output that cannot be written is
/// known at once.
template <class Real>
class KernelOutput {
 public:
  KernelOutput(const std::string& path, Eigen::Index rows, Eigen::Index cols)
      : prints_(path == standard_output) {
    if (!path.empty() && !prints_) writer_.emplace(path, rows, cols);
  }

  void write(const KernelMatrix<Real>& kernel) {
    if (writer_) writer_->write_block(0, 0, kernel.view());
  }
  void commit() {
    if (writer_) writer_->commit();
  }
  void print(const KernelMatrix<Real>& kernel) const {
    if (prints_) print_matrix(kernel);
  }

 private:
  bool prints_;
  std::optional<NpyWriter<Real>> writer_;
};

template <class Real>
InputReport input_report(const std::string& path, const Data<Real>& data) {
  return {path, data.rows(), data.cols(), data.dtype()};
}

template <class Real>
void run(const Request& request, const Registry& plugins) {
  const InterruptGuard interrupt;
  const Layer network = parse_model(request.model, plugins);
  const KernelFn kernel_fn(network);
  KernelReport report;
  report.model = request.model;
  report.normalised_model = model_text(network);
  report.plugins = plugins_used(network, plugins);
  report.nngp_path = request.nngp;
  report.ntk_path = request.ntk;
  report.dtype = request.dtype;
  report.threads = request.threads;

  const Stopwatch reading;
  const Data<Real> x1 = read_data<Real>(std::filesystem::path(request.x1));
  report.x1 = input_report(request.x1, x1);
  std::optional<Data<Real>> x2;
  std::optional<MatrixView<Real>> x2_view;
  if (!request.x2.empty()) {
    x2.emplace(read_data<Real>(std::filesystem::path(request.x2)));
    x2_view.emplace(x2->view());
    report.x2 = input_report(request.x2, *x2);
    if (x1.cols() != x2->cols())
      throw DataError("'" + request.x1 + "' has " + std::to_string(x1.cols()) + " columns, '" +
                      request.x2 + "' has " + std::to_string(x2->cols()) +
                      "; both need the same features");
  }
  report.read_seconds = reading.seconds();
  interrupt.check();

  KernelOutput<Real> nngp_output(request.nngp, report.rows(), report.cols());
  KernelOutput<Real> ntk_output(request.ntk, report.rows(), report.cols());

  const Stopwatch computing;
  Kernels<Real> kernels;
  {
    ProgressLine line;
    KernelOptions options;
    options.threads = request.threads;
    options.progress = [&](std::size_t done, std::size_t total) {
      line.update(done, total);
      return !interrupt.interrupted();
    };
    try {
      kernels = kernel_fn(x1.view(), x2_view, request.get(), options);
    } catch (const Interrupted&) {
      interrupt.check();
      throw;
    }
  }
  report.compute_seconds = computing.seconds();

  const Stopwatch writing;
  nngp_output.write(kernels.nngp);
  ntk_output.write(kernels.ntk);
  interrupt.check();
  nngp_output.commit();
  ntk_output.commit();
  report.write_seconds = writing.seconds();
  if (!request.report.empty() && request.report != standard_output)
    write_file(request.report, report.json());

  nngp_output.print(kernels.nngp);
  ntk_output.print(kernels.ntk);
  if (request.report == standard_output) std::cout << report.json();
  if (request.wants_summary() && request.report != standard_output)
    std::cout << report.text() << '\n'
              << kernel_text("nngp", kernels.nngp.view(), request.x2.empty()) << '\n'
              << kernel_text("ntk", kernels.ntk.view(), request.x2.empty());
}

void run_kernel(const po::variables_map& arguments) {
  const Request request = request_from(arguments);
  const Registry plugins = find_plugins(arguments);
  if (request.dtype == "float32") {
    run<float>(request, plugins);
  } else {
    run<double>(request, plugins);
  }
}

}  // namespace

Command kernel_command() {
  po::options_description options("Options");
  const auto text = [](const char* value_name) {
    return po::value<std::string>()->value_name(value_name);
  };
  options.add_options()  //
      ("model", text("MODEL")->required(),
       "the network: an expression as of neural_tangents.stax, or @FILE that holds one")       //
      ("x1", text("FILE")->required(), "the inputs, one example a row: .npy or .csv")          //
      ("x2", text("FILE"), "further inputs: kernels of x1 with x2 instead of x1 with itself")  //
      ("nngp", text("OUT.npy"), "write the NNGP kernel; - prints it as text")                  //
      ("ntk", text("OUT.npy"), "write the neural tangent kernel; - prints it as text")         //
      ("dtype", text("TYPE")->default_value("float64"), "float64 or float32")                  //
      ("threads", po::value<int>()->default_value(0)->value_name("N"),
       "how many threads; 0: as many as the machine has. Results do not depend on it")  //
      ("report", text("OUT.json"), "write what was computed, from what and how fast; - prints it");
  return {"kernel",
          "Compute the NNGP and NTK matrices of data.",
          "--model MODEL --x1 FILE [--x2 FILE]\n"
          "[--nngp OUT.npy] [--ntk OUT.npy] [options]",
          "With neither --nngp nor --ntk, both kernels are computed and summarised.\n"
          "Output files appear when all is done, whole or not at all.\n\n"
          "Example:\n"
          "  nngp kernel --model 'serial(Dense(512, 1.5, 0.05), Relu(), Dense(1))' \\\n"
          "    --x1 train.npy --x2 test.npy --ntk ntk.npy\n",
          options,
          {},
          run_kernel};
}

}  // namespace nngp::host
