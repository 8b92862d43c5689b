/* Fuzz target: files of drift - a baseline, the saved state, scores as CSV.  What is read as a
 * baseline is written and read again as the same; none of them makes the detectors fall over. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "cli/drift_scores.h"
#include "service/drift_state.h"

#define WINDOW 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_baseline(struct bytes text)
{
    struct drift_baseline baseline, again;
    struct drift_edetector *detector = NULL;
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
    detector = mem_alloc(1, sizeof *detector);
    drift_edetector_open(detector, &again, true, 1e6);
    for (unsigned b = 0; b < DRIFT_BINS; b++)
        for (unsigned i = 0; i < DRIFT_BETS; i++)
            REQUIRE(detector->factors[b][i] > 0 && detector->factors[b][i] < 1e6);
    mem_free(detector);
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
