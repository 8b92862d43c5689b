/* evaluate/controls.c - what must be at chance, or the figures mean something else than they say.
 *
 * (i) Labels shuffled among whole sources: photos of one source look alike, so that a score that
 * merely tells sources apart does about as well on shuffled labels; the share of shuffles that
 * reach the true AUC is the honest measure of chance.
 *
 * (ii) A classifier without pixels.  Which features are fair?  The network is given crops of one
 * fixed size at half scale: width, height and bytes of the file never reach it.  It could
 * count its crops and see mirrored borders ("geometry"), and it sees how busy the crops are
 * ("texture": bytes a pixel of each crop encoded alone).  "file" is what a detector that resized
 * the photo or read its header could exploit; it measures the bias of the collection, not ours. */
#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "evaluate/statistics.h"
#include "train/logistic.h"

#define SHUFFLE_STREAM 0x73687566 /* of the seed */
#define PENALTY        1e-3
#define DEVIATIONS_MAX 4.0
#define SET_FEATURES   5

struct feature_set {
    const char *name;
    const char *help;
    bool visible;
    size_t count;
    enum evaluate_feature features[SET_FEATURES];
};

static const struct feature_set sets[EVALUATE_CONTROL_SETS] = {
    {"geometry",
     "number of crops, mirrored border",
     true,
     2,
     {EVALUATE_CROP_COUNT, EVALUATE_CROP_MIRRORED}},
    {"texture",
     "and compressed size of the crops",
     true,
     5,
     {EVALUATE_CROP_COUNT, EVALUATE_CROP_MIRRORED, EVALUATE_CROP_BYTES_MEAN,
      EVALUATE_CROP_BYTES_MIN, EVALUATE_CROP_BYTES_MAX}},
    {"file",
     "width, height, aspect, bytes, quality: hidden from the network",
     false,
     5,
     {EVALUATE_FILE_WIDTH, EVALUATE_FILE_HEIGHT, EVALUATE_FILE_ASPECT, EVALUATE_FILE_BYTES,
      EVALUATE_FILE_QUALITY}},
};
_Static_assert(2 * SET_FEATURES <= TRAIN_LOGISTIC_FEATURES_MAX, "each feature and its square");

/* Rows of one tier with their features, their squares to come. */
struct design {
    size_t count;
    double *features; /* count x 2 * set->count, standardised */
    double *weights;
    bool *labels;
    struct evaluate_sample *samples;
};

struct scale {
    double mean[SET_FEATURES];
    double deviation[SET_FEATURES];
};

static void design_fini(struct design *design)
{
    mem_free(design->features);
    mem_free(design->weights);
    mem_free(design->labels);
    mem_free(design->samples);
}

/* Each class weighs the same, and within it each source. */
static enum status weigh(struct design *design, const struct train_manifest *manifest,
                         struct err *err)
{
    size_t *rows = mem_try_alloc(2 * manifest->source_count, sizeof *rows);
    double sources[2] = {0, 0};

    if (!rows)
        return err_set(err, ST_NOMEM, "no room for %zu sources", manifest->source_count);
    for (size_t i = 0; i < design->count; i++) {
        const struct evaluate_sample *sample = &design->samples[i];
        size_t *n = &rows[2 * sample->source + sample->ai];
        sources[sample->ai] += !*n;
        ++*n;
    }
    for (size_t i = 0; i < design->count; i++) {
        const struct evaluate_sample *sample = &design->samples[i];
        design->weights[i] =
            0.5 / (sources[sample->ai] * (double)rows[2 * sample->source + sample->ai]);
    }
    mem_free(rows);
    return ST_OK;
}

/* Raw features, in the first half of each row. */
static void gather(struct design *design, const struct feature_set *set,
                   const struct evaluate_scores *scores, enum train_tier tier)
{
    size_t n = 0;

    for (size_t i = 0; i < scores->count; i++) {
        const struct evaluate_score *score = &scores->scores[i];
        if (score->failed || score->tier != tier)
            continue;
        for (size_t j = 0; j < set->count; j++)
            design->features[n * 2 * set->count + j] = score->features[set->features[j]];
        design->labels[n] = design->samples[n].ai;
        n++;
    }
    REQUIRE(n == design->count);
}

