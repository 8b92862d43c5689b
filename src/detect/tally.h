/* detect/tally.h - how many bytes are of one value, by comparing all of them with it: no table, no
 * scatter, so that the compiler makes vector code of it.  For VECTORISED functions.  Pure. */
#pragma once

#include "base/base.h"

#define DETECT_TALLY_COLUMNS  128u /* whole vectors that stay in registers */
#define DETECT_TALLY_ROWS_MAX UINT8_MAX

/* Of rows x DETECT_TALLY_COLUMNS bytes; a column's sum fits a byte.  Plain loops on purpose: GCC
 * compares vectors wider than the processor's own byte by byte. */
static inline uint32_t detect_tally(const uint8_t *bytes, size_t rows, uint8_t value)
{
    uint8_t columns[DETECT_TALLY_COLUMNS] = {0};
    uint32_t sum = 0;

    for (size_t y = 0; y < rows; y++)
        for (size_t x = 0; x < DETECT_TALLY_COLUMNS; x++)
            columns[x] = (uint8_t)(columns[x] + (bytes[y * DETECT_TALLY_COLUMNS + x] == value));
    for (size_t x = 0; x < DETECT_TALLY_COLUMNS; x++)
        sum += columns[x];
    return sum;
}
