#include "detect/crops.h"

#include <stdlib.h>
#include <string.h>

#define TILE       16u /* texture is summed over tiles of 16x16 pixels */
#define STEP       2u  /* candidates are two tiles apart */
#define CONTRAST   32  /* a single strong edge counts no more than this */
#define ROW_STRIDE 2u  /* every second row is enough for a sum */

struct candidate {
    float texture; /* mean over the crop */
    uint32_t x, y; /* pixels */
};

/* Sums of texture over all tiles above and left: (rows + 1) x (columns + 1). */
struct tiles {
    uint32_t columns, rows;
    uint32_t *sums;
};

/* Clipped steps to the right and down of the green channel, for one row of one tile. */
static uint32_t row_texture(const uint8_t *green, size_t stride, uint32_t count)
{
    uint32_t sum = 0;

    for (uint32_t x = 0; x < count; x++) {
        int right = abs((int)green[3 * x] - (int)green[3 * x + 3]);
        int down = abs((int)green[3 * x] - (int)green[3 * x + stride]);
        sum += (uint32_t)(MIN_OF(right, CONTRAST) + MIN_OF(down, CONTRAST));
    }
    return sum;
}

/* The same of every second row of a whole tile.  All three channels are stepped through, which is
 * faster than to pick one; the last bytes may be the next row's, which is always there. */
VECTORISED static uint32_t whole_texture(const uint8_t *restrict green, size_t stride)
{
    uint16_t sums[3 * TILE] = {0};
    uint32_t sum = 0;

    for (uint32_t y = 0; y < TILE; y += ROW_STRIDE) {
        const uint8_t *row = green + y * stride;
        const uint8_t *below = row + stride;
        for (uint32_t i = 0; i < 3 * TILE; i++) {
            uint8_t right = (uint8_t)(MAX_OF(row[i], row[i + 3]) - MIN_OF(row[i], row[i + 3]));
            uint8_t down = (uint8_t)(MAX_OF(row[i], below[i]) - MIN_OF(row[i], below[i]));
            right = right < CONTRAST ? right : CONTRAST;
            down = down < CONTRAST ? down : CONTRAST;
            sums[i] = (uint16_t)(sums[i] + right + down);
        }
    }
    for (uint32_t x = 0; x < TILE; x++)
        sum += sums[3 * x];
    return sum;
}

static uint32_t tile_texture(const struct image *photo, uint32_t column, uint32_t row)
{
    size_t stride = (size_t)3 * photo->width;
    uint32_t x = column * TILE;
    uint32_t width = MIN_OF(TILE, photo->width - 1 - x);
    uint32_t bottom = MIN_OF((row + 1) * TILE, photo->height - 1);
    const uint8_t *green = photo->rgb + (size_t)3 * x + 1;
    uint32_t sum = 0;

    if (width == TILE && bottom == (row + 1) * TILE)
        return whole_texture(green + stride * row * TILE, stride);
    for (uint32_t y = row * TILE; y < bottom; y += ROW_STRIDE)
        sum += row_texture(green + stride * y, stride, width);
    return sum;
}

static enum status sum_tiles(struct tiles *out, const struct image *photo, struct arena *arena,
                             struct err *err)
{
    struct tiles tiles = {.columns = MAX_OF(photo->width / TILE, 1u),
                          .rows = MAX_OF(photo->height / TILE, 1u)};
    size_t wide = tiles.columns + 1;

    tiles.sums = ARENA_NEW(arena, uint32_t, wide * (tiles.rows + 1));
    if (!tiles.sums)
        return err_set(err, ST_NOMEM, "no room for the texture of %ux%u pixels", photo->width,
                       photo->height);
    memset(tiles.sums, 0, wide * sizeof *tiles.sums);
    for (uint32_t row = 0; row < tiles.rows; row++) {
        const uint32_t *above = tiles.sums + row * wide;
        uint32_t *here = tiles.sums + (row + 1) * wide;
        uint32_t line = 0; /* wraps round only for photos beyond every limit */
        here[0] = 0;
        for (uint32_t column = 0; column < tiles.columns; column++) {
            line += tile_texture(photo, column, row);
            here[column + 1] = above[column + 1] + line;
        }
    }
    *out = tiles;
    return ST_OK;
}

/* Mean step a pixel of the tiles that a crop at tile (column, row) covers. */
static float crop_texture(const struct tiles *tiles, uint32_t column, uint32_t row, uint32_t across)
{
    size_t wide = tiles->columns + 1;
    uint32_t right = MIN_OF(column + across, tiles->columns);
    uint32_t bottom = MIN_OF(row + across, tiles->rows);
    uint32_t sum = tiles->sums[bottom * wide + right] - tiles->sums[row * wide + right] -
                   tiles->sums[bottom * wide + column] + tiles->sums[row * wide + column];
    uint32_t pixels = (right - column) * (bottom - row) * TILE * TILE / ROW_STRIDE;

    return (float)sum / (float)pixels;
}

