#include "nngp/npy.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <thread>

#include "expect_error.hpp"
#include "nngp/data.hpp"
#include "nngp/error.hpp"
#include "temporary_folder.hpp"

namespace {

using nngp::DataError;
using nngp::Dataset;
using nngp::FileBytes;
using nngp::Labels;
using nngp::read_data;

FileBytes in_memory(std::string_view text) {
  const auto* begin = reinterpret_cast<const std::byte*>(text.data());
  return FileBytes("x.npy", {begin, begin + text.size()});
}

/// An .npy file around the dictionary `header`, as the format's specification describes it.
std::string npy(const std::string& header, std::string_view numbers, int version = 1) {
  std::string file = "\x93NUMPY";
  file += static_cast<char>(version);
  file += '\0';
  const std::size_t length_bytes = version == 1 ? 2 : 4;
  for (std::size_t i = 0; i < length_bytes; ++i)
    file += static_cast<char>(((header.size() + 1) >> (8 * i)) & 0xFF);
  return file + header + "\n" + std::string(numbers);
}

std::string dictionary(const std::string& descr, const std::string& shape,
                       const std::string& order = "False") {
  return "{'descr': '" + descr + "', 'fortran_order': " + order + ", 'shape': (" + shape + "), }";
}

template <class Stored>
std::string stored(std::initializer_list<Stored> values, bool reversed = false) {
  std::string bytes;
  for (const Stored value : values) {
    std::string one(reinterpret_cast<const char*>(&value), sizeof value);
    if (reversed) std::reverse(one.begin(), one.end());
    bytes += one;
  }
  return bytes;
}

template <class Real>
nngp::Matrix<Real> read(const std::string& file) {
  return read_data<Real>(in_memory(file)).view();
}

const nngp::Matrix<double> expected = (nngp::Matrix<double>(2, 3) << 1, 2, 3, 4, 5, 6).finished();

template <class Stored>
void expect_type(const std::string& kind) {
  const auto numbers = {Stored(1), Stored(2), Stored(3), Stored(4), Stored(5), Stored(6)};
  for (const int version : {1, 2, 3}) {
    EXPECT_EQ(read<double>(npy(dictionary("<" + kind, "2, 3"), stored(numbers), version)), expected);
    EXPECT_EQ(read<float>(npy(dictionary("<" + kind, "2, 3"), stored(numbers), version)),
              expected.cast<float>());
    EXPECT_EQ(read<double>(npy(dictionary(">" + kind, "2, 3"), stored(numbers, true), version)),
              expected);
  }
  const auto by_columns = {Stored(1), Stored(4), Stored(2), Stored(5), Stored(3), Stored(6)};
  EXPECT_EQ(read<double>(npy(dictionary("<" + kind, "2, 3", "True"), stored(by_columns))), expected);
}

TEST(Npy, ReadsEveryTypeByteOrderAndVersion) {
  static_assert(std::endian::native == std::endian::little);
  expect_type<double>("f8");
  expect_type<float>("f4");
  expect_type<std::int8_t>("i1");
  expect_type<std::int16_t>("i2");
  expect_type<std::int32_t>("i4");
  expect_type<std::int64_t>("i8");
  expect_type<std::uint8_t>("u1");
  expect_type<std::uint16_t>("u2");
  expect_type<std::uint32_t>("u4");
  expect_type<std::uint64_t>("u8");
  EXPECT_EQ(read<double>(npy(dictionary("<f2", "1, 2"), std::string("\x00\x3c\x00\xc0", 4))),
            (nngp::Matrix<double>(1, 2) << 1, -2).finished());
  EXPECT_EQ(read<double>(npy(dictionary("|b1", "1, 2"), std::string("\x00\x01", 2))),
            (nngp::Matrix<double>(1, 2) << 0, 1).finished());
  EXPECT_EQ(read<double>(npy(dictionary("<i8", "1, 1"), stored<std::int64_t>({-7})))(0, 0), -7);
}

TEST(Npy, ReadsOneDimensionAsAColumn) {
  const nngp::Matrix<double> column = read<double>(npy(dictionary("<f8", "3,"), stored({1., 2., 3.})));
  EXPECT_EQ(column, (nngp::Matrix<double>(3, 1) << 1, 2, 3).finished());
}

TEST(Npy, ReadsHeadersOfOtherWriters) {
  const std::string numbers = stored({1., 2., 3., 4., 5., 6.});
  for (const char* header :
       {"{\"shape\":(2,3),\"descr\":\"<f8\",\"fortran_order\":False}",
        "{'fortran_order': False, 'shape': (2L, 3L), 'descr': '=f8'}   ",
        " { 'descr' : '<f8' , 'fortran_order' : False , 'shape' : ( 2 , 3 , ) } "}) {
    EXPECT_EQ(read<double>(npy(header, numbers)), expected) << header;
  }
}

TEST(Npy, ViewsAMappedFileInPlaceWhereItsNumbersAreAsWanted) {
  const TemporaryFolder folder;
  nngp::NpyWriter<double> writer(folder / "x.npy", 2, 3);
  writer.matrix() = expected;
  writer.commit();
  const FileBytes file(folder / "x.npy");
  EXPECT_TRUE(file.is_mapped());
  const Dataset<double> in_place = read_data<double>(file);
  EXPECT_EQ(reinterpret_cast<const std::byte*>(in_place.view().data()), file.bytes().data() + 128);
  EXPECT_EQ(in_place.view(), expected);
  EXPECT_EQ(in_place.dtype(), "float64");
  EXPECT_EQ(read_data<float>(file).view(), expected.cast<float>());
}

TEST(Npy, TellsWhenTheNumbersInAMappedFileAreNoLongerThoseThatWereRead) {
  const TemporaryFolder folder;
  const auto write = [&] {
    nngp::NpyWriter<double> writer(folder / "x.npy", 2, 3);
    writer.matrix() = expected;
    writer.commit();
  };
  const auto overwrite = [&](std::streamoff at, std::string_view bytes) {
    std::fstream file(folder / "x.npy", std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(at);
    file << bytes;
  };
  const auto fails = [&](const Dataset<double>& data) {
    expect_error<nngp::DataError>([&] { data.check_unchanged(); },
                                  "x.npy' was changed while it was used: write another file");
  };
  write();
  const Dataset<double> data = read_data<double>(folder / "x.npy");
  EXPECT_NO_THROW(data.check_unchanged());
  // A file that is renamed to this one is another: the numbers stay.
  write();
  EXPECT_NO_THROW(data.check_unchanged());
  const Dataset<double> other = read_data<double>(folder / "x.npy");
  const auto time = std::filesystem::last_write_time(folder / "x.npy");
  overwrite(130, "x");
  // Not even the time tells this.
  std::filesystem::last_write_time(folder / "x.npy", time);
  fails(other);
  write();
  const Dataset<double> third = read_data<double>(folder / "x.npy");
  std::filesystem::last_write_time(folder / "x.npy", time);
  EXPECT_NO_THROW(third.check_unchanged());
  std::filesystem::resize_file(folder / "x.npy", 140);
  fails(third);
  // Numbers that were converted are in memory.
  write();
  const Dataset<float> converted = read_data<float>(folder / "x.npy");
  overwrite(130, "x");
  EXPECT_NO_THROW(converted.check_unchanged());
}

TEST(Npy, DataOutlivesTheFileObject) {
  const TemporaryFolder folder;
  const auto path = folder.write("x.npy", npy(dictionary("<f8", "1, 2"), stored({1., 2.})));
  const Dataset<double> data = read_data<double>(path);
  std::filesystem::remove(path);
  EXPECT_EQ(data.view().sum(), 3);
}

void expect_failure(const std::string& file, const std::string& message) {
  expect_error<DataError>([&] { read_data<double>(in_memory(file)); }, "'x.npy': " + message);
}

TEST(Npy, NamesWhatIsWrongWithAFile) {
  const std::string six = stored({1., 2., 3., 4., 5., 6.});
  const std::string good = npy(dictionary("<f8", "2, 3"), six);
  expect_failure("hello", "it is not an .npy file");
  expect_failure(good.substr(0, 6), "it is truncated inside its header");
  expect_failure(good.substr(0, 8), "it is truncated inside its header");
  expect_failure(good.substr(0, 40), "it is truncated inside its header");
  expect_failure(good.substr(0, good.size() - 1),
                 "it is truncated: 2 x 3 float64 takes 48 bytes, only 47 are there");
  expect_failure(good + "!!", "it goes on after its 2 x 3 float64 numbers (2 bytes more)");
  expect_failure(npy(dictionary("<f8", "2, 3"), six, 4), "its .npy version is 4");
  expect_failure(npy(dictionary("|O", "2, 3"), six), "its elements are Python objects (dtype object)");
  expect_failure(npy("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (6,), }", six),
                 "its elements are records");
  for (const char* descr : {"<c16", "<f16", "<U0", "|S", "<M8[ns]", "f", "", "<i3", "<f8x", "\x01"})
    expect_failure(npy(dictionary(descr, "2, 3"), six), "its dtype '");
  expect_failure(npy(dictionary("<f8", ""), six), "it holds a single number");
  expect_failure(npy(dictionary("<f8", "1, 2, 3"), six),
                 "it has 3 dimensions (1, 2, 3), not two with one example a row");
  expect_failure(npy(dictionary("<f8", "0, 3"), ""), "it has no rows");
  expect_failure(npy(dictionary("<f8", "3, 0"), ""), "it has no columns");
  expect_failure(npy(dictionary("<f8", "-2, 3"), six), "its shape is negative");
  expect_failure(npy(dictionary("<f8", "9000000000, 9000000000"), six),
                 "its shape 9000000000 x 9000000000 float64 is too large to be true");
  expect_failure(npy(dictionary("<f8", "4611686018427387904, 2"), six),
                 "its shape 4611686018427387904 x 2 float64 is too large to be true");
  expect_failure(npy(dictionary("<f8", "99999999999999999999999, 3"), six), "its shape is too large");
  expect_failure(npy(dictionary("<f8", "1000000, 1000000"), six), "it is truncated: 1000000 x 1000000");
}

TEST(Npy, IntegersAreExactOrRefused) {
  constexpr std::int64_t beyond = (std::int64_t{1} << 53) + 1;
  const auto read_values = [](const std::string& file) {
    return nngp::Matrix<double>(read_data<double>(in_memory(file)).view());
  };
  EXPECT_EQ(read_values(npy(
                dictionary("<i8", "2, 1"),
                stored<std::int64_t>({-(beyond - 1), std::numeric_limits<std::int64_t>::min()})))(1, 0),
            -0x1p63);
  expect_failure(
      npy(dictionary("<i8", "2, 2"), stored<std::int64_t>({1, 2, 3, -beyond})),
      "row 1, column 1 (counted from 0) is -9007199254740993, which float64 does not hold exactly; "
      "save x.astype(numpy.float64) if it may be rounded");
  expect_failure(npy("{'descr': '<i8', 'fortran_order': True, 'shape': (2, 2), }",
                     stored<std::int64_t>({1, 2, beyond, 4})),
                 "row 0, column 1 (counted from 0) is 9007199254740993");
  expect_failure(npy(dictionary("<u8", "1, 1"), stored<std::uint64_t>({~std::uint64_t{0}})),
                 "row 0, column 0 (counted from 0) is 18446744073709551615");
  // As labels they are exact.
  const Dataset<double> labels = read_data<double>(
      in_memory(npy(dictionary("<i8", "4,"), stored<std::int64_t>({beyond, 7, beyond - 1, beyond}))),
      {.labels = Labels::names});
  EXPECT_EQ(labels.source().levels,
            (std::vector<std::string>{"7", "9007199254740992", "9007199254740993"}));
  EXPECT_EQ(labels.view(), (nngp::Matrix<double>(4, 1) << 2, 0, 1, 2).finished());
  EXPECT_EQ(labels.dtype(), "int64");
}

TEST(Npy, ReadsNamesOfClasses) {
  // numpy.array(["b", "\u00e9\U0001f600", "b"]): UTF-32, padded with zeros.
  const std::string text = stored<std::uint32_t>({'b', 0, 0xE9, 0x1F600, 'b', 0});
  const auto read_labels = [](const std::string& file) {
    return read_data<double>(in_memory(file), {.labels = Labels::names});
  };
  for (const char* shape : {"3,", "3, 1"}) {
    const Dataset<double> data = read_labels(npy(dictionary("<U2", shape), text));
    EXPECT_EQ(data.source().levels, (std::vector<std::string>{"b", "\xC3\xA9\xF0\x9F\x98\x80"}));
    EXPECT_EQ(data.view(), (nngp::Matrix<double>(3, 1) << 0, 1, 0).finished());
    EXPECT_EQ(data.dtype(), "str");
  }
  const std::string big_endian{"\0\0\0a\0\0\0b", 8};
  EXPECT_EQ(read_labels(npy(dictionary(">U1", "2,"), big_endian)).source().levels,
            (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(read_labels(npy(dictionary("|S3", "3,"), std::string("ab\0c\0\0abc", 9))).source().levels,
            (std::vector<std::string>{"ab", "abc", "c"}));
  // Names of ten are in numerical order.
  EXPECT_EQ(read_labels(npy(dictionary("|S2", "3,"), std::string("109\0"
                                                                 "2\0",
                                                                 6)))
                .source()
                .levels,
            (std::vector<std::string>{"2", "9", "10"}));
  expect_failure(
      npy(dictionary("<U2", "3,"), text),
      "its elements are text (dtype str); a column of names can be labels of classes, inputs are "
      "numbers");
  const auto fails = [](const std::string& file, const std::string& message) {
    expect_error<DataError>([&] { read_data<double>(in_memory(file), {.labels = Labels::all}); },
                            "'x.npy': " + message);
  };
  fails(npy(dictionary("<U1", "1, 2"), stored<std::uint32_t>({'a', 'b'})), "its elements are text");
  fails(npy(dictionary("<U1", "2,"), stored<std::uint32_t>({'a', 0xD800})),
        "row 1 (counted from 0) is not text");
  fails(npy(dictionary("<U3", "2, 3"), ""), "it is truncated: 2 x 3 str takes 72 bytes");
}

TEST(Npy, RefusesMalformedHeaders) {
  for (const char* header :
       {"", "{", "{}", "{'descr': '<f8'}", "[1, 2]",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1), 'shape': (1, 1)}",
        "{'descr': '<f8', 'fortran_order': Maybe, 'shape': (1, 1)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1 1)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1}",
        "{'descr': '<f8', 'fortran_order: False, 'shape': (1, 1)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1)} trailing",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1), 'more': 1}",
        "{'descr': '<f8' 'fortran_order': False, 'shape': (1, 1)}"}) {
    expect_failure(npy(header, stored({1.})), "the .npy header is malformed");
  }
}

