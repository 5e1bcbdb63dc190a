/* Two wires in process memory: the loop's thread at one end, the tester's at the other.
 *
 * Frames travel by index through four rings of one producer and one consumer each, as AF_XDP does it:
 *     receive  tester --rx_ready--> loop --rx_free--> tester
 *     transmit loop --tx_ready--> tester --tx_free--> loop
 */
#include "port_kinds.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ring {
    _Atomic uint32_t head, tail; /* consumer's, producer's */
    uint32_t mask;
    uint32_t *slots;
};

struct memory {
    struct frame_pool rx, tx; /* memory and marks; here only their rings say what is free */
    pkt_t *rx_descs, *tx_descs;
    struct ring rx_ready, rx_free, tx_ready, tx_free;
    uint32_t tx_pending_max;
    _Atomic uint64_t refused;
};

static int ring_open(struct ring *ring, int32_t capacity) {
    uint32_t slots = 1;
    while (slots < (uint32_t)capacity) slots <<= 1;
    ring->mask = slots - 1;
    ring->slots = calloc(slots, sizeof *ring->slots);
    return ring->slots != 0;
}

static uint32_t ring_count(struct ring *ring) {
    return atomic_load_explicit(&ring->tail, memory_order_acquire) -
           atomic_load_explicit(&ring->head, memory_order_acquire);
}

/* There is always room: no more frames exist than the ring has slots. */
static void ring_push(struct ring *ring, uint32_t frame) {
    uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    ring->slots[tail & ring->mask] = frame;
    atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
}

static int ring_pop(struct ring *ring, uint32_t *frame) {
    uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    if (head == atomic_load_explicit(&ring->tail, memory_order_acquire)) return 0;
    *frame = ring->slots[head & ring->mask];
    atomic_store_explicit(&ring->head, head + 1, memory_order_release);
    return 1;
}

static int32_t memory_open(struct port *port, const port_config *config, struct problem *problem) {
    struct memory *memory = port->state = calloc(1, sizeof *memory);
    if (!memory || frame_pool_open(&memory->rx, config->rx_frames) < 0 ||
        frame_pool_open(&memory->tx, config->tx_frames) < 0 || !ring_open(&memory->rx_ready, config->rx_frames) ||
        !ring_open(&memory->rx_free, config->rx_frames) || !ring_open(&memory->tx_ready, config->tx_frames) ||
        !ring_open(&memory->tx_free, config->tx_frames) ||
        !(memory->rx_descs = calloc((size_t)config->rx_frames, sizeof(pkt_t))) ||
        !(memory->tx_descs = calloc((size_t)config->tx_frames, sizeof(pkt_t))))
        return problem_set(problem, ERROR_NO_MEMORY, "Memory for %d frames could not be had.",
                           config->rx_frames + config->tx_frames);
    for (int32_t frame = 0; frame < config->rx_frames; frame++) ring_push(&memory->rx_free, (uint32_t)frame);
    memory->tx_pending_max = (uint32_t)(config->tx_pending_max ? config->tx_pending_max : config->tx_frames);
    port->identity = (port_identity_t){.udp_port = config->udp_ports[0]};
    snprintf(port->description, sizeof port->description, "memory, %d frames in, %d out", config->rx_frames,
             config->tx_frames);
    return 0;
}

static int32_t memory_close(struct port *port) {
    struct memory *memory = port->state;
    if (!memory) return 0;
    frame_pool_close(&memory->rx);
    frame_pool_close(&memory->tx);
    free(memory->rx_descs);
    free(memory->tx_descs);
    free(memory->rx_ready.slots);
    free(memory->rx_free.slots);
    free(memory->tx_ready.slots);
    free(memory->tx_free.slots);
    free(memory);
    return 0;
}

static int32_t memory_rx_burst(struct port *port, pkt_t *descs, int32_t max) {
    struct memory *memory = port->state;
    int32_t count = 0;
    uint32_t frame;
    while (count < max && ring_pop(&memory->rx_ready, &frame)) {
        memory->rx.held[frame] = 1;
        descs[count] = memory->rx_descs[frame];
        port->stats.rx_bytes += descs[count].len;
        port->stats.rx_unstamped += !(descs[count].flags & PKT_CLOCK_MASK);
        count++;
    }
    port->stats.rx_frames += (uint64_t)count;
    port->stats.rx_held += (uint64_t)count;
    return count;
}

