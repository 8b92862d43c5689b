/* base/cpu.h - processors: how many, pin a thread to one, and this process's use of them.
 * Thread-safe. */
#pragma once

#include "base/base.h"

unsigned cpu_count(void); /* processors this process may run on, at least 1 */
/* Pins the calling thread to the index-th allowed processor (modulo their number). */
void cpu_pin_thread(unsigned index);
/* The calling thread gets what others leave over, and a tenth at least: for work that can wait. */
void cpu_yield_to_others(void);
/* "AVX-512", "AVX2" or "baseline": what the processor offers to vector code. */
const char *cpu_vector_name(void);

struct cpu_process_stats {
    uint64_t resident_bytes;
    uint64_t virtual_bytes;
    double cpu_seconds;        /* user and system time since start */
    double start_time_seconds; /* since 1970-01-01 UTC */
    uint64_t open_fds;
    uint64_t max_fds;
    double virtual_max_bytes; /* RLIMIT_AS; infinite without one */
    uint64_t major_faults;
    uint64_t minor_faults;
};
/* From /proc/self and getrusage; fields that cannot be read are 0. */
void cpu_process_stats(struct cpu_process_stats *out);
