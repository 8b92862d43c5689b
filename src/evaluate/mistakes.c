#include "evaluate/mistakes.h"

#include <math.h>
#include <string.h>

#include "base/fs.h"
#include "evaluate/format.h"

#define FILE_BYTES_MAX    ((size_t)64 << 20) /* as when it was judged */
#define THUMBNAIL_QUALITY 72

/* Keeps the list sorted; of equals the earlier photo stands first. */
static void insert(struct evaluate_mistakes *mistakes, enum train_label label,
                   struct evaluate_mistake mistake)
{
    struct evaluate_mistake *items = mistakes->items[label];
    size_t at = mistakes->counts[label];

    mistakes->totals[label]++;
    while (at > 0 && items[at - 1].distance < mistake.distance)
        at--;
    if (at == EVALUATE_MISTAKES_MAX)
        return;
    if (mistakes->counts[label] < EVALUATE_MISTAKES_MAX)
        mistakes->counts[label]++;
    memmove(&items[at + 1], &items[at], (mistakes->counts[label] - at - 1) * sizeof *items);
    items[at] = mistake;
}

void evaluate_mistakes_find(struct evaluate_mistakes *out, const struct evaluate_report *report)
{
    const struct evaluate_scores *scores = report->scores;
    size_t tier_count = 0;

    (void)evaluate_report_reals(report, &tier_count);
    *out = (struct evaluate_mistakes){.tier = evaluate_report_tier(report)};
    for (size_t i = 0; i < scores->count; i++) {
        const struct evaluate_score *score = &scores->scores[i];
        enum train_label label = report->manifest->rows[score->row].label;
        bool called_ai = score->probability >= report->threshold;
        if (score->tier != out->tier || score->failed || called_ai == (label == TRAIN_LABEL_AI))
            continue;
        insert(out, label,
               (struct evaluate_mistake){.scores = &scores->scores[i / tier_count * tier_count],
                                         .distance = fabs(score->probability - report->threshold)});
    }
}

enum status evaluate_thumbnail(struct evaluate_thumbnail *out, const char *path,
                               struct arena *arena, struct err *err)
{
    struct bytes file = {0};
    struct bytes jpeg = {0};
    struct image photo = {0};
    struct image small = {0};
    enum status st = fs_read(&file, path, FILE_BYTES_MAX, err);

    if (st == ST_OK)
        st = image_decode(&photo, NULL, file, &image_limits_default, arena, err);
    if (st == ST_OK) {
        double side = (double)MAX_OF(photo.width, photo.height);
        double factor = MIN_OF(EVALUATE_THUMBNAIL_SIDE_PX / side, 1);
        uint32_t width = (uint32_t)MAX_OF(lround(factor * photo.width), 1);
        uint32_t height = (uint32_t)MAX_OF(lround(factor * photo.height), 1);
        st = image_resize(&small, &photo, width, height, IMAGE_BICUBIC, arena, err);
    }
    if (st == ST_OK)
        st = image_encode_jpeg(&jpeg, &small, THUMBNAIL_QUALITY, IMAGE_SUBSAMPLING_420, arena, err);
    if (st == ST_OK)
        *out = (struct evaluate_thumbnail){jpeg, small.width, small.height};
    mem_free((void *)(uintptr_t)file.at);
    return st;
}
