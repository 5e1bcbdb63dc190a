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

#endif
