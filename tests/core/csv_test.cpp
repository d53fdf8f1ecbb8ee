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

nngp::CsvTable read(std::string_view text, const nngp::ReadOptions& options = {}) {
  return nngp::read_csv(in_memory(text), options);
}

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

void expect_failure(std::string_view text, const std::string& message,
                    const nngp::ReadOptions& options = {}) {
  SCOPED_TRACE(text);
  expect_error<nngp::DataError>([&] { read(text, options); }, "cannot read 'x.csv': " + message);
}

using Names = std::vector<std::string>;
using nngp::Header;
using nngp::Labels;

nngp::Matrix<double> column(std::initializer_list<double> values) {
  return Eigen::Map<const nngp::Matrix<double>>(values.begin(),
                                                static_cast<Eigen::Index>(values.size()), 1);
}

TEST(Csv, NumbersOfAnyLengthAreRoundedCorrectly) {
  const std::string zeros(400, '0');
  const auto value = [&](const std::string& text) { return read(text + "\n").values(0, 0); };
  EXPECT_EQ(value("1" + zeros + "e-400"), 1);
  EXPECT_EQ(value("0." + zeros + "1e401"), 1);
  EXPECT_EQ(value("0." + zeros + "1e1"), 0);
  EXPECT_EQ(value("-1" + zeros + "e-800"), 0);
  EXPECT_EQ(value("1e-99999999999999999999"), 0);
  EXPECT_EQ(value("0e99999999999999999999"), 0);
  // Exactly between two doubles, and a bit above: 1 + 2^-53.
  EXPECT_EQ(value("1.00000000000000011102230246251565404236316680908203125"), 1);
  EXPECT_EQ(value("1.00000000000000011102230246251565404236316680908203126"), 1.0000000000000002);
  expect_failure("1" + zeros + "e-10\n", "line 1, column 1: '1000");
  expect_failure("1" + zeros + "\n", "line 1, column 1: '1000");
  expect_failure("0.1e310\n", "line 1, column 1: '0.1e310' is beyond the range of float64");
}

TEST(Csv, IntegersAreExactOrRefused) {
  EXPECT_EQ(read("9007199254740992\n-9007199254740994\n").values,
            column({9007199254740992, -9007199254740994}));
  EXPECT_EQ(read("18446744073709551616\n").values(0, 0), 18446744073709551616.0);
  EXPECT_EQ(read("9007199254740993.\n").values(0, 0), 9007199254740992);
  expect_failure("1\n9007199254740993\n",
                 "line 2, column 1: '9007199254740993' has more digits than float64 holds; "
                 "scale it, or end it by a point if it may be rounded");
  const nngp::CsvTable labels =
      read("9007199254740993\n9007199254740992\n9007199254740993\n10\n", {.labels = Labels::all});
  EXPECT_EQ(labels.levels, (Names{"10", "9007199254740992", "9007199254740993"}));
  EXPECT_EQ(labels.values, column({2, 1, 2, 0}));
}

TEST(Csv, TruthValuesAreNumbers) {
  EXPECT_EQ(read("a,b\nTrue,0.5\nfalse,2\n").values,
            (nngp::Matrix<double>(2, 2) << 1, 0.5, 0, 2).finished());
}

// ---- Headers ----

TEST(Csv, RecognisesHeadersOfNumbers) {
  for (const char* text : {"0,1,2\n0.5,1,3\n4,7,1\n", "2019,2020,2021\n0.5,1,3\n4,7,1\n",
                           "2021,2019,2010\n0.5,1,3\n4,7,1\n"}) {
    const nngp::CsvTable table = read(text);
    EXPECT_EQ(table.values, (nngp::Matrix<double>(2, 3) << 0.5, 1, 3, 4, 7, 1).finished()) << text;
    EXPECT_EQ(table.names.size(), 3u) << text;
  }
  EXPECT_EQ(read("0,1,2\n0.5,1,3\n").remarks[0], "header 0, 1, 2");
  EXPECT_EQ(read("state,2019,2020\n1,0.5,3\n2,7,1\n").names, (Names{"state", "2019", "2020"}));
  EXPECT_EQ(read(",0\n5,0.5\n7,0.25\n").values, column({0.5, 0.25}));
}

