#include "engine/kernel_builder.hpp"

namespace nngp {

KernelBuilder::KernelBuilder(std::size_t features)
    : BranchBuilder({.operand = {0, {.cov_scale = 1 / static_cast<double>(features)}},
                     .width = static_cast<double>(features)}) {}

KernelBranch& KernelBuilder::gaussian_branch(std::string_view requirement) {
  KernelBranch& branch = only_branch();
  if (!branch.is_gaussian) fail(fmt::format("{}; insert Dense(...) before it", requirement));
  return branch;
}

std::size_t KernelBuilder::new_slot() {
  if (free_slots_.empty()) return program_.slots++;
  const std::size_t slot = free_slots_.back();
  free_slots_.pop_back();
  return slot;
}

void KernelBuilder::close_branches() {
  std::vector<KernelBranch>& all = branches();
  bool is_input = true;
  for (const KernelBranch& branch : all) is_input = is_input && branch.is_input;
  for (std::size_t b = all.size(); b-- > 1;) free_slots_.push_back(all[b].operand.slot);
  all.resize(1);
  all[0].operand.pending = {};
  all[0].is_input = is_input;
}

std::vector<Operand> KernelBuilder::operands() const {
  std::vector<Operand> all;
  for (const KernelBranch& branch : branches()) all.push_back(branch.operand);
  return all;
}

Program KernelBuilder::finish(const Layer& network) && {
  const KernelBranch& end = append_network(network);
  program_.output = end.operand;
  std::vector<SitePairs> wanted(program_.slots);
  wanted[end.operand.slot] = SitePairs::same(end.sites.dimensions());
  for (auto step = program_.steps.rbegin(); step != program_.steps.rend(); ++step) (*step)->ask(wanted);
  program_.wanted_of_input = wanted[0];
  return std::move(program_);
}

Program compile_kernel(const Layer& network, std::size_t features) {
  return KernelBuilder(features).finish(network);
}

}  // namespace nngp
