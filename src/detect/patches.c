#include "detect/patches.h"

/* Puts the value of that rank in its place, none larger before it and none smaller behind: Hoare's
 * FIND (1961) as Wirth wrote it down. */
static void select_rank(float *values, ptrdiff_t count, ptrdiff_t rank)
{
    ptrdiff_t low = 0;
    ptrdiff_t high = count - 1;

    while (low < high) {
        float pivot = values[rank];
        ptrdiff_t left = low;
        ptrdiff_t right = high;
        while (left <= right) {
            while (values[left] < pivot)
                left++;
            while (pivot < values[right])
                right--;
            if (left > right)
                break;
            float kept = values[left];
            values[left++] = values[right];
            values[right--] = kept;
        }
        if (right < rank)
            low = left;
        if (rank < left)
            high = right;
    }
}

float detect_patches_median(float *values, size_t count)
{
    size_t middle = count / 2;

    REQUIRE(count > 0);
    select_rank(values, (ptrdiff_t)count, (ptrdiff_t)middle);
    if (count % 2)
        return values[middle];
    float below = values[0];
    for (size_t i = 1; i < middle; i++)
        below = MAX_OF(below, values[i]);
    return 0.5f * (below + values[middle]);
}
