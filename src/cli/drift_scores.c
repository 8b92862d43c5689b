#include "cli/drift_scores.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"

#define COLUMNS_MAX  64u
#define DIGITS       16u
#define AI_SHARE     0.48 /* of the playbook's traffic */
#define SMOOTHING    0.1  /* of log-odds, which differ by ten times as much */
#define GAIN_LEAST   10.0 /* nats */
#define FAMILY_LEAST 10u  /* scores */
#define ALIKE_LEAST  0.5  /* cosine */

enum column {
    COLUMN_LABEL,
    COLUMN_FAMILY,
    COLUMN_PROBABILITY,
    COLUMN_TIER,
    COLUMN_EMBEDDING,
    COLUMN_COUNT
};
static const char *const column_names[] = {"label", "family", "probability", "tier", "embedding"};

/* What the head line says. */
struct head {
    char separator;
    size_t places[COLUMN_COUNT]; /* COLUMNS_MAX: there is none */
};

static enum status read_head(struct head *out, struct str line, struct err *err)
{
    out->separator = line.len && memchr(line.at, '\t', line.len) ? '\t' : ',';
    for (unsigned c = 0; c < COLUMN_COUNT; c++) {
        struct str rest = line;
        out->places[c] = COLUMNS_MAX;
        for (size_t i = 0; rest.len && i < COLUMNS_MAX && out->places[c] == COLUMNS_MAX; i++)
            if (str_equal(str_trim(str_split(&rest, out->separator)), column_names[c]))
                out->places[c] = i;
        if (out->places[c] == COLUMNS_MAX && c < COLUMN_TIER)
            return err_set(err, ST_INVALID, "the head line has no column '%s'", column_names[c]);
    }
    return ST_OK;
}

static bool find_family(uint16_t *out, struct drift_scores *scores, struct str name)
{
    size_t len = MIN_OF(name.len, (size_t)DRIFT_FAMILY_SIZE - 1);

    for (size_t i = 0; i < scores->family_count; i++)
        if (str_equal((struct str){name.at, len}, scores->names[i])) {
            *out = (uint16_t)i;
            return true;
        }
    if (scores->family_count == DRIFT_FAMILIES_MAX)
        return false;
    for (size_t i = 0; i < len; i++)
        scores->names[scores->family_count][i] = name.at[i];
    *out = (uint16_t)scores->family_count++;
    return true;
}

static bool read_digits(uint64_t *out, struct str text)
{
    static const char digits[] = "0123456789abcdef";
    uint64_t value = 0;

    for (size_t i = 0; i < text.len; i++) {
        const char *digit = text.at[i] ? strchr(digits, text.at[i]) : NULL;
        if (!digit)
            return false;
        value = value << 4 | (uint64_t)(digit - digits);
    }
    *out = value;
    return text.len == DIGITS;
}

static enum status read_line(struct drift_scores *scores, struct str line, size_t number,
                             const struct head *head, struct err *err)
{
    struct str cells[COLUMN_COUNT] = {{0}};
    double probability = 0;

    for (size_t i = 0; line.len && i < COLUMNS_MAX; i++) {
        struct str cell = str_trim(str_split(&line, head->separator));
        for (unsigned c = 0; c < COLUMN_COUNT; c++)
            if (head->places[c] == i)
                cells[c] = cell;
    }
    if (head->places[COLUMN_TIER] < COLUMNS_MAX && !str_equal(cells[COLUMN_TIER], "T1"))
        return ST_OK;
    if (str_equal(cells[COLUMN_PROBABILITY], "-"))
        return ST_OK; /* a photo that could not be judged */
    bool ai = str_equal(cells[COLUMN_LABEL], "ai");
    if (!ai && !str_equal(cells[COLUMN_LABEL], "real"))
        return err_set(err, ST_INVALID, "line %zu: the label is neither real nor ai", number);
    if (!str_to_double(&probability, cells[COLUMN_PROBABILITY], 0, 1))
        return err_set(err, ST_INVALID, "line %zu: the probability is no number from 0 to 1",
                       number);
    if (scores->count == DRIFT_SCORES_ROWS_MAX)
        return err_set(err, ST_LIMIT, "over %u scores", DRIFT_SCORES_ROWS_MAX);
    if (cells[COLUMN_EMBEDDING].len &&
        !read_digits(&scores->embeddings[scores->count], cells[COLUMN_EMBEDDING]))
        return err_set(err, ST_INVALID, "line %zu: the embedding has no 16 hexadecimal digits",
                       number);
    if (!find_family(&scores->families[scores->count], scores, cells[COLUMN_FAMILY]))
        return err_set(err, ST_LIMIT, "over %u families", DRIFT_FAMILIES_MAX);
    scores->ai[scores->count] = ai;
    scores->probabilities[scores->count++] = (float)probability;
    return ST_OK;
}