TEST(Csv, ExamplesThatCountAreNoHeaders) {
  for (const char* text : {"1,2,3\n4,5,6\n", "0.5,1.5,2.5\n1,7,2\n", "-1,0,1\n0.5,1,3\n", "0\n1\n2.5\n",
                           "1,3,5\n0.5,1,3\n", "3,4,5\n0.5,1,3\n", "1,2\n"})
    EXPECT_TRUE(read(text).names.empty()) << text;
  EXPECT_EQ(read("1,2,3\n4,5,6\n").remarks[0], "no header");
}

TEST(Csv, TheNumberOfExamplesTellsAHeader) {
  EXPECT_EQ(read("0\n0.5\n0.25\n", {.rows = 2}).values, column({0.5, 0.25}));
  EXPECT_EQ(read("0\n0.5\n0.25\n", {.rows = 3}).values, column({0, 0.5, 0.25}));
  EXPECT_EQ(read("0,1\n3,3\n", {.rows = 1}).values.rows(), 1);
  EXPECT_EQ(read("0,1\n3,3\n", {.rows = 2}).values.rows(), 2);
  const std::string advice = " may be a header or an example; say which: header yes or no";
  expect_failure("0\n0.5\n0.25\n", "line 1 (0)" + advice);
  expect_failure("0,1\n3,3\n", "line 1 (0, 1)" + advice);
  expect_failure("0,1\n3.5,3\n", "line 1 (0, 1)" + advice);
  expect_failure("0,1,2\n3,3,3\n", "line 1 (0, 1, 2)" + advice);
}

TEST(Csv, TheNumberOfExamplesMayBeCertain) {
  const auto rows = [](std::string_view text) { return nngp::certain_rows(in_memory(text), {}); };
  EXPECT_EQ(rows("3\n7\n"), 2u);
  EXPECT_EQ(rows("y\n7\n"), 1u);
  EXPECT_EQ(rows("0\n7\n"), std::nullopt);
  EXPECT_EQ(rows("0,1,2\n7,5,5.5\n"), std::nullopt);
  EXPECT_EQ(rows("\"7\n"), std::nullopt);
}

TEST(Csv, TheHeaderCanBeChosen) {
  EXPECT_EQ(read("0\n0.5\n", {.header = Header::yes}).names, Names{"0"});
  EXPECT_EQ(read("0\n0.5\n", {.header = Header::no}).values, column({0, 0.5}));
  EXPECT_EQ(read("5,8\n0.5,1\n", {.header = Header::yes}).names, (Names{"5", "8"}));
  expect_failure("a,b\n1,2\n", "line 1, column 1: 'a' is not a number", {.header = Header::no});
  expect_failure("1,2\n", "it has a header but no rows", {.header = Header::yes});
}

TEST(Csv, ReadsNamesFromACommentAsNumpyWritesIt) {
  EXPECT_EQ(read("# width, height\n1,2\n").names, (Names{"width", "height"}));
  EXPECT_EQ(read("# width height\n1 2\n").names, (Names{"width", "height"}));
  EXPECT_TRUE(read("# made at noon, by me\n1,2\n").names.empty());
  EXPECT_TRUE(read("# width\n1,2\n").names.empty());
}

// ---- Index columns ----

TEST(Csv, LeavesOutIndexColumns) {
  for (const char* text :
       {",a,b\n0,0.5,1\n1,7,2\n", "\"\",\"a\",\"b\"\n\"1\",0.5,1\n\"2\",7,2\n",
        ",a,b\nx,0.5,1\ny,7,2\n", "Unnamed: 0,a,b\n7,0.5,1\n3,7,2\n", "id,a,b\n17,0.5,1\n4,7,2\n",
        "Index,a,b\n0,0.5,1\n1,7,2\n", "id,a,b\nk1,0.5,1\nk2,7,2\n", "a,b\n\"1\",0.5,1\n\"2\",7,2\n",
        "a;b\n\"x\";0.5;1\n\"y\";7;2\n"}) {
    const nngp::CsvTable table = read(text);
    EXPECT_EQ(table.values, (nngp::Matrix<double>(2, 2) << 0.5, 1, 7, 2).finished()) << text;
    EXPECT_EQ(table.names, (Names{"a", "b"})) << text;
    EXPECT_EQ(table.index.size(), 2u);
  }
  EXPECT_EQ(read("id,a\n3,0.5\n4,7\n").remarks, (Names{"header a", "index column 'id' left out"}));
  EXPECT_EQ(read(",a\n3,0.5\n4,7\n").remarks, (Names{"header a", "index column 0 left out"}));
}

