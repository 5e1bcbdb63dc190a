/* Devices: found or made, set up with all their queues by the first port, taken down by the last. */
#include "dpdk.h"

#include <rte_dev.h>
#include <rte_errno.h>
#include <stdio.h>
#include <string.h>

#define RING_SLOTS_MIN 256
#define RING_SLOTS_MAX 4096
#define SLACK_BUFFERS 512 /* what lies in the caches of threads */
#define DRAIN_BURSTS_MAX 4096
#define MTU 1500

static struct dpdk_device devices[RTE_MAX_ETHPORTS];

/* --- finding --- */

static int32_t no_such_device(const char *device, int error, struct problem *problem) {
    char line[256];
    eal_words(line, sizeof line);
    if (error == -ENODEV)
        return problem_set(problem, ERROR_NOT_FOUND,
                           "There is no device %.100s that DPDK may have: `dpdk-devbind.py --status` lists those that "
                           "are here and their drivers; with --no-pci or -a in eal_args it sees fewer.",
                           device);
    return problem_set(problem, error == -EEXIST || error == -EBUSY ? ERROR_BUSY : ERROR_NOT_FOUND,
                       "DPDK does not take the device \"%.200s\": %s.", device,
                       *line ? line : rte_strerror(-error));
}

static int find_port(const char *device, uint16_t *port_id) {
    char name[RTE_DEV_NAME_MAX_LEN];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(device, ","), device);
    struct rte_dev_iterator iterator;
    if (rte_eth_iterator_init(&iterator, name) == 0) {
        *port_id = rte_eth_iterator_next(&iterator);
        if (*port_id != RTE_MAX_ETHPORTS) {
            rte_eth_iterator_cleanup(&iterator);
            return 1;
        }
    }
    return rte_eth_dev_get_port_by_name(name, port_id) == 0;
}

static int32_t only_port(uint16_t *port_id, struct problem *problem) {
    int count = rte_eth_dev_count_avail();
    if (count == 1) {
        *port_id = (uint16_t)rte_eth_find_next(0);
        return 0;
    }
    return problem_set(problem, count ? ERROR_INVALID_ARGUMENT : ERROR_NOT_FOUND,
                       "eal_args give DPDK %d devices: name one as the device%s.", count,
                       count ? "" : ", such as 0000:00:06.0 or net_memif0");
}

static int32_t find(uint16_t *port_id, int *is_ours, const char *device, struct problem *problem) {
    *is_ours = 0;
    if (!*device) return only_port(port_id, problem);
    if (find_port(device, port_id)) return 0;
    eal_forget_words();
    int error = rte_dev_probe(device);
    if (error < 0) return no_such_device(device, error, problem);
    *is_ours = 1;
    if (find_port(device, port_id)) return 0;
    return problem_set(problem, ERROR_NOT_SUPPORTED, "The device %.100s carries no Ethernet.", device);
}

/* --- setting up --- */

static int32_t refused(const struct dpdk_device *device, const char *what, int error, struct problem *problem) {
    char line[256];
    eal_words(line, sizeof line);
    /* many drivers say -1 for anything */
    return problem_set(problem, error == -1 ? ERROR_IO : code_of_errno(-error),
                       "The driver %s of %s refused %s: %s.", device->facts.driver_name, device->name, what,
                       *line ? line : rte_strerror(-error));
}

static uint16_t ring_slots(int32_t frames) {
    int slots = RING_SLOTS_MIN;
    while (slots < frames && slots < RING_SLOTS_MAX) slots <<= 1;
    return (uint16_t)slots;
}

static int32_t configure(struct dpdk_device *device, const port_config *config, struct problem *problem) {
    const struct rte_eth_dev_info *facts = &device->facts;
    struct rte_eth_conf settings = {0};
    if (facts->max_mtu >= MTU && facts->min_mtu <= MTU) settings.rxmode.mtu = MTU;
    if (!config->offloads_off) {
        device->rx_offloads = facts->rx_offload_capa & (RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM |
                                                        RTE_ETH_RX_OFFLOAD_TIMESTAMP);
        device->tx_offloads =
            facts->tx_offload_capa & (RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM);
    }
    settings.rxmode.offloads = device->rx_offloads;
    settings.txmode.offloads = device->tx_offloads;
    uint64_t hash = facts->flow_type_rss_offloads & (RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP);
    if (device->queue_count > 1 && hash) {
        settings.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
        settings.rx_adv_conf.rss_conf.rss_hf = hash;
    }
    int error = rte_eth_dev_configure(device->port_id, (uint16_t)device->queue_count, (uint16_t)device->queue_count,
                                      &settings);
    if (error < 0) return refused(device, "its set-up", error, problem);
    device->rx_ring = ring_slots(config->rx_frames);
    device->tx_ring = ring_slots(config->tx_frames);
    error = rte_eth_dev_adjust_nb_rx_tx_desc(device->port_id, &device->rx_ring, &device->tx_ring);
    return error < 0 ? refused(device, "its rings", error, problem) : 0;
}