enum status drift_scores_parse(struct drift_scores *out, struct bytes file, struct err *err)
{
    struct str text = {(const char *)file.at, file.len};
    struct drift_scores scores = {0};
    struct head head;
    size_t lines = 1;

    for (size_t i = 0; i < file.len; i++)
        lines += file.at[i] == '\n';
    lines = MIN_OF(lines, (size_t)DRIFT_SCORES_ROWS_MAX);
    scores.probabilities = mem_alloc(lines, sizeof *scores.probabilities);
    scores.families = mem_alloc(lines, sizeof *scores.families);
    scores.embeddings = mem_alloc(lines, sizeof *scores.embeddings);
    scores.ai = mem_alloc(lines, sizeof *scores.ai);
    enum status st = read_head(&head, str_split(&text, '\n'), err);
    for (size_t number = 2; st == ST_OK && text.len; number++) {
        struct str line = str_trim(str_split(&text, '\n'));
        if (line.len)
            st = read_line(&scores, line, number, &head, err);
    }
    if (st != ST_OK) {
        drift_scores_close(&scores);
        return st;
    }
    *out = scores;
    return ST_OK;
}

enum status drift_scores_read(struct drift_scores *out, const char *path, struct err *err)
{
    struct bytes file;

    enum status st = fs_read(&file, path, DRIFT_SCORES_BYTES_MAX, err);
    if (st != ST_OK)
        return st;
    st = drift_scores_parse(out, file, err);
    mem_free((void *)(uintptr_t)file.at);
    if (st != ST_OK)
        err_prefix(err, "%.120s", path);
    return st;
}

void drift_scores_close(struct drift_scores *scores)
{
    mem_free(scores->probabilities);
    mem_free(scores->families);
    mem_free(scores->embeddings);
    mem_free(scores->ai);
    *scores = (struct drift_scores){0};
}

enum status drift_scores_pools(struct drift_synthetic *out, const struct drift_scores *scores,
                               const char *new_family, struct err *err)
{
    struct drift_synthetic pools = {.ai_share = AI_SHARE, .smoothing = SMOOTHING};
    size_t *counts = pools.counts;

    for (unsigned k = 0; k < DRIFT_POOL_COUNT; k++) {
        pools.scores[k] = mem_alloc(scores->count + 1, sizeof *pools.scores[k]);
        pools.embeddings[k] = mem_alloc(scores->count + 1, sizeof *pools.embeddings[k]);
    }
    for (size_t i = 0; i < scores->count; i++) {
        bool is_new = scores->ai[i] && strcmp(scores->names[scores->families[i]], new_family) == 0;
        enum drift_pool pool = is_new          ? DRIFT_POOL_NEW
                               : scores->ai[i] ? DRIFT_POOL_AI
                                               : DRIFT_POOL_REAL;
        pools.embeddings[pool][counts[pool]] = scores->embeddings[i];
        pools.scores[pool][counts[pool]++] = scores->probabilities[i];
    }
    if (!counts[DRIFT_POOL_REAL] || !counts[DRIFT_POOL_AI] || !counts[DRIFT_POOL_NEW]) {
        (void)err_set(err, ST_NOT_FOUND,
                      "scores are needed of real photos (%zu), of the family '%.40s' (%zu) and of "
                      "others (%zu)",
                      counts[DRIFT_POOL_REAL], new_family, counts[DRIFT_POOL_NEW],
                      counts[DRIFT_POOL_AI]);
        drift_synthetic_close(&pools);
        return ST_NOT_FOUND;
    }
    *out = pools;
    return ST_OK;
}

