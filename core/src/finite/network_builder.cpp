#include "finite/network_builder.hpp"

#include <algorithm>

namespace nngp {

NetworkBuilder::NetworkBuilder(const Sites& sites, std::size_t channels)
    : BranchBuilder({.width = channels, .sites = sites}) {
  program_.slots = {{.width = sites.count() * channels, .trained = false}};
}

std::vector<std::size_t> NetworkBuilder::slots() const {
  std::vector<std::size_t> all;
  for (const NetworkBranch& branch : branches()) all.push_back(branch.slot);
  return all;
}

void NetworkBuilder::add(std::unique_ptr<FiniteOp> op, std::size_t width) {
  std::vector<NetworkBranch>& all = branches();
  const Sites& sites = all[0].sites;
  if (width > max_units / sites.count())
    fail(sites.dimensions() == 0
             ? fmt::format("a finite network cannot have {} units here", width)
             : fmt::format("a finite network cannot have {} units at each of {} positions here", width,
                           sites.text()));
  const bool trained = op->weights() || std::any_of(all.begin(), all.end(),
                                                    [](const auto& branch) { return branch.trained; });
  all.resize(1);
  all[0].slot = op->out;
  all[0].width = width;
  all[0].trained = trained;
  program_.slots.push_back({sites.count() * width, trained});
  op->number = program_.ops.size();
  if (op->weights()) program_.with_weights.push_back(op.get());
  program_.ops.push_back(std::move(op));
}

FiniteProgram NetworkBuilder::finish(const Layer& network) && {
  program_.output = append_network(network).slot;
  require_one_position();
  return std::move(program_);
}

Sites NetworkBuilder::output_sites(const Layer& network) && { return append_network(network).sites; }

Sites output_sites(const Layer& network, std::size_t features, const Sites& sites) {
  return NetworkBuilder(sites, channels_of(sites, features)).output_sites(network);
}

FiniteProgram compile_finite(const Layer& network, std::size_t features, const Sites& sites) {
  return NetworkBuilder(sites, channels_of(sites, features)).finish(network);
}

Layer with_hidden_width(const Layer& network, std::size_t width) {
  bool hidden = false;
  return network.type().with_hidden_width(width, hidden).value_or(network);
}

}  // namespace nngp
