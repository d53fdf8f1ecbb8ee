#include "predict/kernel_files.hpp"

#include "command/inputs.hpp"
#include "command/options.hpp"
#include "nngp/error.hpp"
#include "nngp/stored_kernel.hpp"

namespace nngp::host {
namespace {

/// How far entries (i, j) and (j, i) of a matrix of this type may differ by rounding, relative to the
/// largest entry.
double tolerance_of(const std::string& dtype) {
  if (dtype == "float16") return 1e-2;
  if (dtype == "float32") return 1e-5;
  return 1e-10;
}

}  // namespace

Paths KernelFiles::paths() const {
  return {{"--k-train", train},
          {"--k-test", test},
          {"--k-test-test", test_test},
          {"--nngp-train", nngp_train},
          {"--nngp-test", nngp_test}};
}

void add_kernel_file_options(po::options_description& options) {
  options.add_options()  //
      ("k-train", text("FILE"),
       "instead of a model and inputs, a kernel of one's own: of the training inputs, NNGP or NTK as "
       "--kernel says")                                                                       //
      ("k-test", text("FILE"), "the same kernel of test inputs (rows) with training inputs")  //
      ("k-test-test", text("FILE"), "the NNGP of the test inputs, for their spread")          //
      ("nngp-train", text("FILE"),
       "the NNGP of the training inputs, for the spread with --kernel ntk")  //
      ("nngp-test", text("FILE"), "the NNGP of test inputs with training inputs, likewise");
}

KernelFiles kernel_files_from(const po::variables_map& arguments, Get kernel, bool wants_spread) {
  const KernelFiles files{text_of(arguments, "k-train"), text_of(arguments, "k-test"),
                          text_of(arguments, "k-test-test"), text_of(arguments, "nngp-train"),
                          text_of(arguments, "nngp-test")};
  const char* advice = "; see 'nngp help predict'";
  if (!files.given()) {
    for (const auto& [option, path] : files.paths())
      if (!path.empty()) throw UsageError(option + " needs --k-train" + advice);
    for (const char* option : {"model", "x-train", "x-test"})
      if (!arguments.count(option))
        throw UsageError("option '--" + std::string(option) + "' is missing" + advice);
    return files;
  }
  for (const char* option : {"model", "x-train", "x-test"})
    if (arguments.count(option))
      throw UsageError("give either --k-train or --" + std::string(option) + advice);
  if (files.test.empty())
    throw UsageError("option '--k-test' is missing beside --k-train" + std::string(advice));
  const bool ntk = kernel == Get::ntk;
  if (!ntk && !(files.nngp_train.empty() && files.nngp_test.empty()))
    throw UsageError("--nngp-train and --nngp-test go with --kernel ntk; --k-train is the NNGP here");
  if (wants_spread && !files.know_spread(kernel))
    throw UsageError(std::string("the spread of predictions needs --k-test-test") +
                     (ntk ? ", --nngp-train and --nngp-test with --kernel ntk" : ""));
  return files;
}

Dataset<double> read_training_kernel(const std::string& path) {
  Dataset<double> data = read_input<double>(path, {});
  check_kernel(data.view(), path, tolerance_of(data.dtype()));
  return data;
}

OwnKernels::OwnKernels(const KernelFiles& files, Get kernel)
    : ntk_(kernel == Get::ntk),
      train_(read("k-train", files.train, true)),
      test_(read("k-test", files.test, false)),
      test_test_(read("k-test-test", files.test_test, true)),
      nngp_train_(read("nngp-train", files.nngp_train, true)),
      nngp_test_(read("nngp-test", files.nngp_test, false)) {
  const Eigen::Index n = train_->data.rows();
  const bool turned = test_->data.cols() != n && test_->data.rows() == n;
  const Eigen::Index tests = turned ? test_->data.cols() : test_->data.rows();
  check_shape(test_, tests, n);
  check_shape(test_test_, tests, tests);
  check_shape(nngp_train_, n, n);
  check_shape(nngp_test_, tests, n);
}

std::optional<OwnKernels::Matrix> OwnKernels::read(const char* name, const std::string& path,
                                                   bool symmetric) const {
  if (path.empty()) return std::nullopt;
  return Matrix{name, path, symmetric ? read_training_kernel(path) : read_input<double>(path, {})};
}

void OwnKernels::check_shape(const std::optional<Matrix>& matrix, Eigen::Index rows,
                             Eigen::Index cols) const {
  if (!matrix || (matrix->data.rows() == rows && matrix->data.cols() == cols)) return;
  const auto size = [](Eigen::Index a, Eigen::Index b) {
    return size_text(static_cast<std::size_t>(a), static_cast<std::size_t>(b));
  };
  const bool turned = matrix->data.rows() == cols && matrix->data.cols() == rows;
  throw DataError(
      "'" + matrix->path + "' is " + size(matrix->data.rows(), matrix->data.cols()) + ", but --" +
      matrix->name + " must be " + size(rows, cols) + ", with a row for each " +
      (matrix->name == "nngp-train" ? "training" : "test") + " input and a column for each " +
      (matrix->name == "k-test-test" ? "test" : "training") + " input, as '" + train_->path + "' has " +
      std::to_string(train_->data.rows()) + (turned ? ": transpose it" : ""));
}

KernelOperator<double> OwnKernels::stored(const std::optional<Matrix>& matrix,
                                          const std::optional<Matrix>& nngp, bool symmetric) const {
  std::optional<MatrixView<double>> first, second;
  if (ntk_) {
    if (nngp) first.emplace(nngp->data.view());
    if (matrix) second.emplace(matrix->data.view());
  } else {
    first.emplace(matrix->data.view());
  }
  return stored_kernel(first, second, symmetric);
}

KernelOperator<double> OwnKernels::train() const { return stored(train_, nngp_train_, true); }
KernelOperator<double> OwnKernels::cross() const { return stored(test_, nngp_test_, false); }

std::optional<KernelOperator<double>> OwnKernels::test() const {
  if (!test_test_) return std::nullopt;
  return stored_kernel<double>(test_test_->data.view(), std::nullopt, true);
}

void OwnKernels::check_unchanged() const {
  for (const auto* matrix : {&train_, &test_, &test_test_, &nngp_train_, &nngp_test_})
    if (*matrix) (*matrix)->data.check_unchanged();
}

std::vector<InputFile> OwnKernels::inputs() const {
  std::vector<InputFile> inputs;
  for (const auto* matrix : {&train_, &test_, &test_test_, &nngp_train_, &nngp_test_})
    if (*matrix) {
      const Dataset<double>& data = (*matrix)->data;
      inputs.push_back({(*matrix)->name, (*matrix)->path, input_report(data)});
    }
  return inputs;
}

}  // namespace nngp::host
