/* train/split.h - what a run holds out for validation: whole sources, and whole generators, named
 * in a file or drawn by share.  Photos of one source never stand on both sides.
 * Must not know pixels. */
#pragma once

#include "train/config.h"
#include "train/manifest.h"

struct train_split {
    bool *sources;  /* one a manifest source */
    bool *families; /* one a manifest family; counts for AI photos only */
};

/* Names: lines of "real SOURCE" or "ai GENERATOR" in the file config->validation; '#' starts a
 * comment.  Else by share: sources in shuffled order while a class lacks validation photos.
 * damaged: one a row, rows that do not count.
 * Errors: ST_NOT_FOUND, ST_LIMIT; ST_INVALID naming the line that says something else, or what the
 * manifest does not have. */
enum status train_split_open(struct train_split *out, const struct train_manifest *manifest,
                             const struct train_config *config, const bool *damaged,
                             struct err *err) MUST_USE;
void train_split_close(struct train_split *split);

bool train_split_holds_out(const struct train_split *split, const struct train_manifest_row *row);
