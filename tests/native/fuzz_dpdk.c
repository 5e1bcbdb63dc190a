/* Random calls to the dpdk port over virtual devices, from a seed, to be run under ASan and UBSan: two ports that send
 * each other hostile frames over net_ring, one on a device that gives without end (net_null), one that writes a capture
 * (net_pcap). Also the arithmetic of device clocks, which no virtual device has.
 */
#include "../../native/dpdk.h"
#include "../../native/udp4_frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUIRE(condition)                                                                                             \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                            \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

#define BURST 40
#define FRAMES 48
#define PORTS 4
#define UDP_PORT 26400
#define OUR_IP 0x0A1A0001u

static uint64_t random_state;

static uint64_t random64(void) { /* xorshift64* */
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * 0x2545F4914F6CDD1DULL;
}

static uint32_t below(uint32_t limit) { return (uint32_t)(random64() >> 32) % limit; }

static volatile uint64_t sink;
static uint64_t calls_made, frames_moved, frames_sorted_out, opened;

/* --- frames --- */

static uint32_t make_frame(uint8_t *frame) {
    memset(frame, (int)below(256), FRAME_BYTES_MAX);
    if (!below(6)) { /* ARP, in part */
        static const uint8_t request[10] = {8, 6, 0, 1, 8, 0, 6, 4, 0, 1};
        uint8_t ip[4] = {OUR_IP >> 24, OUR_IP >> 16 & 255, OUR_IP >> 8 & 255, OUR_IP & 255};
        memcpy(frame + 12, request, sizeof request);
        memcpy(frame + 38, ip, sizeof ip);
        if (!below(4)) frame[12 + below(30)] ^= (uint8_t)random64();
        return 14 + below(60);
    }
    struct udp4 udp4 = {.source_ip = OUR_IP + 1,
                        .destination_ip = OUR_IP,
                        .destination_port = UDP_PORT,
                        .payload_bytes = below(1400)};
    udp4_headers_write(frame, &udp4);
    if (!below(4)) frame[below(46)] = (uint8_t)random64();
    return below(6) ? UDP4_HEADERS_BYTES + udp4.payload_bytes : below(2000);
}

/* --- calls --- */

static void receive_some(uint64_t port, pkt_t *descs, int32_t n) {
    int32_t got = port_rx_burst(port, (uintptr_t)descs, n);
    REQUIRE(got >= 0 && (got <= n || n <= 0));
    for (int32_t i = 0; i < got; i++) {
        const uint8_t *bytes = (const uint8_t *)(uintptr_t)descs[i].data;
        REQUIRE(descs[i].len <= FRAME_BYTES_MAX);
        for (uint32_t at = 0; at < descs[i].len; at++) sink += bytes[at];
    }
    for (int32_t i = 0; i < got && !below(3); i++) {
        pkt_t other = descs[i];
        int32_t at = (int32_t)below((uint32_t)got);
        descs[i] = descs[at];
        descs[at] = other;
    }
    port_rx_release(port, (uintptr_t)descs, below(8) ? got : got / 2);
    frames_moved += (uint64_t)got;
}

static void send_some(uint64_t port, pkt_t *descs, int32_t n) {
    int32_t got = port_tx_alloc(port, (uintptr_t)descs, n);
    REQUIRE(got >= 0 && (got <= n || n <= 0));
    for (int32_t i = 0; i < got; i++) {
        REQUIRE(descs[i].len == FRAME_BYTES_MAX);
        descs[i].len = make_frame((uint8_t *)(uintptr_t)descs[i].data);
        if (!below(16)) descs[i].cookie = descs[0].cookie;
        if (!below(32)) descs[i].cookie = random64();
    }
    int32_t taken = port_tx_burst(port, (uintptr_t)descs, got);
    REQUIRE(taken >= 0 && taken <= got);
    for (int32_t i = taken; i < got; i++) descs[i].len = 0;
    REQUIRE(port_tx_burst(port, (uintptr_t)(descs + taken), got - taken) == got - taken);
    REQUIRE(port_tx_flush(port) == 0);
}

static void nonsense(uint64_t port, pkt_t *descs, int32_t n) {
    for (int32_t i = 0; i < n; i++)
        descs[i] = (pkt_t){.cookie = below(3) ? (uint64_t)below(8) << 32 | below(4096) : random64(),
                           .len = below(2) ? below(2000) : (uint32_t)random64()};
    if (below(2))
        port_rx_release(port, (uintptr_t)descs, n);
    else
        REQUIRE(port_tx_burst(port, (uintptr_t)descs, n) <= (n > 0 ? n : 0));
}

