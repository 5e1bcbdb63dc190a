/* Frame buffers: one mapping, a stack of free ones, a mark on those that the caller holds. */
#include "port_kinds.h"

#include <stdlib.h>
#include <sys/mman.h>

int32_t frame_pool_open(struct frame_pool *pool, int32_t frame_count) {
    pool->frame_count = frame_count;
    pool->free_frames = calloc((size_t)frame_count, sizeof *pool->free_frames);
    pool->held = calloc((size_t)frame_count, 1);
    void *base = mmap(0, (size_t)frame_count * FRAME_STRIDE_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    pool->base = base == MAP_FAILED ? 0 : base;
    if (!pool->free_frames || !pool->held || !pool->base) return ERROR_NO_MEMORY;
    /* Lowest on top: a port that is never full touches few pages. */
    for (int32_t frame = frame_count - 1; frame >= 0; frame--) frame_put_back(pool, frame);
    return 0;
}

void frame_pool_close(struct frame_pool *pool) {
    if (pool->base) munmap(pool->base, (size_t)pool->frame_count * FRAME_STRIDE_BYTES);
    free(pool->free_frames);
    free(pool->held);
    *pool = (struct frame_pool){0};
}

int32_t frames_alloc(struct port *port, struct frame_pool *pool, pkt_t *descs, int32_t n) {
    if (n > pool->free_count) n = pool->free_count;
    for (int32_t i = 0; i < n; i++) {
        int32_t frame = pool->free_frames[--pool->free_count];
        pool->held[frame] = 1;
        descs[i] = (pkt_t){.data = (uintptr_t)frame_at(pool, (uint64_t)frame),
                           .len = FRAME_BYTES_MAX,
                           .port = port->port_id,
                           .cookie = (uint64_t)frame};
    }
    return n;
}

int32_t frames_release(struct port *port, struct frame_pool *pool, const pkt_t *descs, int32_t n) {
    int32_t released = 0;
    for (int32_t i = 0; i < n; i++) {
        int32_t frame = frame_claim(pool, &descs[i], &port->stats);
        if (frame < 0) continue;
        frame_put_back(pool, frame);
        released++;
    }
    port->stats.rx_held -= (uint64_t)released;
    return released;
}

void frame_refuse(struct port *port, struct frame_pool *pool, const pkt_t *desc) {
    int32_t frame = frame_claim(pool, desc, &port->stats);
    if (frame < 0) return;
    if (desc->len) port->stats.tx_invalid++;
    frame_put_back(pool, frame);
}
