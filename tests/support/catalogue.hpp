#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

/// Expects the part of a document between "<!-- made by MAKER: begin -->" and "<!-- end -->" to be
/// `section`; writes it there if NNGP_UPDATE_CATALOGUE is set.
inline void expect_section(const std::string& path, const std::string& maker,
                           const std::string& section) {
  std::stringstream file;
  file << std::ifstream(path).rdbuf();
  const std::string text = file.str();
  const std::string begin = "<!-- made by " + maker + ": begin -->\n", end = "<!-- end -->\n";
  const auto from = text.find(begin), to = text.find(end, from);
  ASSERT_NE(from, std::string::npos) << path;
  ASSERT_NE(to, std::string::npos) << path;
  const std::string wanted = text.substr(0, from) + begin + section + text.substr(to);
  if (std::getenv("NNGP_UPDATE_CATALOGUE")) std::ofstream(path) << wanted;
  EXPECT_EQ(text, wanted) << "run this test with NNGP_UPDATE_CATALOGUE=1";
}
