/* The table of open ports and the calls that the loop makes: each looks up the handle and goes to the kind. */
#include "port_kinds.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORTS_BITS 6
#define PORTS_MAX (1 << PORTS_BITS)

static struct port *ports[PORTS_MAX];
static uint64_t generations[PORTS_MAX]; /* a slot's uses: an old handle never names a new port */
static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;

struct port *port_of_handle(uint64_t handle) {
    struct port *port = ports[handle & (PORTS_MAX - 1)];
    return port && port->handle == handle ? port : 0;
}

int32_t port_has_xdp(void) {
#ifdef WITH_XDP
    return 1;
#else
    return 0;
#endif
}

static const struct port_operations *operations_of(int32_t kind, struct problem *problem) {
    const struct dpdk_library *dpdk;
    switch (kind) {
    case PORT_MEMORY:
        return &memory_operations;
    case PORT_PCAP:
        return &pcap_operations;
    case PORT_UDP:
        return &udp_operations;
    case PORT_PACKET:
        return &packet_operations;
#ifdef WITH_XDP
    case PORT_XDP:
        return &xdp_operations;
#endif
    case PORT_DPDK:
        return dpdk_library_load(&dpdk, problem) < 0 ? 0 : dpdk->operations;
    default:
        problem_set(problem, ERROR_NOT_SUPPORTED,
                    kind == PORT_XDP
                        ? "This build has no xdp port: install libxdp-dev, libbpf-dev and clang, then build again."
                        : "There is no such kind of port.");
        return 0;
    }
}

static int32_t check_admission(const port_config *config, struct problem *problem) {
    if (config->source_count < 0 || config->source_count > SOURCES_MAX || (config->source_count && !config->sources))
        return problem_set(problem, ERROR_INVALID_ARGUMENT, "A port has at most %d networks that may send.",
                           SOURCES_MAX);
    for (int32_t i = 0; i < config->source_count; i++)
        if (config->sources[2 * i + 1] > 32)
            return problem_set(problem, ERROR_INVALID_ARGUMENT, "A prefix length is a number from 0 to 32.");
    if (config->datagrams_a_second < 0 || config->datagrams_burst < 0 || config->handshakes_a_second < 0 ||
        config->handshakes_burst < 0)
        return problem_set(problem, ERROR_INVALID_ARGUMENT, "A rate of datagrams is not negative.");
    return 0;
}

static int32_t check_config(const port_config *config, struct problem *problem) {
    if (config->rx_frames < 1 || config->rx_frames > PORT_FRAMES_MAX || config->tx_frames < 1 ||
        config->tx_frames > PORT_FRAMES_MAX)
        return problem_set(problem, ERROR_INVALID_ARGUMENT, "rx_frames and tx_frames are numbers from 1 to %d.",
                           PORT_FRAMES_MAX);
    if (config->udp_port_count > PORT_UDP_PORTS_MAX)
        return problem_set(problem, ERROR_INVALID_ARGUMENT, "A port takes at most %d UDP ports.", PORT_UDP_PORTS_MAX);
    if (config->tx_pending_max < 0 || config->multicast_ttl < 0 || config->multicast_ttl > 255)
        return problem_set(problem, ERROR_INVALID_ARGUMENT,
                           "tx_pending_max is not negative and multicast_ttl is a number from 0 to 255.");
    return check_admission(config, problem);
}

