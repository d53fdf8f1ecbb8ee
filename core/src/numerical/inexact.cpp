#include "nngp/inexact.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace nngp {
namespace {

std::string errors_text(const std::string& what, const Inexactness& errors) {
  return fmt::format("{} is integrated with relative errors up to {:.2g} (nngp) and {:.2g} (d_nngp)",
                     what, errors.nngp, errors.d_nngp);
}

std::string advice(const Inexactness& errors) {
  constexpr double far_more = 1e4;  // than errors of values do to slopes of a smooth function
  const bool oscillates = errors.d_nngp > far_more * std::max(errors.noise, errors.nngp);
  if (errors.noise > 0)
    return fmt::format(
        "the values of fn itself have relative errors of {:.2g}{}: compute fn in double precision, or "
        "give nngp_fn{}",
        errors.noise, oscillates ? ", or fn oscillates by as much, too fast to follow" : "",
        oscillates ? " and d_nngp_fn" : "");
  if (std::isinf(errors.nngp))
    return "fn is 0 wherever it was called, so that no relative error is known: if it has a feature, "
           "it is narrower than the distances of these places. Declare a break point there, or give "
           "nngp_fn";
  if (std::isinf(errors.d_nngp))
    return "E fn'(x)^2 is infinite, since fn is as steep as a square root somewhere, and beside it no "
           "error of d_nngp, and of the NTK, is known; the NNGP kernel is as exact as that says. "
           "Smooth fn there, or give nngp_fn and d_nngp_fn";
  return "fn varies on scales too small beside the inputs: smaller inputs or W_std help, or a plugin "
         "that gives nngp_fn, or declares the break points of a table";
}

}  // namespace

InexactError::InexactError(const std::string& reason, double sufficient)
    : NumericalError(
          fmt::format("{}; allowed_error = {:.2g} accepts them as they are", reason, sufficient)),
      reason_(reason),
      sufficient_(sufficient) {}

std::string inexact_text(const std::string& what, const Inexactness& errors) {
  return errors_text(what, errors) + ": " + advice(errors);
}

void refuse_inexact(const std::string& what, const Inexactness& errors, double allowed) {
  if (errors.worst() <= allowed) return;
  throw InexactError(
      fmt::format("{}, above {:.2g}: {}", errors_text(what, errors), allowed, advice(errors)),
      2 * errors.worst());
}

}  // namespace nngp
