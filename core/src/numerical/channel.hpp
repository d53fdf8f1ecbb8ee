#pragma once

namespace nngp::numerical {

/// nngp is the dual of fn, d_nngp that of fn'.
enum Channel { nngp, d_nngp };

}  // namespace nngp::numerical
