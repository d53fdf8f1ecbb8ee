#pragma once

// The reference values of tests/golden/functions.csv.

#include <cmath>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace nngp::test {

/// One row. A value is NaN where none is prescribed.
struct FunctionRow {
  double cov12, var1, var2, nngp, d_nngp, norm, d_norm;
};

/// The rows by name of the function.
inline const std::map<std::string, std::vector<FunctionRow>>& function_rows() {
  static const std::map<std::string, std::vector<FunctionRow>> all = [] {
    std::ifstream file(NNGP_TEST_DATA "/golden/functions.csv");
    if (!file) throw std::runtime_error("no tests/golden/functions.csv");
    std::map<std::string, std::vector<FunctionRow>> rows;
    std::string line;
    std::getline(file, line);
    while (std::getline(file, line)) {
      const std::string name = line.substr(0, line.find(','));
      // The formula may be quoted and hold commas.
      const bool quoted = line[name.size() + 1] == '"';
      const auto end = quoted ? line.find('"', name.size() + 2) + 1 : line.find(',', name.size() + 1);
      std::istringstream fields(line.substr(end + 1));
      double value[7];
      for (double& v : value) {
        std::string field;
        std::getline(fields, field, ',');
        v = std::stod(field);
      }
      rows[name].push_back({value[0], value[1], value[2], value[3], value[4], value[5], value[6]});
    }
    return rows;
  }();
  return all;
}

/// The functions, written down once more.
inline const std::map<std::string, std::function<double(double)>>& golden_functions() {
  using std::abs, std::exp, std::log1p, std::sin, std::sqrt, std::tanh;
  static const std::map<std::string, std::function<double(double)>> all = {
      {"softplus", [](double x) { return (x > 0 ? x : 0) + log1p(exp(-abs(x))); }},
      {"log_square", [](double x) { return log1p(x * x); }},
      {"asinh", [](double x) { return std::asinh(x); }},
      {"sine5", [](double x) { return sin(5 * x); }},
      {"siren", [](double x) { return sin(30 * x); }},
      {"narrow_bump", [](double x) { return exp(-50 * x * x); }},
      {"x_exp", [](double x) { return x * exp(-abs(x)); }},
      {"softplus10", [](double x) { return (x > 0 ? x : 0) + log1p(exp(-abs(10 * x))) / 10; }},
      {"hypot", [](double x) { return sqrt(1 + x * x); }},
      {"tanh100", [](double x) { return tanh(100 * x); }},
      {"shifted_relu", [](double x) { return x > 2 ? x - 2 : 0; }},
      {"triangle", [](double x) { return abs(x) < 1 ? 1 - abs(x) : 0; }},
      {"steep_step", [](double x) { return (1 + tanh(10 * (x - 1))) / 2; }},
      {"sinc3", [](double x) { return abs(x) > 0 ? sin(3 * x) / (3 * x) : 1; }},
      {"gelu_tanh",
       [](double x) { return x * (1 + tanh(0.7978845608028654 * (x + 0.044715 * x * x * x))) / 2; }},
      {"tanh", [](double x) { return tanh(x); }},
      {"swish", [](double x) { return x * (1 + tanh(x / 2)) / 2; }},
  };
  return all;
}

}  // namespace nngp::test
