#include "journal.h"

#include "clock.h"
#include "crc32c.h"
#include "gen/layout.h"

#include <string.h>

#define FLAGS_SHIFT 48 /* of the flags in the last 8 bytes */
_Static_assert(offsetof(sequenced_t, flags) == 126 && COMMAND_FIRST_OF_BURST == 1, "flags");
_Static_assert(offsetof(sequenced_t, length) == 4 && offsetof(sequenced_t, kind) == 6, "length and kind");
_Static_assert(offsetof(sequenced_t, sequence) == 8 && offsetof(sequenced_t, time_ns) == 16, "header");

#define RECORD_BYTES ((int64_t)sizeof(sequenced_t))

_Static_assert(sizeof(journal_block_t) + JOURNAL_BLOCK_RECORDS * sizeof(sequenced_t) == JOURNAL_BLOCK_BYTES, "a block");

/* The parts of a record that a commit writes, but for the CRC. */
struct edges {
    uint64_t sequence, time_ns, last; /* bytes 8..15, 16..23, 120..127 */
    uint32_t first;                   /* bytes 4..7 */
};

static inline uint64_t word_at(const uint8_t *bytes) {
    uint64_t word;
    memcpy(&word, bytes, 8);
    return word;
}

/* What a commit writes into a record whose body is there. The header goes into the CRC from registers: to read back what
 * was just written, in other widths, takes longer than the whole CRC. */
static inline struct edges edges_to_write(const uint8_t *record, int64_t sequence, int64_t time_ns, int32_t kind,
                                          int32_t first_of_burst) {
    uint64_t last = word_at(record + 120) & ~((uint64_t)COMMAND_FIRST_OF_BURST << FLAGS_SHIFT);
    return (struct edges){(uint64_t)sequence, (uint64_t)time_ns, last | (uint64_t)(first_of_burst != 0) << FLAGS_SHIFT,
                          (uint32_t)RECORD_BYTES | (uint32_t)kind << 16};
}

static inline int64_t write_edges(uint8_t *record, const struct edges *edges, uint32_t crc) {
    uint64_t head = (uint64_t)edges->first << 32 | crc;
    memcpy(record, &head, 8);
    memcpy(record + 8, &edges->sequence, 8);
    memcpy(record + 16, &edges->time_ns, 8);
    memcpy(record + 120, &edges->last, 8);
    return crc;
}

#if defined(__x86_64__)
#include <nmmintrin.h>
#include <wmmintrin.h>

/* x^(8n - 33) mod P, reflected: crc32(0, clmul(state, it)) moves a state over n zero bytes. */
#define OVER_80_BYTES 0x39d3b296u
#define OVER_40_BYTES 0x3da6d0cbu

#define PCLMUL __attribute__((target("sse4.2,pclmul")))

/* Three streams of 40 bytes side by side, since the instruction takes three cycles and one can start in each; the states
 * of the first two are moved over the bytes behind them and added. */
PCLMUL __attribute__((always_inline)) static inline uint32_t crc_here(const struct edges *edges, const uint8_t *record,
                                                                        uint32_t crc) {
    uint64_t one = _mm_crc32_u32(~crc, edges->first), two = 0, three = 0;
    one = _mm_crc32_u64(one, edges->sequence);
    one = _mm_crc32_u64(one, edges->time_ns);
    for (int i = 0; i < 3; i++) one = _mm_crc32_u64(one, word_at(record + 24 + 8 * i));
    for (int i = 0; i < 5; i++) two = _mm_crc32_u64(two, word_at(record + 48 + 8 * i));
    for (int i = 0; i < 4; i++) three = _mm_crc32_u64(three, word_at(record + 88 + 8 * i));
    const __m128i over = _mm_set_epi64x(OVER_40_BYTES, OVER_80_BYTES);
    __m128i moved_one = _mm_clmulepi64_si128(_mm_cvtsi64_si128((int64_t)one), over, 0x00);
    __m128i moved_two = _mm_clmulepi64_si128(_mm_cvtsi64_si128((int64_t)two), over, 0x10);
    uint64_t moved = (uint64_t)_mm_cvtsi128_si64(_mm_xor_si128(moved_one, moved_two));
    return (uint32_t)~_mm_crc32_u64(three, edges->last ^ moved);
}

PCLMUL static uint32_t crc_by_pclmul(const struct edges *edges, const uint8_t *record, uint32_t crc) {
    return crc_here(edges, record, crc);
}

