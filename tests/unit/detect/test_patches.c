/* The median against sorting. */
#include "support/unit.h"

#include <stdlib.h>

#include "base/rng.h"
#include "detect/patches.h"

#define COUNT_MAX 577

static int compare(const void *a, const void *b)
{
    float left = *(const float *)a;
    float right = *(const float *)b;

    return (left > right) - (left < right);
}

static void test_median(void **state)
{
    (void)state;
    struct rng rng = rng_seed(5);

    for (size_t count = 1; count <= COUNT_MAX; count += 1 + count / 40)
        for (uint32_t levels = 1; levels < 5000; levels *= 7) {
            float values[COUNT_MAX];
            float sorted[COUNT_MAX];
            for (size_t i = 0; i < count; i++) /* few levels: many are equal */
                sorted[i] = values[i] = (float)rng_below(&rng, levels) - 2;
            qsort(sorted, count, sizeof *sorted, compare);
            float expected = 0.5f * (sorted[(count - 1) / 2] + sorted[count / 2]);
            assert_true(detect_patches_median(values, count) == expected);
            qsort(values, count, sizeof *values, compare);
            assert_memory_equal(values, sorted, count * sizeof *values); /* the same values */
        }
}

static void test_sorted_values(void **state)
{
    (void)state;
    float rising[100];
    float falling[100];

    for (int i = 0; i < 100; i++) {
        rising[i] = (float)i;
        falling[i] = (float)(99 - i);
    }
    assert_true(detect_patches_median(rising, 100) == 49.5f);
    assert_true(detect_patches_median(falling, 100) == 49.5f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_median),
        cmocka_unit_test(test_sorted_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
