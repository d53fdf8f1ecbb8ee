#pragma once

#include <nlohmann/json_fwd.hpp>

#include "check/check.hpp"

// What a worker writes on its standard output, one JSON object a line:
//   {"begin": CHECK}                             a check begins
//   {"check": CHECK, "status": ..., ...}         and has come to its result
//   {"library": NAME, "version": ..., "abi": ..., "activations": [...]}
//   {"done": true}                               the end; anything else was the plugin's doing

namespace nngp::host {

nlohmann::ordered_json to_json(const Result& result);

/// Throws nlohmann::json::exception or Error for what no worker writes.
Result result_from_json(const nlohmann::ordered_json& json);

}  // namespace nngp::host
