#include "model/arithmetic.hpp"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numbers>

#include "nngp/error.hpp"

namespace nngp {
namespace {

template <double (*function)(double)>
double unary(double x, double) {
  return function(x);
}
double power(double x, double y) { return std::pow(x, y); }
double same(double x, double) { return x; }
double as_float32(double x, double) { return static_cast<double>(static_cast<float>(x)); }
double as_float16(double x, double) { return static_cast<double>(Eigen::half(static_cast<float>(x))); }

using Functions = std::map<std::string, MathFunction, std::less<>>;
const Functions& functions() {
  static const Functions table = {
      {"sqrt", {1, unary<std::sqrt>}},
      {"cbrt", {1, unary<std::cbrt>}},
      {"exp", {1, unary<std::exp>}},
      {"log", {1, unary<std::log>}},
      {"log2", {1, unary<std::log2>}},
      {"log10", {1, unary<std::log10>}},
      {"sin", {1, unary<std::sin>}},
      {"cos", {1, unary<std::cos>}},
      {"tan", {1, unary<std::tan>}},
      {"abs", {1, unary<std::fabs>}},
      {"fabs", {1, unary<std::fabs>}},
      {"floor", {1, unary<std::floor>}},
      {"ceil", {1, unary<std::ceil>}},
      {"square", {1, [](double x, double) { return x * x; }}},
      {"pow", {2, power}},
      {"power", {2, power}},
      // The types of numbers, as NumPy 2 prints them: np.float64(1.5).
      {"float", {1, same}},
      {"float64", {1, same}},
      {"double", {1, same}},
      {"float32", {1, as_float32}},
      {"float16", {1, as_float16}},
      {"int", {1, unary<std::trunc>}},
      {"int8", {1, unary<std::trunc>}},
      {"int16", {1, unary<std::trunc>}},
      {"int32", {1, unary<std::trunc>}},
      {"int64", {1, unary<std::trunc>}},
      {"uint8", {1, unary<std::trunc>}},
      {"uint16", {1, unary<std::trunc>}},
      {"uint32", {1, unary<std::trunc>}},
      {"uint64", {1, unary<std::trunc>}},
  };
  return table;
}

const std::map<std::string, double, std::less<>>& constants() {
  static const std::map<std::string, double, std::less<>> table = {
      {"pi", std::numbers::pi},
      {"e", std::numbers::e},
      {"inf", std::numeric_limits<double>::infinity()},
      {"nan", std::numeric_limits<double>::quiet_NaN()},
  };
  return table;
}

double checked(double result, bool finite_operands) {
  if (!finite_operands || std::isfinite(result)) return result;
  throw ModelError(std::isnan(result) ? "the result is not a real number"
                                      : "the result is beyond the range of numbers");
}

double floor_division(double left, double right) { return std::floor(left / right); }

/// The remainder has the sign of `right`.
double remainder(double left, double right) {
  const double rest = std::fmod(left, right);
  return rest != 0 && (rest < 0) != (right < 0) ? rest + right : rest;
}

}  // namespace

double arithmetic(std::string_view op, double left, double right) {
  const bool finite = std::isfinite(left) && std::isfinite(right);
  const bool divides = op == "/" || op == "//" || op == "%";
  if ((divides && right == 0) || (op == "**" && left == 0 && right < 0))
    throw ModelError("this divides by zero");
  const double result = op == "+"    ? left + right
                        : op == "-"  ? left - right
                        : op == "*"  ? left * right
                        : op == "/"  ? left / right
                        : op == "//" ? floor_division(left, right)
                        : op == "%"  ? remainder(left, right)
                                     : std::pow(left, right);
  return checked(result, finite);
}

std::optional<double> math_constant(std::string_view name) {
  const auto found = constants().find(name);
  return found == constants().end() ? std::nullopt : std::optional(found->second);
}

double MathFunction::operator()(const std::vector<double>& values) const {
  const bool finite =
      std::all_of(values.begin(), values.end(), [](double value) { return std::isfinite(value); });
  return checked(apply(values.front(), values.back()), finite);
}

const MathFunction* math_function(std::string_view name) {
  const auto found = functions().find(name);
  return found == functions().end() ? nullptr : &found->second;
}

std::vector<std::string> math_names() {
  std::vector<std::string> names;
  for (const auto& [name, function] : functions()) names.push_back(name);
  for (const auto& [name, value] : constants()) names.push_back(name);
  return names;
}

}  // namespace nngp
