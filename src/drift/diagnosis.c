#include "drift/diagnosis.h"

#include <math.h>
#include <string.h>

#include "drift/sureness.h"

#define GAIN_LEAST 10.0 /* nats: below, chance does it */
#define SD_LEAST   1e-3
#define SURE_STEPS 6
#define NEW_STEPS  4
#define NEW_PEAKS  8
#define SPREAD     6.0

static const struct {
    const char *name, *help;
} stories[] = {
    [DRIFT_AS_BEFORE] = {"as_before", "The window looks like the baseline."},
    [DRIFT_NEW_KIND] = {"new_kind", "Photos of a kind came that the baseline does not have."},
    [DRIFT_SHARES] = {"shares", "The same kinds of photos came in other shares."},
    [DRIFT_SURENESS] = {"sureness", "The model is more, or less, sure of the same photos."},
};
_Static_assert(ARRAY_LEN(stories) == DRIFT_STORY_COUNT, "one text for each story");

const char *drift_story_name(enum drift_story story)
{
    return stories[story].name;
}

const char *drift_story_help(enum drift_story story)
{
    return stories[story].help;
}

/* ---- features ---- */

static void fill_shifts(struct drift_diagnosis *out, const struct drift_window *window,
                        const struct drift_baseline *baseline)
{
    double n = (double)window->count, rows = (double)baseline->row_count;
    double now[DRIFT_FEATURES] = {0}, before[DRIFT_FEATURES] = {0}, squares[DRIFT_FEATURES] = {0};

    if (!baseline->row_count)
        return;
    for (size_t i = 0; i < window->count; i++)
        for (unsigned f = 0; f < DRIFT_FEATURES; f++)
            now[f] += (double)window->samples[i].features[f] / n;
    for (size_t i = 0; i < baseline->row_count; i++)
        for (unsigned f = 0; f < DRIFT_FEATURES; f++) {
            double x = (double)baseline->rows[i * DRIFT_FEATURES + f];
            before[f] += x / rows;
            squares[f] += x * x / rows;
        }
    for (unsigned f = 0; f < DRIFT_FEATURES; f++) {
        /* a flag that was never seen is not certain never to be */
        double sd = sqrt(fmax(squares[f] - before[f] * before[f], 1 / rows));
        out->shifts[f] = (struct drift_shift){
            .baseline = before[f],
            .window = now[f],
            .shift = (now[f] - before[f]) / fmax(sd, SD_LEAST),
            .z = (now[f] - before[f]) / (fmax(sd, SD_LEAST) * sqrt(1 / n + 1 / rows)),
        };
    }
}

/* ---- the range that grew: the largest sum of differences over neighbouring bins ---- */

static void fill_range(struct drift_diagnosis *out, const double shares[DRIFT_BINS],
                       const double normal[DRIFT_BINS])
{
    double best = 0, sum = 0;
    unsigned first = 0, low = 0, top = 0;

    for (unsigned b = 0; b < DRIFT_BINS; b++) {
        if (sum <= 0) {
            sum = 0;
            first = b;
        }
        sum += shares[b] - normal[b];
        if (sum > best) {
            best = sum;
            low = first;
            top = b + 1;
        }
    }
    out->more_low = (double)low / DRIFT_BINS;
    out->more_top = (double)top / DRIFT_BINS;
    for (unsigned b = low; b < top; b++) {
        out->more_window += shares[b];
        out->more_before += normal[b];
    }
}

/* ---- stories ---- */

/* Log-likelihood of the window under `other`, over that under the baseline. */
static double gain_of(const double counts[DRIFT_BINS], const double other[DRIFT_BINS],
                      const double normal[DRIFT_BINS])
{
    double gain = 0;

    for (unsigned b = 0; b < DRIFT_BINS; b++)
        if (counts[b] > 0)
            gain += counts[b] * log(other[b] / normal[b]);
    return gain;
}

static double middle_of(unsigned bin)
{
    return (bin + 0.5) / DRIFT_BINS;
}

static double shares_gain(const double counts[DRIFT_BINS], const double normal[DRIFT_BINS],
                          double threshold, double n)
{
    double other[DRIFT_BINS], before = 0, now = 0;

    for (unsigned b = 0; b < DRIFT_BINS; b++)
        if (drift_is_ai(middle_of(b), threshold)) {
            before += normal[b];
            now += counts[b] / n;
        }
    now = CLAMP(now, 1e-3, 1 - 1e-3);
    for (unsigned b = 0; b < DRIFT_BINS; b++)
        other[b] = normal[b] *
                   (drift_is_ai(middle_of(b), threshold) ? now / before : (1 - now) / (1 - before));
    return gain_of(counts, other, normal);
}

/* Log-odds of the baseline's bins, counted from the threshold, times `by`; the mass of a bin goes
 * to where its two ends go. */
