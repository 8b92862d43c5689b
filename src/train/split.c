#include "train/split.h"

#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/rng.h"

#define NAMES_BYTES_MAX (1u << 20) /* of the file that names what is held out */

/* By share --------------------------------------------------------------------------------- */

static size_t count_rows(const struct train_manifest *manifest, const struct train_config *config,
                         const bool *damaged, uint32_t source, int label)
{
    size_t count = 0;

    for (size_t i = 0; i < manifest->count; i++) {
        const struct train_manifest_row *row = &manifest->rows[i];
        count += !damaged[i] && strcmp(row->role, config->role) == 0 &&
                 (source == UINT32_MAX || row->source == source) && (int)row->label == label;
    }
    return count;
}

static void shuffle(uint32_t *order, size_t count, struct rng *rng)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t j = rng_below(rng, i + 1);
        order[i] = order[j];
        order[j] = i;
    }
}

/* Visits sources in a shuffled order and holds one out whenever that class still lacks validation
 * photos and the source would not overshoot by much. */
static void draw_sources(struct train_split *split, const struct train_manifest *manifest,
                         const struct train_config *config, const bool *damaged)
{
    struct rng rng = rng_derive((uint64_t)config->seed, 0x5b117);
    uint32_t *order = mem_alloc(manifest->source_count, sizeof *order);

    shuffle(order, manifest->source_count, &rng);
    for (int label = 0; label < TRAIN_LABEL_COUNT; label++) {
        double wanted = config->validation_share *
                        (double)count_rows(manifest, config, damaged, UINT32_MAX, label);
        double held = 0;
        for (size_t i = 0; i < manifest->source_count; i++) {
            double size = (double)count_rows(manifest, config, damaged, order[i], label);
            if (size < 1 || held + size > 1.1 * wanted)
                continue;
            split->sources[order[i]] = true;
            held += size;
        }
    }
    mem_free(order);
}

/* By name ---------------------------------------------------------------------------------- */

static bool mark(bool *marks, const char *const *names, size_t count, struct str name)
{
    for (size_t i = 0; i < count; i++) {
        if (!str_equal(name, names[i]))
            continue;
        marks[i] = true;
        return true;
    }
    return false;
}

static enum status read_line(struct train_split *split, const struct train_manifest *manifest,
                             struct str line, struct err *err)
{
    struct str name = line;
    struct str kind = str_split(&name, ' ');
    bool found = false;

    if (str_equal(kind, train_label_name(TRAIN_LABEL_REAL)))
        found = mark(split->sources, manifest->source_names, manifest->source_count, name);
    else if (str_equal(kind, train_label_name(TRAIN_LABEL_AI)))
        found = mark(split->families, manifest->family_names, manifest->family_count, name);
    else
        return err_set(err, ST_INVALID, "'%.*s' is not 'real SOURCE' or 'ai GENERATOR'",
                       (int)MIN_OF(line.len, 80u), line.at);
    if (!found)
        return err_set(err, ST_INVALID, "the manifest has no '%.*s'", (int)MIN_OF(line.len, 80u),
                       line.at);
    return ST_OK;
}

static enum status read_names(struct train_split *split, const struct train_manifest *manifest,
                              const char *path, struct err *err)
{
    struct bytes file;
    enum status st = fs_map(&file, path, NAMES_BYTES_MAX, err);

    if (st != ST_OK)
        return st;
    struct str text = {(const char *)file.at, file.len};
    for (unsigned number = 1; text.len && st == ST_OK; number++) {
        struct str line = str_trim(str_split(&text, '\n'));
        if (line.len && line.at[0] != '#')
            st = read_line(split, manifest, line, err);
        if (st != ST_OK)
            err_prefix(err, "%s, line %u", path, number);
    }
    fs_unmap(file);
    return st;
}

enum status train_split_open(struct train_split *out, const struct train_manifest *manifest,
                             const struct train_config *config, const bool *damaged,
                             struct err *err)
{
    struct train_split split = {
        .sources = mem_alloc(MAX_OF(manifest->source_count, 1u), sizeof *split.sources),
        .families = mem_alloc(MAX_OF(manifest->family_count, 1u), sizeof *split.families)};
    enum status st = ST_OK;

    if (*config->validation)
        st = read_names(&split, manifest, config->validation, err);
    else
        draw_sources(&split, manifest, config, damaged);
    if (st != ST_OK)
        train_split_close(&split);
    else
        *out = split;
    return st;
}

void train_split_close(struct train_split *split)
{
    mem_free(split->sources);
    mem_free(split->families);
    *split = (struct train_split){0};
}

bool train_split_holds_out(const struct train_split *split, const struct train_manifest_row *row)
{
    return split->sources[row->source] ||
           (row->label == TRAIN_LABEL_AI && split->families[row->family]);
}
