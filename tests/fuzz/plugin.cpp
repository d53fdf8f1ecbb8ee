// A file as a plugin, and as an archive of one: whatever it holds is read or refused, and not run.

#include <cstddef>
#include <cstdint>
#include <sstream>

#include "nngp/error.hpp"
#include "nngp/plugin_file.hpp"
#include "plugins/archive.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  try {
    const nngp::PluginFile plugin(std::make_unique<std::istringstream>(bytes));
  } catch (const nngp::PluginError&) {
  }
  try {
    nngp::host::read_archive(std::as_bytes(std::span(bytes)), "fuzzed");
  } catch (const nngp::PluginError&) {
  }
  return 0;
}
