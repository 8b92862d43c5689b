#include "train/dataset.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/fs.h"
#include "base/mem.h"
#include "train/additions.h"
#include "train/split.h"

#define LOADERS_MAX    64u
#define LOADER_ARENA   ((size_t)1 << 30) /* virtual; only what a photo needs is touched */
#define FILE_BYTES_MAX (64u << 20)

/* Things with a weight, drawn by binary search in the running sum. */
struct weighted {
    double *sums;
    size_t count;
};

/* The photos of one source (real) or of one source and generator (AI). */
struct group {
    enum train_label label;
    uint32_t source, family;
    uint32_t *rows;
    size_t count;
    bool old;   /* generator of an earlier generation */
    bool added; /* photos that joined later: TRAIN_ADDED_GENERATION */
};

struct train_dataset {
    struct train_config config;
    struct train_manifest *manifest;
    struct image *cache; /* one a row; .rgb NULL when not cached */
    bool *damaged;       /* one a row: could not be decoded, is never drawn */
    _Atomic size_t damaged_count;
    int *family_class; /* one a manifest family */
    struct train_split split;
    uint32_t *validation;
    size_t validation_count;
    uint32_t *training;
    size_t training_count;
    struct group *groups;
    size_t group_count;
    uint32_t *families; /* AI generators that have groups */
    size_t family_count;
    struct weighted family_draw; /* over families */
    struct weighted *group_draw; /* over groups: [0] real, [1 + i] of families[i] */
    uint32_t **draw_groups;      /* the groups that a group_draw indexes */
};

/* Weighted drawing -------------------------------------------------------------------------- */

static void weighted_add(struct weighted *weighted, double weight)
{
    double *sums = mem_try_resize(weighted->sums, weighted->count + 1, sizeof *sums);

    REQUIRE(sums != NULL);
    weighted->sums = sums;
    sums[weighted->count] = weight + (weighted->count ? sums[weighted->count - 1] : 0);
    weighted->count++;
}