TEST(Npy, NamesTheEntryThatIsNotFinite) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double inf = std::numeric_limits<double>::infinity();
  const auto read_three_by_two = [](double last) {
    return [last] {
      read_data<double>(in_memory(npy(dictionary("<f8", "3, 2"), stored({1., 2., 3., last, 5., 6.}))));
    };
  };
  expect_error<DataError>(read_three_by_two(nan), "'x.npy': row 1, column 1 (counted from 0) is NaN");
  expect_error<DataError>(read_three_by_two(-inf), "row 1, column 1 (counted from 0) is infinite");
  expect_error<DataError>(
      [] { read_data<float>(in_memory(npy(dictionary("<f8", "1, 1"), stored({1e300})))); },
      "is infinite or beyond the range of float32; use float64");
}

TEST(FindNonFinite, FindsTheFirstInRowOrder) {
  nngp::Matrix<float> matrix = nngp::Matrix<float>::Constant(5, 7, std::numeric_limits<float>::max());
  const nngp::MatrixView<float> view(matrix);
  EXPECT_FALSE(nngp::find_non_finite(view));
  matrix(4, 0) = std::numeric_limits<float>::infinity();
  matrix(3, 6) = std::nanf("");
  EXPECT_EQ(nngp::find_non_finite(view), (std::pair<Eigen::Index, Eigen::Index>(3, 6)));
}

