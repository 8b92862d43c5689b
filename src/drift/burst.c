#include "drift/burst.h"

#include <math.h>

#include "drift/embedding.h"

#define MINUTE_US  60000000
#define GROUP_HEAD 4 /* numbers of a saved group before its bins */
#define PLACE_TOP  4 /* deviations */
#define COUNT_TOP  1000000000

static struct drift_burst_group *find(struct drift_burst *burst, uint64_t sender)
{
    for (size_t i = 0; i < burst->group_count; i++)
        if (burst->groups[i].sender == sender)
            return &burst->groups[i];
    return NULL;
}

bool drift_burst_ends(struct drift_burst *burst, const struct drift_sample *sample)
{
    if (!burst->group_count)
        return false;
    if (sample->time_us / MINUTE_US != burst->minute)
        return true;
    return burst->group_count == DRIFT_BURST_GROUPS && !find(burst, sample->group);
}

void drift_burst_begin(struct drift_burst *burst, const struct drift_sample *sample)
{
    burst->group_count = 0;
    burst->minute = sample->time_us / MINUTE_US;
}

const struct drift_burst_group *drift_burst_add(struct drift_burst *burst,
                                                const struct drift_sample *sample)
{
    if (!burst->group_count)
        drift_burst_begin(burst, sample);
    struct drift_burst_group *group = find(burst, sample->group);
    if (!group) {
        REQUIRE(burst->group_count < DRIFT_BURST_GROUPS); /* drift_burst_ends was asked */
        group = &burst->groups[burst->group_count++];
        *group = (struct drift_burst_group){.sender = sample->group};
    }
    group->sum += sample->probability;
    group->bins[drift_bin(sample->probability)]++;
    group->ai_count += sample->ai_generated;
    group->count++;
    if (sample->embedding) {
        double places[DRIFT_EMBEDDING];
        drift_embedding_unpack(places, sample->embedding);
        for (unsigned i = 0; i < DRIFT_EMBEDDING; i++)
            group->places[i] += places[i];
        group->embedded++;
    }
    return group;
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

/* ---- state ---- */

/* Sender, photos, AI-generated verdicts, sum of probabilities; then each bin and its photos. */
static struct json *save_group(const struct drift_burst_group *group)
{
    struct json *value = json_new_array();

    json_append_int(value, (int64_t)(group->sender & INT64_MAX));
    json_append_int(value, group->count);
    json_append_int(value, group->ai_count);
    json_append_number(value, group->sum);
    for (unsigned b = 0; b < DRIFT_BINS; b++)
        if (group->bins[b]) {
            json_append_int(value, b);
            json_append_int(value, group->bins[b]);
        }
    return value;
}

/* Photos with an embedding, and the sums of their places. */
static struct json *save_places(const struct drift_burst_group *group)
{
    struct json *value = json_new_array();

    json_append_int(value, group->embedded);
    for (unsigned i = 0; i < DRIFT_EMBEDDING; i++)
        json_append_number(value, group->places[i]);
    return value;
}

struct json *drift_burst_save(const struct drift_burst *burst)
{
    struct json *value = json_new_object();
    struct json *groups = json_new_array();
    struct json *places = json_new_array();

    for (size_t i = 0; i < burst->group_count; i++) {
        json_append(groups, save_group(&burst->groups[i]));
        json_append(places, save_places(&burst->groups[i]));
    }
    json_set_int(value, "minute", burst->minute);
    json_set(value, "groups", groups);
    json_set(value, "places", places); /* of each group */
    return value;
}

/* A whole number in [low, top]; *fine becomes false otherwise. */
static int64_t whole_at(const struct json *array, size_t i, int64_t low, int64_t top, bool *fine)
{
    int64_t number = json_int_or(json_at(array, i), -1);

    *fine = *fine && number >= low && number <= top;
    return number;
}

static bool restore_group(struct drift_burst_group *out, const struct json *saved)
{
    bool fine = json_count(saved) >= GROUP_HEAD && json_count(saved) % 2 == 0;
    struct drift_burst_group group = {
        .sender = (uint64_t)whole_at(saved, 0, 0, INT64_MAX, &fine),
        .count = (uint32_t)whole_at(saved, 1, 1, COUNT_TOP, &fine),
        .ai_count = (uint32_t)whole_at(saved, 2, 0, COUNT_TOP, &fine),
        .sum = json_number_or(json_at(saved, 3), NAN),
    };
    int64_t count = 0;

    fine = fine && group.ai_count <= group.count && group.sum >= 0 && group.sum <= group.count;
    for (size_t i = GROUP_HEAD; fine && i < json_count(saved); i += 2) {
        int64_t bin = whole_at(saved, i, 0, DRIFT_BINS - 1, &fine);
        int64_t photos = whole_at(saved, i + 1, 1, COUNT_TOP, &fine);
        if (!fine || group.bins[bin])
            return false;
        group.bins[bin] = (uint32_t)photos;
        count += photos;
    }
    *out = group;
    return fine && count == group.count;
}

/* An older state has none: `saved` NULL. */
static bool restore_places(struct drift_burst_group *group, const struct json *saved)
{
    bool fine = !saved || json_count(saved) == 1 + DRIFT_EMBEDDING;

    if (!saved)
        return true;
    group->embedded = (uint32_t)whole_at(saved, 0, 0, group->count, &fine);
    for (unsigned i = 0; fine && i < DRIFT_EMBEDDING; i++) {
        group->places[i] = json_number_or(json_at(saved, 1 + i), NAN);
        fine = fabs(group->places[i]) <= (double)PLACE_TOP * group->embedded;
    }
    return fine;
}

bool drift_burst_restore(struct drift_burst *burst, const struct json *saved)
{
    const struct json *groups = json_get(saved, "groups");
    struct drift_burst next = {0};

    if (!json_get_int(&next.minute, saved, "minute") || json_count(groups) > DRIFT_BURST_GROUPS)
        return false;
    for (size_t i = 0; i < json_count(groups); i++) {
        struct drift_burst_group group;
        if (!restore_group(&group, json_at(groups, i)) || find(&next, group.sender) ||
            !restore_places(&group, json_at(json_get(saved, "places"), i)))
            return false;
        next.groups[next.group_count++] = group;
    }
    *burst = next;
    return true;
}
