// Functions of normal variables on each instruction set, against quadrature with 40 digits (mpmath).

#include "nngp/binormal.hpp"
#include "nngp/owens_t.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "vectors.hpp"

namespace nngp::test {
namespace {

struct Triangle {
  double h, y;
  double inside;  // probability of the right triangle with these legs
  double beyond;  // T(h, y/h)
};
constexpr Triangle triangles[] = {
    {9.5367431640625e-07, 9.5367431640625e-07, 7.237528875150341e-14, 0.12499999999992763},
    {9.5367431640625e-07, 0.0078125, 5.928953498337355e-10, 0.249980571313562},
    {9.5367431640625e-07, 0.125, 9.474041071141875e-09, 0.2499987762701065},
    {9.5367431640625e-07, 0.5, 3.7174294803024934e-08, 0.24999965926174209},
    {9.5367431640625e-07, 1.125, 7.739524934497176e-08, 0.24999978768743372},
    {9.5367431640625e-07, 2.25, 1.2348788736016231e-07, 0.24999980905345418},
    {9.5367431640625e-07, 3.5, 1.4687057988887923e-07, 0.24999980976313968},
    {9.5367431640625e-07, 5.25, 1.6131965062859058e-07, 0.24999980976949573},
    {9.5367431640625e-07, 7, 1.6854736305141157e-07, 0.24999980976949673},
    {9.5367431640625e-07, 30, 1.8517110388846995e-07, 0.24999980976949673},
    {0.015625, 9.5367431640625e-07, 1.1857243585610183e-09, 9.71286108315258e-06},
    {0.015625, 0.0078125, 9.713404541457677e-06, 0.07378209542067518},
    {0.015625, 0.125, 0.00015521321936150576, 0.23005307470035571},
    {0.015625, 0.5, 0.000609026727143034, 0.24441899936106232},
    {0.015625, 1.125, 0.001267968874281374, 0.24652168792366508},
    {0.015625, 2.25, 0.002023114606468564, 0.24687166049954645},
    {0.015625, 3.5, 0.0024062054707291586, 0.24688328611055066},
    {0.015625, 5.25, 0.0026429357387582203, 0.24688339023392541},
    {0.015625, 7, 0.0027613537705591033, 0.246883390250055},
    {0.015625, 30, 0.003033716557913218, 0.24688339025005515},
    {0.125, 9.5367431640625e-07, 9.449414011600236e-09, 1.2048064384115514e-06},
    {0.125, 0.0078125, 7.740920637251257e-05, 0.009856852946397907},
    {0.125, 0.125, 0.0012369455046254293, 0.12376305449537457},
    {0.125, 0.5, 0.004853654883783194, 0.20615677992753215},
    {0.125, 1.125, 0.010106102464050724, 0.22228225379731065},
    {0.125, 2.25, 0.01612914125149462, 0.22503799730443808},
    {0.125, 3.5, 0.019188247978078048, 0.225130061775013},
    {0.125, 5.25, 0.021080424955252672, 0.22513088745696144},
    {0.125, 7, 0.022027361890980368, 0.22513088758494232},
    {0.125, 30, 0.024205970656448368, 0.22513088758494354},
    {0.375, 9.5367431640625e-07, 2.748164867299425e-08, 3.7727030214170356e-07},
    {0.375, 0.0078125, 0.00022512853428502565, 0.003090119865665072},
    {0.375, 0.125, 0.0035974466021975026, 0.04761074457258586},
    {0.375, 0.5, 0.014118854962959018, 0.13346476268747426},
    {0.375, 1.125, 0.029421181254568152, 0.1693706275706485},
    {0.375, 2.25, 0.04705731945991904, 0.17665845218445425},
    {0.375, 3.5, 0.05609967982063432, 0.17691281027301733},
    {0.375, 5.25, 0.061735948195583645, 0.17691511630448614},
    {0.375, 7, 0.06456686805546014, 0.1769151166636346},
    {0.375, 30, 0.07109555015449966, 0.1769151166636381},
    {0.75, 9.5367431640625e-07, 4.96145746788319e-08, 1.5276140072884424e-07},
    {0.75, 0.0078125, 0.00040644062528276794, 0.0012513634059093909},
    {0.75, 0.125, 0.006495022665830806, 0.01978920568979591},
    {0.75, 0.5, 0.02550810548268579, 0.06807541542281362},
    {0.75, 1.125, 0.053297068802092167, 0.10311941029240843},
    {0.75, 2.25, 0.08586814589103758, 0.11292366293417906},
    {0.75, 3.5, 0.10309340187414731, 0.11331005068970797},
    {0.75, 5.25, 0.11410270673461112, 0.1133136756149556},
    {0.75, 7, 0.11969881390522316, 0.11331367618842848},
    {1.25, 9.5367431640625e-07, 6.583290134701328e-08, 5.559268389763429e-08},
    {1.25, 0.0078125, 0.0005393007383958717, 0.00045540470416960356},
    {1.25, 0.125, 0.008619077077983529, 0.0072436816372932564},
    {1.25, 0.5, 0.03390330422460731, 0.02665616657081439},
    {1.25, 1.125, 0.07128308635703995, 0.045348059464673},
    {1.25, 2.25, 0.11681199253740054, 0.05248077385405184},
    {1.25, 3.5, 0.1425845834063788, 0.05282146087680644},
    {1.25, 5.25, 0.1599737310781942, 0.05282488627249718},
    {1.25, 7, 0.16905102523491733, 0.05282488683342206},
    {2, 9.5367431640625e-07, 6.562026204587914e-08, 1.0270728732034555e-08},
    {2, 0.0078125, 0.0005375593084057059, 8.41365259513443e-05},
    {2, 0.125, 0.008593295340413398, 0.0013409668123570224},
    {2, 0.5, 0.03392139091152225, 0.0050681742771624145},
    {2, 1.125, 0.07232681823350787, 0.009222497163134552},
    {2, 2.25, 0.1231007033417783, 0.011250576278860037},
    {2, 3.5, 0.15600166220998896, 0.01137366752072708},
    {2, 5.25, 0.1806958841618482, 0.011375065728211946},
    {2, 7, 0.19433216763446054, 0.011375065974087085},
    {3.5, 9.5367431640625e-07, 4.327141709122332e-08, 9.486335330101073e-11},
    {3.5, 0.0078125, 0.00035447886799149035, 7.771113944045722e-07},
    {3.5, 0.125, 0.005669293879543306, 1.2396367365659524e-05},
    {3.5, 0.5, 0.022536189123393637, 4.742852703963555e-05},
    {3.5, 1.125, 0.04940726206195029, 8.965158950187331e-05},
    {3.5, 2.25, 0.09081684046935445, 0.00011434361983331742},
    {3.5, 3.5, 0.12488371251862644, 0.00011628748137355605},
    {3.5, 5.25, 0.1563001645605576, 0.00011631453394300737},
    {3.5, 7, 0.17609187663526565, 0.00011631453951770063},
    {5, 9.5367431640625e-07, 3.0356283183406805e-08, 1.1312776060587215e-13},
    {5, 0.0078125, 0.000248678469472974, 9.26732433486225e-10},
    {5, 0.125, 0.003978030169728561, 1.4786284346086496e-08},
    {5, 0.5, 0.01586270196752187, 5.67477549136931e-08},
    {5, 1.125, 0.03522317906730972, 1.0840996755201205e-07},
    {5, 2.25, 0.0672991520863135, 1.4046355919539816e-07},
    {5, 3.5, 0.0971999128256095, 1.4328149789490084e-07},
    {5, 5.25, 0.12888091508338104, 1.433257755544486e-07},
    {5, 7, 0.15128408502984078, 1.4332578593947165e-07},
    {6.5, 9.5367431640625e-07, 2.3351074069887936e-08, 1.5625572256734584e-17},
    {6.5, 0.0078125, 0.0001912919066659139, 1.2800332416993368e-13},
    {6.5, 0.125, 0.0030602947624196494, 2.042502716558493e-12},
    {6.5, 0.5, 0.012218625978250264, 7.848436139139464e-12},
    {6.5, 1.125, 0.02727583509260258, 1.505824787170335e-11},
    {6.5, 2.25, 0.05303747775947934, 1.96473636491445e-11},
    {6.5, 3.5, 0.07861321044105599, 2.0072835678184336e-11},
    {6.5, 5.25, 0.10813206551545416, 2.008000107883175e-11},
    {6.5, 7, 0.1308919344150907, 2.0080002919271756e-11},
    {8, 9.5367431640625e-07, 1.8972747694479533e-08, 2.4027401772405027e-22},
    {8, 0.0078125, 0.00015542469970500822, 1.9683041048424575e-18},
    {8, 0.125, 0.002486593639475175, 3.14088238126215e-17},
    {8, 0.5, 0.0099342621527703, 1.2076312596248448e-16},
    {8, 1.125, 0.02223535793692437, 2.321995221461722e-16},
    {8, 2.25, 0.043635105080598986, 3.0406912131432854e-16},
    {8, 3.5, 0.06563716036293529, 3.109276175655028e-16},
    {8, 5.25, 0.09243024440231892, 3.1104799582539913e-16},
    {8, 7, 0.11440534768252648, 3.1104802871313915e-16},
};

/// x and (m(0) - m(x)) / x with Mills' ratio m.
constexpr double declines[][2] = {
    {0.0, 1.0},
    {9.313225746154785e-10, 0.9999999994163802},
    {0.03125, 0.9807377692326696},
    {0.25, 0.8619582458470938},
    {1.0, 0.5976345948967018},
    {3.0, 0.3162412795351323},
    {10.0, 0.11542855408437683},
    {100.0, 0.0124331513701565},
    {1048576.0, 1.195252593651947e-06},
};
struct Pair {
  double cov12, var1, var2, t;
  double rho, s, orthant, on_h, on_k;
};
constexpr Pair pairs[] = {
    {0.5, 1, 1, 1, 0.5, 0.8660254037844386, 0.3333333333333333, 0.5773502691896257, 0.5773502691896257},
    {-0.5, 1, 2, 1, -0.3535533905932738, 0.9354143466934853, 0.19248663595934604, 1.1338934190276817,
     1.3363062095621219},
    {0, 0.25, 3, 0.5, 0.0, 1.0, 0.25, 0.28867513459481287, 1.0},
    {0.999999, 1, 1, 1, 0.999999, 0.0014142132088399936, 0.4997749209022009, 0.0007071069579734758,
     0.0007071069579734758},
    {0.9999999999990905, 1, 1, 2, 0.9999999999990905, 1.3486991523483023e-06, 0.49999978534786316,
     1.3486991523489157e-06, 1.3486991523489157e-06},
    {1, 1, 1, 1, 1.0, 0.0, 0.5, 0.0, 0.0},
    {2, 1, 4, 1, 1.0, 0.0, 0.5, -INFINITY, INFINITY},
    {1.9999999981373549, 1, 4, 1, 0.9999999990686774, 4.3158372865106896e-05, 0.4999931311316206,
     -11585.237484078607, 11585.237516447387},
    {-0.9999999999990905, 1, 1, 1, -0.9999999999990905, 1.3486991523483023e-06, 2.1465213684014662e-07,
     1482910.4003785932, 1482910.4003785932},
    {1.5, 1.5000009536743164, 1.5, 3, 0.9999996821087128, 0.000797359688838454, 0.49987309625065196,
     0.0019531243791185797, 5.758724540725885e-38},
    {0.001, 1e-06, 4, 1, 0.5, 0.8660254037844386, 0.3333333333333333, -22.516660498395407,
     45.89934640057525},
    {99, 100, 100, 0.5, 0.99, 0.14106735979665885, 0.47747329317779397, 0.0035444060250416796,
     0.0035444060250416796},
};

/// f(x...) compiled for the instruction set, for numbers that all lanes share; the last lane's results.
template <class V, std::size_t results, class F>
struct Call {
  F f;
  std::array<double, results>* out;

