#pragma once

// How long a computation will take, to tell those who wait for it.

#include <optional>
#include <string>

#include "nngp/api.hpp"

NNGP_API_BEGIN
namespace nngp {

/// What the progress of a computation says about its duration. It has no clock: whoever tells it of
/// progress tells the time too, in seconds since any moment.
class Forecast {
 public:
  static constexpr double many_seconds = 60;  ///< from which on people would like to know beforehand

  /// At the time `now`, `done` of `total` are done. Whether another computation begins here: the first,
  /// one of another total, or one that has done less than half of what was told before (threads may
  /// tell of one computation in another order). An earlier run may have done what is done at its
  /// beginning.
  bool update(double now, double done, double total);

  /// How much is done in a second; 0 until something is.
  double rate() const;

  /// The seconds that the computation takes in all, if these are many_seconds or more: told once, of
  /// the first such computation, when it has gone on for two seconds.
  std::optional<double> long_duration();

 private:
  double total_ = 0, done_ = 0;
  double done_at_start_ = 0;
  double start_ = 0, now_ = 0;
  bool judged_ = false, told_ = false;
};

/// "59 s", "4 min 9 s" or "2 h 30 min", rounded up to seconds.
std::string duration_text(double seconds);

}  // namespace nngp
NNGP_API_END
