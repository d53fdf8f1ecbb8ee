// The tile entries: against the scalar functions, in every shape, in place, in bounds.

#include <algorithm>
#include <cmath>
#include <limits>

#include "check/checks.hpp"
#include "check/measure.hpp"
#include "check/tile_buffers.hpp"
#include "check/tile_entries.hpp"

namespace nngp::host {
namespace {

Result worse(const Result& a, const Result& b) {
  if (a.status == Status::skipped) return b;
  if (b.status == Status::skipped) return a;
  return b.status > a.status ? b : a;
}

/// Runs `run.operator()<Real>(f, entry)` for all entries of all settings; the worst result.
template <class Run>
Result for_all_entries(const Specimen& specimen, Run run) {
  if (!specimen.table->tile_f64 && !specimen.table->tile_f32)
    return skipped("no tile entries: nngp calls the scalar functions");
  return worst_of_settings(specimen, [&](const Instance& f) {
    Result worst = skipped("no tile entries");
    for (const auto& entry : entries_of<double>(f.table()))
      worst = worse(worst, run.template operator()<double>(f, entry));
    for (const auto& entry : entries_of<float>(f.table()))
      worst = worse(worst, run.template operator()<float>(f, entry));
    return worst;
  });
}

/// Whether large tiles are tried: for the first and the last setting, larger ones than any engine's.
bool takes_large_tiles(const Specimen& specimen, const Instance& f) {
  return f.setting() == specimen.settings.front() || f.setting() == specimen.settings.back();
}

/// Without the derivative where it is not offered.
template <class Real>
TileOf<Real> offered(const Instance& f, TileBuffers<Real>& buffers) {
  TileOf<Real> tile = buffers.tile();
  if (!f.table().d_nngp_fn) tile.d_nngp = tile.ntk = nullptr;
  return tile;
}

std::string place(std::size_t i, std::size_t j, const TileShape& shape) {
  return "entry " + std::to_string(i) + ", " + std::to_string(j) + " of " + std::to_string(shape.rows) +
         " x " + std::to_string(shape.cols);
}

/// What an entry may differ by from the scalar functions, relative to sqrt(k(var1) k(var2)).
template <class Real>
Measure measure_of() {
  return std::is_same_v<Real, double> ? Measure(1e-12, 1e-6) : Measure(2e-5, 1e-3);
}

/// Compares a filled tile with scalar calls at what the Dense layer makes of its inputs.
template <class Real>
void compare_with_scalars(const Instance& f, const Entry<Real>& entry, const TileShape& shape,
                          TileBuffers<Real>& buffers, const TileOf<Real>& tile, Measure& measure) {
  const auto dense = [&](double x) { return double{tile.cov_scale} * x + double{tile.cov_shift}; };
  const auto compare = [&](auto kernel, Block<Real>& got, const char* name) {
    const auto roots = [&](Block<Real>& var, std::size_t count) {
      std::vector<double> roots;
      for (std::size_t i = 0; i < count; ++i) {
        const double v = dense(var(0, i));
        roots.push_back(std::sqrt(kernel(f.get(), v, v, v)));
      }
      return roots;
    };
    const std::vector<double> root1 = roots(buffers.var1, shape.rows),
                              root2 = roots(buffers.var2, shape.cols);
    for (std::size_t i = 0; i < shape.rows; ++i)
      for (std::size_t j = 0; j < shape.cols; ++j) {
        const double c = dense(buffers.cov12(i, j)), scale = root1[i] * root2[j];
        const double v1 = dense(buffers.var1(0, i)), v2 = dense(buffers.var2(0, j));
        if (!(scale <= std::numeric_limits<Real>::max())) continue;
        measure.compare(got(i, j), kernel(f.get(), c, v1, v2), scale, [&] {
          return std::string(name) + " of " + entry.name + ", " + place(i, j, shape) + ", " +
                 at(c, v1, v2);
        });
      }
  };
  compare(f.table().nngp_fn, buffers.nngp, "nngp");
  if (tile.d_nngp) compare(f.table().d_nngp_fn, buffers.d_nngp, "d_nngp");
}

/// Near the boundary and for unlike variances results may depend on the square root of the rounding of
/// the inputs.
template <class Real>
Measure measure_of_extremes() {
  return std::is_same_v<Real, double> ? Measure(1e-7, 1e-4) : Measure(5e-3, 0.05);
}

Result check_values(const Specimen& specimen) {
  return for_all_entries(specimen, []<class Real>(const Instance& f, const Entry<Real>& entry) {
    Measure measure = measure_of<Real>(), extreme = measure_of_extremes<Real>();
    for (const TileShape& shape : {TileShape{1, 1, 1},
                                   {3, 7, 7},
                                   {2, 16, 21},
                                   {4, 45, 45, 63},
                                   {1, 130, 131, 61},
                                   {70, 5, 5},
                                   {2, 290, 290, 7}}) {
      TileBuffers<Real> buffers(shape);
      const TileOf<Real> tile = offered(f, buffers);
      entry.fill(f.get(), &tile);
      compare_with_scalars(f, entry, shape, buffers, tile, measure);
    }
    const TileShape shape = {11, 55, 57};
    TileBuffers<Real> buffers(shape);
    buffers.fill_extremes();
    const TileOf<Real> tile = offered(f, buffers);
    entry.fill(f.get(), &tile);
    compare_with_scalars(f, entry, shape, buffers, tile, extreme);
    return worse(measure.result(), extreme.result());
  });
}

bool same_bytes(const void* a, const void* b, std::size_t size) { return std::memcmp(a, b, size) == 0; }

/// The name of an output that differs at an entry, or nothing.
template <class Real>
std::string difference(TileBuffers<Real>& a, TileBuffers<Real>& b, std::size_t i, std::size_t j,
                       std::size_t other_j) {
  const auto same = [&](Block<Real>& x, Block<Real>& y) {
    return same_bytes(&x(i, j), &y(i, other_j), sizeof(Real));
  };
  return !same(a.nngp, b.nngp)       ? "nngp"
         : !same(a.d_nngp, b.d_nngp) ? "d_nngp"
         : !same(a.ntk, b.ntk)       ? "ntk"
                                     : "";
}

/// Fills a tile in pieces of at most `rows` x `cols`.
template <class Real>
void fill_in_pieces(const Instance& f, const Entry<Real>& entry, TileBuffers<Real>& buffers,
                    std::size_t rows, std::size_t cols) {
  buffers.fill();
  for (std::size_t i = 0; i < buffers.rows; i += rows)
    for (std::size_t j = 0; j < buffers.cols; j += cols) {
      TileOf<Real> piece = offered(f, buffers);
      piece.rows = std::min(rows, buffers.rows - i);
      piece.cols = std::min(cols, buffers.cols - j);
      piece.cov12 = &buffers.cov12(i, j);
      piece.var1 = &buffers.var1(0, i);
      piece.var2 = &buffers.var2(0, j);
      piece.nngp = &buffers.nngp(i, j);
      if (piece.d_nngp) piece.d_nngp = &buffers.d_nngp(i, j);
      if (piece.ntk) piece.ntk = &buffers.ntk(i, j);
      entry.fill(f.get(), &piece);
    }
}

/// A tile whole and in pieces.
template <class Real>
std::string difference_in_pieces(const Instance& f, const Entry<Real>& entry, const TileShape& shape,
                                 std::initializer_list<std::pair<std::size_t, std::size_t>> pieces) {
  TileBuffers<Real> whole(shape), parts(shape);
  const TileOf<Real> all = offered(f, whole);
  entry.fill(f.get(), &all);
  for (const auto& [rows, cols] : pieces) {
    fill_in_pieces(f, entry, parts, rows, cols);
    for (std::size_t i = 0; i < shape.rows; ++i)
      for (std::size_t j = 0; j < shape.cols; ++j)
        if (const auto output = difference(whole, parts, i, j, j); !output.empty())
          return output + " of " + entry.name + ", " + place(i, j, shape) +
                 ", is another in a tile of " + std::to_string(rows) + " x " + std::to_string(cols);
  }
  return "";
}

Result check_shapes(const Specimen& specimen) {
  return for_all_entries(specimen, [&]<class Real>(const Instance& f, const Entry<Real>& entry) {
    auto found = difference_in_pieces(f, entry, {4, 45, 51}, {{1, 1}, {1, 3}, {1, 8}, {1, 17}});
    const bool large = takes_large_tiles(specimen, f);
    if (found.empty() && large)
      found = difference_in_pieces(f, entry, {131, 300, 304}, {{5, 71}, {64, 128}});
    if (found.empty() && large) found = difference_in_pieces(f, entry, {2, 1100, 1101}, {{1, 37}});
    return found.empty() ? passed("the same bits in tiles of any shape") : failed(found);
  });
}

Result check_in_place(const Specimen& specimen) {
  return for_all_entries(specimen, []<class Real>(const Instance& f, const Entry<Real>& entry) {
    const TileShape shape = {67, 29, 33};
    TileBuffers<Real> apart(shape), nngp(shape), d_nngp(shape);
    TileOf<Real> tile = offered(f, apart);
    entry.fill(f.get(), &tile);
    const auto fault = [&](TileBuffers<Real>& buffers, auto output, const char* name) {
      TileOf<Real> in_place = offered(f, buffers);
      if (!(in_place.*output)) return std::string();
      in_place.*output = buffers.cov12.data();
      (output == &TileOf<Real>::nngp ? in_place.nngp_ld : in_place.d_nngp_ld) = in_place.cov12_ld;
      entry.fill(f.get(), &in_place);
      // The output in the place of cov12 takes its own block's part.
      for (std::size_t i = 0; i < shape.rows; ++i)
        for (std::size_t j = 0; j < shape.cols; ++j)
          (output == &TileOf<Real>::nngp ? buffers.nngp : buffers.d_nngp)(i, j) = buffers.cov12(i, j);
      for (std::size_t i = 0; i < shape.rows; ++i)
        for (std::size_t j = 0; j < shape.cols; ++j)
          if (const auto other = difference(apart, buffers, i, j, j); !other.empty())
            return other + " of " + entry.name + ", " + place(i, j, shape) + ", is another when " +
                   name + " takes the place of cov12";
      return std::string();
    };
    for (const auto& found :
         {fault(nngp, &TileOf<Real>::nngp, "nngp"), fault(d_nngp, &TileOf<Real>::d_nngp, "d_nngp")})
      if (!found.empty()) return failed(found);
    return passed("the same bits in the place of cov12");
  });
}

Result check_bounds(const Specimen& specimen) {
  return for_all_entries(specimen, []<class Real>(const Instance& f, const Entry<Real>& entry) {
    for (const TileShape& shape :
         {TileShape{1, 1, 1, 0}, {2, 5, 9, 3}, {3, 7, 11, 0}, {2, 45, 61, 0}, {66, 9, 10, 1}}) {
      TileBuffers<Real> buffers(shape), fresh(shape);
      const TileOf<Real> tile = offered(f, buffers);
      entry.fill(f.get(), &tile);
      const std::string size = std::to_string(shape.rows) + " x " + std::to_string(shape.cols) +
                               ", leading dimension " + std::to_string(shape.ld);
      for (const auto& [name, block] :
           {std::pair{"nngp", &buffers.nngp}, {"d_nngp", &buffers.d_nngp}, {"ntk", &buffers.ntk}})
        if (!block->is_untouched_outside())
          return failed(entry.name + " writes outside of " + name + ", " + size);
      bool same = buffers.cov12.is_untouched_outside() && buffers.var1.is_untouched_outside() &&
                  buffers.var2.is_untouched_outside();
      for (std::size_t i = 0; i < shape.rows; ++i)
        for (std::size_t j = 0; j < shape.cols; ++j)
          same = same && buffers.cov12(i, j) == fresh.cov12(i, j) &&
                 buffers.var1(0, i) == fresh.var1(0, i) && buffers.var2(0, j) == fresh.var2(0, j);
      if (!same) return failed(entry.name + " writes to an input, " + size);
    }
    return passed("no byte outside is written or read");
  });
}

template <class Real>
Result terms_of(const Instance& f, const Entry<Real>& entry, const TileShape& shape) {
  Measure measure = measure_of<Real>();
  TileBuffers<Real> buffers(shape), fresh(shape);
  TileOf<Real> tile = offered(f, buffers);
  tile.cov_scale = Real(0.75), tile.cov_shift = Real(0.125);
  tile.ntk_cov = Real(0.3), tile.ntk_scale = Real(1.7), tile.ntk_shift = Real(0.01);
  entry.fill(f.get(), &tile);
  compare_with_scalars(f, entry, shape, buffers, tile, measure);
  if (!tile.ntk) return measure.result();

  for (std::size_t i = 0; i < shape.rows; ++i)
    for (std::size_t j = 0; j < shape.cols; ++j) {
      const double d = buffers.d_nngp(i, j), cov = double{tile.ntk_cov} * fresh.cov12(i, j);
      const double ntk = double{tile.ntk_scale} * fresh.ntk(i, j), shift = tile.ntk_shift;
      const double scale = std::abs(d) * (std::abs(cov) + std::abs(ntk) + std::abs(shift));
      measure.compare(buffers.ntk(i, j), d * (cov + ntk + shift), scale,
                      [&] { return "ntk of " + entry.name + ", " + place(i, j, shape); });
    }
  // Each output alone.
  TileBuffers<Real> only_nngp(shape), only_ntk(shape);
  TileOf<Real> alone = tile;
  alone.cov12 = only_nngp.cov12.data(), alone.nngp = only_nngp.nngp.data();
  alone.d_nngp = alone.ntk = nullptr;
  entry.fill(f.get(), &alone);
  alone = tile;
  alone.nngp = only_ntk.nngp.data(), alone.ntk = only_ntk.ntk.data(), alone.d_nngp = nullptr;
  entry.fill(f.get(), &alone);
  for (std::size_t i = 0; i < shape.rows; ++i)
    for (std::size_t j = 0; j < shape.cols; ++j)
      if (!same_bytes(&only_nngp.nngp(i, j), &buffers.nngp(i, j), sizeof(Real)) ||
          !same_bytes(&only_ntk.ntk(i, j), &buffers.ntk(i, j), sizeof(Real)))
        return failed(entry.name + " gives other results when fewer outputs are asked for, " +
                      place(i, j, shape));
  return measure.result();
}

Result check_terms(const Specimen& specimen) {
  return for_all_entries(specimen, []<class Real>(const Instance& f, const Entry<Real>& entry) {
    return worse(terms_of(f, entry, {67, 9, 9}), terms_of(f, entry, {2, 290, 291}));
  });
}

/// The results of a network whose last Dense layer is not trivial.
template <class Real>
struct OutputBuffers {
  /// 64 numbers behind the last end a page, so that first entries are aligned as a matrix's are.
  explicit OutputBuffers(const TileShape& shape)
      : nngp(shape.rows, shape.ld, shape.ld, 64), ntk(shape.rows, shape.ld, shape.ld, 64) {}

