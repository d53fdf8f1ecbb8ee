// The promise of ABI 1.0, for the compilers that authors have: the plugin of that time, built with the
// header of that time and with today's, as C and as C++, with and without optimisation, loads and gives
// the same numbers.

#include <fstream>

#include "expect_error.hpp"
#include "nngp/registry.hpp"
#include "process.hpp"

namespace nngp {
namespace {

namespace fs = std::filesystem;

const fs::path sources = fs::path(NNGP_TEST_DATA) / "abi";

struct Build {
  std::string compiler, language, optimisation, header;
};

bool is_installed(const std::string& compiler) {
  return Process({"/usr/bin/env", compiler, "--version"}).wait().code == 0;
}

std::vector<Build> builds() {
  const std::string frozen = (sources / "v1_0").string(), current = NNGP_TEST_SDK;
  std::vector<Build> all;
  for (const auto& [compiler, language] :
       {std::pair{"gcc", "c"}, {"clang", "c"}, {"g++", "c++"}, {"clang++", "c++"}}) {
    if (!is_installed(compiler)) {
      std::cout << compiler << " is not installed: not tested\n";
      continue;
    }
    for (const char* optimisation : {"-O0", "-O3"})
      for (const std::string& header : {frozen, current})
        all.push_back({compiler, language, optimisation, header});
  }
  return all;
}

// Computed with 30 digits: 8/pi (R + c atan2(c, R)) and 8/pi atan2(c, R) with R = sqrt(v1 v2 - c^2).
struct Point {
  double cov12, var1, var2, nngp, d_nngp;
};
const Point points[] = {{0.5, 1.25, 0.75, 2.8023384825685770794, 1.3818191270076904671},
                        {-0.25, 2, 1, 3.6576829635185012819, -0.4525363290292845945},
                        {0, 1, 1, 2.5464790894703253723, 0.0},
                        {1.5, 2, 3, 7.4486518129610009819, 1.6782775069793350249}};

std::vector<double> numbers_of(const fs::path& plugin) {
  const Activation old = Registry(PluginSearch{{plugin}, {}}).activation("OldAbs", {{{2}}, {}});
  std::vector<double> numbers = {old.fn(-3), old.d_fn(-3), old.breakpoints()->at(0).x};
  for (const Point& p : points) {
    numbers.push_back(old.nngp_fn(p.cov12, p.var1, p.var2));
    numbers.push_back(old.d_nngp_fn(p.cov12, p.var1, p.var2));
    EXPECT_DOUBLE_EQ(numbers[numbers.size() - 2], p.nngp);
    EXPECT_DOUBLE_EQ(numbers.back(), p.d_nngp);
  }
  return numbers;
}

TEST(AbiPromise, HoldsForEveryCompiler) {
  const TemporaryFolder folder;
  std::vector<double> first;
  int count = 0;
  for (const Build& build : builds()) {
    SCOPED_TRACE(build.compiler + " " + build.optimisation + " with the header in " + build.header);
    const fs::path plugin = folder / ("plugin" + std::to_string(count++) + ".so");
    const Outcome outcome =
        Process({"/usr/bin/env", build.compiler, build.optimisation, "-shared", "-fPIC",
                 "-fvisibility=hidden", "-ffp-contract=off", "-I" + build.header, "-x", build.language,
                 (sources / "v1_0/plugin.c").string(), "-o", plugin.string(), "-lm"})
            .wait();
    ASSERT_EQ(outcome.code, 0) << "a plugin written for ABI 1.0 no longer compiles: undo the change to "
                                  "nngp/activation.h, and add what is new behind what there is\n"
                               << outcome.err;
    const std::vector<double> numbers = numbers_of(plugin);
    if (first.empty()) first = numbers;
    EXPECT_EQ(numbers, first);
  }
  EXPECT_GE(count, 8);  // gcc and g++ at least
}

// ---- The header

/// What compilers see of a header: no comments, no white space.
std::string squeezed(std::string text) {
  for (std::size_t begin; (begin = text.find("/*")) != text.npos;)
    text.erase(begin, text.find("*/", begin) + 2 - begin);
  std::erase_if(text,
                [](char letter) { return std::isspace(static_cast<unsigned char>(letter)) != 0; });
  return text;
}

TEST(AbiPromise, HeaderIsTheOneReleased) {
  const std::string version =
      "v" + std::to_string(NNGP_ABI_MAJOR) + "_" + std::to_string(NNGP_ABI_MINOR);
  const fs::path released = sources / version / "nngp/activation.h";
  ASSERT_TRUE(fs::exists(released))
      << "a new version of the ABI: put a copy of nngp/activation.h into tests/abi/" << version
      << " and an entry into the change log of sdk/README.md";
  EXPECT_TRUE(squeezed(read_text(fs::path(NNGP_TEST_SDK) / "nngp/activation.h")) ==
              squeezed(read_text(released)))
      << "nngp/activation.h is not what tests/abi/" << version
      << " keeps of this version. Plugins were built with that: undo the change. Or, if it only adds "
         "fields at "
         "the end of structures, constants or extensions, raise NNGP_ABI_MINOR, keep the new header as "
         "tests/abi/v1_N and write an entry into the change log of sdk/README.md.";
}

}  // namespace
}  // namespace nngp
