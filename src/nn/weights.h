/* nn/weights.h - a network in one file: safetensors (8-byte header length, JSON, raw fp32),
 * with the network description and everything else that a reader must know as metadata.
 * Every byte of a file is checked against limits before use.  Thread-safe. */
#pragma once

#include "nn/graph.h"
#include "nn/safetensors.h"

#define NN_WEIGHTS_ALIGN      64u /* the writer's tensor data begins at a multiple of this */
#define NN_METADATA_MAX       32  /* "network" included */
#define NN_METADATA_KEY_SIZE  48
#define NN_METADATA_VALUE_MAX NN_TEXT_MAX

struct nn_metadata {
    char key[NN_METADATA_KEY_SIZE]; /* printable ASCII */
    char *value; /* NUL-ended, any UTF-8 text up to NN_METADATA_VALUE_MAX bytes */
};

/* An opened weights file: the graph is parsed from metadata "network", each of its parameters is
 * present with the right type (F32) and shape, no NaN or infinity. */
struct nn_weights {
    struct nn_graph *graph;
    const float *values; /* graph->float_count floats in the graph's order */
    struct nn_metadata metadata[NN_METADATA_MAX];
    int metadata_count;
    struct bytes mapped; /* one of these two holds `values`: the file itself, */
    float *copied;       /* or a copy, when the file has another order or alignment */
};

/* Out: *out is the caller's, free with nn_weights_close.  Errors: ST_NOT_FOUND, ST_LIMIT,
 * ST_CORRUPT (the message names the tensor or key).  The file stays mapped until it is closed:
 * replace it by renaming, as nn_weights_save does, never by writing into it. */
enum status nn_weights_open(struct nn_weights **out, const char *path, struct err *err) MUST_USE;
/* The same from memory, for tests and fuzzing; keeps nothing of `file`. */
enum status nn_weights_parse(struct nn_weights **out, struct bytes file, struct err *err) MUST_USE;
void nn_weights_close(struct nn_weights *weights); /* NULL is fine */

/* The value of a metadata key; NULL when absent. */
const char *nn_weights_metadata(const struct nn_weights *weights, const char *key);

/* Writes atomically.  "network" is written from the graph, whatever `metadata` says of it.  The
 * same input gives the same bytes.  Refuses (ST_INVALID, ST_LIMIT) what the reader would refuse. */
enum status nn_weights_save(const char *path, const struct nn_graph *graph, const float *values,
                            const struct nn_metadata *metadata, int metadata_count,
                            struct err *err) MUST_USE;