PCLMUL static int64_t commit_by_pclmul(uint8_t *record, int64_t sequence, int64_t time_ns, int32_t kind,
                                       int32_t first_of_burst, uint32_t chain_crc32c) {
    struct edges edges = edges_to_write(record, sequence, time_ns, kind, first_of_burst);
    return write_edges(record, &edges, crc_here(&edges, record, chain_crc32c));
}

static int has_pclmul;

__attribute__((constructor)) static void look_at_cpu(void) {
    has_pclmul = __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul");
}
#else
#define has_pclmul 0
#define crc_by_pclmul(edges, record, crc) 0
#define commit_by_pclmul commit_by_table
static int64_t commit_by_table(uint8_t *, int64_t, int64_t, int32_t, int32_t, uint32_t);
#endif

/* CRC32C of bytes 4..127 of a record whose edges are in registers. */
static uint32_t crc_of_edges(const struct edges *edges, const uint8_t *record, uint32_t crc) {
    if (has_pclmul) return crc_by_pclmul(edges, record, crc);
    crc = (uint32_t)crc32c((uintptr_t)&edges->first, 4, crc);
    crc = (uint32_t)crc32c((uintptr_t)&edges->sequence, 16, crc);
    crc = (uint32_t)crc32c((uintptr_t)record + 24, 96, crc);
    return (uint32_t)crc32c((uintptr_t)&edges->last, 8, crc);
}

static uint32_t crc_of(const void *record, uint32_t begun_with) {
    const uint8_t *bytes = record;
    struct edges edges = {word_at(bytes + 8), word_at(bytes + 16), word_at(bytes + 120), 0};
    memcpy(&edges.first, bytes + 4, 4);
    return crc_of_edges(&edges, bytes, begun_with);
}

static int64_t commit_by_table(uint8_t *record, int64_t sequence, int64_t time_ns, int32_t kind, int32_t first_of_burst,
                               uint32_t chain_crc32c) {
    struct edges edges = edges_to_write(record, sequence, time_ns, kind, first_of_burst);
    return write_edges(record, &edges, crc_of_edges(&edges, record, chain_crc32c));
}

int64_t journal_commit(uint64_t address, int64_t sequence, int64_t time_ns, int32_t kind, int32_t first_of_burst,
                       int64_t chain_crc32c) {
    uint8_t *record = (uint8_t *)(uintptr_t)address;
    return (has_pclmul ? commit_by_pclmul : commit_by_table)(record, sequence, time_ns, kind, first_of_burst,
                                                             (uint32_t)chain_crc32c);
}

int64_t journal_load_acquire(uint64_t address) {
    return __atomic_load_n((const int64_t *)(uintptr_t)address, __ATOMIC_ACQUIRE);
}

void journal_store_release(uint64_t address, int64_t value) {
    __atomic_store_n((int64_t *)(uintptr_t)address, value, __ATOMIC_RELEASE);
}

int64_t journal_wait(uint64_t address, int64_t value, int64_t spin_ns) {
    int64_t found = journal_load_acquire(address);
    if (found != value || spin_ns <= 0) return found;
    int64_t until_ns = clock_monotonic_ns() + spin_ns;
    do {
        for (int i = 0; i < 64; i++) {
            found = journal_load_acquire(address);
            if (found != value) return found;
#if defined(__x86_64__)
            __builtin_ia32_pause();
#endif
        }
    } while (clock_monotonic_ns() < until_ns);
    return found;
}

int64_t journal_seal(uint64_t records, int64_t count, journal_cursor *cursor) {
    sequenced_t *record = (sequenced_t *)(uintptr_t)records;
    for (int64_t i = 0; i < count; i++, record++) {
        record->sequence = cursor->next_sequence++;
        record->length = (uint16_t)RECORD_BYTES;
        record->crc32c = cursor->chain_crc32c = crc_of(record, cursor->chain_crc32c);
    }
    return count;
}

int64_t journal_count_whole(uint64_t records, int64_t count, journal_cursor *cursor) {
    const sequenced_t *record = (const sequenced_t *)(uintptr_t)records;
    int64_t whole = 0;
    for (; whole < count; whole++, record++) {
        if (record->sequence != cursor->next_sequence || record->length != RECORD_BYTES ||
            record->crc32c != crc_of(record, cursor->chain_crc32c))
            break;
        cursor->chain_crc32c = record->crc32c;
        cursor->next_sequence++;
    }
    return whole;
}

