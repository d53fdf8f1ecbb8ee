#pragma once

#include <filesystem>

#include "data/locked_file.hpp"

namespace nngp {

/// Whether a path names a pipe, or an open descriptor as /dev/stdout and /dev/fd/N do: no file can take
/// its place, so that outputs are collected and sent when they are complete.
bool is_pipe(const std::filesystem::path& path);

/// A new temporary file, in which an output for the pipe `path` is collected. Throws DataError, which
/// names `path`, if there is no place for one.
std::filesystem::path new_collector(const std::filesystem::path& path);

/// Sends what `collector` holds to the pipe `path`. A reader that has had enough is no error. Throws
/// DataError.
void send_to_pipe(const LockedFile& collector, const std::filesystem::path& path);

}  // namespace nngp
