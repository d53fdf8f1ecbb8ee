#pragma once

#include <filesystem>

namespace nngp {

/// Whether a path names a pipe, or an open descriptor as /dev/stdout and /dev/fd/N do: no file can take
/// its place, so that outputs are collected and sent when they are complete.
bool is_pipe(const std::filesystem::path& path);

/// A nameless temporary file, open for reading and writing. Throws DataError, which names `path`, if
/// there is no place for one.
int open_collector(const std::filesystem::path& path);

/// Sends what `collector` holds to the pipe `path`. A reader that has had enough is no error. Returns
/// 0, or what errno says.
int send_to_pipe(int collector, const std::filesystem::path& path);

}  // namespace nngp
