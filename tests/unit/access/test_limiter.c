/* Token buckets under a clock of our own: bursts, refills, and a table that never grows. */
#include "support/unit.h"

#include "access/limiter.h"
#include "base/mem.h"

#define SECOND_US INT64_C(1000000)

static const struct access_limit thirty = {.per_minute = 30, .burst = 30};

static uint64_t subject_of(const struct access_limiter *limiter, unsigned kind, uint32_t number)
{
    return access_limiter_subject(limiter, kind,
                                  (struct bytes){(const uint8_t *)&number, sizeof number});
}

static struct access_allowance take(struct access_limiter *limiter, uint64_t subject, int64_t now)
{
    struct access_allowance allowance;

    access_limiter_take(&allowance, limiter, subject, &thirty, now);
    return allowance;
}

static struct access_limiter *open_limiter(size_t count)
{
    struct access_limiter *limiter = NULL;
    struct err err;

    assert_int_equal(access_limiter_open(&limiter, count, 7, &err), ST_OK);
    return limiter;
}

static void test_burst_then_refill(void **state)
{
    struct access_limiter *limiter = open_limiter(64);
    uint64_t subject = subject_of(limiter, 0, 1);
    int64_t now = 5 * SECOND_US;

    (void)state;
    for (unsigned i = 0; i < 30; i++) {
        struct access_allowance one = take(limiter, subject, now);
        assert_true(one.allowed);
        assert_int_equal(one.limit, 30);
        assert_int_equal(one.remaining, 29 - i);
        assert_int_equal(one.reset_s, 2 * (i + 1));
        assert_int_equal(one.retry_after_s, 0);
    }
    struct access_allowance refused = take(limiter, subject, now);
    assert_false(refused.allowed);
    assert_int_equal(refused.remaining, 0);
    assert_int_equal(refused.retry_after_s, 2);
    assert_false(take(limiter, subject, now + 2 * SECOND_US - 1).allowed);
    assert_true(take(limiter, subject, now + 2 * SECOND_US).allowed);
    assert_false(take(limiter, subject, now + 2 * SECOND_US).allowed);
    /* never more than a burst, however long it was quiet */
    assert_int_equal(take(limiter, subject, now + 9000 * SECOND_US).remaining, 29);
    access_limiter_close(limiter);
}

static void test_a_refusal_costs_nothing(void **state)
{
    struct access_limiter *limiter = open_limiter(64);
    uint64_t subject = subject_of(limiter, 0, 1);

    (void)state;
    for (int i = 0; i < 1000; i++)
        (void)take(limiter, subject, 0);
    assert_true(take(limiter, subject, 2 * SECOND_US).allowed);
    access_limiter_close(limiter);
}

static void test_subjects_and_kinds_are_apart(void **state)
{
    struct access_limiter *limiter = open_limiter(1024);

    (void)state;
    for (int i = 0; i < 30; i++)
        (void)take(limiter, subject_of(limiter, 0, 1), 0);
    assert_false(take(limiter, subject_of(limiter, 0, 1), 0).allowed);
    assert_true(take(limiter, subject_of(limiter, 0, 2), 0).allowed);
    assert_true(take(limiter, subject_of(limiter, 1, 1), 0).allowed);
    assert_int_not_equal(
        access_limiter_subject(limiter, 0, (struct bytes){(const uint8_t *)"ab\0", 3}),
        access_limiter_subject(limiter, 0, (struct bytes){(const uint8_t *)"ab", 2}));
    access_limiter_close(limiter);
}

static void test_strangers_do_not_grow_the_table(void **state)
{
    struct access_limiter *limiter = open_limiter(4096);
    size_t before = mem_allocation_count();
    uint64_t busy = subject_of(limiter, 0, UINT32_MAX);
    unsigned allowed = 0;

    (void)state;
    /* 200,000 addresses in 20 s; the one that asks all the time is never the quietest. */
    for (uint32_t i = 0; i < 200000; i++) {
        int64_t now = (int64_t)i * 100;
        assert_true(take(limiter, subject_of(limiter, 0, i), now).allowed);
        allowed += take(limiter, busy, now).allowed;
    }
    assert_int_equal(mem_allocation_count(), before);
    assert_in_range(allowed, 30, 40); /* 30 and 10 more in 20 s */
    access_limiter_close(limiter);
}

static void test_size(void **state)
{
    struct access_limiter *limiter = NULL;
    struct err err;

    (void)state;
    assert_int_equal(access_limiter_open(&limiter, ACCESS_BUCKETS_MAX + 1u, 0, &err), ST_LIMIT);
    assert_null(limiter);
    limiter = open_limiter(0);
    assert_true(take(limiter, subject_of(limiter, 0, 1), 0).allowed);
    access_limiter_close(limiter);
    access_limiter_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_burst_then_refill),
        cmocka_unit_test(test_a_refusal_costs_nothing),
        cmocka_unit_test(test_subjects_and_kinds_are_apart),
        cmocka_unit_test(test_strangers_do_not_grow_the_table),
        cmocka_unit_test(test_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
