/* AF_XDP: the NIC's receive queue, or the driver's, straight into our memory, past the kernel's network stack.
 *
 * One port is one queue of one interface, with its own memory (UMEM), its own XDP program (xdp_steer.bpf.c, attached
 * through a bpf_link: the kernel takes it away when this process ends, however it ends) and libxdp's ring functions;
 * libxdp's dispatcher is not used. Frames that arrive on another queue go to the kernel: set the interface to one
 * channel, or steer the UDP port to the queue.
 *
 * A UMEM frame holds 2048 bytes, of which the kernel keeps 256 before the data: whole frames only, no multi-buffer.
 * Frames 0 .. rx_frames-1 receive, the rest transmit.
 */
#define _GNU_SOURCE
#include "port_kinds.h"
#include "clock.h"
#include "xdp_object.h"
#include "xdp_steer.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <xdp/xsk.h>

#define BUSY_RETRY_NS 100000000 /* a queue just closed stays busy for a few ms: the kernel frees its memory late */
#define KICK_FRAMES 32          /* the kernel sends at most so many in one system call */
#define ETHERNET_AND_VLAN_BYTES 18
#define NANOS_A_SECOND UINT64_C(1000000000)
#define XDP_CPUS_MAX 1024
_Static_assert(XDP_SOURCES_MAX == SOURCES_MAX, "the program takes as many networks as a configuration has");

struct xdp {
    char interface_name[16];
    struct frame_pool frames; /* free_frames: of the transmit half only */
    int32_t rx_frames, tx_frames;
    struct xsk_umem *umem;
    struct xsk_socket *socket;
    struct xsk_ring_prod fill, tx;
    struct xsk_ring_cons completion, rx;
    struct bpf_object *object;
    int link_fd;
    int refusals_map;
    int32_t *spare; /* receive frames that the fill ring had no room for */
    int32_t spare_count;
    int32_t tx_outstanding; /* given to the kernel, not yet completed */
    uint16_t checksum_flag;
};

static uint32_t power_of_two(int32_t at_least) {
    uint32_t power = 1;
    while (power < (uint32_t)at_least) power <<= 1;
    return power;
}

static int32_t give_up(struct problem *problem, int error, const char *what) {
    if (error == EPERM || error == EACCES)
        return problem_set(problem, ERROR_PERMISSION,
                           "The xdp port needs CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF: run as root, or use the udp port.");
    return problem_set(problem, code_of_errno(error), "%s: %s.", what, strerror(error));
}

/* --- opening --- */

static int quiet(enum libbpf_print_level level, const char *format, va_list arguments) {
    (void)level, (void)format, (void)arguments; /* our own sentence says what failed */
    return 0;
}

/* Tells the program whom to admit. */
static int32_t admission_begin(struct xdp *xdp, const port_config *config, struct problem *problem) {
    xdp->refusals_map = bpf_object__find_map_fd_by_name(xdp->object, "refusals_map");
    if (!config->source_count) return 0;
    int sources_map = bpf_object__find_map_fd_by_name(xdp->object, "sources_map");
    for (int32_t i = 0; i < config->source_count; i++) {
        struct xdp_source key = {.prefix_bits = config->sources[2 * i + 1], .ip = htonl(config->sources[2 * i])};
        uint8_t yes = 1;
        int error = bpf_map_update_elem(sources_map, &key, &yes, BPF_ANY);
        if (error) return give_up(problem, -error, "A network that may send could not be given to the XDP program");
    }
    struct xdp_admission admission = {.enabled = 1};
    if (config->datagrams_a_second) {
        admission.datagram_ns = NANOS_A_SECOND / (uint64_t)config->datagrams_a_second;
        admission.datagram_burst_ns = admission.datagram_ns * (uint64_t)config->datagrams_burst;
    }
    if (config->handshakes_a_second) {
        admission.handshake_ns = NANOS_A_SECOND / (uint64_t)config->handshakes_a_second;
        admission.handshake_burst_ns = admission.handshake_ns * (uint64_t)config->handshakes_burst;
    }
    uint32_t only = 0;
    int admission_map = bpf_object__find_map_fd_by_name(xdp->object, "admission_map");
    int error = bpf_map_update_elem(admission_map, &only, &admission, BPF_ANY);
    if (error) return give_up(problem, -error, "The admission rules could not be given to the XDP program");
    return 0;
}

