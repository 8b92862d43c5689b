/* evaluate/report.c - gathers the statistics of all tiers, and the table of single scores. */
#include <inttypes.h>
#include <string.h>

#include "base/fs.h"
#include "evaluate/curves.h"
#include "evaluate/evaluate.h"

#define PATH_SIZE 4096

enum status evaluate_report_init(struct evaluate_report *out, const struct evaluate_scores *scores,
                                 const struct train_manifest *manifest, double threshold,
                                 struct detect_band band, uint64_t seed, struct err *err)
{
    struct evaluate_report report = {.threshold = threshold,
                                     .band = band,
                                     .manifest = manifest,
                                     .scores = scores,
                                     .curves = mem_alloc(TRAIN_TIER_COUNT, sizeof *report.curves)};
    enum status st = ST_OK;

    for (unsigned i = 0; st == ST_OK && i < TRAIN_TIER_COUNT; i++) {
        struct evaluate_sample *samples = NULL;
        size_t count = 0;
        enum train_tier tier = (enum train_tier)i;
        if (!(scores->tiers & (1u << i)))
            continue;
        st = evaluate_samples_of(&samples, &count, scores, manifest, tier, err);
        if (st == ST_OK)
            st = evaluate_curves(&report.curves[i], samples, count, threshold, err);
        if (st == ST_OK)
            st = evaluate_statistics(&report.tiers[i], samples, count, threshold, seed, err);
        if (st == ST_OK)
            report.present[i] = true; /* from here on there are statistics to free */
        if (st == ST_OK)
            st = evaluate_selective(&report.selective[i], samples, count, threshold, band, seed,
                                    err);
        if (st != ST_OK)
            err_prefix(err, "tier %s", train_tier_info(tier)->name);
        mem_free(samples);
    }
    if (st == ST_OK)
        *out = report;
    else
        evaluate_report_fini(&report);
    return st;
}

void evaluate_report_fini(struct evaluate_report *report)
{
    for (unsigned i = 0; i < TRAIN_TIER_COUNT; i++)
        if (report->present[i])
            evaluate_statistics_fini(&report->tiers[i]);
    mem_free(report->curves);
    if (report->has_controls)
        evaluate_controls_fini(&report->controls);
}

static enum status write_file(const char *folder, const char *name, const struct buf *text,
                              struct err *err)
{
    char path[PATH_SIZE];
    enum status st = buf_check(text, name, err);

    if (st != ST_OK)
        return st;
    if (strlen(folder) + 1 + strlen(name) >= sizeof path)
        return err_set(err, ST_LIMIT, "the path of %s is over %zu bytes", name, sizeof path - 1);
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return fs_write(path, buf_bytes(text), err);
}

enum status evaluate_report_write(const struct evaluate_report *report, const char *folder,
                                  struct err *err)
{
    struct buf page;
    struct buf json;
    enum status st = fs_make_folder(folder, err);

    buf_init(&page, EVALUATE_PAGE_MAX);
    buf_init(&json, EVALUATE_PAGE_MAX);
    if (st == ST_OK)
        st = evaluate_report_html(&page, report, err);
    if (st == ST_OK)
        st = write_file(folder, "report.html", &page, err);
    if (st == ST_OK) {
        evaluate_report_json(&json, report, true);
        st = write_file(folder, "report.json", &json, err);
    }
    buf_fini(&page);
    buf_fini(&json);
    return st;
}

void evaluate_scores_tsv(struct buf *out, const struct evaluate_scores *scores,
                         const struct train_manifest *manifest)
{
    buf_add_str(out, "file\tlabel\tsource\tfamily\ttier\tprobability\tlogit\tembedding\n");
    for (size_t i = 0; i < scores->count; i++) {
        const struct evaluate_score *score = &scores->scores[i];
        const struct train_manifest_row *row = &manifest->rows[score->row];
        buf_printf(out, "%s\t%s\t%s\t%s\t%s", row->file, train_label_name(row->label),
                   manifest->source_names[row->source], manifest->family_names[row->family],
                   train_tier_info(score->tier)->name);
        if (score->failed)
            buf_add_str(out, "\t-\t-\t-\n");
        else
            buf_printf(out, "\t%.9f\t%.6f\t%016" PRIx64 "\n", score->probability, score->logit,
                       score->embedding);
    }
}
