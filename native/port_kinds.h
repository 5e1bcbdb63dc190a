/* What the ports share inside the library: the object behind a handle, its operations, its pool of buffers. */
#ifndef PITWIRE_PORT_KINDS_H
#define PITWIRE_PORT_KINDS_H

#include "port.h"

#define BATCH 64 /* frames a system call */

struct problem {
    char *text;
    int32_t text_bytes;
};

/* Writes the sentence and returns `code`. */
int32_t problem_set(struct problem *problem, int32_t code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The code that an errno means. */
int32_t code_of_errno(int error);

struct port;

struct port_operations {
    int32_t (*open)(struct port *port, const port_config *config, struct problem *problem);
    int32_t (*close)(struct port *port); /* also after an open that failed half way */
    int32_t (*rx_burst)(struct port *port, pkt_t *descs, int32_t max);
    int32_t (*rx_release)(struct port *port, const pkt_t *descs, int32_t n);
    int32_t (*tx_alloc)(struct port *port, pkt_t *descs, int32_t n);
    int32_t (*tx_burst)(struct port *port, const pkt_t *descs, int32_t n);
    int32_t (*tx_flush)(struct port *port);
    int32_t (*service)(struct port *port, int32_t budget);
    void (*refresh_stats)(struct port *port);
};

struct port {
    uint64_t handle;
    const struct port_operations *operations;
    void *state; /* the kind's own */
    port_stats_t stats;
    port_identity_t identity;
    uint16_t port_id;
    char description[192];
};

extern const struct port_operations memory_operations;
extern const struct port_operations pcap_operations;
extern const struct port_operations udp_operations;
extern const struct port_operations packet_operations;
#ifdef WITH_XDP
extern const struct port_operations xdp_operations;
#endif

/* What the dpdk port's own library exports as `pitwire_dpdk_library`. The sizes tell a library of another build. */
struct dpdk_library {
    uint32_t port_bytes, config_bytes;
    const struct port_operations *operations;
};

int32_t dpdk_library_load(const struct dpdk_library **found, struct problem *problem);

struct port *port_of_handle(uint64_t handle);

/* --- a pool of frame buffers that knows which of them the caller holds --- */

#define FRAME_STRIDE_BYTES 2048

struct frame_pool {
    uint8_t *base;
    int32_t *free_frames; /* a stack */
    uint8_t *held;        /* 1: the caller has it */
    int32_t frame_count;
    int32_t free_count;
};

/* 0 or ERROR_NO_MEMORY; close it in either case. */
int32_t frame_pool_open(struct frame_pool *pool, int32_t frame_count);
void frame_pool_close(struct frame_pool *pool);

static inline uint8_t *frame_at(const struct frame_pool *pool, uint64_t frame) {
    return pool->base + frame * FRAME_STRIDE_BYTES;
}

static inline void frame_put_back(struct frame_pool *pool, int32_t frame) {
    pool->free_frames[pool->free_count++] = frame;
}

/* The frame that the caller gives up with this descriptor, or -1 when it holds no such frame (counted). */
static inline int32_t frame_claim(struct frame_pool *pool, const pkt_t *desc, port_stats_t *stats) {
    uint64_t frame = desc->cookie;
    if (frame >= (uint64_t)pool->frame_count || !pool->held[frame]) {
        stats->bad_descriptors++;
        return -1;
    }
    pool->held[frame] = 0;
    return (int32_t)frame;
}

/* port_tx_alloc over a pool. */
int32_t frames_alloc(struct port *port, struct frame_pool *pool, pkt_t *descs, int32_t n);

/* port_rx_release over a pool. */
int32_t frames_release(struct port *port, struct frame_pool *pool, const pkt_t *descs, int32_t n);

/* 1 when the caller holds the frame of this descriptor and its length is one that frames have. */
static inline int frame_is_sendable(const struct frame_pool *pool, const pkt_t *desc) {
    return desc->cookie < (uint64_t)pool->frame_count && pool->held[desc->cookie] && desc->len >= 14 &&
           desc->len <= FRAME_BYTES_MAX;
}

/* Takes a descriptor that is not sent: a wrong cookie, a buffer given back (len 0), or no frame (counted). */
void frame_refuse(struct port *port, struct frame_pool *pool, const pkt_t *desc);

/* port_tx_burst over a socket. `load` claims a descriptor's frame and makes it message i, or changes nothing and
   returns -1. The kernel copies, so what was sent is free at once. */
struct mmsghdr;
int32_t socket_tx_burst(struct port *port, struct frame_pool *pool, int fd, struct mmsghdr *messages,
                        int32_t (*load)(struct port *port, int32_t i, const pkt_t *desc), const pkt_t *descs,
                        int32_t n);

/* --- an interface --- */

struct interface {
    int index;
    int mtu;
    uint64_t mac;
    uint32_t ip; /* host order */
};

int32_t interface_look(const char *name, struct interface *interface, struct problem *problem);
int interface_is_up(const char *name);

#endif
