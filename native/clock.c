#define _GNU_SOURCE
#include "clock.h"

#include <sched.h>
#include <time.h>

static int64_t now_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t clock_realtime_ns(void) { return now_ns(CLOCK_REALTIME); }

int64_t clock_monotonic_ns(void) { return now_ns(CLOCK_MONOTONIC); }

int32_t clock_idle(int64_t sleep_ns) {
    if (sleep_ns <= 0) {
        sched_yield();
        return 0;
    }
    struct timespec wanted = {.tv_sec = sleep_ns / 1000000000, .tv_nsec = sleep_ns % 1000000000};
    nanosleep(&wanted, 0);
    return 0;
}
