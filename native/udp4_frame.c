#include "udp4_frame.h"

#include <string.h>

static uint16_t get16(const uint8_t *at) { return (uint16_t)(at[0] << 8 | at[1]); }

static uint32_t get32(const uint8_t *at) { return (uint32_t)get16(at) << 16 | get16(at + 2); }

static void put16(uint8_t *at, uint32_t value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value) {
    put16(at, value >> 16);
    put16(at + 2, value);
}

static void put_mac(uint8_t *at, uint32_t ip) {
    if (ip >> 28 == 14) {
        put16(at, 0x0100);
        put32(at + 2, 0x5E000000u | (ip & 0x007FFFFFu));
    } else {
        put16(at, 0x0200);
        put32(at + 2, ip);
    }
}

void udp4_headers_write(uint8_t *frame, const struct udp4 *udp4) {
    put_mac(frame, udp4->destination_ip);
    put_mac(frame + 6, udp4->source_ip);
    put16(frame + 12, 0x0800);
    uint8_t *ip = frame + 14;
    memset(ip, 0, 20);
    ip[0] = 0x45;
    put16(ip + 2, 28 + udp4->payload_bytes);
    put16(ip + 6, 0x4000); /* do not fragment */
    ip[8] = 64;
    ip[9] = 17;
    put32(ip + 12, udp4->source_ip);
    put32(ip + 16, udp4->destination_ip);
    uint32_t sum = 0;
    for (int i = 0; i < 20; i += 2) sum += get16(ip + i);
    while (sum >> 16) sum = (sum & 0xFFFF) + (sum >> 16);
    put16(ip + 10, ~sum);
    uint8_t *udp = ip + 20;
    put16(udp, udp4->source_port);
    put16(udp + 2, udp4->destination_port);
    put16(udp + 4, 8 + udp4->payload_bytes);
    put16(udp + 6, 0);
}

int udp4_parse(const uint8_t *frame, uint32_t frame_bytes, struct udp4 *udp4) {
    if (frame_bytes < 14) return -1;
    uint32_t at = 14;
    uint16_t ethertype = get16(frame + 12);
    if (ethertype == 0x8100) {
        if (frame_bytes < 18) return -1;
        ethertype = get16(frame + 16);
        at = 18;
    }
    if (ethertype != 0x0800 || frame_bytes - at < 20) return -1;
    const uint8_t *ip = frame + at;
    uint32_t header_bytes = (ip[0] & 15u) * 4;
    uint32_t total_bytes = get16(ip + 2);
    if (ip[0] >> 4 != 4 || header_bytes < 20 || total_bytes < header_bytes + 8 || total_bytes > frame_bytes - at)
        return -1;
    if ((get16(ip + 6) & 0x3FFF) || ip[9] != 17) return -1; /* more fragments, or an offset */
    const uint8_t *udp = ip + header_bytes;
    uint32_t udp_bytes = get16(udp + 4);
    if (udp_bytes < 8 || udp_bytes > total_bytes - header_bytes) return -1;
    *udp4 = (struct udp4){.source_ip = get32(ip + 12),
                          .destination_ip = get32(ip + 16),
                          .source_port = get16(udp),
                          .destination_port = get16(udp + 2),
                          .payload_offset = at + header_bytes + 8,
                          .payload_bytes = udp_bytes - 8};
    return 0;
}
