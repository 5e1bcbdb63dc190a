"""Where an interval of time begins and ends, in UTC and in whole numbers only.

Lengths that divide a day begin at midnight; weeks begin on Monday, as in ISO 8601; months on their first day, in the
Gregorian calendar (Hinnant, "chrono-Compatible Low-Level Date Algorithms": days and civil dates).
"""

from __future__ import annotations

import numpy as np

from appliance.candles.records import DAY_NS
from native.jit import kernel

_DAYS_TO_1970 = 719_468
"""Days from 0000-03-01 to 1970-01-01."""
_DAYS_IN_400_YEARS = 146_097
_MONDAY = 4
"""1970-01-01 was a Thursday: four days later comes a Monday."""
WEEK_NS = 7 * DAY_NS


@kernel
def interval_start(time_ns, length_ns):
    """Start of the interval of `length_ns` (0: of the month) that `time_ns` lies in; both in ns since 1970."""
    if length_ns == 0:
        return month_start(time_ns)
    if length_ns == WEEK_NS:
        offset_ns = np.int64(_MONDAY * DAY_NS)
        return (time_ns - offset_ns) // length_ns * length_ns + offset_ns
    return time_ns // length_ns * length_ns


@kernel
def interval_end(start_ns, length_ns):
    """End of the interval that begins at `start_ns`: the start of the next."""
    if length_ns == 0:
        return month_start(start_ns + np.int64(31 * DAY_NS))  # a month begins on its first day
    return start_ns + length_ns


@kernel
def month_start(time_ns):
    """Midnight of the first day of the month that `time_ns` lies in."""
    days = time_ns // DAY_NS
    shifted = days + _DAYS_TO_1970
    day_of_era = shifted - shifted // _DAYS_IN_400_YEARS * _DAYS_IN_400_YEARS
    year = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year + year // 4 - year // 100)  # of a year that begins in March
    month = (5 * day_of_year + 2) // 153
    day_of_month = day_of_year - (153 * month + 2) // 5
    return (days - day_of_month) * DAY_NS
