// nngp compare: which network suits the data.

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "command/command.hpp"
#include "command/inexact.hpp"
#include "command/models.hpp"
#include "command/options.hpp"
#include "command/process_guard.hpp"
#include "command/progress.hpp"
#include "command/report.hpp"
#include "command/terminal.hpp"
#include "nngp/data.hpp"
#include "nngp/error.hpp"
#include "nngp/model.hpp"
#include "nngp/model_template.hpp"
#include "nngp/predict.hpp"
#include "nngp/stored_kernel.hpp"
#include "nngp/text.hpp"
#include "predict/kernel_files.hpp"
#include "predict/predict_report.hpp"
#include "predict/selection.hpp"
#include "predict/targets.hpp"

namespace nngp::host {
namespace {

/// A model or a kernel of one's own, where it came from, and what became of it.
struct Candidate {
  std::string name;  ///< its file, or the expression; for one of a template, what was chosen
  std::string expression;
  bool of_template;
  std::string normalised;
  std::optional<Scored> best;  ///< at the best diag_reg
  std::string reason;          ///< why there is none
  bool is_kernel = false;      ///< the name is that of a file with the kernel
};

std::vector<std::string> list_of(const po::variables_map& arguments, const std::string& option) {
  return arguments.count(option) ? arguments[option].as<std::vector<std::string>>()
                                 : std::vector<std::string>();
}

/// Appends the models that `text` stands for. `source` is its file, or the expression.
void add_candidates(const std::string& source, const std::string& text, bool alone,
                    std::vector<Candidate>& candidates) {
  try {
    for (ModelChoice& model : expand_model(text)) {
      std::string name = alone && !model.choices.empty() ? "" : source;
      for (const std::string& choice : model.choices) name += (name.empty() ? "" : ", ") + choice;
      candidates.push_back({name, std::move(model.text), !model.choices.empty(), "", {}, "", false});
    }
  } catch (const ModelError& error) {
    throw ModelError("'" + printable(source) + "': " + error.what());
  }
}

std::vector<Candidate> candidates_of(const po::variables_map& arguments) {
  const std::vector<std::string> files = list_of(arguments, "models"),
                                 expressions = list_of(arguments, "model");
  const bool alone = files.size() + expressions.size() == 1;
  std::vector<Candidate> candidates;
  for (const std::string& path : files) add_candidates(path, read_model("@" + path), alone, candidates);
  for (const std::string& expression : expressions)
    add_candidates(expression, read_model(expression), alone, candidates);
  const std::vector<std::string> kernels = list_of(arguments, "k-train");
  if (candidates.empty() && kernels.empty())
    throw UsageError(
        "no models: name files with --models, or give expressions with --model, or kernels with "
        "--k-train");
  if (!candidates.empty() && !arguments.count("x-train"))
    throw UsageError("option '--x-train' is missing; see 'nngp help compare'");
  if (candidates.empty() && arguments.count("x-train"))
    throw UsageError("--x-train goes with models; --k-train has the kernel of the inputs already");
  for (const std::string& path : kernels) candidates.push_back({path, "", false, "", {}, "", true});
  return candidates;
}

class Comparison {
 public:
  Comparison(const po::variables_map& arguments, Models& models)
      : models_(models),
        candidates_(candidates_of(arguments)),
        selection_(selection_of(arguments)),
        reading_(read_options(arguments)),
        x_(read_examples(arguments)),
        targets_(text_of(arguments, "y-train"), target_options(arguments), reading_for_targets()) {
    const std::string x_path = text_of(arguments, "x-train"), y_path = text_of(arguments, "y-train");
    std::vector<const DataSource*> sources = {&targets_.data().source()};
    if (x_) sources.push_back(&x_->source());
    check_index_column(reading_, sources);
    note_guesses(y_path, targets_.data().source());
    if (x_) {
      check_same_order(x_path, x_->source(), y_path, targets_.data().source());
      note_guesses(x_path, x_->source());
      check_same_rows(x_path, x_->rows(), y_path, targets_.values().rows());
    }
    for (const Candidate& candidate : candidates_)
      if (candidate.is_kernel) {
        kernels_.emplace(candidate.name, read_training_kernel(candidate.name));
        check_same_rows(candidate.name, kernels_.at(candidate.name).rows(), y_path,
                        targets_.values().rows());
      }
    options_.kernel = parse_kernel(text_of(arguments, "kernel"));
    options_.diag_reg = selection_.diag_reg;
    options_.method = selection_.grid.empty() ? SolveMethod::cholesky : SolveMethod::eigensystem;
    options_.compute.threads = threads_from(arguments["threads"].as<int>());
    options_.compute.allowed_error = allowed_error(arguments);
    options_.compute.progress = [this](double done, double total) {
      progress_.update(done, total);
      return !interrupt_.interrupted();
    };
  }

