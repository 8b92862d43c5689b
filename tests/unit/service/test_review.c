/* Photos kept for review: how many, where, for how long, and what earlier processes left. */
#include "support/unit.h"

#include "base/fs.h"
#include "base/mem.h"
#include "service/review.h"
#include "support/temp_folder.h"

#define SHA256 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define START  INT64_C(1700000000000000)
#define DAY_US INT64_C(86400000000)

struct fixture {
    struct temp_folder folder;
    char path[TEMP_PATH_SIZE];
    int64_t now_us;
    struct clock clock;
};

static struct service_review *open_review(struct fixture *fixture, double rate, uint64_t bytes_max)
{
    const struct service_review_options options = {.folder = fixture->path,
                                                   .sample_rate = rate,
                                                   .bytes_max = bytes_max,
                                                   .retention_days = 7,
                                                   .seed = 5,
                                                   .clock = &fixture->clock};
    struct service_review *review = NULL;
    struct err err;

    if (service_review_open(&review, &options, &err) != ST_OK)
        fail_msg("%s", err.msg);
    return review;
}

/* Each a microsecond after the one before; how many were kept. */
static unsigned keep(struct fixture *fixture, struct service_review *review, unsigned count)
{
    static const uint8_t photo[100] = {1, 2, 3};
    unsigned kept = 0;

    for (unsigned i = 0; i < count; i++, fixture->now_us++)
        kept +=
            service_review_keep(review, (struct bytes){photo, sizeof photo}, SHA256, "jpeg") > 0;
    return kept;
}

static size_t files(const struct fixture *fixture)
{
    struct fs_list list = {0};

    assert_int_equal(fs_list_files(&list, fixture->path, 10000, NULL), ST_OK);
    size_t count = list.count;
    fs_list_free(&list);
    return count;
}

static struct service_review_state state_of(struct service_review *review)
{
    struct service_review_state state;

    service_review_read(&state, review);
    return state;
}

static void test_a_share_is_kept(void **state)
{
    struct fixture *fixture = *state;
    struct service_review *review = open_review(fixture, 0.25, 1u << 20);
    unsigned kept = keep(fixture, review, 1000);

    assert_in_range(kept, 200, 300); /* 250 +- 3.6 deviations; the seed is fixed */
    assert_int_equal(files(fixture), kept);
    assert_int_equal(state_of(review).photo_count, kept);
    assert_int_equal(state_of(review).bytes, 100 * kept);
    service_review_close(review);
}

static void test_the_photo_and_its_probability(void **state)
{
    struct fixture *fixture = *state;
    struct service_review *review = open_review(fixture, 1, 1u << 20);
    const struct bytes photo = {(const uint8_t *)"photo", 5};
    char path[2 * TEMP_PATH_SIZE];
    struct bytes read = {0};
    struct stat info;

    assert_float_equal(service_review_keep(review, photo, SHA256, "png"), 1, 0);
    (void)snprintf(path, sizeof path, "%s/%lld-" SHA256 ".png", fixture->path, (long long)START);
    assert_int_equal(fs_read(&read, path, 100, NULL), ST_OK);
    assert_int_equal(read.len, 5);
    assert_memory_equal(read.at, "photo", 5);
    mem_free((void *)(uintptr_t)read.at);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(stat(fixture->path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
    service_review_close(review);
}

static void test_the_oldest_go_first(void **state)
{
    struct fixture *fixture = *state;
    struct service_review *review = open_review(fixture, 1, 1000);

    assert_int_equal(keep(fixture, review, 25), 25);
    assert_int_equal(files(fixture), 10);
    assert_int_equal(state_of(review).bytes, 1000);
    service_review_close(review);
    review = open_review(fixture, 1, 350); /* a smaller bound holds at once */
    assert_int_equal(files(fixture), 3);
    fixture->now_us += 6 * DAY_US;
    assert_int_equal(keep(fixture, review, 1), 1);
    service_review_forget(review, fixture->now_us + 2 * DAY_US);
    assert_int_equal(files(fixture), 1);
    service_review_forget(review, fixture->now_us + 9 * DAY_US);
    assert_int_equal(files(fixture), 0);
    assert_int_equal(state_of(review).photo_count, 0);
    service_review_close(review);
}

/* Somebody's own file in the folder is never deleted, nor counted. */
static void test_foreign_files_stay(void **state)
{
    struct fixture *fixture = *state;
    char path[2 * TEMP_PATH_SIZE];
    struct service_review *review = open_review(fixture, 1, 1000);

    (void)snprintf(path, sizeof path, "%s/notes.txt", fixture->path);
    assert_int_equal(fs_write(path, (struct bytes){(const uint8_t *)"x", 1}, NULL), ST_OK);
    service_review_close(review);
    review = open_review(fixture, 1, 1000);
    assert_int_equal(state_of(review).photo_count, 0);
    assert_int_equal(keep(fixture, review, 30), 30);
    service_review_forget(review, fixture->now_us + 100 * DAY_US);
    assert_true(fs_exists(path));
    service_review_close(review);
}

static void test_a_photo_that_cannot_be_written(void **state)
{
    struct fixture *fixture = *state;
    struct service_review *review = open_review(fixture, 1, 1000);

    temp_folder_remove(fixture->path); /* not even root can write where there is no folder */
    assert_int_equal(keep(fixture, review, 3), 0);
    assert_int_equal(state_of(review).failed, 3);
    assert_int_equal(state_of(review).photo_count, 0);
    service_review_close(review);
}

static int open_fixture(void **state)
{
    struct fixture *fixture = mem_alloc(1, sizeof *fixture);

    fixture->now_us = START;
    fixture->clock.manual_us = &fixture->now_us;
    temp_folder_open(&fixture->folder);
    (void)snprintf(fixture->path, sizeof fixture->path, "%s/review", fixture->folder.path);
    *state = fixture;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *fixture = *state;

    temp_folder_close(&fixture->folder);
    mem_free(fixture);
    return 0;
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_share_is_kept),
        CASE(test_the_photo_and_its_probability),
        CASE(test_the_oldest_go_first),
        CASE(test_foreign_files_stay),
        CASE(test_a_photo_that_cannot_be_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
