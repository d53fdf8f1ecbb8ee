#include "command/terminal.hpp"

#include <gtest/gtest.h>

#include "command/progress.hpp"
#include "kernel/kernel_request.hpp"

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
  EXPECT_EQ(progress_text(50, 100, 25), "50%, 25 entries/s, 2 s left");
  EXPECT_EQ(progress_text(30'000'000, 90'000'000, 20e6), "33%, 20 million entries/s, 3 s left");
  EXPECT_EQ(progress_text(3'000'000, 603'000'000, 1.5e6), "0%, 1.5 million entries/s, 6 min 40 s left");
  EXPECT_EQ(progress_text(50, 100, 25, "samples"), "50%, 25 samples/s, 2 s left");
  EXPECT_EQ(progress_text(100, 1'000'100, 1), "0%, 1.0 entries/s, 277 h 46 min left");
}

TEST(ParseSize, TakesPowersOf1024) {
  using nngp::host::parse_size;
  EXPECT_EQ(parse_size("1000"), 1000u);
  EXPECT_EQ(parse_size("2K"), 2048u);
  EXPECT_EQ(parse_size("3G"), 3u << 30);
  for (const char* wrong :
       {"", "0", "G", "-1", "1.5G", "1Q", "1GB", "99999999999T", "99999999999999999999"})
    EXPECT_THROW(parse_size(wrong), nngp::host::UsageError) << wrong;
}

TEST(ParseSlice, ReadsRangesAsPythonWritesThem) {
  using nngp::host::parse_slice;
  EXPECT_EQ(parse_slice("3:10").begin, 3u);
  EXPECT_EQ(parse_slice("3:10").end, 10u);
  EXPECT_EQ(parse_slice(":10").begin, 0u);
  EXPECT_FALSE(parse_slice("3:").end);
  for (const char* wrong : {"", "3", "5:5", "5:3", "-1:3", "1:2:3", "a:b"})
    EXPECT_THROW(parse_slice(wrong), nngp::host::UsageError) << wrong;
}

}  // namespace
