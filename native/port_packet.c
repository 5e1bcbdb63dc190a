/* AF_PACKET on an interface: whole frames by way of the kernel, where AF_XDP cannot be had (needs CAP_NET_RAW).
 *
 * Receive is a mapped ring (TPACKET_V2): an empty poll reads one word of memory, where recvmmsg would cost a system
 * call each time. Transmit is sendmmsg: PACKET_TX_RING needs a system call as well and the kernel copies either way.
 * A socket filter hands up IPv4 UDP to the configured ports only. The kernel takes a VLAN tag out of the frame before
 * we see it; it is put back.
 *
 * The frames also go to the kernel's own UDP, which would answer each with an ICMP port unreachable. A UDP socket on
 * each port, with a filter that drops everything, keeps it silent; it is also what makes a second opener of the same
 * port fail.
 */
#define _GNU_SOURCE
#include "port_kinds.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

#define RING_FRAME_BYTES 2048
#define RING_BLOCK_BYTES 65536
#define VLAN_TAG_BYTES 4

struct packet {
    int fd;
    int guards[PORT_UDP_PORTS_MAX];
    int guard_count;
    char interface_name[16];
    uint8_t *ring;
    size_t ring_bytes;
    uint32_t slot_count, next_slot;
    uint8_t *held; /* per slot: the caller has it */
    struct frame_pool tx;
    struct mmsghdr messages[BATCH];
    struct iovec buffers[BATCH];
};

static int32_t give_up(struct problem *problem, const char *what) {
    if (errno == EPERM || errno == EACCES)
        return problem_set(problem, ERROR_PERMISSION,
                           "The packet port needs CAP_NET_RAW: run as root, or use the udp port.");
    return problem_set(problem, code_of_errno(errno), "%s: %s.", what, strerror(errno));
}

/* IPv4, UDP, no later fragment, destination port in the list. The tag of a VLAN frame is already out of the way. */
static int attach_filter(int fd, const port_config *config) {
    struct sock_filter code[8 + 2 * PORT_UDP_PORTS_MAX];
    uint8_t ports = (uint8_t)config->udp_port_count, at = 0;
    uint8_t drop = (uint8_t)(8 + ports); /* index of the last but one instruction */
#define JUMP_OVER(target) ((uint8_t)((target) - at - 1))
    code[at] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12), at++;
    code[at] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, JUMP_OVER(drop)), at++;
    code[at] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 23), at++;
    code[at] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, JUMP_OVER(drop)), at++;
    code[at] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 20), at++;
    code[at] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x1FFF, JUMP_OVER(drop), 0), at++;
    code[at] = (struct sock_filter)BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 14), at++; /* X: bytes of the IPv4 header */
    code[at] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_H | BPF_IND, 16), at++;
    for (uint8_t i = 0; i < ports; i++, at++)
        code[at] =
            (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, config->udp_ports[i], JUMP_OVER(drop + 1), 0);
    code[at] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0), at++;
    code[at] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0x40000), at++;
#undef JUMP_OVER
    struct sock_fprog program = {.len = at, .filter = code};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

static int32_t open_guard(struct packet *packet, uint16_t udp_port, struct problem *problem) {
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return give_up(problem, "No UDP socket could be had");
    packet->guards[packet->guard_count++] = fd;
    struct sock_filter drop_all = BPF_STMT(BPF_RET | BPF_K, 0);
    struct sock_fprog program = {.len = 1, .filter = &drop_all};
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(udp_port)};
    if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, packet->interface_name,
                   (socklen_t)strlen(packet->interface_name)) < 0)
        return give_up(problem, "The kernel's UDP could not be kept silent");
    if (bind(fd, (struct sockaddr *)&here, sizeof here) < 0) {
        if (errno == EADDRINUSE)
            return problem_set(problem, ERROR_BUSY,
                               "UDP port %u is in use on %s by another process; `ss -ulpn` says by which.", udp_port,
                               packet->interface_name);
        return give_up(problem, "The UDP port could not be claimed");
    }
    return 0;
}

