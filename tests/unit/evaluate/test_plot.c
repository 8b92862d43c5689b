/* Geometry on numbers that can be worked out by hand, and what a hostile name becomes. */
#include <math.h>

#include "support/unit.h"

#include "evaluate/plot.h"

/* A field from (20, 10) to (120, 110): one unit of x or y is 100 units of the drawing. */
static const struct evaluate_plot plot = {.width = 130,
                                          .height = 140,
                                          .left = 20,
                                          .top = 10,
                                          .right = 10,
                                          .bottom = 30,
                                          .x = {0, 1, 0.5, 0.01, "x <1>"},
                                          .y = {-1, 1, 1, 1, "y"}};
static struct buf text;

static const char *written(void)
{
    buf_add(&text, "", 1);
    assert_int_equal(buf_check(&text, "drawing", NULL), ST_OK);
    return (const char *)text.at;
}

static int setup(void **state)
{
    (void)state;
    buf_init(&text, 1 << 16);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    buf_fini(&text);
    return 0;
}

static void test_values_become_places(void **state)
{
    (void)state;
    assert_true(evaluate_plot_x(&plot, 0) == 20);
    assert_true(evaluate_plot_x(&plot, 0.25) == 45);
    assert_true(evaluate_plot_x(&plot, 1) == 120);
    assert_true(evaluate_plot_y(&plot, 1) == 10);
    assert_true(evaluate_plot_y(&plot, 0) == 60);
    assert_true(evaluate_plot_y(&plot, -1) == 110);
}

static void test_a_line_leaves_out_what_is_not_finite(void **state)
{
    const struct evaluate_point points[] = {
        {0, -1}, {0.5, (double)NAN}, {0.5, 0}, {(double)INFINITY, 0}, {1, 1}};

    (void)state;
    evaluate_plot_line(&text, &plot, "tier0", points, ARRAY_LEN(points));
    assert_string_equal(written(), "<polyline class=\"line tier0\" points=\"20.0,110.0 70.0,60.0 "
                                   "120.0,10.0\"/>");
}

static void test_bars_grow_up_and_down_from_zero(void **state)
{
    (void)state;
    evaluate_plot_bar(&text, &plot, "ai", 0.5, (struct evaluate_point){0.75, 0.5}, "up");
    evaluate_plot_bar(&text, &plot, "real", 0.5, (struct evaluate_point){0.75, -0.5}, "down");
    assert_string_equal(written(), "<rect class=\"bar ai\" x=\"70.5\" y=\"35.0\" width=\"24.0\" "
                                   "height=\"25.0\"><title>up</title></rect>"
                                   "<rect class=\"bar real\" x=\"70.5\" y=\"60.0\" width=\"24.0\" "
                                   "height=\"25.0\"><title>down</title></rect>");
}

static void test_dots(void **state)
{
    (void)state;
    evaluate_plot_dot(&text, &plot, "tier1", (struct evaluate_point){0.1, -0.2}, 4, "a & b");
    assert_string_equal(written(), "<circle class=\"dot tier1\" cx=\"30.0\" cy=\"70.0\" "
                                   "r=\"4.0\"><title>a &amp; b</title></circle>");
}

/* Grid lines stand at multiples of the step, numbers are without sign and in the axis' unit. */
static void test_axes(void **state)
{
    (void)state;
    evaluate_plot_begin(&text, &plot, "name \"quoted\"");
    evaluate_plot_end(&text);
    const char *svg = written();
    assert_non_null(strstr(svg, "viewBox=\"0 0 130 140\""));
    assert_non_null(strstr(svg, "aria-label=\"name &quot;quoted&quot;\""));
    assert_non_null(strstr(svg, "x1=\"70.0\" y1=\"10.0\" x2=\"70.0\" y2=\"110.0\"")); /* 0.5 */
    assert_non_null(strstr(svg, ">50</text>"));
    assert_non_null(strstr(svg, ">100</text>"));
    assert_non_null(strstr(svg, "x1=\"20.0\" y1=\"60.0\" x2=\"120.0\" y2=\"60.0\"")); /* y = 0 */
    assert_null(strstr(svg, ">-1</text>"));
    assert_non_null(strstr(svg, "x &lt;1&gt;</text>"));
    size_t lines = 0;
    for (const char *at = svg; (at = strstr(at, "<line ")); at++)
        lines++;
    assert_int_equal(lines, 6); /* 0, 50, 100 %; -1, 0, 1 */
    assert_string_equal(svg + strlen(svg) - 7, "</svg>\n");
}

static void test_names_cannot_be_markup(void **state)
{
    (void)state;
    evaluate_html_text(&text, "<img src=x onerror='alert(1)'>&amp;\"");
    assert_string_equal(written(), "&lt;img src=x onerror=&#39;alert(1)&#39;&gt;&amp;amp;&quot;");
}

#define REPLACED "\xEF\xBF\xBD"
static void test_names_that_are_no_text(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"", ""},
        {"stra\xC3\x9F"
         "e \xE2\x82\xAC \xF0\x9F\x90\x88",
         "stra\xC3\x9F"
         "e \xE2\x82\xAC \xF0\x9F\x90\x88"},
        {"a\tb\nc\x7F", "a" REPLACED "b" REPLACED "c" REPLACED},
        {"gpj\xE2\x80\xAE.exe", "gpj" REPLACED ".exe"}, /* right to left from here on */
        {"\xC3", REPLACED},                             /* cut off */
        {"\xC3<", REPLACED "&lt;"},
        {"\xC0\xBC", REPLACED REPLACED},                           /* '<', longer than it must be */
        {"\xE0\x80\xBC", REPLACED REPLACED REPLACED},              /* the same */
        {"\xED\xA0\x80", REPLACED REPLACED REPLACED},              /* half a pair */
        {"\xF4\x90\x80\x80", REPLACED REPLACED REPLACED REPLACED}, /* over U+10FFFF */
        {"\xFF\xFE", REPLACED REPLACED},
        {"\xC2\x85x", REPLACED "x"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        buf_reset(&text);
        evaluate_html_text(&text, cases[i].in);
        assert_string_equal(written(), cases[i].out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_values_become_places, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_line_leaves_out_what_is_not_finite, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bars_grow_up_and_down_from_zero, setup, teardown),
        cmocka_unit_test_setup_teardown(test_dots, setup, teardown),
        cmocka_unit_test_setup_teardown(test_axes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_names_cannot_be_markup, setup, teardown),
        cmocka_unit_test_setup_teardown(test_names_that_are_no_text, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
