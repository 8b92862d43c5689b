/* Photos and their twins: which are drawn, that both show the same place, how a twin is made more
 * alike, and what is refused. */
#include "support/unit.h"

#include <stdlib.h>

#include "synthetic_photos.h"
#include "train/pairs.h"

#include "support/unit_arena.h" /* last: parameters above have the name of its global */

#define SIDE        64
#define X           8
#define Y           4
#define WIDTH       40
#define HEIGHT      48
#define ABOVE       10 /* levels that a twin is brighter than its photo */
#define OWN_QUALITY 60
#define TWIN_HEADER "file\tlabel\tfamily\tsource\trole\twidth\theight\treal\treal_x\treal_y\n"

static struct temp_folder folder;

static void put(const char *name, struct bytes file)
{
    char path[TEMP_PATH_SIZE];

    assert_int_equal(fs_write(temp_path(path, &folder, name), file, NULL), ST_OK);
}

static void put_text(const char *name, const char *text)
{
    put(name, (struct bytes){(const uint8_t *)text, strlen(text)});
}

static struct image read_image(const char *name)
{
    char path[TEMP_PATH_SIZE];
    struct image image;
    struct bytes file;

    assert_int_equal(fs_read(&file, temp_path(path, &folder, name), 1u << 20, NULL), ST_OK);
    assert_int_equal(image_decode(&image, NULL, file, &image_limits_default, arena, NULL), ST_OK);
    mem_free((void *)(uintptr_t)file.at);
    return image;
}

static void put_jpeg(const char *name, const char *from, int quality)
{
    struct image image = read_image(from);
    struct bytes file;

    assert_int_equal(image_encode_jpeg(&file, &image, quality, IMAGE_SUBSAMPLING_420, arena, NULL),
                     ST_OK);
    put(name, file);
}

static void put_twin(const char *name, const char *of)
{
    struct image photo = read_image(of);
    struct bytes file;

    assert_int_equal(image_crop(&photo, &photo, X, Y, WIDTH, HEIGHT, arena, NULL), ST_OK);
    for (size_t i = 0; i < (size_t)3 * WIDTH * HEIGHT; i++)
        photo.rgb[i] = (uint8_t)(photo.rgb[i] + ABOVE);
    assert_int_equal(image_encode_png(&file, &photo, arena, NULL), ST_OK);
    put(name, file);
}

/* Two photos of a shop, of which the first has two twins, and one that is held out and has one. */
static int open_photos(void **state)
{
    temp_folder_open(&folder);
    if (open_arena(state) != 0)
        return -1;
    for (int i = 0; i < 5; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "%c.png", 'a' + i);
        put(name, synthetic_photo(i > 2, SIDE, SIDE, (uint64_t)i, arena));
    }
    put_jpeg("a.jpg", "a.png", OWN_QUALITY);
    put_text("manifest.tsv", SYNTHETIC_HEADER "a.jpg\treal\tshoes\tshop\ttrain\n"
                                              "b.png\treal\tshoes\tshop\ttrain\n"
                                              "c.png\treal\tshoes\theld\ttrain\n"
                                              "d.png\tai\tgen0\tgallery\ttrain\n"
                                              "e.png\tai\tgen1\tother\ttrain\n");
    put_text("validation.txt", "real held\nai gen1\n");
    put_twin("a1.png", "a.jpg");
    put_twin("a2.png", "a.jpg");
    put_twin("c1.png", "c.png");
    put_text("twins.tsv", TWIN_HEADER "a1.png\tai\ttwin-x\tshop\ttrain\t40\t48\ta.jpg\t8\t4\n"
                                      "c1.png\tai\ttwin-x\theld\ttrain\t40\t48\tc.png\t8\t4\n"
                                      "a2.png\tai\ttwin-y\tshop\ttrain\t40\t48\t./a.jpg\t8\t4\n");
    return reset_arena(state);
}

static int close_photos(void **state)
{
    temp_folder_close(&folder);
    return close_arena(state);
}

static struct train_config config_for(const char *twins)
{
    struct train_config config = {0};

