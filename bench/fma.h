/* bench/fma.h - the arithmetic ceiling of one core: multiply-adds on registers, nothing else. */
#pragma once

#include <stdint.h>

/* Runs `rounds` rounds on the widest registers the processor has; returns floating-point
 * operations done (two a multiply-add). */
double fma_run(uint64_t rounds);
