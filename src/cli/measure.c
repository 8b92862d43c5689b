#include "cli/measure.h"

#include <string.h>
#include <unistd.h>

#define BAR_WIDTH 30
#define SEED      1

void cli_draw_progress(void *what, size_t done, size_t total, double seconds)
{
    double share = total ? (double)done / (double)total : 1;
    double rate = seconds > 0 ? (double)done / seconds : 0;
    char bar[BAR_WIDTH + 1] = {0};
    char left[32] = "";

    memset(bar, ' ', BAR_WIDTH);
    memset(bar, '=', (size_t)(share * BAR_WIDTH));
    if (rate > 0)
        (void)snprintf(left, sizeof left, "%.0f s left", (double)(total - done) / rate);
    if (done < total)
        (void)fprintf(stderr, "\r%s [%s] %zu of %zu  %.1f img/s  %s\033[K", (const char *)what, bar,
                      done, total, rate, left);
    else
        (void)fputs("\r\033[K", stderr);
    (void)fflush(stderr);
}

void cli_measured_fini(struct cli_measured *measured)
{
    evaluate_statistics_fini(&measured->statistics);
}

static double low_confidence_of(const struct evaluate_sample *samples, size_t count,
                                double threshold)
{
    size_t low = 0;

    for (size_t i = 0; i < count; i++)
        low += detect_confidence(samples[i].probability, threshold) == DETECT_CONFIDENCE_LOW;
    return count ? (double)low / (double)count : 0;
}

static enum status measure_role(struct cli_measured *out, const struct detect_model *model,
                                const struct train_manifest *manifest, const char *role,
                                unsigned workers, struct err *err)
{
    const struct evaluate_scorer scorer = evaluate_scorer_of_model(model);
    const struct evaluate_options options = {
        .role = role,
        .tiers = 1u << CLI_MEASURE_TIER,
        .workers = workers,
        .seed = SEED,
        .progress = isatty(STDERR_FILENO) ? cli_draw_progress : NULL,
        .progress_payload = (void *)(uintptr_t) "measuring",
    };
    struct cli_measured measured = {.threshold = detect_model_threshold(model)};
    struct evaluate_scores *scores = NULL;
    struct evaluate_sample *samples = NULL;
    size_t count = 0;
    enum status st = evaluate_run(&scores, manifest, &scorer, &options, err);

    if (st == ST_OK)
        st = evaluate_samples_of(&samples, &count, scores, manifest, CLI_MEASURE_TIER, err);
    if (st == ST_OK)
        st = evaluate_statistics(&measured.statistics, samples, count, measured.threshold, SEED,
                                 err);
    measured.low_confidence = low_confidence_of(samples, count, measured.threshold);
    for (size_t i = 0; i < count; i++)
        measured.mean_probability += samples[i].probability / (double)count;
    mem_free(samples);
    evaluate_scores_close(scores);
    if (st == ST_OK)
        *out = measured;
    return st;
}

static bool has_role(const struct train_manifest *manifest, const char *role)
{
    for (size_t i = 0; i < manifest->role_count; i++)
        if (strcmp(manifest->role_names[i], role) == 0)
            return true;
    return false;
}

enum status cli_measure(struct cli_measured *out, const char *model_path,
                        const struct train_manifest *manifest, const char *const *roles,
                        size_t role_count, unsigned workers, struct err *err)
{
    struct detect_model *model = NULL;
    enum status st = detect_model_open(&model, model_path, NULL, err);
    size_t done = 0;

    for (; st == ST_OK && done < role_count; done++) {
        out[done] = (struct cli_measured){0};
        if (has_role(manifest, roles[done]))
            st = measure_role(&out[done], model, manifest, roles[done], workers, err);
    }
    for (size_t i = 0; st != ST_OK && i < done; i++)
        cli_measured_fini(&out[i]);
    detect_model_close(model);
    return st;
}
