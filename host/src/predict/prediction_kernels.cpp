#include "predict/prediction_kernels.hpp"

#include "command/inputs.hpp"
#include "nngp/model.hpp"

namespace nngp::host {
namespace {

template <class Real>
class OfNetwork final : public PredictionKernels<Real> {
 public:
  OfNetwork(const PredictRequest& request, Models& models)
      : x_train_path_(request.x_train),
        x_test_path_(request.x_test),
        network_(models.network(request.model)),
        plugins_(plugins_used(network_, models.plugins())),
        x_train_(read_input<Real>(request.x_train, with_rows_of(request.inputs, request.y_train))),
        x_test_(match_columns(
            request.x_train, x_train_.source(), x_train_.cols(), request.x_test,
            read_input<Real>(request.x_test, with_rows_of(request.inputs, request.y_test)))),
        kernel_fn_(network_, x_train_.sites()) {}

  Eigen::Index examples() const override { return x_train_.rows(); }
  Eigen::Index tests() const override { return x_test_.rows(); }
  std::string train_path() const override { return x_train_path_; }
  std::string test_path() const override { return x_test_path_; }

  Ensemble<Real> train(const MatrixView<double>& y, const EnsembleOptions& options) const override {
    return {kernel_fn_, x_train_.view(), y, options};
  }
  KernelOperator<Real> cross(const KernelOptions& options) const override {
    return kernel_fn_.bind(x_test_.view(), x_train_.view(), options);
  }
  std::optional<KernelOperator<Real>> test(const KernelOptions& options) const override {
    return kernel_fn_.bind(x_test_.view(), std::nullopt, options);
  }
  const DataSource* train_source() const override { return &x_train_.source(); }
  const DataSource* test_source() const override { return &x_test_.source(); }
  std::optional<std::pair<OwnedMatrix<double>, OwnedMatrix<double>>> curve() const override {
    if (x_train_.cols() != 1) return std::nullopt;
    const auto column = [](const MatrixView<Real>& x) {
      OwnedMatrix<double> values(x.rows(), 1);
      values.map() = x.template cast<double>();
      return values;
    };
    return std::pair(column(x_train_.view()), column(x_test_.view()));
  }

  void check_unchanged() const override {
    x_train_.check_unchanged();
    x_test_.check_unchanged();
  }
  void describe(PredictReport& report) const override {
    report.normalised_model = model_text(network_);
    report.plugins = plugins_;
    report.inputs = {{"x-train", x_train_path_, input_report(x_train_)},
                     {"x-test", x_test_path_, input_report(x_test_)}};
  }

 private:
  std::string x_train_path_, x_test_path_;
  Layer network_;
  std::vector<PluginReport> plugins_;
  Dataset<Real> x_train_, x_test_;
  KernelFn kernel_fn_;
};

class OfFiles final : public PredictionKernels<double> {
 public:
  explicit OfFiles(const PredictRequest& request)
      : files_(request.kernels), kernel_(request.kernel), kernels_(request.kernels, request.kernel) {}

  Eigen::Index examples() const override { return static_cast<Eigen::Index>(kernels_.train().rows()); }
  Eigen::Index tests() const override { return static_cast<Eigen::Index>(kernels_.cross().rows()); }
  std::string train_path() const override { return files_.train; }
  std::string test_path() const override { return files_.test; }

  Ensemble<double> train(const MatrixView<double>& y, const EnsembleOptions& options) const override {
    return {kernels_.train(), y, options};
  }
  KernelOperator<double> cross(const KernelOptions&) const override { return kernels_.cross(); }
  std::optional<KernelOperator<double>> test(const KernelOptions&) const override {
    return kernels_.test();
  }

  bool knows_spread() const override { return files_.know_spread(kernel_); }

  void check_unchanged() const override { kernels_.check_unchanged(); }
  void describe(PredictReport& report) const override { report.inputs = kernels_.inputs(); }

 private:
  KernelFiles files_;
  Get kernel_;
  OwnKernels kernels_;
};

}  // namespace

template <>
std::unique_ptr<const PredictionKernels<double>> prediction_kernels(const PredictRequest& request,
                                                                    Models& models) {
  if (request.kernels.given()) return std::make_unique<OfFiles>(request);
  return std::make_unique<OfNetwork<double>>(request, models);
}

template <>
std::unique_ptr<const PredictionKernels<float>> prediction_kernels(const PredictRequest& request,
                                                                   Models& models) {
  return std::make_unique<OfNetwork<float>>(request, models);
}

}  // namespace nngp::host
