/* What the parts of the dpdk port share: the EAL, the pools of buffers, the devices. Their calls, where they do not
 * say otherwise, are made with the port's own lock held (port_dpdk.c). */
#ifndef PITWIRE_DPDK_H
#define PITWIRE_DPDK_H

#include "port_kinds.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>

/* --- the EAL: once a process, for good --- */

int32_t eal_start(const port_config *config, struct problem *problem);
int eal_uses_hugepages(void);

/* What DPDK said since eal_forget_words: the line that names the cause, or "". */
void eal_forget_words(void);
const char *eal_words(char *line, size_t line_bytes);

/* Makes the calling thread one that DPDK knows, so that its buffers come from a cache of its own. */
void eal_know_thread(void);

/* --- pools: buffers (mbufs) that are known by number --- */

#define DPDK_POOLS_MAX 256

/* Stands in each buffer's private room. `holder` is touched by its holder only. */
struct buffer_mark {
    uint32_t index;
    uint16_t pool;
    uint16_t holder; /* 0: nobody outside DPDK */
};

struct dpdk_pool {
    struct rte_mempool *mempool;
    struct rte_mbuf **buffers;
    uint32_t count; /* 0: no pool */
    uint16_t number;
    int is_leaving; /* its owner is gone; it goes when its last buffer comes home */
};

int32_t dpdk_pool_open(struct dpdk_pool **pool, uint32_t count, int socket, struct problem *problem);
void dpdk_pool_leave(struct dpdk_pool *pool);
void dpdk_pools_sweep(void);

/* Gives back everything that `holder` holds. */
void dpdk_pools_take_from(uint16_t holder);

/* The pool of a buffer that came from elsewhere in this process (net_ring hands them over), or 0. No lock needed. */
struct dpdk_pool *dpdk_pool_of(const struct rte_mbuf *buffer);

/* The buffer that a cookie names, if `holder` holds it, else 0. No lock needed. */
struct rte_mbuf *dpdk_buffer_held(uint64_t cookie, uint16_t holder);

static inline struct buffer_mark *mark_of(struct rte_mbuf *buffer) { return rte_mbuf_to_priv(buffer); }

static inline uint64_t cookie_of(const struct buffer_mark *mark) { return (uint64_t)mark->pool << 32 | mark->index; }

/* --- receive times --- */

enum dpdk_clock_kind { DPDK_CLOCK_NONE, DPDK_CLOCK_FILE_US, DPDK_CLOCK_DEVICE };

struct dpdk_clock {
    enum dpdk_clock_kind kind;
    int field;     /* of the buffer */
    uint64_t flag; /* in ol_flags: the field is set */
    uint64_t first_ticks, last_ticks;
    int64_t first_realtime_ns, last_realtime_ns;
    double ns_per_tick;
};

/* Begins to measure the device's clock against CLOCK_REALTIME; dpdk_clock_follow goes on with it. */
void dpdk_clock_open(struct dpdk_clock *clock, uint16_t port_id, const char *driver, int has_timestamps);
void dpdk_clock_follow(struct dpdk_clock *clock, uint16_t port_id);

/* Takes a reading of both clocks at one moment. */
void dpdk_clock_learn(struct dpdk_clock *clock, uint64_t ticks, int64_t realtime_ns);
uint64_t dpdk_clock_ns(const struct dpdk_clock *clock, uint64_t ticks);

/* --- devices: opened by their first port, closed by their last --- */

#define DPDK_QUEUES_MAX 64

struct dpdk_device {
    uint16_t port_id;
    int is_open;
    int is_ours; /* probed by us, so removed by us */
    char name[RTE_ETH_NAME_MAX_LEN];
    struct rte_eth_dev_info facts;
    struct rte_device *bus_device;
    int queue_count;
    uint16_t rx_ring, tx_ring; /* slots */
    uint64_t rx_offloads, tx_offloads;
    uint64_t rx_queues, tx_queues; /* in use, a bit each */
    struct dpdk_pool *rx_pools[DPDK_QUEUES_MAX];
};

int32_t dpdk_device_take(struct dpdk_device **device, const port_config *config, int tx_queue,
                         struct problem *problem);
void dpdk_device_give_back(struct dpdk_device *device, int queue, int tx_queue);

struct dpdk_steering {
    const char *what; /* for people */
    struct rte_flow *rules[PORT_UDP_PORTS_MAX];
    int rule_count;
};

int32_t dpdk_steer(struct dpdk_steering *steering, struct dpdk_device *device, const port_config *config,
                   struct problem *problem);
void dpdk_steer_end(struct dpdk_steering *steering, struct dpdk_device *device);

/* --- frames --- */

/* Is this an untagged or once tagged IPv4 datagram, whole and without options, to one of the UDP ports? */
int frame_is_for(const uint8_t *frame, uint32_t frame_bytes, const uint16_t *udp_ports, int udp_port_count);

/* Turns an ARP request for `ip` into its answer, in place. 1 when it was one. */
int frame_answer_arp(uint8_t *frame, uint32_t frame_bytes, uint32_t ip, uint64_t mac);

/* Lets the device compute the UDP checksum of a frame that has none, and prepares what it needs for that. */
void frame_ask_udp_checksum(struct rte_mbuf *buffer);

#endif
