/* Fuzz target: files of drift - a baseline, the saved state, scores as CSV.  What is read as a
 * baseline is written and read again as the same; none of them makes the detectors fall over. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "cli/drift_scores.h"
#include "drift/direction.h"
#include "service/drift_state.h"

#define WINDOW       16
#define RARELY       64
#define PHOTOS_BYTES 2048

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Projecting the bets takes a hundred times as long as everything else. */
static void try_bets(const struct drift_baseline *baseline)
{
    struct drift_edetector *detector = mem_alloc(1, sizeof *detector);

    drift_edetector_open(detector, baseline, true, 1e6);
    for (unsigned b = 0; b < DRIFT_BINS; b++)
        for (unsigned i = 0; i < DRIFT_BETS; i++)
            REQUIRE(detector->factors[b][i] > 0 && detector->factors[b][i] < 1e6);
    mem_free(detector);
}

/* Bytes of the file as photos: no bet loses more than it may. */
static void try_embedding(const struct drift_embedding *embedding, struct bytes text)
{
    struct drift_direction *direction = mem_alloc(1, sizeof *direction);
    double places[DRIFT_EMBEDDING];

    drift_direction_open(direction, embedding, text.len % 2, 1e6);
    for (size_t at = 0; at + 8 <= text.len && at < PHOTOS_BYTES; at += 8) {
        uint64_t packed = 0;
        memcpy(&packed, text.at + at, sizeof packed);
        drift_embedding_unpack(places, packed);
        (void)drift_direction_add(direction, places, 1);
        REQUIRE(direction->value >= 0);
    }
    mem_free(direction);
}

static void try_baseline(struct bytes text)
{
    struct drift_baseline baseline, again;
    struct buf out;
    struct err err = {0};

    if (drift_baseline_parse(&baseline, text, &err) != ST_OK) {
        REQUIRE(err.msg[0] != '\0');
        return;
    }
    buf_init(&out, DRIFT_BASELINE_BYTES);
    drift_baseline_write(&out, &baseline);
    REQUIRE(drift_baseline_parse(&again, buf_bytes(&out), &err) == ST_OK);
    REQUIRE(again.count == baseline.count && again.row_count == baseline.row_count);
    REQUIRE(again.embedding.known == baseline.embedding.known);
    if (again.embedding.known)
        try_embedding(&again.embedding, text);
    if (text.len % RARELY == 0)
        try_bets(&again);
    buf_fini(&out);
    drift_baseline_close(&again);
    drift_baseline_close(&baseline);
}

static void try_state(struct bytes text)
{
    struct drift_saved saved = {.ids = mem_alloc(WINDOW, sizeof *saved.ids)};
    struct drift_watch *watch = mem_alloc(1, sizeof *watch);
    struct err err = {0};

    drift_window_open(&saved.window, WINDOW);
    if (drift_state_parse(&saved, text, &err) == ST_OK) {
        struct drift_figures figures = drift_window_figures(&saved.window);
        REQUIRE(figures.mean_probability >= 0 && figures.mean_probability <= 1);
        if (saved.watch && drift_watch_restore(watch, saved.watch, &err) == ST_OK)
            REQUIRE(watch->adwin.spread >= 0);
    } else {
        REQUIRE(err.msg[0] != '\0');
    }
    json_free(saved.watch);
    drift_window_close(&saved.window);
    mem_free(saved.ids);
    mem_free(watch);
}

static void try_scores(struct bytes text)
{
    struct drift_scores scores;
    struct err err = {0};

    if (drift_scores_parse(&scores, text, &err) != ST_OK) {
        REQUIRE(err.msg[0] != '\0');
        return;
    }
    for (size_t i = 0; i < scores.count; i++)
        REQUIRE(scores.probabilities[i] >= 0 && scores.families[i] < scores.family_count);
    drift_scores_close(&scores);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct bytes text = {data, size};

    try_baseline(text);
    try_state(text);
    try_scores(text);
    return 0;
}