/* Log-likelihood that a share of the family gains over the baseline, and the best share. */
static double family_gain(double *share, const struct drift_scores *scores, size_t family,
                          const double counts[DRIFT_BINS], const double normal[DRIFT_BINS])
{
    double bins[DRIFT_BINS], total = DRIFT_BINS, best = 0;

    for (unsigned b = 0; b < DRIFT_BINS; b++)
        bins[b] = 1; /* so that no bin of a small family is impossible */
    for (size_t i = 0; i < scores->count; i++)
        if (scores->families[i] == family && scores->ai[i]) {
            bins[drift_bin((double)scores->probabilities[i])] += 1;
            total += 1;
        }
    if (total < DRIFT_BINS + FAMILY_LEAST)
        return 0;
    for (unsigned percent = 1; percent <= 99; percent++) {
        double part = percent / 100.0, gain = 0;
        for (unsigned b = 0; b < DRIFT_BINS; b++)
            gain += counts[b] * log1p(part * (bins[b] / total / normal[b] - 1));
        if (gain > best) {
            best = gain;
            *share = part;
        }
    }
    return best;
}

const char *drift_scores_nearest(double *share, const struct drift_scores *scores,
                                 const struct drift_window *window,
                                 const struct drift_baseline *baseline)
{
    double counts[DRIFT_BINS] = {0}, normal[DRIFT_BINS], best = GAIN_LEAST;
    const char *name = NULL;

    for (unsigned i = 0; i < DRIFT_GRID; i++)
        counts[i * DRIFT_BINS / DRIFT_GRID] += window->grid[i];
    for (unsigned b = 0; b < DRIFT_BINS; b++)
        normal[b] = (baseline->mass[b] * (double)baseline->count + 1) /
                    ((double)baseline->count + DRIFT_BINS);
    for (size_t family = 0; family < scores->family_count; family++) {
        double part = 0;
        double gain = family_gain(&part, scores, family, counts, normal);
        if (gain <= best)
            continue;
        best = gain;
        name = scores->names[family];
        *share = part;
    }
    return name;
}

/* ---- looks ---- */

/* The mean embedding of a family less the baseline's; false: too few have one. */
static bool family_places(double out[DRIFT_EMBEDDING], const struct drift_scores *scores,
                          size_t family, const double baseline[DRIFT_EMBEDDING])
{
    double places[DRIFT_EMBEDDING], n = 0;

    for (unsigned k = 0; k < DRIFT_EMBEDDING; k++)
        out[k] = 0;
    for (size_t i = 0; i < scores->count; i++) {
        if (scores->families[i] != family || !scores->ai[i] || !scores->embeddings[i])
            continue;
        drift_embedding_unpack(places, scores->embeddings[i]);
        for (unsigned k = 0; k < DRIFT_EMBEDDING; k++)
            out[k] += places[k] - baseline[k];
        n++;
    }
    for (unsigned k = 0; n > 0 && k < DRIFT_EMBEDDING; k++)
        out[k] /= n;
    return n >= FAMILY_LEAST;
}

static double product(const double a[DRIFT_EMBEDDING], const double b[DRIFT_EMBEDDING])
{
    double sum = 0;

    for (unsigned k = 0; k < DRIFT_EMBEDDING; k++)
        sum += a[k] * b[k];
    return sum;
}

const char *drift_scores_alike(double *alike, double *share, const struct drift_scores *scores,
                               const double baseline[DRIFT_EMBEDDING],
                               const double window[DRIFT_EMBEDDING])
{
    double moved[DRIFT_EMBEDDING], places[DRIFT_EMBEDDING];
    const char *name = NULL;

    for (unsigned k = 0; k < DRIFT_EMBEDDING; k++)
        moved[k] = window[k] - baseline[k];
    *alike = ALIKE_LEAST;
    for (size_t family = 0; family < scores->family_count; family++) {
        if (!family_places(places, scores, family, baseline))
            continue;
        double along = product(moved, places), square = product(places, places);
        double cosine = along / sqrt(square * product(moved, moved));
        if (!(cosine > *alike)) /* NaN: one of them does not move at all */
            continue;
        *alike = cosine;
        *share = CLAMP(along / square, 0.0, 1.0);
        name = scores->names[family];
    }
    return name;
}

void drift_scores_print_alike(const struct drift_scores *scores,
                              const double baseline[DRIFT_EMBEDDING],
                              const double window[DRIFT_EMBEDDING])
{
    double alike = 0, share = 0;
    const char *name = drift_scores_alike(&alike, &share, scores, baseline, window);

    if (name)
        printf("looks like  %s (cosine %.2f), were %.0f %% of the photos by it\n", name, alike,
               100 * share);
    else
        printf("looks like  no known generator\n");
}