TEST(NpyWriter, WritesBlocksFromSeveralThreads) {
  const TemporaryFolder folder;
  const nngp::Matrix<float> matrix = nngp::Matrix<float>::Random(40, 30);
  {
    nngp::NpyWriter<float> writer(folder / "k.npy", 40, 30);
    std::vector<std::jthread> threads;
    for (Eigen::Index row = 0; row < 40; row += 10)
      threads.emplace_back([&, row] {
        for (Eigen::Index col = 0; col < 30; col += 15)
          writer.write_block(row, col, {&matrix(row, col), 10, 15, Eigen::OuterStride<>(30)});
      });
    threads.clear();
    EXPECT_FALSE(std::filesystem::exists(folder / "k.npy"));
    EXPECT_TRUE(std::filesystem::exists(folder / "k.npy.partial"));
    writer.commit();
  }
  EXPECT_FALSE(std::filesystem::exists(folder / "k.npy.partial"));
  EXPECT_EQ(read_data<float>(folder / "k.npy").view(), matrix);
  EXPECT_EQ(read_text(folder / "k.npy").substr(0, 128),
            std::string("\x93NUMPY\x01\x00\x76\x00", 10) +
                "{'descr': '<f4', 'fortran_order': False, 'shape': (40, 30), }" +
                std::string(128 - 10 - 61 - 1, ' ') + "\n");
}

