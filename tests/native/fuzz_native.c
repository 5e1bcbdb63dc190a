/* The C library under ASan and UBSan, without Python: `fuzz_native SEED ROUNDS`.
 *
 * Hostile captures and frames lie in memory of exactly their size, so that one byte too far ends the run; sequences of
 * port calls are random, with wrong handles, cookies and lengths among them. Prints what was done; exit 0 when all held.
 */
#include "gen/layout.h"
#include "journal.h"
#include "pcap_reader.h"
#include "port.h"
#include "udp4_frame.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUIRE(condition)                                                                                            \
    do {                                                                                                              \
        if (!(condition)) {                                                                                           \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                           \
            abort();                                                                                                  \
        }                                                                                                             \
    } while (0)

static uint64_t random_state;

static uint64_t random64(void) { /* xorshift64* */
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * 0x2545F4914F6CDD1DULL;
}

static uint32_t below(uint32_t limit) { return (uint32_t)(random64() >> 32) % limit; }

static volatile uint64_t sink;

static void touch(const uint8_t *bytes, uint64_t count) {
    uint64_t sum = 0;
    for (uint64_t i = 0; i < count; i++) sum += bytes[i];
    sink += sum;
}

/* --- files to mutate --- */

struct bytes {
    uint8_t data[4096];
    uint32_t size;
};

static void append(struct bytes *file, const void *data, uint32_t size) {
    REQUIRE(file->size + size <= sizeof file->data);
    memcpy(file->data + file->size, data, size);
    file->size += size;
}

static void append_number(struct bytes *file, int swapped, uint64_t value, uint32_t size) {
    uint8_t raw[8];
    for (uint32_t i = 0; i < size; i++) raw[swapped ? size - 1 - i : i] = (uint8_t)(value >> 8 * i);
    append(file, raw, size);
}

static void append_frame(struct bytes *file, uint32_t size) {
    uint8_t frame[256];
    for (uint32_t i = 0; i < size; i++) frame[i] = (uint8_t)random64();
    append(file, frame, size);
}

static void make_classic(struct bytes *file, int swapped) {
    file->size = 0;
    append_number(file, swapped, below(2) ? 0xA1B23C4D : 0xA1B2C3D4, 4);
    append_number(file, swapped, 2, 2);
    append_number(file, swapped, 4, 2);
    append_number(file, swapped, 0, 8);
    append_number(file, swapped, 65535, 4);
    append_number(file, swapped, 1, 4);
    for (uint32_t i = below(6); i > 0; i--) {
        uint32_t size = below(200);
        append_number(file, swapped, random64(), 8);
        append_number(file, swapped, size, 4);
        append_number(file, swapped, size, 4);
        append_frame(file, size);
    }
}

/* Lengths of the block that starts at `start` and ends here. */
static void close_block(struct bytes *file, int swapped, uint32_t start) {
    while (file->size % 4) append_number(file, swapped, 0, 1);
    uint32_t total = file->size - start + 4;
    append_number(file, swapped, total, 4);
    memcpy(file->data + start + 4, file->data + file->size - 4, 4);
}

static uint32_t open_block(struct bytes *file, int swapped, uint32_t type) {
    uint32_t start = file->size;
    append_number(file, swapped, type, 4);
    append_number(file, swapped, 0, 4);
    return start;
}

static void make_pcapng(struct bytes *file, int swapped) {
    file->size = 0;
    uint32_t start = open_block(file, swapped, 0x0A0D0D0A);
    append_number(file, swapped, 0x1A2B3C4D, 4);
    append_number(file, swapped, 1, 2);
    append_number(file, swapped, 0, 2);
    append_number(file, swapped, UINT64_MAX, 8);
    close_block(file, swapped, start);
    uint32_t interfaces = 1 + below(3);
    for (uint32_t i = 0; i < interfaces; i++) {
        start = open_block(file, swapped, 1);
        append_number(file, swapped, 1, 2);
        append_number(file, swapped, 0, 2);
        append_number(file, swapped, below(2) ? 0 : 128, 4);
        append_number(file, swapped, 9, 2); /* if_tsresol */
        append_number(file, swapped, 1, 2);
        append_number(file, swapped, below(2) ? 9 : random64() & 0xFF, 4);
        append_number(file, swapped, 14, 2); /* if_tsoffset */
        append_number(file, swapped, 8, 2);
        append_number(file, swapped, below(2) ? 0 : random64(), 8);
        append_number(file, swapped, 0, 4);
        close_block(file, swapped, start);
    }
    for (uint32_t i = below(6); i > 0; i--) {
        uint32_t size = below(200), type = (uint32_t[]){6, 6, 3, 2, 5}[below(5)];
        start = open_block(file, swapped, type);
        if (type == 2) append_number(file, swapped, below(interfaces), 2), append_number(file, swapped, 0, 2);
        if (type == 6) append_number(file, swapped, below(interfaces), 4);
        if (type != 3) {
            append_number(file, swapped, below(1 << 20), 4);
            append_number(file, swapped, random64(), 4);
            append_number(file, swapped, size, 4);
        }
        append_number(file, swapped, size, 4);
        append_frame(file, size);
        close_block(file, swapped, start);
    }
}

