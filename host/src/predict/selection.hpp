#pragma once

// What subcommands that train have in common: which kernel, which diag_reg, and how the best is chosen.

#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "command/command.hpp"
#include "nngp/kernel.hpp"
#include "nngp/model_selection.hpp"
#include "nngp/predict.hpp"

namespace nngp::host {

/// "nngp" or "ntk". Throws UsageError.
Get parse_kernel(const std::string& text);
std::string kernel_name(Get kernel);

/// By what the best is chosen.
enum class Criterion { leave_one_out, likelihood, folds };

/// diag_reg and how it is chosen.
struct Selection {
  DiagReg diag_reg;
  std::vector<double> grid;  ///< values instead of the one above; empty: that one
  Criterion criterion = Criterion::leave_one_out;
  std::size_t folds = 0;  ///< of cross-validation; 0: none
};

/// The options --diag-reg, --diag-reg-absolute, --diag-reg-grid, --select and --folds.
void add_selection_options(po::options_description& options);
/// Reads them. Throws UsageError.
Selection selection_of(const po::variables_map& arguments);

/// A diag_reg and what it scores.
using Scored = std::pair<double, Scores>;

/// Scores of every diag_reg in turn; `check` is called between them.
template <class Real>
std::vector<Scored> score_all(const Ensemble<Real>& ensemble, const Selection& selection,
                              const std::function<void()>& check) {
  std::vector<Scored> all;
  if (selection.grid.empty())
    all.emplace_back(selection.diag_reg.value, ensemble.scores(selection.folds));
  for (const double value : selection.grid) {
    all.emplace_back(value,
                     ensemble.with({value, selection.diag_reg.absolute}).scores(selection.folds));
    check();
  }
  return all;
}

/// The better, the larger.
double merit(const Scores& scores, Criterion criterion, bool classification);

/// The first of those that are best.
const Scored& best_of(const std::vector<Scored>& all, Criterion criterion, bool classification);

}  // namespace nngp::host
