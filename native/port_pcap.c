/* A capture in, a capture out: how CI and replay run without hardware.
 *
 * The input file is mapped; descriptors point into the mapping, nothing is copied. It must not be shortened while the
 * port is open (the kernel would answer a read behind the new end with SIGBUS). The output's packet times are the
 * `ts_ns` of the descriptors given to port_tx_burst. The output is complete when the port is closed.
 */
#define _GNU_SOURCE
#include "pcap_reader.h"
#include "pcap_writer.h"
#include "port_kinds.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct pcap {
    void *mapping;
    size_t mapping_bytes;
    struct pcap_reader reader;
    struct pcap_frame ahead; /* read, but not yet handed up */
    int32_t ahead_result;    /* of reading it */
    struct pcap_writer *writer;
    struct frame_pool tx;
    uint16_t flags;
};

static int32_t map_input(struct pcap *pcap, const char *path, struct problem *problem) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not hold the open up */
    if (fd < 0) return problem_set(problem, code_of_errno(errno), "%.300s: %s.", path, strerror(errno));
    struct stat facts;
    int32_t code = 0;
    if (fstat(fd, &facts) < 0 || !S_ISREG(facts.st_mode)) {
        code = problem_set(problem, ERROR_FORMAT, "%.300s is not a regular file.", path);
    } else if (facts.st_size) {
        void *mapping = mmap(0, (size_t)facts.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (mapping == MAP_FAILED) {
            code = problem_set(problem, code_of_errno(errno), "%.300s could not be mapped: %s.", path, strerror(errno));
        } else {
            madvise(mapping, (size_t)facts.st_size, MADV_SEQUENTIAL);
            pcap->mapping = mapping;
            pcap->mapping_bytes = (size_t)facts.st_size;
        }
    }
    close(fd);
    return code;
}

/* Reads one frame ahead, so that a file that is no capture fails at the open and not in the loop. */
static int32_t open_input(struct pcap *pcap, const char *path, struct problem *problem) {
    int32_t code = map_input(pcap, path, problem);
    if (code < 0) return code;
    code = pcap_reader_start(&pcap->reader, pcap->mapping, pcap->mapping_bytes);
    if (code == 0) pcap->ahead_result = code = pcap_reader_next(&pcap->reader, &pcap->ahead);
    if (code == ERROR_FORMAT)
        return problem_set(problem, code, "%.300s is not a capture that can be read: %s (byte %" PRIu64 ").", path,
                           pcap->reader.problem, pcap->reader.at);
    return 0;
}

static int32_t pcap_open(struct port *port, const port_config *config, struct problem *problem) {
    struct pcap *pcap = port->state = calloc(1, sizeof *pcap);
    if (!pcap || frame_pool_open(&pcap->tx, config->tx_frames) < 0)
        return problem_set(problem, ERROR_NO_MEMORY, "Memory for %d frames could not be had.", config->tx_frames);
    pcap->flags = PKT_CLOCK_FILE | (config->udp_checksum_complete ? PKT_UDP_CHECKSUM_COMPLETE : 0);
    pcap->ahead_result = ERROR_END_OF_INPUT;
    if (config->in_path && *config->in_path) {
        int32_t code = open_input(pcap, config->in_path, problem);
        if (code < 0) return code;
    }
    if (config->out_path && *config->out_path) {
        struct stat in, out;
        if (config->in_path && stat(config->in_path, &in) == 0 && stat(config->out_path, &out) == 0 &&
            in.st_dev == out.st_dev && in.st_ino == out.st_ino)
            return problem_set(problem, ERROR_INVALID_ARGUMENT,
                               "%.300s is the capture that is read: write to another file.", config->out_path);
        struct pcap_writer *writer = malloc(sizeof *writer);
        if (!writer) return problem_set(problem, ERROR_NO_MEMORY, "Memory for the port could not be had.");
        if (pcap_writer_open(writer, config->out_path) < 0) {
            free(writer);
            return problem_set(problem, code_of_errno(errno), "%.300s: %s.", config->out_path, strerror(errno));
        }
        pcap->writer = writer;
    }
    port->identity = (port_identity_t){.udp_port = config->udp_ports[0]};
    snprintf(port->description, sizeof port->description, "pcap, %s in, %s out",
             pcap->mapping ? (pcap->reader.next_generation ? "pcapng" : "pcap") : "nothing",
             pcap->writer ? "pcap" : "nothing");
    return 0;
}