  /// Every model is read and judged before the first is computed. A kernel that cannot be computed or
  /// inverted is a result of that model.
  void run() {
    std::vector<std::optional<KernelFn>> networks(candidates_.size());
    for (std::size_t i = 0; i < candidates_.size(); ++i)
      if (!candidates_[i].is_kernel) networks[i].emplace(network_of(candidates_[i]));
    for (std::size_t i = 0; i < candidates_.size(); ++i)
      if (networks[i]) judge(candidates_[i], *networks[i]);
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
      progress_.begin(print("model %zu of %zu", i + 1, candidates_.size()));
      interrupt_.during([&] { score(candidates_[i], networks[i]); });
      interrupt_.check();
    }
    progress_.erase();
    if (x_) x_->check_unchanged();
    for (const auto& [path, kernel] : kernels_) kernel.check_unchanged();
    targets_.data().check_unchanged();
    std::stable_sort(candidates_.begin(), candidates_.end(), [this](const auto& a, const auto& b) {
      if (!a.best || !b.best) return a.best.has_value() && !b.best;
      return merit(a.best->second, selection_.criterion, classifies()) >
             merit(b.best->second, selection_.criterion, classifies());
    });
  }

  std::string text() const {
    Table table;
    table.add({"LIKELIHOOD", "LEAVE-ONE-OUT", selection_.folds ? "FOLDS" : "", "DIAG_REG", "MODEL"});
    for (const auto& [name, expression, of_template, normalised, best, reason, is_kernel] : candidates_)
      if (best)
        table.add({print("%.2f", best->second.log_marginal_likelihood),
                   held_out_text(best->second.leave_one_out, classifies()),
                   best->second.folds ? held_out_text(*best->second.folds, classifies()) : "",
                   print("%.4g", best->first), name});
      else
        table.add({"-", "-", "", "", name + ": " + reason});
    // The names of a file and an expression tell the model, choices do not.
    if (!best().best || !best().of_template) return table.text();
    Table best_model;
    best_model.add({bold("best"), best().normalised});
    return table.text() + '\n' + best_model.text();
  }

  void require_a_model() const {
    if (!best().best)
      throw NumericalError("no model could be computed, so that none is best: " + best().reason);
  }

  /// The best model as `nngp predict --model @FILE` reads it.
  std::string best_model() const {
    require_a_model();
    if (best().is_kernel)
      throw NumericalError("the best is the kernel '" + printable(best().name) +
                           "', which is no model: leave out --best");
    return "# --kernel " + kernel_name(options_.kernel) + " --diag-reg " +
           format_number(best().best->first) +
           (selection_.diag_reg.absolute ? " --diag-reg-absolute" : "") +
           (targets_.standardization() ? " --normalize-y" : "") + '\n' + best().normalised + '\n';
  }

  std::string json() const {
    ordered_json models = ordered_json::array();
    for (const Candidate& candidate : candidates_) {
      ordered_json entry = {{"name", candidate.name}, {"model", path_or_null(candidate.normalised)}};
      entry["scores"] = candidate.best ? json_of(candidate.best->second, classifies()) : ordered_json();
      entry["diag_reg"] = candidate.best ? ordered_json(candidate.best->first) : ordered_json();
      entry["error"] = path_or_null(candidate.reason);
      models.push_back(entry);
    }
    return dump({{"nngp_version", NNGP_VERSION},
                 {"kernel", kernel_name(options_.kernel)},
                 {"task", classifies() ? "classification" : "regression"},
                 {"normalized_targets", targets_.standardization().has_value()},
                 {"best_first", models}},
                2) +
           '\n';
  }

 private:
  std::optional<Dataset<double>> read_examples(const po::variables_map& arguments) const {
    const std::string path = text_of(arguments, "x-train");
    if (path.empty()) return std::nullopt;
    return read_input<double>(
        path, with_rows_of(reading_positions(reading_, arguments), text_of(arguments, "y-train")));
  }
  ReadOptions reading_for_targets() const { return x_ ? with_rows(reading_, x_->rows()) : reading_; }

  KernelOperator<double> own_kernel(const std::string& path) const {
    const MatrixView<double>& view = kernels_.at(path).view();
    return stored_kernel<double>(view, view, true);  // whichever it is
  }

