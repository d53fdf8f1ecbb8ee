#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>
#include <thread>

#include "npy_files.hpp"
#include "process.hpp"
#include "temporary_folder.hpp"

/// A test of the command, with a folder for its files.
class CommandTest : public testing::Test {
 protected:
  std::string file(const std::string& name) const { return (folder / name).string(); }
  std::string write(const std::string& name, std::string_view text) const {
    return folder.write(name, text).string();
  }
  std::string write(const std::string& name, const nngp::Matrix<double>& matrix) const {
    write_npy(folder / name, matrix);
    return file(name);
  }
  static void wait_for(const std::filesystem::path& path) {
    while (!std::filesystem::exists(path)) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }

  const TemporaryFolder folder;
};