    config_defaults(&config, &train_config_table);
    (void)snprintf(config.manifest, sizeof config.manifest, "%s/manifest.tsv", folder.path);
    (void)snprintf(config.validation, sizeof config.validation, "%s/validation.txt", folder.path);
    if (twins)
        (void)snprintf(config.twins.manifest, sizeof config.twins.manifest, "%s/%s", folder.path,
                       twins);
    config.twins.mix_chance = config.twins.own_jpeg_chance = 0;
    return config;
}

/* A data set and its pairs, closed together. */
struct opened {
    struct train_dataset *dataset;
    struct train_pairs *pairs;
};

static struct opened open_pairs(const struct train_config *config)
{
    struct opened opened = {0};
    struct err err = {0};

    if (train_dataset_open(&opened.dataset, config, NULL, NULL, &err) != ST_OK ||
        train_pairs_open(&opened.pairs, opened.dataset, config, &err) != ST_OK)
        fail_msg("%s", err.msg);
    return opened;
}

static void close_pairs(const struct opened *opened)
{
    train_pairs_close(opened->pairs);
    train_dataset_close(opened->dataset);
}

static struct train_pair draw_one(const struct opened *opened)
{
    struct rng rng = rng_seed(1);
    struct train_pair pair;

    for (int i = 0; i < 100; i++)
        if (train_pairs_draw(&pair, opened->pairs, &rng))
            return pair;
    fail_msg("100 draws without a pair");
    return pair;
}

static void read_pixels(struct image out[2], const struct train_config *config)
{
    struct opened opened = open_pairs(config);
    struct train_pair pair = draw_one(&opened);
    struct rng rng = rng_seed(2);
    struct err err = {0};

    if (train_pairs_pixels(out, opened.pairs, &pair, &rng, arena, &err) != ST_OK)
        fail_msg("%s", err.msg);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(out[i].width, WIDTH);
        assert_int_equal(out[i].height, HEIGHT);
    }
    close_pairs(&opened);
}

/* The mean distance of a twin to its photo, levels. */
static double distance(const struct image pair[2])
{
    double sum = 0;

    for (size_t i = 0; i < (size_t)3 * WIDTH * HEIGHT; i++)
        sum += abs((int)pair[1].rgb[i] - (int)pair[0].rgb[i]);
    return sum / (3 * WIDTH * HEIGHT);
}

static void test_none_without_a_manifest(void **state)
{
    (void)state;
    struct train_config config = config_for(NULL);
    struct opened opened = open_pairs(&config);

    assert_null(opened.pairs);
    close_pairs(&opened);
}

static void test_draws_twins_of_training_photos(void **state)
{
    (void)state;
    struct train_config config = config_for("twins.tsv");
    struct opened opened = open_pairs(&config);
    struct rng rng = rng_seed(7);
    struct train_pair pair;
    int drawn[2] = {0};

    assert_int_equal(train_pairs_count(opened.pairs), 2);
    for (int i = 0; i < 400; i++) {
        if (!train_pairs_draw(&pair, opened.pairs, &rng))
            continue; /* the photo without a twin */
        assert_string_equal(pair.photo.row->file, "a.jpg");
        assert_int_equal(pair.photo.label, TRAIN_LABEL_REAL);
        assert_int_equal(pair.own_quality, OWN_QUALITY);
        assert_true(strcmp(pair.twin->file, "a1.png") == 0 ||
                    strcmp(pair.twin->file, "a2.png") == 0);
        drawn[pair.twin->file[1] - '1']++;
    }
    assert_true(drawn[0] > 60 && drawn[1] > 60); /* 100 each in the mean */
    assert_true(drawn[0] + drawn[1] > 150 && drawn[0] + drawn[1] < 250);
    close_pairs(&opened);
}

static void test_both_show_the_same_place(void **state)
{
    (void)state;
    struct train_config config = config_for("twins.tsv");
    struct image pair[2];

    read_pixels(pair, &config);
    for (size_t i = 0; i < (size_t)3 * WIDTH * HEIGHT; i++)
        assert_int_equal(pair[1].rgb[i], pair[0].rgb[i] + ABOVE);
}

static void test_mixed_with_the_photo(void **state)
{
    (void)state;
    struct train_config config = config_for("twins.tsv");
    struct image pair[2];

    config.twins.mix_chance = 1;
    config.twins.mix_most = 0.4;
    read_pixels(pair, &config);
    assert_true(distance(pair) <= 0.4 * ABOVE + 0.5);
}

