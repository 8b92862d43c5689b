/* tests/support/unit.h - what every cmocka test needs, in the order cmocka wants it. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Exit status that CTest counts as skipped. */
#define TEST_SKIPPED 77
