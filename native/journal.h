/* The log's blocks and chains (native/layout.py: SEQUENCED, JOURNAL_BLOCK): fill them, judge them. */
#ifndef PITWIRE_JOURNAL_H
#define PITWIRE_JOURNAL_H

#include <stdint.h>

/* Where the next block and the next record of a log belong. */
typedef struct {
    uint64_t segment;
    uint64_t next_sequence;
    uint32_t next_block;
    uint32_t chain_crc32c; /* of the record before */
    uint8_t instance_id[16];
    /* of reading only */
    uint64_t stop_sequence;      /* reading stops before this record, wherever in a block it lies */
    uint64_t group_sequence;     /* first record of the group that the last whole block belongs to */
    uint32_t group_chain_crc32c; /* of the record before that one */
    uint32_t group_end_block;    /* place of the block behind that group */
    uint64_t closed;             /* 1: the last whole block closes the log */
} journal_cursor;

/* An int64 that another process writes: no later load moves before this one. */
int64_t journal_load_acquire(uint64_t address);

/* Store an int64 for other processes after everything that was stored before. */
void journal_store_release(uint64_t address, int64_t value);

/* Spin until the int64 at `address` is not `value`, for `spin_ns` at most. Returns what it is. */
int64_t journal_wait(uint64_t address, int64_t value, int64_t spin_ns);

/* Complete the record at `address`, whose body is filled: number, time, kind, length, whether it is the first of its
 * burst, and the CRC, begun with that of the record before. Returns the CRC. Little-endian machines only. */
int64_t journal_commit(uint64_t address, int64_t sequence, int64_t time_ns, int32_t kind, int32_t first_of_burst,
                       int64_t chain_crc32c);

/* Number and seal `count` records at `records` whose bodies are filled: sequence, length, CRC chain. Returns `count`. */
int64_t journal_seal(uint64_t records, int64_t count, journal_cursor *cursor);

/* How many of the `count` records at `records` are whole, in order and chained; the cursor moves over them. */
int64_t journal_count_whole(uint64_t records, int64_t count, journal_cursor *cursor);

/* One group: the `count` records at `records` in blocks at `blocks` (room for count / JOURNAL_BLOCK_RECORDS, rounded up,
 * at least 1). Returns the blocks filled; the cursor moves over them. */
int64_t journal_fill_blocks(uint64_t blocks, uint64_t records, int64_t count, uint16_t flags, journal_cursor *cursor);

/* How many of the `count` blocks at `blocks` are whole and come next; their records are put at `records`, back to back,
 * and counted in `*records_count`. The cursor moves over them. Stops behind a block that closes the log, and at
 * `stop_sequence`. */
int64_t journal_read_blocks(uint64_t blocks, int64_t count, uint64_t records, int64_t *records_count,
                            journal_cursor *cursor);

/* 1 when the block has the whole header of block number `block` of the cursor's segment; its records may be damaged. */
int32_t journal_block_is_ours(uint64_t block_address, uint32_t block, const journal_cursor *cursor);

#endif
