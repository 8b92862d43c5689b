/* The explanation is about the score: hiding the places that it calls most AI-generated lowers the
 * score more than hiding as many others.  On real photographs, with the shipped model. */
#include "support/unit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/rng.h"
#include "detect/detect.h"
#include "image/image.h"
#include "train/manifest.h"

#define MANIFEST  "../shared/data/photos/manifest.tsv"
#define MODEL     "models/aidetect-1.safetensors"
#define PHOTOS    200u
#define WINS_MIN  112u /* chance alone gives as many in one of twenty trials (sign test) */
#define SIDE_MIN  200u
#define SIDE_MAX  320u
#define CELL      32u /* pixels a side of what is hidden at once */
#define CELLS_MAX 400u
#define HIDDEN    4u

struct cell {
    uint32_t x, y;
    double heat;
};

struct world {
    struct detect_model *model;
    struct detect_session *session;
    struct arena *arena;
};

static double log_odds(double probability)
{
    double p = CLAMP(probability, 1e-9, 1 - 1e-9);

    return log(p / (1 - p));
}

/* Score of a photo as PNG; negative infinity when it cannot be judged. */
static double score(struct world *world, const struct image *photo)
{
    struct detect_result result;
    struct bytes file;

    if (image_encode_png(&file, photo, world->arena, NULL) != ST_OK ||
        detect_photo(&result, world->session, file, NULL) != ST_OK)
        return -INFINITY;
    return log_odds(result.probability);
}

/* A copy in which the cells have the mean colour of the photo. */
static double score_without(struct world *world, const struct image *photo,
                            const struct cell *cells, size_t count)
{
    struct image copy;
    size_t pixels = (size_t)photo->width * photo->height;
    uint64_t sums[3] = {0};

    if (image_crop(&copy, photo, 0, 0, photo->width, photo->height, world->arena, NULL) != ST_OK)
        return -INFINITY;
    for (size_t i = 0; i < 3 * pixels; i++)
        sums[i % 3] += photo->rgb[i];
    for (size_t k = 0; k < count; k++)
        for (uint32_t y = cells[k].y; y < cells[k].y + CELL; y++)
            for (uint32_t x = cells[k].x; x < cells[k].x + CELL; x++)
                for (int c = 0; c < 3; c++)
                    copy.rgb[3 * ((size_t)y * copy.width + x) + c] = (uint8_t)(sums[c] / pixels);
    return score(world, &copy);
}

static int compare_heat(const void *a, const void *b)
{
    double x = ((const struct cell *)a)->heat;
    double y = ((const struct cell *)b)->heat;

    return (x < y) - (x > y);
}

/* What the map says at a point: the patches of all crops over it.  False: no crop is there. */
static bool map_at(double *out, const struct detect_result *result, double x, double y)
{
    double sum = 0;
    unsigned count = 0;

    for (size_t i = 0; i < result->crop_count; i++) {
        const struct detect_crop *crop = &result->crops[i];
        double patch_x = (x - crop->x) * crop->map_side / crop->side_px;
        double patch_y = (y - crop->y) * crop->map_side / crop->side_px;
        if (patch_x < 0 || patch_y < 0 || patch_x >= crop->map_side || patch_y >= crop->map_side)
            continue;
        sum += (double)crop->patch_logits[(size_t)patch_y * crop->map_side + (size_t)patch_x];
        count++;
    }
    *out = sum / MAX_OF(count, 1u);
    return count > 0;
}

/* Mean heat of the points of a cell that were looked at; false: fewer than half of them were. */
static bool heat_of(struct cell *cell, const struct detect_result *result)
{
    unsigned seen = 0;

    cell->heat = 0;
    for (unsigned i = 0; i < 16; i++) {
        double logit;
        double x = cell->x + CELL / 8.0 * (2 * (i % 4) + 1);
        double y = cell->y + CELL / 8.0 * (2 * (i / 4) + 1);
        if (!map_at(&logit, result, x, y))
            continue;
        cell->heat += logit;
        seen++;
    }
    cell->heat /= MAX_OF(seen, 1u);
    return seen >= 8;
}

