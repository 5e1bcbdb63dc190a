#include "pcap_reader.h"

#include "gen/layout.h"

#include <string.h>

#define CLASSIC_MICROSECONDS 0xA1B2C3D4u
#define CLASSIC_NANOSECONDS 0xA1B23C4Du
#define BLOCK_SECTION 0x0A0D0D0Au
#define BLOCK_INTERFACE 1
#define BLOCK_PACKET 2
#define BLOCK_SIMPLE_PACKET 3
#define BLOCK_ENHANCED_PACKET 6
#define BYTE_ORDER_MAGIC 0x1A2B3C4Du
#define OPTION_TSRESOL 9
#define OPTION_TSOFFSET 14
#define LINKTYPE_ETHERNET 1

static uint16_t get16(const struct pcap_reader *reader, uint64_t at) {
    uint16_t value;
    memcpy(&value, reader->bytes + at, 2);
    return reader->swapped ? __builtin_bswap16(value) : value;
}

static uint32_t get32(const struct pcap_reader *reader, uint64_t at) {
    uint32_t value;
    memcpy(&value, reader->bytes + at, 4);
    return reader->swapped ? __builtin_bswap32(value) : value;
}

static uint64_t get64(const struct pcap_reader *reader, uint64_t at) {
    uint64_t value;
    memcpy(&value, reader->bytes + at, 8);
    return reader->swapped ? __builtin_bswap64(value) : value;
}

static int32_t broken(struct pcap_reader *reader, const char *problem) {
    reader->problem = problem;
    return ERROR_FORMAT;
}

static uint64_t left(const struct pcap_reader *reader) { return reader->size - reader->at; }

/* --- classic --- */

static int32_t start_classic(struct pcap_reader *reader, uint32_t fraction_ns) {
    reader->fraction_ns = fraction_ns;
    if (reader->size < 24) return broken(reader, "the file header is cut off");
    if (get16(reader, 4) != 2) return broken(reader, "the format version is not 2");
    if ((get32(reader, 20) & 0xFFFF) != LINKTYPE_ETHERNET) /* the upper half tells of the FCS */
        return broken(reader, "the link type is not Ethernet");
    reader->at = 24;
    return 0;
}

static int32_t next_classic(struct pcap_reader *reader, struct pcap_frame *frame) {
    if (!left(reader)) return ERROR_END_OF_INPUT;
    if (left(reader) < 16) return broken(reader, "a packet header is cut off");
    uint32_t length = get32(reader, reader->at + 8);
    if (length > PCAP_FRAME_BYTES_MAX) return broken(reader, "a packet is longer than captures allow");
    if (length > left(reader) - 16) return broken(reader, "a packet is cut off");
    uint64_t seconds = get32(reader, reader->at), fraction = get32(reader, reader->at + 4);
    *frame = (struct pcap_frame){.bytes = reader->bytes + reader->at + 16,
                                 .length_bytes = length,
                                 .time_ns = seconds * 1000000000 + fraction * reader->fraction_ns};
    reader->at += 16 + length;
    return 1;
}

/* --- pcapng --- */

/* The length of the block at `at`. 0 when the block is wholly there. */
static int32_t check_block(struct pcap_reader *reader, uint32_t *length) {
    *length = get32(reader, reader->at + 4);
    if (*length < 12 || *length % 4) return broken(reader, "a block has an impossible length");
    if (*length > left(reader)) return broken(reader, "a block is cut off");
    if (get32(reader, reader->at + *length - 4) != *length) return broken(reader, "a block's two lengths differ");
    return 0;
}

/* Looks at the byte order mark of the section header at `at`: its length is in that order. */
static int32_t begin_section(struct pcap_reader *reader) {
    if (left(reader) < 28) return broken(reader, "a section header is cut off");
    reader->swapped = 0;
    uint32_t mark = get32(reader, reader->at + 8);
    if (mark != BYTE_ORDER_MAGIC && mark != __builtin_bswap32(BYTE_ORDER_MAGIC))
        return broken(reader, "a section has no byte order mark");
    reader->swapped = mark != BYTE_ORDER_MAGIC;
    reader->interface_count = 0;
    return 0;
}

static int32_t read_section(struct pcap_reader *reader, uint32_t length) {
    if (length < 28) return broken(reader, "a section header is too short");
    if (get16(reader, reader->at + 12) != 1) return broken(reader, "the format version is not 1");
    return 0;
}

static int32_t set_resolution(struct pcap_interface *interface, uint8_t resolution) {
    int exponent = resolution & 0x7F;
    if (resolution & 0x80) {
        interface->ticks_per_second = 0;
        interface->binary_exponent = exponent;
        return exponent <= 63;
    }
    interface->ticks_per_second = 1;
    for (int i = 0; i < exponent; i++) {
        if (i == 19) return 0; /* 10^19 is the last that 64 bits hold */
        interface->ticks_per_second *= 10;
    }
    return 1;
}

static int32_t read_interface(struct pcap_reader *reader, uint32_t length) {
    if (length < 20) return broken(reader, "an interface description is too short");
    if (get16(reader, reader->at + 8) != LINKTYPE_ETHERNET) return broken(reader, "the link type is not Ethernet");
    if (reader->interface_count == PCAP_INTERFACES_MAX) return broken(reader, "there are more than 256 interfaces");
    struct pcap_interface *interface = &reader->interfaces[reader->interface_count++];
    *interface = (struct pcap_interface){.snap_bytes = get32(reader, reader->at + 12), .ticks_per_second = 1000000};
    uint64_t at = reader->at + 16, end = reader->at + length - 4;
    while (end - at >= 4) {
        uint16_t option = get16(reader, at), bytes = get16(reader, at + 2);
        if (!option) break;
        uint64_t padded = (bytes + 3u) & ~3u;
        if (padded > end - at - 4) return broken(reader, "an option ends outside its block");
        if (option == OPTION_TSRESOL && bytes == 1 && !set_resolution(interface, reader->bytes[at + 4]))
            return broken(reader, "the resolution of time stamps is finer than 64 bits hold");
        if (option == OPTION_TSOFFSET && bytes == 8) interface->offset_seconds = (int64_t)get64(reader, at + 4);
        at += 4 + padded;
    }
    return 0;
}

