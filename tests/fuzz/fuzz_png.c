/* Any bytes into the PNG decoder: an answer, never a crash. */
#include "fuzz_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_decode((struct bytes){data, size}, IMAGE_PNG);
    return 0;
}