TEST(NpyWriter, WritesAnyNumberOfDimensions) {
  const TemporaryFolder folder;
  const auto written = [&](const std::vector<Eigen::Index>& shape) {
    nngp::NpyWriter<float> writer(folder / "x.npy", shape);
    EXPECT_EQ(writer.cols(), shape.back());
    for (Eigen::Index row = 0; row < writer.rows(); ++row) {
      const nngp::Matrix<float> numbers = nngp::Matrix<float>::Constant(1, writer.cols(), float(row));
      writer.write_block(row, 0,
                         {numbers.data(), 1, writer.cols(), Eigen::OuterStride<>(writer.cols())});
    }
    writer.commit();
    return read_text(folder / "x.npy");
  };
  const auto numbers = [](std::initializer_list<float> all) {
    return std::string(reinterpret_cast<const char*>(all.begin()), all.size() * sizeof(float));
  };
  const std::string cube = written({2, 2, 3});
  EXPECT_NE(cube.find("'shape': (2, 2, 3), }"), std::string::npos) << cube;
  EXPECT_EQ(cube.size() % 64, 12 * sizeof(float));
  EXPECT_TRUE(cube.ends_with(numbers({0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3})));
  EXPECT_NE(written({2}).find("'shape': (2,), }"), std::string::npos);
  expect_error<DataError>(
      [&] {
        written({1 << 30, 1 << 30, 1 << 30});
      },
      "x.npy': 1073741824 x 1073741824 x 1073741824 numbers are too many for a file");
}