static void mutate(struct bytes *file) {
    static const uint32_t nasty[] = {0, 1, 3, 4, 11, 12, 13, 28, 32, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFC, 0xFFFFFFFF};
    for (uint32_t times = below(5); times > 0 && file->size; times--) {
        uint32_t at = below(file->size);
        switch (below(5)) {
        case 0:
            file->data[at] ^= (uint8_t)(1u << below(8));
            break;
        case 1:
            file->data[at] = (uint8_t)random64();
            break;
        case 2: /* a number where numbers are */
            at &= ~3u;
            if (at + 4 <= file->size) memcpy(file->data + at, &nasty[below(sizeof nasty / sizeof *nasty)], 4);
            break;
        case 3:
            file->size = at;
            break;
        default: { /* move a piece */
            uint32_t from = below(file->size), count = below(file->size - (from > at ? from : at));
            memmove(file->data + at, file->data + from, count);
        }
        }
    }
}

static uint64_t frames_read, files_broken, files_whole;

static void fuzz_captures(void) {
    static struct bytes file;
    int swapped = (int)below(2);
    if (below(2))
        make_classic(&file, swapped);
    else
        make_pcapng(&file, swapped);
    mutate(&file);
    uint8_t *exact = malloc(file.size ? file.size : 1);
    REQUIRE(exact);
    memcpy(exact, file.data, file.size);
    static struct pcap_reader reader;
    int32_t result = pcap_reader_start(&reader, exact, file.size);
    uint64_t before = UINT64_MAX;
    while (result >= 0) {
        struct pcap_frame frame;
        result = pcap_reader_next(&reader, &frame);
        if (result != 1) break;
        REQUIRE(reader.at != before); /* each frame moves it on: it ends */
        before = reader.at;
        REQUIRE(frame.bytes >= exact && frame.bytes + frame.length_bytes <= exact + file.size);
        touch(frame.bytes, frame.length_bytes);
        frames_read++;
    }
    REQUIRE(result == ERROR_END_OF_INPUT || result == ERROR_FORMAT);
    REQUIRE((result == ERROR_FORMAT) == (reader.problem != 0));
    struct pcap_frame frame;
    if (result == ERROR_FORMAT) REQUIRE(pcap_reader_next(&reader, &frame) == ERROR_FORMAT);
    files_broken += result == ERROR_FORMAT;
    files_whole += result == ERROR_END_OF_INPUT;
    free(exact);
}

static uint64_t frames_parsed, frames_refused;

static void fuzz_frames(void) {
    static struct bytes file;
    file.size = 0;
    struct udp4 wanted = {.source_ip = (uint32_t)random64(),
                          .destination_ip = (uint32_t)random64(),
                          .source_port = (uint16_t)random64(),
                          .destination_port = (uint16_t)random64(),
                          .payload_offset = UDP4_HEADERS_BYTES,
                          .payload_bytes = below(200)};
    append_frame(&file, UDP4_HEADERS_BYTES);
    append_frame(&file, wanted.payload_bytes);
    udp4_headers_write(file.data, &wanted);
    struct udp4 got;
    REQUIRE(udp4_parse(file.data, file.size, &got) == 0 && memcmp(&got, &wanted, sizeof got) == 0);
    mutate(&file);
    uint8_t *exact = malloc(file.size ? file.size : 1);
    REQUIRE(exact);
    memcpy(exact, file.data, file.size);
    if (udp4_parse(exact, file.size, &got) == 0) {
        REQUIRE(got.payload_offset + got.payload_bytes <= file.size);
        touch(exact + got.payload_offset, got.payload_bytes);
        frames_parsed++;
    } else {
        frames_refused++;
    }
    free(exact);
}

#define BLOCKS_MAX 5

static uint64_t blocks_whole, blocks_refused;