static void one_call(uint64_t port) {
    int32_t n = (int32_t)below(BURST + 1);
    pkt_t *descs = calloc((size_t)(n ? n : 1), sizeof *descs); /* exactly: a burst too long is caught */
    REQUIRE(descs);
    switch (below(6)) {
    case 0:
    case 1:
        receive_some(port, descs, n);
        break;
    case 2:
        nonsense(port, descs, n);
        break;
    case 3:
        send_some(port, descs, n);
        break;
    case 4:
        port_service(port, n);
        break;
    default: {
        port_stats_t stats;
        REQUIRE(port_stats(port, (uintptr_t)&stats) == 0);
        REQUIRE(stats.tx_free <= FRAMES);
        REQUIRE(stats.rx_held <= FRAMES);
    }
    }
    calls_made++;
    free(descs);
}

static uint64_t open_port(const char *device, int queue, int queues) {
    port_config config = {.kind = PORT_DPDK,
                          .rx_frames = FRAMES,
                          .tx_frames = FRAMES,
                          .device = device,
                          .eal_args = "--no-huge -m 256",
                          .queue_count = queues,
                          .queue = queue,
                          .tx_queue = queues == 2 ? 1 - queue : -1,
                          .local_ip = OUR_IP,
                          .udp_port_count = queue == 0,
                          .udp_ports = {UDP_PORT}};
    uint64_t port = 0;
    char problem[512] = "";
    if (port_open(&config, &port, problem, sizeof problem) < 0) {
        fprintf(stderr, "%s: %s\n", device, problem);
        exit(77); /* skipped: no DPDK, or no memory for it */
    }
    opened++;
    return port;
}

static void close_port(uint64_t port) {
    port_stats_t stats;
    REQUIRE(port_stats(port, (uintptr_t)&stats) == 0);
    frames_sorted_out += stats.rx_skipped;
    REQUIRE(port_close(port) == 0);
    REQUIRE(port_close(port) == ERROR_CLOSED);
}

static uint64_t open_one(uint32_t which) {
    static const char *const devices[PORTS] = {"net_ring0", "net_ring0", "net_null0,size=90",
                                               "net_pcap0,tx_pcap=/dev/null"};
    static const int queue[PORTS] = {0, 1, 1, 0}, queues[PORTS] = {2, 2, 3, 1};
    return open_port(devices[which], queue[which], queues[which]);
}

static void fuzz_calls(uint32_t calls) {
    uint64_t ports[PORTS];
    for (uint32_t i = 0; i < PORTS; i++) ports[i] = open_one(i);
    for (uint32_t i = 0; i < calls; i++) {
        uint32_t which = below(PORTS);
        one_call(ports[which]);
        if (!below(200)) { /* closed with buffers held, and with others of its device open */
            close_port(ports[which]);
            ports[which] = open_one(which);
        }
    }
    for (int i = 0; i < PORTS; i++) close_port(ports[i]);
}

/* --- clocks --- */

static void check_clocks(void) {
    for (int i = 0; i < 1000; i++) {
        double ns_per_tick = 0.1 + below(1000) / 10.0;
        uint64_t start_ticks = random64() >> 2;
        int64_t start_ns = 1700000000000000000 + (int64_t)below(1u << 31);
        struct dpdk_clock clock = {.kind = DPDK_CLOCK_DEVICE};
        uint64_t ticks = start_ticks;
        for (int reading = 0; reading < 5; reading++) {
            dpdk_clock_learn(&clock, ticks, start_ns + (int64_t)((double)(ticks - start_ticks) * ns_per_tick));
            ticks += 1000000 + below(1000000000);
        }
        /* a bit before the last reading, and a second after */
        for (int64_t away = -100000; away < 100000; away += 1000) {
            uint64_t at = clock.last_ticks + (uint64_t)away;
            int64_t error = (int64_t)dpdk_clock_ns(&clock, at) - start_ns -
                            (int64_t)((double)(at - start_ticks) * ns_per_tick);
            REQUIRE(error > -2000 && error < 2000);
        }
    }
    struct dpdk_clock file = {.kind = DPDK_CLOCK_FILE_US};
    REQUIRE(dpdk_clock_ns(&file, 1000000) == 1000000000);
}

int main(int argument_count, char **arguments) {
    if (argument_count != 3) {
        fprintf(stderr, "usage: fuzz_dpdk SEED CALLS\n");
        return 2;
    }
    random_state = strtoull(arguments[1], 0, 10) * 2 + 1;
    check_clocks();
    fuzz_calls((uint32_t)strtoul(arguments[2], 0, 10));
    printf("ports: %llu opened, %llu calls, %llu frames received, %llu sorted out\n", (unsigned long long)opened,
           (unsigned long long)calls_made, (unsigned long long)frames_moved, (unsigned long long)frames_sorted_out);
    return 0;
}