  void operator()() const {
    const std::array<V, results> y = f();
    for (std::size_t i = 0; i < results; ++i) (*out)[i] = y[i][V::size - 1];
  }
};
template <class V, std::size_t results, class F>
std::array<double, results> call(F f) {
  std::array<double, results> out{};
  run_on(typename V::isa(), Call<V, results, F>{f, &out});
  return out;
}

template <class V>
class Binormal : public testing::Test {
 public:
  static constexpr double epsilon = std::numeric_limits<typename V::real>::epsilon();
};

TYPED_TEST_SUITE(Binormal, Vectors, VectorName);

TYPED_TEST(Binormal, RightTriangles) {
  using V = TypeParam;
  if (!supported<typename V::isa>()) GTEST_SKIP() << "this machine lacks " << V::isa::name;
  for (const Triangle& row : triangles) {
    // A negative second leg alongside: the sign is the only difference.
    const auto values = call<V, 4>([h = row.h, y = row.y] {
      const std::array<right_triangle<V>, 2> both{{{V(h), V(y)}, {V(h), V(-y)}}};
      const auto inside = probability(typename V::mask_type(true), both);
      const auto beyond = probability(typename V::mask_type(false), both);
      return std::array<V, 4>{inside[0], beyond[0], inside[1], beyond[1]};
    });
    SCOPED_TRACE("h = " + std::to_string(row.h) + ", y = " + std::to_string(row.y));
    EXPECT_NEAR(values[0], row.inside, 16 * this->epsilon * row.inside);
    // exp(-h^2 / 2) is as inexact as its argument; the series in owen_t is cut off for legs above 6.
    EXPECT_NEAR(values[1], row.beyond, this->epsilon * ((16 + row.h * row.h) * row.beyond + 2e-4));
    EXPECT_EQ(values[2], -values[0]);
    EXPECT_EQ(values[3], -values[1]);
  }
}

TYPED_TEST(Binormal, OwensTOfOneLine) {
  using V = TypeParam;
  if (!supported<typename V::isa>()) GTEST_SKIP() << "this machine lacks " << V::isa::name;
  for (const Triangle& row : triangles) {
    if (row.h < owens_t<V>::least) continue;
    SCOPED_TRACE("h = " + std::to_string(row.h) + ", y = " + std::to_string(row.y));
    const auto values = call<V, 4>([h = row.h, y = row.y] {
      const owens_t<V> beyond{abscissa<V>(V(h))};
      const V corner = bell_of(V(0.5 * (h * h + y * y)));
      const auto [right, left] = beyond.at(V(y), corner, V(-y), corner);
      return std::array<V, 4>{right.t, left.t, right.above, left.above};
    });
    // Relative to one, not to T: terms of its size are subtracted.
    EXPECT_NEAR(values[0], row.beyond, this->epsilon);
    EXPECT_EQ(values[1], -values[0]);
    const double density = std::exp(-row.h * row.h / 2) / std::sqrt(2 * pi);
    const double above = density * std::erfc(row.y / sqrt_2) / 2;
    // What is below the least exponential in float counts as 0.
    EXPECT_NEAR(values[2], above, this->epsilon * (16 + row.h * row.h + row.y * row.y) * above + 1e-19);
    EXPECT_NEAR(values[3], density - above, this->epsilon * (16 + row.h * row.h) * density);
  }
}

TYPED_TEST(Binormal, MillsRatio) {
  using V = TypeParam;
  if (!supported<typename V::isa>()) GTEST_SKIP() << "this machine lacks " << V::isa::name;
  for (const auto& [x, truth] : declines) {
    const auto values = call<V, 3>([x = x] {
      return std::array<V, 3>{mills_mean_slope(V(x)), mills_ratio(V(x)), short_mills_ratio(V(x))};
    });
    const double ratio = std::sqrt(pi / 2) - x * truth, tolerance = 4 * this->epsilon * (1 + x * truth);
    EXPECT_NEAR(values[0], truth, 4 * this->epsilon * truth) << x;
    EXPECT_NEAR(values[1], ratio, tolerance) << x;
    if (x > 9.2) continue;
    EXPECT_NEAR(values[2], ratio, tolerance + this->epsilon * x * x / 16 * ratio) << x;
  }
}

TYPED_TEST(Binormal, Abscissas) {
  using V = TypeParam;
  if (!supported<typename V::isa>()) GTEST_SKIP() << "this machine lacks " << V::isa::name;
  for (const double x : {0.0, 0x1p-40, 0.25, 0.499, 0.501, 1.0, 3.0, 8.0, -0.25, -2.0}) {
    const auto values = call<V, 6>([x] {
      const V width(std::abs(x) - x + 0.125), narrow(0x1p-10);
      const abscissa<V> a{V(x)}, b{V(std::abs(x) + 0.125)}, c{V(x + 0x1p-10)};
      return std::array<V, 6>{a.upper,
                              a.inner,
                              a.above(),
                              a.density(),
                              probability_between(a, b, width),
                              probability_between(a, c, narrow)};
    });
    const double size = std::abs(x) / std::sqrt(2), end = (std::abs(x) + 0.125) / std::sqrt(2);
    const double tolerance = (8 + x * x) * this->epsilon;
    const auto expect = [&](double value, double truth) {
      EXPECT_NEAR(value, truth, tolerance * truth) << x;
    };
    expect(values[0], 0.5 * std::erfc(size));
    expect(values[1], std::erf(size));
    expect(values[2], 0.5 * std::erfc(x / std::sqrt(2)));
    expect(values[3], std::exp(-0.5 * x * x) / std::sqrt(2 * pi));
    const double between = x < 0.5 ? 0.5 * (std::erf(end) - std::erf(x / std::sqrt(2)))
                                   : 0.5 * (std::erfc(size) - std::erfc(end));
    EXPECT_NEAR(values[4], between, 8 * tolerance * between) << x;
    if (x >= 0) {
      const double middle = x + 0x1p-11, curvature = (middle * middle - 1) * 0x1p-22 / 6;
      const double density = std::exp(-0.5 * middle * middle) / std::sqrt(2 * pi);
      EXPECT_NEAR(values[5], 0x1p-10 * density * (1 + curvature),
                  tolerance * values[5] + 1e-11 * density * 0x1p-10)
          << x;
    }
  }
}

TYPED_TEST(Binormal, CorrelationAndCrossing) {
  using V = TypeParam;
  if (!supported<typename V::isa>()) GTEST_SKIP() << "this machine lacks " << V::isa::name;
  if (sizeof(typename V::real) == 4) GTEST_SKIP() << "the rows are float64";
  for (const Pair& row : pairs) {
    SCOPED_TRACE("cov12 = " + std::to_string(row.cov12) + ", var2 = " + std::to_string(row.var2));
    const auto values = call<V, 7>([row] {
      const crossing<V> x(row.cov12, row.var1, row.var2, row.t);
      return std::array<V, 7>{x.rho, x.s, x.orthant, x.asin_rho, x.acos_rho, x.on_h.x, x.on_k.x};
    });
    EXPECT_NEAR(values[0], row.rho, 2e-16);
    EXPECT_NEAR(values[1], row.s, 1e-15 * row.s + 1e-70);
    EXPECT_NEAR(values[2], row.orthant, 1e-15 * row.orthant);
    EXPECT_NEAR(values[3], 2 * pi * (row.orthant - 0.25), 1e-15);
    EXPECT_NEAR(values[4], 2 * pi * (0.5 - row.orthant), 1e-15);
    for (const auto& [value, truth] :
         {std::pair(values[5], row.on_h), std::pair(values[6], row.on_k)}) {
      if (std::isinf(truth)) {
        EXPECT_GT(std::copysign(value, value * truth), 1e60);
      } else {
        EXPECT_NEAR(value, truth, 2e-15 * std::abs(truth) + 1e-12);
      }
    }
  }
}

}  // namespace
}  // namespace nngp::test