static size_t weighted_draw(const struct weighted *weighted, struct rng *rng)
{
    double at = rng_unit(rng) * weighted->sums[weighted->count - 1];
    size_t low = 0;
    size_t high = weighted->count - 1;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (at < weighted->sums[middle])
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static bool in_role(const struct train_dataset *dataset, const struct train_manifest_row *row)
{
    return strcmp(row->role, dataset->config.role) == 0 &&
           !dataset->damaged[row - dataset->manifest->rows];
}

/* Groups ------------------------------------------------------------------------------------ */

static struct group *find_group(struct train_dataset *dataset, const struct train_manifest_row *row)
{
    uint32_t family = row->label == TRAIN_LABEL_AI ? row->family : UINT32_MAX;
    bool added = strcmp(row->generation, TRAIN_ADDED_GENERATION) == 0;

    for (size_t i = 0; i < dataset->group_count; i++) {
        struct group *group = &dataset->groups[i];
        if (group->source == row->source && group->label == row->label && group->family == family &&
            group->added == added)
            return group;
    }
    struct group *grown =
        mem_try_resize(dataset->groups, dataset->group_count + 1, sizeof *dataset->groups);
    REQUIRE(grown != NULL);
    dataset->groups = grown;
    struct group *group = &dataset->groups[dataset->group_count++];
    *group = (struct group){.label = row->label,
                            .source = row->source,
                            .family = family,
                            .old = strcmp(row->generation, "old") == 0 ||
                                   strcmp(row->generation, "gan") == 0,
                            .added = added};
    return group;
}

static uint32_t *append(uint32_t *list, size_t *count, uint32_t value)
{
    uint32_t *grown = mem_try_resize(list, *count + 1, sizeof *list);

    REQUIRE(grown != NULL);
    grown[(*count)++] = value;
    return grown;
}

static void group_rows(struct train_dataset *dataset)
{
    for (uint32_t i = 0; i < dataset->manifest->count; i++) {
        const struct train_manifest_row *row = &dataset->manifest->rows[i];
        if (!in_role(dataset, row))
            continue;
        if (train_split_holds_out(&dataset->split, row)) {
            dataset->validation = append(dataset->validation, &dataset->validation_count, i);
            continue;
        }
        struct group *group = find_group(dataset, row);
        group->rows = append(group->rows, &group->count, i);
        dataset->training = append(dataset->training, &dataset->training_count, i);
    }
}

/* Generators by falling number of photos get classes 0, 1, ...; the last class is the rest. */
static void class_families(struct train_dataset *dataset)
{
    size_t count = dataset->manifest->family_count;
    size_t *photos = mem_alloc(count, sizeof *photos);

    for (size_t i = 0; i < dataset->group_count; i++)
        if (dataset->groups[i].label == TRAIN_LABEL_AI)
            photos[dataset->groups[i].family] += dataset->groups[i].count;
    for (size_t i = 0; i < count; i++)
        dataset->family_class[i] = TRAIN_FAMILIES - 1;
    for (int class = 0; class < TRAIN_FAMILIES - 1; class ++) {
        size_t best = 0;
        for (size_t i = 1; i < count; i++)
            if (photos[i] > photos[best])
                best = i;
        if (!photos[best])
            break;
        dataset->family_class[best] = class;
        photos[best] = 0;
    }
    mem_free(photos);
}

/* Photos of a generator, those that were added or the others; *old when they are of an old one. */
static double count_photos(const struct train_dataset *dataset, uint32_t family, bool added,
                           bool *old)
{
    double photos = 0;

    for (size_t i = 0; i < dataset->group_count; i++) {
        const struct group *group = &dataset->groups[i];
        if (group->label != TRAIN_LABEL_AI || group->family != family || group->added != added)
            continue;
        photos += (double)group->count;
        *old = group->old;
    }
    return photos;
}

/* Where both are, added ones get their share of all weight and the others the rest. */
static void share_out(struct weighted *draw, const double *weights, const bool *added, size_t count,
                      double share)
{
    double sums[2] = {0, 0};

    for (size_t i = 0; i < count; i++)
        sums[added[i]] += weights[i];
    bool both = sums[0] > 0 && sums[1] > 0;
    for (size_t i = 0; i < count; i++)
        weighted_add(draw, both ? weights[i] * (added[i] ? share : 1 - share) / sums[added[i]]
                                : weights[i]);
}

/* The groups of a class; of AI-generated photos those of one generator, added or not. */
static void weigh_groups(struct train_dataset *dataset, struct weighted *draw, uint32_t **indices,
                         enum train_label label, uint32_t family, bool family_added)
{
    double *weights = mem_alloc(dataset->group_count + 1, sizeof *weights);
    bool *added = mem_alloc(dataset->group_count + 1, sizeof *added);
    size_t used = 0;

    for (uint32_t i = 0; i < dataset->group_count; i++) {
        const struct group *group = &dataset->groups[i];
        if (group->label != label || group->family != family ||
            (label == TRAIN_LABEL_AI && group->added != family_added))
            continue;
        weights[used] = pow((double)group->count, dataset->config.source_power);
        added[used] = group->added;
        *indices = append(*indices, &used, i);
    }
    share_out(draw, weights, added, used, dataset->config.added_share);
    mem_free(weights);
    mem_free(added);
}

/* A generator with added photos beside others is two. */
static void weigh_families(struct train_dataset *dataset)
{
    size_t most = 2 * dataset->manifest->family_count + 1;
    double *weights = mem_alloc(most, sizeof *weights);
    bool *added = mem_alloc(most, sizeof *added);

    for (uint32_t i = 0; i < 2 * dataset->manifest->family_count; i++) {
        bool old = false;
        double photos = count_photos(dataset, i / 2, i % 2, &old);
        if (photos < 1)
            continue;
        weights[dataset->family_count] =
            pow(photos, dataset->config.family_power) * (old ? dataset->config.old_weight : 1.0);
        added[dataset->family_count] = i % 2;
        dataset->families = append(dataset->families, &dataset->family_count, i / 2);
    }
    share_out(&dataset->family_draw, weights, added, dataset->family_count,
              dataset->config.added_share);
    dataset->group_draw = mem_alloc(dataset->family_count + 1, sizeof *dataset->group_draw);
    dataset->draw_groups = mem_alloc(dataset->family_count + 1, sizeof *dataset->draw_groups);
    weigh_groups(dataset, &dataset->group_draw[0], &dataset->draw_groups[0], TRAIN_LABEL_REAL,
                 UINT32_MAX, false);
    for (size_t i = 0; i < dataset->family_count; i++)
        weigh_groups(dataset, &dataset->group_draw[1 + i], &dataset->draw_groups[1 + i],
                     TRAIN_LABEL_AI, dataset->families[i], added[i]);
    mem_free(weights);
    mem_free(added);
}

/* Decoding ---------------------------------------------------------------------------------- */

/* The header, or with `pixels` these. */
static enum status read_row(struct image_info *info, struct image *pixels,
                            const struct train_manifest_row *row, struct arena *arena,
                            struct err *err)
{
    struct image_limits limits = image_limits_default;
    struct bytes file;
    enum status st = fs_map(&file, row->path, FILE_BYTES_MAX, err);

    if (st != ST_OK)
        return st;
    limits.bytes_max = FILE_BYTES_MAX;
    st = pixels ? image_decode(pixels, info, file, &limits, arena, err)
                : image_probe(info, file, &limits, err);
    fs_unmap(file);
    if (st != ST_OK)
        err_prefix(err, "%s", row->file);
    return st;
}

enum status train_dataset_probe(struct image_info *out, const struct train_manifest_row *row,
                                struct err *err)
{
    return read_row(out, NULL, row, NULL, err);
}

enum status train_dataset_decode(struct image *out, const struct train_manifest_row *row,
                                 struct arena *arena, struct err *err)
{
    return read_row(NULL, out, row, arena, err);
}

/* What the decoding threads share. */
struct loading {
    struct train_dataset *dataset;
    void (*progress)(void *payload, size_t done, size_t total);
    void *payload;
    _Atomic size_t next, bytes;
    _Atomic bool failed;
    pthread_mutex_t lock; /* progress and err */
    struct err err;
};

static enum status load_row(struct loading *loading, size_t i, struct arena *arena, struct err *err)
{
    struct train_dataset *dataset = loading->dataset;
    size_t budget = (size_t)dataset->config.cache_mb << 20;
    struct image image;
    enum status st = train_dataset_decode(&image, &dataset->manifest->rows[i], arena, err);

    if (st == ST_INVALID || st == ST_UNSUPPORTED || st == ST_LIMIT) { /* the photo's own fault */
        dataset->damaged[i] = true;
        atomic_fetch_add(&dataset->damaged_count, 1);
        return ST_OK;
    }
    if (st != ST_OK)
        return st;
    size_t bytes = (size_t)3 * image.width * image.height;
    if (atomic_fetch_add(&loading->bytes, bytes) + bytes <= budget) {
        dataset->cache[i] = image;
        dataset->cache[i].rgb = mem_alloc(bytes, 1);
        memcpy(dataset->cache[i].rgb, image.rgb, bytes);
    }
    return ST_OK;
}

static void *load_rows(void *payload)
{
    struct loading *loading = payload;
    size_t total = loading->dataset->manifest->count;
    struct arena *arena = NULL;
    struct err err = {0};
    enum status st = arena_open(&arena, LOADER_ARENA, &err);

    for (size_t i = atomic_fetch_add(&loading->next, 1); i < total && st == ST_OK;
         i = atomic_fetch_add(&loading->next, 1)) {
        if (!in_role(loading->dataset, &loading->dataset->manifest->rows[i]))
            continue;
        st = load_row(loading, i, arena, &err);
        arena_reset(arena);
        if (loading->progress && i % 64 == 0) {
            pthread_mutex_lock(&loading->lock);
            loading->progress(loading->payload, i, total);
            pthread_mutex_unlock(&loading->lock);
        }
    }
    if (st != ST_OK) {
        pthread_mutex_lock(&loading->lock);
        loading->err = err;
        pthread_mutex_unlock(&loading->lock);
        atomic_store(&loading->failed, true);
        atomic_store(&loading->next, total); /* the others stop, too */
    }
    arena_close(arena);
    return NULL;
}

/* Every photo is decoded once, so that a damaged one is found now and not hours later; a missing
 * file ends the run. */
static enum status load(struct train_dataset *dataset,
                        void (*progress)(void *payload, size_t done, size_t total), void *payload,
                        struct err *err)
{
    struct loading loading = {.dataset = dataset, .progress = progress, .payload = payload};
    unsigned count = MIN_OF(cpu_count(), LOADERS_MAX);
    pthread_t threads[LOADERS_MAX];

    pthread_mutex_init(&loading.lock, NULL);
    for (unsigned i = 0; i < count; i++)
        REQUIRE(pthread_create(&threads[i], NULL, load_rows, &loading) == 0);
    for (unsigned i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    pthread_mutex_destroy(&loading.lock);
    if (atomic_load(&loading.failed))
        return err_set(err, loading.err.code, "%s", loading.err.msg);
    return ST_OK;
}

/* Life -------------------------------------------------------------------------------------- */

enum status train_dataset_open(struct train_dataset **out, const struct train_config *config,
                               void (*progress)(void *payload, size_t done, size_t total),
                               void *payload, struct err *err)
{
    struct train_dataset *dataset = mem_alloc(1, sizeof *dataset);

    dataset->config = *config;
    enum status st = train_manifest_open(&dataset->manifest, config->manifest, err);
    if (st != ST_OK)
        goto out;
    dataset->cache = mem_alloc(dataset->manifest->count, sizeof *dataset->cache);
    dataset->family_class =
        mem_alloc(dataset->manifest->family_count, sizeof *dataset->family_class);
    dataset->damaged = mem_alloc(dataset->manifest->count, sizeof *dataset->damaged);
    st = load(dataset, progress, payload, err);
    if (st == ST_OK)
        st = train_split_open(&dataset->split, dataset->manifest, config, dataset->damaged, err);
    if (st != ST_OK)
        goto out;
    group_rows(dataset);
    class_families(dataset);
    weigh_families(dataset);
    if (!dataset->family_count || !dataset->group_draw[0].count) {
        st = err_set(err, ST_INVALID, "role '%s' of %s needs photos of both classes", config->role,
                     config->manifest);
        goto out;
    }
    *out = dataset;
    dataset = NULL; /* handed over */
out:
    train_dataset_close(dataset);
    return st;
}

void train_dataset_close(struct train_dataset *dataset)
{
    if (!dataset)
        return;
    for (size_t i = 0; dataset->cache && i < dataset->manifest->count; i++)
        mem_free(dataset->cache[i].rgb);
    for (size_t i = 0; i < dataset->group_count; i++)
        mem_free(dataset->groups[i].rows);
    for (size_t i = 0; dataset->group_draw && i <= dataset->family_count; i++) {
        mem_free(dataset->group_draw[i].sums);
        mem_free(dataset->draw_groups[i]);
    }
    mem_free(dataset->family_draw.sums);
    mem_free(dataset->group_draw);
    mem_free(dataset->draw_groups);
    mem_free(dataset->families);
    mem_free(dataset->groups);
    mem_free(dataset->validation);
    mem_free(dataset->training);
    train_split_close(&dataset->split);
    mem_free(dataset->family_class);
    mem_free(dataset->damaged);
    mem_free(dataset->cache);
    train_manifest_close(dataset->manifest);
    mem_free(dataset);
}

static struct train_sample sample_of(const struct train_dataset *dataset, uint32_t index)
{
    const struct train_manifest_row *row = &dataset->manifest->rows[index];

    return (struct train_sample){
        .row = row,
        .label = row->label,
        .family = row->label == TRAIN_LABEL_AI ? dataset->family_class[row->family] : -1};
}

/* which: an index into group_draw. */
static struct train_sample draw_from(const struct train_dataset *dataset, size_t which,
                                     struct rng *rng)
{
    size_t drawn = weighted_draw(&dataset->group_draw[which], rng);
    const struct group *group = &dataset->groups[dataset->draw_groups[which][drawn]];

    return sample_of(dataset, group->rows[rng_below(rng, (uint32_t)group->count)]);
}

struct train_sample train_dataset_draw(const struct train_dataset *dataset, struct rng *rng)
{
    bool ai = rng_chance(rng, 0.5);

    return ai ? draw_from(dataset, 1 + weighted_draw(&dataset->family_draw, rng), rng)
              : train_dataset_draw_real(dataset, rng);
}

struct train_sample train_dataset_draw_real(const struct train_dataset *dataset, struct rng *rng)
{
    return draw_from(dataset, 0, rng);
}

size_t train_dataset_validation_count(const struct train_dataset *dataset)
{
    return dataset->validation_count;
}

struct train_sample train_dataset_validation(const struct train_dataset *dataset, size_t i)
{
    return sample_of(dataset, dataset->validation[i]);
}

size_t train_dataset_training_count(const struct train_dataset *dataset)
{
    return dataset->training_count;
}

struct train_sample train_dataset_training(const struct train_dataset *dataset, size_t i)
{
    return sample_of(dataset, dataset->training[i]);
}

size_t train_dataset_damaged_count(const struct train_dataset *dataset)
{
    return atomic_load(&dataset->damaged_count);
}

enum status train_dataset_pixels(struct image *out, const struct train_dataset *dataset,
                                 const struct train_manifest_row *row, struct arena *arena,
                                 struct err *err)
{
    const struct image *cached = &dataset->cache[row - dataset->manifest->rows];

    if (cached->rgb) {
        *out = *cached;
        return ST_OK;
    }
    return train_dataset_decode(out, row, arena, err);
}

const struct train_manifest *train_dataset_manifest(const struct train_dataset *dataset)
{
    return dataset->manifest;
}
