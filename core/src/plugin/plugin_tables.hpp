#pragma once

#include "nngp/activation.h"

namespace nngp {

/// Whether the entry is one, of this host's major version: whether its other fields may be believed.
bool is_understood(const nngp_plugin& entry);

}  // namespace nngp
