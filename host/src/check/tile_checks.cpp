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

/// Below this numbers keep few digits, or none: there errors are those of the least numbers that do.
template <class Real>
constexpr double least_scale = std::numeric_limits<Real>::min() / std::numeric_limits<Real>::epsilon();

/// Whether numbers of this size have a place in a tile.
template <class Real>
bool fits(double size) {
  return size <= double{std::numeric_limits<Real>::max()};
}

/// Whether kernels of inputs of variance 1 do: otherwise tiles are not what an instance is computed
/// with.
template <class Real>
bool has_tiles(const Instance& f) {
  const double kernel = f.table().nngp_fn ? f.nngp_fn(1, 1, 1) : 0;
  return std::isnan(kernel) || fits<Real>(kernel);
}

/// Runs `run.operator()<Real>(f, entries)` for both types of numbers, where there are entries, and all
/// settings; the worst result.
template <class Run>
Result for_both_types(const Specimen& specimen, Run run) {
  if (!specimen.table->tile_f64 && !specimen.table->tile_f32)
    return skipped("no tile entries: nngp calls the scalar functions");
  return worst_of_settings(specimen, [&](const Instance& f) {
    const auto run_for = [&]<class Real>(const std::vector<Entry<Real>>& entries) {
      if (entries.empty()) return skipped("no tile entries");
      if (!has_tiles<Real>(f)) return skipped("kernels overflow");
      return run.template operator()<Real>(f, entries);
    };
    return worse(run_for(entries_of<double>(f.table())), run_for(entries_of<float>(f.table())));
  });
}

/// Runs `run.operator()<Real>(f, entry)` for all entries of all settings; the worst result.
template <class Run>
Result for_all_entries(const Specimen& specimen, Run run) {
  return for_both_types(specimen,
                        [&]<class Real>(const Instance& f, const std::vector<Entry<Real>>& entries) {
                          Result worst = skipped("no tile entries");
                          for (const auto& entry : entries)
                            worst = worse(worst, run.template operator()<Real>(f, entry));
                          return worst;
                        });
}

