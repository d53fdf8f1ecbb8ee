// How long a computation will take.

#include "nngp/forecast.hpp"

#include <gtest/gtest.h>

namespace {

using nngp::Forecast;

TEST(Forecast, KnowsTheRateWhenSomethingIsDone) {
  Forecast forecast;
  EXPECT_TRUE(forecast.update(7, 0, 100));
  EXPECT_EQ(forecast.rate(), 0);
  EXPECT_FALSE(forecast.update(8, 0, 100));
  EXPECT_EQ(forecast.rate(), 0);
  EXPECT_FALSE(forecast.update(11, 20, 100));
  EXPECT_EQ(forecast.rate(), 5);
}

TEST(Forecast, TellsALongDurationOnceAfterTwoSeconds) {
  Forecast forecast;
  forecast.update(0, 0, 1000);
  forecast.update(1.9, 19, 1000);
  EXPECT_FALSE(forecast.long_duration());
  forecast.update(2, 20, 1000);
  EXPECT_EQ(forecast.long_duration(), 100);
  EXPECT_FALSE(forecast.long_duration());
  forecast.update(3, 21, 1000);
  EXPECT_FALSE(forecast.long_duration());
}

TEST(Forecast, WaitsUntilSomethingIsDone) {
  Forecast forecast;
  forecast.update(0, 0, 10);
  forecast.update(30, 0, 10);
  EXPECT_FALSE(forecast.long_duration());
  forecast.update(40, 1, 10);
  EXPECT_EQ(forecast.long_duration(), 400);
}

TEST(Forecast, DoesNotTellOfLessThanAMinute) {
  Forecast forecast;
  forecast.update(0, 0, 100);
  forecast.update(4, 10, 100);  // 40 seconds in all
  EXPECT_FALSE(forecast.long_duration());
  forecast.update(20, 20, 100);  // it slows down, but is judged once
  EXPECT_FALSE(forecast.long_duration());
}

TEST(Forecast, TellsOfALongComputationAfterAShortOne) {
  Forecast forecast;
  forecast.update(0, 0, 100);
  forecast.update(4, 50, 100);
  EXPECT_FALSE(forecast.long_duration());
  EXPECT_TRUE(forecast.update(8, 0, 1000));
  EXPECT_FALSE(forecast.update(12, 40, 1000));
  EXPECT_EQ(forecast.rate(), 10);
  EXPECT_EQ(forecast.long_duration(), 100);
}

TEST(Forecast, LeavesOutWhatAnEarlierRunHadDone) {
  Forecast forecast;
  forecast.update(0, 900, 1000);
  forecast.update(10, 910, 1000);
  EXPECT_EQ(forecast.rate(), 1);
  EXPECT_EQ(forecast.long_duration(), 100);
}

TEST(Forecast, TellsDisorderFromAnotherComputation) {
  Forecast forecast;
  forecast.update(0, 0, 1000);
  EXPECT_FALSE(forecast.update(1, 30, 1000));
  EXPECT_FALSE(forecast.update(2, 20, 1000));  // a slower thread
  EXPECT_EQ(forecast.rate(), 10);
  EXPECT_TRUE(forecast.update(3, 0, 1000));
  EXPECT_EQ(forecast.rate(), 0);
}

TEST(Forecast, WritesDurations) {
  EXPECT_EQ(nngp::duration_text(0), "0 s");
  EXPECT_EQ(nngp::duration_text(58.2), "59 s");
  EXPECT_EQ(nngp::duration_text(59.5), "1 min 0 s");
  EXPECT_EQ(nngp::duration_text(249), "4 min 9 s");
  EXPECT_EQ(nngp::duration_text(9000), "2 h 30 min");
  EXPECT_EQ(nngp::duration_text(1e300), "277777 h 46 min");
}

}  // namespace