  OutputOf<Real> output(bool with_ntk) {
    OutputOf<Real> output = {};
    output.struct_size = sizeof output;
    output.nngp = nngp.data();
    output.ntk = with_ntk ? ntk.data() : nullptr;
    output.ld = nngp.ld();
    output.cov_scale = Real(0.6), output.cov_shift = Real(0.25);
    output.ntk_cov = Real(0.3), output.ntk_scale = Real(1.7), output.ntk_shift = Real(0.01);
    return output;
  }

  Block<Real> nngp, ntk;
};

Result check_output(const Specimen& specimen) {
  return for_all_entries(specimen, [&]<class Real>(const Instance& f, const Entry<Real>& entry) {
    const TileShape shape =
        takes_large_tiles(specimen, f) ? TileShape{66, 320, 320} : TileShape{5, 70, 70};
    TileBuffers<Real> apart(shape), buffers(shape);
    const TileOf<Real> plain = offered(f, apart);
    entry.fill(f.get(), &plain);

    OutputBuffers<Real> results(shape);
    OutputOf<Real> output = results.output(plain.ntk);
    TileOf<Real> tile = offered(f, buffers);
    tile.d_nngp = nullptr;
    tile.output = &output;
    tile.struct_size = offsetof(TileOf<Real>, output);
    entry.fill(f.get(), &tile);
    if (output.taken || output.not_finite)
      return failed(entry.name + " takes the output of a tile whose struct_size ends before it");
    buffers.fill();
    tile.struct_size = sizeof tile;
    entry.fill(f.get(), &tile);
    if (!output.taken) {
      for (std::size_t i = 0; i < shape.rows; ++i)
        for (std::size_t j = 0; j < shape.cols; ++j)
          if (!same_bytes(&buffers.nngp(i, j), &apart.nngp(i, j), sizeof(Real)))
            return failed(entry.name + " does not fill a tile whose output it does not take");
      return passed("left to the host");
    }
    Measure measure = measure_of<Real>();
    bool finite = true;
    for (std::size_t i = 0; i < shape.rows; ++i)
      for (std::size_t j = 0; j < shape.cols; ++j) {
        finite = finite && std::isfinite(results.nngp(i, j)) &&
                 (!output.ntk || std::isfinite(results.ntk(i, j)));
        const double k = apart.nngp(i, j), t = tile.ntk ? double{apart.ntk(i, j)} : 0;
        measure.compare(results.nngp(i, j), output.cov_scale * k + output.cov_shift, std::abs(k) + 1,
                        [&] { return "output nngp of " + entry.name + ", " + place(i, j, shape); });
        if (output.ntk)
          measure.compare(results.ntk(i, j),
                          output.ntk_cov * k + output.ntk_scale * t + output.ntk_shift,
                          std::abs(k) + std::abs(t) + 1,
                          [&] { return "output ntk of " + entry.name + ", " + place(i, j, shape); });
      }
    const Result values = measure.result();
    if (values.status == Status::failure) return values;
    if (finite && output.not_finite) return failed(entry.name + " calls finite results not finite");
    if (!results.nngp.is_untouched_outside() || !results.ntk.is_untouched_outside())
      return failed(entry.name + " writes outside of its output");
    output = results.output(plain.ntk);
    output.cov_shift = std::numeric_limits<Real>::infinity();
    buffers.fill();
    entry.fill(f.get(), &tile);
    if (!output.not_finite) return failed(entry.name + " does not tell that results are not finite");
    return values;
  });
}

}  // namespace

std::vector<Check> tile_checks() {
  return {{"tile_values", "tiles agree with the scalar functions", check_values},
          {"tile_terms", "the Dense layer, the NTK and single outputs of tiles", check_terms},
          {"tile_shapes", "an entry does not depend on the tile's shape or place", check_shapes},
          {"tile_in_place", "nngp or d_nngp may take the place of cov12", check_in_place},
          {"tile_bounds", "nothing outside a tile is read or written", check_bounds},
          {"tile_output", "results written for the host", check_output}};
}

}  // namespace nngp::host
