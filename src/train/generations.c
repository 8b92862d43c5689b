/* train/generations.c - three kinds of photos; of each some whole sources are held out. */
#include "train/generations.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "train/additions.h"

#define TEXT_MAX ((size_t)256 << 20)

enum kind { KIND_REAL, KIND_OLD, KIND_NEW, KIND_COUNT };
static const char *const kind_names[KIND_COUNT] = {"real photos", "old generators",
                                                   "new generators"};

/* Rows of one kind, those that are held out behind the others. */
struct part {
    uint32_t *rows;
    size_t count;      /* to train on */
    size_t held_count; /* to measure on: rows[count] and those behind it */
};

static int kind_of(const struct train_manifest_row *row)
{
    if (row->label == TRAIN_LABEL_REAL)
        return KIND_REAL;
    if (strcmp(row->generation, "old") == 0)
        return KIND_OLD;
    return strcmp(row->generation, "new") == 0 ? KIND_NEW : -1;
}

static void shuffle(uint32_t *order, size_t count, struct rng *rng)
{
    for (size_t i = count; i > 1; i--) {
        size_t j = rng_below(rng, (uint32_t)i);
        uint32_t moved = order[i - 1];
        order[i - 1] = order[j];
        order[j] = moved;
    }
}

/* Marks whole sources until `share` of the rows are held out; one that overshoots is left. */
static void hold_out(bool *held, const uint32_t *rows, size_t count,
                     const struct train_manifest *manifest, double share, struct rng *rng)
{
    size_t *sizes = mem_alloc(manifest->source_count, sizeof *sizes);
    uint32_t *order = mem_alloc(manifest->source_count, sizeof *order);
    double wanted = share * (double)count;
    double have = 0;

    for (size_t i = 0; i < count; i++)
        sizes[manifest->rows[rows[i]].source]++;
    for (uint32_t i = 0; i < manifest->source_count; i++)
        order[i] = i;
    shuffle(order, manifest->source_count, rng);
    for (size_t i = 0; i < manifest->source_count; i++) {
        double size = (double)sizes[order[i]];
        held[order[i]] = size > 0 && have + size <= 1.1 * wanted;
        have += held[order[i]] ? size : 0;
    }
    mem_free(sizes);
    mem_free(order);
}

/* Shuffled, so that what is cut off is of all sources alike. */
static void choose(struct part *part, const struct train_manifest *manifest, int kind,
                   const struct train_generations_options *options)
{
    bool *held = mem_alloc(manifest->source_count + 1, sizeof *held);
    uint32_t *rows = mem_alloc(manifest->count + 1, sizeof *rows);
    struct rng rng = rng_derive(options->seed, (uint64_t)kind);
    size_t train_max = kind == KIND_REAL ? 2 * options->photos_max : options->photos_max;
    size_t count = 0;

    for (uint32_t i = 0; i < manifest->count; i++)
        if (kind_of(&manifest->rows[i]) == kind &&
            strcmp(manifest->rows[i].role, options->role) == 0)
            rows[count++] = i;
    hold_out(held, rows, count, manifest, options->held_share, &rng);
    shuffle(rows, count, &rng);
    part->rows = mem_alloc(count + 1, sizeof *part->rows);
    for (size_t i = 0; i < count && part->count < train_max; i++)
        if (!held[manifest->rows[rows[i]].source])
            part->rows[part->count++] = rows[i];
    for (size_t i = 0; i < count && part->held_count < options->held_max; i++)
        if (held[manifest->rows[rows[i]].source])
            part->rows[part->count + part->held_count++] = rows[i];
    mem_free(held);
    mem_free(rows);
}

static enum status write_rows(struct buf *out, const struct train_manifest *manifest,
                              const uint32_t *rows, size_t count, const char *role, struct err *err)
{
    enum status st = ST_OK;

    for (size_t i = 0; st == ST_OK && i < count; i++)
        st = train_manifest_write_row(out, manifest, &manifest->rows[rows[i]], role, NULL, err);
    return st;
}