static void fuzz_blocks(void) {
    journal_cursor start = {.segment = 1 + below(3), .next_sequence = 1 + below(1000), .next_block = 1 + below(9)};
    start.chain_crc32c = (uint32_t)random64();
    start.stop_sequence = below(4) ? UINT64_MAX >> 1 : start.next_sequence + below(100);
    int64_t count = below(BLOCKS_MAX * JOURNAL_BLOCK_RECORDS + 1);
    sequenced_t *records = calloc((size_t)count + 1, sizeof *records);
    uint8_t *blocks = malloc(BLOCKS_MAX * JOURNAL_BLOCK_BYTES);
    REQUIRE(records && blocks);
    for (int64_t i = 0; i < count; i++) records[i].cl_ord_id = random64();
    journal_cursor cursor = start;
    journal_seal((uintptr_t)records, count, &cursor);
    cursor = start;
    int64_t filled = journal_fill_blocks((uintptr_t)blocks, (uintptr_t)records, count, below(8) == 0, &cursor);
    REQUIRE(filled <= BLOCKS_MAX && cursor.next_sequence == start.next_sequence + (uint64_t)count);
    if (below(4)) blocks[below((uint32_t)filled * JOURNAL_BLOCK_BYTES)] ^= (uint8_t)(1u << below(8));
    if (!below(4)) memset(blocks + below((uint32_t)filled * JOURNAL_BLOCK_BYTES - 8), (int)below(256), 8);
    uint8_t *exact = malloc((size_t)filled * JOURNAL_BLOCK_BYTES);
    sequenced_t *found = malloc((size_t)filled * JOURNAL_BLOCK_RECORDS * sizeof *found);
    REQUIRE(exact && found);
    memcpy(exact, blocks, (size_t)filled * JOURNAL_BLOCK_BYTES);
    cursor = start;
    int64_t records_count = -1;
    int64_t whole = journal_read_blocks((uintptr_t)exact, filled, (uintptr_t)found, &records_count, &cursor);
    REQUIRE(whole >= 0 && whole <= filled && records_count >= 0 && records_count <= count);
    REQUIRE(cursor.next_sequence == start.next_sequence + (uint64_t)records_count);
    REQUIRE(cursor.next_sequence <= start.stop_sequence || records_count == 0);
    REQUIRE(records_count == 0 || memcmp(found, records, (size_t)records_count * sizeof *found) == 0);
    blocks_whole += (uint64_t)whole;
    blocks_refused += (uint64_t)(filled - whole);
    free(exact);
    free(found);
    free(records);
    free(blocks);
}

/* --- random calls --- */

#define FRAMES 16

static uint64_t calls_made, frames_moved;

static void fuzz_one_call(uint64_t port, uint16_t udp_port) {
    int32_t n = (int32_t)below(FRAMES + 1);
    pkt_t *descs = malloc((size_t)(n ? n : 1) * sizeof *descs); /* exactly: a burst too long is caught */
    REQUIRE(descs);
    memset(descs, 0, (size_t)(n ? n : 1) * sizeof *descs);
    uint64_t address = (uintptr_t)descs;
    switch (below(6)) {
    case 0: {
        int32_t got = port_rx_burst(port, address, n);
        REQUIRE(got <= n);
        for (int32_t i = 0; i < got; i++) touch((const uint8_t *)(uintptr_t)descs[i].data, descs[i].len);
        if (got > 0) port_rx_release(port, address, below(4) ? got : got / 2);
        if (got > 0) frames_moved += (uint64_t)got;
        break;
    }
    case 1: /* nonsense */
        for (int32_t i = 0; i < n; i++)
            descs[i] = (pkt_t){.cookie = below(3) ? below(2 * FRAMES) : random64(), .len = (uint32_t)random64()};
        if (below(2))
            port_rx_release(port, address, n);
        else
            REQUIRE(port_tx_burst(port, address, n) <= n);
        break;
    case 2:
    case 3: { /* send, each frame to the other port or anywhere */
        int32_t got = port_tx_alloc(port, address, n);
        REQUIRE(got <= n);
        for (int32_t i = 0; i < got; i++) {
            uint8_t *frame = (uint8_t *)(uintptr_t)descs[i].data;
            memset(frame, (int)below(256), descs[i].len);
            struct udp4 udp4 = {.source_ip = INADDR_LOOPBACK,
                                .destination_ip = INADDR_LOOPBACK,
                                .destination_port = udp_port,
                                .payload_bytes = below(1000)};
            udp4_headers_write(frame, &udp4);
            descs[i].len = UDP4_HEADERS_BYTES + udp4.payload_bytes;
            if (!below(8)) descs[i].len = below(2000);
            if (!below(8)) frame[below(42)] = (uint8_t)random64();
            if (!below(16)) descs[i].cookie = descs[0].cookie;
        }
        int32_t taken = port_tx_burst(port, address, got);
        REQUIRE(taken >= 0 && taken <= got);
        port_tx_flush(port);
        break;
    }
    case 4:
        port_service(port, n);
        break;
    default: {
        port_stats_t stats;
        REQUIRE(port_stats(port, (uintptr_t)&stats) == 0);
        REQUIRE(stats.tx_free <= 2 * FRAMES);
    }
    }
    calls_made++;
    free(descs);
}

