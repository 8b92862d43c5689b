/* The photos of a run: whole sources held out, fair draws, damaged and missing files. */
#include "support/unit.h"

#include <math.h>
#include <stdlib.h>

#include "base/cpu.h"
#include "synthetic_photos.h"
#include "train/dataset.h"

static int open_folder(void **state)
{
    struct temp_folder *folder = malloc(sizeof *folder);

    temp_folder_open(folder);
    *state = folder;
    return 0;
}

static int close_folder(void **state)
{
    temp_folder_close(*state);
    free(*state);
    return 0;
}

static struct train_config config_for(const struct temp_folder *folder)
{
    struct train_config config = {0};

    config_defaults(&config, &train_config_table);
    (void)snprintf(config.manifest, sizeof config.manifest, "%s/manifest.tsv", folder->path);
    config.validation_share = 0.25;
    return config;
}

static struct train_dataset *open_set(const struct train_config *config)
{
    struct train_dataset *dataset = NULL;
    struct err err = {0};

    if (train_dataset_open(&dataset, config, NULL, NULL, &err) != ST_OK)
        fail_msg("%s", err.msg);
    return dataset;
}

static void refuse_set(const struct train_config *config, enum status status, const char *part)
{
    struct train_dataset *dataset = NULL;
    struct err err = {0};
    enum status st = train_dataset_open(&dataset, config, NULL, NULL, &err);

    if (st != status || !strstr(err.msg, part))
        fail_msg("%s: %s (wanted '%s')", status_name(st), err.msg, part);
    assert_null(dataset);
}

static void put(const struct temp_folder *folder, const char *name, struct bytes data)
{
    char path[TEMP_PATH_SIZE];

    assert_int_equal(fs_write(temp_path(path, folder, name), data, NULL), ST_OK);
}

/* A manifest of rows that all show one photo under many names (links). */
struct listing {
    const struct temp_folder *folder;
    struct buf text;
    int count;
};

static void open_listing(struct listing *listing, const struct temp_folder *folder)
{
    struct arena *arena = NULL;

    *listing = (struct listing){.folder = folder};
    buf_init(&listing->text, 1u << 20);
    buf_add_str(&listing->text, "file\tlabel\tfamily\tsource\trole\tgeneration\n");
    assert_int_equal(arena_open(&arena, 16u << 20, NULL), ST_OK);
    put(folder, "one.png", synthetic_photo(false, 16, 16, 1, arena));
    arena_close(arena);
}

static void list(struct listing *listing, int count, const char *label, const char *family,
                 const char *source, const char *generation)
{
    char from[TEMP_PATH_SIZE];
    char to[TEMP_PATH_SIZE];

    for (int i = 0; i < count; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "l%d.png", listing->count++);
        buf_printf(&listing->text, "%s\t%s\t%s\t%s\ttrain\t%s\n", name, label, family, source,
                   generation);
        assert_int_equal(symlink(temp_path(from, listing->folder, "one.png"),
                                 temp_path(to, listing->folder, name)),
                         0);
    }
}

static void close_listing(struct listing *listing)
{
    put(listing->folder, "manifest.tsv", buf_bytes(&listing->text));
    buf_fini(&listing->text);
}

static void test_held_out_sources(void **state)
{
    synthetic_set(*state, 8, 3, 16);
    for (int64_t seed = 1; seed < 6; seed++) {
        struct train_config config = config_for(*state);
        config.seed = seed;
        struct train_dataset *set = open_set(&config);
        const struct train_manifest *manifest = train_dataset_manifest(set);
        bool *held = calloc(manifest->source_count, sizeof *held);
        size_t labels[TRAIN_LABEL_COUNT] = {0};
        struct rng rng = rng_seed(3);
        for (size_t i = 0; i < train_dataset_validation_count(set); i++) {
            struct train_sample sample = train_dataset_validation(set, i);
            held[sample.row->source] = true;
            labels[sample.label]++;
        }
        assert_int_equal(labels[TRAIN_LABEL_REAL], 6); /* a quarter of 24, whole sources of 3 */
        assert_int_equal(labels[TRAIN_LABEL_AI], 6);
        assert_int_equal(train_dataset_training_count(set), 36);
        for (int i = 0; i < 5000; i++)
            assert_false(held[train_dataset_draw(set, &rng).row->source]);
        free(held);
        train_dataset_close(set);
    }
    train_dataset_close(NULL);
}

