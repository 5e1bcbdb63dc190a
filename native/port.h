/* Ports: how whole Ethernet frames come in and go out, whatever carries them.
 *
 * Order of calls
 *     port_open
 *     a loop of: port_rx_burst .. port_rx_release, port_tx_alloc .. port_tx_burst, port_tx_flush,
 *                every N turns port_service, now and then port_stats
 *     port_close
 *
 * Ownership
 *     A received buffer belongs to the caller from port_rx_burst until port_rx_release; it may be released later and in
 *     any order. When the caller holds too many, fewer come.
 *     A transmit buffer belongs to the caller from port_tx_alloc until port_tx_burst takes it. Descriptors that
 *     port_tx_burst did not take still belong to the caller, who offers them again. `len` 0 gives a buffer back unsent.
 *     A buffer is known by its cookie alone; a cookie that the caller does not hold is ignored and counted.
 *
 * Threads
 *     One thread uses a port at a time. Beside it, another thread may inject into and collect from a memory port
 *     (one thread each), and one other thread may ask port_stats, which moves no buffer. port_open and port_close may
 *     be called from any thread, port_close only when the port's own thread has left.
 *
 * Nothing here blocks, except port_open (up to a second) and port_close. All arguments of the loop's calls are
 * integers: `port` is the handle of port_open, `descs` the address of an array of pkt_t. Results: >= 0 a count, < 0 a
 * code of native/codes.py; a handle that is not open gives ERROR_CLOSED.
 */
#ifndef PITWIRE_PORT_H
#define PITWIRE_PORT_H

#include "gen/layout.h"

#define PORT_UDP_PORTS_MAX 8
#define PORT_FRAMES_MAX 65536

enum { XDP_MODE_AUTO = 0, XDP_MODE_NATIVE = 1, XDP_MODE_GENERIC = 2 };
enum { ZERO_COPY_AUTO = 0, ZERO_COPY_OFF = 1, ZERO_COPY_REQUIRED = 2 };
enum { STEERING_AUTO = 0, STEERING_FLOW = 1, STEERING_RSS = 2 };

typedef struct {
    int32_t kind;                 /* PORT_* */
    uint16_t port_id;             /* comes back in each descriptor's `port` */
    uint16_t udp_port_count;      /* udp: 0 (any free port) or 1; packet, xdp: 1..8; dpdk: 0 (every frame) .. 8 */
    uint16_t udp_ports[8];        /* destination ports that are handed up; udp: the port to bind */
    int32_t rx_frames;            /* receive buffers, 1..65536 */
    int32_t tx_frames;            /* transmit buffers, 1..65536 */
    int32_t tx_pending_max;       /* memory: frames that may wait to be collected; 0: tx_frames */
    int32_t udp_checksum_complete; /* pcap, xdp, dpdk: 1 sets PKT_UDP_CHECKSUM_COMPLETE */
    const char *interface_name;   /* packet, xdp: required; udp: where multicast leaves, or 0 */
    uint32_t local_ip;            /* udp: address to bind, host order, 0: every address; dpdk: answers ARP for it */
    int32_t multicast_ttl;        /* udp: 0..255 */
    int32_t queue;                /* xdp, dpdk: where frames are received */
    int32_t xdp_mode;             /* XDP_MODE_* */
    int32_t zero_copy;            /* ZERO_COPY_* */
    const char *in_path;          /* pcap: capture to read, or 0: there is no input */
    const char *out_path;         /* pcap: capture to write, or 0: frames are counted and let go */
    const char *device;           /* dpdk: PCI address or virtual device with its arguments; 0: the one of eal_args */
    const char *eal_args;         /* dpdk: arguments of the EAL, once a process, parted by spaces */
    int32_t queue_count;          /* dpdk: queues that the device is set up with; 0: 1 */
    int32_t tx_queue;             /* dpdk: -1: the same as `queue` */
    int32_t steering;             /* dpdk: STEERING_* */
    int32_t offloads_off;         /* dpdk: 1 asks the device for no checksums and no timestamps */
    /* xdp: admission, in the XDP program; off where no network is listed */
    const uint32_t *sources;      /* pairs: address of a network, host order, and its prefix length */
    int32_t source_count;         /* pairs */
    int32_t datagrams_a_second;   /* of one source; 0: any number */
    int32_t datagrams_burst;
    int32_t handshakes_a_second;  /* of all sources together; 0: any number */
    int32_t handshakes_burst;
} port_config;

typedef struct {
    uint64_t mac;                 /* of the interface, low 48 bits, first octet highest; 0: none */
    uint32_t ip;                  /* of the interface or the socket, host order; 0: none or every address */
    uint16_t udp_port;            /* bound or first steered port; 0: none */
    uint16_t reserved;
} port_identity_t;

/* Opens a port. 0 and *port, or a code and in `problem` one sentence that says what to do. */
int32_t port_open(const port_config *config, uint64_t *port, char *problem, int32_t problem_bytes);

/* Gives everything back. ERROR_IO: the last of the output could not be written. The handle is gone in any case. */
int32_t port_close(uint64_t port);

/* What was really obtained, e.g. "xdp generic copy on eth1 queue 0". Returns the bytes written, without the 0. */
int32_t port_describe(uint64_t port, char *text, int32_t text_bytes);
int32_t port_identity(uint64_t port, port_identity_t *identity);

/* Takes up to `max` frames that have arrived. 0: none now. ERROR_END_OF_INPUT, ERROR_FORMAT: none ever again. */
int32_t port_rx_burst(uint64_t port, uint64_t descs, int32_t max);
int32_t port_rx_release(uint64_t port, uint64_t descs, int32_t n);

/* Hands out up to `n` buffers: `data` is where to write, `len` the room. */
int32_t port_tx_alloc(uint64_t port, uint64_t descs, int32_t n);

/* Takes the first r of `n` frames for transmission and returns r. A frame that the port cannot send is taken and
   counted, never returned: the loop need not look at it again. */
int32_t port_tx_burst(uint64_t port, uint64_t descs, int32_t n);

/* Sends what was taken. Returns how many frames still wait (0: none). */
int32_t port_tx_flush(uint64_t port);

/* Takes back at most `budget` sent buffers and refills the receive side. Returns the work done. */
int32_t port_service(uint64_t port, int32_t budget);

/* Writes one port_stats_t at address `out`. */
int32_t port_stats(uint64_t port, uint64_t out);

/* Memory port, the other end of the wire. Inject: 1, or 0 when no receive buffer is free (counted as rx_dropped).
   Collect: the bytes of the oldest transmitted frame, copied to `frame` with its descriptor in `desc`; 0 when none. */
int32_t port_memory_inject(uint64_t port, const void *frame, int32_t frame_bytes, uint64_t ts_ns, uint16_t flags);
int32_t port_memory_collect(uint64_t port, void *frame, int32_t room_bytes, pkt_t *desc);

/* 1 when this library was built with libxdp, libbpf and the XDP program. */
int32_t port_has_xdp(void);

/* 0 when the dpdk port and the libraries of DPDK are here, else a code and in `problem` one sentence. Loads them. */
int32_t port_dpdk_missing(char *problem, int32_t problem_bytes);

#endif
