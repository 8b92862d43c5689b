#include "train/pairs.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "train/augment.h"

struct link {
    const struct train_manifest_row *photo, *twin;
    uint8_t own_quality; /* of the photo's file; 0: it is no JPEG */
};

struct train_pairs {
    const struct train_dataset *dataset;
    const struct train_pairs_config *config;
    struct train_manifest *manifest;
    struct link *links; /* by photo */
    size_t count;
};

/* A real training photo under its resolved path. */
struct place {
    char *path;
    const struct train_manifest_row *row;
};

/* Finding photos ---------------------------------------------------------------------------- */

static int compare_places(const void *a, const void *b)
{
    return strcmp(((const struct place *)a)->path, ((const struct place *)b)->path);
}

static struct place *list_photos(size_t *count, const struct train_dataset *dataset)
{
    size_t total = train_dataset_training_count(dataset);
    struct place *places = mem_alloc(total + 1, sizeof *places);
    char real[PATH_MAX];

    *count = 0;
    for (size_t i = 0; i < total; i++) {
        struct train_sample sample = train_dataset_training(dataset, i);
        if (sample.label != TRAIN_LABEL_REAL || !realpath(sample.row->path, real))
            continue;
        places[(*count)++] = (struct place){.path = mem_copy_str(str_of(real)), .row = sample.row};
    }
    qsort(places, *count, sizeof *places, compare_places);
    return places;
}

static void free_photos(struct place *places, size_t count)
{
    for (size_t i = 0; i < count; i++)
        mem_free(places[i].path);
    mem_free(places);
}

static const struct place *find_photo(const struct place *places, size_t count, const char *path)
{
    char real[PATH_MAX];
    const struct place key = {.path = real};

    return realpath(path, real) ? bsearch(&key, places, count, sizeof *places, compare_places)
                                : NULL;
}

/* Linking ----------------------------------------------------------------------------------- */

static enum status check_twin(const struct train_manifest_row *row, struct err *err)
{
    struct image_info info;

    if (row->label != TRAIN_LABEL_AI || !row->real[0])
        return err_set(err, ST_INVALID,
                       "no twin: it needs label 'ai' and a photo in column 'real'");
    enum status st = train_dataset_probe(&info, row, err);
    if (st == ST_OK && (info.width != row->width || info.height != row->height))
        st = err_set(err, ST_INVALID, "the file has %ux%u px, the manifest says %ux%u", info.width,
                     info.height, row->width, row->height);
    return st;
}

static enum status link_twin(struct train_pairs *pairs, const struct train_manifest_row *row,
                             const struct place *places, size_t place_count, struct err *err)
{
    struct image_info photo;
    enum status st = check_twin(row, err);
    const struct place *place = st == ST_OK ? find_photo(places, place_count, row->real) : NULL;

    if (place)
        st = train_dataset_probe(&photo, place->row, err);
    if (place && st == ST_OK)
        pairs->links[pairs->count++] =
            (struct link){.photo = place->row, .twin = row, .own_quality = photo.jpeg_quality};
    return st;
}

static int compare_links(const void *a, const void *b)
{
    const struct link *left = a;
    const struct link *right = b;

    if (left->photo != right->photo)
        return left->photo < right->photo ? -1 : 1;
    return (left->twin > right->twin) - (left->twin < right->twin);
}

static enum status link_all(struct train_pairs *pairs, struct err *err)
{
    size_t place_count = 0;
    struct place *places = list_photos(&place_count, pairs->dataset);
    const char *path = pairs->config->manifest;
    enum status st = ST_OK;

    pairs->links = mem_alloc(pairs->manifest->count, sizeof *pairs->links);
    for (size_t i = 0; st == ST_OK && i < pairs->manifest->count; i++) {
        st = link_twin(pairs, &pairs->manifest->rows[i], places, place_count, err);
        if (st != ST_OK)
            err_prefix(err, "%s: line %u", path, pairs->manifest->rows[i].line);
    }
    free_photos(places, place_count);
    qsort(pairs->links, pairs->count, sizeof *pairs->links, compare_links);
    if (st == ST_OK && !pairs->count)
        st = err_set(err, ST_INVALID, "%s: no twin is of a real photo that is trained on", path);
    return st;
}

