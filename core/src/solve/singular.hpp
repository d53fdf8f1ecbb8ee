#pragma once

namespace nngp {

/// Throws NotPositiveDefinite for a kernel of training inputs that cannot be inverted, with what helps:
/// of one that is `zero` altogether no part of its diagonal does.
[[noreturn]] void fail_singular(bool zero);

}  // namespace nngp
