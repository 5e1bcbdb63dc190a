/* Time and waiting. Integers only, so that kernels can call. */
#ifndef PITWIRE_CLOCK_H
#define PITWIRE_CLOCK_H

#include <stdint.h>

/* CLOCK_REALTIME, ns since 1970 (UTC). */
int64_t clock_realtime_ns(void);

/* CLOCK_MONOTONIC, ns since boot; the clock of PKT_CLOCK_MONOTONIC. */
int64_t clock_monotonic_ns(void);

/* For loops that do not spin: 0 or less gives the CPU to whoever waits for it (sched_yield), more sleeps that long.
   A signal ends a sleep early. Returns 0. */
int32_t clock_idle(int64_t sleep_ns);

#endif
