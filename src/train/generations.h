/* train/generations.h - a manifest split by generation of its generators: what was known before
 * newer ones came, and what came.  Sources are held out whole.  Must not know networks. */
#pragma once

#include "base/buf.h"
#include "train/manifest.h"

#define TRAIN_GENERATIONS_ROLE "measure" /* of the rows that are measured on */

struct train_generations_options {
    const char *role;  /* rows of this role are used, no others */
    size_t photos_max; /* to train on, of old and of new generators each; as many real ones */
    size_t held_max;   /* to measure on, of old, of new and of real photos each */
    double held_share; /* of the photos of each of the three, by whole sources */
    uint64_t seed;
};

/* Manifests as text: to train on before and after the newer generators came, and to measure on,
 * real photos (the same ones) with old and with new generators. */
struct train_generations {
    struct buf train_old, train_all, measure_old, measure_new;
    size_t real_count, old_count, new_count;                /* in train_all */
    size_t real_held_count, old_held_count, new_held_count; /* to measure on */
};

/* Rows are of generation `old` or `new`, or real.  Errors: ST_INVALID: one of the three has no
 * photos to train on or to measure on.  On success *out is released with train_generations_fini. */
enum status train_generations_split(struct train_generations *out,
                                    const struct train_manifest *manifest,
                                    const struct train_generations_options *options,
                                    struct err *err) MUST_USE;
void train_generations_fini(struct train_generations *generations);