enum status train_pairs_open(struct train_pairs **out, const struct train_dataset *dataset,
                             const struct train_config *config, struct err *err)
{
    *out = NULL;
    if (!config->twins.manifest[0])
        return ST_OK;
    struct train_pairs *pairs = mem_alloc(1, sizeof *pairs);
    pairs->dataset = dataset;
    pairs->config = &config->twins;
    enum status st = train_manifest_open(&pairs->manifest, config->twins.manifest, err);
    if (st == ST_OK)
        st = link_all(pairs, err);
    if (st == ST_OK)
        *out = pairs;
    else
        train_pairs_close(pairs);
    return st;
}

void train_pairs_close(struct train_pairs *pairs)
{
    if (!pairs)
        return;
    mem_free(pairs->links);
    train_manifest_close(pairs->manifest);
    mem_free(pairs);
}

size_t train_pairs_count(const struct train_pairs *pairs)
{
    return pairs->count;
}

const char *train_pairs_sha256(const struct train_pairs *pairs)
{
    return pairs->manifest->sha256;
}

/* Drawing ----------------------------------------------------------------------------------- */

/* The first link of a photo at or behind `photo`. */
static size_t first_link(const struct train_pairs *pairs, const struct train_manifest_row *photo)
{
    size_t low = 0;
    size_t high = pairs->count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (pairs->links[middle].photo < photo)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool train_pairs_draw(struct train_pair *out, const struct train_pairs *pairs, struct rng *rng)
{
    struct train_sample photo = train_dataset_draw_real(pairs->dataset, rng);
    size_t first = first_link(pairs, photo.row);
    uint32_t twins = 0;

    while (first + twins < pairs->count && pairs->links[first + twins].photo == photo.row)
        twins++;
    if (!twins)
        return false;
    const struct link *link = &pairs->links[first + rng_below(rng, twins)];
    *out =
        (struct train_pair){.photo = photo, .twin = link->twin, .own_quality = link->own_quality};
    return true;
}

/* Pixels ------------------------------------------------------------------------------------ */

static void mix(struct image *fake, const struct image *photo, double share)
{
    size_t count = (size_t)3 * fake->width * fake->height;
    float part = (float)share;

    for (size_t i = 0; i < count; i++) {
        float value = part * (float)fake->rgb[i] + (1 - part) * (float)photo->rgb[i];
        fake->rgb[i] = (uint8_t)(value + 0.5f);
    }
}

static enum status cut_photo(struct image *out, const struct train_pairs *pairs,
                             const struct train_pair *pair, struct arena *arena, struct err *err)
{
    const struct train_manifest_row *twin = pair->twin;
    struct image photo;
    enum status st = train_dataset_pixels(&photo, pairs->dataset, pair->photo.row, arena, err);

    if (st != ST_OK)
        return st;
    if (twin->real_x + twin->width > photo.width || twin->real_y + twin->height > photo.height)
        return err_set(err, ST_CONFLICT, "%s: reaches beyond its photo of %ux%u px", twin->file,
                       photo.width, photo.height);
    return image_crop(out, &photo, twin->real_x, twin->real_y, twin->width, twin->height, arena,
                      err);
}

enum status train_pairs_pixels(struct image out[2], const struct train_pairs *pairs,
                               const struct train_pair *pair, struct rng *rng, struct arena *arena,
                               struct err *err)
{
    const struct train_pairs_config *config = pairs->config;
    bool own_jpeg = rng_chance(rng, config->own_jpeg_chance);
    bool mixed = rng_chance(rng, config->mix_chance);
    double share = rng_range(rng, 0, config->mix_most);
    enum status st = cut_photo(&out[0], pairs, pair, arena, err);

    if (st == ST_OK)
        st = train_dataset_decode(&out[1], pair->twin, arena, err);
    if (st == ST_OK && own_jpeg && pair->own_quality)
        st = train_recompress(&out[1], pair->own_quality, true, false, arena, err);
    if (st == ST_OK && mixed)
        mix(&out[1], &out[0], share);
    return st;
}
