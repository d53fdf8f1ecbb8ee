// nngp eval: the functions of one activation at given points.

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "command/command.hpp"
#include "command/inexact.hpp"
#include "command/inputs.hpp"
#include "command/models.hpp"
#include "command/options.hpp"
#include "command/process_guard.hpp"
#include "command/progress.hpp"
#include "command/report.hpp"
#include "nngp/data.hpp"
#include "nngp/error.hpp"
#include "nngp/model.hpp"
#include "nngp/numerical.hpp"
#include "nngp/text.hpp"

namespace nngp::host {
namespace {

struct Point {
  double cov12;
  double var1;
  double var2;
};

double number(const po::variables_map& arguments, const std::string& option) {
  return parse_number(text_of(arguments, option), option);
}

/// Checks that there are Gaussians of this covariance. `where` names the point in messages.
void check_point(const Point& point, const std::string& where) {
  if (point.var1 < 0 || point.var2 < 0) throw DataError(where + "a variance is negative");
  constexpr double rounding = 1e-12;
  const double largest = std::sqrt(point.var1) * std::sqrt(point.var2);
  if (std::abs(point.cov12) > largest * (1 + rounding))
    throw DataError(where + "|cov12| exceeds sqrt(var1 var2) = " + format_number(largest) +
                    ", which no Gaussian allows");
}

std::vector<Point> points_of(const Dataset<double>& table, const std::string& file) {
  const std::vector<std::string>& names = table.source().names;
  const std::vector<std::string> wanted = {"cov12", "var1", "var2"};
  std::vector<Eigen::Index> columns = {0, 1, 2};
  if (!names.empty()) {
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const auto found = std::find(names.begin(), names.end(), wanted[i]);
      if (found == names.end())
        throw DataError("'" + file + "' has no column " + wanted[i] + "; needed are cov12, var1, var2");
      columns[i] = found - names.begin();
    }
  } else if (table.cols() != 3) {
    throw DataError("'" + file + "' has " + std::to_string(table.cols()) +
                    " columns and no header; needed are cov12, var1, var2");
  }
  std::vector<Point> points;
  for (Eigen::Index row = 0; row < table.rows(); ++row) {
    const auto value = [&](int column) { return table.view()(row, columns[column]); };
    points.push_back({value(0), value(1), value(2)});
    check_point(points.back(), "'" + file + "', row " + std::to_string(row) + " (counted from 0): ");
  }
  return points;
}

/// 17 significant digits, which identify a double; an empty field for none.
std::string field(std::optional<double> value, int digits = 17) {
  if (!value) return "";
  char buffer[40];
  const auto end =
      std::to_chars(buffer, buffer + sizeof buffer, *value, std::chars_format::general, digits).ptr;
  return {buffer, end};
}

double checked(double value, const char* function, const Activation& activation, const Point& point) {
  if (std::isfinite(value)) return value;
  throw Error(std::string(function) + " of " + activation.text() + " is " +
              (std::isnan(value) ? "NaN" : "infinite") + " at cov12=" + format_number(point.cov12) +
              ", var1=" + format_number(point.var1) + ", var2=" + format_number(point.var2) +
              "; is it defined there?");
}

struct Values {
  std::optional<double> nngp, d_nngp;
  std::optional<Inexactness> error;  ///< bounds, of what is integrated
  std::size_t calls = 0;

