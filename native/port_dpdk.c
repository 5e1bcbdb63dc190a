/* DPDK: a device's queue polled from this process, past the kernel altogether, by any of DPDK's drivers.
 *
 * One port is one receive and one transmit queue of a device. Received buffers are handed up as they are and go back by
 * cookie; transmit buffers go to the driver as they are: nothing is copied here. The device is ours whole, so what is
 * no datagram to our UDP ports ends here, ARP requests for our address excepted, which are answered.
 *
 * A device is opened by its first port and closed by its last (dpdk_device.c); the EAL is started by the first port of
 * the process (dpdk_eal.c). Opening and closing is one at a time; the loop's calls take no lock.
 */
#define _GNU_SOURCE
#include "dpdk.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORTS_MAX 255
#define PREFETCHED 32 /* some drivers give nothing to a burst that is smaller */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint8_t numbers_used[PORTS_MAX + 1];

struct dpdk {
    int number; /* 1..PORTS_MAX */
    uint16_t rx_holder, tx_holder;
    struct dpdk_device *device;
    uint16_t port_id, queue, tx_queue;
    struct dpdk_pool *tx_pool;
    struct rte_mbuf *arrived[PREFETCHED]; /* had from the driver, not yet handed up */
    int arrived_at, arrived_count;
    uint64_t rx_held_max, tx_held_max, tx_held;
    uint16_t udp_ports[PORT_UDP_PORTS_MAX];
    int udp_port_count;
    uint16_t flags;
    int checks_rx, checksums_tx, cleans_tx;
    struct dpdk_clock clock;
    struct dpdk_steering steering;
};

/* --- opening --- */

static int32_t check(const port_config *config, int tx_queue, struct problem *problem) {
    int queues = config->queue_count ? config->queue_count : 1;
    if (queues < 1 || queues > DPDK_QUEUES_MAX)
        return problem_set(problem, ERROR_INVALID_ARGUMENT, "queue_count is a number from 1 to %d.", DPDK_QUEUES_MAX);
    if (config->queue < 0 || config->queue >= queues || tx_queue < 0 || tx_queue >= queues)
        return problem_set(problem, ERROR_INVALID_ARGUMENT,
                           "queue and tx_queue are numbers from 0 to %d: the device is set up with %d queues "
                           "(queue_count).",
                           queues - 1, queues);
    return 0;
}

static void describe(struct port *port, const struct dpdk *dpdk) {
    const struct dpdk_device *device = dpdk->device;
    char checksums[32] = "no checksums";
    if (dpdk->checks_rx || dpdk->checksums_tx)
        snprintf(checksums, sizeof checksums, "checksums %s", !dpdk->checks_rx      ? "out"
                                                              : !dpdk->checksums_tx ? "in"
                                                                                    : "in and out");
    static const char *const stamps[] = {"no timestamps", "the file's timestamps", "device timestamps"};
    snprintf(port->description, sizeof port->description, "dpdk %s on %.40s queue %d of %d, %s, %s, %s, %s",
             device->facts.driver_name, device->name, dpdk->queue, device->queue_count,
             eal_uses_hugepages() ? "hugepages" : "no hugepages", dpdk->steering.what, checksums,
             stamps[dpdk->clock.kind]);
}