TEST(Csv, KeepsColumnsThatAreNoIndex) {
  for (const char* text :
       {"id,a\n1,2\n1,3\n", "index,a\n0.5,2\n1.5,3\n", "t,a\n0,2\n1,3\n", "id\n1\n2\n", "0,5\n1,6\n"})
    EXPECT_EQ(read(text).values.rows(), 2) << text;
  EXPECT_EQ(read("id,a\n1,2\n1,3\n").values.cols(), 2);
  EXPECT_EQ(read("t,a\n0,2\n1,3\n2,5\n").remarks,
            (Names{"header t, a", "column 't' counts the rows (as index column it is left out)"}));
}

TEST(Csv, SaysThatAColumnCountsTheRows) {
  const std::string text = "0,5\n1,7\n2,6\n";
  const nngp::CsvTable table = read(text);
  EXPECT_EQ(table.values.cols(), 2);
  EXPECT_EQ(table.remarks,
            (Names{"no header",
                   "column 0 (counted from 0) counts the rows (as index column it is left out)"}));
  EXPECT_TRUE(table.guessed);
  EXPECT_EQ(read(text, {.index_column = "0"}).values, column({5, 7, 6}));
  EXPECT_EQ(read(text, {.index_column = "none"}).remarks, Names{"no header"});
}

TEST(Csv, TheIndexColumnCanBeChosen) {
  const std::string text = "a,key,b\n1,x,2\n3,y,4\n";
  expect_failure(text, "line 2, column 2: 'x' is not a number (column 'key')");
  for (const char* index : {"key", "1"}) {
    const nngp::CsvTable table = read(text, {.index_column = index});
    EXPECT_EQ(table.values, (nngp::Matrix<double>(2, 2) << 1, 2, 3, 4).finished());
    EXPECT_EQ(table.remarks[1], "column 'key' left out");
  }
  EXPECT_EQ(read("id,a\n3,0.5\n4,7\n", {.index_column = "none"}).values.cols(), 2);
  EXPECT_EQ(read("3\n4\n", {.index_column = "0"}).values, column({3, 4}));  // the only column stays
}

// ---- Dialects ----

TEST(Csv, UnderstandsOtherSeparators) {
  for (const char* text :
       {"1;-2.5\n3e-4;4\n", "1;-2,5\n0,0003;4\n", "a;b\n1;-2,5\n0,0003;4\n", "1\t-2.5\n3e-4\t4\n",
        "1\t-2,5\n3e-4\t4\n", "1|-2.5\n3e-4|4\n", "1 -2.5\n3e-4 4\n", "  1   -2.5 \n 3e-4\t4\n",
        "sep=;\n1;-2,5\n3e-4;4\n", "\"1\",\"-2,5\"\n\"3e-4\",\"4\"\n", "1,-2.5,\n3e-4,4,\n",
        "a,b,\n1,-2.5,\n3e-4,4,\n", "a,b\n1,-2.5,\n3e-4,4,\n", "# by hand\n1,-2.5\n#\n3e-4,4\n # end\n",
        "a,\"b;c;d\"\n1,-2.5\n3e-4,4\n", "1.000000000000000000e+00 -2.5e+00\n3.0e-04 4.0e+00\n"}) {
    SCOPED_TRACE(text);
    EXPECT_EQ(read(text).values, expected);
  }
  EXPECT_EQ(read("1.5;2.5;3.5\n").values.cols(), 3);
  EXPECT_EQ(read("1;-2,5\n3;4\n").remarks,
            (Names{"no header", "decimal commas", "semicolons between fields"}));
  EXPECT_EQ(read("a,b,\n1,2,\n").remarks, (Names{"header a, b", "empty last column left out"}));
  EXPECT_EQ(read("#\n1,2\n").remarks, (Names{"no header", "1 comment line passed over"}));
}

