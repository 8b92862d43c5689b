/* Fuzz target: a weights file.  Whatever the bytes are, the reader refuses them with a message or
 * gives a network whose every value can be read. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "nn/weights.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nn_weights *weights = NULL;
    struct err err = {0};

    if (nn_weights_parse(&weights, (struct bytes){.at = data, .len = size}, &err) != ST_OK) {
        REQUIRE(weights == NULL && err.msg[0] != '\0');
        return 0;
    }
    for (size_t i = 0; i < weights->graph->float_count; i++)
        REQUIRE(isfinite(weights->values[i]));
    nn_weights_close(weights);
    return 0;
}
