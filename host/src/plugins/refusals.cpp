#include "plugins/refusals.hpp"

#include <cstdint>
#include <cstdio>
#include <fstream>

#include "command/plugin_search.hpp"
#include "nngp/text.hpp"

namespace nngp::host {
namespace {

namespace fs = std::filesystem;

/// The size and the FNV-1a hash of bytes: one file is hardly ever taken for another, and nothing but a
/// message comes of it.
std::string identity(std::string_view bytes) {
  std::uint64_t hash = 14695981039346656037u;
  for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 1099511628211u;
  char text[64];
  std::snprintf(text, sizeof text, "%zu-%016llx", bytes.size(), static_cast<unsigned long long>(hash));
  return text;
}

}  // namespace

Refusals::Refusals(std::string_view bytes) {
  const fs::path plugins = user_plugins();
  if (!plugins.empty()) file_ = plugins.parent_path() / "refused" / identity(bytes);
}

std::string Refusals::reason() const {
  std::string reason;
  std::ifstream contents(file_);
  std::getline(contents, reason);
  return printable(reason, 400);
}

void Refusals::add(const std::string& reason) const {
  if (file_.empty()) return;
  std::error_code ignored;
  fs::create_directories(file_.parent_path(), ignored);
  std::ofstream(file_) << reason << '\n';
}

}  // namespace nngp::host
