#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace nngp::host {

/// A plugin as it is handed to others: a plain tar with the folder NAME-VERSION, in it the library
/// libNAME.so and plugin.json, which repeats what the library says of itself for those who cannot load
/// it.
struct Archive {
  std::string library;   ///< the bytes of the one .so file
  std::string metadata;  ///< the text of plugin.json
};

/// Reads an archive from memory; nothing is written and no path in it is used. Throws PluginError for
/// what is no plain tar, or is larger than any plugin, for paths that leave the folder, links,
/// devices, files that come twice, and for one without exactly one library and its metadata. `name` is
/// what messages call it.
Archive read_archive(std::span<const std::byte> bytes, const std::string& name);

/// The bytes of an archive in the folder `folder`, the library in it called `file`. The same contents
/// give the same bytes.
std::string write_archive(const Archive& archive, const std::string& folder, const std::string& file);

}  // namespace nngp::host
