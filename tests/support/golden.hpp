#pragma once

// The reference values of tests/golden/scalar.csv.

#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "plugin_files.hpp"

namespace nngp::test {

/// One row. A value is NaN where none is prescribed.
struct GoldenRow {
  std::string activation;
  std::string params;
  double cov12, var1, var2, nngp, d_nngp;

  /// "a=1;coef=0.1:0.5" as values.
  Values values() const {
    Values result;
    std::istringstream list(params);
    for (std::string assignment; std::getline(list, assignment, ';');) {
      const auto equals = assignment.find('=');
      std::istringstream numbers(assignment.substr(equals + 1));
      for (std::string number; std::getline(numbers, number, ':');) {
        result[assignment.substr(0, equals)].push_back(std::stod(number));
      }
    }
    return result;
  }
};

inline const std::vector<GoldenRow>& golden_rows() {
  static const std::vector<GoldenRow> all = [] {
    std::ifstream file(NNGP_TEST_DATA "/golden/scalar.csv");
    if (!file) throw std::runtime_error("no tests/golden/scalar.csv");
    std::vector<GoldenRow> rows;
    std::string line;
    std::getline(file, line);
    while (std::getline(file, line)) {
      std::istringstream fields(line);
      std::string field[7];
      for (std::string& f : field) std::getline(fields, f, ',');
      rows.push_back({field[0], field[1], std::stod(field[2]), std::stod(field[3]), std::stod(field[4]),
                      std::stod(field[5]), std::stod(field[6])});
    }
    return rows;
  }();
  return all;
}

}  // namespace nngp::test
