// nngp compare: which network suits the data.

#include <algorithm>
#include <iostream>
#include <optional>

#include "command.hpp"
#include "nngp/data.hpp"
#include "nngp/error.hpp"
#include "nngp/model.hpp"
#include "nngp/predict.hpp"
#include "nngp/text.hpp"
#include "options.hpp"
#include "plugin_search.hpp"
#include "predict_report.hpp"
#include "progress.hpp"
#include "report.hpp"
#include "selection.hpp"
#include "targets.hpp"
#include "terminal.hpp"

namespace nngp::host {
namespace {

/// A model, where it came from, and what became of it.
struct Candidate {
  std::string name;  ///< its file, or the expression
  std::string expression;
  std::string normalised;
  std::optional<Scored> best;  ///< at the best diag_reg
  std::string reason;          ///< why there is none
};

std::vector<std::string> list_of(const po::variables_map& arguments, const std::string& option) {
  return arguments.count(option) ? arguments[option].as<std::vector<std::string>>()
                                 : std::vector<std::string>();
}

std::vector<Candidate> candidates_of(const po::variables_map& arguments) {
  std::vector<Candidate> candidates;
  for (const std::string& path : list_of(arguments, "models"))
    candidates.push_back({path, read_model("@" + path), "", {}, ""});
  for (const std::string& expression : list_of(arguments, "model"))
    candidates.push_back({expression, read_model(expression), "", {}, ""});
  if (candidates.empty())
    throw UsageError("no models: name files with --models, or give expressions with --model");
  return candidates;
}

class Comparison {
 public:
  Comparison(const po::variables_map& arguments, const Registry& plugins)
      : plugins_(plugins),
        candidates_(candidates_of(arguments)),
        selection_(selection_of(arguments)),
        x_(read_data<double>(std::filesystem::path(text_of(arguments, "x-train")))),
        targets_(text_of(arguments, "y-train"), parse_task(text_of(arguments, "task"))) {
    check_same_rows(text_of(arguments, "x-train"), x_.rows(), text_of(arguments, "y-train"),
                    targets_.values().rows());
    options_.kernel = parse_kernel(text_of(arguments, "kernel"));
    options_.diag_reg = selection_.diag_reg;
    options_.method = selection_.grid.empty() ? Method::cholesky : Method::eigensystem;
    options_.compute.threads = threads_from(arguments["threads"].as<int>());
    options_.compute.progress = [this](std::size_t done, std::size_t total) {
      progress_.update(done, total);
      return !interrupt_.interrupted();
    };
    set_solver_threads(options_.compute.threads);
  }

  /// Every model is read before the first is computed. A kernel that cannot be computed or inverted is
  /// a result of that model.
  void run() {
    std::vector<KernelFn> networks;
    for (Candidate& candidate : candidates_) networks.push_back(network_of(candidate));
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
      try {
        const Ensemble<double> ensemble(networks[i], x_.view(), targets_.values(), options_);
        const std::vector<Scored> all = score_all(ensemble, selection_, [this] { interrupt_.check(); });
        candidates_[i].best = best_of(all, selection_.criterion, classifies());
      } catch (const Interrupted&) {
        interrupt_.check();
        throw;
      } catch (const NotPositiveDefinite& error) {
        candidates_[i].reason = error.what();
      } catch (const NumericalError& error) {
        candidates_[i].reason = error.what();
      }
      progress_.erase();
      interrupt_.check();
    }
    std::stable_sort(candidates_.begin(), candidates_.end(), [this](const auto& a, const auto& b) {
      if (!a.best || !b.best) return a.best.has_value() && !b.best;
      return merit(a.best->second, selection_.criterion, classifies()) >
             merit(b.best->second, selection_.criterion, classifies());
    });
  }

