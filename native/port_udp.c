/* A kernel UDP socket that speaks whole frames: no privilege needed.
 *
 * Receive: the payload lands 42 bytes into a buffer and the headers are written before it. The kernel stamps it
 * (SO_TIMESTAMPNS, CLOCK_REALTIME), has verified the UDP checksum and put fragments together.
 * Transmit: the frame's IPv4 destination and UDP destination port say where its payload goes; it leaves from the
 * socket, so the frame's source port and MAC addresses are not used. Its source address is, where the socket is bound
 * to every address: the answer then leaves from the address that was asked.
 */
#define _GNU_SOURCE
#include "port_kinds.h"
#include "udp4_frame.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOCKET_BUFFER_BYTES (8 << 20)
#define PAYLOAD_ROOM_BYTES (FRAME_BYTES_MAX - UDP4_HEADERS_BYTES)

union control {
    struct cmsghdr align;
    uint8_t bytes[CMSG_SPACE(sizeof(struct in_pktinfo)) + CMSG_SPACE(sizeof(struct timespec)) +
                  CMSG_SPACE(sizeof(uint32_t))];
};

struct udp {
    int fd;
    uint32_t kernel_drops;
    struct frame_pool rx, tx;
    struct mmsghdr messages[BATCH];
    struct iovec buffers[BATCH];
    struct sockaddr_in peers[BATCH];
    union control controls[BATCH];
};

static int32_t give_up(struct problem *problem, const char *what) {
    return problem_set(problem, code_of_errno(errno), "%s: %s.", what, strerror(errno));
}

static int32_t udp_bind(struct udp *udp, const port_config *config, struct problem *problem) {
    uint16_t udp_port = config->udp_port_count ? config->udp_ports[0] : 0;
    struct sockaddr_in here = {
        .sin_family = AF_INET, .sin_port = htons(udp_port), .sin_addr.s_addr = htonl(config->local_ip)};
    if (bind(udp->fd, (struct sockaddr *)&here, sizeof here) == 0) return 0;
    char address[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &here.sin_addr, address, sizeof address);
    if (errno == EADDRINUSE)
        return problem_set(problem, ERROR_BUSY,
                           "UDP port %u of %s is in use by another process; `ss -ulpn` says by which.", udp_port,
                           address);
    if (errno == EADDRNOTAVAIL)
        return problem_set(problem, ERROR_NOT_FOUND, "No interface of this host has the address %s.", address);
    if (errno == EACCES)
        return problem_set(problem, ERROR_PERMISSION,
                           "UDP port %u is reserved for privileged processes: choose one from 1024 on.", udp_port);
    return give_up(problem, "The UDP socket could not be bound");
}

static int32_t udp_multicast(struct udp *udp, const port_config *config, struct problem *problem) {
    int ttl = config->multicast_ttl, on = 1;
    struct ip_mreqn leaves_by = {.imr_address.s_addr = htonl(config->local_ip)};
    if (config->interface_name && *config->interface_name) {
        leaves_by.imr_ifindex = (int)if_nametoindex(config->interface_name);
        if (!leaves_by.imr_ifindex)
            return problem_set(problem, ERROR_NOT_FOUND, "There is no interface %.32s; `ip link` lists those there are.",
                               config->interface_name);
    }
    if ((leaves_by.imr_ifindex || config->local_ip) &&
        setsockopt(udp->fd, IPPROTO_IP, IP_MULTICAST_IF, &leaves_by, sizeof leaves_by) < 0)
        return give_up(problem, "The interface for multicast could not be set");
    if (setsockopt(udp->fd, IPPROTO_IP, IP_MULTICAST_TTL, &ttl, sizeof ttl) < 0 ||
        setsockopt(udp->fd, IPPROTO_IP, IP_MULTICAST_LOOP, &on, sizeof on) < 0)
        return give_up(problem, "Multicast could not be set up");
    return 0;
}