static size_t cells_of(struct cell out[CELLS_MAX], const struct image *photo,
                       const struct detect_result *result)
{
    size_t count = 0;

    for (uint32_t y = 0; y + CELL <= photo->height; y += CELL)
        for (uint32_t x = 0; x + CELL <= photo->width && count < CELLS_MAX; x += CELL) {
            out[count] = (struct cell){x, y, 0};
            count += heat_of(&out[count], result);
        }
    return count;
}

static void shuffle(struct cell *cells, size_t count, struct rng *rng)
{
    for (size_t i = count; i > 1; i--) {
        size_t j = rng_below(rng, (uint32_t)i);
        struct cell moved = cells[i - 1];
        cells[i - 1] = cells[j];
        cells[j] = moved;
    }
}

/* How much hiding the hottest cells, and others, lowers the score.  False: the photo is of no use.
 */
static bool try_photo(double drops[2], struct world *world, const char *path, uint64_t seed)
{
    struct detect_explanation explanation;
    struct detect_result result;
    struct cell cells[CELLS_MAX];
    struct rng rng = rng_seed(seed);
    struct image photo;
    struct bytes file;
    struct bytes png;

    if (fs_map(&file, path, 16u << 20, NULL) != ST_OK)
        return false;
    bool fine =
        image_decode(&photo, NULL, file, &image_limits_default, world->arena, NULL) == ST_OK &&
        image_encode_png(&png, &photo, world->arena, NULL) == ST_OK &&
        detect_explain(&result, &explanation, world->session, png, 64, NULL) == ST_OK;
    fs_unmap(file);
    if (!fine)
        return false;
    size_t count = cells_of(cells, &photo, &result);
    double whole = log_odds(result.probability);
    if (count < 3 * (size_t)HIDDEN)
        return false;
    shuffle(cells, count, &rng); /* first, so that equals are in no order */
    double others = score_without(world, &photo, cells, HIDDEN);
    qsort(cells, count, sizeof *cells, compare_heat);
    double hottest = score_without(world, &photo, cells, HIDDEN);
    drops[0] = whole - hottest;
    drops[1] = whole - others;
    return isfinite(drops[0]) && isfinite(drops[1]);
}

static bool is_small(const struct train_manifest_row *row)
{
    return strcmp(row->role, "train") == 0 && row->width >= SIDE_MIN && row->width <= SIDE_MAX &&
           row->height >= SIDE_MIN && row->height <= SIDE_MAX;
}

static void test_hiding_the_hottest_places_lowers_the_score_more(void **state)
{
    struct world *world = *state;
    struct train_manifest *manifest = NULL;
    struct err err = {0};
    double sums[2] = {0, 0};
    size_t wins = 0;
    size_t done = 0;

    if (train_manifest_open(&manifest, MANIFEST, &err) != ST_OK)
        fail_msg("%s", err.msg);
    for (size_t i = 0; i < manifest->count && done < PHOTOS; i += 7) {
        double drops[2];
        arena_reset(world->arena);
        if (!is_small(&manifest->rows[i]) || !try_photo(drops, world, manifest->rows[i].path, i))
            continue;
        done++;
        wins += drops[0] > drops[1];
        sums[0] += drops[0];
        sums[1] += drops[1];
    }
    train_manifest_close(manifest);
    print_message("%zu photos: the hottest places lower the log-odds by %.3f, others by %.3f; more "
                  "in %.1f %% of the photos\n",
                  done, sums[0] / (double)done, sums[1] / (double)done,
                  100.0 * (double)wins / (double)done);
    assert_int_equal(done, PHOTOS);
    assert_true(sums[0] > sums[1]);
    assert_true(wins >= WINS_MIN);
}

static int open_world(void **state)
{
    struct world *world = calloc(1, sizeof *world);

    *state = world;
    return detect_model_open(&world->model, MODEL, NULL, NULL) == ST_OK &&
                   detect_session_open(&world->session, world->model, NULL) == ST_OK &&
                   arena_open(&world->arena, (size_t)256 << 20, NULL) == ST_OK
               ? 0
               : -1;
}

static int close_world(void **state)
{
    struct world *world = *state;

    detect_session_close(world->session);
    detect_model_close(world->model);
    arena_close(world->arena);
    free(world);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hiding_the_hottest_places_lowers_the_score_more),
    };

    if (!fs_exists(MANIFEST)) {
        print_message("skipped: no photographs in ../shared/data/photos\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, open_world, close_world);
}
