/* tests/support/unit_arena.h - one arena for a test program: opened once, emptied after each case.
 * Pass open_arena and close_arena to the group, reset_arena as each case's teardown. */
#pragma once

#include "base/mem.h"

#define UNIT_ARENA_BYTES ((size_t)256 << 20)

static struct arena *arena;

static inline int open_arena(void **state)
{
    (void)state;
    return arena_open(&arena, UNIT_ARENA_BYTES, NULL) == ST_OK ? 0 : -1;
}

static inline int reset_arena(void **state)
{
    (void)state;
    arena_reset(arena);
    return 0;
}

static inline int close_arena(void **state)
{
    (void)state;
    arena_close(arena);
    return 0;
}