static enum status design_init(struct design *design, const struct feature_set *set,
                               const struct evaluate_scores *scores,
                               const struct train_manifest *manifest, enum train_tier tier,
                               struct err *err)
{
    enum status st =
        evaluate_samples_of(&design->samples, &design->count, scores, manifest, tier, err);

    if (st != ST_OK)
        return st;
    if (!design->count)
        return err_set(err, ST_INVALID, "no photo could be scored");
    design->features = mem_try_alloc(design->count, 2 * set->count * sizeof *design->features);
    design->weights = mem_try_alloc(design->count, sizeof *design->weights);
    design->labels = mem_try_alloc(design->count, sizeof *design->labels);
    if (!design->features || !design->weights || !design->labels)
        return err_set(err, ST_NOMEM, "no room for the features of %zu rows", design->count);
    gather(design, set, scores, tier);
    return weigh(design, manifest, err);
}

static struct scale measure_scale(const struct design *design, size_t features)
{
    struct scale scale = {{0}, {0}};
    double sum = 0;

    for (size_t i = 0; i < design->count; i++)
        sum += design->weights[i];
    for (size_t j = 0; j < features; j++) {
        for (size_t i = 0; i < design->count; i++)
            scale.mean[j] += design->weights[i] / sum * design->features[i * 2 * features + j];
        for (size_t i = 0; i < design->count; i++) {
            double away = design->features[i * 2 * features + j] - scale.mean[j];
            scale.deviation[j] += design->weights[i] / sum * away * away;
        }
        scale.deviation[j] = sqrt(scale.deviation[j]);
    }
    return scale;
}

/* In deviations from the mean, clipped, with squares; a feature that never changes becomes 0. */
static void standardise(struct design *design, const struct scale *scale, size_t features)
{
    for (size_t i = 0; i < design->count; i++) {
        double *row = design->features + i * 2 * features;
        for (size_t j = 0; j < features; j++) {
            double z =
                scale->deviation[j] > 1e-6 ? (row[j] - scale->mean[j]) / scale->deviation[j] : 0;
            row[j] = CLAMP(z, -DEVIATIONS_MAX, DEVIATIONS_MAX);
            row[features + j] = row[j] * row[j];
        }
    }
}

static enum status fit_and_measure(struct evaluate_control_set *out, const struct feature_set *set,
                                   struct design *fit, struct design *measured, uint64_t seed,
                                   struct err *err)
{
    struct train_logistic centre = {.feature_count = 2 * set->count};
    struct train_logistic model = {0};
    struct scale scale = measure_scale(fit, set->count);

    standardise(fit, &scale, set->count);
    standardise(measured, &scale, set->count);
    const struct train_logistic_data data = {.features = fit->features,
                                             .labels = fit->labels,
                                             .weights = fit->weights,
                                             .count = fit->count,
                                             .feature_count = 2 * set->count};
    enum status st = train_logistic_fit(&model, &data, &centre, PENALTY, err);
    if (st != ST_OK)
        return st;
    for (size_t i = 0; i < measured->count; i++)
        measured->samples[i].probability =
            train_sigmoid(train_logistic_logit(&model, measured->features + i * 2 * set->count));
    st = evaluate_statistics(&out->statistics, measured->samples, measured->count, 0.5, seed, err);
    if (st != ST_OK)
        return st;
    out->name = set->name;
    out->help = set->help;
    out->visible = set->visible;
    return ST_OK;
}

static enum status measure_set(struct evaluate_controls *out, size_t i,
                               const struct evaluate_scores *scores,
                               const struct evaluate_scores *fit_scores,
                               const struct train_manifest *manifest, uint64_t seed,
                               struct err *err)
{
    struct design fit = {0};
    struct design measured = {0};
    enum status st = design_init(&fit, &sets[i], fit_scores, manifest, out->tier, err);

    if (st == ST_OK)
        st = design_init(&measured, &sets[i], scores, manifest, out->tier, err);
    if (st == ST_OK)
        st = fit_and_measure(&out->sets[i], &sets[i], &fit, &measured, seed, err);
    if (st == ST_OK)
        out->fit_count = fit.count;
    design_fini(&fit);
    design_fini(&measured);
    return st;
}

