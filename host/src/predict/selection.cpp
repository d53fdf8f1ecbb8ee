#include "predict/selection.hpp"

#include <algorithm>

#include "command/options.hpp"
#include "nngp/error.hpp"
#include "nngp/text.hpp"

namespace nngp::host {
namespace {

double parse_diag_reg(const std::string& text) {
  const double value = parse_number(text, "diag-reg");
  if (value < 0) throw UsageError("--diag-reg is 0 or more, not " + format_number(value));
  return value;
}

std::vector<double> parse_grid(const std::string& text) {
  const std::size_t first = text.find(':'), second = text.find(':', first + 1);
  try {
    if (first != std::string::npos && second != std::string::npos) {
      const double count = parse_number(text.substr(second + 1), "diag-reg-grid");
      constexpr double most = 1000;
      if (count >= 1 && count <= most && count == static_cast<int>(count))
        return logarithmic_grid(
            parse_number(text.substr(0, first), "diag-reg-grid"),
            parse_number(text.substr(first + 1, second - first - 1), "diag-reg-grid"),
            static_cast<std::size_t>(count));
    }
  } catch (const DataError&) {
  }
  throw UsageError(
      "--diag-reg-grid takes LOW:HIGH:COUNT with 0 < LOW <= HIGH and a COUNT from 1 to 1000, such as "
      "1e-6:1:7, not '" +
      printable(text) + "'");
}

Criterion parse_criterion(const std::string& text, std::size_t folds) {
  if (text == "loo") return Criterion::leave_one_out;
  if (text == "lml") return Criterion::likelihood;
  if (text != "cv") throw UsageError("--select is loo, lml or cv, not '" + printable(text) + "'");
  if (folds == 0) throw UsageError("--select cv needs --folds");
  return Criterion::folds;
}

}  // namespace

Get parse_kernel(const std::string& text) {
  if (text == "nngp") return Get::nngp;
  if (text == "ntk") return Get::ntk;
  throw UsageError("--kernel is nngp or ntk, not '" + printable(text) + "'");
}

std::string kernel_name(Get kernel) { return kernel == Get::nngp ? "nngp" : "ntk"; }

void add_selection_options(po::options_description& options) {
  options.add_options()  //
      ("diag-reg", text("R")->default_value("1e-3"),
       "added to the diagonal of the kernel, in units of its mean")             //
      ("diag-reg-absolute", "--diag-reg is not in units of the mean diagonal")  //
      ("diag-reg-grid", text("LOW:HIGH:N"),
       "try N values in equal ratios and take the best by --select")  //
      ("select", text("BY")->default_value("loo"),
       "loo: least leave-one-out error; lml: largest likelihood; cv: least error of --folds")  //
      ("folds", po::value<int>()->default_value(0)->value_name("K"),
       "tell the error of K-fold cross-validation");
}

Selection selection_of(const po::variables_map& arguments) {
  Selection selection;
  selection.diag_reg = {parse_diag_reg(text_of(arguments, "diag-reg")),
                        arguments.count("diag-reg-absolute") > 0};
  if (arguments.count("diag-reg-grid")) {
    if (!arguments["diag-reg"].defaulted())
      throw UsageError("give either --diag-reg or --diag-reg-grid");
    selection.grid = parse_grid(text_of(arguments, "diag-reg-grid"));
  }
  const int folds = arguments["folds"].as<int>();
  if (folds < 0) throw UsageError("--folds is 0 or more");
  selection.folds = static_cast<std::size_t>(folds);
  selection.criterion = parse_criterion(text_of(arguments, "select"), selection.folds);
  return selection;
}

double merit(const Scores& scores, Criterion criterion, bool classification) {
  if (criterion == Criterion::likelihood) return scores.log_marginal_likelihood;
  const HeldOut& held_out = criterion == Criterion::folds ? scores.folds.value() : scores.leave_one_out;
  return classification ? held_out.accuracy : -held_out.root_mean_squared_error;
}

const Scored& best_of(const std::vector<Scored>& all, Criterion criterion, bool classification) {
  const Scored& best = *std::max_element(all.begin(), all.end(), [&](const Scored& a, const Scored& b) {
    return merit(a.second, criterion, classification) < merit(b.second, criterion, classification);
  });
  if (!std::isfinite(merit(best.second, criterion, classification)))
    throw NumericalError(
        "the likelihood of the targets is 0 to the range of numbers: they are far larger than the "
        "kernel "
        "allows; scale them (--normalize-y)");
  return best;
}

}  // namespace nngp::host