static int32_t open_ring(struct packet *packet, const port_config *config, struct problem *problem) {
    int version = TPACKET_V2, reserve = VLAN_TAG_BYTES, on = 1;
    uint32_t per_block = RING_BLOCK_BYTES / RING_FRAME_BYTES;
    uint32_t blocks = ((uint32_t)config->rx_frames + per_block - 1) / per_block;
    struct tpacket_req request = {.tp_block_size = RING_BLOCK_BYTES,
                                  .tp_block_nr = blocks,
                                  .tp_frame_size = RING_FRAME_BYTES,
                                  .tp_frame_nr = blocks * per_block};
    if (setsockopt(packet->fd, SOL_PACKET, PACKET_VERSION, &version, sizeof version) < 0 ||
        setsockopt(packet->fd, SOL_PACKET, PACKET_RESERVE, &reserve, sizeof reserve) < 0 ||
        setsockopt(packet->fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof request) < 0)
        return give_up(problem, "The receive ring could not be had");
    setsockopt(packet->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on); /* older kernels: see rx_burst */
    packet->slot_count = request.tp_frame_nr;
    packet->ring_bytes = (size_t)request.tp_block_size * request.tp_block_nr;
    void *ring = mmap(0, packet->ring_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, packet->fd, 0);
    if (ring == MAP_FAILED) return give_up(problem, "The receive ring could not be mapped");
    packet->ring = ring;
    packet->held = calloc(packet->slot_count, 1);
    if (!packet->held) return problem_set(problem, ERROR_NO_MEMORY, "Memory for the port could not be had.");
    return 0;
}

static int32_t packet_open(struct port *port, const port_config *config, struct problem *problem) {
    struct packet *packet = port->state = calloc(1, sizeof *packet);
    if (!packet) return problem_set(problem, ERROR_NO_MEMORY, "Memory for the port could not be had.");
    packet->fd = -1;
    if (!config->udp_port_count)
        return problem_set(problem, ERROR_INVALID_ARGUMENT, "The packet port needs at least one UDP port to hand up.");
    struct interface interface;
    int32_t code = interface_look(config->interface_name, &interface, problem);
    if (code < 0) return code;
    snprintf(packet->interface_name, sizeof packet->interface_name, "%s", config->interface_name);
    if (frame_pool_open(&packet->tx, config->tx_frames) < 0)
        return problem_set(problem, ERROR_NO_MEMORY, "Memory for %d frames could not be had.", config->tx_frames);
    packet->fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); /* protocol 0: nothing comes yet */
    if (packet->fd < 0) return give_up(problem, "No packet socket could be had");
    if (attach_filter(packet->fd, config) < 0) return give_up(problem, "The packet filter could not be set");
    if ((code = open_ring(packet, config, problem)) < 0) return code;
    for (int i = 0; i < config->udp_port_count; i++)
        if ((code = open_guard(packet, config->udp_ports[i], problem)) < 0) return code;
    struct sockaddr_ll here = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = interface.index};
    if (bind(packet->fd, (struct sockaddr *)&here, sizeof here) < 0)
        return give_up(problem, "The packet socket could not be bound");
    port->identity = (port_identity_t){.mac = interface.mac, .ip = interface.ip, .udp_port = config->udp_ports[0]};
    snprintf(port->description, sizeof port->description, "packet, AF_PACKET mapped ring on %s",
             packet->interface_name);
    return 0;
}

static int32_t packet_close(struct port *port) {
    struct packet *packet = port->state;
    if (!packet) return 0;
    if (packet->ring) munmap(packet->ring, packet->ring_bytes);
    if (packet->fd >= 0) close(packet->fd);
    for (int i = 0; i < packet->guard_count; i++) close(packet->guards[i]);
    frame_pool_close(&packet->tx);
    free(packet->held);
    free(packet);
    return 0;
}

static struct tpacket2_hdr *slot_at(const struct packet *packet, uint64_t slot) {
    return (struct tpacket2_hdr *)(packet->ring + slot * RING_FRAME_BYTES);
}

