#pragma once

// What Python, its module math and NumPy compute of numbers, as far as models use it.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nngp {

/// `left op right` for +, -, *, /, //, % and **, as Python computes it. Throws ModelError for a
/// division by zero and for a result that is no finite real number though both operands are.
double arithmetic(std::string_view op, double left, double right);

/// A constant of math or NumPy: pi, e, inf or nan.
std::optional<double> math_constant(std::string_view name);

/// A function of math or NumPy with numbers as arguments: sqrt, exp, float64, ...
struct MathFunction {
  std::size_t arguments;  ///< 1 or 2
  double (*apply)(double, double);

  /// Throws ModelError for a result that is no finite real number though all arguments are.
  double operator()(const std::vector<double>& values) const;
};

/// Null for an unknown name.
const MathFunction* math_function(std::string_view name);

/// Names of all functions and constants.
std::vector<std::string> math_names();

}  // namespace nngp
