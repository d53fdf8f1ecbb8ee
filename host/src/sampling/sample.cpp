// nngp sample: outputs of sampled networks.

#include "command/command.hpp"
#include "command/models.hpp"
#include "command/options.hpp"
#include "command/progress.hpp"
#include "nngp/data.hpp"
#include "nngp/error.hpp"
#include "nngp/monte_carlo.hpp"
#include "nngp/npy.hpp"
#include "sampling/sampling_request.hpp"

namespace nngp::host {
namespace {

template <class Real>
void sample(const SamplingRequest& request, Models& models, const std::string& x_path,
            const std::string& out_path) {
  const InterruptGuard interrupt;
  ProgressLine progress;
  const Layer network = with_requested_width(models.network(request.model), request);
  const Dataset<Real> x = read_input<Real>(x_path, request.reading);
  check_index_column(request.reading, {&x.source()});
  note_guesses(x_path, x.source());
  const FiniteNetwork finite(network, static_cast<std::size_t>(x.cols()), x.sites());
  const Eigen::Index rows = x.rows();
  NpyWriter<Real> out(out_path, {static_cast<Eigen::Index>(request.samples), rows,
                                 static_cast<Eigen::Index>(finite.out_dim())});
  SampleOptions options;
  options.sites = x.sites();
  options.seed = request.seed;
  options.samples = request.samples;
  options.threads = request.threads;
  options.progress = [&](std::size_t done, std::size_t total) {
    progress.update(done, total, "samples");
    return !interrupt.interrupted();
  };
  interrupt.during([&] {
    sample_outputs<Real>(network, x.view(), options,
                         [&](std::size_t k, const MatrixView<Real>& outputs) {
                           out.write_block(static_cast<Eigen::Index>(k) * rows, 0, outputs);
                         });
  });
  interrupt.check();
  x.check_unchanged();
  out.commit();
}

void run_sample(const po::variables_map& arguments) {
  const SamplingRequest request = sampling_request(arguments, 1);
  const std::string x = text_of(arguments, "x"), out = text_of(arguments, "out");
  if (out == standard_output) throw UsageError("--out takes a file: outputs are not printed");
  check_paths({{"--x", x}}, {{"--out", out}});
  Models models(arguments);
  if (request.dtype == "float32")
    sample<float>(request, models, x, out);
  else
    sample<double>(request, models, x, out);
}

}  // namespace

Command sample_command() {
  po::options_description options("Options");
  options.add_options()  //
      ("x", po::value<std::string>()->required()->value_name("FILE"),
       "the inputs, one example a row: .npy or .csv, or - for standard input")  //
      ("out", po::value<std::string>()->required()->value_name("OUT.npy"),
       "write the outputs, of shape (samples, examples, outputs)");
  add_sampling_options(options);
  return {"sample",
          "Sample networks of finite width and compute their outputs.",
          "--model MODEL --x FILE --samples K --out OUT.npy [options]",
          "Weights are drawn as the model's parameterization says; widths are those of\n"
          "its Dense layers. Every activation needs fn.\n\n"
          "Example:\n"
          "  nngp sample --model 'serial(Dense(512, 1.5, 0.05), Tanh(), Dense(1))' \\\n"
          "    --x x.npy --samples 100 --seed 1 --out f.npy\n",
          options,
          {},
          run_sample};
}

}  // namespace nngp::host