static int32_t pcap_close(struct port *port) {
    struct pcap *pcap = port->state;
    if (!pcap) return 0;
    int32_t code = 0;
    if (pcap->mapping) munmap(pcap->mapping, pcap->mapping_bytes);
    if (pcap->writer && pcap_writer_close(pcap->writer) < 0) code = ERROR_IO;
    free(pcap->writer);
    frame_pool_close(&pcap->tx);
    free(pcap);
    return code;
}

static int32_t pcap_rx_burst(struct port *port, pkt_t *descs, int32_t max) {
    struct pcap *pcap = port->state;
    int32_t count = 0;
    while (count < max && pcap->ahead_result == 1) {
        if (pcap->ahead.length_bytes <= FRAME_BYTES_MAX) {
            descs[count++] = (pkt_t){.data = (uintptr_t)pcap->ahead.bytes,
                                     .len = pcap->ahead.length_bytes,
                                     .port = port->port_id,
                                     .flags = pcap->flags,
                                     .ts_ns = pcap->ahead.time_ns};
            port->stats.rx_bytes += pcap->ahead.length_bytes;
        } else {
            port->stats.rx_too_long++;
        }
        pcap->ahead_result = pcap_reader_next(&pcap->reader, &pcap->ahead);
    }
    port->stats.rx_frames += (uint64_t)count;
    port->stats.rx_held += (uint64_t)count;
    return count ? count : pcap->ahead_result;
}

static int32_t pcap_rx_release(struct port *port, const pkt_t *descs, int32_t n) {
    (void)descs; /* the mapping stays: nothing is given back, only counted */
    int32_t released = (uint64_t)n < port->stats.rx_held ? n : (int32_t)port->stats.rx_held;
    port->stats.bad_descriptors += (uint64_t)(n - released);
    port->stats.rx_held -= (uint64_t)released;
    return released;
}

static int32_t pcap_tx_alloc(struct port *port, pkt_t *descs, int32_t n) {
    return frames_alloc(port, &((struct pcap *)port->state)->tx, descs, n);
}

static int32_t pcap_tx_burst(struct port *port, const pkt_t *descs, int32_t n) {
    struct pcap *pcap = port->state;
    for (int32_t i = 0; i < n; i++) {
        if (!frame_is_sendable(&pcap->tx, &descs[i])) {
            frame_refuse(port, &pcap->tx, &descs[i]);
            continue;
        }
        int32_t frame = frame_claim(&pcap->tx, &descs[i], &port->stats);
        frame_put_back(&pcap->tx, frame);
        if (pcap->writer && pcap_writer_append(pcap->writer, frame_at(&pcap->tx, (uint64_t)frame), descs[i].len,
                                               descs[i].ts_ns) < 0) {
            port->stats.tx_failed++;
            continue;
        }
        port->stats.tx_frames++;
        port->stats.tx_bytes += descs[i].len;
    }
    return n;
}

static void pcap_refresh_stats(struct port *port) {
    struct pcap *pcap = port->state;
    port->stats.rx_format_errors = pcap->ahead_result == ERROR_FORMAT;
    port->stats.end_of_input = pcap->ahead_result < 0;
    port->stats.rx_skipped = pcap->reader.skipped_blocks;
    port->stats.tx_free = (uint64_t)pcap->tx.free_count;
    if (pcap->ahead_result == ERROR_FORMAT)
        snprintf(port->description, sizeof port->description, "pcap, broken at byte %" PRIu64 ": %s", pcap->reader.at,
                 pcap->reader.problem);
}

const struct port_operations pcap_operations = {
    .open = pcap_open,
    .close = pcap_close,
    .rx_burst = pcap_rx_burst,
    .rx_release = pcap_rx_release,
    .tx_alloc = pcap_tx_alloc,
    .tx_burst = pcap_tx_burst,
    .refresh_stats = pcap_refresh_stats,
};
