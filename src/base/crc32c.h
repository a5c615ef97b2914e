#ifndef LKS_BASE_CRC32C_H
#define LKS_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/** Local. Castagnoli's cyclic redundancy check of 32 bits, as iSCSI has it. Source: RFC 3720, section 12.1 and appendix B.4. */
uint32_t lks_crc32c(const void *data, size_t bytes);

#endif