int32_t port_open(const port_config *config, uint64_t *handle, char *problem_text, int32_t problem_bytes) {
    struct problem problem = {problem_text, problem_bytes};
    int32_t code = check_config(config, &problem);
    if (code < 0) return code;
    const struct port_operations *operations = operations_of(config->kind, &problem);
    if (!operations) return ERROR_NOT_SUPPORTED;
    struct port *port = calloc(1, sizeof *port);
    if (!port) return problem_set(&problem, ERROR_NO_MEMORY, "Memory for the port could not be had.");
    port->operations = operations;
    port->port_id = config->port_id;
    port->stats.link_up = 1;
    code = operations->open(port, config, &problem);
    if (code < 0) {
        operations->close(port);
        free(port);
        return code;
    }

    pthread_mutex_lock(&table_lock);
    int slot = 0;
    while (slot < PORTS_MAX && ports[slot]) slot++;
    if (slot < PORTS_MAX) {
        port->handle = ++generations[slot] << PORTS_BITS | (uint64_t)slot;
        ports[slot] = port;
    }
    pthread_mutex_unlock(&table_lock);
    if (slot == PORTS_MAX) {
        operations->close(port);
        free(port);
        return problem_set(&problem, ERROR_NO_MEMORY, "At most %d ports can be open in a process.", PORTS_MAX);
    }
    *handle = port->handle;
    return 0;
}

int32_t port_close(uint64_t handle) {
    pthread_mutex_lock(&table_lock);
    struct port *port = port_of_handle(handle);
    if (port) ports[handle & (PORTS_MAX - 1)] = 0;
    pthread_mutex_unlock(&table_lock);
    if (!port) return ERROR_CLOSED;
    int32_t code = port->operations->close(port);
    free(port);
    return code;
}

int32_t port_describe(uint64_t handle, char *text, int32_t text_bytes) {
    struct port *port = port_of_handle(handle);
    if (!port) return ERROR_CLOSED;
    if (text_bytes < 1) return ERROR_INVALID_ARGUMENT;
    snprintf(text, (size_t)text_bytes, "%s", port->description);
    return (int32_t)strlen(text);
}

int32_t port_identity(uint64_t handle, port_identity_t *identity) {
    struct port *port = port_of_handle(handle);
    if (!port) return ERROR_CLOSED;
    *identity = port->identity;
    return 0;
}

int32_t port_rx_burst(uint64_t handle, uint64_t descs, int32_t max) {
    struct port *port = port_of_handle(handle);
    if (__builtin_expect(!port, 0)) return ERROR_CLOSED;
    if (max <= 0) return 0;
    return port->operations->rx_burst(port, (pkt_t *)(uintptr_t)descs, max);
}

int32_t port_rx_release(uint64_t handle, uint64_t descs, int32_t n) {
    struct port *port = port_of_handle(handle);
    if (__builtin_expect(!port, 0)) return ERROR_CLOSED;
    if (n <= 0) return 0;
    return port->operations->rx_release(port, (const pkt_t *)(uintptr_t)descs, n);
}

int32_t port_tx_alloc(uint64_t handle, uint64_t descs, int32_t n) {
    struct port *port = port_of_handle(handle);
    if (__builtin_expect(!port, 0)) return ERROR_CLOSED;
    if (n <= 0) return 0;
    return port->operations->tx_alloc(port, (pkt_t *)(uintptr_t)descs, n);
}

int32_t port_tx_burst(uint64_t handle, uint64_t descs, int32_t n) {
    struct port *port = port_of_handle(handle);
    if (__builtin_expect(!port, 0)) return ERROR_CLOSED;
    if (n <= 0) return 0;
    return port->operations->tx_burst(port, (const pkt_t *)(uintptr_t)descs, n);
}

int32_t port_tx_flush(uint64_t handle) {
    struct port *port = port_of_handle(handle);
    if (__builtin_expect(!port, 0)) return ERROR_CLOSED;
    return port->operations->tx_flush ? port->operations->tx_flush(port) : 0;
}

int32_t port_service(uint64_t handle, int32_t budget) {
    struct port *port = port_of_handle(handle);
    if (__builtin_expect(!port, 0)) return ERROR_CLOSED;
    return port->operations->service && budget > 0 ? port->operations->service(port, budget) : 0;
}

int32_t port_stats(uint64_t handle, uint64_t out) {
    struct port *port = port_of_handle(handle);
    if (__builtin_expect(!port, 0)) return ERROR_CLOSED;
    port->operations->refresh_stats(port);
    memcpy((void *)(uintptr_t)out, &port->stats, sizeof port->stats);
    return 0;
}
