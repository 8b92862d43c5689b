/* The explanation is about the score: hiding the cells that it says add most lowers the score more
 * than hiding as many others, whatever they are hidden behind.  The explanation itself hides
 * nothing.  On real photographs, with the shipped model. */
#include "support/unit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/rng.h"
#include "detect/detect.h"
#include "detect/explain.h"
#include "image/image.h"
#include "train/manifest.h"

#define MANIFEST  "../shared/data/photos/manifest.tsv"
#define MODEL     "models/aidetect-1.safetensors"
#define PHOTOS    200u
#define WINS_MIN  160u /* of the photos; chance alone gives 112 in one of twenty trials */
#define RATIO_MIN 1.5  /* of what the hottest cells lower the score by to what others do */
#define SIDE_MIN  200u
#define SIDE_MAX  320u
#define HIDDEN    4u

enum cover { MEAN_COLOUR, NEIGHBOURS, COVER_COUNT };
static const char *const cover_names[] = {"the photo's mean colour", "the pixels beside them"};

struct cell {
    uint32_t x, y, width, height;
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

static void fill_mean(struct image *copy, const struct image *photo, const struct cell *cell)
{
    size_t pixels = (size_t)photo->width * photo->height;
    uint64_t sums[3] = {0};

    for (size_t i = 0; i < 3 * pixels; i++)
        sums[i % 3] += photo->rgb[i];
    for (uint32_t y = cell->y; y < cell->y + cell->height; y++)
        for (uint32_t x = cell->x; x < cell->x + cell->width; x++)
            for (int c = 0; c < 3; c++)
                copy->rgb[3 * ((size_t)y * copy->width + x) + c] = (uint8_t)(sums[c] / pixels);
}

/* From the left, at the left border from the right. */
static void fill_beside(struct image *copy, const struct image *photo, const struct cell *cell)
{
    uint32_t from = cell->x >= cell->width ? cell->x - cell->width : cell->x + cell->width;

    for (uint32_t y = cell->y; y < cell->y + cell->height; y++)
        memcpy(copy->rgb + 3 * ((size_t)y * copy->width + cell->x),
               photo->rgb + 3 * ((size_t)y * copy->width + from), (size_t)3 * cell->width);
}

static double score_without(struct world *world, const struct image *photo,
                            const struct cell *cells, size_t count, enum cover cover)
{
    struct image copy;

    if (image_crop(&copy, photo, 0, 0, photo->width, photo->height, world->arena, NULL) != ST_OK)
        return -INFINITY;
    for (size_t k = 0; k < count; k++) {
        if (cover == MEAN_COLOUR)
            fill_mean(&copy, photo, &cells[k]);
        else
            fill_beside(&copy, photo, &cells[k]);
    }
    return score(world, &copy);
}

static int compare_heat(const void *a, const void *b)
{
    double x = ((const struct cell *)a)->heat;
    double y = ((const struct cell *)b)->heat;

    return (x < y) - (x > y);
}

static size_t cells_of(struct cell out[DETECT_CELLS_MAX], const struct image *photo,
                       const struct detect_explanation *explanation)
{
    uint32_t side = explanation->cell_px;
    size_t count = (size_t)explanation->columns * explanation->rows;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t x = i % explanation->columns * side;
        uint32_t y = i / explanation->columns * side;
        out[i] = (struct cell){x, y, MIN_OF(side, photo->width - x),
                               MIN_OF(side, photo->height - y), explanation->log_odds[i]};
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

/* How much hiding cells lowers the score: the hottest, and others. */
struct drops {
    double hottest[COVER_COUNT], others[COVER_COUNT];
};

static bool hide(struct drops *out, struct world *world, const struct image *photo,
                 struct cell *cells, size_t count, uint64_t seed)
{
    struct rng rng = rng_seed(seed);
    double whole = score(world, photo);
    bool fine = isfinite(whole);

    shuffle(cells, count, &rng); /* first, so that equals are in no order */
    for (int i = 0; i < COVER_COUNT; i++) {
        out->others[i] = whole - score_without(world, photo, cells, HIDDEN, (enum cover)i);
        fine = fine && isfinite(out->others[i]);
    }
    qsort(cells, count, sizeof *cells, compare_heat);
    for (int i = 0; i < COVER_COUNT; i++) {
        out->hottest[i] = whole - score_without(world, photo, cells, HIDDEN, (enum cover)i);
        fine = fine && isfinite(out->hottest[i]);
    }
    return fine;
}

/* False: the photo is of no use. */
static bool try_photo(struct drops *out, struct world *world, const char *path, uint64_t seed)
{
    struct detect_explanation explanation;
    struct detect_result result;
    struct cell cells[DETECT_CELLS_MAX];
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
    size_t count = cells_of(cells, &photo, &explanation);
    return count >= 3 * (size_t)HIDDEN && hide(out, world, &photo, cells, count, seed);
}

static bool is_small(const struct train_manifest_row *row)
{
    return strcmp(row->role, "train") == 0 && row->width >= SIDE_MIN && row->width <= SIDE_MAX &&
           row->height >= SIDE_MIN && row->height <= SIDE_MAX;
}

struct total {
    double hottest, others;
    size_t wins, done;
};

static void add_photo(struct total totals[COVER_COUNT], const struct drops *drops)
{
    for (int i = 0; i < COVER_COUNT; i++) {
        totals[i].hottest += drops->hottest[i];
        totals[i].others += drops->others[i];
        totals[i].wins += drops->hottest[i] > drops->others[i];
        totals[i].done++;
    }
}

static void test_hiding_the_hottest_cells_lowers_the_score_more(void **state)
{
    struct world *world = *state;
    struct train_manifest *manifest = NULL;
    struct total totals[COVER_COUNT] = {0};
    struct err err = {0};

    if (train_manifest_open(&manifest, MANIFEST, &err) != ST_OK)
        fail_msg("%s", err.msg);
    for (size_t i = 0; i < manifest->count && totals[0].done < PHOTOS; i += 7) {
        struct drops drops;
        arena_reset(world->arena);
        if (is_small(&manifest->rows[i]) && try_photo(&drops, world, manifest->rows[i].path, i))
            add_photo(totals, &drops);
    }
    train_manifest_close(manifest);
    for (int i = 0; i < COVER_COUNT; i++) {
        const struct total *total = &totals[i];
        print_message("%zu photos, behind %s: the hottest cells lower the log-odds by %.3f, others "
                      "by %.3f; more in %.1f %% of the photos\n",
                      total->done, cover_names[i], total->hottest / (double)total->done,
                      total->others / (double)total->done,
                      100.0 * (double)total->wins / (double)total->done);
        assert_int_equal(total->done, PHOTOS);
        assert_true(total->hottest > RATIO_MIN * total->others);
        assert_true(total->wins >= WINS_MIN);
    }
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
        cmocka_unit_test(test_hiding_the_hottest_cells_lowers_the_score_more),
    };

    if (!fs_exists(MANIFEST)) {
        print_message("skipped: no photographs in ../shared/data/photos\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, open_world, close_world);
}
