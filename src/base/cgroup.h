/* base/cgroup.h - what this process may use: the limits of its control group (version 2) and of
 * those above it, else the machine's.  Must not know what they are for.  Thread-safe. */
#pragma once

#include "base/base.h"

struct cgroup_limits {
    uint64_t memory_bytes; /* 0: unknown */
    double processors;     /* 0.5: half of one */
};

/* Limits of the groups alone: 0 where none is set.  `mount` is the tree ("/sys/fs/cgroup"),
 * `membership` the file that names our place in it ("/proc/self/cgroup"). */
void cgroup_read(struct cgroup_limits *out, const char *mount, const char *membership);
/* The same for this process, and the machine's memory and allowed processors where they are less.
 */
void cgroup_read_self(struct cgroup_limits *out);