/* Falling texture; the same order on every machine. */
static int compare(const void *a, const void *b)
{
    const struct candidate *p = a;
    const struct candidate *q = b;

    if (p->texture != q->texture)
        return p->texture < q->texture ? 1 : -1;
    if (p->y != q->y)
        return p->y < q->y ? -1 : 1;
    return p->x < q->x ? -1 : p->x > q->x;
}

static enum status list_candidates(struct candidate **out, size_t *count, const struct tiles *tiles,
                                   uint32_t side, struct arena *arena, struct err *err)
{
    uint32_t across = (side + TILE - 1) / TILE; /* rounded up: a crop never hangs over */
    uint32_t columns = tiles->columns > across ? (tiles->columns - across) / STEP + 1 : 1;
    uint32_t rows = tiles->rows > across ? (tiles->rows - across) / STEP + 1 : 1;
    struct candidate *list = ARENA_NEW(arena, struct candidate, (size_t)columns * rows);

    if (!list)
        return err_set(err, ST_NOMEM, "no room for %u crop candidates", columns * rows);
    for (uint32_t row = 0; row < rows; row++)
        for (uint32_t column = 0; column < columns; column++)
            list[(size_t)row * columns + column] = (struct candidate){
                .texture = crop_texture(tiles, column * STEP, row * STEP, across),
                .x = column * STEP * TILE,
                .y = row * STEP * TILE};
    qsort(list, (size_t)columns * rows, sizeof *list, compare);
    *out = list;
    *count = (size_t)columns * rows;
    return ST_OK;
}

static bool far_from_all(const struct detect_place *chosen, size_t count,
                         const struct candidate *candidate, uint32_t distance)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t across = (uint32_t)abs((int)chosen[i].x - (int)candidate->x);
        uint32_t down = (uint32_t)abs((int)chosen[i].y - (int)candidate->y);
        if (across < distance && down < distance)
            return false;
    }
    return true;
}

/* Greedy: the best candidate that is far from those chosen; a small photo allows more overlap. */
static size_t spread(struct detect_place *out, size_t max, const struct candidate *list,
                     size_t count, uint32_t side)
{
    const uint32_t distances[] = {side * 3 / 4, side * 3 / 8, side / 4};
    size_t used = 0;

    for (size_t k = 0; k < ARRAY_LEN(distances); k++)
        for (size_t i = 0; i < count && used < max; i++)
            if (far_from_all(out, used, &list[i], distances[k]))
                out[used++] = (struct detect_place){.x = list[i].x, .y = list[i].y};
    return used;
}

enum status detect_crops_choose(struct detect_place *out, size_t max, size_t *count, float *texture,
                                const struct image *photo, uint32_t side, struct arena *arena,
                                struct err *err)
{
    size_t mark = arena_mark(arena);
    struct candidate *list = NULL;
    struct tiles tiles = {0};
    size_t found = 0;
    enum status st = sum_tiles(&tiles, photo, arena, err);

    if (st == ST_OK) {
        REQUIRE(tiles.sums);
        st = list_candidates(&list, &found, &tiles, side, arena, err);
    }
    if (st == ST_OK) {
        REQUIRE(list);
        *texture = list[0].texture;
        *count = spread(out, max, list, found, side);
    }
    arena_release(arena, mark);
    return st;
}

uint32_t detect_crops_mirror(int64_t at, uint32_t size)
{
    int64_t period = 2 * (int64_t)size;
    int64_t folded = ((at % period) + period) % period;

    return (uint32_t)(folded < size ? folded : period - 1 - folded);
}

void detect_crops_window(uint8_t *out, const struct image *photo, struct detect_place place,
                         uint32_t side, uint32_t margin)
{
    uint32_t wide = side + 2 * margin;
    int64_t left = (int64_t)place.x - margin;
    int64_t right = (int64_t)photo->width - left; /* first column beyond the photo */
    uint32_t first = (uint32_t)CLAMP(-left, 0, (int64_t)wide);
    uint32_t last = (uint32_t)CLAMP(right, (int64_t)first, (int64_t)wide);

    for (uint32_t y = 0; y < wide; y++) {
        uint32_t row = detect_crops_mirror((int64_t)place.y - margin + y, photo->height);
        const uint8_t *from = photo->rgb + (size_t)3 * photo->width * row;
        uint8_t *to = out + (size_t)3 * wide * y;
        for (uint32_t x = 0; x < first; x++)
            memcpy(to + (size_t)3 * x,
                   from + (size_t)3 * detect_crops_mirror(left + x, photo->width), 3);
        memcpy(to + (size_t)3 * first, from + 3 * (left + first), (size_t)3 * (last - first));
        for (uint32_t x = last; x < wide; x++)
            memcpy(to + (size_t)3 * x,
                   from + (size_t)3 * detect_crops_mirror(left + x, photo->width), 3);
    }
}
