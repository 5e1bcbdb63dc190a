#include "crc32c.h"

#include <string.h>

#define POLYNOMIAL_REFLECTED 0x82F63B78u

static uint32_t table[256];

__attribute__((constructor)) static void fill_table(void) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >> 1 ^ POLYNOMIAL_REFLECTED : crc >> 1;
        table[byte] = crc;
    }
}

int64_t crc32c_software(uint64_t address, int64_t length_bytes, int64_t crc) {
    const uint8_t *bytes = (const uint8_t *)(uintptr_t)address;
    uint32_t state = ~(uint32_t)crc;
    for (int64_t i = 0; i < length_bytes; i++) state = table[(uint8_t)(state ^ bytes[i])] ^ state >> 8;
    return (uint32_t)~state;
}

#if defined(__x86_64__)
#include <nmmintrin.h>

__attribute__((target("sse4.2"))) static int64_t crc32c_sse42(uint64_t address, int64_t length_bytes, int64_t crc) {
    const uint8_t *bytes = (const uint8_t *)(uintptr_t)address;
    uint64_t state = ~(uint32_t)crc;
    int64_t i = 0;
    for (; i + 8 <= length_bytes; i += 8) {
        uint64_t word;
        memcpy(&word, bytes + i, 8);
        state = _mm_crc32_u64(state, word);
    }
    for (; i < length_bytes; i++) state = _mm_crc32_u8((uint32_t)state, bytes[i]);
    return (uint32_t)~state;
}

static int has_sse42;

__attribute__((constructor)) static void look_at_cpu(void) { has_sse42 = __builtin_cpu_supports("sse4.2"); }

int64_t crc32c(uint64_t address, int64_t length_bytes, int64_t crc) {
    return has_sse42 ? crc32c_sse42(address, length_bytes, crc) : crc32c_software(address, length_bytes, crc);
}
#else
int64_t crc32c(uint64_t address, int64_t length_bytes, int64_t crc) {
    return crc32c_software(address, length_bytes, crc);
}
#endif
