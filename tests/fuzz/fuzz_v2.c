/* Fuzz target: a body of the Open Inference Protocol.  The first two bytes say where its JSON ends
 * (0: nowhere).  What is read lies within the body and the limits; a refusal has a message. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "api/v2_request.h"
#include "base/mem.h"

#define PHOTO_MAX 4096u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct api_v2_request request;
    struct err err = {0};

    if (size < 2)
        return 0;
    size_t json_len = (size_t)data[0] | (size_t)data[1] << 8;
    size_t len = size - 2;
    uint8_t *body = mem_alloc(len + 1, 1);
    memcpy(body, data + 2, len);
    if (api_v2_read(&request, body, len, json_len ? json_len : API_V2_NO_BINARY, PHOTO_MAX, &err) !=
        ST_OK) {
        REQUIRE(err.msg[0] != '\0');
        mem_free(body);
        return 0;
    }
    REQUIRE(request.photo_count >= 1 && request.photo_count <= API_V2_PHOTOS_MAX);
    REQUIRE(request.output_count >= 1 && request.output_count <= API_V2_OUTPUT_COUNT);
    REQUIRE(memchr(request.id, '\0', sizeof request.id) != NULL);
    for (size_t i = 0; i < request.photo_count; i++) {
        REQUIRE(request.photos[i].len >= 1 && request.photos[i].len <= PHOTO_MAX);
        REQUIRE(request.photos[i].at >= body &&
                request.photos[i].at + request.photos[i].len <= body + len);
    }
    mem_free(body);
    return 0;
}