/* Nanoseconds since 1970 of a time stamp; 0 when that is before 1970 or beyond what 63 bits hold (2262). */
static int time_of(const struct pcap_interface *interface, uint64_t ticks, uint64_t *time_ns) {
    unsigned __int128 scaled = (unsigned __int128)ticks * 1000000000;
    scaled = interface->ticks_per_second ? scaled / interface->ticks_per_second : scaled >> interface->binary_exponent;
    __int128 time = (__int128)scaled + (__int128)interface->offset_seconds * 1000000000;
    if (time < 0 || time > INT64_MAX) return 0;
    *time_ns = (uint64_t)time;
    return 1;
}

static int32_t read_packet(struct pcap_reader *reader, uint32_t length, uint32_t interface, struct pcap_frame *frame) {
    if (interface >= reader->interface_count) return broken(reader, "a packet names an interface that is not described");
    uint32_t captured = get32(reader, reader->at + 20);
    if (captured > length - 32) return broken(reader, "a packet ends outside its block");
    if (captured > PCAP_FRAME_BYTES_MAX) return broken(reader, "a packet is longer than captures allow");
    uint64_t ticks = (uint64_t)get32(reader, reader->at + 12) << 32 | get32(reader, reader->at + 16);
    if (!time_of(&reader->interfaces[interface], ticks, &frame->time_ns))
        return broken(reader, "a packet's time is before 1970 or after 2262");
    frame->bytes = reader->bytes + reader->at + 28;
    frame->length_bytes = captured;
    return 1;
}

static int32_t read_simple_packet(struct pcap_reader *reader, uint32_t length, struct pcap_frame *frame) {
    if (!reader->interface_count) return broken(reader, "a packet names an interface that is not described");
    uint32_t captured = get32(reader, reader->at + 8), snap = reader->interfaces[0].snap_bytes;
    if (snap && captured > snap) captured = snap;
    if (captured > length - 16) return broken(reader, "a packet ends outside its block");
    if (captured > PCAP_FRAME_BYTES_MAX) return broken(reader, "a packet is longer than captures allow");
    *frame = (struct pcap_frame){.bytes = reader->bytes + reader->at + 12,
                                 .length_bytes = captured,
                                 .time_ns = reader->last_time_ns};
    return 1;
}

/* Reads the block at `at`: 1 it has a frame, 0 it has none. */
static int32_t read_block(struct pcap_reader *reader, uint32_t type, uint32_t length, struct pcap_frame *frame) {
    switch (type) {
    case BLOCK_SECTION:
        return read_section(reader, length);
    case BLOCK_INTERFACE:
        return read_interface(reader, length);
    case BLOCK_ENHANCED_PACKET:
    case BLOCK_PACKET:
        if (length < 32) return broken(reader, "a packet block is too short");
        return read_packet(reader, length,
                           type == BLOCK_PACKET ? get16(reader, reader->at + 8) : get32(reader, reader->at + 8), frame);
    case BLOCK_SIMPLE_PACKET:
        if (length < 16) return broken(reader, "a packet block is too short");
        return read_simple_packet(reader, length, frame);
    default:
        reader->skipped_blocks++;
        return 0;
    }
}

static int32_t next_pcapng(struct pcap_reader *reader, struct pcap_frame *frame) {
    while (left(reader)) {
        if (left(reader) < 12) return broken(reader, "a block is cut off");
        uint32_t type = get32(reader, reader->at);
        if (type == BLOCK_SECTION && begin_section(reader) < 0) return ERROR_FORMAT;
        uint32_t length;
        if (check_block(reader, &length) < 0) return ERROR_FORMAT;
        int32_t found = read_block(reader, type, length, frame);
        if (found < 0) return found;
        reader->at += length;
        if (!found) continue;
        reader->last_time_ns = frame->time_ns;
        return 1;
    }
    return ERROR_END_OF_INPUT;
}

/* --- both --- */

int32_t pcap_reader_start(struct pcap_reader *reader, const uint8_t *bytes, uint64_t size) {
    memset(reader, 0, sizeof *reader);
    reader->bytes = bytes;
    reader->size = size;
    if (size < 4) return broken(reader, size ? "the file header is cut off" : "the file is empty");
    uint32_t magic = get32(reader, 0);
    reader->swapped = magic == __builtin_bswap32(CLASSIC_MICROSECONDS) || magic == __builtin_bswap32(CLASSIC_NANOSECONDS);
    if (reader->swapped) magic = __builtin_bswap32(magic);
    if (magic == CLASSIC_MICROSECONDS) return start_classic(reader, 1000);
    if (magic == CLASSIC_NANOSECONDS) return start_classic(reader, 1);
    if (magic != BLOCK_SECTION) return broken(reader, "it is neither pcap nor pcapng");
    reader->next_generation = 1;
    return 0;
}

int32_t pcap_reader_next(struct pcap_reader *reader, struct pcap_frame *frame) {
    if (reader->problem) return ERROR_FORMAT;
    return reader->next_generation ? next_pcapng(reader, frame) : next_classic(reader, frame);
}
