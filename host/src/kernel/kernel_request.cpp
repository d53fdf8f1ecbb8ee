#include "kernel/kernel_request.hpp"

#include <charconv>

#include "command/inexact.hpp"
#include "command/models.hpp"
#include "command/options.hpp"
#include "command/plot.hpp"
#include "nngp/text.hpp"

namespace nngp::host {
namespace {

/// Reads a whole number from the start of `text` and removes it.
std::optional<std::size_t> take_number(std::string_view& text) {
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

}  // namespace

Slice parse_slice(const std::string& text) {
  std::string_view rest = text;
  Slice slice;
  slice.begin = take_number(rest).value_or(0);
  bool valid = rest.starts_with(':');
  if (valid) {
    rest.remove_prefix(1);
    slice.end = take_number(rest);
    valid = rest.empty() && (!slice.end || *slice.end > slice.begin);
  }
  if (!valid)
    throw UsageError("'" + printable(text) +
                     "' is no range; write BEGIN:END, counted from 0 and without END, as in Python");
  return slice;
}

po::options_description kernel_options() {
  po::options_description options("Options");
  options.add_options()  //
      ("model", text("MODEL")->required(),
       model_help)  //
      ("x1", text("FILE")->required(),
       "the inputs, one example a row: .npy or .csv, or - for standard input")                 //
      ("x2", text("FILE"), "further inputs: kernels of x1 with x2 instead of x1 with itself")  //
      ("nngp", text("OUT.npy"), "write the NNGP kernel; - prints it as text")                  //
      ("ntk", text("OUT.npy"), "write the neural tangent kernel; - prints it as text")         //
      ("dtype", text("TYPE")->default_value("float64"), "float64 or float32")                  //
      ("rows", text("A:B"), "only these rows of the kernels, counted from 0, without B")       //
      ("columns", text("A:B"), "only these columns")                                           //
      ("threads", threads_value(),
       "how many threads; 0: as many as the process may use. Results do not depend on it")  //
      ("memory", text("SIZE"),
       "kernels larger than this, such as 4G, are written to disk block by block; default: half of "
       "what the machine, the control group and ulimit grant")                                     //
      ("resume", "go on where such a command was interrupted")                                     //
      ("plot", text("OUT.svg|png"), "draw the kernel as a heat map, the NNGP if both are wanted")  //
      ("report", text("OUT.json"), "write what was computed, from what and how fast; - prints it");
  add_input_options(options);
  add_shape_option(options);
  options.add(inexact_options()).add(model_options());
  return options;
}

KernelRequest kernel_request(const po::variables_map& arguments) {
  KernelRequest request;
  request.x1 = text_of(arguments, "x1");
  request.x2 = text_of(arguments, "x2");
  request.nngp = text_of(arguments, "nngp");
  request.ntk = text_of(arguments, "ntk");
  request.report = text_of(arguments, "report");
  request.reading = reading_positions(read_options(arguments), arguments);
  request.plot = plot_path(arguments);
  request.dtype = dtype_from(text_of(arguments, "dtype"));
  if (arguments.count("rows")) request.rows = parse_slice(text_of(arguments, "rows"));
  if (arguments.count("columns")) request.columns = parse_slice(text_of(arguments, "columns"));
  request.threads = threads_from(arguments["threads"].as<int>());
  request.memory = memory_from(arguments);
  request.resume = arguments.count("resume") > 0;
  request.allowed_error = allowed_error(arguments);
  if (request.resume && !request.writes_files_alone())
    throw UsageError("--resume needs the output files of the interrupted command");
  if (request.resume && (request.x1 == standard_input || request.x2 == standard_input))
    throw UsageError("--resume needs inputs in files: standard input may be another one");
  check_paths({{"--x1", request.x1}, {"--x2", request.x2}}, {{"--nngp", request.nngp},
                                                             {"--ntk", request.ntk},
                                                             {"--report", request.report},
                                                             {"--plot", request.plot}});
  request.model = read_model(text_of(arguments, "model"));
  return request;
}

}  // namespace nngp::host