static void test_compressed_as_the_photo_was(void **state)
{
    (void)state;
    struct train_config config = config_for("twins.tsv");
    struct image plain[2];
    struct image pair[2];
    struct bytes file;

    read_pixels(plain, &config);
    config.twins.own_jpeg_chance = 1;
    read_pixels(pair, &config);
    assert_int_equal(
        image_encode_jpeg(&file, &plain[1], OWN_QUALITY, IMAGE_SUBSAMPLING_420, arena, NULL),
        ST_OK);
    assert_int_equal(image_decode(&plain[1], NULL, file, &image_limits_default, arena, NULL),
                     ST_OK);
    for (int i = 0; i < 2; i++)
        assert_memory_equal(pair[i].rgb, plain[i].rgb, (size_t)3 * WIDTH * HEIGHT);
}

static void refuse(const char *text, const char *part)
{
    struct train_config config = config_for("wrong.tsv");
    struct train_dataset *dataset = NULL;
    struct train_pairs *pairs = NULL;
    struct err err = {0};

    put_text("wrong.tsv", text);
    assert_int_equal(train_dataset_open(&dataset, &config, NULL, NULL, NULL), ST_OK);
    enum status st = train_pairs_open(&pairs, dataset, &config, &err);
    if (st == ST_OK || !strstr(err.msg, part))
        fail_msg("%s: %s (wanted '%s')", status_name(st), err.msg, part);
    assert_null(pairs);
    train_dataset_close(dataset);
}

static void test_refusals(void **state)
{
    (void)state;
    refuse(TWIN_HEADER "a1.png\tai\tx\tshop\ttrain\t40\t48\t-\t8\t4\n", "line 2: no twin");
    refuse(TWIN_HEADER "a1.png\treal\tx\tshop\ttrain\t40\t48\ta.jpg\t8\t4\n", "line 2: no twin");
    refuse(TWIN_HEADER "a1.png\tai\tx\tshop\ttrain\t40\t47\ta.jpg\t8\t4\n",
           "the file has 40x48 px, the manifest says 40x47");
    refuse(TWIN_HEADER "none.png\tai\tx\tshop\ttrain\t40\t48\ta.jpg\t8\t4\n", "none.png");
    refuse(TWIN_HEADER "manifest.tsv\tai\tx\tshop\ttrain\t40\t48\ta.jpg\t8\t4\n", "line 2");
    refuse(TWIN_HEADER "c1.png\tai\tx\theld\ttrain\t40\t48\tc.png\t8\t4\n",
           "no twin is of a real photo that is trained on");
    refuse(TWIN_HEADER "a1.png\tai\tx\tshop\ttrain\t40\t48\ta.jpg\t-1\t4\n", "'-1' is no place");
}

static void test_twin_beyond_its_photo(void **state)
{
    (void)state;
    struct train_config config = config_for("beyond.tsv");
    struct image pixels[2];
    struct rng rng = rng_seed(2);
    struct err err = {0};

    put_text("beyond.tsv", TWIN_HEADER "a1.png\tai\tx\tshop\ttrain\t40\t48\ta.jpg\t8\t1000000\n");
    struct opened opened = open_pairs(&config);
    struct train_pair pair = draw_one(&opened);
    assert_int_equal(train_pairs_pixels(pixels, opened.pairs, &pair, &rng, arena, &err),
                     ST_CONFLICT);
    assert_non_null(strstr(err.msg, "a1.png: reaches beyond its photo of 64x64 px"));
    close_pairs(&opened);
}

#define PAIRS_TEST(test) cmocka_unit_test_teardown(test, reset_arena)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PAIRS_TEST(test_none_without_a_manifest),
        PAIRS_TEST(test_draws_twins_of_training_photos),
        PAIRS_TEST(test_both_show_the_same_place),
        PAIRS_TEST(test_mixed_with_the_photo),
        PAIRS_TEST(test_compressed_as_the_photo_was),
        PAIRS_TEST(test_refusals),
        PAIRS_TEST(test_twin_beyond_its_photo),
    };

    return cmocka_run_group_tests(tests, open_photos, close_photos);
}
