// Words of messages.

#include "nngp/text.hpp"

#include <gtest/gtest.h>

namespace {

using nngp::printable;

TEST(Printable, KeepsTextAndReplacesWhatATerminalObeys) {
  const std::string text = "na\xC3\xAFve \xCE\xA6(x) \xF0\x9D\x91\xA5 \xE4\xB8\xAD";
  EXPECT_EQ(printable(text), text);
  EXPECT_EQ(printable("a\tb\x1B[0m\x7F\n"), "a?b?[0m??");
  EXPECT_EQ(printable("a\xC2\x9B"
                      "b"),
            "a?b");  // a C1 control
  EXPECT_EQ(printable("a\xE2\x80\xAE"
                      "b\xE2\x81\xA6"
                      "c"),
            "a?b?c");  // directions
  EXPECT_EQ(printable("a\xE2\x80\x8B"
                      "b\xEF\xBB\xBF"),
            "a?b?");  // without width
}

TEST(Printable, ReplacesBytesThatAreNoCharacter) {
  EXPECT_EQ(printable("f\xFCr"), "f?r");
  EXPECT_EQ(printable("\xC0\xAF"), "??");            // overlong
  EXPECT_EQ(printable("\xED\xA0\x80"), "???");       // a surrogate
  EXPECT_EQ(printable("\xF4\x90\x80\x80"), "????");  // beyond Unicode
  EXPECT_EQ(printable("ab\xE2\x82"), "ab??");        // cut off
  EXPECT_EQ(printable(std::string(100, 'x'), 3), "xxx...");
  EXPECT_EQ(printable("ab\xE2\x82\xAC", 4), "ab...");
}

}  // namespace