static int32_t set_up_queues(struct dpdk_device *device, const port_config *config, struct problem *problem) {
    int socket = rte_eth_dev_socket_id(device->port_id);
    uint32_t buffers = (uint32_t)config->rx_frames + device->rx_ring + SLACK_BUFFERS;
    for (uint16_t queue = 0; queue < device->queue_count; queue++) {
        int32_t code = dpdk_pool_open(&device->rx_pools[queue], buffers, socket, problem);
        if (code < 0) return code;
        int error = rte_eth_rx_queue_setup(device->port_id, queue, device->rx_ring, (unsigned)socket, 0,
                                           device->rx_pools[queue]->mempool);
        if (error < 0) return refused(device, "a receive queue", error, problem);
        error = rte_eth_tx_queue_setup(device->port_id, queue, device->tx_ring, (unsigned)socket, 0);
        if (error < 0) return refused(device, "a transmit queue", error, problem);
    }
    return 0;
}

static int32_t open_device(struct dpdk_device *device, const port_config *config, struct problem *problem) {
    int error = rte_eth_dev_info_get(device->port_id, &device->facts);
    rte_eth_dev_get_name_by_port(device->port_id, device->name);
    if (error < 0) return refused(device, "to say what it is", error, problem);
    device->bus_device = device->facts.device;
    device->queue_count = config->queue_count ? config->queue_count : 1;
    int most = device->facts.max_rx_queues < device->facts.max_tx_queues ? device->facts.max_rx_queues
                                                                         : device->facts.max_tx_queues;
    if (device->queue_count > most)
        return problem_set(problem, ERROR_INVALID_ARGUMENT, "%s has at most %d queues.", device->name, most);
    eal_forget_words();
    int32_t code;
    if ((code = configure(device, config, problem)) < 0 || (code = set_up_queues(device, config, problem)) < 0)
        return code;
    error = rte_eth_dev_start(device->port_id);
    return error < 0 ? refused(device, "to start", error, problem) : 0;
}

/* --- taking down --- */

/* What still waits in rings of this process (net_ring) would keep its pool for ever. */
static void drain(struct dpdk_device *device) {
    struct rte_mbuf *buffers[BATCH];
    uint16_t got;
    for (uint16_t queue = 0; queue < device->queue_count; queue++)
        for (int i = 0; i < DRAIN_BURSTS_MAX && (got = rte_eth_rx_burst(device->port_id, queue, buffers, BATCH)); i++)
            rte_pktmbuf_free_bulk(buffers, got);
}

static void close_device(struct dpdk_device *device, int is_started) {
    if (is_started) {
        drain(device);
        rte_eth_dev_stop(device->port_id);
    }
    if (device->is_ours) {
        rte_eth_dev_close(device->port_id);
        if (device->bus_device) rte_dev_remove(device->bus_device);
    }
    for (int queue = 0; queue < device->queue_count && queue < DPDK_QUEUES_MAX; queue++)
        dpdk_pool_leave(device->rx_pools[queue]);
    *device = (struct dpdk_device){0};
}

/* --- for ports --- */

int32_t dpdk_device_take(struct dpdk_device **taken, const port_config *config, int tx_queue,
                         struct problem *problem) {
    uint16_t port_id;
    int is_ours;
    int32_t code = find(&port_id, &is_ours, config->device ? config->device : "", problem);
    if (code < 0) return code;
    struct dpdk_device *device = &devices[port_id];
    uint64_t rx_bit = 1ull << config->queue, tx_bit = 1ull << tx_queue;
    if (!device->is_open) {
        *device = (struct dpdk_device){.port_id = port_id, .is_ours = is_ours};
        code = open_device(device, config, problem);
        if (code < 0) {
            close_device(device, 0);
            return code;
        }
        device->is_open = 1;
    } else if (config->queue_count > 0 && config->queue_count != device->queue_count) {
        return problem_set(problem, ERROR_BUSY, "%s is set up with %d queues by another port of this process, not %d.",
                           device->name, device->queue_count, config->queue_count);
    } else if ((device->rx_queues & rx_bit) || (device->tx_queues & tx_bit)) {
        return problem_set(problem, ERROR_BUSY, "Queue %d of %s is in use by another port of this process.",
                           device->rx_queues & rx_bit ? config->queue : tx_queue, device->name);
    }
    device->rx_queues |= rx_bit;
    device->tx_queues |= tx_bit;
    *taken = device;
    return 0;
}

void dpdk_device_give_back(struct dpdk_device *device, int queue, int tx_queue) {
    device->rx_queues &= ~(1ull << queue);
    device->tx_queues &= ~(1ull << tx_queue);
    if (!device->rx_queues) close_device(device, 1);
}