TEST(Csv, NamesWhatIsMeantInTwoWays) {
  expect_failure("1,5;2.5\n2,5;3.5\n",
                 "line 1 has a decimal comma, line 1 a decimal point; write one of them throughout");
  expect_failure("1,234;2\n2,345;3\n",
                 "line 1: '1,234' may have a decimal comma or be a number of thousands; write decimal "
                 "points");
  EXPECT_EQ(read("1,234;2\n0,345;3\n").values(0, 0), 1.234);
  expect_failure("\"1,234.5\",2\n",
                 "line 1, column 1: '1,234.5' is not a number; write it without "
                 "separators of thousands");
  expect_failure(
      "y\n1,5\n2,5\n5,1\n2,2\n",
      "line 2 has 2 fields, but line 1 has 1; if commas are decimal signs, separate the fields by "
      "semicolons");
  expect_failure("[[1,2],[3,4]]\n", "it looks like JSON; save the array with numpy.save");
}

// Rows beside which others are counted by chance: (7, 8) does not make (0, 1) an example.
TEST(Csv, ARowThatCountsByChanceTellsNothing) {
  const std::string advice = " may be a header or an example; say which: header yes or no";
  expect_failure("2001,2002\n5,9\n7,8\n", "line 1 (2001, 2002)" + advice);
  expect_failure("0,1\n5,9\n7,8\n4,4\n", "line 1 (0, 1)" + advice);
  EXPECT_EQ(read("2001,2002,2003\n1.5,9.5,3\n7,8,9\n2,2,2\n").names, (Names{"2001", "2002", "2003"}));
  EXPECT_TRUE(read("0,1\n5,6\n7,8\n").names.empty());
  EXPECT_TRUE(read("0,1,2,3,4\n5,6,1,2,2\n5,6,7,8,9\n").names.empty());
}

TEST(Csv, ABlankLineBetweenRowsOfOneColumnMayBeAnExample) {
  const std::string why = ", between rows of one column, is blank";
  expect_failure("x\n1\n\n3\n4\n", "line 3" + why);
  expect_failure("1\n2\n  \n\n3\n", "line 3" + why);
  expect_failure("1\n\n3\n", "line 2" + why);
  EXPECT_EQ(read("\n1\n2\n\n\n").values, column({1, 2}));
  EXPECT_EQ(read("x\n\n1\n2\n").values, column({1, 2}));
  EXPECT_EQ(read("x\r\r\n1.5\r\r\n2\r\r\n").values, column({1.5, 2}));
  EXPECT_EQ(read("1,2\n\n3,4\n").values.rows(), 2);
}

TEST(Csv, NumbersAreNoHeader) {
  expect_failure("1 2\n3\n4\n", "line 1 has several numbers, but line 2 has 1 field");
  expect_failure("1; 2\n3\n4\n", "line 1 has several numbers, but line 2 has 1 field");
  EXPECT_EQ(read("\"1 2\"\n3\n4\n").names, Names{"1 2"});
  EXPECT_EQ(read("sep=;\n1,5\n2,5\n").values, column({1.5, 2.5}));
  EXPECT_EQ(read("width 2\n3\n4\n").names, Names{"width 2"});
}

// ---- Labels ----

TEST(Csv, TruthsAreNumbersButNamesBesideOthers) {
  EXPECT_EQ(read("y\nTrue\nFalse\nTrue\n", {.labels = Labels::names}).values, column({1, 0, 1}));
  EXPECT_EQ(read("y\nTrue\nFalse\nUnknown\nTrue\n", {.labels = Labels::names}).levels,
            (Names{"False", "True", "Unknown"}));
}

TEST(Csv, AFieldThatIsNoNumberAmongNumbersIsNoName) {
  const std::string why = " is not a number, as most are: correct it, or say that they are labels";
  expect_failure("0.5\n0.7x\n0.9\n", "line 2: '0.7x'" + why, {.labels = Labels::names});
  expect_failure("y\n1\n2\nNA\n1\n2\n", "line 4: 'NA'" + why, {.labels = Labels::names});
  EXPECT_EQ(read("y\n1\n2\nNA\n1\n2\n", {.labels = Labels::all}).levels, (Names{"1", "2", "NA"}));
}

