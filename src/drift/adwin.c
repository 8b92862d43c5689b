#include "drift/adwin.h"

#include <math.h>
#include <string.h>

#define CHECK_EVERY 32u
#define PART_LEAST  5.0 /* samples of each part that are compared */

void drift_adwin_open(struct drift_adwin *adwin, double delta)
{
    *adwin = (struct drift_adwin){.delta = delta, .row_count = 1, .until_check = CHECK_EVERY};
}

int64_t drift_adwin_since_us(const struct drift_adwin *adwin)
{
    for (unsigned r = adwin->row_count; r-- > 0;)
        if (adwin->counts[r])
            return adwin->rows[r][0].first_us;
    return 0;
}

static double size_of(unsigned row)
{
    return (double)(UINT64_C(1) << row);
}

static void drop_first(struct drift_adwin *adwin, unsigned row, unsigned count)
{
    adwin->counts[row] -= count;
    memmove(adwin->rows[row], adwin->rows[row] + count,
            adwin->counts[row] * sizeof adwin->rows[row][0]);
}

/* Two buckets of a full row become one of the next. */
static void compress(struct drift_adwin *adwin)
{
    for (unsigned r = 0; adwin->counts[r] > DRIFT_ADWIN_BUCKETS; r++) {
        const struct drift_adwin_bucket *a = &adwin->rows[r][0], *b = &adwin->rows[r][1];
        double n = size_of(r), distance = (a->sum - b->sum) / n;
        struct drift_adwin_bucket both = {
            .sum = a->sum + b->sum,
            .spread = a->spread + b->spread + distance * distance * n / 2,
            .first_us = a->first_us,
        };
        if (r + 1 == DRIFT_ADWIN_ROWS) {
            drop_first(adwin, r, 1);
            return;
        }
        drop_first(adwin, r, 2);
        adwin->rows[r + 1][adwin->counts[r + 1]++] = both;
        adwin->row_count = MAX_OF(adwin->row_count, r + 2);
    }
}

static void drop_oldest(struct drift_adwin *adwin)
{
    unsigned r = adwin->row_count - 1;
    const struct drift_adwin_bucket *oldest = &adwin->rows[r][0];
    double n = size_of(r), rest = (double)adwin->width - n;
    double distance = rest > 0 ? oldest->sum / n - (adwin->sum - oldest->sum) / rest : 0;

    adwin->sum -= oldest->sum;
    adwin->spread -= oldest->spread + distance * distance * n * rest / (n + rest);
    adwin->spread = fmax(0, adwin->spread);
    adwin->width -= UINT64_C(1) << r;
    drop_first(adwin, r, 1);
    while (adwin->row_count > 1 && !adwin->counts[adwin->row_count - 1])
        adwin->row_count--;
}

static bool differ(const struct drift_adwin *adwin, double old_count, double old_sum)
{
    double width = (double)adwin->width;
    double new_count = width - old_count;
    double confidence = log(2 * log(width) / adwin->delta);
    double m = 1 / (old_count - PART_LEAST + 1) + 1 / (new_count - PART_LEAST + 1);
    double variance = adwin->spread / width;
    double bound = sqrt(2 * m * variance * confidence) + 2.0 / 3 * confidence * m;

    return fabs(old_sum / old_count - (adwin->sum - old_sum) / new_count) > bound;
}

static bool has_cut(const struct drift_adwin *adwin)
{
    double count = 0, sum = 0;

    for (unsigned r = adwin->row_count; r-- > 0;)
        for (unsigned i = 0; i < adwin->counts[r]; i++) {
            count += size_of(r);
            sum += adwin->rows[r][i].sum;
            if ((double)adwin->width - count < PART_LEAST)
                return false;
            if (count >= PART_LEAST && differ(adwin, count, sum))
                return true;
        }
    return false;
}

bool drift_adwin_add(struct drift_adwin *adwin, double value, int64_t time_us)
{
    bool cut = false;

    if (adwin->width) {
        double distance = value - adwin->sum / (double)adwin->width;
        double n = (double)adwin->width;
        adwin->spread += distance * distance * n / (n + 1);
    }
    adwin->rows[0][adwin->counts[0]++] =
        (struct drift_adwin_bucket){.sum = value, .first_us = time_us};
    adwin->width++;
    adwin->sum += value;
    compress(adwin);
    if (--adwin->until_check)
        return false;
    adwin->until_check = CHECK_EVERY;
    while (adwin->width > 2 * (uint64_t)PART_LEAST && has_cut(adwin)) {
        drop_oldest(adwin);
        cut = true;
    }
    adwin->cut_count += cut;
    return cut;
}
