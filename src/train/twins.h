/* train/twins.h - aligned fakes: real photos sent through tiny autoencoders, same content and size,
 * with the traces of a generator's decoder.  Owns which photo goes through which autoencoder, the
 * names of the files, the manifest that lists them.  Must not know the command line. */
#pragma once

#include "base/clock.h"
#include "train/vae.h"

#define TRAIN_TWINS_INPUTS_MAX 1000000u
#define TRAIN_TWINS_VAES_MAX   16u
#define TRAIN_TWINS_VERSION    1  /* of the recipe: another one makes every twin anew */
#define TRAIN_TWINS_GRID_PX    16 /* a crop begins on the grid of JPEG blocks with 4:2:0 */

/* A real photo. */
struct train_twins_input {
    const char *path;
    const char *source;                       /* as in a manifest */
    bool optional;                            /* one of a folder: passed over when it is no photo */
    uint32_t original_width, original_height; /* before it was cropped; 0: as it is */
};

enum train_twins_pick { TRAIN_TWINS_RANDOM, TRAIN_TWINS_ALL };

/* What became of one twin. */
enum train_twins_outcome {
    TRAIN_TWINS_MADE,
    TRAIN_TWINS_KEPT, /* was there already, by the same recipe */
    TRAIN_TWINS_PASSED_OVER,
    TRAIN_TWINS_FAILED,
    TRAIN_TWINS_OUTCOME_COUNT
};

struct train_twins_report {
    size_t total; /* twins to make or keep, failures included; known after the photos were read */
    size_t counts[TRAIN_TWINS_OUTCOME_COUNT];
    uint64_t pixels;   /* of those made */
    double difference; /* mean distance of a made twin to its photo, levels of 255 */
    double seconds;    /* of making them */
};

/* Called by one thread at a time.  `path` and `err` are set when a photo failed. */
typedef void train_twins_listener(void *payload, const struct train_twins_report *so_far,
                                  const char *path, const struct err *err);

struct train_twins_options {
    const struct train_vae *const *vaes; /* in the order of their names */
    size_t vae_count;
    enum train_twins_pick pick;
    double mix_low, mix_high; /* share of the fake in each pixel, (0, 1]; the rest is the photo */
    uint64_t seed;            /* of the autoencoder and the mix of each photo */
    uint32_t crop_px;         /* the middle, at most this a side; 0: the whole photo */
    uint32_t tile_px;
    unsigned workers;               /* pinned threads, at least 1 */
    const char *output;             /* folder; made when it is not there */
    train_twins_listener *listener; /* NULL: none */
    void *payload;
    const struct clock *clock;
};

/* Makes OUTPUT/VAE/NAME.png for each photo, where NAME is a hash of the photo's bytes, the
 * autoencoder's and the settings that matter, and lists them in OUTPUT/manifest.tsv.  A file of
 * that name is kept; rows of earlier runs stay as long as their files do.  A photo that fails is
 * told to the listener and counted.  Errors: only what stops everything. */
enum status train_twins_run(struct train_twins_report *out, const struct train_twins_input *inputs,
                            size_t count, const struct train_twins_options *options,
                            struct err *err) MUST_USE;