TEST(NpyWriter, LeavesNothingBehindUnlessCommitted) {
  const TemporaryFolder folder;
  folder.write("k.npy", "an older file");
  { const nngp::NpyWriter<double> writer(folder / "k.npy", 3, 3); }
  EXPECT_EQ(read_text(folder / "k.npy"), "an older file");
  EXPECT_FALSE(std::filesystem::exists(folder / "k.npy.partial"));
}

TEST(NpyWriter, ResumesAPartialFileOfTheSameShape) {
  const TemporaryFolder folder;
  {
    nngp::NpyWriter<double> writer(folder / "k.npy", 2, 3);
    writer.write_block(0, 0, {expected.data(), 1, 3, Eigen::OuterStride<>(3)});
    writer.keep();
  }
  EXPECT_FALSE(std::filesystem::exists(folder / "k.npy"));
  {
    nngp::NpyWriter<double> writer(folder / "k.npy", 2, 3, nngp::Leftover::resume);
    writer.write_block(1, 0, {expected.data() + 3, 1, 3, Eigen::OuterStride<>(3)});
    writer.commit();
  }
  EXPECT_EQ(read_data<double>(folder / "k.npy").view(), expected);
}

TEST(NpyWriter, LeavesAPartialFileThatIsAnother) {
  const TemporaryFolder folder;
  const auto resume = [&] { nngp::NpyWriter<double>(folder / "k.npy", 2, 3, nngp::Leftover::resume); };
  expect_error<nngp::DataError>(resume, "is missing or of another shape; start anew instead");
  EXPECT_FALSE(std::filesystem::exists(folder / "k.npy.partial"));
  nngp::NpyWriter<double>(folder / "k.npy", 3, 2).keep();
  const std::string before = read_text(folder / "k.npy.partial");
  expect_error<nngp::DataError>(resume, "is missing or of another shape; start anew instead");
  EXPECT_EQ(read_text(folder / "k.npy.partial"), before);
  nngp::NpyWriter<double> writer(folder / "k.npy", 2, 3);
  EXPECT_EQ(writer.matrix().cwiseAbs().sum(), 0);
}