static uint64_t refused(const struct xdp *xdp, uint32_t reason) {
    int cpus = libbpf_num_possible_cpus();
    uint64_t counts[XDP_CPUS_MAX], sum = 0;
    if (cpus < 1 || cpus > XDP_CPUS_MAX || bpf_map_lookup_elem(xdp->refusals_map, &reason, counts)) return 0;
    for (int cpu = 0; cpu < cpus; cpu++) sum += counts[cpu];
    return sum;
}

static int32_t load_program(struct xdp *xdp, const port_config *config, struct problem *problem) {
    libbpf_set_print(quiet);
    LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "pitwire_steer");
    xdp->object = bpf_object__open_mem(xdp_object, (size_t)(xdp_object_end - xdp_object), &options);
    if (!xdp->object) return give_up(problem, errno, "The XDP program could not be opened");
    int error = bpf_object__load(xdp->object);
    if (error) return give_up(problem, -error, "The kernel refused the XDP program");
    int ports_map = bpf_object__find_map_fd_by_name(xdp->object, "ports_map");
    for (int i = 0; i < config->udp_port_count; i++) {
        uint16_t key = htons(config->udp_ports[i]);
        uint8_t yes = 1;
        error = bpf_map_update_elem(ports_map, &key, &yes, BPF_ANY);
        if (error) return give_up(problem, -error, "The UDP port could not be given to the XDP program");
    }
    return admission_begin(xdp, config, problem);
}

static int32_t open_memory(struct xdp *xdp, struct problem *problem) {
    int32_t frame_count = xdp->rx_frames + xdp->tx_frames;
    xdp->spare = calloc((size_t)xdp->rx_frames, sizeof *xdp->spare);
    if (!xdp->spare || frame_pool_open(&xdp->frames, frame_count) < 0)
        return problem_set(problem, ERROR_NO_MEMORY, "Memory for %d frames could not be had.", frame_count);
    xdp->frames.free_count = 0;
    for (int32_t frame = frame_count - 1; frame >= xdp->rx_frames; frame--) frame_put_back(&xdp->frames, frame);

    struct xsk_umem_config umem_config = {
        /* The kernel publishes late what it has taken from the fill ring: twice the room never runs out. */
        .fill_size = power_of_two(2 * xdp->rx_frames),
        .comp_size = power_of_two(xdp->tx_frames),
        .frame_size = FRAME_STRIDE_BYTES,
    };
    int error = xsk_umem__create(&xdp->umem, xdp->frames.base, (uint64_t)frame_count * FRAME_STRIDE_BYTES, &xdp->fill,
                                 &xdp->completion, &umem_config);
    if (error == -ENOBUFS || error == -ENOMEM)
        return problem_set(problem, ERROR_NO_MEMORY,
                           "The kernel may not lock %d KiB for this process: raise `ulimit -l`, grant CAP_IPC_LOCK, or "
                           "lower rx_frames and tx_frames.",
                           frame_count * (FRAME_STRIDE_BYTES / 1024));
    if (error) return give_up(problem, -error, "The AF_XDP memory could not be registered");
    return 0;
}

