/* evaluate/report.c - gathers the statistics of all tiers, and the table of single scores. */
#include "evaluate/evaluate.h"

enum status evaluate_report_init(struct evaluate_report *out, const struct evaluate_scores *scores,
                                 const struct train_manifest *manifest, double threshold,
                                 uint64_t seed, struct err *err)
{
    struct evaluate_report report = {
        .threshold = threshold, .manifest = manifest, .scores = scores};
    enum status st = ST_OK;

    for (unsigned i = 0; st == ST_OK && i < TRAIN_TIER_COUNT; i++) {
        struct evaluate_sample *samples = NULL;
        size_t count = 0;
        enum train_tier tier = (enum train_tier)i;
        if (!(scores->tiers & (1u << i)))
            continue;
        st = evaluate_samples_of(&samples, &count, scores, manifest, tier, err);
        if (st == ST_OK)
            st = evaluate_statistics(&report.tiers[i], samples, count, threshold, seed, err);
        if (st == ST_OK)
            report.present[i] = true;
        else
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
    if (report->has_controls)
        evaluate_controls_fini(&report->controls);
}

void evaluate_scores_tsv(struct buf *out, const struct evaluate_scores *scores,
                         const struct train_manifest *manifest)
{
    buf_add_str(out, "file\tlabel\tsource\tfamily\ttier\tprobability\tlogit\n");
    for (size_t i = 0; i < scores->count; i++) {
        const struct evaluate_score *score = &scores->scores[i];
        const struct train_manifest_row *row = &manifest->rows[score->row];
        buf_printf(out, "%s\t%s\t%s\t%s\t%s", row->file, train_label_name(row->label),
                   manifest->source_names[row->source], manifest->family_names[row->family],
                   train_tier_info(score->tier)->name);
        if (score->failed)
            buf_add_str(out, "\t-\t-\n");
        else
            buf_printf(out, "\t%.9f\t%.6f\n", score->probability, score->logit);
    }
}
