/* Which of a device's queues gets the frames: rules of the NIC (rte_flow) where it takes them, else its hash table
 * (RSS), pointed at the queues that somebody polls. A device with one queue needs neither. */
#include "dpdk.h"

#include <rte_flow.h>
#include <string.h>

#define RETA_GROUPS_MAX (RTE_ETH_RSS_RETA_SIZE_512 / RTE_ETH_RETA_GROUP_SIZE)

static struct rte_flow *add_rule(const struct dpdk_device *device, uint16_t udp_port, uint16_t queue,
                                 struct rte_flow_error *error) {
    struct rte_flow_attr attributes = {.ingress = 1};
    struct rte_flow_item_udp udp = {.hdr.dst_port = rte_cpu_to_be_16(udp_port)};
    struct rte_flow_item_udp udp_mask = {.hdr.dst_port = RTE_BE16(0xFFFF)};
    struct rte_flow_item pattern[] = {
        {.type = RTE_FLOW_ITEM_TYPE_ETH},
        {.type = RTE_FLOW_ITEM_TYPE_IPV4},
        {.type = RTE_FLOW_ITEM_TYPE_UDP, .spec = &udp, .mask = &udp_mask},
        {.type = RTE_FLOW_ITEM_TYPE_END},
    };
    struct rte_flow_action_queue to = {.index = queue};
    struct rte_flow_action actions[] = {
        {.type = RTE_FLOW_ACTION_TYPE_QUEUE, .conf = &to},
        {.type = RTE_FLOW_ACTION_TYPE_END},
    };
    return rte_flow_create(device->port_id, &attributes, pattern, actions, error);
}

static int add_rules(struct dpdk_steering *steering, const struct dpdk_device *device, const port_config *config,
                     struct rte_flow_error *error) {
    for (int i = 0; i < config->udp_port_count; i++) {
        struct rte_flow *rule = add_rule(device, config->udp_ports[i], (uint16_t)config->queue, error);
        if (!rule) return -1;
        steering->rules[steering->rule_count++] = rule;
    }
    return steering->rule_count ? 0 : -1;
}

/* Spreads what the NIC hashes over the queues that are polled. */
static int point_hash_at_open_queues(const struct dpdk_device *device) {
    uint16_t slots = device->facts.reta_size;
    if (!slots || slots > RTE_ETH_RSS_RETA_SIZE_512 || !device->rx_queues) return -1;
    struct rte_eth_rss_reta_entry64 table[RETA_GROUPS_MAX];
    memset(table, 0, sizeof table);
    int queue = -1;
    for (int slot = 0; slot < slots; slot++) {
        do queue = (queue + 1) % device->queue_count;
        while (!(device->rx_queues >> queue & 1));
        table[slot / RTE_ETH_RETA_GROUP_SIZE].mask |= 1ull << (slot % RTE_ETH_RETA_GROUP_SIZE);
        table[slot / RTE_ETH_RETA_GROUP_SIZE].reta[slot % RTE_ETH_RETA_GROUP_SIZE] = (uint16_t)queue;
    }
    return rte_eth_dev_rss_reta_update(device->port_id, table, slots);
}

int32_t dpdk_steer(struct dpdk_steering *steering, struct dpdk_device *device, const port_config *config,
                   struct problem *problem) {
    struct rte_flow_error error = {.message = "it has no flow rules"};
    steering->what = "all frames to its one queue";
    if (config->steering == STEERING_AUTO && device->queue_count == 1) return 0;
    if (config->steering != STEERING_RSS) {
        if (add_rules(steering, device, config, &error) == 0) {
            steering->what = "flow rules";
            return 0;
        }
        dpdk_steer_end(steering, device);
        if (config->steering == STEERING_FLOW)
            return problem_set(problem, ERROR_NOT_SUPPORTED,
                               "The driver %s of %s refused the flow rule for a UDP port (%.100s): ask for the "
                               "steering auto or rss.",
                               device->facts.driver_name, device->name,
                               config->udp_port_count ? error.message ? error.message : "no reason given"
                                                      : "no UDP port was named");
    }
    if (point_hash_at_open_queues(device) == 0) {
        steering->what = "rss to the open queues";
        return 0;
    }
    if (config->steering == STEERING_RSS)
        return problem_set(problem, ERROR_NOT_SUPPORTED,
                           "The driver %s of %s has no RSS table to set: ask for the steering auto.",
                           device->facts.driver_name, device->name);
    steering->what = "left to the driver";
    return 0;
}

void dpdk_steer_end(struct dpdk_steering *steering, struct dpdk_device *device) {
    struct rte_flow_error error;
    while (steering->rule_count) rte_flow_destroy(device->port_id, steering->rules[--steering->rule_count], &error);
}
