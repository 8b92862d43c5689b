/* nn/safetensors.h - the container of weights: 8 bytes of header length, JSON that names each
 * tensor, its type, shape and place, then their data.  Reads any such file as float32 tensors;
 * nn/weights.h is what a network of our own adds to it.
 * Every byte of a file is checked against limits before use.  Thread-safe. */
#pragma once

#include "base/base.h"
#include "base/hash.h"

#define NN_WEIGHTS_BYTES_MAX         (288u << 20) /* NN_FLOATS_MAX floats and a header */
#define NN_WEIGHTS_HEADER_MAX        (1u << 20)
#define NN_SAFETENSORS_LENGTH_SIZE   8u /* the file begins with the header's length */
#define NN_SAFETENSORS_TENSORS_MAX   512
#define NN_SAFETENSORS_NAME_SIZE     64
#define NN_SAFETENSORS_DIMENSION_MAX 65536

struct json;

/* Splits a file.  Out: *header is the caller's (json_free), an object; *data a view of `file`.
 * Errors: ST_LIMIT, ST_CORRUPT. */
enum status nn_safetensors_header(struct json **header, struct bytes *data, struct bytes file,
                                  struct err *err) MUST_USE;

/* Where a tensor lies in the data, bytes; name is borrowed. */
struct nn_extent {
    size_t begin, end;
    const char *name;
};
/* Whether the tensors cover `len` bytes once: no overlap, no gap, nothing after the last.  Sorts
 * the extents.  ST_CORRUPT names the tensor. */
enum status nn_safetensors_check_cover(struct nn_extent *extents, size_t count, size_t len,
                                       struct err *err) MUST_USE;

bool nn_is_finite(const float *values, size_t count);

struct nn_named_tensor {
    char name[NN_SAFETENSORS_NAME_SIZE]; /* printable ASCII */
    int dims[4];
    int dim_count; /* 1..4 */
    const float *values;
    size_t count; /* product of dims, at least 1 */
};

/* The tensors of a file, in the order of its header, as finite float32 numbers. */
struct nn_safetensors {
    struct nn_named_tensor *tensors;
    int count;
    float *block;               /* all values */
    char sha256[HASH_HEX_SIZE]; /* of the file */
};

/* Out: *out is the caller's, free with nn_safetensors_close.  Types F32, F16 and BF16; metadata is
 * ignored.  Errors: ST_NOT_FOUND, ST_LIMIT, ST_UNSUPPORTED (another type), ST_CORRUPT, ST_NOMEM;
 * the message names the tensor. */
enum status nn_safetensors_open(struct nn_safetensors **out, const char *path,
                                struct err *err) MUST_USE;
/* The same from memory; keeps nothing of `file`. */
enum status nn_safetensors_parse(struct nn_safetensors **out, struct bytes file,
                                 struct err *err) MUST_USE;
void nn_safetensors_close(struct nn_safetensors *file); /* NULL is fine */

/* NULL when there is none of that name. */
const struct nn_named_tensor *nn_safetensors_find(const struct nn_safetensors *file,
                                                  const char *name);