  KernelFn network_of(Candidate& candidate) {
    try {
      const Layer network = models_.network(candidate.expression);
      candidate.normalised = model_text(network);
      return KernelFn(network, x_->sites());
    } catch (const Error& error) {
      throw ModelError("'" + printable(candidate.name) + "': " + error.what());
    }
  }
  /// Throws InexactError if the kernel is hardly known. Other errors come again when it is computed.
  void judge(const Candidate& candidate, const KernelFn& network) const {
    try {
      warn_inexact(network.bind<double>(x_->view(), std::nullopt, options_.compute).numerical_layers());
    } catch (const InexactError& error) {
      throw InexactError("'" + printable(candidate.name) + "': " + error.reason(), error.sufficient());
    } catch (const Error&) {
    }
    interrupt_.check();
  }
  /// Finds the best scores of a network, or of a kernel of one's own, or the reason why there are none.
  void score(Candidate& candidate, const std::optional<KernelFn>& network) const {
    try {
      const Ensemble<double> ensemble =
          network ? Ensemble<double>(*network, x_->view(), targets_.values(), options_)
                  : Ensemble<double>(own_kernel(candidate.name), targets_.values(), options_);
      const std::vector<Scored> all = score_all(ensemble, selection_, [this] { interrupt_.check(); });
      candidate.best = best_of(all, selection_.criterion, classifies());
    } catch (const NotPositiveDefinite& error) {
      candidate.reason = error.what();
    } catch (const NumericalError& error) {
      candidate.reason = error.what();
    }
  }
  bool classifies() const { return targets_.classes().has_value(); }
  const Candidate& best() const { return candidates_.front(); }

  Models& models_;
  InterruptGuard interrupt_;
  ProgressLine progress_;
  std::vector<Candidate> candidates_;
  Selection selection_;
  ReadOptions reading_;
  std::optional<Dataset<double>> x_;
  std::map<std::string, Dataset<double>> kernels_;  ///< by path
  TrainingTargets targets_;
  EnsembleOptions options_;
};

void run_compare(const po::variables_map& arguments) {
  const std::string report = text_of(arguments, "report"), best = text_of(arguments, "best");
  Paths inputs = {{"--x-train", text_of(arguments, "x-train")},
                  {"--y-train", text_of(arguments, "y-train")}};
  for (const std::string& path : list_of(arguments, "models")) inputs.emplace_back("--models", path);
  for (const std::string& path : list_of(arguments, "k-train")) inputs.emplace_back("--k-train", path);
  check_paths(inputs, {{"--best", best}, {"--report", report}});
  if (best == standard_output) throw UsageError("--best takes a file, not standard output");
  Models models(arguments);
  Comparison comparison(arguments, models);
  comparison.run();
  if (!best.empty()) write_file(best, comparison.best_model());
  if (!give_report(report, comparison.json())) output() << comparison.text();
  comparison.require_a_model();
}

}  // namespace

Command compare_command() {
  po::options_description options("Options");
  options.add_options()  //
      ("models", po::value<std::vector<std::string>>()->multitoken()->value_name("FILE..."),
       "files that hold a model, or a template of models, each")  //
      ("model", po::value<std::vector<std::string>>()->composing()->value_name("MODEL"),
       "an expression, or a template: Dense(512, W_std={1,2}); may be repeated")  //
      ("k-train", po::value<std::vector<std::string>>()->multitoken()->value_name("FILE..."),
       "kernels of one's own, of the training inputs, beside or instead of models")  //
      ("x-train", text("FILE"),
       "training inputs, one example a row: .npy or .csv, or - for standard input")          //
      ("y-train", text("FILE")->required(), "their targets: numbers, or labels of classes")  //
      ("kernel", text("KERNEL")->default_value("nngp"), "nngp or ntk")                       //
      ("best", text("OUT.txt"), "write the best model, for --model @OUT.txt")                //
      ("report", text("OUT.json"), "write the scores; - prints them")                        //
      ("threads", threads_value(), threads_help);
  add_target_options(options);
  add_input_options(options);
  add_shape_option(options);
  add_selection_options(options);
  options.add(inexact_options()).add(model_options());
  return {"compare",
          "Compare models by how well they suit training data.",
          "--models A.txt ... --x-train FILE --y-train FILE [options]\n"
          "--model TEMPLATE --x-train FILE --y-train FILE [options]\n"
          "--k-train K.npy ... --y-train FILE [options]",
          "Prints a table, the best by --select first: the log marginal likelihood and the\n"
          "leave-one-out error, in closed form. Each model gets its own best diag_reg of a\n"
          "--diag-reg-grid.\n\n"
          "A model with braces is a template: one of {Relu, Erf} is chosen, or one of the\n"
          "five values {0.5:2:5} in equal ratios, and all combinations are compared,\n"
          "1000 at most.\n\n"
          "Example:\n"
          "  nngp compare --model 'serial(repeat(serial(Dense(512, W_std={1:2:5}),\n"
          "      {Relu, Erf, Gelu}()), {1, 2, 3}), Dense(1))' \\\n"
          "    --x-train x.npy --y-train y.npy --select lml --best best.txt\n",
          options,
          {},
          run_compare};
}

}  // namespace nngp::host
