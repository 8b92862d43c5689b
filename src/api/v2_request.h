/* api/v2_request.h - the body of an Open Inference Protocol v2 inference: JSON with base64 texts,
 * or JSON followed by binary data.  Works in the body's own memory: photos are decoded where they
 * stand. Every byte is hostile.  Must not know HTTP.  Thread-safe. */
#pragma once

#include "base/base.h"

#define API_V2_PHOTOS_MAX 10
#define API_V2_ID_SIZE    129         /* with its NUL */
#define API_V2_JSON_MAX   (64u << 10) /* bytes of JSON without its long texts */
#define API_V2_TEXTS_MAX  32          /* long texts */

enum api_v2_output { API_V2_PROBABILITY, API_V2_VERDICT, API_V2_CONFIDENCE, API_V2_OUTPUT_COUNT };
const char *api_v2_output_name(enum api_v2_output output);

struct api_v2_request {
    char id[API_V2_ID_SIZE];                /* "" when absent */
    size_t photo_count;                     /* at least 1 */
    struct bytes photos[API_V2_PHOTOS_MAX]; /* in the body's memory, none empty */
    size_t output_count;
    struct {
        enum api_v2_output output;
        bool binary;
    } outputs[API_V2_OUTPUT_COUNT]; /* as asked for; all of them when nothing was */
};

#define API_V2_NO_BINARY SIZE_MAX
/* `json_len` bytes of the body are JSON, the rest is binary data; API_V2_NO_BINARY: it is all JSON.
 * The body is changed.  Errors: ST_INVALID, ST_LIMIT; *out is untouched on failure. */
enum status api_v2_read(struct api_v2_request *out, uint8_t *body, size_t len, size_t json_len,
                        size_t photo_bytes_max, struct err *err) MUST_USE;