/* Deals the labels of the clusters to the clusters anew. */
static void shuffle_labels(bool *label_of_cluster, const struct evaluate_clusters *clusters,
                           struct rng *rng)
{
    for (size_t i = 0; i < clusters->count; i++)
        label_of_cluster[i] = i >= clusters->real_count;
    for (size_t i = clusters->count; i-- > 1;) {
        size_t other = rng_below(rng, (uint32_t)(i + 1));
        bool moved = label_of_cluster[i];
        label_of_cluster[i] = label_of_cluster[other];
        label_of_cluster[other] = moved;
    }
}

static void run_shuffles(struct evaluate_controls *out, struct evaluate_ranking *ranking,
                         const struct evaluate_clusters *clusters, bool *labels, uint64_t seed)
{
    double aucs[EVALUATE_PERMUTATIONS];
    double truth = evaluate_ranking_auc(ranking, NULL);
    double sum = 0;
    size_t at_least = 0;

    for (size_t k = 0; k < EVALUATE_PERMUTATIONS; k++) {
        struct rng rng = rng_derive(seed ^ SHUFFLE_STREAM, k);
        shuffle_labels(labels, clusters, &rng);
        for (size_t i = 0; i < ranking->count; i++)
            ranking->samples[i].ai = labels[clusters->cluster_of[i]];
        aucs[k] = evaluate_ranking_auc(ranking, NULL);
        sum += aucs[k];
        at_least += aucs[k] >= truth;
    }
    out->shuffled_auc_mean = sum / EVALUATE_PERMUTATIONS;
    out->shuffled_at_least = (double)at_least / EVALUATE_PERMUTATIONS;
    out->shuffled_auc_range =
        evaluate_percentiles(aucs, EVALUATE_PERMUTATIONS, EVALUATE_INTERVAL_SHARE);
}

static enum status measure_shuffled(struct evaluate_controls *out,
                                    const struct evaluate_scores *scores,
                                    const struct train_manifest *manifest, uint64_t seed,
                                    struct err *err)
{
    struct evaluate_sample *samples = NULL;
    struct evaluate_ranking ranking = {0};
    struct evaluate_clusters clusters = {0};
    bool *labels = NULL;
    size_t count = 0;
    enum status st = evaluate_samples_of(&samples, &count, scores, manifest, out->tier, err);

    if (st == ST_OK)
        st = evaluate_ranking_init(&ranking, samples, count, 0.5, err);
    if (st == ST_OK)
        st = evaluate_clusters_find(&clusters, &ranking, err);
    if (st != ST_OK)
        goto out;
    if (!clusters.real_count || clusters.real_count == clusters.count) {
        st = err_set(err, ST_INVALID, "the photos are of a single class");
        goto out;
    }
    labels = mem_try_alloc(clusters.count, sizeof *labels);
    if (labels)
        run_shuffles(out, &ranking, &clusters, labels, seed);
    else
        st = err_set(err, ST_NOMEM, "no room for %zu labels", clusters.count);
out:
    mem_free(labels);
    mem_free(clusters.cluster_of);
    mem_free(ranking.samples);
    mem_free(samples);
    return st;
}

enum status evaluate_controls(struct evaluate_controls *out, const struct evaluate_scores *scores,
                              const struct evaluate_scores *fit, const char *fit_role,
                              const struct train_manifest *manifest, enum train_tier tier,
                              uint64_t seed, struct err *err)
{
    struct evaluate_controls controls = {.tier = tier, .fit_role = fit_role};
    enum status st = ST_OK;

    REQUIRE(scores->features && fit->features);
    st = measure_shuffled(&controls, scores, manifest, seed, err);
    for (size_t i = 0; st == ST_OK && i < EVALUATE_CONTROL_SETS; i++) {
        st = measure_set(&controls, i, scores, fit, manifest, seed, err);
        if (st != ST_OK)
            err_prefix(err, "%s", sets[i].name);
    }
    if (st == ST_OK)
        *out = controls;
    else
        evaluate_controls_fini(&controls);
    if (st != ST_OK)
        err_prefix(err, "controls at %s", train_tier_info(tier)->name);
    return st;
}

void evaluate_controls_fini(struct evaluate_controls *controls)
{
    for (size_t i = 0; i < EVALUATE_CONTROL_SETS; i++)
        evaluate_statistics_fini(&controls->sets[i].statistics);
}
