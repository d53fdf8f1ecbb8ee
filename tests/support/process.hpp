#pragma once

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "temporary_folder.hpp"

/// What a process did.
struct Outcome {
  int code = 0;  ///< exit code, or 128 + signal
  std::string out;
  std::string err;
};

/// A running process whose output goes to files.
class Process {
 public:
  /// `words` begins with the program. `environment` is added to that of this process; a name given
  /// again wins. `out` is where standard output goes; empty: into the outcome.
  explicit Process(const std::vector<std::string>& words,
                   const std::vector<std::string>& environment = {}, const std::string& out = "") {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    const std::string target = out.empty() ? (folder_ / "out").string() : out;
    posix_spawn_file_actions_addopen(&actions, 1, target.c_str(), O_WRONLY | O_CREAT, 0600);
    posix_spawn_file_actions_addopen(&actions, 2, (folder_ / "err").c_str(), O_WRONLY | O_CREAT, 0600);
    std::vector<std::string> settings = environment;
    for (char** entry = environ; *entry; ++entry) {
      const std::string name(*entry, std::strcspn(*entry, "=") + 1);
      bool replaced = false;
      for (const std::string& setting : environment) replaced |= setting.starts_with(name);
      if (!replaced) settings.push_back(*entry);
    }
    const int error = ::posix_spawn(&id_, words[0].c_str(), &actions, nullptr, pointers(words).data(),
                                    pointers(settings).data());
    posix_spawn_file_actions_destroy(&actions);
    if (error) throw std::runtime_error("cannot start " + words[0] + ": " + std::strerror(error));
  }

  void send(int signal) const { ::kill(id_, signal); }

  Outcome wait() const {
    int status = 0;
    while (::waitpid(id_, &status, 0) < 0 && errno == EINTR) continue;
    return {WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status),
            read_text(folder_ / "out"), read_text(folder_ / "err")};
  }

 private:
  static std::vector<char*> pointers(const std::vector<std::string>& words) {
    std::vector<char*> pointers;
    for (const std::string& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
    pointers.push_back(nullptr);
    return pointers;
  }

  TemporaryFolder folder_;
  pid_t id_ = 0;
};

/// Runs the nngp command, by default with the plugins of the build alone.
inline Outcome run_nngp(std::vector<std::string> words,
                        const std::vector<std::string>& environment = {}) {
  words.insert(words.begin(), NNGP_TEST_COMMAND);
  std::vector<std::string> settings = environment;
  for (const char* clear : {"NNGP_PLUGIN_PATH=", "XDG_DATA_HOME=/nonexistent"})
    settings.push_back(clear);
  return Process(words, settings).wait();
}
