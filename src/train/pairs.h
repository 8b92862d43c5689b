/* train/pairs.h - aligned fakes in training: a real photo and its twin (train/twins.h), so that an
 * example of each class shows the same content at the same size and can differ by a generator's
 * traces only.  How a twin is made more alike still follows Chen et al., "Dual Data Alignment Makes
 * AI-Generated Image Detector Easier Generalizable" (2025): compressed as the photo's own file was,
 * and mixed with the photo pixel by pixel.
 * Immutable after opening, shared by all threads. */
#pragma once

#include "train/dataset.h"

struct train_pairs;

struct train_pair {
    struct train_sample photo;
    const struct train_manifest_row *twin; /* of the manifest of twins */
    uint8_t own_quality;                   /* of the photo's file, 1..100; 0: it is no JPEG */
};

/* The twins that config->twins.manifest lists of the dataset's real training photos, which must
 * outlive them; those of other photos are passed over.  With an empty path there are no twins:
 * *out is NULL.
 * Errors: ST_NOT_FOUND, ST_INVALID (a row is no twin, its file is missing or no image of the stated
 * size, or no photo has a twin). */
enum status train_pairs_open(struct train_pairs **out, const struct train_dataset *dataset,
                             const struct train_config *config, struct err *err) MUST_USE;
void train_pairs_close(struct train_pairs *pairs); /* NULL is fine */

size_t train_pairs_count(const struct train_pairs *pairs);       /* twins that can be drawn */
const char *train_pairs_sha256(const struct train_pairs *pairs); /* of the manifest of twins */

/* One pair: a real photo as train_dataset_draw_real gives it and one of its twins.  False when the
 * photo has none. */
bool train_pairs_draw(struct train_pair *out, const struct train_pairs *pairs, struct rng *rng);

/* Pixels of the photo where the twin shows it, and of the twin, both in the arena and of one size.
 * Errors: those of reading and decoding; ST_CONFLICT when the twin reaches beyond the photo. */
enum status train_pairs_pixels(struct image out[2], const struct train_pairs *pairs,
                               const struct train_pair *pair, struct rng *rng, struct arena *arena,
                               struct err *err) MUST_USE;
