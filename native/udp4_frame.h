/* Ethernet, IPv4 and UDP headers around a payload: for the udp port, whose socket carries payloads only. */
#ifndef PITWIRE_UDP4_FRAME_H
#define PITWIRE_UDP4_FRAME_H

#include <stdint.h>

#define UDP4_HEADERS_BYTES 42 /* Ethernet 14, IPv4 20, UDP 8 */

struct udp4 {
    uint32_t source_ip, destination_ip; /* host order */
    uint16_t source_port, destination_port;
    uint32_t payload_offset, payload_bytes;
};

/* Writes 42 bytes of headers for `payload_bytes` that follow them. The MAC addresses are made up from the IP addresses
   (locally administered, 02:00 and the four octets; RFC 1112 6.4 for multicast): the socket does not tell the real
   ones. UDP checksum 0: none (RFC 768), since the kernel has verified what came. TTL 64, for the same reason. */
void udp4_headers_write(uint8_t *frame, const struct udp4 *udp4);

/* Reads an Ethernet frame (one VLAN tag is looked through) with an IPv4 packet that is no fragment and holds one UDP
   datagram; bytes beyond the packet are padding. 0, or -1 when the frame is anything else. Checksums are not read. */
int udp4_parse(const uint8_t *frame, uint32_t frame_bytes, struct udp4 *udp4);

#endif
