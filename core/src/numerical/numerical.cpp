#include "nngp/numerical.hpp"

#include <cmath>

#include "numerical/dispatch.hpp"
#include "numerical/evaluate.hpp"
#include "numerical/scalar_function.hpp"
#include "numerical/table.hpp"

namespace nngp {

struct NumericalDual::Tables {
  bool single;
  numerical::Table<double> f64;
  numerical::Table<float> f32;
  numerical::TableError error;
  std::vector<nngp_breakpoint> breakpoints;
};

NumericalDual::NumericalDual(std::function<double(double)> fn,
                             std::optional<std::vector<nngp_breakpoint>> breakpoints,
                             VarianceRange variances, Options options) {
  const double low = std::sqrt(variances.min), high = std::sqrt(variances.max);
  const numerical::ScalarFunction function(std::move(fn), std::move(breakpoints), high);
  const double tolerance = options.single ? std::max(options.tolerance, 4e-7) : options.tolerance;
  const numerical::Series series(function, low, high, tolerance / 10);
  auto tables = std::make_shared<Tables>();
  tables->single = options.single;
  if (options.single)
    tables->f32 = series.compress<float>(tolerance, tables->error);
  else
    tables->f64 = series.compress<double>(tolerance, tables->error);
  tables->breakpoints = function.breakpoints();
  tables_ = std::move(tables);
}

void NumericalDual::tile(const nngp_tile_f64& tile) const {
  numerical::TileEvaluation<double> evaluation(tables_->f64, tile);
  numerical::dispatch(evaluation);
}

void NumericalDual::tile(const nngp_tile_f32& tile) const {
  numerical::TileEvaluation<float> evaluation(tables_->f32, tile);
  numerical::dispatch(evaluation);
}

double NumericalDual::error_estimate_nngp() const { return tables_->error.nngp; }
double NumericalDual::error_estimate_d_nngp() const { return tables_->error.d_nngp; }
std::vector<nngp_breakpoint> NumericalDual::breakpoints() const { return tables_->breakpoints; }

}  // namespace nngp