  double worst_error() const { return error ? error->worst() : 0; }
  std::optional<double> error_nngp() const { return error ? std::optional(error->nngp) : std::nullopt; }
  std::optional<double> error_d_nngp() const {
    return error ? std::optional(error->d_nngp) : std::nullopt;
  }
};

Values evaluate(const Activation& activation, const Point& point) {
  const auto& [cov12, var1, var2] = point;
  if (!activation.has_nngp_fn()) {
    if (!activation.has_fn())
      throw Error(activation.text() + " has neither fn nor nngp_fn: its plugin must offer one of them");
    const auto fn = [&](double x) { return activation.fn(x); };
    const PointValue value = numerical_point(fn, activation.breakpoints(), cov12, var1, var2);
    return {value.nngp, value.d_nngp, value.error, value.calls};
  }
  Values values;
  values.nngp = checked(activation.nngp_fn(cov12, var1, var2), "nngp_fn", activation, point);
  values.d_nngp = checked(activation.d_nngp_fn(cov12, var1, var2), "d_nngp_fn", activation, point);
  return values;
}

/// Refuses values that are hardly known, and tells of those that are not exact.
void judge(const Activation& activation, const std::vector<Point>& points,
           const std::vector<Values>& values, double allowed) {
  constexpr double exact = 1e-10;
  const auto error = [](const Values& v) { return v.worst_error(); };
  const auto worst = std::max_element(
      values.begin(), values.end(), [&](const auto& p, const auto& q) { return error(p) < error(q); });
  if (worst == values.end() || worst->worst_error() <= exact) return;
  const Point& point = points[static_cast<std::size_t>(worst - values.begin())];
  judge_inexact(activation.text() + " at cov12=" + format_number(point.cov12) +
                    ", var1=" + format_number(point.var1) + ", var2=" + format_number(point.var2),
                *worst->error, allowed);
}

std::string csv_of(const std::vector<Point>& points, const std::vector<Values>& values, bool errors) {
  std::string out = "cov12,var1,var2,nngp,d_nngp";
  out += errors ? ",error_nngp,error_d_nngp\n" : "\n";
  for (std::size_t i = 0; i < points.size(); ++i) {
    const Values& v = values[i];
    out += field(points[i].cov12) + ',' + field(points[i].var1) + ',' + field(points[i].var2) + ',' +
           field(v.nngp) + ',' + field(v.d_nngp);
    if (errors) out += ',' + field(v.error_nngp(), 2) + ',' + field(v.error_d_nngp(), 2);
    out += '\n';
  }
  return out;
}

ordered_json json_of(const std::optional<double>& value) {
  return value ? ordered_json(*value) : ordered_json();
}

std::string report_of(const Activation& activation, const std::vector<Point>& points,
                      const std::vector<Values>& values, double seconds) {
  ordered_json list = ordered_json::array();
  for (std::size_t i = 0; i < points.size(); ++i) {
    const Values& v = values[i];
    list.push_back({{"cov12", points[i].cov12},
                    {"var1", points[i].var1},
                    {"var2", points[i].var2},
                    {"nngp", json_of(v.nngp)},
                    {"d_nngp", json_of(v.d_nngp)},
                    {"error_nngp", json_of(v.error_nngp())},
                    {"error_d_nngp", json_of(v.error_d_nngp())},
                    {"fn_noise", v.error ? ordered_json(v.error->noise) : ordered_json()},
                    {"fn_calls", v.calls}});
  }
  return dump({{"activation", activation.text()}, {"points", list}, {"seconds", seconds}}, 2) + '\n';
}

void run_eval(const po::variables_map& arguments) {
  if (!arguments.count("activation"))
    throw UsageError("an activation is missing, as in nngp eval 'Erf(a=1.0)'; see 'nngp help eval'");
  std::vector<Point> points;
  if (arguments.count("points")) {
    if (arguments.count("cov12") || arguments.count("var1") || arguments.count("var2"))
      throw UsageError("give either --points or --cov12, --var1 and --var2");
    const std::string path = text_of(arguments, "points");
    const ReadOptions reading = {.header = Header::words, .index_column = "none"};
    points = points_of(read_input<double>(path, reading), path);
  } else {
    for (const char* option : {"cov12", "var1", "var2"})
      if (!arguments.count(option))
        throw UsageError(std::string("option '--") + option +
                         "' is missing; give --cov12, --var1 and --var2, or --points FILE.csv");
    const Point point = {number(arguments, "cov12"), number(arguments, "var1"),
                         number(arguments, "var2")};
    check_point(point, "");
    points = {point};
  }

  Models models(arguments);
  const Activation activation = models.activation(text_of(arguments, "activation"));
  const Stopwatch watch;
  std::vector<Values> values;
  for (const Point& point : points) values.push_back(evaluate(activation, point));
  judge(activation, points, values, allowed_error(arguments));
  const std::string report = text_of(arguments, "report");
  // Nothing is written if a point fails.
  if (!give_report(report, report_of(activation, points, values, watch.seconds())))
    output() << csv_of(points, values, arguments.count("errors") > 0);
}

}  // namespace

Command eval_command() {
  po::options_description options("Options");
  options.add_options()                                                          //
      ("cov12", text("C"), "the covariance of x1 and x2")                        //
      ("var1", text("V"), "the variance of x1")                                  //
      ("var2", text("V"), "the variance of x2")                                  //
      ("points", text("FILE.csv"), "many points: columns cov12, var1 and var2")  //
      ("errors",
       "add columns error_nngp and error_d_nngp: bounds of the errors of what is integrated")  //
      ("report", text("OUT.json"), "write the values, their errors and the calls of fn; - prints it");
  options.add(inexact_options()).add(model_options());
  return {"eval",
          "Evaluate the kernel functions of one activation.",
          "ACTIVATION --cov12 C --var1 V --var2 V\n"
          "ACTIVATION --points FILE.csv",
          "Prints comma-separated text: the point, nngp = E[f(x1) f(x2)] and\n"
          "d_nngp = E[f'(x1) f'(x2)] of Gaussian x1, x2. Without nngp_fn they are\n"
          "integrated from fn. Errors are relative to sqrt(E f(x1)^2 E f(x2)^2), and the\n"
          "same for f'; where f' is so small that d_nngp is below 2e-16 of nngp per\n"
          "variance, to that.\n\n"
          "Example:\n"
          "  nngp eval 'Erf(a=1.0)' --cov12 0.5 --var1 1 --var2 1\n",
          options,
          {"activation"},
          run_eval};
}

}  // namespace nngp::host