static int32_t open_socket(struct xdp *xdp, const port_config *config, struct problem *problem) {
    struct xsk_socket_config socket_config = {
        .rx_size = power_of_two(xdp->rx_frames),
        .tx_size = power_of_two(xdp->tx_frames),
        .libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD,
        .bind_flags = XDP_USE_NEED_WAKEUP,
    };
    if (config->zero_copy == ZERO_COPY_OFF) socket_config.bind_flags |= XDP_COPY;
    if (config->zero_copy == ZERO_COPY_REQUIRED) socket_config.bind_flags |= XDP_ZEROCOPY;
    int64_t give_up_ns = clock_monotonic_ns() + BUSY_RETRY_NS;
    int error;
    while ((error = xsk_socket__create(&xdp->socket, xdp->interface_name, (uint32_t)config->queue, xdp->umem, &xdp->rx,
                                       &xdp->tx, &socket_config)) == -EBUSY &&
           clock_monotonic_ns() < give_up_ns)
        clock_idle(2000000);
    if (!error) return 0;
    xdp->socket = 0;
    if (error == -EBUSY)
        return problem_set(problem, ERROR_BUSY, "Queue %d of %s is in use by another AF_XDP socket.", config->queue,
                           xdp->interface_name);
    if (error == -EINVAL)
        return problem_set(problem, ERROR_INVALID_ARGUMENT,
                           "%s has no queue %d for AF_XDP; `ethtool -l %s` says how many there are.",
                           xdp->interface_name, config->queue, xdp->interface_name);
    if (config->zero_copy == ZERO_COPY_REQUIRED && error == -EOPNOTSUPP)
        return problem_set(problem, ERROR_NOT_SUPPORTED,
                           "The driver of %s has no zero-copy AF_XDP: ask for it with auto, or switch it off.",
                           xdp->interface_name);
    return give_up(problem, -error, "The AF_XDP socket could not be opened");
}

/* Attaches in one mode. 0 or a negative errno; EBUSY is tried again for a while. */
static int attach(struct xdp *xdp, int ifindex, uint32_t flags) {
    int program = bpf_program__fd(bpf_object__find_program_by_name(xdp->object, "steer"));
    LIBBPF_OPTS(bpf_link_create_opts, options, .flags = flags);
    int64_t give_up_ns = clock_monotonic_ns() + BUSY_RETRY_NS;
    int fd;
    while ((fd = bpf_link_create(program, ifindex, BPF_XDP, &options)) == -EBUSY && clock_monotonic_ns() < give_up_ns)
        clock_idle(2000000);
    if (fd < 0) return fd;
    xdp->link_fd = fd;
    return 0;
}

static int32_t steer_to_socket(struct xdp *xdp, const port_config *config, int ifindex, const char **mode,
                               struct problem *problem) {
    int error = xsk_socket__update_xskmap(xdp->socket, bpf_object__find_map_fd_by_name(xdp->object, "xsks_map"));
    if (error) return give_up(problem, -error, "The queue could not be given to the XDP program");
    *mode = config->xdp_mode == XDP_MODE_GENERIC ? "generic" : "native";
    error = attach(xdp, ifindex, config->xdp_mode == XDP_MODE_GENERIC ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE);
    if (error && error != -EBUSY && error != -EEXIST && error != -EPERM && config->xdp_mode == XDP_MODE_AUTO) {
        *mode = "generic";
        error = attach(xdp, ifindex, XDP_FLAGS_SKB_MODE);
    }
    if (!error) return 0;
    if (error == -EBUSY || error == -EEXIST)
        return problem_set(problem, ERROR_BUSY,
                           "Another XDP program is on %s: stop its owner, or `ip link set %s xdp off`.",
                           xdp->interface_name, xdp->interface_name);
    if (error == -EOPNOTSUPP)
        return problem_set(problem, ERROR_NOT_SUPPORTED,
                           "The driver of %s has no native XDP: ask for the mode auto or generic.", xdp->interface_name);
    return give_up(problem, -error, "The XDP program could not be attached");
}

static void give_to_kernel(struct xdp *xdp);