/* As many real photos as there are others. */
static enum status write_training(struct buf *out, const struct part parts[KIND_COUNT],
                                  const struct train_manifest *manifest, bool with_new,
                                  const char *role, struct err *err)
{
    size_t reals = parts[KIND_OLD].count + (with_new ? parts[KIND_NEW].count : 0);

    train_manifest_write_head(out);
    enum status st = write_rows(out, manifest, parts[KIND_REAL].rows,
                                MIN_OF(reals, parts[KIND_REAL].count), role, err);
    if (st == ST_OK)
        st = write_rows(out, manifest, parts[KIND_OLD].rows, parts[KIND_OLD].count, role, err);
    if (st == ST_OK && with_new)
        st = write_rows(out, manifest, parts[KIND_NEW].rows, parts[KIND_NEW].count, role, err);
    return st == ST_OK ? buf_check(out, "a manifest", err) : st;
}

static enum status write_held(struct buf *out, const struct part parts[KIND_COUNT],
                              const struct train_manifest *manifest, int kind, struct err *err)
{
    const int both[] = {KIND_REAL, kind};
    enum status st = ST_OK;

    train_manifest_write_head(out);
    for (size_t i = 0; st == ST_OK && i < ARRAY_LEN(both); i++) {
        const struct part *part = &parts[both[i]];
        st = write_rows(out, manifest, part->rows + part->count, part->held_count,
                        TRAIN_GENERATIONS_ROLE, err);
    }
    return st == ST_OK ? buf_check(out, "a manifest", err) : st;
}

static enum status write_all(struct train_generations *out, const struct part parts[KIND_COUNT],
                             const struct train_manifest *manifest, const char *role,
                             struct err *err)
{
    enum status st = ST_OK;

    for (int kind = 0; kind < KIND_COUNT; kind++)
        if (!parts[kind].count || !parts[kind].held_count)
            return err_set(err, ST_INVALID,
                           "role '%s': %zu %s to train on and %zu, of whole sources, to measure "
                           "on",
                           role, parts[kind].count, kind_names[kind], parts[kind].held_count);
    st = write_training(&out->train_old, parts, manifest, false, role, err);
    if (st == ST_OK)
        st = write_training(&out->train_all, parts, manifest, true, role, err);
    if (st == ST_OK)
        st = write_held(&out->measure_old, parts, manifest, KIND_OLD, err);
    if (st == ST_OK)
        st = write_held(&out->measure_new, parts, manifest, KIND_NEW, err);
    return st;
}

enum status train_generations_split(struct train_generations *out,
                                    const struct train_manifest *manifest,
                                    const struct train_generations_options *options,
                                    struct err *err)
{
    struct part parts[KIND_COUNT] = {{0}};
    struct train_generations made = {0};

    buf_init(&made.train_old, TEXT_MAX);
    buf_init(&made.train_all, TEXT_MAX);
    buf_init(&made.measure_old, TEXT_MAX);
    buf_init(&made.measure_new, TEXT_MAX);
    for (int kind = 0; kind < KIND_COUNT; kind++)
        choose(&parts[kind], manifest, kind, options);
    enum status st = write_all(&made, parts, manifest, options->role, err);
    made.old_count = parts[KIND_OLD].count;
    made.new_count = parts[KIND_NEW].count;
    made.real_count = MIN_OF(parts[KIND_REAL].count, made.old_count + made.new_count);
    made.real_held_count = parts[KIND_REAL].held_count;
    made.old_held_count = parts[KIND_OLD].held_count;
    made.new_held_count = parts[KIND_NEW].held_count;
    for (int kind = 0; kind < KIND_COUNT; kind++)
        mem_free(parts[kind].rows);
    if (st == ST_OK)
        *out = made;
    else
        train_generations_fini(&made);
    return st;
}

void train_generations_fini(struct train_generations *generations)
{
    buf_fini(&generations->train_old);
    buf_fini(&generations->train_all);
    buf_fini(&generations->measure_old);
    buf_fini(&generations->measure_new);
}