int64_t journal_fill_blocks(uint64_t blocks, uint64_t records, int64_t count, uint16_t flags, journal_cursor *cursor) {
    const sequenced_t *from = (const sequenced_t *)(uintptr_t)records;
    uint8_t *to = (uint8_t *)(uintptr_t)blocks;
    int64_t block_count = count > 0 ? (count + JOURNAL_BLOCK_RECORDS - 1) / JOURNAL_BLOCK_RECORDS : 1;
    uint32_t group_block = cursor->next_block;
    for (int64_t i = 0; i < block_count; i++, to += JOURNAL_BLOCK_BYTES) {
        int64_t here = count < JOURNAL_BLOCK_RECORDS ? count : JOURNAL_BLOCK_RECORDS;
        journal_block_t *block = (journal_block_t *)to;
        memset(block, 0, sizeof *block);
        block->record_count = (uint16_t)here;
        block->flags = flags;
        block->segment = cursor->segment;
        block->first_sequence = cursor->next_sequence;
        block->block = cursor->next_block++;
        block->group_block = group_block;
        block->group_blocks = (uint32_t)block_count;
        block->chain_crc32c = cursor->chain_crc32c;
        memcpy(block->instance_id, cursor->instance_id, sizeof block->instance_id);
        block->crc32c = crc_of(block, 0);
        memcpy(to + sizeof *block, from, (size_t)(here * RECORD_BYTES));
        memset(to + sizeof *block + here * RECORD_BYTES, 0, (size_t)((JOURNAL_BLOCK_RECORDS - here) * RECORD_BYTES));
        if (here > 0) cursor->chain_crc32c = from[here - 1].crc32c;
        cursor->next_sequence += (uint64_t)here;
        from += here;
        count -= here;
    }
    return block_count;
}

int32_t journal_block_is_ours(uint64_t block_address, uint32_t block, const journal_cursor *cursor) {
    const journal_block_t *found = (const journal_block_t *)(uintptr_t)block_address;
    return found->segment == cursor->segment && found->block == block &&
           found->record_count <= JOURNAL_BLOCK_RECORDS && found->group_block <= block &&
           memcmp(found->instance_id, cursor->instance_id, sizeof found->instance_id) == 0 &&
           found->crc32c == crc_of(found, 0);
}

static int is_zero(const uint8_t *bytes, int64_t count) {
    for (int64_t i = 0; i < count; i++)
        if (bytes[i]) return 0;
    return 1;
}

int64_t journal_read_blocks(uint64_t blocks, int64_t count, uint64_t records, int64_t *records_count,
                            journal_cursor *cursor) {
    const uint8_t *from = (const uint8_t *)(uintptr_t)blocks;
    uint8_t *to = (uint8_t *)(uintptr_t)records;
    int64_t whole = 0;
    *records_count = 0;
    while (whole < count && cursor->next_sequence < cursor->stop_sequence && !cursor->closed) {
        const journal_block_t *block = (const journal_block_t *)from;
        if (!journal_block_is_ours((uint64_t)(uintptr_t)from, cursor->next_block, cursor) ||
            block->first_sequence != cursor->next_sequence || block->chain_crc32c != cursor->chain_crc32c)
            break;
        journal_cursor after = *cursor;
        int64_t here = block->record_count, bytes = here * RECORD_BYTES;
        const uint8_t *body = from + sizeof *block;
        if (!is_zero(body + bytes, JOURNAL_BLOCK_RECORDS * RECORD_BYTES - bytes)) break;
        if ((uint64_t)here > cursor->stop_sequence - cursor->next_sequence)
            here = (int64_t)(cursor->stop_sequence - cursor->next_sequence);
        if (journal_count_whole((uint64_t)(uintptr_t)body, here, &after) < here) break;
        if (block->group_block == cursor->next_block) {
            after.group_sequence = cursor->next_sequence;
            after.group_chain_crc32c = cursor->chain_crc32c;
        }
        after.group_end_block = block->group_block + block->group_blocks;
        after.closed = block->flags & JOURNAL_BLOCK_CLOSED;
        after.next_block++;
        *cursor = after;
        memcpy(to, body, (size_t)(here * RECORD_BYTES));
        to += here * RECORD_BYTES;
        *records_count += here;
        from += JOURNAL_BLOCK_BYTES;
        whole++;
    }
    return whole;
}
