// nngp spectrum: the eigenvalues of a kernel.

#include "nngp/spectrum.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "command/command.hpp"
#include "command/inexact.hpp"
#include "command/inputs.hpp"
#include "command/models.hpp"
#include "command/options.hpp"
#include "command/plot.hpp"
#include "command/process_guard.hpp"
#include "command/progress.hpp"
#include "command/report.hpp"
#include "command/terminal.hpp"
#include "nngp/data.hpp"
#include "nngp/error.hpp"
#include "nngp/model.hpp"
#include "nngp/npy.hpp"
#include "nngp/text.hpp"
#include "predict/kernel_files.hpp"
#include "predict/selection.hpp"

namespace nngp::host {
namespace {

std::size_t outputs_of(const po::variables_map& arguments) {
  const int outputs = arguments["outputs"].as<int>();
  if (outputs < 1) throw UsageError("--outputs is 1 or more");
  return static_cast<std::size_t>(outputs);
}

/// What the eigenvalues are of.
struct Source {
  std::string model;  ///< empty: a kernel of one's own
  InputFile input;    ///< the inputs, or that kernel
};

std::string spectrum_json(const Spectrum& spectrum, const Source& source, const std::string& kernel) {
  const ordered_json input = json_of(source.input.path, source.input.matrix);
  return dump({{"nngp_version", NNGP_VERSION},
               {"model", path_or_null(source.model)},
               {"x", source.model.empty() ? ordered_json() : input},
               {"k_train", source.model.empty() ? input : ordered_json()},
               {"kernel", kernel},
               {"condition_number", std::isfinite(spectrum.condition_number)
                                        ? ordered_json(spectrum.condition_number)
                                        : ordered_json()},
               {"effective_dimension", spectrum.effective_dimension},
               {"max_learning_rate", spectrum.max_learning_rate},
               {"eigenvalues", spectrum.eigenvalues}},
              2) +
         '\n';
}

std::string spectrum_text(const Spectrum& spectrum, const Source& source, const std::string& kernel) {
  const std::vector<double>& values = spectrum.eigenvalues;
  Table table;
  if (!source.model.empty()) table.add({bold("model"), source.model});
  table.add({bold(source.input.name), text_of(source.input.path, source.input.matrix)});
  table.add({bold("kernel"), kernel});
  table.add({bold("eigenvalues"),
             print("%zu, from %.6g to %.6g", values.size(), values.front(), values.back())});
  table.add({bold("condition number"), std::isfinite(spectrum.condition_number)
                                           ? print("%.6g", spectrum.condition_number)
                                           : "infinite: the kernel is singular to rounding"});
  table.add({bold("effective dimension"), print("%.6g", spectrum.effective_dimension)});
  table.add({bold("maximum learning rate"), print("%.6g", spectrum.max_learning_rate)});
  return table.text();
}

/// Largest first. Zeros that rounding made negative cannot be shown on a logarithmic scale.
Plot plot_of(const Spectrum& spectrum, const std::string& kernel) {
  std::vector<double> rank, value;
  for (auto entry = spectrum.eigenvalues.rbegin(); entry != spectrum.eigenvalues.rend(); ++entry)
    if (*entry > 0) {
      value.push_back(*entry);
      rank.push_back(static_cast<double>(value.size()));
    }
  Plot plot("rank", "eigenvalue of the " + kernel);
  plot.logarithmic_x();
  plot.logarithmic_y();
  plot.line("", 0, rank, value);
  return plot;
}

/// The kernel of a model and inputs.
OwnedMatrix<double> computed_kernel(const po::variables_map& arguments, Get which, unsigned threads,
                                    const InterruptGuard& interrupt, Source& source) {
  const std::string path = text_of(arguments, "x");
  const std::string expression = read_model(text_of(arguments, "model"));
  Models models(arguments);
  const Layer network = models.network(expression);
  const ReadOptions reading = reading_positions(read_options(arguments), arguments);
  const double allowed = allowed_error(arguments);
  const Dataset<double> x = read_input<double>(path, reading);
  check_index_column(reading, {&x.source()});
  ProgressLine progress;
  const auto on_progress = [&](double done, double total) {
    progress.update(done, total);
    return !interrupt.interrupted();
  };
  const KernelFn kernel_fn(network, x.sites());
  const KernelOptions options{threads, on_progress, allowed};
  OwnedMatrix<double> kernel = interrupt.during([&] {
    warn_inexact(kernel_fn.bind(x.view(), options).numerical_layers());
    return training_kernel(kernel_fn, x.view(), which, options);
  });
  x.check_unchanged();
  source = {model_text(network), {"x", path, input_report(x)}};
  return kernel;
}

/// A kernel of one's own.
OwnedMatrix<double> stored_kernel_of(const std::string& path, Source& source) {
  const Dataset<double> data = read_training_kernel(path);
  OwnedMatrix<double> kernel(data.rows(), data.cols());
  kernel.map() = data.view();
  data.check_unchanged();
  source = {"", {"k-train", path, input_report(data)}};
  return kernel;
}

void check_source(const po::variables_map& arguments) {
  const char* advice = "; see 'nngp help spectrum'";
  for (const char* option : {"model", "x"}) {
    if (arguments.count("k-train") && arguments.count(option))
      throw UsageError("give either --k-train or --" + std::string(option) + advice);
    if (!arguments.count("k-train") && !arguments.count(option))
      throw UsageError("option '--" + std::string(option) + "' is missing" + advice);
  }
}

void run_spectrum(const po::variables_map& arguments) {
  check_source(arguments);
  const std::string own = text_of(arguments, "k-train"), report = text_of(arguments, "report"),
                    values_path = text_of(arguments, "eigenvalues"), picture = plot_path(arguments);
  const Get which = parse_kernel(text_of(arguments, "kernel"));
  const std::size_t outputs = outputs_of(arguments);
  const double diag_reg = parse_number(text_of(arguments, "diag-reg"), "diag-reg");
  if (diag_reg < 0) throw UsageError("--diag-reg is 0 or more, not " + format_number(diag_reg));
  const unsigned threads = threads_from(arguments["threads"].as<int>());
  check_paths({{"--x", text_of(arguments, "x")}, {"--k-train", own}},
              {{"--eigenvalues", values_path}, {"--report", report}, {"--plot", picture}});

  const InterruptGuard interrupt;
  Source source;
  OwnedMatrix<double> kernel = own.empty()
                                   ? computed_kernel(arguments, which, threads, interrupt, source)
                                   : stored_kernel_of(own, source);
  const Spectrum result = spectrum(std::move(kernel), {diag_reg}, outputs, threads);
  interrupt.check();

  const std::string name = kernel_name(which);
  if (!picture.empty()) plot_of(result, name).write(picture);
  if (!values_path.empty()) {
    NpyWriter<double> writer(values_path, static_cast<Eigen::Index>(result.eigenvalues.size()), 1);
    std::copy(result.eigenvalues.begin(), result.eigenvalues.end(), writer.matrix().data());
    writer.commit();
  }
  if (!give_report(report, spectrum_json(result, source, name)))
    output() << spectrum_text(result, source, name);
}

}  // namespace

Command spectrum_command() {
  po::options_description options("Options");
  options.add_options()  //
      ("model", text("MODEL"),
       model_help)  //
      ("x", text("FILE"),
       "the inputs, one example a row: .npy or .csv, or - for standard input")  //
      ("k-train", text("FILE"), "instead of these, a kernel of one's own")      //
      ("kernel", text("KERNEL")->default_value("ntk"), "nngp or ntk")           //
      ("outputs", po::value<int>()->default_value(1)->value_name("N"),
       "outputs of the network that is trained: the maximum learning rate grows with them")  //
      ("diag-reg", text("R")->default_value("1e-3"),
       "of the effective dimension, in units of the mean of the diagonal")   //
      ("eigenvalues", text("OUT.npy"), "write the eigenvalues, increasing")  //
      ("report", text("OUT.json"), "write the result; - prints it")          //
      ("plot", text("OUT.svg|png"), "draw the eigenvalues")                  //
      ("threads", threads_value(), threads_help);
  add_input_options(options);
  add_shape_option(options);
  options.add(inexact_options()).add(model_options());
  return {"spectrum",
          "Tell the eigenvalues of a kernel, and how fast a network may learn.",
          "--model MODEL --x FILE [options]\n"
          "--k-train FILE [options]",
          "The condition number is the largest eigenvalue by the smallest, the effective\n"
          "dimension the sum of value / (value + diag_reg). Full-batch gradient descent on\n"
          "half of the mean squared error diverges above the maximum learning rate.\n",
          options,
          {},
          run_spectrum};
}

}  // namespace nngp::host
