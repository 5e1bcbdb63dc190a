/* Steers UDP to the configured destination ports into the AF_XDP socket of the receive queue, stamped with
 * CLOCK_MONOTONIC. Everything else goes on to the kernel: other protocols and ports, fragments, IPv4 with options (the
 * appliance would refuse it, and the kernel answers it), more than one VLAN tag, and queues without a socket.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "xdp_steer.h"

struct {
    __uint(type, BPF_MAP_TYPE_XSKMAP);
    __uint(max_entries, XDP_QUEUES_MAX);
    __type(key, __u32);
    __type(value, __u32);
} xsks_map SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, XDP_UDP_PORTS_MAX);
    __type(key, __u16); /* network order */
    __type(value, __u8);
} ports_map SEC(".maps");

struct vlan_tag {
    __be16 tci;
    __be16 ethertype;
};

SEC("xdp")
int steer(struct xdp_md *context) {
    void *data = (void *)(long)context->data;
    void *end = (void *)(long)context->data_end;

    struct ethhdr *ethernet = data;
    if ((void *)(ethernet + 1) > end) return XDP_PASS;
    void *at = ethernet + 1;
    __be16 ethertype = ethernet->h_proto;
    if (ethertype == bpf_htons(ETH_P_8021Q)) {
        struct vlan_tag *tag = at;
        if ((void *)(tag + 1) > end) return XDP_PASS;
        ethertype = tag->ethertype;
        at = tag + 1;
    }
    if (ethertype != bpf_htons(ETH_P_IP)) return XDP_PASS;

    struct iphdr *ip = at;
    if ((void *)(ip + 1) > end) return XDP_PASS;
    if (ip->version != 4 || ip->ihl != 5 || ip->protocol != IPPROTO_UDP) return XDP_PASS;
    if (ip->frag_off & bpf_htons(0x3FFF)) return XDP_PASS; /* more fragments, or an offset */

    struct udphdr *udp = (void *)(ip + 1);
    if ((void *)(udp + 1) > end) return XDP_PASS;
    __u16 destination = udp->dest;
    if (!bpf_map_lookup_elem(&ports_map, &destination)) return XDP_PASS;

    if (bpf_xdp_adjust_meta(context, -(int)sizeof(struct xdp_stamp)) == 0) {
        struct xdp_stamp *stamp = (void *)(long)context->data_meta;
        if ((void *)(stamp + 1) <= (void *)(long)context->data) {
            stamp->mark = XDP_STAMP_MARK;
            stamp->monotonic_ns = bpf_ktime_get_ns();
        }
    }
    return bpf_redirect_map(&xsks_map, context->rx_queue_index, XDP_PASS);
}

char _license[] SEC("license") = "Apache-2.0"; /* no helper here asks for the GPL */
