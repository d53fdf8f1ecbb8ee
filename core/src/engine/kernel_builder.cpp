#include "engine/kernel_builder.hpp"

namespace nngp {
namespace {

Affine mean_over(double channels) { return {.cov_scale = 1 / channels}; }

}  // namespace

KernelBuilder::KernelBuilder(const Sites& sites, std::size_t channels)
    : BranchBuilder({.operand = {0, mean_over(static_cast<double>(channels))},
                     .width = static_cast<double>(channels),
                     .sites = sites}) {
  program_.sites = {sites};
}

KernelBranch& KernelBuilder::gaussian_branch(std::string_view requirement) {
  KernelBranch& branch = only_branch();
  if (!branch.is_gaussian)
    fail(fmt::format("{}; insert Dense(...){} before it", requirement,
                     branch.sites.dimensions() ? " or Conv(...)" : ""));
  return branch;
}

void KernelBuilder::append_step(KernelBranch& branch, std::unique_ptr<KernelStep> step) {
  program_.steps.push_back(std::move(step));
  program_.sites.push_back(branch.sites);
  branch.operand = {program_.steps.size(), {}};
}

KernelBranch& KernelBuilder::close_branches() {
  std::vector<KernelBranch>& all = branches();
  for (const KernelBranch& branch : all) all[0].is_input = all[0].is_input && branch.is_input;
  all.resize(1);
  return all[0];
}

std::vector<Operand> KernelBuilder::operands() const {
  std::vector<Operand> all;
  for (const KernelBranch& branch : branches()) all.push_back(branch.operand);
  return all;
}

bool KernelBuilder::flatten_input() {
  KernelBranch& branch = only_branch();
  if (!program_.steps.empty() || !branch.is_input) return false;
  branch.width *= static_cast<double>(branch.sites.count());
  branch.sites = program_.sites[0] = {};
  branch.operand.pending = mean_over(branch.width);
  return true;
}

Program KernelBuilder::finish(const Layer& network) && {
  const KernelBranch& end = append_network(network);
  require_one_position();
  program_.output = end.operand;
  return std::move(program_);
}

Program compile_kernel(const Layer& network, const Sites& sites, std::size_t channels) {
  return KernelBuilder(sites, channels).finish(network);
}

}  // namespace nngp
