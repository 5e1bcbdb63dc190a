/* Transmission with sendmmsg: what the udp and packet ports share. */
#define _GNU_SOURCE
#include "port_kinds.h"

#include <errno.h>
#include <sys/socket.h>

/* Sends the messages; returns how many are dealt with: sent, or refused by the kernel for good and counted. The rest
   met a full socket buffer or queue. */
static int32_t send_messages(struct port *port, int fd, struct mmsghdr *messages, const pkt_t *descs, int32_t count) {
    int32_t done = 0;
    while (done < count) {
        int sent = sendmmsg(fd, messages + done, (unsigned)(count - done), MSG_DONTWAIT);
        port->stats.tx_kicks++;
        if (sent > 0) {
            for (int32_t i = done; i < done + sent; i++) port->stats.tx_bytes += descs[i].len;
            port->stats.tx_frames += (uint64_t)sent;
            done += sent;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS || errno == EINTR) {
            break;
        } else {
            port->stats.tx_failed++; /* no route, too long, not allowed, link down: this one only */
            done++;
        }
    }
    return done;
}

int32_t socket_tx_burst(struct port *port, struct frame_pool *pool, int fd, struct mmsghdr *messages,
                        int32_t (*load)(struct port *port, int32_t i, const pkt_t *desc), const pkt_t *descs,
                        int32_t n) {
    int32_t taken = 0;
    while (taken < n) {
        int32_t count = 0;
        while (taken + count < n && count < BATCH && load(port, count, &descs[taken + count]) == 0) count++;
        if (!count) {
            frame_refuse(port, pool, &descs[taken++]);
            continue;
        }
        int32_t sent = send_messages(port, fd, messages, descs + taken, count);
        for (int32_t i = 0; i < count; i++) {
            uint64_t frame = descs[taken + i].cookie;
            if (i < sent)
                frame_put_back(pool, (int32_t)frame);
            else
                pool->held[frame] = 1; /* still the caller's */
        }
        taken += sent;
        if (sent < count) break;
    }
    return taken;
}