TEST(Csv, ReadsNamesOfClasses) {
  for (const char* text :
       {"species\ncat\ndog\ncat\n", "cat\ndog\ncat\n", "species\n\"cat\"\n\"dog\"\ncat\n",
        "id,species\n1,cat\n2,dog\n3,cat\n", ",0\n0,cat\n1,dog\n2,cat\n"}) {
    const nngp::CsvTable table = read(text, {.labels = Labels::names});
    EXPECT_EQ(table.levels, (Names{"cat", "dog"})) << text;
    EXPECT_EQ(table.values, column({0, 1, 0})) << text;
  }
  EXPECT_EQ(read("Iris setosa\nIris virginica\nIris setosa\n", {.labels = Labels::names}).levels,
            (Names{"Iris setosa", "Iris virginica"}));
  EXPECT_EQ(read("\"Smith, J.\"\n\xC3\xA9\n1\n1\n", {.rows = 4, .labels = Labels::names}).levels,
            (Names{"1", "Smith, J.", "\xC3\xA9"}));
  // Numbers stay numbers.
  EXPECT_TRUE(read("3\n1\n3\n", {.labels = Labels::all}).levels.empty());
}

TEST(Csv, TheNumberOfExamplesTellsTheNameOfAColumnOfLabels) {
  EXPECT_EQ(read("a\nb\nc\n", {.rows = 2, .labels = Labels::names}).levels, (Names{"b", "c"}));
  EXPECT_EQ(read("a\nb\nc\n", {.rows = 3, .labels = Labels::names}).levels, (Names{"a", "b", "c"}));
  expect_failure("a\nb\nc\n", "line 1 (a) may be a header or an example; say which: header yes or no",
                 {.labels = Labels::names});
}

// ---- Errors ----

TEST(Csv, NamesWhatIsWrongWithAFile) {
  const std::string first = "column 1: ", second = "column 2: ";
  expect_failure("1,2\n3,4,5\n4,5,6\n", "line 2 has 3 fields, but line 1 has 2");
  expect_failure("1,2\n3,4\n3,4,5\n", "line 3 has 3 fields, but line 1 has 2");
  expect_failure("a,b\n\n1,2\n3\n", "line 4 has 1 fields, but line 1 has 2");
  // A header may lack a name; numbers without a header may not lack a number.
  expect_failure("a\n1,\n", "line 2 has 2 fields, but line 1 has 1", {.header = Header::no});
  expect_failure("1,2\n3,\n", "line 2, " + second + "the field is empty");
  expect_failure("1,2\n3,four\n", "line 2, " + second + "'four' is not a number");
  expect_failure("1,x\n3,4\n", "line 1, " + second + "'x' is not a number");
  expect_failure("a,height\n3,x\n", "line 2, column 2: 'x' is not a number (column 'height')");
  expect_failure("1;2,3\n3;4,x\n", "line 2, " + second + "'4,x' is not a number");
  expect_failure("1 2,3\n4 5,6\n",
                 "line 1, " + first + "'1 2' is not a number; separate numbers by commas");
  expect_failure("1,2\n3,nan\n", "line 2, " + second + "the value is NaN");
  expect_failure("1,2\n-inf,3\n", "line 2, " + first + "the value is infinite");
  expect_failure("1,2\n1e999,3\n", "line 2, " + first + "'1e999' is beyond the range of float64");
  expect_failure("1,2\n\"3,4\n", "line 2: a quoted field does not end");
  expect_failure("1,2\n\"3\"4,5\n", "line 2: something follows the quoted field '3'");
  expect_failure("a,b\n", "it has a header but no rows");
  expect_failure("\n \n", "it is blank");
  expect_failure("# only\n", "it is blank");
  expect_failure(
      "\xFF\xFE"
      "1",
      "it is UTF-16 text");
  expect_failure(std::string_view("1,\0", 3), "it is neither an .npy file nor text");
  expect_failure("1,2\n3,0x10\n", "line 2, " + second + "'0x10' is not a number");
  expect_failure("1,2\n3,4\x01zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz\n", "line 2, " + second + "'4?zzzzzz");
  expect_failure(
      "1,2\n3,a\xE2\x80\xAE"
      "b\xC2\x9B\n",
      "line 2, " + second + "'a?b?' is not");
}

TEST(Csv, CountsLinesInsideQuotedFields) {
  expect_failure("\"a\nb\",c\n1,x\n", "line 3, column 2: 'x' is not a number (column 'c')");
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
  expect_error<nngp::DataError>(read_path(folder.write("x.npz", "PK\x03\x04zip")),
                                "it is an archive (.npz, .xlsx?)");
}

}  // namespace