static int32_t memory_rx_release(struct port *port, const pkt_t *descs, int32_t n) {
    struct memory *memory = port->state;
    int32_t released = 0;
    for (int32_t i = 0; i < n; i++) {
        int32_t frame = frame_claim(&memory->rx, &descs[i], &port->stats);
        if (frame < 0) continue;
        ring_push(&memory->rx_free, (uint32_t)frame);
        released++;
    }
    port->stats.rx_held -= (uint64_t)released;
    return released;
}

static void take_back(struct memory *memory) {
    uint32_t frame;
    while (ring_pop(&memory->tx_free, &frame)) frame_put_back(&memory->tx, (int32_t)frame);
}

static int32_t memory_tx_alloc(struct port *port, pkt_t *descs, int32_t n) {
    struct memory *memory = port->state;
    take_back(memory); /* at once: the frame that was sent last is still in the cache */
    return frames_alloc(port, &memory->tx, descs, n);
}

/* Word by word, as the caller has just written it: a wider load would have to wait until those stores, and the frame
   before them, are in the cache. */
static inline void copy_desc(volatile pkt_t *to, const volatile pkt_t *from) {
    to->data = from->data;
    to->len = from->len;
    to->port = from->port;
    to->flags = from->flags;
    to->ts_ns = from->ts_ns;
    to->cookie = from->cookie;
}

static int32_t memory_tx_burst(struct port *port, const pkt_t *descs, int32_t n) {
    struct memory *memory = port->state;
    int32_t taken = 0;
    for (; taken < n; taken++) {
        if (!frame_is_sendable(&memory->tx, &descs[taken])) {
            frame_refuse(port, &memory->tx, &descs[taken]);
            continue;
        }
        if (ring_count(&memory->tx_ready) >= memory->tx_pending_max) break;
        int32_t frame = frame_claim(&memory->tx, &descs[taken], &port->stats);
        copy_desc(&memory->tx_descs[frame], &descs[taken]);
        ring_push(&memory->tx_ready, (uint32_t)frame);
        port->stats.tx_frames++;
        port->stats.tx_bytes += descs[taken].len;
    }
    return taken;
}

static void memory_refresh_stats(struct port *port) {
    struct memory *memory = port->state;
    port->stats.tx_free = (uint64_t)memory->tx.free_count + ring_count(&memory->tx_free);
    port->stats.rx_dropped = atomic_load(&memory->refused);
}

const struct port_operations memory_operations = {
    .open = memory_open,
    .close = memory_close,
    .rx_burst = memory_rx_burst,
    .rx_release = memory_rx_release,
    .tx_alloc = memory_tx_alloc,
    .tx_burst = memory_tx_burst,
    .refresh_stats = memory_refresh_stats,
};

int32_t port_memory_inject(uint64_t handle, const void *bytes, int32_t frame_bytes, uint64_t ts_ns, uint16_t flags) {
    struct port *port = port_of_handle(handle);
    if (!port) return ERROR_CLOSED;
    if (port->operations != &memory_operations) return ERROR_NOT_SUPPORTED;
    if (frame_bytes < 0 || frame_bytes > FRAME_BYTES_MAX) return ERROR_INVALID_ARGUMENT;
    struct memory *memory = port->state;
    uint32_t frame;
    if (!ring_pop(&memory->rx_free, &frame)) {
        atomic_fetch_add(&memory->refused, 1);
        return 0;
    }
    memcpy(frame_at(&memory->rx, frame), bytes, (size_t)frame_bytes);
    memory->rx_descs[frame] = (pkt_t){.data = (uintptr_t)frame_at(&memory->rx, frame),
                                      .len = (uint32_t)frame_bytes,
                                      .port = port->port_id,
                                      .flags = flags,
                                      .ts_ns = ts_ns,
                                      .cookie = frame};
    ring_push(&memory->rx_ready, frame);
    return 1;
}

int32_t port_memory_collect(uint64_t handle, void *bytes, int32_t room_bytes, pkt_t *desc) {
    struct port *port = port_of_handle(handle);
    if (!port) return ERROR_CLOSED;
    if (port->operations != &memory_operations) return ERROR_NOT_SUPPORTED;
    if (room_bytes < FRAME_BYTES_MAX) return ERROR_INVALID_ARGUMENT;
    struct memory *memory = port->state;
    uint32_t frame;
    if (!ring_pop(&memory->tx_ready, &frame)) return 0;
    *desc = memory->tx_descs[frame];
    memcpy(bytes, frame_at(&memory->tx, frame), desc->len);
    ring_push(&memory->tx_free, frame);
    return (int32_t)desc->len;
}