static int32_t xdp_open(struct port *port, const port_config *config, struct problem *problem) {
    struct xdp *xdp = port->state = calloc(1, sizeof *xdp);
    if (!xdp) return problem_set(problem, ERROR_NO_MEMORY, "Memory for the port could not be had.");
    xdp->link_fd = -1;
    xdp->rx_frames = config->rx_frames;
    xdp->tx_frames = config->tx_frames;
    xdp->checksum_flag = config->udp_checksum_complete ? PKT_UDP_CHECKSUM_COMPLETE : 0;
    if (!config->udp_port_count)
        return problem_set(problem, ERROR_INVALID_ARGUMENT, "The xdp port needs at least one UDP port to hand up.");
    if (config->queue < 0 || config->queue >= XDP_QUEUES_MAX)
        return problem_set(problem, ERROR_INVALID_ARGUMENT, "The queue is a number from 0 to %d.", XDP_QUEUES_MAX - 1);
    struct interface interface;
    int32_t code = interface_look(config->interface_name, &interface, problem);
    if (code < 0) return code;
    snprintf(xdp->interface_name, sizeof xdp->interface_name, "%s", config->interface_name);
    if (interface.mtu + ETHERNET_AND_VLAN_BYTES > FRAME_BYTES_MAX)
        return problem_set(problem, ERROR_INVALID_ARGUMENT,
                           "The MTU of %s is %d and a frame buffer takes at most %d: `ip link set %s mtu 1500`.",
                           xdp->interface_name, interface.mtu, FRAME_BYTES_MAX - ETHERNET_AND_VLAN_BYTES,
                           xdp->interface_name);
    const char *mode = "";
    if ((code = load_program(xdp, config, problem)) < 0 || (code = open_memory(xdp, problem)) < 0 ||
        (code = open_socket(xdp, config, problem)) < 0)
        return code;
    for (int32_t frame = 0; frame < xdp->rx_frames; frame++) xdp->spare[xdp->spare_count++] = frame;
    give_to_kernel(xdp);
    if ((code = steer_to_socket(xdp, config, interface.index, &mode, problem)) < 0) return code;

    struct xdp_options obtained = {0};
    socklen_t obtained_bytes = sizeof obtained;
    getsockopt(xsk_socket__fd(xdp->socket), SOL_XDP, XDP_OPTIONS, &obtained, &obtained_bytes);
    port->identity = (port_identity_t){.mac = interface.mac, .ip = interface.ip, .udp_port = config->udp_ports[0]};
    snprintf(port->description, sizeof port->description, "xdp %s %s on %s queue %d", mode,
             obtained.flags & XDP_OPTIONS_ZEROCOPY ? "zero-copy" : "copy", xdp->interface_name, config->queue);
    return 0;
}

static int32_t xdp_close(struct port *port) {
    struct xdp *xdp = port->state;
    if (!xdp) return 0;
    if (xdp->link_fd >= 0) close(xdp->link_fd); /* first: nothing is steered to a socket that goes */
    if (xdp->socket) xsk_socket__delete(xdp->socket);
    if (xdp->umem) xsk_umem__delete(xdp->umem);
    if (xdp->object) bpf_object__close(xdp->object);
    frame_pool_close(&xdp->frames);
    free(xdp->spare);
    free(xdp);
    return 0;
}

/* --- receive --- */

/* Gives the spare frames to the fill ring, as many as it has room for. */
static void give_to_kernel(struct xdp *xdp) {
    uint32_t at, count = (uint32_t)xdp->spare_count;
    uint32_t room = xsk_prod_nb_free(&xdp->fill, count);
    if (count > room) count = room;
    if (!count || xsk_ring_prod__reserve(&xdp->fill, count, &at) != count) return;
    for (uint32_t i = 0; i < count; i++)
        *xsk_ring_prod__fill_addr(&xdp->fill, at + i) =
            (uint64_t)xdp->spare[--xdp->spare_count] * FRAME_STRIDE_BYTES;
    xsk_ring_prod__submit(&xdp->fill, count);
}

