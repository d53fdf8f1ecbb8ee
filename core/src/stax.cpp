#include "nngp/stax.hpp"

namespace nngp {

Layer repeat(const Layer& layer, std::size_t n) { return Serial{std::vector<Layer>(n, layer)}; }

}  // namespace nngp
