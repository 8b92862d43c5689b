/* train/config.h - every setting of a training run: one table, read from a YAML file and from
 * --set NAME=VALUE.  docs/FORMATS.md lists them with their defaults. */
#pragma once

#include "base/config.h"

#define TRAIN_PATH_SIZE 512
#define TRAIN_TEXT_SIZE 64

/* What both classes go through alike before the network sees them. */
struct train_augment_config {
    double resize_chance, resize_low, resize_high;             /* log-uniform factor */
    double first_jpeg_chance, first_jpeg_low, first_jpeg_high; /* quality, any grid phase */
    double last_jpeg_low, last_jpeg_high;                      /* quality, block-aligned */
    double last_jpeg_fixed_chance, last_jpeg_fixed;            /* the marketplace's own quality */
    double webp_chance, lossless_chance;                       /* instead of the last JPEG */
    double subsample_chance;                                   /* 4:2:0, else 4:4:4 */
    double blur_chance, blur_sigma;                            /* up to this sigma, pixels */
    double noise_chance, noise_sigma;                          /* up to this sigma, 8-bit values */
    double colour_chance, colour_strength;                     /* gain of 1 +- strength a channel */
    double grey_chance;
    int64_t texture_tries; /* random places of which the most textured is used */
};

/* Aligned fakes (train/pairs.h). */
struct train_pairs_config {
    char manifest[TRAIN_PATH_SIZE]; /* of twins; "": none */
    double share;                   /* of the crops */
    double mix_chance, mix_most;    /* share of the fake in each pixel, up to this */
    double own_jpeg_chance;         /* compressed as the photo's own file was */
};

struct train_config {
    char manifest[TRAIN_PATH_SIZE];
    char role[TRAIN_TEXT_SIZE];
    char validation[TRAIN_PATH_SIZE]; /* file of sources and generators held out; "": by share */
    double validation_share;
    int64_t cache_mb;
    char network[TRAIN_PATH_SIZE];
    char from[TRAIN_PATH_SIZE];
    char version[TRAIN_TEXT_SIZE];
    char output[TRAIN_PATH_SIZE];
    int64_t crop_side, crop_count;
    int64_t seed, workers, batch, epoch_crops, epochs, patience;
    char optimizer[TRAIN_TEXT_SIZE]; /* adamw or sgd */
    double rate, rate_floor, warmup, weight_decay, momentum, average_decay, clip;
    double label_smoothing, family_weight;
    double coverage; /* share of the validation photos that must be decided */
    double source_power, family_power, old_weight;
    double added_share; /* of the crops of a class, when there are photos of generation `added` */
    struct train_pairs_config twins;
    struct train_augment_config augment;
};

extern const struct config_table train_config_table;

/* Defaults, then the file.  Errors: ST_NOT_FOUND, ST_INVALID (names file, line and setting). */
enum status train_config_load(struct train_config *out, const char *path, struct err *err) MUST_USE;
