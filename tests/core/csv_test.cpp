#include <gtest/gtest.h>

#include "expect_error.hpp"
#include "nngp/data.hpp"
#include "nngp/error.hpp"
#include "temporary_folder.hpp"

namespace {

nngp::FileBytes in_memory(std::string_view text) {
  const auto* begin = reinterpret_cast<const std::byte*>(text.data());
  return nngp::FileBytes("x.csv", {begin, begin + text.size()});
}

nngp::CsvTable read(std::string_view text) { return nngp::read_csv(in_memory(text)); }

const nngp::Matrix<double> expected = (nngp::Matrix<double>(2, 2) << 1, -2.5, 3e-4, 4).finished();

TEST(Csv, ReadsTextOfManyWriters) {
  for (const char* text :
       {"1,-2.5\n3e-4,4\n", "1,-2.5\n3e-4,4", "1,-2.5\r\n3e-4,4\r\n", "1,-2.5\r3e-4,4\r",
        "\xEF\xBB\xBF"
        "1,-2.5\n3e-4,4\n",
        "\n1,-2.5\n\n  \n3e-4,4\n\n", " 1 ,\t-2.5\n3E-04 ,+4.0\n",
        "\"1\",\"-2.5\"\n\" 3e-4\" , \"4\"\n"}) {
    const nngp::CsvTable table = read(text);
    EXPECT_EQ(table.values, expected) << text;
    EXPECT_TRUE(table.names.empty()) << text;
  }
}

TEST(Csv, TellsAHeaderFromData) {
  const nngp::CsvTable table = read("\"width, \"\"left\"\"\",height\n1,-2.5\n3e-4,4\n");
  EXPECT_EQ(table.names, (std::vector<std::string>{"width, \"left\"", "height"}));
  EXPECT_EQ(table.values, expected);
}

TEST(Csv, RoundTripsDoubles) {
  const nngp::CsvTable table =
      read("0.1,2.2250738585072014e-308,1.7976931348623157e308,5e-324,1e-400\n");
  EXPECT_EQ(table.values(0, 0), 0.1);
  EXPECT_EQ(table.values(0, 1), 2.2250738585072014e-308);
  EXPECT_EQ(table.values(0, 2), 1.7976931348623157e308);
  EXPECT_EQ(table.values(0, 3), 5e-324);
  EXPECT_EQ(table.values(0, 4), 0);
}

TEST(Csv, IsADataFormat) {
  const TemporaryFolder folder;
  const auto data = nngp::read_data<float>(folder.write("x.csv", "a,b\n1,-2.5\n3e-4,4\n"));
  EXPECT_EQ(data.view(), expected.cast<float>());
  EXPECT_EQ(data.dtype(), "csv");
}

void expect_failure(std::string_view text, const std::string& message) {
  expect_error<nngp::DataError>([&] { read(text); }, "cannot read 'x.csv': " + message);
}

TEST(Csv, NamesWhatIsWrongWithAFile) {
  expect_failure("1,2\n3,4,5\n", "line 2 has 3 fields, but line 1 has 2");
  expect_failure("a,b\n\n1,2\n3\n", "line 4 has 1 fields, but line 1 has 2");
  expect_failure("1,2\n3,\n", "line 2, column 2: the field is empty");
  expect_failure("1,2\n3,four\n", "line 2, column 2: 'four' is not a number");
  expect_failure("1,x\n3,4\n", "line 1, column 2: 'x' is not a number");
  expect_failure("1;2\n3;4\n3;4\n",
                 "line 2, column 1: '3;4' is not a number; separate numbers by commas");
  expect_failure("1,2\n3,nan\n", "line 2, column 2: the value is NaN");
  expect_failure("1,2\n-inf,3\n", "line 2, column 1: the value is infinite");
  expect_failure("1,2\n1e999,3\n", "line 2, column 1: '1e999' is beyond the range of float64");
  expect_failure("1,2\n\"3,4\n", "line 2: a quoted field does not end");
  expect_failure("1,2\n\"3\"4,5\n", "line 2: something follows the quoted field '3'");
  expect_failure("a,b\n", "it has a header but no rows");
  expect_failure("\n \n", "it is blank");
  expect_failure(
      "\xFF\xFE"
      "1",
      "it is UTF-16 text");
  expect_failure(std::string_view("1,\0", 3), "it is neither an .npy file nor text");
  expect_failure("1,2\n3,0x10\n", "line 2, column 2: '0x10' is not a number");
  expect_failure("1,2\n3,4\x01zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz\n", "line 2, column 2: '4?zzzzzz");
}

TEST(Csv, CountsLinesInsideQuotedFields) {
  expect_failure("\"a\nb\",c\n1,x\n", "line 3, column 2: 'x' is not a number");
}

TEST(Data, NamesFilesThatCannotBeRead) {
  const TemporaryFolder folder;
  const auto read_path = [](const std::filesystem::path& path) {
    return [path] { nngp::read_data<double>(path); };
  };
  expect_error<nngp::DataError>(read_path(folder / "none.npy"), "no such file");
  expect_error<nngp::DataError>(read_path(folder.path()), "it is a folder");
  expect_error<nngp::DataError>(read_path(folder.write("empty.csv", "")), "it is empty");
  expect_error<nngp::DataError>(read_path("/dev/null"), "it is neither a file nor a pipe");
  expect_error<nngp::DataError>(read_path(folder.write("text.npy", "1,2\n")), "it is not an .npy file");
  expect_error<nngp::DataError>(read_path(folder.write("x.npz", "PK\x03\x04zip")), "it is an archive");
}

}  // namespace