static int32_t open_locked(struct port *port, struct dpdk *dpdk, const port_config *config, struct problem *problem) {
    int tx_queue = config->tx_queue < 0 ? config->queue : config->tx_queue;
    int32_t code = check(config, tx_queue, problem);
    if (code < 0) return code;
    int number = 1;
    while (number <= PORTS_MAX && numbers_used[number]) number++;
    if (number > PORTS_MAX)
        return problem_set(problem, ERROR_NO_MEMORY, "At most %d dpdk ports can be open in a process.", PORTS_MAX);
    if ((code = eal_start(config, problem)) < 0 ||
        (code = dpdk_device_take(&dpdk->device, config, tx_queue, problem)) < 0)
        return code;
    numbers_used[dpdk->number = number] = 1;
    dpdk->rx_holder = (uint16_t)(2 * number);
    dpdk->tx_holder = (uint16_t)(2 * number + 1);
    dpdk->port_id = dpdk->device->port_id;
    dpdk->queue = (uint16_t)config->queue;
    dpdk->tx_queue = (uint16_t)tx_queue;
    if ((code = dpdk_steer(&dpdk->steering, dpdk->device, config, problem)) < 0 ||
        /* Beside those that the caller may have: a driver keeps what it has sent until its ring comes round. */
        (code = dpdk_pool_open(&dpdk->tx_pool, (uint32_t)config->tx_frames + dpdk->device->tx_ring + 512,
                               rte_eth_dev_socket_id(dpdk->port_id), problem)) < 0)
        return code;

    dpdk->rx_held_max = (uint64_t)config->rx_frames;
    dpdk->tx_held_max = (uint64_t)config->tx_frames;
    dpdk->udp_port_count = config->udp_port_count;
    memcpy(dpdk->udp_ports, config->udp_ports, sizeof dpdk->udp_ports);
    dpdk->flags = config->udp_checksum_complete ? PKT_UDP_CHECKSUM_COMPLETE : 0;
    dpdk->checks_rx = (dpdk->device->rx_offloads & RTE_ETH_RX_OFFLOAD_UDP_CKSUM) != 0;
    dpdk->checksums_tx = (dpdk->device->tx_offloads & RTE_ETH_TX_OFFLOAD_UDP_CKSUM) != 0;
    dpdk->cleans_tx = rte_eth_tx_done_cleanup(dpdk->port_id, dpdk->tx_queue, 1) >= 0;
    dpdk_clock_open(&dpdk->clock, dpdk->port_id, dpdk->device->facts.driver_name,
                    (dpdk->device->rx_offloads & RTE_ETH_RX_OFFLOAD_TIMESTAMP) != 0);

    struct rte_ether_addr mac = {0};
    rte_eth_macaddr_get(dpdk->port_id, &mac);
    port->identity = (port_identity_t){.ip = config->local_ip, .udp_port = config->udp_ports[0]};
    for (int i = 0; i < 6; i++) port->identity.mac = port->identity.mac << 8 | mac.addr_bytes[i];
    describe(port, dpdk);
    return 0;
}

static int32_t dpdk_open(struct port *port, const port_config *config, struct problem *problem) {
    struct dpdk *dpdk = port->state = calloc(1, sizeof *dpdk);
    if (!dpdk) return problem_set(problem, ERROR_NO_MEMORY, "Memory for the port could not be had.");
    pthread_mutex_lock(&lock);
    int32_t code = open_locked(port, dpdk, config, problem);
    pthread_mutex_unlock(&lock);
    return code;
}

static int32_t dpdk_close(struct port *port) {
    struct dpdk *dpdk = port->state;
    if (!dpdk) return 0;
    pthread_mutex_lock(&lock);
    if (dpdk->number) {
        if (dpdk->arrived_count > dpdk->arrived_at)
            rte_pktmbuf_free_bulk(dpdk->arrived + dpdk->arrived_at,
                                  (unsigned)(dpdk->arrived_count - dpdk->arrived_at));
        dpdk_pools_take_from(dpdk->rx_holder);
        dpdk_pools_take_from(dpdk->tx_holder);
        dpdk_steer_end(&dpdk->steering, dpdk->device);
        dpdk_device_give_back(dpdk->device, dpdk->queue, dpdk->tx_queue);
        dpdk_pool_leave(dpdk->tx_pool);
        dpdk_pools_sweep();
        numbers_used[dpdk->number] = 0;
    }
    pthread_mutex_unlock(&lock);
    free(dpdk);
    return 0;
}

/* --- receive --- */

/* Sends an ARP reply in the buffer that the request came in. */
static void answer(struct dpdk *dpdk, struct rte_mbuf *buffer) {
    if (rte_eth_tx_burst(dpdk->port_id, dpdk->tx_queue, &buffer, 1) != 1) rte_pktmbuf_free(buffer);
}

