// Activation over tables made here: what a plugin may do, and what it must not.

#include <array>
#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <thread>

#include "expect_error.hpp"
#include "nngp/plugin.hpp"

namespace nngp {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// An instance of the tables below: its values, and a count of those alive.
struct Made {
  std::vector<std::vector<double>> values;
};
std::atomic<int> alive = 0;

void* create(const nngp_value* values, size_t count, char* error, size_t error_size) {
  auto* made = new Made;
  for (size_t i = 0; i < count; ++i) {
    made->values.emplace_back(values[i].data, values[i].data + values[i].count);
  }
  if (count > 0 && made->values[0][0] == 13) {  // a value the table's range does not exclude
    std::strncpy(error, "13 brings bad luck", error_size - 1);
    delete made;
    return nullptr;
  }
  ++alive;
  return made;
}
void destroy(void* instance) {
  --alive;
  delete static_cast<Made*>(instance);
}

// Distinct in all arguments, so that a mix-up shows.
double nngp_fn(const void*, double c, double v1, double v2) { return c + 10 * v1 + 100 * v2; }
double d_nngp_fn(const void*, double c, double v1, double v2) { return 2 * c + 3 * v1 + 5 * v2; }
double fn(const void*, double x) { return x > 0 ? x * x : std::expm1(x); }

const double one = 1;
nngp_parameter number(const char* name) {
  nngp_parameter parameter = {};
  parameter.struct_size = sizeof parameter;
  parameter.name = name;
  parameter.summary = "";
  parameter.default_value = &one;
  parameter.default_count = 1;
  parameter.minimum = -infinity;
  parameter.maximum = infinity;
  return parameter;
}

nngp_activation plain_table() {
  nngp_activation table = {};
  table.struct_size = sizeof table;
  table.derivative = NNGP_DERIVATIVE_HANDWRITTEN;
  table.name = "Mock";
  table.summary = table.formula = table.version = table.author = table.license = "";
  table.create = create;
  table.destroy = destroy;
  table.fn = fn;
  table.nngp_fn = nngp_fn;
  table.d_nngp_fn = d_nngp_fn;
  return table;
}

// A table with parameters.
struct Table {
  explicit Table(std::vector<nngp_parameter> parameters_) : parameters(std::move(parameters_)) {
    for (const nngp_parameter& parameter : parameters) pointers.push_back(&parameter);
    activation = plain_table();
    activation.parameters = pointers.data();
    activation.parameter_count = pointers.size();
  }
  std::vector<nngp_parameter> parameters;
  std::vector<const nngp_parameter*> pointers;
  nngp_activation activation;
};

// ---- Life ----

TEST(Activation, DestroysWhatItCreatesOnce) {
  auto library = std::make_shared<int>(0);
  {
    const Activation first(library, plain_table());
    Activation second = first;
    second = Activation(library, plain_table());
    EXPECT_EQ(alive, 2);
    EXPECT_EQ(library.use_count(), 3);
  }
  EXPECT_EQ(alive, 0);
  EXPECT_EQ(library.use_count(), 1);
}

TEST(Activation, LetsGoOfTheLibraryAfterTheInstance) {
  static bool destroyed = false, library_outlived_instance = false;
  nngp_activation table = plain_table();
  table.destroy = [](void* instance) {
    destroyed = true;
    destroy(instance);
  };
  {
    Activation(std::shared_ptr<int>(new int,
                                    [](int* p) {
                                      library_outlived_instance = destroyed;
                                      delete p;
                                    }),
               table);
  }
  EXPECT_TRUE(library_outlived_instance);
}

TEST(Activation, GivesThePluginsReasonWhenItCannotBeMade) {
  const Table table({number("a")});
  expect_error<ModelError>(
      [&] {
        Activation(nullptr, table.activation, {{{13}}, {}});
      },
      "Mock: cannot be made: 13 brings bad luck");
  nngp_activation silent = plain_table();
  silent.create = [](const nngp_value*, size_t, char*, size_t) -> void* { return nullptr; };
  expect_error<ModelError>([&] { Activation(nullptr, silent); },
                           "Mock: cannot be made: its plugin gives no reason");
  // A reason without an end, or one that would disturb the terminal.
  silent.create = [](const nngp_value*, size_t, char* error, size_t size) -> void* {
    std::memset(error, '\x1B', size);
    return nullptr;
  };
  expect_error<ModelError>([&] { Activation(nullptr, silent); }, "Mock: cannot be made: ?????");
  EXPECT_EQ(alive, 0);
}

TEST(Activation, MayBeUsedByManyThreads) {
  const Activation shared(nullptr, plain_table());
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([copy = shared] {
      for (int k = 0; k < 1000; ++k) {
        const Activation another = copy;
        ASSERT_EQ(another.nngp_fn(1, 2, 3), 321);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// ---- Arguments ----

TEST(Activation, BindsArgumentsByPlaceAndName) {
  nngp_parameter flag = number("flag"), degree = number("degree"), coef = number("coef");
  flag.kind = NNGP_BOOLEAN;
  degree.kind = NNGP_INTEGER;
  coef.kind = NNGP_LIST;
  const Table table({number("a"), flag, degree, coef});
  EXPECT_EQ(Activation(nullptr, table.activation).text(),
            "Mock(a=1.0, flag=True, degree=1, coef=[1.0])");
  EXPECT_EQ(Activation(nullptr, table.activation, {{{0.5}, {0}}, {{"coef", {1, -2}}, {"degree", {3}}}})
                .text(),
            "Mock(a=0.5, flag=False, degree=3, coef=[1.0, -2.0])");
}

TEST(Activation, HoldsArgumentsToTheirRange) {
  struct Case {
    double minimum, maximum;
    unsigned flags;
    double bad;
    const char* range;
  };
  const Case cases[] = {{0, infinity, 0, -1, ">= 0.0"},
                        {0, infinity, NNGP_MINIMUM_EXCLUDED, 0, "> 0.0"},
                        {-infinity, 2, 0, 3, "<= 2.0"},
                        {-infinity, 2, NNGP_MAXIMUM_EXCLUDED, 2, "< 2.0"},
                        {0, 2, NNGP_MAXIMUM_EXCLUDED, 2, "in [0.0, 2.0)"},
                        {0.5, 2, NNGP_MINIMUM_EXCLUDED, 0.5, "in (0.5, 2.0]"}};
  for (const Case& c : cases) {
    nngp_parameter a = number("a");
    a.minimum = c.minimum;
    a.maximum = c.maximum;
    a.flags = c.flags;
    const Table table({a});
    EXPECT_NO_THROW(Activation(nullptr, table.activation, {{{1.5}}, {}}));
    expect_error<ModelError>(
        [&] {
          Activation(nullptr, table.activation, {{{c.bad}}, {}});
        },
        std::string("Mock: parameter 'a' must be ") + c.range + ", got ");
  }
}

TEST(Activation, ShortensLongListsInMessages) {
  nngp_parameter coef = number("coef");
  coef.kind = NNGP_LIST;
  const Table table({coef});
  std::vector<double> many(1000, 0.25);
  many.back() = infinity;
  expect_error<ModelError>(
      [&] {
        Activation(nullptr, table.activation, {{many}, {}});
      },
      "Mock: parameter 'coef' must be finite, got [0.25, 0.25, ");
}

// ---- Capabilities ----

TEST(Activation, TellsWhatItsPluginOffers) {
  nngp_activation table = plain_table();
  const Activation full(nullptr, table);
  EXPECT_TRUE(full.has_fn());
  EXPECT_TRUE(full.has_nngp_fn());
  EXPECT_EQ(full.derivative(), Derivative::handwritten);
  EXPECT_EQ(full.breakpoints(), std::nullopt);

  table.derivative = NNGP_DERIVATIVE_AUTOMATIC;
  EXPECT_EQ(Activation(nullptr, table).derivative(), Derivative::automatic);
  table.derivative = 99;  // a constant of a newer ABI
  EXPECT_EQ(Activation(nullptr, table).derivative(), Derivative::handwritten);
  table.d_nngp_fn = nullptr;
  EXPECT_EQ(Activation(nullptr, table).derivative(), Derivative::numerical);
  table.nngp_fn = nullptr;
  EXPECT_EQ(Activation(nullptr, table).derivative(), Derivative::absent);
}

TEST(Activation, NamesWhatItsPluginLacks) {
  nngp_activation table = plain_table();
  table.fn = nullptr;
  table.nngp_fn = nullptr;
  table.d_nngp_fn = nullptr;
  const Activation empty(nullptr, table);
  expect_error<NotImplemented>([&] { empty.fn(1); }, "Mock has no fn");
  expect_error<NotImplemented>([&] { empty.d_fn(1); }, "Mock has no fn");
  expect_error<NotImplemented>([&] { empty.nngp_fn(1, 1, 1); }, "Mock has no nngp_fn");
  expect_error<NotImplemented>([&] { empty.d_nngp_fn(1, 1, 1); }, "Mock has no d_nngp_fn");
}

TEST(Activation, DifferentiatesFnBetweenItsBreakPoints) {
  nngp_activation table = plain_table();
  table.breakpoints = [](const void*, nngp_breakpoint* out, size_t capacity) -> size_t {
    if (capacity > 0) out[0] = {0, 1, 0};
    return 1;
  };
  const Activation kinked(nullptr, table);
  ASSERT_EQ(kinked.breakpoints()->size(), 1u);
  EXPECT_NEAR(kinked.d_fn(-0.01), std::exp(-0.01), 1e-9);
  EXPECT_NEAR(kinked.d_fn(0), 0, 1e-12);  // from the right
  EXPECT_NEAR(kinked.d_fn(1), 2, 1e-12);
  table.d_fn = [](const void*, double) { return 7.0; };
  EXPECT_EQ(Activation(nullptr, table).d_fn(1), 7);
}

TEST(Activation, DoesNotDifferentiateAKernelWhoseFnJumps) {
  nngp_activation table = plain_table();
  table.d_nngp_fn = nullptr;
  table.breakpoints = [](const void*, nngp_breakpoint* out, size_t capacity) -> size_t {
    if (capacity > 0) out[0] = {0, 0, 0};
    return 1;
  };
  const Activation jumping(nullptr, table);
  EXPECT_EQ(jumping.derivative(), Derivative::absent);
  expect_error<NotImplemented>([&] { jumping.d_nngp_fn(0.1, 1, 1); }, "fn jumps");
}

TEST(Activation, SeesJumpsThatItsPluginDoesNotDeclare) {
  nngp_activation table = plain_table();
  table.d_nngp_fn = nullptr;
  table.fn = [](const void*, double x) { return x + (x > 0.3 ? 1 : 0); };
  const Activation jumping(nullptr, table);
  EXPECT_EQ(jumping.derivative(), Derivative::absent);
  expect_error<NotImplemented>([&] { jumping.d_nngp_fn(0.1, 1, 1); }, "fn jumps");
  table.fn = [](const void*, double x) { return std::exp(x * x * x * x); };  // has no expectation
  EXPECT_EQ(Activation(nullptr, table).derivative(), Derivative::numerical);
}

TEST(Activation, RefusesDamagedBreakPoints) {
  nngp_activation table = plain_table();
  table.breakpoints = [](const void*, nngp_breakpoint*, size_t) { return size_t(-1); };
  expect_error<PluginError>([&] { Activation(nullptr, table); }, "Mock: its plugin declares");
  table.breakpoints = [](const void*, nngp_breakpoint* out, size_t capacity) -> size_t {
    for (size_t i = 0; i < capacity; ++i) out[i] = {-static_cast<double>(i), 1, 0};
    return 2;
  };
  expect_error<PluginError>([&] { Activation(nullptr, table); },
                            "Mock: its plugin's break points are not increasing");
  EXPECT_EQ(alive, 0);
}

// ---- Tables ----

void expect_refused(const nngp_activation& table, const std::string& reason) {
  expect_error<PluginError>([&] { Activation(nullptr, table); }, reason);
}

TEST(ActivationTable, OfAnOlderPluginLacksTheLaterFields) {
  nngp_activation table = plain_table();
  table.d_nngp_fn = nullptr;
  table.tile_f64 = [](const void*, const nngp_tile_f64*) { FAIL(); };
  table.struct_size = offsetof(nngp_activation, d_nngp_fn);
  const Activation old(nullptr, table);
  EXPECT_EQ(old.nngp_fn(1, 2, 3), 321);
  EXPECT_EQ(old.derivative(), Derivative::numerical);
  EXPECT_EQ(old.descriptor().tile_f64, nullptr);
  EXPECT_EQ(old.descriptor().struct_size, sizeof(nngp_activation));
  // A field of which only a part fits is not there either.
  table.struct_size += 4;
  EXPECT_EQ(Activation(nullptr, table).descriptor().d_nngp_fn, nullptr);
}

TEST(ActivationTable, IsRefusedWhenDamaged) {
  nngp_activation table = plain_table();
  table.struct_size = 0;
  expect_refused(table, "table of 0 bytes is too small");
  table.struct_size = offsetof(nngp_activation, destroy);
  expect_refused(table, "is too small");

  for (const char* name : {(const char*)nullptr, "", "a b", "1a", "caf\xC3\xA9", "a\nb"}) {
    table = plain_table();
    table.name = name;
    expect_refused(table, "activation has no name, or one that is not a C identifier");
  }
  const std::string endless(100000, 'a');
  table.name = endless.c_str();
  expect_refused(table, "activation has no name, or one that is not a C identifier");

  using Text = const char* nngp_activation::*;
  const std::pair<Text, const char*> texts[] = {{&nngp_activation::summary, "summary"},
                                                {&nngp_activation::formula, "formula"},
                                                {&nngp_activation::version, "version"},
                                                {&nngp_activation::author, "author"},
                                                {&nngp_activation::license, "license"}};
  for (const auto& [text, name] : texts) {
    table = plain_table();
    table.*text = nullptr;
    expect_refused(table, std::string("activation Mock has no ") + name);
  }

  table = plain_table();
  table.create = nullptr;
  expect_refused(table, "activation Mock has no create or no destroy function");
  table = plain_table();
  table.destroy = nullptr;
  expect_refused(table, "activation Mock has no create or no destroy function");
  table = plain_table();
  table.parameter_count = 3;
  expect_refused(table, "activation Mock has a damaged parameter table (3 parameters)");
  table.parameter_count = size_t(-1);
  expect_refused(table, "activation Mock has a damaged parameter table");
  table = plain_table();
  table.required_features = 4;
  expect_refused(table, "activation Mock needs features this nngp does not know (bits 0x4)");
}

void expect_refused(const nngp_parameter& parameter, const std::string& reason) {
  const Table table({number("a"), parameter});
  expect_refused(table.activation, reason);
}

TEST(ActivationTable, IsRefusedForADamagedParameter) {
  nngp_parameter parameter = number("b");
  parameter.struct_size = 8;
  expect_refused(parameter, "Mock: parameter 2 has no table or no name");
  expect_refused(number(nullptr), "Mock: parameter 2 has no table or no name");
  expect_refused(number("b c"), "Mock: parameter 2 has no table or no name");
  expect_refused(number("a"), "Mock: parameter 'a' occurs twice");
  parameter = number("b");
  parameter.summary = nullptr;
  expect_refused(parameter, "Mock: parameter 'b' has no summary");
  parameter = number("b");
  parameter.kind = 17;
  expect_refused(parameter, "Mock: parameter 'b' is of a kind this nngp does not know (17)");
  parameter = number("b");
  parameter.minimum = 2;
  expect_refused(parameter,
                 "Mock: parameter 'b' has an unsuitable default: it must be >= 2.0, got 1.0");
  parameter.maximum = 1;
  expect_refused(parameter, "Mock: parameter 'b' has no values in its range");
  parameter.maximum = std::nan("");
  expect_refused(parameter, "Mock: parameter 'b' has no values in its range");
  parameter = number("b");
  parameter.default_count = 0;
  expect_refused(parameter,
                 "Mock: parameter 'b' has an unsuitable default: it must be a number, got []");
  parameter.default_count = size_t(-1);
  expect_refused(parameter, "Mock: parameter 'b' has a damaged default value");

  Table table({number("a")});
  table.pointers[0] = nullptr;
  expect_refused(table.activation, "Mock: parameter 1 has no table or no name");
}

// ---- Tiles ----

template <class Tile>
class ActivationTile : public testing::Test {};
using TileTypes = testing::Types<nngp_tile_f64, nngp_tile_f32>;
TYPED_TEST_SUITE(ActivationTile, TileTypes);

// A 3 x 301 tile (more columns than a block of the loop) in larger arrays.
template <class Tile>
struct TileData {
  using Real = std::remove_pointer_t<decltype(Tile::nngp)>;
  static constexpr std::size_t rows = 3, cols = 301;

  TileData() {
    for (std::size_t i = 0; i < cov12.size(); ++i) cov12[i] = Real(0.001) * static_cast<Real>(i % 97);
    for (std::size_t i = 0; i < rows; ++i) var1[i] = static_cast<Real>(1 + i);
    for (std::size_t j = 0; j < cols; ++j) var2[j] = Real(1.5) + Real(0.01) * static_cast<Real>(j);
    for (std::size_t i = 0; i < ntk.size(); ++i) ntk[i] = Real(0.5) * static_cast<Real>(i % 31);
    tile.struct_size = sizeof tile;
    tile.rows = rows;
    tile.cols = cols;
    tile.cov12 = cov12.data();
    tile.cov12_ld = 310;
    tile.var1 = var1.data();
    tile.var2 = var2.data();
    tile.nngp = nngp.data();
    tile.nngp_ld = 311;
    tile.cov_scale = 1;
  }
  void want_derivative() {
    tile.d_nngp = d_nngp.data();
    tile.d_nngp_ld = 312;
    tile.ntk = ntk.data();
    tile.ntk_ld = 313;
    tile.cov_scale = 2;
    tile.cov_shift = Real(0.25);
    tile.ntk_cov = 3;
    tile.ntk_scale = Real(0.5);
    tile.ntk_shift = Real(0.125);
  }

  std::vector<Real> cov12 = std::vector<Real>(4 * 310), nngp = std::vector<Real>(4 * 311, -7),
                    d_nngp = std::vector<Real>(4 * 312, -7), ntk = std::vector<Real>(4 * 313);
  std::array<Real, rows> var1;
  std::array<Real, cols> var2;
  Tile tile = {};
};

TYPED_TEST(ActivationTile, LoopsOverTheScalarFunctions) {
  TileData<TypeParam> data;
  using Real = typename TileData<TypeParam>::Real;
  data.want_derivative();
  const auto ntk_before = data.ntk;
  Activation(nullptr, plain_table()).tile(data.tile);
  for (std::size_t i = 0; i < data.rows; ++i) {
    for (std::size_t j = 0; j < data.cols; ++j) {
      const double k = data.cov12[i * 310 + j];
      const double c = 2 * k + 0.25, v1 = 2.0 * data.var1[i] + 0.25, v2 = 2.0 * data.var2[j] + 0.25;
      const double d = d_nngp_fn(nullptr, c, v1, v2);
      EXPECT_EQ(data.nngp[i * 311 + j], static_cast<Real>(nngp_fn(nullptr, c, v1, v2)));
      EXPECT_EQ(data.d_nngp[i * 312 + j], static_cast<Real>(d));
      const double inner = 3 * k + (0.5 * ntk_before[i * 313 + j] + 0.125);
      EXPECT_EQ(data.ntk[i * 313 + j], static_cast<Real>(d * inner));
    }
    // Nothing beyond the columns, or the rows, is touched.
    for (std::size_t j = data.cols; j < 311; ++j) EXPECT_EQ(data.nngp[i * 311 + j], -7);
    for (std::size_t j = data.cols; j < 312; ++j) EXPECT_EQ(data.d_nngp[i * 312 + j], -7);
    for (std::size_t j = data.cols; j < 313; ++j)
      EXPECT_EQ(data.ntk[i * 313 + j], ntk_before[i * 313 + j]);
  }
  for (std::size_t i = 3 * 311; i < data.nngp.size(); ++i) EXPECT_EQ(data.nngp[i], -7);
}

TYPED_TEST(ActivationTile, WorksInPlace) {
  for (const bool nngp_in_place : {true, false}) {
    TileData<TypeParam> apart, in_place;
    apart.want_derivative();
    in_place.want_derivative();
    if (nngp_in_place) {
      in_place.tile.nngp = in_place.cov12.data();
      in_place.tile.nngp_ld = in_place.tile.cov12_ld;
    } else {
      in_place.tile.d_nngp = in_place.cov12.data();
      in_place.tile.d_nngp_ld = in_place.tile.cov12_ld;
    }
    const Activation activation(nullptr, plain_table());
    activation.tile(apart.tile);
    activation.tile(in_place.tile);
    for (std::size_t i = 0; i < apart.rows; ++i) {
      for (std::size_t j = 0; j < apart.cols; ++j) {
        const auto wanted = nngp_in_place ? apart.nngp[i * 311 + j] : apart.d_nngp[i * 312 + j];
        EXPECT_EQ(in_place.cov12[i * 310 + j], wanted);
        EXPECT_EQ(in_place.ntk[i * 313 + j], apart.ntk[i * 313 + j]);
      }
    }
  }
}

TYPED_TEST(ActivationTile, DifferentiatesWhereThereIsNoDerivative) {
  TileData<TypeParam> data;
  data.want_derivative();
  nngp_activation table = plain_table();
  table.d_nngp_fn = nullptr;
  // Were it asked for derivatives, it would have to fill them.
  table.tile_f64 = [](const void*, const nngp_tile_f64*) { ADD_FAILURE(); };
  table.tile_f32 = [](const void*, const nngp_tile_f32*) { ADD_FAILURE(); };
  Activation(nullptr, table).tile(data.tile);
  for (std::size_t j = 0; j < data.cols; ++j) EXPECT_NEAR(data.d_nngp[j], 1, 1e-10);
}

TYPED_TEST(ActivationTile, IsFilledByThePluginWhereItCan) {
  nngp_activation table = plain_table();
  table.tile_f64 = [](const void*, const nngp_tile_f64* tile) { tile->nngp[0] = 64; };
  table.tile_f32 = [](const void*, const nngp_tile_f32* tile) { tile->nngp[0] = 32; };
  TileData<TypeParam> data;
  Activation(nullptr, table).tile(data.tile);
  EXPECT_EQ(data.nngp[0], sizeof(data.nngp[0]) * 8);
  data.want_derivative();
  data.nngp[0] = 0;
  Activation(nullptr, table).tile(data.tile);
  EXPECT_EQ(data.nngp[0], sizeof(data.nngp[0]) * 8);
}

TYPED_TEST(ActivationTile, NeedsANngpFn) {
  nngp_activation table = plain_table();
  table.nngp_fn = nullptr;
  TileData<TypeParam> data;
  expect_error<NotImplemented>([&] { Activation(nullptr, table).tile(data.tile); },
                               "Mock has no nngp_fn");
}

}  // namespace
}  // namespace nngp
