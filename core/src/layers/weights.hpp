#pragma once

// What layers with weights have in common: Dense at every position, convolutions.

#include <string>
#include <string_view>

#include "engine/kernel_builder.hpp"
#include "finite/network_builder.hpp"
#include "network/layer_entry.hpp"
#include "nngp/stax.hpp"

namespace nngp {

/// Throws ParameterError for a W_std or b_std that is negative or s that is not positive.
void check_weights(std::string_view layer, const DenseOptions& options);

/// ", W_std=1.5, b_std=None" and what more differs from the presets.
std::string weights_text(const DenseOptions& options);

/// Reads W_std, b_std, parameterization and s.
DenseOptions weight_options(const LayerCall& call, std::string_view layer);

/// K = W_std^2 k + b_std^2 of the mean k over what a unit reads, and the NTK: what is pending becomes
/// that. `taps` are the sites that a unit reads, `out_dim` is the number of channels. (NTK
/// parameterisation: arXiv 1806.07572; standard: arXiv 2001.07301.)
void apply_weights(KernelBranch& branch, const DenseOptions& options, double taps, std::size_t out_dim);

/// The same at finite width: `out_dim` units at each position, of all channels there (DenseOp).
/// `own_weights`: positions share none.
void add_weights(NetworkBuilder& builder, const DenseOptions& options, std::size_t out_dim,
                 bool own_weights = false);

}  // namespace nngp
