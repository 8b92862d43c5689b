#define _GNU_SOURCE /* CPU_SET, sched_setaffinity */
#include "base/cpu.h"

#include <dirent.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Who wakes up takes the processor from it at once, but a processor that others keep busy for ever
 * still leaves it a tenth: at 19 it would be a hundredth, and what waits for it would never come.
 */
#define NICE 10

unsigned cpu_count(void)
{
    cpu_set_t allowed;

    CPU_ZERO(&allowed);
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0 || CPU_COUNT(&allowed) < 1)
        return 1;
    return (unsigned)CPU_COUNT(&allowed);
}

void cpu_pin_thread(unsigned index)
{
    cpu_set_t allowed;
    cpu_set_t one;

    CPU_ZERO(&allowed);
    if (sched_getaffinity(getpid(), sizeof allowed, &allowed) != 0 || CPU_COUNT(&allowed) < 1)
        return; /* an optimisation: without it, only slower */
    unsigned wanted = index % (unsigned)CPU_COUNT(&allowed);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &allowed) || wanted-- > 0)
            continue;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        (void)sched_setaffinity(0, sizeof one, &one);
        return;
    }
}

void cpu_yield_to_others(void)
{
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICE); /* Linux: of one thread */
}

const char *cpu_vector_name(void)
{
    if (__builtin_cpu_supports("avx512bw"))
        return "AVX-512";
    return __builtin_cpu_supports("avx2") ? "AVX2" : "baseline";
}

static uint64_t count_open_fds(void)
{
    uint64_t count = 0;
    DIR *dir = opendir("/proc/self/fd");

    if (!dir)
        return 0;
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
        count += entry->d_name[0] != '.';
    (void)closedir(dir);
    return count ? count - 1 : 0; /* not the one that reads the folder */
}

/* The value of field `wanted` (1-based, after the command name's ')') of /proc/self/stat. */
static double stat_field(const char *text, int wanted)
{
    const char *at = strrchr(text, ')');

    for (int field = 2; at && field < wanted; field++)
        at = strchr(at + 1, ' ');
    if (!at)
        return 0;
    struct str rest = str_of(at + 1);
    double value = 0;
    return str_to_double(&value, str_split(&rest, ' '), 0, 1e30) ? value : 0;
}

static double boot_time_seconds(void)
{
    char line[256];
    double seconds = 0;
    FILE *file = fopen("/proc/stat", "re");

    if (!file)
        return 0;
    while (fgets(line, sizeof line, file)) {
        struct str rest = str_trim(str_of(line));
        if (!str_equal(str_split(&rest, ' '), "btime"))
            continue;
        if (!str_to_double(&seconds, rest, 0, 1e18))
            seconds = 0;
        break;
    }
    (void)fclose(file);
    return seconds;
}

void cpu_process_stats(struct cpu_process_stats *out)
{
    char text[1024] = "";
    struct rusage usage = {0};
    struct rlimit files = {0};
    struct rlimit space = {.rlim_cur = RLIM_INFINITY};
    FILE *file = fopen("/proc/self/stat", "re");

    if (file) {
        size_t len = fread(text, 1, sizeof text - 1, file);
        text[len] = '\0';
        (void)fclose(file);
    }
    (void)getrusage(RUSAGE_SELF, &usage);
    (void)getrlimit(RLIMIT_NOFILE, &files);
    (void)getrlimit(RLIMIT_AS, &space);
    double ticks = (double)sysconf(_SC_CLK_TCK);
    *out = (struct cpu_process_stats){
        .virtual_bytes = (uint64_t)stat_field(text, 23),
        .resident_bytes = (uint64_t)stat_field(text, 24) * (uint64_t)sysconf(_SC_PAGESIZE),
        .cpu_seconds = (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
                       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6,
        .start_time_seconds = boot_time_seconds() + stat_field(text, 22) / ticks,
        .open_fds = count_open_fds(),
        .max_fds = (uint64_t)files.rlim_cur,
        .virtual_max_bytes = space.rlim_cur == RLIM_INFINITY ? INFINITY : (double)space.rlim_cur,
        .major_faults = (uint64_t)usage.ru_majflt,
        .minor_faults = (uint64_t)usage.ru_minflt,
    };
}
