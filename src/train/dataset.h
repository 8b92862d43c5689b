/* train/dataset.h - the photos of a run: split by whole sources, decoded once, drawn by class,
 * source and generator.  Immutable after opening, shared by all threads. */
#pragma once

#include "base/rng.h"
#include "image/image.h"
#include "train/config.h"
#include "train/manifest.h"

/* Classes of the auxiliary generator head: the most frequent generators, the last one the rest. */
#define TRAIN_FAMILIES 15

struct train_dataset;

struct train_sample {
    const struct train_manifest_row *row;
    enum train_label label;
    int family; /* 0..TRAIN_FAMILIES-1 for AI photos, -1 for real ones */
};

/* Calls progress(payload, done, total) now and then while photos are decoded; may be NULL. */
enum status train_dataset_open(struct train_dataset **out, const struct train_config *config,
                               void (*progress)(void *payload, size_t done, size_t total),
                               void *payload, struct err *err) MUST_USE;
void train_dataset_close(struct train_dataset *dataset); /* NULL is fine */

/* One training photo: class by a fair coin, then generator (AI), source, photo. */
struct train_sample train_dataset_draw(const struct train_dataset *dataset, struct rng *rng);

/* The same of the real ones only: source, photo. */
struct train_sample train_dataset_draw_real(const struct train_dataset *dataset, struct rng *rng);

/* The validation photos, whole sources that train_dataset_draw never gives. */
size_t train_dataset_validation_count(const struct train_dataset *dataset);
struct train_sample train_dataset_validation(const struct train_dataset *dataset, size_t i);
/* The training photos, each once. */
size_t train_dataset_training_count(const struct train_dataset *dataset);
struct train_sample train_dataset_training(const struct train_dataset *dataset, size_t i);
/* Photos of the role that could not be decoded; they are left out. */
size_t train_dataset_damaged_count(const struct train_dataset *dataset);

/* Pixels of a row, from memory when cached, else decoded into the arena. */
enum status train_dataset_pixels(struct image *out, const struct train_dataset *dataset,
                                 const struct train_manifest_row *row, struct arena *arena,
                                 struct err *err) MUST_USE;
/* What the header of any manifest's row says.  Errors: reading it, which name the file. */
enum status train_dataset_probe(struct image_info *out, const struct train_manifest_row *row,
                                struct err *err) MUST_USE;
/* The pixels of any manifest's row, into the arena.  Errors: reading and decoding it, which name
 * the file. */
enum status train_dataset_decode(struct image *out, const struct train_manifest_row *row,
                                 struct arena *arena, struct err *err) MUST_USE;
const struct train_manifest *train_dataset_manifest(const struct train_dataset *dataset);
