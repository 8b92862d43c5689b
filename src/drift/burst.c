#include "drift/burst.h"

#include <math.h>

#define MINUTE_US 60000000

bool drift_burst_ends(const struct drift_burst *burst, const struct drift_sample *sample)
{
    return burst->group_count > 0 && sample->time_us / MINUTE_US != burst->minute;
}

void drift_burst_begin(struct drift_burst *burst, const struct drift_sample *sample)
{
    burst->group_count = 0;
    burst->minute = sample->time_us / MINUTE_US;
}

static struct drift_burst_group *group_of(struct drift_burst *burst, uint64_t sender)
{
    for (size_t i = 0; i < burst->group_count; i++)
        if (burst->groups[i].sender == sender)
            return &burst->groups[i];
    if (burst->group_count == DRIFT_BURST_GROUPS)
        return &burst->groups[DRIFT_BURST_GROUPS - 1];
    struct drift_burst_group *group = &burst->groups[burst->group_count++];
    *group = (struct drift_burst_group){.sender = sender};
    return group;
}

uint32_t drift_burst_add(struct drift_burst *burst, const struct drift_sample *sample)
{
    if (!burst->group_count)
        drift_burst_begin(burst, sample);
    struct drift_burst_group *group = group_of(burst, sample->group);
    group->sum += sample->probability;
    group->bins[drift_bin(sample->probability)]++;
    return ++group->count;
}

void drift_burst_measure_add(struct drift_burst_measure *measure, const struct drift_burst *burst)
{
    for (size_t i = 0; i < burst->group_count; i++) {
        const struct drift_burst_group *group = &burst->groups[i];
        double n = group->count;
        measure->samples += n;
        measure->groups += 1;
        measure->sum += group->sum;
        measure->group_squares += group->sum * group->sum / n;
        measure->sizes_squared += n * n;
        measure->sizes[MIN_OF(group->count, DRIFT_BURST_SIZES - 1)]++;
    }
}

double drift_burst_effect(const struct drift_burst_measure *measure)
{
    double n = measure->samples, groups = measure->groups;

    if (groups < 2 || n <= groups)
        return 1;
    double between = (measure->group_squares - measure->sum * measure->sum / n) / (groups - 1);
    double within = (measure->squares - measure->group_squares) / (n - groups);
    double size = (n - measure->sizes_squared / n) / (groups - 1);
    double total = between + (size - 1) * within;
    if (!(total > 0))
        return 1;
    return fmax(1, 1 + (measure->sizes_squared / n - 1) * (between - within) / total);
}

size_t drift_burst_quantile(const struct drift_burst_measure *measure, double part)
{
    double seen = 0;

    for (size_t i = 1; i < DRIFT_BURST_SIZES; i++) {
        seen += measure->sizes[i];
        if (seen >= part * measure->groups)
            return i;
    }
    return DRIFT_BURST_SIZES;
}
