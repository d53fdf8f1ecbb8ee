#include "sampling/montecarlo_report.hpp"

#include <nlohmann/json.hpp>

#include "command/terminal.hpp"

namespace nngp::host {
namespace {

ordered_json json_of(const std::optional<EstimateReport>& estimate) {
  if (!estimate) return {};
  ordered_json infinite;
  if (estimate->deviation)
    infinite = {{"relative", estimate->deviation->relative},
                {"rms_standard_errors", estimate->deviation->rms},
                {"largest_standard_errors", estimate->deviation->largest}};
  return {{"relative_error", estimate->relative_error}, {"from_infinite_width", infinite}};
}

}  // namespace

std::string MonteCarloReport::json() const {
  const SamplingRequest& sampling = request.sampling;
  return finish_report(
      {{"nngp_version", NNGP_VERSION},
       {"model", {{"text", sampling.model}, {"normalised", normalised_model}}},
       {"inputs",
        {{"x1", host::json_of(request.x1, x1)},
         {"x2", x2 ? host::json_of(request.x2, *x2) : ordered_json()}}},
       {"outputs",
        {{"nngp", path_or_null(request.nngp)},
         {"nngp_error", path_or_null(request.nngp_error)},
         {"ntk", path_or_null(request.ntk)},
         {"ntk_error", path_or_null(request.ntk_error)}}},
       {"seed", sampling.seed},
       {"samples", samples},
       {"nngp", json_of(nngp)},
       {"ntk", json_of(ntk)},
       {"infinite_width", no_kernel.empty() ? ordered_json("computed") : ordered_json(no_kernel)}},
      {sampling.dtype,
       sampling.threads,
       plugins,
       numerical,
       {{"read", read_seconds}, {"sample", sample_seconds}}});
}

std::string MonteCarloReport::text() const {
  Table table;
  table.add({bold("model"), normalised_model});
  table.add({bold("x1"), text_of(request.x1, x1)});
  table.add({bold("x2"), x2 ? text_of(request.x2, *x2) : "x1"});
  table.add({bold("samples"),
             std::to_string(samples) + " networks of seed " + std::to_string(request.sampling.seed)});
  if (!no_kernel.empty()) table.add({bold("infinite"), no_kernel});
  table.add({bold("seconds"), print("read %.3f, sample %.3f", read_seconds, sample_seconds)});
  return table.text();
}

std::string estimate_text(const EstimateReport& estimate) {
  std::string text = print("standard errors: %.3g of the kernel\n", estimate.relative_error);
  if (estimate.deviation)
    text +=
        print("infinite width: %.3g of the kernel away; in standard errors, rms %.3g, largest %.3g\n",
              estimate.deviation->relative, estimate.deviation->rms, estimate.deviation->largest);
  return text;
}

}  // namespace nngp::host
