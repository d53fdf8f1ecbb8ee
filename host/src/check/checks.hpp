#pragma once

#include <functional>
#include <string>
#include <vector>

#include "check/check.hpp"
#include "check/specimen.hpp"

namespace nngp::host {

/// A check of one activation.
struct Check {
  const char* name;
  const char* summary;
  Result (*run)(const Specimen& specimen);
};

// One group in each file *_checks.cpp.
std::vector<Check> instance_checks();     ///< making instances
std::vector<Check> parameter_checks();    ///< what values they may have
std::vector<Check> process_checks();      ///< what calls do to the process
std::vector<Check> thread_checks();       ///< calls from several threads
std::vector<Check> function_checks();     ///< fn alone
std::vector<Check> expectation_checks();  ///< the kernels against what they are expectations of
std::vector<Check> kernel_checks();       ///< what holds for every kernel
std::vector<Check> tile_checks();         ///< the tile entries
std::vector<Check> exit_checks();         ///< the end of the process

/// All of them in parts, each in the order in which it runs. A part has a process of its own, so that
/// parts may run at the same time.
const std::vector<std::vector<Check>>& activation_checks();

/// A library in the process of a worker. Its checks are examined in this order.
class LoadedLibrary;
struct LibraryCheck {
  const char* name;
  const char* summary;
  Result (*run)(LoadedLibrary& library);
};
const std::vector<LibraryCheck>& library_checks();

/// Those that need not load the library: run by the checker itself.
struct FileCheck {
  const char* name;
  const char* summary;
  Result (*run)(const std::filesystem::path& file);
};
std::vector<FileCheck> name_checks();  ///< some of them: its words
const std::vector<FileCheck>& file_checks();

inline Result passed(std::string message) { return {Status::pass, std::move(message)}; }
inline Result skipped(std::string message) { return {Status::skipped, std::move(message)}; }
inline Result failed(std::string message) { return {Status::failure, std::move(message)}; }

/// Runs a check in a copy of this process, which keeps what it changes to itself. Where the copy does
/// not come to a result, this process runs it, and comes to the same end.
Result run_in_copy(const std::function<Result()>& run);

/// To be called before a library is loaded, so that the check "exit" knows of the last exit handler.
void watch_exit();

/// The worst result over all settings of a specimen; that of a failure names its setting. A setting
/// that the plugin refuses is left to the check "parameters".
Result worst_of_settings(const Specimen& specimen, const std::function<Result(const Instance&)>& run);

}  // namespace nngp::host