static int32_t udp_open(struct port *port, const port_config *config, struct problem *problem) {
    struct udp *udp = port->state = calloc(1, sizeof *udp);
    if (!udp) return problem_set(problem, ERROR_NO_MEMORY, "Memory for the port could not be had.");
    udp->fd = -1;
    if (config->udp_port_count > 1)
        return problem_set(problem, ERROR_INVALID_ARGUMENT, "The udp port binds one UDP port, not %d.",
                           config->udp_port_count);
    if (frame_pool_open(&udp->rx, config->rx_frames) < 0 || frame_pool_open(&udp->tx, config->tx_frames) < 0)
        return problem_set(problem, ERROR_NO_MEMORY, "Memory for %d frames could not be had.",
                           config->rx_frames + config->tx_frames);
    udp->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (udp->fd < 0) return give_up(problem, "No UDP socket could be had");

    int on = 1, room = SOCKET_BUFFER_BYTES;
    /* Beyond net.core.rmem_max and wmem_max only with CAP_NET_ADMIN: the ordinary calls take what is allowed. */
    if (setsockopt(udp->fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) < 0)
        setsockopt(udp->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    if (setsockopt(udp->fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room) < 0)
        setsockopt(udp->fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    setsockopt(udp->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on); /* without it frames are counted as unstamped */
    setsockopt(udp->fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on);
    if (setsockopt(udp->fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on) < 0)
        return give_up(problem, "The destination address of datagrams cannot be had");
    int32_t code = udp_bind(udp, config, problem);
    if (code < 0 || (code = udp_multicast(udp, config, problem)) < 0) return code;

    struct sockaddr_in here;
    socklen_t here_bytes = sizeof here;
    if (getsockname(udp->fd, (struct sockaddr *)&here, &here_bytes) < 0)
        return give_up(problem, "The socket's own address cannot be had");
    port->identity = (port_identity_t){.ip = ntohl(here.sin_addr.s_addr), .udp_port = ntohs(here.sin_port)};
    char address[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &here.sin_addr, address, sizeof address);
    snprintf(port->description, sizeof port->description, "udp, kernel socket on %s:%u", address,
             port->identity.udp_port);
    return 0;
}

static int32_t udp_close(struct port *port) {
    struct udp *udp = port->state;
    if (!udp) return 0;
    if (udp->fd >= 0) close(udp->fd);
    frame_pool_close(&udp->rx);
    frame_pool_close(&udp->tx);
    free(udp);
    return 0;
}

/* Fills the descriptor of one received datagram; 0 when it did not fit. */
static int describe_datagram(struct port *port, int message, int32_t frame, pkt_t *desc) {
    struct udp *udp = port->state;
    struct msghdr *header = &udp->messages[message].msg_hdr;
    if (header->msg_flags & MSG_TRUNC) {
        port->stats.rx_too_long++;
        return 0;
    }
    struct udp4 udp4 = {.source_ip = ntohl(udp->peers[message].sin_addr.s_addr),
                        .source_port = ntohs(udp->peers[message].sin_port),
                        .destination_ip = port->identity.ip,
                        .destination_port = port->identity.udp_port,
                        .payload_bytes = udp->messages[message].msg_len};
    *desc = (pkt_t){.data = (uintptr_t)frame_at(&udp->rx, (uint64_t)frame),
                    .len = UDP4_HEADERS_BYTES + udp4.payload_bytes,
                    .port = port->port_id,
                    .cookie = (uint64_t)frame};
    for (struct cmsghdr *item = CMSG_FIRSTHDR(header); item; item = CMSG_NXTHDR(header, item)) {
        if (item->cmsg_level == IPPROTO_IP && item->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo arrived;
            memcpy(&arrived, CMSG_DATA(item), sizeof arrived);
            udp4.destination_ip = ntohl(arrived.ipi_addr.s_addr);
        } else if (item->cmsg_level == SOL_SOCKET && item->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec stamp;
            memcpy(&stamp, CMSG_DATA(item), sizeof stamp);
            desc->ts_ns = (uint64_t)stamp.tv_sec * 1000000000 + (uint64_t)stamp.tv_nsec;
            desc->flags |= PKT_CLOCK_REALTIME;
        } else if (item->cmsg_level == SOL_SOCKET && item->cmsg_type == SO_RXQ_OVFL) {
            uint32_t drops;
            memcpy(&drops, CMSG_DATA(item), sizeof drops);
            port->stats.rx_dropped += drops - udp->kernel_drops; /* it counts from the socket's birth, modulo 2^32 */
            udp->kernel_drops = drops;
        }
    }
    udp4_headers_write(frame_at(&udp->rx, (uint64_t)frame), &udp4);
    return 1;
}

static int32_t udp_rx_burst(struct port *port, pkt_t *descs, int32_t max) {
    struct udp *udp = port->state;
    struct frame_pool *pool = &udp->rx;
    int32_t asked = max < BATCH ? max : BATCH;
    if (asked > pool->free_count) asked = pool->free_count;
    if (!asked) return 0;
    for (int32_t i = 0; i < asked; i++) {
        int32_t frame = pool->free_frames[pool->free_count - 1 - i];
        udp->buffers[i] = (struct iovec){frame_at(pool, (uint64_t)frame) + UDP4_HEADERS_BYTES, PAYLOAD_ROOM_BYTES};
        udp->messages[i].msg_hdr = (struct msghdr){.msg_name = &udp->peers[i],
                                                   .msg_namelen = sizeof udp->peers[i],
                                                   .msg_iov = &udp->buffers[i],
                                                   .msg_iovlen = 1,
                                                   .msg_control = &udp->controls[i],
                                                   .msg_controllen = sizeof udp->controls[i]};
    }
    int got = recvmmsg(udp->fd, udp->messages, (unsigned)asked, MSG_DONTWAIT, 0);
    if (got <= 0) return 0; /* nothing there; what an ICMP error says about one peer is not news for the loop */
    int32_t count = 0;
    int32_t frames[BATCH];
    for (int32_t i = 0; i < got; i++) frames[i] = pool->free_frames[--pool->free_count];
    for (int32_t i = 0; i < got; i++) {
        pkt_t *desc = &descs[count];
        if (!describe_datagram(port, i, frames[i], desc)) {
            frame_put_back(pool, frames[i]);
            continue;
        }
        pool->held[frames[i]] = 1;
        port->stats.rx_bytes += desc->len;
        port->stats.rx_unstamped += !(desc->flags & PKT_CLOCK_MASK);
        count++;
    }
    port->stats.rx_frames += (uint64_t)count;
    port->stats.rx_held += (uint64_t)count;
    return count;
}

static int32_t udp_rx_release(struct port *port, const pkt_t *descs, int32_t n) {
    return frames_release(port, &((struct udp *)port->state)->rx, descs, n);
}

static int32_t udp_tx_alloc(struct port *port, pkt_t *descs, int32_t n) {
    return frames_alloc(port, &((struct udp *)port->state)->tx, descs, n);
}

/* Makes message `i` of the datagram in a frame. */
static void address_message(struct port *port, int32_t i, uint8_t *frame, const struct udp4 *udp4) {
    struct udp *udp = port->state;
    udp->buffers[i] = (struct iovec){frame + udp4->payload_offset, udp4->payload_bytes};
    udp->peers[i] = (struct sockaddr_in){.sin_family = AF_INET,
                                         .sin_port = htons(udp4->destination_port),
                                         .sin_addr.s_addr = htonl(udp4->destination_ip)};
    struct msghdr *header = &udp->messages[i].msg_hdr;
    *header = (struct msghdr){.msg_name = &udp->peers[i],
                              .msg_namelen = sizeof udp->peers[i],
                              .msg_iov = &udp->buffers[i],
                              .msg_iovlen = 1};
    int multicast = udp4->destination_ip >> 28 == 14;
    if (port->identity.ip || multicast || !udp4->source_ip) return;
    struct in_pktinfo leaves_from = {.ipi_spec_dst.s_addr = htonl(udp4->source_ip)};
    header->msg_control = &udp->controls[i];
    header->msg_controllen = CMSG_SPACE(sizeof leaves_from);
    struct cmsghdr *item = CMSG_FIRSTHDR(header);
    item->cmsg_level = IPPROTO_IP;
    item->cmsg_type = IP_PKTINFO;
    item->cmsg_len = CMSG_LEN(sizeof leaves_from);
    memcpy(CMSG_DATA(item), &leaves_from, sizeof leaves_from);
}

/* Claims the frame of a descriptor and makes it message `i`; -1 when it cannot be sent. Nothing changes then. */
static int32_t load_message(struct port *port, int32_t i, const pkt_t *desc) {
    struct frame_pool *pool = &((struct udp *)port->state)->tx;
    struct udp4 udp4;
    if (!frame_is_sendable(pool, desc) || udp4_parse(frame_at(pool, desc->cookie), desc->len, &udp4) < 0) return -1;
    pool->held[desc->cookie] = 0;
    address_message(port, i, frame_at(pool, desc->cookie), &udp4);
    return 0;
}

static int32_t udp_tx_burst(struct port *port, const pkt_t *descs, int32_t n) {
    struct udp *udp = port->state;
    return socket_tx_burst(port, &udp->tx, udp->fd, udp->messages, load_message, descs, n);
}

static void udp_refresh_stats(struct port *port) {
    port->stats.tx_free = (uint64_t)((struct udp *)port->state)->tx.free_count;
}

const struct port_operations udp_operations = {
    .open = udp_open,
    .close = udp_close,
    .rx_burst = udp_rx_burst,
    .rx_release = udp_rx_release,
    .tx_alloc = udp_tx_alloc,
    .tx_burst = udp_tx_burst,
    .refresh_stats = udp_refresh_stats,
};
