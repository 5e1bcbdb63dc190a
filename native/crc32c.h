/* CRC32C (Castagnoli; RFC 3720 appendix B.4: polynomial 0x1EDC6F41, reflected, initial value and final xor all ones). */
#ifndef PITWIRE_CRC32C_H
#define PITWIRE_CRC32C_H

#include <stdint.h>

/* The CRC of `length_bytes` bytes at `address`, continued from `crc` of the bytes before them (0 to start). */
int64_t crc32c(uint64_t address, int64_t length_bytes, int64_t crc);

/* The same by table, whatever the CPU has: the fallback, and the twin that tests compare with. */
int64_t crc32c_software(uint64_t address, int64_t length_bytes, int64_t crc);

#endif
