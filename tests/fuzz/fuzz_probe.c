/* Any bytes into the header walk: what it lets through is within the limits. */
#include "fuzz_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct image_info info;
    struct err err = {0};

    enum status st = image_probe(&info, (struct bytes){data, size}, &fuzz_limits, &err);
    if (st) {
        if (err.code != st || !err.msg[0])
            abort();
        return 0;
    }
    bool within = info.width && info.height && info.width <= fuzz_limits.side_max_px &&
                  info.height <= fuzz_limits.side_max_px &&
                  (uint64_t)info.width * info.height <= fuzz_limits.pixels_max;
    bool sound = info.orientation >= 1 && info.orientation <= 8 && info.jpeg_quality <= 100 &&
                 info.components >= 1 && info.components <= 4 &&
                 info.format > IMAGE_FORMAT_UNKNOWN && info.format < IMAGE_FORMAT_COUNT;
    if (!within || !sound)
        abort();
    return 0;
}
