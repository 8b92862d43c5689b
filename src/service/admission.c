#include "service/admission.h"

#define AVERAGE_WEIGHT 0.05 /* of the newest photo */

void service_admission_depth(struct service_admission *admission, size_t depth, int64_t now_us)
{
    if (depth == 0)
        admission->waiting_since_us = 0;
    else if (admission->waiting_since_us == 0)
        admission->waiting_since_us = now_us;
}

void service_admission_measured(struct service_admission *admission, int64_t photo_us)
{
    double photo = (double)MAX_OF(photo_us, 0);

    if (admission->photo_us == 0)
        admission->photo_us = photo;
    else
        admission->photo_us += AVERAGE_WEIGHT * (photo - admission->photo_us);
}

bool service_admission_refuses(int64_t *wait_us, const struct service_admission *admission,
                               size_t depth, unsigned worker_count, unsigned wait_max_ms,
                               int64_t now_us)
{
    double wait = admission->photo_us * (double)depth / worker_count;
    double limit =
        wait_max_ms ? (double)wait_max_ms * 1e3 : admission->photo_us * SERVICE_WAIT_PHOTOS;
    bool standing = admission->waiting_since_us != 0 &&
                    now_us - admission->waiting_since_us >= SERVICE_STANDING_US;

    *wait_us = (int64_t)wait;
    /* A worker that becomes free always finds a photo: otherwise refusing would cost throughput. */
    return standing && depth >= worker_count && wait > limit;
}