/* 1 when the frame is for the caller; else it has been dealt with, and counted. */
static int is_for_caller(struct port *port, struct rte_mbuf *buffer) {
    struct dpdk *dpdk = port->state;
    if (buffer->nb_segs != 1 || buffer->pkt_len > FRAME_BYTES_MAX) {
        port->stats.rx_too_long++;
    } else if (dpdk->checks_rx &&
               ((buffer->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_BAD ||
                (buffer->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_BAD)) {
        port->stats.rx_invalid++;
    } else {
        uint8_t *frame = rte_pktmbuf_mtod(buffer, uint8_t *);
        if (!dpdk->udp_port_count || frame_is_for(frame, buffer->data_len, dpdk->udp_ports, dpdk->udp_port_count))
            return 1;
        port->stats.rx_skipped++;
        if (frame_answer_arp(frame, buffer->data_len, port->identity.ip, port->identity.mac)) {
            answer(dpdk, buffer);
            return 0;
        }
    }
    rte_pktmbuf_free(buffer);
    return 0;
}

static int hand_up(struct port *port, struct rte_mbuf *buffer, pkt_t *desc) {
    struct dpdk *dpdk = port->state;
    if (buffer->pool != dpdk->device->rx_pools[dpdk->queue]->mempool && !dpdk_pool_of(buffer)) {
        port->stats.rx_dropped++; /* no number: it comes from somebody who is not a port of ours */
        rte_pktmbuf_free(buffer);
        return 0;
    }
    struct buffer_mark *mark = mark_of(buffer);
    mark->holder = dpdk->rx_holder;
    *desc = (pkt_t){.data = (uintptr_t)rte_pktmbuf_mtod(buffer, void *),
                    .len = buffer->data_len,
                    .port = port->port_id,
                    .cookie = cookie_of(mark)};
    if ((buffer->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) != RTE_MBUF_F_RX_L4_CKSUM_NONE) desc->flags = dpdk->flags;
    if (dpdk->clock.kind && (buffer->ol_flags & dpdk->clock.flag)) {
        desc->ts_ns =
            dpdk_clock_ns(&dpdk->clock, *RTE_MBUF_DYNFIELD(buffer, dpdk->clock.field, rte_mbuf_timestamp_t *));
        desc->flags |= dpdk->clock.kind == DPDK_CLOCK_FILE_US ? PKT_CLOCK_FILE : PKT_CLOCK_REALTIME;
    } else {
        port->stats.rx_unstamped++;
    }
    return 1;
}

static int32_t dpdk_rx_burst(struct port *port, pkt_t *descs, int32_t max) {
    struct dpdk *dpdk = port->state;
    if (dpdk->arrived_at == dpdk->arrived_count) {
        dpdk->arrived_at = 0;
        dpdk->arrived_count = rte_eth_rx_burst(dpdk->port_id, dpdk->queue, dpdk->arrived, PREFETCHED);
        if (!dpdk->arrived_count) return 0;
        eal_know_thread();
    }
    uint64_t room = dpdk->rx_held_max - port->stats.rx_held;
    if ((uint64_t)max > room) max = (int32_t)room;
    int32_t count = 0;
    while (count < max && dpdk->arrived_at < dpdk->arrived_count) {
        struct rte_mbuf *buffer = dpdk->arrived[dpdk->arrived_at++];
        if (!is_for_caller(port, buffer) || !hand_up(port, buffer, &descs[count])) continue;
        port->stats.rx_bytes += descs[count++].len;
    }
    port->stats.rx_frames += (uint64_t)count;
    port->stats.rx_held += (uint64_t)count;
    return count;
}

/* The buffer that the caller gives up with this descriptor, or 0 when it holds no such buffer (counted). */
static struct rte_mbuf *claim(struct port *port, const pkt_t *desc, uint16_t holder) {
    struct rte_mbuf *buffer = dpdk_buffer_held(desc->cookie, holder);
    if (buffer) {
        mark_of(buffer)->holder = 0;
    } else {
        port->stats.bad_descriptors++;
    }
    return buffer;
}

static int32_t dpdk_rx_release(struct port *port, const pkt_t *descs, int32_t n) {
    struct dpdk *dpdk = port->state;
    int32_t released = 0;
    for (int32_t i = 0; i < n; i++) {
        struct rte_mbuf *buffer = claim(port, &descs[i], dpdk->rx_holder);
        if (!buffer) continue;
        rte_pktmbuf_free(buffer);
        released++;
    }
    port->stats.rx_held -= (uint64_t)released;
    return released;
}

/* --- transmit --- */

static int32_t dpdk_tx_alloc(struct port *port, pkt_t *descs, int32_t n) {
    struct dpdk *dpdk = port->state;
    uint64_t room = dpdk->tx_held_max - dpdk->tx_held;
    if ((uint64_t)n > room) n = (int32_t)room;
    int32_t count = 0;
    for (; count < n; count++) {
        struct rte_mbuf *buffer = rte_pktmbuf_alloc(dpdk->tx_pool->mempool);
        if (!buffer) break;
        struct buffer_mark *mark = mark_of(buffer);
        mark->holder = dpdk->tx_holder;
        descs[count] = (pkt_t){.data = (uintptr_t)rte_pktmbuf_mtod(buffer, void *),
                               .len = FRAME_BYTES_MAX,
                               .port = port->port_id,
                               .cookie = cookie_of(mark)};
    }
    dpdk->tx_held += (uint64_t)count;
    return count;
}

static int link_is_up(uint16_t port_id) {
    struct rte_eth_link link = {0};
    return rte_eth_link_get_nowait(port_id, &link) < 0 || link.link_status == RTE_ETH_LINK_UP;
}

/* Gives a batch of claimed buffers to the driver. Returns how many are done with; the rest are the caller's again. */
static int32_t send_batch(struct port *port, struct rte_mbuf **batch, int32_t count) {
    struct dpdk *dpdk = port->state;
    uint16_t ready = (uint16_t)count;
    uint64_t bytes[BATCH];
    for (int32_t i = 0; i < count; i++) bytes[i] = batch[i]->data_len;
    if (dpdk->checksums_tx) {
        for (int32_t i = 0; i < count; i++) frame_ask_udp_checksum(batch[i]);
        ready = rte_eth_tx_prepare(dpdk->port_id, dpdk->tx_queue, batch, ready);
    }
    int32_t sent = ready ? rte_eth_tx_burst(dpdk->port_id, dpdk->tx_queue, batch, ready) : 0;
    for (int32_t i = 0; i < sent; i++) port->stats.tx_bytes += bytes[i];
    port->stats.tx_frames += (uint64_t)sent;
    /* Nobody at the other end, or a frame that the driver cannot prepare: it would be refused for ever. */
    int32_t hopeless = sent == count ? 0 : sent < ready ? (link_is_up(dpdk->port_id) ? 0 : count - sent) : 1;
    for (int32_t i = sent; i < sent + hopeless; i++) rte_pktmbuf_free(batch[i]);
    port->stats.tx_failed += (uint64_t)hopeless;
    for (int32_t i = sent + hopeless; i < count; i++) {
        batch[i]->ol_flags = 0;
        mark_of(batch[i])->holder = dpdk->tx_holder;
    }
    return sent + hopeless;
}

static int32_t dpdk_tx_burst(struct port *port, const pkt_t *descs, int32_t n) {
    struct dpdk *dpdk = port->state;
    struct rte_mbuf *batch[BATCH];
    int32_t taken = 0;
    while (taken < n) {
        int32_t count = 0;
        while (count < BATCH && taken + count < n) {
            const pkt_t *desc = &descs[taken + count];
            if (desc->len < 14 || desc->len > FRAME_BYTES_MAX) break;
            struct rte_mbuf *buffer = dpdk_buffer_held(desc->cookie, dpdk->tx_holder);
            if (!buffer) break;
            mark_of(buffer)->holder = 0;
            buffer->data_len = (uint16_t)desc->len;
            buffer->pkt_len = desc->len;
            batch[count++] = buffer;
        }
        if (count) {
            int32_t done = send_batch(port, batch, count);
            dpdk->tx_held -= (uint64_t)done;
            taken += done;
            if (done < count) break;
        } else { /* a wrong cookie, a buffer given back (len 0), or no frame */
            struct rte_mbuf *buffer = claim(port, &descs[taken], dpdk->tx_holder);
            if (buffer) {
                port->stats.tx_invalid += descs[taken].len != 0;
                rte_pktmbuf_free(buffer);
                dpdk->tx_held--;
            }
            taken++;
        }
    }
    return taken;
}

static int32_t dpdk_service(struct port *port, int32_t budget) {
    struct dpdk *dpdk = port->state;
    dpdk_clock_follow(&dpdk->clock, dpdk->port_id);
    int done = dpdk->cleans_tx ? rte_eth_tx_done_cleanup(dpdk->port_id, dpdk->tx_queue, (uint32_t)budget) : 0;
    return done > 0 ? done : 0;
}

static void dpdk_refresh_stats(struct port *port) {
    struct dpdk *dpdk = port->state;
    struct rte_eth_stats counts = {0};
    if (rte_eth_stats_get(dpdk->port_id, &counts) == 0) { /* of the whole device */
        port->stats.rx_ring_full = counts.imissed;
        port->stats.rx_fill_empty = counts.rx_nombuf;
    }
    uint64_t free_buffers = rte_mempool_avail_count(dpdk->tx_pool->mempool);
    uint64_t may_have = dpdk->tx_held_max - dpdk->tx_held;
    port->stats.tx_free = free_buffers < may_have ? free_buffers : may_have;
    port->stats.link_up = (uint64_t)link_is_up(dpdk->port_id);
}

static const struct port_operations dpdk_operations = {
    .open = dpdk_open,
    .close = dpdk_close,
    .rx_burst = dpdk_rx_burst,
    .rx_release = dpdk_rx_release,
    .tx_alloc = dpdk_tx_alloc,
    .tx_burst = dpdk_tx_burst,
    .service = dpdk_service,
    .refresh_stats = dpdk_refresh_stats,
};

extern const struct dpdk_library pitwire_dpdk_library;
__attribute__((visibility("default"))) const struct dpdk_library pitwire_dpdk_library = {
    .port_bytes = sizeof(struct port),
    .config_bytes = sizeof(port_config),
    .operations = &dpdk_operations,
};