static double sureness_gain(const double counts[DRIFT_BINS], const double normal[DRIFT_BINS],
                            double threshold, double by)
{
    double other[DRIFT_BINS] = {0};

    for (unsigned part = 0; part < DRIFT_BINS * 8; part++) {
        double p = (part + 0.5) / (DRIFT_BINS * 8);
        other[drift_bin(drift_sureness_move(p, threshold, by))] += normal[part / 8] / 8;
    }
    for (unsigned b = 0; b < DRIFT_BINS; b++)
        other[b] = fmax(other[b], 0.02 * normal[b]);
    return gain_of(counts, other, normal);
}

/* A share of the window is of a new kind, whose probabilities lie around a peak. */
static double new_kind_gain(const double counts[DRIFT_BINS], const double normal[DRIFT_BINS],
                            double peak, double share)
{
    double a = SPREAD * peak - 1, b = SPREAD * (1 - peak) - 1;
    double other[DRIFT_BINS], sum = 0;

    for (unsigned i = 0; i < DRIFT_BINS; i++) {
        other[i] = exp(a * log(middle_of(i)) + b * log1p(-middle_of(i)));
        sum += other[i];
    }
    for (unsigned i = 0; i < DRIFT_BINS; i++)
        other[i] = (1 - share) * normal[i] + share * other[i] / sum;
    return gain_of(counts, other, normal);
}

static void tell(struct drift_diagnosis *out, enum drift_story story, double gain)
{
    if (gain <= fmax(out->story_gain, GAIN_LEAST))
        return;
    out->story = story;
    out->story_gain = gain;
}

static void fill_story(struct drift_diagnosis *out, const double counts[DRIFT_BINS],
                       const double normal[DRIFT_BINS], double threshold, double n)
{
    static const double by[SURE_STEPS] = {0.5, 0.7, 0.85, 1.2, 1.5, 2};
    static const double shares[NEW_STEPS] = {0.02, 0.06, 0.15, 0.4};

    tell(out, DRIFT_SHARES, shares_gain(counts, normal, threshold, n));
    for (unsigned i = 0; i < SURE_STEPS; i++)
        tell(out, DRIFT_SURENESS, sureness_gain(counts, normal, threshold, by[i]));
    for (unsigned i = 1; i <= NEW_PEAKS; i++)
        for (unsigned j = 0; j < NEW_STEPS; j++)
            tell(out, DRIFT_NEW_KIND,
                 new_kind_gain(counts, normal, i / (NEW_PEAKS + 1.0), shares[j]));
}

static void fill_embedding(struct drift_embedding_shift *out, const struct drift_window *window,
                           const struct drift_embedding *normal)
{
    double places[DRIFT_EMBEDDING], deviation[DRIFT_EMBEDDING], sums[DRIFT_EMBEDDING] = {0};
    double square = 0;

    if (!normal->known)
        return;
    for (size_t s = 0; s < window->count; s++) {
        uint64_t embedding = drift_window_at(window, s)->embedding;
        if (!embedding)
            continue;
        drift_embedding_unpack(places, embedding);
        drift_embedding_deviation(deviation, normal, places, false);
        for (unsigned i = 0; i < DRIFT_EMBEDDING; i++) {
            out->window[i] += places[i];
            sums[i] += deviation[i];
        }
        out->count++;
    }
    double n = (double)out->count;
    for (unsigned i = 0; out->count && i < DRIFT_EMBEDDING; i++) {
        out->baseline[i] = normal->centre[i];
        out->window[i] /= n;
        square += sums[i] * sums[i] / (n * n);
    }
    out->shift = sqrt(square);
    out->z = (n * square - DRIFT_EMBEDDING) / sqrt(2 * DRIFT_EMBEDDING);
}

void drift_diagnose(struct drift_diagnosis *out, const struct drift_window *window,
                    const struct drift_baseline *baseline, const struct drift_kernel *kernel,
                    const double sum[DRIFT_KERNEL_SIZE])
{
    double counts[DRIFT_BINS] = {0}, shares[DRIFT_BINS], normal[DRIFT_BINS];
    double n = (double)window->count, total = (double)baseline->count;

    *out = (struct drift_diagnosis){.mmd_p = 1};
    for (unsigned i = 0; i < DRIFT_GRID; i++)
        counts[i * DRIFT_BINS / DRIFT_GRID] += window->grid[i];
    for (unsigned b = 0; b < DRIFT_BINS; b++) {
        shares[b] = counts[b] / n;
        normal[b] = (baseline->mass[b] * total + 1) / (total + DRIFT_BINS);
    }
    out->distances = drift_distances_of(window, baseline);
    out->mmd = drift_kernel_distance(&out->mmd_p, kernel, sum, n);
    fill_shifts(out, window, baseline);
    fill_embedding(&out->embedding, window, &baseline->embedding);
    fill_range(out, shares, normal);
    fill_story(out, counts, normal, baseline->threshold, n);
}