/* Named sources of real photos, and named generators whatever the source. */
static void test_named_split(void **state)
{
    struct train_config config = config_for(*state);
    char path[TEMP_PATH_SIZE];
    struct listing listing;

    open_listing(&listing, *state);
    list(&listing, 3, "real", "shoes", "shop", "-");
    list(&listing, 4, "real", "shoes", "market", "-");
    list(&listing, 5, "ai", "painter", "forum", "new");
    list(&listing, 6, "ai", "dreamer", "forum", "new");
    list(&listing, 2, "ai", "dreamer", "blog", "new");
    close_listing(&listing);
    (void)snprintf(config.validation, sizeof config.validation, "%s",
                   temp_path(path, *state, "names.txt"));
    const char *names = "# held out\n\nreal market\n  ai dreamer \n";
    put(*state, "names.txt", (struct bytes){(const uint8_t *)names, strlen(names)});
    struct train_dataset *set = open_set(&config);
    assert_int_equal(train_dataset_validation_count(set), 12);
    assert_int_equal(train_dataset_training_count(set), 8);
    for (size_t i = 0; i < 12; i++)
        assert_int_equal(train_dataset_validation(set, i).label,
                         i < 4 ? TRAIN_LABEL_REAL : TRAIN_LABEL_AI);
    train_dataset_close(set);

    static const struct {
        const char *names, *part;
    } cases[] = {
        {"real market\nai nobody\n", "names.txt, line 2: the manifest has no 'ai nobody'"},
        {"shop\n", "line 1: 'shop' is not 'real SOURCE'"},
        {"real market\nreal shop\nai dreamer\n", "photos of both classes"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        put(*state, "names.txt",
            (struct bytes){(const uint8_t *)cases[i].names, strlen(cases[i].names)});
        refuse_set(&config, ST_INVALID, cases[i].part);
    }
    (void)snprintf(config.validation, sizeof config.validation, "%s.not", path);
    refuse_set(&config, ST_NOT_FOUND, "names.txt.not");
}

static void test_seed_chooses_the_split(void **state)
{
    struct train_config config = config_for(*state);
    int different = 0;

    synthetic_set(*state, 8, 1, 16);
    for (int64_t seed = 1; seed < 9; seed++) {
        struct train_dataset *a = NULL;
        struct train_dataset *b = NULL;
        struct train_dataset *c = NULL;
        config.seed = seed;
        a = open_set(&config);
        b = open_set(&config);
        config.seed = seed + 100;
        c = open_set(&config);
        for (size_t i = 0; i < train_dataset_validation_count(a); i++) {
            assert_string_equal(train_dataset_validation(a, i).row->file,
                                train_dataset_validation(b, i).row->file);
            different += strcmp(train_dataset_validation(a, i).row->file,
                                train_dataset_validation(c, i).row->file) != 0;
        }
        train_dataset_close(a);
        train_dataset_close(b);
        train_dataset_close(c);
    }
    assert_true(different > 8);
}

/* Shares of draws that come from `source`, and of AI ones. */
static double share_of(const struct train_dataset *set, const char *source)
{
    const struct train_manifest *manifest = train_dataset_manifest(set);
    struct rng rng = rng_seed(11);
    int hits = 0;

    for (int i = 0; i < 20000; i++) {
        struct train_sample s = train_dataset_draw(set, &rng);
        hits += source ? strcmp(manifest->source_names[s.row->source], source) == 0
                       : s.label == TRAIN_LABEL_AI;
        assert_int_equal(s.family >= 0, s.label == TRAIN_LABEL_AI);
    }
    return hits / 20000.0;
}

static void check_share(const struct train_config *config, const char *source, double want)
{
    struct train_dataset *set = open_set(config);
    double got = share_of(set, source);

    train_dataset_close(set);
    if (!(fabs(got - want) < 0.015)) /* four deviations of 20,000 draws */
        fail_msg("%s: %.3f of the draws, not %.3f", source ? source : "AI", got, want);
}

static void test_fair_draws(void **state)
{
    struct train_config config = config_for(*state);
    struct listing listing;

    open_listing(&listing, *state);
    list(&listing, 36, "real", "shoes", "big", "-");
    list(&listing, 4, "real", "shoes", "small", "-");
    list(&listing, 9, "ai", "new1", "gen1", "new");
    list(&listing, 1, "ai", "old1", "gen2", "old");
    close_listing(&listing);
    config.validation_share = 0;
    check_share(&config, NULL, 0.5); /* 10 of 50 photos, half of the draws */
    config.source_power = 0;
    check_share(&config, "small", 0.25);
    config.source_power = 0.5;
    check_share(&config, "small", 0.5 * 2 / 8);
    config.source_power = 1;
    check_share(&config, "small", 0.05);
    config.family_power = 0;
    check_share(&config, "gen2", 0.25);
    config.family_power = 0.5;
    check_share(&config, "gen2", 0.5 * 1 / 4);
    config.family_power = 1;
    check_share(&config, "gen2", 0.05);
    config.old_weight = 3;
    check_share(&config, "gen2", 0.5 * 3 / 12);
    config.old_weight = 0;
    check_share(&config, "gen2", 0);
}

static size_t draws_of(const struct train_dataset *set, enum train_label label, bool added,
                       size_t draws)
{
    struct rng rng = rng_seed(5);
    size_t count = 0;

    for (size_t i = 0; i < draws; i++) {
        struct train_sample sample = train_dataset_draw(set, &rng);
        count += sample.label == label && (strcmp(sample.row->generation, "added") == 0) == added;
    }
    return count;
}

/* Few photos that joined later get their share of both classes; the others replay the rest. */
static void test_added_photos(void **state)
{
    static const double shares[] = {0.5, 0.25, 0};
    const size_t draws = 20000;
    struct listing listing;

    open_listing(&listing, *state);
    list(&listing, 40, "real", "shoes", "shop-1", "-");
    list(&listing, 40, "real", "shoes", "shop-2", "-");
    list(&listing, 3, "real", "shoes", "shop-3", "added");
    list(&listing, 40, "ai", "maker-1", "gallery", "new");
    list(&listing, 40, "ai", "maker-2", "gallery-2", "old");
    list(&listing, 4, "ai", "maker-1", "gallery", "added"); /* of a generator that is known */
    close_listing(&listing);
    for (size_t i = 0; i < ARRAY_LEN(shares); i++) {
        struct train_config config = config_for(*state);
        config.validation_share = 0;
        config.added_share = shares[i];
        struct train_dataset *set = open_set(&config);
        for (int label = 0; label < TRAIN_LABEL_COUNT; label++) {
            double added = (double)draws_of(set, (enum train_label)label, true, draws);
            double others = (double)draws_of(set, (enum train_label)label, false, draws);
            assert_true(fabs(added / (added + others) - shares[i]) < 0.03);
        }
        train_dataset_close(set);
    }
}

static void test_generator_classes(void **state)
{
    struct train_config config = config_for(*state);
    struct listing listing;
    char name[16];
    struct rng rng = rng_seed(1);

    open_listing(&listing, *state);
    list(&listing, 2, "real", "shoes", "shop", "-");
    for (int i = 0; i < 20; i++) { /* g19 is the most frequent one */
        (void)snprintf(name, sizeof name, "g%d", i);
        list(&listing, i + 1, "ai", name, "gen", "-");
    }
    close_listing(&listing);
    config.validation_share = 0;
    config.family_power = 0;
    struct train_dataset *set = open_set(&config);
    const struct train_manifest *manifest = train_dataset_manifest(set);
    for (int i = 0; i < 2000; i++) {
        struct train_sample s = train_dataset_draw(set, &rng);
        int64_t number = 0;
        if (s.label == TRAIN_LABEL_REAL)
            continue;
        assert_true(str_to_int(&number, str_of(manifest->family_names[s.row->family] + 1), 0, 19));
        assert_int_equal(s.family, MIN_OF(19 - number, TRAIN_FAMILIES - 1));
    }
    train_dataset_close(set);
}

static void test_damaged_photo(void **state)
{
    struct train_config config = config_for(*state);
    struct rng rng = rng_seed(1);

    synthetic_set(*state, 4, 3, 16);
    put(*state, "5.png", (struct bytes){(const uint8_t *)"this is no photo", 16});
    put(*state, "8.png", (struct bytes){(const uint8_t *)"\x89PNG\r\n\x1a\n", 8});
    struct train_dataset *set = open_set(&config);
    assert_int_equal(train_dataset_damaged_count(set), 2);
    assert_int_equal(train_dataset_training_count(set) + train_dataset_validation_count(set), 22);
    for (int i = 0; i < 2000; i++) {
        const char *file = train_dataset_draw(set, &rng).row->file;
        assert_true(strcmp(file, "5.png") != 0 && strcmp(file, "8.png") != 0);
    }
    train_dataset_close(set);
}

static void test_missing_photo(void **state)
{
    const struct temp_folder *folder = *state;
    struct train_config config = config_for(folder);
    char path[TEMP_PATH_SIZE];

    synthetic_set(folder, 4, 3, 16);
    assert_int_equal(unlink(temp_path(path, folder, "7.png")), 0);
    refuse_set(&config, ST_NOT_FOUND, "7.png");
    (void)snprintf(config.role, sizeof config.role, "dev"); /* not even looked at */
    refuse_set(&config, ST_INVALID, "role 'dev'");
    (void)snprintf(config.manifest, sizeof config.manifest, "%s/none.tsv", folder->path);
    refuse_set(&config, ST_NOT_FOUND, "none.tsv");
}

static void test_one_class(void **state)
{
    struct train_config config = config_for(*state);
    struct listing listing;

    config.validation_share = 0;
    open_listing(&listing, *state);
    list(&listing, 5, "real", "shoes", "shop", "-");
    close_listing(&listing);
    refuse_set(&config, ST_INVALID, "photos of both classes");
}

/* Cached or decoded again, the pixels are the same, and the cache keeps to its size. */
static void test_cache(void **state)
{
    struct train_config config = config_for(*state);
    struct arena *arena = NULL;
    struct rng rng = rng_seed(1);

    synthetic_set(*state, 4, 3, 64);
    assert_int_equal(arena_open(&arena, 16u << 20, NULL), ST_OK);
    struct train_dataset *cached = open_set(&config);
    config.cache_mb = 0;
    struct train_dataset *fresh = open_set(&config);
    for (int i = 0; i < 50; i++) {
        struct train_sample s = train_dataset_draw(cached, &rng);
        const struct train_manifest_row *row =
            train_dataset_manifest(fresh)->rows + (s.row - train_dataset_manifest(cached)->rows);
        struct image a = {0};
        struct image b = {0};
        assert_int_equal(train_dataset_pixels(&a, cached, s.row, arena, NULL), ST_OK);
        assert_int_equal(arena_used(arena), 0);
        assert_int_equal(train_dataset_pixels(&b, fresh, row, arena, NULL), ST_OK);
        assert_true(arena_used(arena) > 0);
        assert_int_equal(a.width, 64);
        assert_memory_equal(a.rgb, b.rgb, (size_t)3 * 64 * 64);
        arena_reset(arena);
    }
    train_dataset_close(cached);
    train_dataset_close(fresh);
    arena_close(arena);
}

#define DATASET_TEST(test) cmocka_unit_test_setup_teardown(test, open_folder, close_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DATASET_TEST(test_held_out_sources),
        DATASET_TEST(test_named_split),
        DATASET_TEST(test_seed_chooses_the_split),
        DATASET_TEST(test_fair_draws),
        DATASET_TEST(test_added_photos),
        DATASET_TEST(test_generator_classes),
        DATASET_TEST(test_damaged_photo),
        DATASET_TEST(test_missing_photo),
        DATASET_TEST(test_one_class),
        DATASET_TEST(test_cache),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
