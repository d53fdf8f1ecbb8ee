// Writes the sources of the plugins of all cases to a file: formula_sources FILE.

#include <fstream>
#include <iostream>

#include "formula_cases.hpp"
#include "nngp/formula_source.hpp"

int main(int count, char** words) {
  if (count != 2) return 2;
  std::ofstream out(words[1]);
  const auto& cases = formula_cases();
  for (std::size_t i = 0; i < cases.size(); ++i)
    out << nngp::formula_source(cases[i], "Case" + std::to_string(i)) << '\n';
  out << "using Cases = std::tuple<";
  for (std::size_t i = 0; i < cases.size(); ++i) out << (i > 0 ? ", " : "") << "Case" << i;
  out << ">;\n";
  out.close();
  return out ? 0 : 1;
}
