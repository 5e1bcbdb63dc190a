/* A capture file as it is written: classic pcap, nanoseconds, little-endian, Ethernet. Nothing in it depends on the
 * host or the day, so the same frames give the same bytes. */
#ifndef PITWIRE_PCAP_WRITER_H
#define PITWIRE_PCAP_WRITER_H

#include <stdint.h>

#define PCAP_WRITER_ROOM_BYTES (256 * 1024)

struct pcap_writer {
    int fd;
    uint32_t used_bytes;
    uint8_t room[PCAP_WRITER_ROOM_BYTES];
};

/* Creates or empties the file. 0, or -1 with errno. */
int pcap_writer_open(struct pcap_writer *writer, const char *path);

/* Appends a frame; the file is written when the room is full. 0, or -1 with errno: the frame is not in the file. */
int pcap_writer_append(struct pcap_writer *writer, const uint8_t *frame, uint32_t frame_bytes, uint64_t time_ns);

/* Writes what is left and closes. 0, or -1 with errno. */
int pcap_writer_close(struct pcap_writer *writer);

#endif
