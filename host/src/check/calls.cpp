#include "check/calls.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <limits>

#include "check/tile_entries.hpp"
#include "nngp/error.hpp"

namespace nngp::host {
namespace {

/// Numbers between 0 and 1, well spread, others for each place and salt.
double spread(unsigned place, double salt) { return std::fmod(0.5 + (place + 1) * salt, 1.0); }

/// Neighbours have one or two of these in common, lest a function remembers results by part of them.
struct Arguments {
  explicit Arguments(unsigned place)
      : x(6 * spread(place, 0.6180339887) - 3),
        var1(0.3 + 2 * spread(place, 0.7548776662)),
        var2(0.3 + 2 * spread(place / 3, 0.5698402910)),
        cov12(0.3 * (1.9 * spread(place / 2, 0.4142135624) - 0.95)) {}

  double x, var1, var2, cov12;
};

/// Whether an instance of NaN is refused, as it should be.
bool is_refused(const Instance& f) {
  const nngp_activation& table = f.table();
  Setting setting = f.setting();
  std::vector<nngp_value> values;
  for (auto& value : setting) {
    std::fill(value.begin(), value.end(), std::numeric_limits<double>::quiet_NaN());
    values.push_back({value.data(), value.size()});
  }
  std::array<char, 512> error = {};
  void* made = table.create(values.data(), values.size(), error.data(), error.size());
  if (made) table.destroy(made);
  return !made;
}

template <class Real>
void run_tile(const Entry<Real>& entry, const Instance& f, unsigned place, std::size_t rows,
              std::size_t cols, std::vector<double>& results) {
  const std::size_t size = rows * cols;
  // Writing a little beyond a tile is for tile_bounds to find.
  const std::size_t room = size + 64;
  std::vector<Real> var1(rows), var2(cols), cov12(room), nngp(room), d_nngp(room), ntk(room);
  for (std::size_t i = 0; i < rows; ++i) var1[i] = Real(0.3) + Real((i * 7 + place * 3) % 17) / 10;
  for (std::size_t j = 0; j < cols; ++j) var2[j] = Real(0.3) + Real((j * 5 + place * 11) % 19) / 10;
  // A division for each entry would take longer than the tile.
  constexpr unsigned period = 61;
  for (std::size_t at = 0, k = place * 29 % period; at < size;
       ++at, k = (k < period - 13 ? k : k - period) + 13) {
    cov12[at] = Real(k) * Real(0.009) - Real(0.25);
    ntk[at] = Real(k & 7);
  }
  TileOf<Real> tile = {};
  tile.struct_size = sizeof tile;
  tile.rows = rows, tile.cols = cols;
  tile.cov12 = cov12.data(), tile.var1 = var1.data(), tile.var2 = var2.data();
  tile.nngp = nngp.data();
  tile.cov12_ld = tile.nngp_ld = tile.d_nngp_ld = tile.ntk_ld = cols;
  tile.cov_scale = tile.ntk_scale = 1;
  if (f.table().d_nngp_fn) tile.d_nngp = d_nngp.data(), tile.ntk = ntk.data();
  entry.fill(f.get(), &tile);
  for (const auto& output : {nngp, d_nngp, ntk})
    results.insert(results.end(), output.begin(), output.end());
}

template <class Real>
void add_tiles(std::vector<Call>& calls, const nngp_activation& table, std::size_t rows,
               std::size_t cols, const char* which) {
  for (const Entry<Real>& entry : entries_of<Real>(table)) {
    const auto run = [=](const Instance& f, unsigned place, std::vector<double>& results) {
      run_tile(entry, f, place, rows, cols, results);
    };
    calls.push_back({.name = entry.name + which, .run = run, .entries = rows * cols});
  }
}

/// The call of a function that returns one number: function(instance, arguments).
template <class Function>
Call call_for_value(const char* name, Function function) {
  const auto is_steady = [=](const Instance& f, unsigned place) {
    const Arguments at(place);
    const double first = function(f, at);
    for (int i = 0; i < 100; ++i)
      if (const double next = function(f, at);
          std::bit_cast<std::uint64_t>(next) != std::bit_cast<std::uint64_t>(first))
        return false;
    return true;
  };
  return {name,
          [=](const Instance& f, unsigned place, std::vector<double>& results) {
            results.push_back(function(f, Arguments(place)));
          },
          is_steady};
}

}  // namespace

std::vector<Call> calls_of(const nngp_activation& table, Tiles tiles) {
  using Results = std::vector<double>;
  std::vector<Call> calls = {{"create", [](const Instance& f, unsigned place, Results& results) {
                                const Instance made(f.table(), f.setting());
                                const Arguments at(place);
                                if (made.table().fn) results.push_back(made.fn(at.x));
                                if (made.table().nngp_fn)
                                  results.push_back(made.nngp_fn(at.cov12, at.var1, at.var2));
                              }}};
  if (table.parameter_count > 0)
    calls.push_back({"create of wrong values", [](const Instance& f, unsigned, Results& results) {
                       results.push_back(is_refused(f));
                     }});
  const auto add = [&](const char* name, auto function) {
    calls.push_back(call_for_value(name, function));
  };
  if (table.fn) add("fn", [](const Instance& f, const Arguments& at) { return f.fn(at.x); });
  if (table.d_fn) add("d_fn", [](const Instance& f, const Arguments& at) { return f.d_fn(at.x); });
  if (table.nngp_fn)
    add("nngp_fn",
        [](const Instance& f, const Arguments& at) { return f.nngp_fn(at.cov12, at.var1, at.var2); });
  if (table.d_nngp_fn)
    add("d_nngp_fn",
        [](const Instance& f, const Arguments& at) { return f.d_nngp_fn(at.cov12, at.var1, at.var2); });
  if (table.breakpoints)
    calls.push_back({"breakpoints", [](const Instance& f, unsigned, Results& results) {
                       for (const nngp_breakpoint& point : f.breakpoints()) results.push_back(point.x);
                     }});
  if (table.get_extension)
    calls.push_back({"get_extension", [](const Instance& f, unsigned, Results& results) {
                       results.push_back(f.table().get_extension("nngp.unknown/1") != nullptr);
                       for (const auto& entry : entries_of<double>(f.table()))
                         results.push_back(std::bit_cast<double>(entry.fill));
                     }});
  if (table.nngp_fn) {
    add_tiles<double>(calls, table, 3, 37, "");
    add_tiles<float>(calls, table, 3, 37, "");
  }
  if (table.nngp_fn && tiles == Tiles::all) {
    add_tiles<double>(calls, table, 65, 272, ", a large tile");
    add_tiles<float>(calls, table, 65, 272, ", a large tile");
  }
  return calls;
}

bool same_bits(const std::vector<double>& a, const std::vector<double>& b) {
  const auto bits = [](double x) { return std::bit_cast<std::uint64_t>(x); };
  return std::ranges::equal(a, b, {}, bits, bits);
}

std::uint64_t digest(const Call& call, const Instance& f, unsigned place) {
  std::uint64_t digest = 14695981039346656037u;  // FNV-1a
  for (const double y : call.results(f, place))
    digest = (digest ^ std::bit_cast<std::uint64_t>(y)) * 1099511628211u;
  return digest;
}

std::vector<std::uint64_t> digests(const std::vector<Call>& calls, const Instance& f) {
  std::vector<std::uint64_t> digests;
  for (const Call& call : calls)
    for (unsigned place = 0; place < digest_places; ++place) digests.push_back(digest(call, f, place));
  return digests;
}

std::vector<std::uint64_t> digests_alone(const std::vector<Call>& calls, const nngp_activation& table,
                                         const Setting& setting) {
  std::array<int, 2> ends = {};
  if (::pipe(ends.data()) != 0) throw Error("no pipe can be made");
  const pid_t id = ::fork();
  if (id == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    try {
      const auto made = digests(calls, Instance(table, setting));
      [[maybe_unused]] const auto count = ::write(ends[1], made.data(), made.size() * sizeof made[0]);
    } catch (...) {
    }
    std::_Exit(0);
  }
  ::close(ends[1]);
  std::vector<std::uint64_t> alone(digest_places * calls.size() + 1);
  const ssize_t count = ::read(ends[0], alone.data(), alone.size() * sizeof alone[0]);
  ::close(ends[0]);
  ::waitpid(id, nullptr, 0);
  alone.resize(count > 0 ? static_cast<std::size_t>(count) / sizeof alone[0] : 0);
  return alone;
}

}  // namespace nngp::host
