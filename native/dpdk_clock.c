/* A device's receive clock, turned into CLOCK_REALTIME by measuring the two side by side. */
#include "dpdk.h"
#include "clock.h"

#include <rte_mbuf_dyn.h>
#include <string.h>

#define FIRST_BASELINE_NS 10000000 /* long enough for a rate within a few parts in 10^5; it gets better as it goes on */
#define FOLLOW_NS 1000000000

void dpdk_clock_learn(struct dpdk_clock *clock, uint64_t ticks, int64_t realtime_ns) {
    if (!clock->first_realtime_ns) {
        clock->first_ticks = ticks;
        clock->first_realtime_ns = realtime_ns;
    } else if (ticks > clock->first_ticks && realtime_ns > clock->first_realtime_ns) {
        clock->ns_per_tick =
            (double)(realtime_ns - clock->first_realtime_ns) / (double)(ticks - clock->first_ticks);
    }
    clock->last_ticks = ticks;
    clock->last_realtime_ns = realtime_ns;
}

uint64_t dpdk_clock_ns(const struct dpdk_clock *clock, uint64_t ticks) {
    if (clock->kind == DPDK_CLOCK_FILE_US) return ticks * 1000;
    double since = (double)(int64_t)(ticks - clock->last_ticks) * clock->ns_per_tick; /* a frame may be a bit older */
    return (uint64_t)(clock->last_realtime_ns + (int64_t)since);
}

static int read_both(struct dpdk_clock *clock, uint16_t port_id) {
    uint64_t ticks;
    int64_t before_ns = clock_realtime_ns();
    if (rte_eth_read_clock(port_id, &ticks) != 0) return -1;
    dpdk_clock_learn(clock, ticks, before_ns + (clock_realtime_ns() - before_ns) / 2);
    return 0;
}

void dpdk_clock_open(struct dpdk_clock *clock, uint16_t port_id, const char *driver, int has_timestamps) {
    *clock = (struct dpdk_clock){0};
    int is_capture = strcmp(driver, "net_pcap") == 0; /* it stamps always, in microseconds, and does not say so */
    if (!is_capture && !has_timestamps) return;
    if (rte_mbuf_dyn_rx_timestamp_register(&clock->field, &clock->flag) != 0) return;
    if (is_capture) {
        clock->kind = DPDK_CLOCK_FILE_US;
        return;
    }
    if (read_both(clock, port_id) != 0) return; /* stamps in unknown units are of no use */
    clock_idle(FIRST_BASELINE_NS);
    if (read_both(clock, port_id) == 0 && clock->ns_per_tick > 0) clock->kind = DPDK_CLOCK_DEVICE;
}

void dpdk_clock_follow(struct dpdk_clock *clock, uint16_t port_id) {
    if (clock->kind != DPDK_CLOCK_DEVICE || clock_realtime_ns() - clock->last_realtime_ns < FOLLOW_NS) return;
    read_both(clock, port_id);
}