static void give_slot(struct packet *packet, uint64_t slot) {
    __atomic_store_n(&slot_at(packet, slot)->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
}

/* Puts the tag that the kernel took out back behind the MAC addresses; the ring reserves the room for it. */
static uint8_t *restore_vlan_tag(uint8_t *frame, const struct tpacket2_hdr *header) {
    uint16_t tpid = header->tp_status & TP_STATUS_VLAN_TPID_VALID ? header->tp_vlan_tpid : ETH_P_8021Q;
    memmove(frame - VLAN_TAG_BYTES, frame, 12);
    frame -= VLAN_TAG_BYTES;
    frame[12] = (uint8_t)(tpid >> 8);
    frame[13] = (uint8_t)tpid;
    frame[14] = (uint8_t)(header->tp_vlan_tci >> 8);
    frame[15] = (uint8_t)header->tp_vlan_tci;
    return frame;
}

/* The descriptor of the frame in a slot; 0 when it is dropped. */
static int describe_slot(struct port *port, uint64_t slot, pkt_t *desc) {
    const struct packet *packet = port->state;
    const struct tpacket2_hdr *header = slot_at(packet, slot);
    const struct sockaddr_ll *from = (const void *)((const uint8_t *)header + TPACKET_ALIGN(sizeof *header));
    if (from->sll_pkttype == PACKET_OUTGOING) return 0;
    uint8_t *frame = (uint8_t *)header + header->tp_mac;
    uint32_t length = header->tp_snaplen;
    int tagged = header->tp_status & TP_STATUS_VLAN_VALID && length >= 12;
    if (length < header->tp_len || length + (tagged ? VLAN_TAG_BYTES : 0) > FRAME_BYTES_MAX) {
        port->stats.rx_too_long++;
        return 0;
    }
    if (tagged) {
        frame = restore_vlan_tag(frame, header);
        length += VLAN_TAG_BYTES;
    }
    uint16_t flags = PKT_CLOCK_REALTIME;
    if (!(header->tp_status & TP_STATUS_CSUMNOTREADY)) flags |= PKT_UDP_CHECKSUM_COMPLETE;
    *desc = (pkt_t){.data = (uintptr_t)frame,
                    .len = length,
                    .port = port->port_id,
                    .flags = flags,
                    .ts_ns = (uint64_t)header->tp_sec * 1000000000 + header->tp_nsec,
                    .cookie = slot};
    return 1;
}

static int32_t packet_rx_burst(struct port *port, pkt_t *descs, int32_t max) {
    struct packet *packet = port->state;
    int32_t count = 0;
    while (count < max) {
        uint32_t slot = packet->next_slot;
        if (packet->held[slot]) break;
        uint32_t status = __atomic_load_n(&slot_at(packet, slot)->tp_status, __ATOMIC_ACQUIRE);
        if (!(status & TP_STATUS_USER)) break;
        packet->next_slot = slot + 1 == packet->slot_count ? 0 : slot + 1;
        if (!describe_slot(port, slot, &descs[count])) {
            give_slot(packet, slot);
            continue;
        }
        packet->held[slot] = 1;
        port->stats.rx_bytes += descs[count++].len;
    }
    port->stats.rx_frames += (uint64_t)count;
    port->stats.rx_held += (uint64_t)count;
    return count;
}

static int32_t packet_rx_release(struct port *port, const pkt_t *descs, int32_t n) {
    struct packet *packet = port->state;
    int32_t released = 0;
    for (int32_t i = 0; i < n; i++) {
        uint64_t slot = descs[i].cookie;
        if (slot >= packet->slot_count || !packet->held[slot]) {
            port->stats.bad_descriptors++;
            continue;
        }
        packet->held[slot] = 0;
        give_slot(packet, slot);
        released++;
    }
    port->stats.rx_held -= (uint64_t)released;
    return released;
}

static int32_t packet_tx_alloc(struct port *port, pkt_t *descs, int32_t n) {
    return frames_alloc(port, &((struct packet *)port->state)->tx, descs, n);
}

static int32_t load_message(struct port *port, int32_t i, const pkt_t *desc) {
    struct packet *packet = port->state;
    if (!frame_is_sendable(&packet->tx, desc)) return -1;
    packet->tx.held[desc->cookie] = 0;
    packet->buffers[i] = (struct iovec){frame_at(&packet->tx, desc->cookie), desc->len};
    packet->messages[i].msg_hdr = (struct msghdr){.msg_iov = &packet->buffers[i], .msg_iovlen = 1};
    return 0;
}

static int32_t packet_tx_burst(struct port *port, const pkt_t *descs, int32_t n) {
    struct packet *packet = port->state;
    return socket_tx_burst(port, &packet->tx, packet->fd, packet->messages, load_message, descs, n);
}

static void packet_refresh_stats(struct port *port) {
    struct packet *packet = port->state;
    struct tpacket_stats counts;
    socklen_t counts_bytes = sizeof counts;
    if (getsockopt(packet->fd, SOL_PACKET, PACKET_STATISTICS, &counts, &counts_bytes) == 0)
        port->stats.rx_dropped += counts.tp_drops; /* reading sets the kernel's counters to 0 */
    port->stats.tx_free = (uint64_t)packet->tx.free_count;
    port->stats.link_up = (uint64_t)interface_is_up(packet->interface_name);
}

const struct port_operations packet_operations = {
    .open = packet_open,
    .close = packet_close,
    .rx_burst = packet_rx_burst,
    .rx_release = packet_rx_release,
    .tx_alloc = packet_tx_alloc,
    .tx_burst = packet_tx_burst,
    .refresh_stats = packet_refresh_stats,
};