static uint64_t open_or_zero(const port_config *config, uint16_t *udp_port) {
    uint64_t port = 0;
    char problem[256];
    if (port_open(config, &port, problem, sizeof problem) < 0) {
        printf("not opened: %s\n", problem);
        return 0;
    }
    port_identity_t identity;
    REQUIRE(port_identity(port, &identity) == 0);
    *udp_port = identity.udp_port;
    return port;
}

/* Admission rules that may not be: each is refused or harmless, none is read beyond its end. */
static void fuzz_admission(void) {
    uint32_t sources[8];
    for (int i = 0; i < 8; i++) sources[i] = i % 2 ? below(40) : (uint32_t)random64();
    port_config config = {.kind = PORT_MEMORY,
                          .rx_frames = 1,
                          .tx_frames = 1,
                          .sources = below(8) ? sources : 0,
                          .source_count = below(8) ? (int32_t)below(5) : (int32_t)random64() | INT32_MIN,
                          .datagrams_a_second = (int32_t)random64(),
                          .datagrams_burst = (int32_t)random64()};
    uint64_t port = 0;
    char problem[256];
    int32_t code = port_open(&config, &port, problem, sizeof problem);
    REQUIRE(code == 0 || code == ERROR_INVALID_ARGUMENT);
    if (code == 0) REQUIRE(config.datagrams_a_second >= 0 && port_close(port) == 0);
}

static void fuzz_calls(uint32_t calls) {
    port_config memory = {.kind = PORT_MEMORY, .rx_frames = FRAMES, .tx_frames = FRAMES, .tx_pending_max = 5};
    port_config udp = {.kind = PORT_UDP, .rx_frames = FRAMES, .tx_frames = FRAMES, .local_ip = INADDR_LOOPBACK};
    port_config packet = {.kind = PORT_PACKET,
                          .rx_frames = FRAMES,
                          .tx_frames = FRAMES,
                          .interface_name = "lo",
                          .udp_port_count = 1,
                          .udp_ports = {(uint16_t)(20000 + below(40000))}};
    port_config pcap = {.kind = PORT_PCAP, .rx_frames = FRAMES, .tx_frames = FRAMES};
    const port_config *configs[] = {&memory, &udp, &udp, &packet, &pcap};
    uint64_t ports[5];
    uint16_t udp_ports[5];
    for (int i = 0; i < 5; i++) ports[i] = open_or_zero(configs[i], &udp_ports[i]);
    REQUIRE(ports[0] && ports[1] && ports[2] && ports[4]);
    for (uint32_t i = 0; i < calls; i++) {
        int which = (int)below(5);
        uint64_t port = below(64) ? ports[which] : random64();
        if (port != ports[which]) {
            pkt_t desc = {0};
            REQUIRE(port_rx_burst(port, (uintptr_t)&desc, 1) == ERROR_CLOSED);
            continue;
        }
        if (!port) continue;
        if (which == 0) {
            uint8_t frame[FRAME_BYTES_MAX];
            pkt_t desc;
            memset(frame, 7, sizeof frame);
            port_memory_inject(port, frame, (int32_t)below(1800) - 100, random64(), (uint16_t)random64());
            REQUIRE(port_memory_collect(port, frame, sizeof frame, &desc) >= 0);
        }
        /* udp 1 and 2 send to each other, the packet port to itself over the loopback */
        fuzz_one_call(port, udp_ports[which == 1 ? 2 : which == 2 ? 1 : which]);
    }
    for (int i = 0; i < 5; i++) {
        if (!ports[i]) continue;
        REQUIRE(port_close(ports[i]) == 0);
        REQUIRE(port_close(ports[i]) == ERROR_CLOSED);
    }
}

int main(int argument_count, char **arguments) {
    if (argument_count != 3) {
        fprintf(stderr, "usage: fuzz_native SEED ROUNDS\n");
        return 2;
    }
    random_state = strtoull(arguments[1], 0, 10) * 2 + 1;
    uint64_t rounds = strtoull(arguments[2], 0, 10);
    for (uint64_t i = 0; i < rounds; i++) {
        fuzz_captures();
        fuzz_frames();
        fuzz_blocks();
        fuzz_admission();
        if (i % 1000 == 0) fuzz_calls(2000);
    }
    printf("captures: %llu whole, %llu broken, %llu frames\n", (unsigned long long)files_whole,
           (unsigned long long)files_broken, (unsigned long long)frames_read);
    printf("frames: %llu parsed, %llu refused\n", (unsigned long long)frames_parsed,
           (unsigned long long)frames_refused);
    printf("blocks: %llu whole, %llu refused\n", (unsigned long long)blocks_whole, (unsigned long long)blocks_refused);
    printf("ports: %llu calls, %llu frames received\n", (unsigned long long)calls_made,
           (unsigned long long)frames_moved);
    return 0;
}
