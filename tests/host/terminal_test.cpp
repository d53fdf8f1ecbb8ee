#include "terminal.hpp"

#include <gtest/gtest.h>

#include "progress.hpp"

namespace {

using nngp::host::progress_text;
using nngp::host::Table;

TEST(Table, AlignsColumnsAndWrapsTheLast) {
  Table table(2);
  table.add({"Relu", "1.0", "max(x, 0)"});
  table.add({"λ", "1.10",
             "a text of many words that goes on until it no longer fits into one line of a terminal"});
  EXPECT_EQ(table.text(),
            "  Relu  1.0   max(x, 0)\n"
            "  λ     1.10  a text of many words that goes on until it no longer fits into one\n"
            "              line of a terminal\n");
}

TEST(Progress, TellsShareRateAndTimeLeft) {
  EXPECT_EQ(progress_text(0, 100, 0), "0%");
  EXPECT_EQ(progress_text(50, 100, 2), "50%, 25 entries/s, 2 s left");
  EXPECT_EQ(progress_text(30'000'000, 90'000'000, 1.5), "33%, 20 million entries/s, 3 s left");
  EXPECT_EQ(progress_text(3'000'000, 603'000'000, 2), "0%, 1.5 million entries/s, 6 min 40 s left");
  EXPECT_EQ(progress_text(100, 1'000'100, 100), "0%, 1.0 entries/s, 277 h 46 min left");
}

}  // namespace
