/* train/additions.h - labelled photos that join those of a manifest: folders and other manifests,
 * written down as one manifest, so that a run on all of them can be repeated.
 * Must not know networks. */
#pragma once

#include "base/buf.h"
#include "train/manifest.h"

#define TRAIN_ADDED_GENERATION "added" /* of the rows that joined, see sampling.added_share */
#define TRAIN_ADDED_ROLE       "added" /* of those among them that are held out, to be measured on */
#define TRAIN_ADDED_HELD_OUT   5       /* each fifth photo of a class and group */
#define TRAIN_ADDED_FILES_MAX  1000000

/* One manifest as text.  Paths are absolute afterwards. */
void train_manifest_write_head(struct buf *out);
/* `role`, `generation`: instead of the row's own; NULL: those. */
enum status train_manifest_write_row(struct buf *out, const struct train_manifest *manifest,
                                     const struct train_manifest_row *row, const char *role,
                                     const char *generation, struct err *err) MUST_USE;

struct train_additions_report {
    size_t kept;  /* rows of the manifest itself, all roles */
    size_t added; /* to be trained on */
    size_t held;  /* added, but held out: role TRAIN_ADDED_ROLE */
};

/* All rows of `manifest_path`, then the photos below each of `paths`: a manifest (its label, source
 * and family count, not its role), or a folder with the folders `real` and `ai`, one of which may
 * be missing; a folder in `ai` is a generator, one in `real` a source, photos beside them belong to
 * the name of the folder itself.  Files that are no photos are passed over.  `role` is for those
 * that are trained on.
 * Errors: ST_NOT_FOUND, ST_INVALID (no photo in a path, or a name that is none), ST_LIMIT. */
enum status train_additions_write(struct buf *out, struct train_additions_report *report,
                                  const char *manifest_path, const char *const *paths,
                                  size_t path_count, const char *role, struct err *err) MUST_USE;
