/* Checkpoints: everything comes back bit for bit; another run's or a damaged one is refused and
 * changes nothing. */
#include "support/unit.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/rng.h"
#include "support/temp_folder.h"
#include "train/checkpoint.h"

static const char identity[HASH_HEX_SIZE] =
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
static const char other[HASH_HEX_SIZE] =
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdee";
static const struct train_progress progress = {
    .step = 123456789012, .epoch = 7, .best_epoch = 5, .best_auc = 0.8125};

struct fixture {
    struct temp_folder folder;
    char path[TEMP_PATH_SIZE];
    struct nn_graph *graph;
    struct nn_optimizer optimizer;
    float *values;
};

static int open_fixture(void **state)
{
    static struct fixture f;
    const struct nn_optimizer_options options = {.kind = NN_ADAMW};
    struct rng rng = rng_seed(9);

    temp_folder_open(&f.folder);
    temp_path(f.path, &f.folder, "checkpoint.bin");
    REQUIRE(nn_graph_open(&f.graph,
                          str_of("input x channels=3 side=4\nconv a out=5 kernel=3 norm\n"),
                          NULL) == ST_OK);
    f.values = mem_alloc(f.graph->float_count, sizeof(float));
    for (size_t i = 0; i < f.graph->float_count; i++)
        f.values[i] = (float)rng_normal(&rng);
    nn_optimizer_init(&f.optimizer, f.graph, &options, f.values);
    for (size_t i = 0; i < 2 * f.graph->trained_count; i++)
        f.optimizer.state[i] = (float)rng_normal(&rng);
    for (size_t i = 0; i < f.graph->float_count; i++)
        f.optimizer.average[i] = (float)rng_normal(&rng);
    *state = &f;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *f = *state;

    temp_folder_close(&f->folder);
    nn_optimizer_fini(&f->optimizer);
    mem_free(f->values);
    nn_graph_close(f->graph);
    return 0;
}

static void save(const struct fixture *f)
{
    struct err err = {0};

    if (train_checkpoint_save(f->path, identity, &progress, &f->optimizer, f->values, &err) !=
        ST_OK)
        fail_msg("%s", err.msg);
}

/* Loads into fresh memory; what is refused must leave it as it was. */
static enum status load(const struct fixture *f, const char *with, struct err *err)
{
    const struct nn_optimizer_options options = {.kind = NN_ADAMW};
    struct train_progress got = {.step = 4711};
    struct nn_optimizer optimizer;
    size_t count = f->graph->float_count;
    float *values = mem_alloc(count, sizeof(float));

    nn_optimizer_init(&optimizer, f->graph, &options, values);
    enum status st = train_checkpoint_load(&got, &optimizer, values, f->path, with, err);
    if (st == ST_OK) {
        assert_memory_equal(&got, &progress, sizeof got);
        assert_memory_equal(values, f->values, count * sizeof(float));
        assert_memory_equal(optimizer.average, f->optimizer.average, count * sizeof(float));
        assert_memory_equal(optimizer.state, f->optimizer.state,
                            2 * f->graph->trained_count * sizeof(float));
    } else {
        assert_int_equal(got.step, 4711);
        for (size_t i = 0; i < count; i++)
            assert_true(values[i] == 0 && optimizer.average[i] == 0);
    }
    nn_optimizer_fini(&optimizer);
    mem_free(values);
    return st;
}

static void test_round_trip(void **state)
{
    save(*state);
    assert_int_equal(load(*state, identity, NULL), ST_OK);
    save(*state); /* over the old one */
    assert_int_equal(load(*state, identity, NULL), ST_OK);
}

static void test_another_run(void **state)
{
    struct err err = {0};

    save(*state);
    assert_int_equal(load(*state, other, &err), ST_CONFLICT);
    assert_non_null(strstr(err.msg, "another network, data or settings"));
}

static void test_missing(void **state)
{
    struct err err = {0};

    assert_int_equal(load(*state, identity, &err), ST_NOT_FOUND);
    assert_non_null(strstr(err.msg, "checkpoint.bin"));
}

static void test_every_flipped_byte(void **state)
{
    struct fixture *f = *state;
    struct bytes file = {0};

    save(f);
    assert_int_equal(fs_read(&file, f->path, 1u << 20, NULL), ST_OK);
    uint8_t *bytes = (uint8_t *)(uintptr_t)file.at;
    for (size_t i = 0; i < file.len; i += i < 100 || i + 70 > file.len ? 1 : 97) {
        bytes[i] ^= 0x10;
        assert_int_equal(fs_write(f->path, file, NULL), ST_OK);
        enum status st = load(f, identity, NULL);
        bool in_identity = i >= 23 && i < 23 + HASH_HEX_SIZE; /* behind the magic and its NUL */
        if (st != (in_identity ? ST_CONFLICT : ST_CORRUPT))
            fail_msg("byte %zu flipped: %s", i, status_name(st));
        bytes[i] ^= 0x10;
    }
    mem_free(bytes);
}

static void test_truncated(void **state)
{
    struct fixture *f = *state;
    struct bytes file = {0};
    struct err err = {0};

    save(f);
    assert_int_equal(fs_read(&file, f->path, 1u << 20, NULL), ST_OK);
    for (size_t len = 0; len < file.len; len += len < 200 ? 11 : 97) {
        assert_int_equal(fs_write(f->path, (struct bytes){file.at, len}, NULL), ST_OK);
        assert_int_equal(load(f, identity, &err), ST_CORRUPT);
    }
    assert_int_equal(fs_write(f->path, (struct bytes){file.at, file.len - 1}, NULL), ST_OK);
    assert_int_equal(load(f, identity, &err), ST_CORRUPT);
    mem_free((void *)(uintptr_t)file.at);
}

static void test_folder_is_missing(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};

    temp_path(f->path, &f->folder, "none/checkpoint.bin");
    assert_int_equal(
        train_checkpoint_save(f->path, identity, &progress, &f->optimizer, f->values, &err),
        ST_NOT_FOUND);
}

#define CHECKPOINT_TEST(test) cmocka_unit_test_setup_teardown(test, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHECKPOINT_TEST(test_round_trip), CHECKPOINT_TEST(test_another_run),
        CHECKPOINT_TEST(test_missing),    CHECKPOINT_TEST(test_every_flipped_byte),
        CHECKPOINT_TEST(test_truncated),  CHECKPOINT_TEST(test_folder_is_missing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