TEST(NpyWriter, RefusesWhatDoesNotFit) {
  const TemporaryFolder folder;
  nngp::NpyWriter<double> writer(folder / "k.npy", 3, 3);
  for (const auto& place : {std::pair(2, 0), {0, 1}, {-1, 0}})
    expect_error<nngp::InvalidArgument>(
        [&] { writer.write_block(place.first, place.second, nngp::Matrix<double>::Ones(2, 3).eval()); },
        "a block of 2 x 3 at row");
  writer.commit();
  expect_error<nngp::InvalidArgument>(
      [&] { writer.write_block(0, 0, nngp::Matrix<double>::Ones(3, 3).eval()); }, "is finished");
  expect_error<nngp::InvalidArgument>([&] { writer.commit(); }, "is finished");
}

// Whoever may write to the folder could have what is written first lead elsewhere.
TEST(NpyWriter, DoesNotFollowLinksThatLieWhereItWrites) {
  const TemporaryFolder folder;
  folder.write("victim.txt", "contents");
  const auto write = [&] { nngp::NpyWriter<double>(folder / "k.npy", 3, 3).commit(); };
  std::filesystem::create_symlink(folder / "victim.txt", folder / "k.npy.partial");
  expect_error<nngp::DataError>(write, "k.npy.partial', where it is written first, is a symbolic link");
  std::filesystem::remove(folder / "k.npy.partial");
  std::filesystem::create_hard_link(folder / "victim.txt", folder / "k.npy.partial");
  expect_error<nngp::DataError>(write,
                                "k.npy.partial', where it is written first, is not a file of its");
  EXPECT_EQ(read_text(folder / "victim.txt"), "contents");
  std::filesystem::remove(folder / "k.npy.partial");
  EXPECT_NO_THROW(write());
}

TEST(NpyWriter, KeepsWhatIsWriteProtected) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write to anything";
  const TemporaryFolder folder;
  std::filesystem::permissions(folder.write("k.npy", "old"), std::filesystem::perms::owner_read);
  expect_error<nngp::DataError>([&] { nngp::NpyWriter<double>(folder / "k.npy", 3, 3); },
                                "it is write-protected");
}

}  // namespace
