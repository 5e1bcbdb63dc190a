/* Capture files in memory, frame by frame, without copying: classic pcap (microseconds and nanoseconds) and pcapng,
 * each in both byte orders.
 *
 * Sources: draft-ietf-opsawg-pcap (classic), draft-ietf-opsawg-pcapng: Section Header, Interface Description (if_tsresol,
 * if_tsoffset), Enhanced Packet, Simple Packet and the obsolete Packet Block; other blocks are skipped and counted.
 * A Simple Packet has no time and gets that of the packet before it. Ethernet only (LINKTYPE_ETHERNET, 1).
 * The bytes are hostile: nothing outside [bytes, bytes + size) is read, whatever they say. */
#ifndef PITWIRE_PCAP_READER_H
#define PITWIRE_PCAP_READER_H

#include <stdint.h>

#define PCAP_INTERFACES_MAX 256
#define PCAP_FRAME_BYTES_MAX 262144 /* the largest snapshot length that capture tools use */

struct pcap_interface {
    uint32_t snap_bytes;       /* 0: no limit */
    uint64_t ticks_per_second; /* 0: 2^binary_exponent */
    int binary_exponent;
    int64_t offset_seconds;
};

struct pcap_reader {
    const uint8_t *bytes;
    uint64_t size, at;
    int swapped;          /* the file's byte order is not ours */
    int next_generation;  /* pcapng */
    uint32_t fraction_ns; /* classic: ns in one unit of the fraction */
    uint32_t interface_count;
    struct pcap_interface interfaces[PCAP_INTERFACES_MAX];
    uint64_t last_time_ns;
    uint64_t skipped_blocks;
    const char *problem; /* what is wrong at `at`, once something is */
};

struct pcap_frame {
    const uint8_t *bytes;
    uint32_t length_bytes; /* as captured: shorter than on the wire when the capture was cut */
    uint64_t time_ns;
};

/* Reads the file's header. 0, or ERROR_FORMAT and `problem`. */
int32_t pcap_reader_start(struct pcap_reader *reader, const uint8_t *bytes, uint64_t size);

/* The next frame: 1, ERROR_END_OF_INPUT, or ERROR_FORMAT and `problem`; after these two the same again. */
int32_t pcap_reader_next(struct pcap_reader *reader, struct pcap_frame *frame);

#endif
