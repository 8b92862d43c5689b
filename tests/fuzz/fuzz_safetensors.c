/* Fuzz target: any safetensors file.  Whatever the bytes are, the reader refuses them with a
 * message or gives finite values whose number is that of the shape. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "nn/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nn_safetensors *file = NULL;
    struct err err = {0};

    if (nn_safetensors_parse(&file, (struct bytes){.at = data, .len = size}, &err) != ST_OK) {
        REQUIRE(file == NULL && err.msg[0] != '\0');
        return 0;
    }
    for (int i = 0; i < file->count; i++) {
        const struct nn_named_tensor *tensor = &file->tensors[i];
        size_t count = 1;
        for (int k = 0; k < tensor->dim_count; k++)
            count *= (size_t)tensor->dims[k];
        REQUIRE(count == tensor->count && nn_safetensors_find(file, tensor->name) != NULL);
        for (size_t k = 0; k < count; k++)
            REQUIRE(isfinite(tensor->values[k]));
    }
    nn_safetensors_close(file);
    return 0;
}
