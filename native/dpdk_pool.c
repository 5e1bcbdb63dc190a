/* Pools of DPDK's buffers, each with a number, so that a cookie names a buffer without being its address. */
#include "dpdk.h"

#include <stdio.h>
#include <stdlib.h>

#define CACHE_BUFFERS 64

static struct dpdk_pool pools[DPDK_POOLS_MAX];

static void number_buffer(struct rte_mempool *mempool, void *closure, void *object, unsigned index) {
    (void)mempool;
    struct dpdk_pool *pool = closure;
    struct rte_mbuf *buffer = object;
    *mark_of(buffer) = (struct buffer_mark){.index = index, .pool = pool->number};
    pool->buffers[index] = buffer;
}

int32_t dpdk_pool_open(struct dpdk_pool **opened, uint32_t count, int socket, struct problem *problem) {
    static unsigned made; /* names are for good */
    int number = 0;
    while (number < DPDK_POOLS_MAX && pools[number].count) number++;
    if (number == DPDK_POOLS_MAX)
        return problem_set(problem, ERROR_NO_MEMORY, "At most %d pools of buffers can be open in a process.",
                           DPDK_POOLS_MAX);
    struct dpdk_pool *pool = &pools[number];
    *pool = (struct dpdk_pool){.number = (uint16_t)number, .buffers = calloc(count, sizeof *pool->buffers)};
    char name[RTE_MEMPOOL_NAMESIZE];
    snprintf(name, sizeof name, "pitwire%u", made++);
    if (pool->buffers)
        pool->mempool = rte_pktmbuf_pool_create(name, count, CACHE_BUFFERS, sizeof(struct buffer_mark),
                                                RTE_MBUF_DEFAULT_BUF_SIZE, socket);
    if (!pool->mempool) {
        free(pool->buffers);
        *pool = (struct dpdk_pool){0};
        return problem_set(problem, ERROR_NO_MEMORY,
                           "DPDK has no memory for %u buffers (%u MiB): lower rx_frames and tx_frames, free hugepages, "
                           "or raise -m in eal_args.",
                           count, count * 3 / 1024 + 1);
    }
    rte_mempool_obj_iter(pool->mempool, number_buffer, pool);
    pool->count = count;
    *opened = pool;
    return 0;
}

void dpdk_pool_leave(struct dpdk_pool *pool) {
    if (pool) pool->is_leaving = 1;
}

void dpdk_pools_sweep(void) {
    for (int i = 0; i < DPDK_POOLS_MAX; i++) {
        if (!pools[i].count || !pools[i].is_leaving || !rte_mempool_full(pools[i].mempool)) continue;
        pools[i].count = 0;
        rte_mempool_free(pools[i].mempool);
        free(pools[i].buffers);
        pools[i] = (struct dpdk_pool){0};
    }
}

void dpdk_pools_take_from(uint16_t holder) {
    for (int i = 0; i < DPDK_POOLS_MAX; i++)
        for (uint32_t index = 0; index < pools[i].count; index++) {
            struct rte_mbuf *buffer = pools[i].buffers[index];
            if (mark_of(buffer)->holder != holder) continue;
            mark_of(buffer)->holder = 0;
            rte_pktmbuf_free(buffer);
        }
}

struct dpdk_pool *dpdk_pool_of(const struct rte_mbuf *buffer) {
    for (int i = 0; i < DPDK_POOLS_MAX; i++)
        if (pools[i].count && pools[i].mempool == buffer->pool) return &pools[i];
    return 0;
}

struct rte_mbuf *dpdk_buffer_held(uint64_t cookie, uint16_t holder) {
    if (cookie >> 32 >= DPDK_POOLS_MAX) return 0;
    const struct dpdk_pool *pool = &pools[cookie >> 32];
    uint32_t index = (uint32_t)cookie;
    if (index >= pool->count) return 0;
    struct rte_mbuf *buffer = pool->buffers[index];
    return mark_of(buffer)->holder == holder ? buffer : 0;
}