  std::string text() const {
    Table table;
    table.add({"LIKELIHOOD", "LEAVE-ONE-OUT", selection_.folds ? "FOLDS" : "", "DIAG_REG", "MODEL"});
    for (const auto& [name, expression, normalised, best, reason] : candidates_)
      if (best)
        table.add({print("%.2f", best->second.log_marginal_likelihood),
                   held_out_text(best->second.leave_one_out, classifies()),
                   best->second.folds ? held_out_text(*best->second.folds, classifies()) : "",
                   print("%.4g", best->first), name});
      else
        table.add({"-", "-", "", "", name + ": " + reason});
    return table.text();
  }

  std::string json() const {
    ordered_json models = ordered_json::array();
    for (const Candidate& candidate : candidates_) {
      ordered_json entry = {{"name", candidate.name}, {"model", candidate.normalised}};
      entry["scores"] = candidate.best ? json_of(candidate.best->second, classifies()) : ordered_json();
      entry["diag_reg"] = candidate.best ? ordered_json(candidate.best->first) : ordered_json();
      entry["error"] = path_or_null(candidate.reason);
      models.push_back(entry);
    }
    return dump({{"nngp_version", NNGP_VERSION},
                 {"kernel", kernel_name(options_.kernel)},
                 {"task", classifies() ? "classification" : "regression"},
                 {"best_first", models}},
                2) +
           '\n';
  }

 private:
  KernelFn network_of(Candidate& candidate) const {
    try {
      const Layer network = parse_model(candidate.expression, plugins_);
      candidate.normalised = model_text(network);
      return KernelFn(network);
    } catch (const Error& error) {
      throw ModelError("'" + printable(candidate.name) + "': " + error.what());
    }
  }
  bool classifies() const { return targets_.classes().has_value(); }

  const Registry& plugins_;
  InterruptGuard interrupt_;
  ProgressLine progress_;
  std::vector<Candidate> candidates_;
  Selection selection_;
  Data<double> x_;
  TrainingTargets targets_;
  EnsembleOptions options_;
};

void run_compare(const po::variables_map& arguments) {
  const std::string report = text_of(arguments, "report");
  check_paths(
      {{"--x-train", text_of(arguments, "x-train")}, {"--y-train", text_of(arguments, "y-train")}},
      {{"--report", report}});
  const Registry plugins = find_plugins(arguments);
  Comparison comparison(arguments, plugins);
  comparison.run();
  if (!report.empty() && report != standard_output) write_file(report, comparison.json());
  std::cout << (report == standard_output ? comparison.json() : comparison.text());
}

}  // namespace

Command compare_command() {
  po::options_description options("Options");
  const auto text = [](const char* value_name) {
    return po::value<std::string>()->value_name(value_name);
  };
  options.add_options()  //
      ("models", po::value<std::vector<std::string>>()->multitoken()->value_name("FILE..."),
       "files that hold a model each")  //
      ("model", po::value<std::vector<std::string>>()->composing()->value_name("MODEL"),
       "an expression; may be repeated")                                                         //
      ("x-train", text("FILE")->required(), "training inputs, one example a row: .npy or .csv")  //
      ("y-train", text("FILE")->required(), "their targets: numbers, or labels of classes")      //
      ("task", text("TASK"),
       "regression or classification; default: classification if y-train is one column of an integer "
       "type")                                                          //
      ("kernel", text("KERNEL")->default_value("nngp"), "nngp or ntk")  //
      ("report", text("OUT.json"), "write the scores; - prints them")   //
      ("threads", po::value<int>()->default_value(0)->value_name("N"),
       "how many threads; 0: as many as the machine has");
  add_selection_options(options);
  return {"compare",
          "Compare models by how well they suit training data.",
          "--models A.txt B.txt ... --x-train FILE --y-train FILE\n"
          "[options]",
          "Prints a table, the best by --select first: the log marginal likelihood and the\n"
          "leave-one-out error, in closed form. Each model gets its own best diag_reg of a\n"
          "--diag-reg-grid.\n\n"
          "Example:\n"
          "  nngp compare --models relu.txt erf.txt --x-train x.npy --y-train y.npy \\\n"
          "    --diag-reg-grid 1e-6:1:7 --select lml\n",
          options,
          {},
          run_compare};
}

}  // namespace nngp::host
