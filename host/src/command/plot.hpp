#pragma once

#include <string>
#include <vector>

#include "command/command.hpp"
#include "nngp/array.hpp"

namespace nngp::host {

/// The path of --plot, or "". Throws UsageError unless it ends in .svg or .png.
std::string plot_path(const po::variables_map& arguments);

/// A picture, drawn by gnuplot. Texts are shown as they are; numbers must be finite.
class Plot {
 public:
  Plot(std::string x_label, std::string y_label)
      : x_label_(std::move(x_label)), y_label_(std::move(y_label)) {}

  void logarithmic_x() { settings_ += "set logscale x\nset format x '10^{%T}'\n"; }
  void logarithmic_y() { settings_ += "set logscale y\nset format y '10^{%T}'\n"; }

  /// Curves and points through (x, y); of one `colour` (from 0), what is behind first.
  void band(const std::string& name, std::size_t colour, const std::vector<double>& x,
            const std::vector<double>& low, const std::vector<double>& high);
  void line(const std::string& name, std::size_t colour, const std::vector<double>& x,
            const std::vector<double>& y);
  void points(const std::string& name, std::size_t colour, const std::vector<double>& x,
              const std::vector<double>& y);
  /// The entries of a matrix as colours, coarsened if there are very many.
  void heat_map(const Matrix<double>& matrix);

  /// Draws into the file `path`, .svg or .png, which appears whole or not at all. Throws Error if there
  /// is no gnuplot, or it fails.
  void write(const std::string& path) const;
  /// What gnuplot is told.
  std::string script(bool svg) const;

 private:
  void add(const std::string& name, const std::string& style,
           const std::vector<const std::vector<double>*>& columns);

  std::string x_label_, y_label_;
  std::string settings_;
  std::string data_;   ///< named blocks
  std::string plots_;  ///< what follows "plot"
  std::size_t blocks_ = 0;
};

}  // namespace nngp::host