static void wake_receiver(struct xdp *xdp) {
    if (xsk_ring_prod__needs_wakeup(&xdp->fill))
        recvfrom(xsk_socket__fd(xdp->socket), 0, 0, MSG_DONTWAIT, 0, 0);
}

static int32_t xdp_rx_burst(struct port *port, pkt_t *descs, int32_t max) {
    struct xdp *xdp = port->state;
    uint32_t at;
    uint32_t arrived = xsk_ring_cons__peek(&xdp->rx, (uint32_t)max, &at);
    if (!arrived) return 0;
    int32_t count = 0;
    for (uint32_t i = 0; i < arrived; i++) {
        const struct xdp_desc *from = xsk_ring_cons__rx_desc(&xdp->rx, at + i);
        uint64_t frame = from->addr / FRAME_STRIDE_BYTES;
        uint8_t *data = xdp->frames.base + from->addr;
        if (from->len > FRAME_BYTES_MAX) { /* a driver without a lower MTU */
            port->stats.rx_too_long++;
            xdp->spare[xdp->spare_count++] = (int32_t)frame;
            continue;
        }
        pkt_t *desc = &descs[count++];
        *desc = (pkt_t){.data = (uintptr_t)data,
                        .len = from->len,
                        .port = port->port_id,
                        .flags = xdp->checksum_flag,
                        .cookie = frame};
        struct xdp_stamp *stamp = (struct xdp_stamp *)(data - sizeof *stamp);
        if (stamp->mark == XDP_STAMP_MARK) {
            desc->ts_ns = stamp->monotonic_ns;
            desc->flags |= PKT_CLOCK_MONOTONIC;
            stamp->mark = 0;
        } else {
            port->stats.rx_unstamped++;
        }
        xdp->frames.held[frame] = 1;
        port->stats.rx_bytes += from->len;
    }
    xsk_ring_cons__release(&xdp->rx, arrived);
    port->stats.rx_frames += (uint64_t)count;
    port->stats.rx_held += (uint64_t)count;
    return count;
}

static int32_t xdp_rx_release(struct port *port, const pkt_t *descs, int32_t n) {
    struct xdp *xdp = port->state;
    int32_t released = 0;
    for (int32_t i = 0; i < n; i++) {
        if (descs[i].cookie >= (uint64_t)xdp->rx_frames) {
            port->stats.bad_descriptors++;
            continue;
        }
        int32_t frame = frame_claim(&xdp->frames, &descs[i], &port->stats);
        if (frame < 0) continue;
        xdp->spare[xdp->spare_count++] = frame;
        released++;
    }
    port->stats.rx_held -= (uint64_t)released;
    give_to_kernel(xdp);
    wake_receiver(xdp);
    return released;
}

/* --- transmit --- */

/* Takes back at most `budget` frames that the kernel has sent. */
static int32_t reap(struct xdp *xdp, int32_t budget) {
    uint32_t at;
    uint32_t sent = xsk_ring_cons__peek(&xdp->completion, (uint32_t)budget, &at);
    if (!sent) return 0;
    for (uint32_t i = 0; i < sent; i++) {
        uint64_t address = *xsk_ring_cons__comp_addr(&xdp->completion, at + i);
        frame_put_back(&xdp->frames, (int32_t)(address / FRAME_STRIDE_BYTES));
    }
    xsk_ring_cons__release(&xdp->completion, sent);
    xdp->tx_outstanding -= (int32_t)sent;
    return (int32_t)sent;
}

static int32_t xdp_tx_alloc(struct port *port, pkt_t *descs, int32_t n) {
    struct xdp *xdp = port->state;
    if (xdp->frames.free_count < n) reap(xdp, xdp->tx_frames);
    return frames_alloc(port, &xdp->frames, descs, n);
}

