// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/report/format.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <string>

namespace tessera::report {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(Number, RoundsUpIntoTheNextPowerOfTen) {
  EXPECT_EQ(number(9.994), "9.99");
  EXPECT_EQ(number(9.996), "10.0");
  EXPECT_EQ(number(99.96), "100");
  EXPECT_EQ(number(0.09996), "0.100");
  EXPECT_EQ(number(-9.996), "-10.0");
  EXPECT_EQ(number(9.9996, 4), "10.00");
}

TEST(Number, FormChangesWhereZerosWouldHideTheDigits) {
  EXPECT_EQ(number(1e-4), "0.000100");
  EXPECT_EQ(number(9.99e-5), "9.99e-05");
  EXPECT_EQ(number(9.999e-5), "0.000100");
  EXPECT_EQ(number(9.99e9), "9990000000");
  EXPECT_EQ(number(1e10), "1.00e+10");
  EXPECT_EQ(number(-1e-300), "-1.00e-300");
  EXPECT_EQ(number(1.7e308), "1.70e+308");
  EXPECT_EQ(number(5e-324), "4.94e-324") << "the smallest there is";
}

TEST(Number, DigitsMayBeOneOrMany) {
  EXPECT_EQ(number(1234.5, 1), "1234");
  EXPECT_EQ(number(0.123456, 1), "0.1");
  EXPECT_EQ(number(0.123456, 5), "0.12346");
  EXPECT_EQ(number(-0.0), "0");
}

RC_GTEST_PROP(Number, IsWithinHalfOfItsLastDigit, ()) {
  const int digits = *rc::gen::inRange(1, 8);
  const double value =
      *rc::gen::inRange(-999'999, 1'000'000) * std::pow(10.0, *rc::gen::inRange(-12, 10));
  RC_PRE(value != 0);
  const auto text = number(value, digits);
  const double shown = std::strtod(text.c_str(), nullptr);
  RC_ASSERT(std::abs(shown - value) <= 0.500001 * std::abs(value) * std::pow(10.0, 1 - digits));
  // Significant digits: from the first that is not zero to the exponent or the end.
  const auto mantissa = text.substr(0, text.find('e'));
  const auto first = mantissa.find_first_of("123456789");
  const auto count = std::count_if(mantissa.begin() + static_cast<std::ptrdiff_t>(first),
                                   mantissa.end(), [](char c) { return c != '.'; });
  const bool fraction = mantissa.find('.') != std::string::npos;
  RC_ASSERT((fraction ? count == digits : count >= digits));
}

TEST(Units, ChangeWhereTheNextOneHasAWhole) {
  EXPECT_EQ(energy(0.0417), "41.7 mJ");
  EXPECT_EQ(energy(1.2345e-5), "0.0123 mJ");
  EXPECT_EQ(energy(45.613), "45.6 J");
  EXPECT_EQ(energy(0), "0 mJ");
  EXPECT_EQ(duration(999), "999 us");
  EXPECT_EQ(duration(999.4), "999 us");
  EXPECT_EQ(duration(999.6), "1.00 ms") << "not 1000 us";
  EXPECT_EQ(duration(999'600), "1.00 s");
  EXPECT_EQ(duration(3.6e9), "3600 s");
  EXPECT_EQ(duration(0.5), "0.500 us");
  EXPECT_EQ(bytes(1023), "1023 B");
  EXPECT_EQ(bytes(1024), "1.00 KiB");
  EXPECT_EQ(bytes(5.0 * (1ULL << 40U)), "5120 GiB");
  EXPECT_EQ(count(999.6), "1.00 k");
  EXPECT_EQ(count(1e15), "1000 T");
}

TEST(Units, OfNothingAndOfWhatIsNoNumber) {
  EXPECT_EQ(duration(0), "0 us");
  EXPECT_EQ(bytes(0), "0 B");
  EXPECT_EQ(count(0), "0");
  EXPECT_EQ(duration(-1500), "-1.50 ms");
  EXPECT_EQ(duration(kNan), "- us");
  EXPECT_EQ(count(kInfinity), "inf T");
  EXPECT_EQ(milliseconds(1234.5), "1.23");
}

TEST(OrDash, FormatsWhatIsThere) {
  const auto plain = [](double value) { return count(value); };
  EXPECT_EQ(or_dash(std::optional<std::int64_t>(1200), plain), "1.20 k");
  EXPECT_EQ(or_dash(std::optional<std::int64_t>(), plain), "-");
}

}  // namespace
}  // namespace tessera::report
