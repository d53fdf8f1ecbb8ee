#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "nngp/error.hpp"

/// Expects `action` to throw Kind with `part` in its message.
template <class Kind, class Action>
void expect_error(Action action, const std::string& part) {
  try {
    action();
    ADD_FAILURE() << "no error; expected one with: " << part;
  } catch (const Kind& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr(part));
  }
}