static int32_t xdp_tx_burst(struct port *port, const pkt_t *descs, int32_t n) {
    struct xdp *xdp = port->state;
    int32_t taken = 0;
    uint32_t submitted = 0;
    for (; taken < n; taken++) {
        const pkt_t *desc = &descs[taken];
        if (desc->cookie < (uint64_t)xdp->rx_frames) {
            port->stats.bad_descriptors++;
            continue;
        }
        if (!frame_is_sendable(&xdp->frames, desc)) {
            frame_refuse(port, &xdp->frames, desc);
            continue;
        }
        uint32_t at;
        if (xsk_ring_prod__reserve(&xdp->tx, 1, &at) != 1) break;
        xdp->frames.held[desc->cookie] = 0;
        *xsk_ring_prod__tx_desc(&xdp->tx, at) =
            (struct xdp_desc){.addr = desc->cookie * FRAME_STRIDE_BYTES, .len = desc->len};
        port->stats.tx_bytes += desc->len;
        submitted++;
    }
    if (submitted) xsk_ring_prod__submit(&xdp->tx, submitted);
    xdp->tx_outstanding += (int32_t)submitted;
    port->stats.tx_frames += submitted;
    return taken;
}

/* One system call sends at most KICK_FRAMES and says EAGAIN while more wait, so it is repeated until it says otherwise.
   The number of tries is bounded: a receiver that is slow makes it say EAGAIN for long. */
static int32_t xdp_tx_flush(struct port *port) {
    struct xdp *xdp = port->state;
    int32_t tries = xdp->tx_outstanding ? xdp->tx_outstanding / KICK_FRAMES + 2 : 0;
    int more = 1;
    while (more && tries-- > 0) {
        if (!xsk_ring_prod__needs_wakeup(&xdp->tx)) break; /* zero-copy: the driver is at it */
        port->stats.tx_kicks++;
        more = sendto(xsk_socket__fd(xdp->socket), 0, 0, MSG_DONTWAIT, 0, 0) < 0 && (errno == EAGAIN || errno == EBUSY);
        if (more && errno == EBUSY) port->stats.tx_failed++; /* the queue behind dropped one */
        reap(xdp, xdp->tx_frames);
    }
    return xdp->tx_outstanding;
}

static int32_t xdp_service(struct port *port, int32_t budget) {
    struct xdp *xdp = port->state;
    int32_t done = reap(xdp, budget);
    give_to_kernel(xdp);
    wake_receiver(xdp);
    return done;
}

static void xdp_refresh_stats(struct port *port) {
    struct xdp *xdp = port->state;
    struct xdp_statistics counts = {0};
    socklen_t counts_bytes = sizeof counts;
    if (getsockopt(xsk_socket__fd(xdp->socket), SOL_XDP, XDP_STATISTICS, &counts, &counts_bytes) == 0) {
        port->stats.rx_dropped = counts.rx_dropped;
        port->stats.rx_invalid = counts.rx_invalid_descs;
        port->stats.rx_ring_full = counts.rx_ring_full;
        port->stats.rx_fill_empty = counts.rx_fill_ring_empty_descs;
    }
    port->stats.rx_refused_source = refused(xdp, XDP_REFUSED_SOURCE);
    port->stats.rx_refused_rate = refused(xdp, XDP_REFUSED_RATE);
    port->stats.rx_refused_message = refused(xdp, XDP_REFUSED_MESSAGE);
    port->stats.rx_refused_handshakes = refused(xdp, XDP_REFUSED_HANDSHAKES);
    port->stats.tx_free = (uint64_t)xdp->frames.free_count;
    port->stats.link_up = (uint64_t)interface_is_up(xdp->interface_name);
}

const struct port_operations xdp_operations = {
    .open = xdp_open,
    .close = xdp_close,
    .rx_burst = xdp_rx_burst,
    .rx_release = xdp_rx_release,
    .tx_alloc = xdp_tx_alloc,
    .tx_burst = xdp_tx_burst,
    .tx_flush = xdp_tx_flush,
    .service = xdp_service,
    .refresh_stats = xdp_refresh_stats,
};
