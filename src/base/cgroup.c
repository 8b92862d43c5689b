#include "base/cgroup.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cpu.h"
#include "base/fs.h"

#define PATH_SIZE  1024
#define TEXT_SIZE  4096
#define NUMBER_MAX ((int64_t)1 << 62)
#define MOUNT      "/sys/fs/cgroup"
#define MEMBERSHIP "/proc/self/cgroup"

/* A small file as text; "" when it cannot be read. */
static struct str read_text(char out[TEXT_SIZE], const char *path)
{
    size_t len = 0;
    struct err ignored;

    if (fs_read_into((uint8_t *)out, TEXT_SIZE - 1, &len, path, &ignored) != ST_OK)
        len = 0;
    return str_trim((struct str){out, len});
}

/* Our place in the tree: the line "0::/PATH".  False without one. */
static bool find_place(char out[PATH_SIZE], const char *membership)
{
    char text[TEXT_SIZE];
    struct str rest = read_text(text, membership);

    while (rest.len) {
        struct str line = str_split(&rest, '\n');
        if (!str_starts(line, "0::/") || line.len - 3 >= PATH_SIZE)
            continue;
        memcpy(out, line.at + 3, line.len - 3);
        out[line.len - 3] = '\0';
        return true;
    }
    return false;
}

static struct str read_member(char out[TEXT_SIZE], const char *mount, const char *place,
                              const char *name)
{
    char path[2 * PATH_SIZE];

    (void)snprintf(path, sizeof path, "%.500s%s/%s", mount, place, name);
    return read_text(out, path);
}

/* memory.max is a number or "max"; cpu.max is "QUOTA PERIOD" or "max PERIOD". */
static void add_group(struct cgroup_limits *limits, const char *mount, const char *place)
{
    char text[TEXT_SIZE];
    int64_t bytes = 0;
    int64_t quota = 0;
    int64_t period = 0;

    if (str_to_int(&bytes, read_member(text, mount, place, "memory.max"), 1, NUMBER_MAX) &&
        (limits->memory_bytes == 0 || (uint64_t)bytes < limits->memory_bytes))
        limits->memory_bytes = (uint64_t)bytes;
    struct str rest = read_member(text, mount, place, "cpu.max");
    struct str first = str_split(&rest, ' ');
    if (!str_to_int(&quota, first, 1, NUMBER_MAX) || !str_to_int(&period, rest, 1, NUMBER_MAX))
        return;
    double processors = (double)quota / (double)period;
    if (limits->processors == 0 || processors < limits->processors)
        limits->processors = processors;
}

void cgroup_read(struct cgroup_limits *out, const char *mount, const char *membership)
{
    char place[PATH_SIZE] = "";

    *out = (struct cgroup_limits){0};
    if (!find_place(place, membership))
        return;
    for (;;) { /* a group has no more than the one above it */
        char *slash = strrchr(place, '/');
        if (slash && slash[1] == '\0')
            *slash = '\0';
        add_group(out, mount, place);
        slash = strrchr(place, '/');
        if (!slash)
            return;
        *slash = '\0';
    }
}

void cgroup_read_self(struct cgroup_limits *out)
{
    struct cgroup_limits limits;
    double count = cpu_count();
    long pages = sysconf(_SC_PHYS_PAGES);
    long page = sysconf(_SC_PAGESIZE);

    cgroup_read(&limits, MOUNT, MEMBERSHIP);
    uint64_t memory = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : 0;
    if (limits.memory_bytes == 0 || (memory && memory < limits.memory_bytes))
        limits.memory_bytes = memory;
    if (limits.processors == 0 || count < limits.processors)
        limits.processors = count;
    *out = limits;
}
