#include "pcap_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static void append32(struct pcap_writer *writer, uint64_t value) {
    uint8_t *at = writer->room + writer->used_bytes;
    for (int i = 0; i < 4; i++) at[i] = (uint8_t)(value >> 8 * i);
    writer->used_bytes += 4;
}

static int write_out(struct pcap_writer *writer) {
    uint32_t done = 0;
    while (done < writer->used_bytes) {
        ssize_t written = write(writer->fd, writer->room + done, writer->used_bytes - done);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) {
            memmove(writer->room, writer->room + done, writer->used_bytes - done);
            writer->used_bytes -= done;
            return -1;
        }
        done += (uint32_t)written;
    }
    writer->used_bytes = 0;
    return 0;
}

int pcap_writer_open(struct pcap_writer *writer, const char *path) {
    writer->used_bytes = 0;
    writer->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (writer->fd < 0) return -1;
    append32(writer, 0xA1B23C4D);
    append32(writer, 4 << 16 | 2); /* version 2.4 */
    append32(writer, 0);
    append32(writer, 0);
    append32(writer, 262144); /* snapshot length */
    append32(writer, 1);      /* LINKTYPE_ETHERNET */
    return 0;
}

int pcap_writer_append(struct pcap_writer *writer, const uint8_t *frame, uint32_t frame_bytes, uint64_t time_ns) {
    if (writer->used_bytes + 16 + frame_bytes > sizeof writer->room && write_out(writer) < 0) return -1;
    append32(writer, time_ns / 1000000000);
    append32(writer, time_ns % 1000000000);
    append32(writer, frame_bytes);
    append32(writer, frame_bytes);
    memcpy(writer->room + writer->used_bytes, frame, frame_bytes);
    writer->used_bytes += frame_bytes;
    return 0;
}

int pcap_writer_close(struct pcap_writer *writer) {
    int failed = write_out(writer);
    int error = errno;
    if (close(writer->fd) < 0 && !failed) return -1;
    errno = error;
    return failed;
}
