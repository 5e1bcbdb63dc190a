/* Steers UDP to the configured destination ports into the AF_XDP socket of the receive queue, stamped with
 * CLOCK_MONOTONIC. Everything else goes on to the kernel: other protocols and ports, fragments, IPv4 with options (the
 * appliance would refuse it, and the kernel answers it), more than one VLAN tag, and queues without a socket.
 *
 * Where admission is on, what is not from the listed networks, comes too fast from one of them, or does not begin as
 * order entry does, ends here, counted: PROTOCOLS 3.6. Buckets are not locked: two CPUs that take datagrams of one
 * source at once may let one too many through.
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

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct xdp_admission);
} admission_map SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(max_entries, XDP_SOURCES_MAX);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, struct xdp_source);
    __type(value, __u8);
} sources_map SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, XDP_BUCKETS_MAX);
    __type(key, __u32); /* network order */
    __type(value, struct xdp_bucket);
} buckets_map SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct xdp_bucket);
} handshakes_map SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, XDP_REFUSALS_COUNT);
    __type(key, __u32);
    __type(value, __u64);
} refusals_map SEC(".maps");

/* SBE message header, and the FIXP messages that a client begins a datagram with. */
struct message_header {
    __u16 block_bytes, template_id, schema_id, version; /* little-endian, as the machine */
};
#define SCHEMA_FIXP 2748
#define CONTEXT_BLOCK_BYTES 24
enum { NEGOTIATE = 1, ESTABLISH = 5, CONTEXT = 9, RETRANSMIT_REQUEST = 11, TERMINATE = 14, FINISHED_SENDING = 15,
       FINISHED_RECEIVING = 16 };

static __always_inline int pays(struct xdp_bucket *bucket, __u64 now_ns, __u64 price_ns, __u64 most_ns) {
    __u64 saved_ns = bucket->seen_ns ? bucket->saved_ns + (now_ns - bucket->seen_ns) : most_ns;
    if (saved_ns > most_ns) saved_ns = most_ns;
    bucket->seen_ns = now_ns;
    int can = saved_ns >= price_ns;
    bucket->saved_ns = can ? saved_ns - price_ns : saved_ns;
    return can;
}

/* The XDP_REFUSED_* that ends the datagram, or -1. */
static __always_inline int refusal(const struct xdp_admission *admission, __be32 source_ip, void *payload, void *end,
                                   __u64 now_ns) {
    struct xdp_source source = {.prefix_bits = 32, .ip = source_ip};
    if (!bpf_map_lookup_elem(&sources_map, &source)) return XDP_REFUSED_SOURCE;

    if (admission->datagram_ns) {
        struct xdp_bucket *bucket = bpf_map_lookup_elem(&buckets_map, &source_ip);
        if (!bucket) {
            struct xdp_bucket fresh = {0};
            bpf_map_update_elem(&buckets_map, &source_ip, &fresh, BPF_NOEXIST);
            bucket = bpf_map_lookup_elem(&buckets_map, &source_ip);
        }
        if (!bucket || !pays(bucket, now_ns, admission->datagram_ns, admission->datagram_burst_ns))
            return XDP_REFUSED_RATE;
    }

    struct message_header *header = payload;
    if ((void *)(header + 1) > end || header->schema_id != SCHEMA_FIXP) return XDP_REFUSED_MESSAGE;
    switch (header->template_id) {
    case CONTEXT:
        if (header->block_bytes < CONTEXT_BLOCK_BYTES || payload + sizeof *header + CONTEXT_BLOCK_BYTES > end)
            return XDP_REFUSED_MESSAGE;
        return -1;
    case RETRANSMIT_REQUEST:
    case TERMINATE:
    case FINISHED_SENDING:
    case FINISHED_RECEIVING:
        return -1;
    case NEGOTIATE:
    case ESTABLISH:
        break;
    default:
        return XDP_REFUSED_MESSAGE;
    }
    __u32 only = 0;
    struct xdp_bucket *handshakes = bpf_map_lookup_elem(&handshakes_map, &only);
    if (admission->handshake_ns &&
        (!handshakes || !pays(handshakes, now_ns, admission->handshake_ns, admission->handshake_burst_ns)))
        return XDP_REFUSED_HANDSHAKES;
    return -1;
}

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

    __u64 now_ns = bpf_ktime_get_ns();
    __u32 only = 0;
    struct xdp_admission *admission = bpf_map_lookup_elem(&admission_map, &only);
    if (admission && admission->enabled) {
        int refused = refusal(admission, ip->saddr, udp + 1, end, now_ns);
        if (refused >= 0) {
            __u32 reason = refused;
            __u64 *count = bpf_map_lookup_elem(&refusals_map, &reason);
            if (count) ++*count;
            return XDP_DROP;
        }
    }

    if (bpf_xdp_adjust_meta(context, -(int)sizeof(struct xdp_stamp)) == 0) {
        struct xdp_stamp *stamp = (void *)(long)context->data_meta;
        if ((void *)(stamp + 1) <= (void *)(long)context->data) {
            stamp->mark = XDP_STAMP_MARK;
            stamp->monotonic_ns = now_ns;
        }
    }
    return bpf_redirect_map(&xsks_map, context->rx_queue_index, XDP_PASS);
}

char _license[] SEC("license") = "Apache-2.0"; /* no helper here asks for the GPL */
