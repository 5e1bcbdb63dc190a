/* What the XDP program and the xdp port agree on. */
#ifndef PITWIRE_XDP_STEER_H
#define PITWIRE_XDP_STEER_H

#define XDP_QUEUES_MAX 64
#define XDP_UDP_PORTS_MAX 8

/* Written by the program just before the frame; the port clears the mark when it has read it, so that a frame that
   could not be stamped is never given the time of an earlier one. */
struct xdp_stamp {
    unsigned long long mark;
    unsigned long long monotonic_ns;
};
#define XDP_STAMP_MARK 0x504D415453575450ull

/* Admission: which of the datagrams to our UDP ports are handed up. */
#define XDP_SOURCES_MAX 1024
#define XDP_BUCKETS_MAX 16384

struct xdp_admission {
    unsigned int enabled;
    unsigned int reserved;
    unsigned long long datagram_ns;        /* a datagram of one source costs so much time; 0: nothing */
    unsigned long long datagram_burst_ns;  /* as much as a source can save up */
    unsigned long long handshake_ns;       /* a handshake of anybody; 0: nothing */
    unsigned long long handshake_burst_ns;
};

struct xdp_bucket {
    unsigned long long seen_ns; /* 0: never */
    unsigned long long saved_ns;
};

struct xdp_source { /* key of the longest-prefix map */
    unsigned int prefix_bits;
    unsigned int ip; /* network order */
};

enum xdp_refusal { /* index of the counters of what was dropped */
    XDP_REFUSED_SOURCE,
    XDP_REFUSED_RATE,
    XDP_REFUSED_MESSAGE,
    XDP_REFUSED_HANDSHAKES,
    XDP_REFUSALS_COUNT
};

#endif
