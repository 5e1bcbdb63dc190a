/* The few bytes of a frame that the dpdk port looks at itself, because there is no kernel behind it that would. */
#include "dpdk.h"

#include <rte_ip.h>
#include <rte_udp.h>
#include <string.h>

#define ETHERTYPE_VLAN 0x8100
#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_ARP 0x0806
#define PROTOCOL_UDP 17
#define ETHERNET_BYTES 14
#define VLAN_BYTES 4
#define IPV4_BYTES 20 /* without options */
#define ARP_BYTES 28
#define MAC_BYTES 6

static uint16_t get16(const uint8_t *at) { return (uint16_t)(at[0] << 8 | at[1]); }

/* Where the IPv4 header of a plain UDP datagram begins, or 0. */
static uint32_t udp_datagram_at(const uint8_t *frame, uint32_t frame_bytes) {
    uint32_t at = ETHERNET_BYTES;
    if (frame_bytes < ETHERNET_BYTES + VLAN_BYTES) return 0;
    uint16_t ethertype = get16(frame + 12);
    if (ethertype == ETHERTYPE_VLAN) {
        ethertype = get16(frame + 16);
        at += VLAN_BYTES;
    }
    if (ethertype != ETHERTYPE_IPV4 || frame_bytes < at + IPV4_BYTES + 8) return 0;
    const uint8_t *ip = frame + at;
    if (ip[0] != 0x45 || (get16(ip + 6) & 0x3FFF) || ip[9] != PROTOCOL_UDP) return 0;
    return at;
}

int frame_is_for(const uint8_t *frame, uint32_t frame_bytes, const uint16_t *udp_ports, int udp_port_count) {
    uint32_t at = udp_datagram_at(frame, frame_bytes);
    if (!at) return 0;
    uint16_t destination = get16(frame + at + IPV4_BYTES + 2);
    for (int i = 0; i < udp_port_count; i++)
        if (udp_ports[i] == destination) return 1;
    return 0;
}

int frame_answer_arp(uint8_t *frame, uint32_t frame_bytes, uint32_t ip, uint64_t mac) {
    /* Ethernet and IPv4, six and four bytes, a request (RFC 826) */
    static const uint8_t request[8] = {0, 1, 8, 0, 6, 4, 0, 1};
    if (!ip || frame_bytes < ETHERNET_BYTES + ARP_BYTES || get16(frame + 12) != ETHERTYPE_ARP) return 0;
    uint8_t *arp = frame + ETHERNET_BYTES;
    uint8_t *sender = arp + 8, *target = arp + 18; /* a MAC and an IP each */
    uint8_t our_ip[4] = {(uint8_t)(ip >> 24), (uint8_t)(ip >> 16), (uint8_t)(ip >> 8), (uint8_t)ip};
    if (memcmp(arp, request, sizeof request) != 0 || memcmp(target + MAC_BYTES, our_ip, 4) != 0) return 0;
    arp[7] = 2; /* a reply */
    memcpy(target, sender, MAC_BYTES + 4);
    for (int i = 0; i < MAC_BYTES; i++) sender[i] = (uint8_t)(mac >> (40 - 8 * i));
    memcpy(sender + MAC_BYTES, our_ip, 4);
    memcpy(frame, target, MAC_BYTES);
    memcpy(frame + MAC_BYTES, sender, MAC_BYTES);
    return 1;
}

void frame_ask_udp_checksum(struct rte_mbuf *buffer) {
    uint8_t *frame = rte_pktmbuf_mtod(buffer, uint8_t *);
    uint32_t at = udp_datagram_at(frame, buffer->data_len);
    if (!at || get16(frame + at + IPV4_BYTES + 6) != 0) return;
    buffer->l2_len = at;
    buffer->l3_len = IPV4_BYTES;
    buffer->ol_flags |= RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_UDP_CKSUM;
    /* the device goes on from the sum of the pseudo header */
    uint16_t pseudo = rte_ipv4_phdr_cksum((struct rte_ipv4_hdr *)(frame + at), buffer->ol_flags);
    memcpy(frame + at + IPV4_BYTES + 6, &pseudo, sizeof pseudo);
}