/// Whether large tiles are tried: for the first two settings, larger ones than any engine's.
bool takes_large_tiles(const Specimen& specimen, const Instance& f) {
  const auto& settings = specimen.settings;
  return f.setting() == settings.front() || (settings.size() > 1 && f.setting() == settings[1]);
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

/// What the scalar functions give for a tile, at what the Dense layer makes of its inputs. Computed
/// once for all versions of an entry.
template <class Real>
class Scalars {
 public:
  Scalars(const Instance& f, const TileShape& shape, TileBuffers<Real>& inputs,
          const TileOf<Real>& tile)
      : shape_(shape), cov_scale_(tile.cov_scale), cov_shift_(tile.cov_shift) {
    nngp_ = values(f, f.table().nngp_fn, inputs);
    if (tile.d_nngp) d_nngp_ = values(f, f.table().d_nngp_fn, inputs);
  }

  /// With a filled tile of the same inputs.
  void compare(const Entry<Real>& entry, TileBuffers<Real>& inputs, TileBuffers<Real>& filled,
               Measure& measure) const {
    compare(nngp_, filled.nngp, "nngp of " + entry.name, inputs, measure);
    if (!d_nngp_.wanted.empty())
      compare(d_nngp_, filled.d_nngp, "d_nngp of " + entry.name, inputs, measure);
  }

 private:
  struct Values {
    std::vector<double> wanted;        ///< row by row
    std::vector<double> root1, root2;  ///< of the kernel's diagonal for each var1 and var2
  };

  double dense(Real x) const { return cov_scale_ * double{x} + cov_shift_; }

  Values values(const Instance& f, double (*kernel)(const void*, double, double, double),
                TileBuffers<Real>& inputs) const {
    const auto roots = [&](GuardedMatrix<Real>& var, std::size_t count) {
      std::vector<double> roots;
      for (std::size_t i = 0; i < count; ++i) {
        const double v = dense(var(0, i));
        roots.push_back(std::sqrt(kernel(f.get(), v, v, v)));
      }
      return roots;
    };
    Values values = {{}, roots(inputs.var1, shape_.rows), roots(inputs.var2, shape_.cols)};
    for (std::size_t i = 0; i < shape_.rows; ++i)
      for (std::size_t j = 0; j < shape_.cols; ++j)
        values.wanted.push_back(kernel(f.get(), dense(inputs.cov12(i, j)), dense(inputs.var1(0, i)),
                                       dense(inputs.var2(0, j))));
    return values;
  }

  void compare(const Values& values, GuardedMatrix<Real>& got, const std::string& name,
               TileBuffers<Real>& inputs, Measure& measure) const {
    for (std::size_t i = 0; i < shape_.rows; ++i)
      for (std::size_t j = 0; j < shape_.cols; ++j) {
        const double scale = values.root1[i] * values.root2[j];
        if (!fits<Real>(scale)) continue;
        measure.compare(
            got(i, j), values.wanted[i * shape_.cols + j], std::max(scale, least_scale<Real>), [&] {
              return name + ", " + place(i, j, shape_) + ", " +
                     at(dense(inputs.cov12(i, j)), dense(inputs.var1(0, i)), dense(inputs.var2(0, j)));
            });
      }
  }

  TileShape shape_;
  double cov_scale_, cov_shift_;
  Values nngp_, d_nngp_;
};

/// Fills a tile of these inputs by each entry and compares it with scalar calls.
template <class Real>
void compare_with_scalars(const Instance& f, const std::vector<Entry<Real>>& entries,
                          const TileShape& shape, TileBuffers<Real>& inputs, Measure& measure) {
  TileBuffers<Real> filled(shape);
  const TileOf<Real> tile = offered(f, filled);
  const Scalars<Real> scalars(f, shape, inputs, tile);
  for (const auto& entry : entries) {
    filled.assign(inputs);
    entry.fill(f.get(), &tile);
    scalars.compare(entry, inputs, filled, measure);
  }
}

/// Near the boundary and for unlike variances results may depend on the square root of the rounding of
/// the inputs.
template <class Real>
Measure measure_of_extremes() {
  return std::is_same_v<Real, double> ? Measure(1e-7, 1e-4) : Measure(5e-3, 0.05);
}

Result check_values(const Specimen& specimen) {
  return for_both_types(
      specimen, [&]<class Real>(const Instance& f, const std::vector<Entry<Real>>& entries) {
        Measure measure = measure_of<Real>(), extreme = measure_of_extremes<Real>();
        for (const TileShape& shape : {TileShape{1, 1, 1},
                                       {3, 7, 7},
                                       {2, 16, 21},
                                       {4, 45, 45, 63},
                                       {1, 130, 131, 61},
                                       {70, 5, 5},
                                       {2, 290, 290, 7}}) {
          TileBuffers<Real> inputs(shape);
          compare_with_scalars(f, entries, shape, inputs, measure);
        }
        // Half of the pairs of variances, all of them for some settings.
        const TileShape shape = {takes_large_tiles(specimen, f) ? std::size_t{15} : std::size_t{8}, 105,
                                 107};
        TileBuffers<Real> inputs(shape);
        inputs.fill_extremes();
        compare_with_scalars(f, entries, shape, inputs, extreme);
        return worse(measure.result(), extreme.result());
      });
}

bool same_bytes(const void* a, const void* b, std::size_t size) { return std::memcmp(a, b, size) == 0; }

/// Where an output of two tiles differs, or nothing: "nngp of tile_f64, entry 0, 3 of 4 x 45".
template <class Real>
std::string difference(TileBuffers<Real>& a, TileBuffers<Real>& b, const Entry<Real>& entry,
                       const TileShape& shape) {
  for (const auto& [output, name] : {std::pair{&TileBuffers<Real>::nngp, "nngp"},
                                     {&TileBuffers<Real>::d_nngp, "d_nngp"},
                                     {&TileBuffers<Real>::ntk, "ntk"}})
    for (std::size_t i = 0; i < shape.rows; ++i) {
      Real *x = &(a.*output)(i, 0), *y = &(b.*output)(i, 0);
      if (same_bytes(x, y, shape.cols * sizeof(Real))) continue;
      std::size_t j = 0;
      while (same_bytes(x + j, y + j, sizeof(Real))) ++j;
      return name + (" of " + entry.name) + ", " + place(i, j, shape);
    }
  return "";
}

/// Fills a tile in pieces of at most `rows` x `cols`.
template <class Real>
void fill_in_pieces(const Instance& f, const Entry<Real>& entry, TileBuffers<Real>& buffers,
                    std::size_t rows, std::size_t cols) {
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
std::string difference_in_pieces(const Instance& f, const std::vector<Entry<Real>>& entries,
                                 const TileShape& shape,
                                 std::initializer_list<std::pair<std::size_t, std::size_t>> pieces) {
  TileBuffers<Real> inputs(shape), whole(shape), parts(shape);
  const TileOf<Real> all = offered(f, whole);
  for (const auto& entry : entries) {
    whole.assign(inputs);
    entry.fill(f.get(), &all);
    for (const auto& [rows, cols] : pieces) {
      parts.assign(inputs);
      fill_in_pieces(f, entry, parts, rows, cols);
      if (const auto found = difference(whole, parts, entry, shape); !found.empty())
        return found + ", is another in a tile of " + std::to_string(rows) + " x " +
               std::to_string(cols);
    }
  }
  return "";
}

Result check_shapes(const Specimen& specimen) {
  return for_both_types(
      specimen, [&]<class Real>(const Instance& f, const std::vector<Entry<Real>>& entries) {
        auto found = difference_in_pieces(f, entries, {4, 45, 51}, {{1, 1}, {1, 3}, {1, 8}, {1, 17}});
        const bool large = takes_large_tiles(specimen, f);
        if (found.empty() && large)
          found = difference_in_pieces(f, entries, {131, 300, 304}, {{5, 71}, {64, 128}});
        if (found.empty() && large)
          found = difference_in_pieces(f, entries, {2, 1101, 1102}, {{1, 37}, {1, 1101}});
        return found.empty() ? passed("the same bits in tiles of any shape") : failed(found);
      });
}

/// Fills a tile whose nngp or d_nngp takes the place of cov12. Returns where an output is another than
/// in `apart`, or nothing.
template <class Real>
std::string in_place_fault(const Instance& f, const Entry<Real>& entry, const TileShape& shape,
                           TileBuffers<Real>& apart, TileBuffers<Real>& buffers, bool is_nngp) {
  TileOf<Real> tile = offered(f, buffers);
  auto& output = is_nngp ? tile.nngp : tile.d_nngp;
  if (!output) return "";
  output = buffers.cov12.data();
  (is_nngp ? tile.nngp_ld : tile.d_nngp_ld) = tile.cov12_ld;
  entry.fill(f.get(), &tile);
  for (std::size_t i = 0; i < shape.rows; ++i)
    for (std::size_t j = 0; j < shape.cols; ++j)
      (is_nngp ? buffers.nngp : buffers.d_nngp)(i, j) = buffers.cov12(i, j);
  const auto found = difference(apart, buffers, entry, shape);
  if (found.empty()) return "";
  return found + ", is another when " + (is_nngp ? "nngp" : "d_nngp") + " takes the place of cov12";
}

Result check_in_place(const Specimen& specimen) {
  return for_both_types(
      specimen, []<class Real>(const Instance& f, const std::vector<Entry<Real>>& entries) {
        const TileShape shape = {67, 29, 33};
        TileBuffers<Real> inputs(shape), apart(shape), buffers(shape);
        const TileOf<Real> tile = offered(f, apart);
        for (const auto& entry : entries) {
          apart.assign(inputs);
          entry.fill(f.get(), &tile);
          for (const bool is_nngp : {true, false}) {
            buffers.assign(inputs);
            const auto fault = in_place_fault(f, entry, shape, apart, buffers, is_nngp);
            if (!fault.empty()) return failed(fault);
          }
        }
        return passed("the same bits in the place of cov12");
      });
}

/// What a filled tile shows of writing where it must not, or nothing.
template <class Real>
std::string bounds_fault(TileBuffers<Real>& filled, TileBuffers<Real>& inputs) {
  for (const auto& [name, block] :
       {std::pair{"nngp", &filled.nngp}, {"d_nngp", &filled.d_nngp}, {"ntk", &filled.ntk}})
    if (!block->is_untouched_outside()) return std::string("writes outside of ") + name;
  const bool same = filled.cov12.is_same(inputs.cov12) && filled.var1.is_same(inputs.var1) &&
                    filled.var2.is_same(inputs.var2);
  return same ? "" : "writes to an input";
}

Result check_bounds(const Specimen& specimen) {
  return for_both_types(specimen, []<class Real>(const Instance& f,
                                                 const std::vector<Entry<Real>>& entries) {
    for (const TileShape& shape :
         {TileShape{1, 1, 1, 0}, {2, 5, 9, 3}, {3, 7, 11, 0}, {2, 45, 61, 0}, {66, 9, 10, 1}}) {
      TileBuffers<Real> inputs(shape), filled(shape);
      const TileOf<Real> tile = offered(f, filled);
      for (const auto& entry : entries) {
        filled.assign(inputs);
        entry.fill(f.get(), &tile);
        if (const auto fault = bounds_fault(filled, inputs); !fault.empty())
          return failed(entry.name + " " + fault + ", " + std::to_string(shape.rows) + " x " +
                        std::to_string(shape.cols) + ", leading dimension " + std::to_string(shape.ld));
      }
    }
    return passed("no byte outside is written or read");
  });
}

/// The NTK's Dense layer of a filled tile, and each output alone; what is wrong with these, or nothing.
template <class Real>
std::string ntk_fault(const Instance& f, const Entry<Real>& entry, const TileShape& shape,
                      TileBuffers<Real>& inputs, TileBuffers<Real>& filled, const TileOf<Real>& tile,
                      Measure& measure) {
  for (std::size_t i = 0; i < shape.rows; ++i)
    for (std::size_t j = 0; j < shape.cols; ++j) {
      const double d = filled.d_nngp(i, j), cov = double{tile.ntk_cov} * inputs.cov12(i, j);
      const double ntk = double{tile.ntk_scale} * inputs.ntk(i, j), shift = tile.ntk_shift;
      const double scale = std::abs(d) * (std::abs(cov) + std::abs(ntk) + std::abs(shift));
      if (std::isinf(d) || (!std::isnan(d) && !fits<Real>(scale))) continue;
      measure.compare(filled.ntk(i, j), d * (cov + ntk + shift), std::max(scale, least_scale<Real>),
                      [&] { return "ntk of " + entry.name + ", " + place(i, j, shape); });
    }
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
      if (!same_bytes(&only_nngp.nngp(i, j), &filled.nngp(i, j), sizeof(Real)) ||
          !same_bytes(&only_ntk.ntk(i, j), &filled.ntk(i, j), sizeof(Real)))
        return entry.name + " gives other results when fewer outputs are asked for, " +
               place(i, j, shape);
  return "";
}

/// A Dense layer in front of the activation, as a tile has it.
struct Terms {
  double cov_scale, cov_shift, ntk_cov, ntk_scale, ntk_shift;
};

/// One like any other; layers without a bias, as the first, with large weights and with small ones, as
/// the mean over many channels; a shift alone.
constexpr Terms many_terms[] = {{0.75, 0.125, 0.3, 1.7, 0.01},
                                {2.25, 0, 1, 0, 0},
                                {4, 0.5, 4, 4, 0.5},
                                {0.03, 0, 0, 0.03, 0},
                                {1, 1.5, 0, 1, 1.5}};

template <class Real>
Result terms_of(const Instance& f, const std::vector<Entry<Real>>& entries, const TileShape& shape,
                const Terms& terms) {
  Measure measure = measure_of<Real>();
  TileBuffers<Real> inputs(shape), filled(shape);
  TileOf<Real> tile = offered(f, filled);
  tile.cov_scale = Real(terms.cov_scale), tile.cov_shift = Real(terms.cov_shift);
  tile.ntk_cov = Real(terms.ntk_cov), tile.ntk_scale = Real(terms.ntk_scale);
  tile.ntk_shift = Real(terms.ntk_shift);
  const Scalars<Real> scalars(f, shape, inputs, tile);
  for (const auto& entry : entries) {
    filled.assign(inputs);
    entry.fill(f.get(), &tile);
    scalars.compare(entry, inputs, filled, measure);
    if (!tile.ntk) continue;
    if (const auto fault = ntk_fault(f, entry, shape, inputs, filled, tile, measure); !fault.empty())
      return failed(fault);
  }
  return measure.result();
}

Result check_terms(const Specimen& specimen) {
  return for_both_types(specimen,
                        []<class Real>(const Instance& f, const std::vector<Entry<Real>>& entries) {
                          Result worst = worse(terms_of(f, entries, {67, 9, 9}, many_terms[0]),
                                               terms_of(f, entries, {2, 290, 291}, many_terms[0]));
                          for (const Terms& terms : many_terms)
                            worst = worse(worst, terms_of(f, entries, {2, 45, 46}, terms));
                          return worst;
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

  GuardedMatrix<Real> nngp, ntk;
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
