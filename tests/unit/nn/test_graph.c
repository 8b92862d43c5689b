/* Networks as text: shapes, the table of parameters, initial values, and every refusal. */
#include "support/unit.h"

#include <math.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/rng.h"
#include "nn/graph.h"

static struct nn_graph *parse(const char *text)
{
    struct nn_graph *graph = NULL;
    struct err err = {0};

    if (nn_graph_open(&graph, str_of(text), &err) != ST_OK)
        fail_msg("%s", err.msg);
    return graph;
}

static void refuse(const char *text, enum status status, const char *part)
{
    struct nn_graph *graph = NULL;
    struct err err = {0};
    enum status st = nn_graph_open(&graph, str_of(text), &err);

    if (st != status || !strstr(err.msg, part))
        fail_msg("'%.60s' gives %s: %s (wanted '%s')", text, status_name(st), err.msg, part);
    assert_null(graph);
    assert_int_equal(nn_graph_open(&graph, str_of(text), NULL), status); /* nobody listens */
}

static const char every_kind[] = "# all kinds of layers\n"
                                 "input x channels=16 side=17\n"
                                 "\n"
                                 "conv a out=32 kernel=3 norm relu\n"
                                 "conv b out=32 kernel=3 norm relu\n"
                                 "conv sum out=32 kernel=3 norm add=a\n"
                                 "conv c kernel=3 stride=2 depthwise norm relu\n"
                                 "  conv d  out=8 kernel=1 stride=2 bias from=sum \r\n"
                                 "max_pool e kernel=2 stride=2 from=c\n"
                                 "average_pool f kernel=3\n"
                                 "average_pool g\n"
                                 "linear h out=5\n";

static void check_shape(const struct nn_graph *graph, int i, const char *name, int channels,
                        int side, int from)
{
    const struct nn_node *node = &graph->nodes[i];

    assert_string_equal(node->name, name);
    assert_int_equal(node->channels, channels);
    assert_int_equal(node->height, side);
    assert_int_equal(node->width, side);
    assert_int_equal(node->from, from);
}

static void test_shapes(void **state)
{
    (void)state;
    struct nn_graph *g = parse(every_kind);

    assert_int_equal(g->node_count, 10);
    check_shape(g, 0, "x", 16, 17, -1);
    check_shape(g, 1, "a", 32, 17, 0);
    check_shape(g, 2, "b", 32, 17, 1);
    check_shape(g, 3, "sum", 32, 17, 2);
    check_shape(g, 4, "c", 32, 9, 3);
    check_shape(g, 5, "d", 8, 9, 3);
    check_shape(g, 6, "e", 32, 4, 4);
    check_shape(g, 7, "f", 32, 2, 6);
    check_shape(g, 8, "g", 32, 1, 7);
    check_shape(g, 9, "h", 5, 1, 8);
    assert_int_equal(g->nodes[3].add, 1);
    assert_true(g->nodes[9].bias);
    assert_string_equal(g->text, every_kind);
    nn_graph_close(g);
    nn_graph_close(NULL);
}

static void test_last_uses(void **state)
{
    (void)state;
    struct nn_graph *g = parse("input x channels=1 side=4\n"
                               "conv a out=4 kernel=3\n"
                               "conv b out=4 kernel=3 from=x\n"
                               "conv c out=4 kernel=3 add=a\n"
                               "conv unread out=4 kernel=1\n"
                               "conv d out=4 kernel=1 from=c\n");
    static const int want[] = {2, 3, 3, 5, 4, 5};

    for (int i = 0; i < g->node_count; i++)
        assert_int_equal(g->nodes[i].last_use, want[i]);
    nn_graph_close(g);
}

static void check_parameter(const struct nn_graph *g, const char *name, size_t count, bool trained,
                            bool decayed)
{
    for (int i = 0; i < g->parameter_count; i++) {
        const struct nn_parameter *p = &g->parameters[i];
        if (strcmp(p->name, name) != 0)
            continue;
        assert_int_equal(p->count, count);
        assert_int_equal(p->trained, trained);
        assert_int_equal(p->decayed, decayed);
        assert_int_equal(p->offset + p->count <= g->trained_count, trained);
        return;
    }
    fail_msg("no parameter '%s'", name);
}

static void test_parameters(void **state)
{
    (void)state;
    struct nn_graph *g = parse(every_kind);
    size_t total = 0;

    check_parameter(g, "a.weight", 32 * 16 * 9, true, true);
    check_parameter(g, "a.norm.weight", 32, true, false);
    check_parameter(g, "a.norm.bias", 32, true, false);
    check_parameter(g, "a.norm.running_mean", 32, false, false);
    check_parameter(g, "a.norm.running_var", 32, false, false);
    check_parameter(g, "c.weight", 32 * 9, true, true);
    check_parameter(g, "d.weight", 8 * 32, true, true);
    check_parameter(g, "d.bias", 8, true, false);
    check_parameter(g, "h.weight", 5 * 32, true, true);
    check_parameter(g, "h.bias", 5, true, false);
    assert_int_equal(g->parameter_count, 4 * 5 + 2 + 2);
    for (int i = 0; i < g->parameter_count; i++) { /* no gap, no overlap */
        const struct nn_parameter *p = &g->parameters[i];
        total += p->count;
        for (int j = 0; j < i; j++) {
            const struct nn_parameter *q = &g->parameters[j];
            assert_true(p->offset >= q->offset + q->count || q->offset >= p->offset + p->count);
        }
    }
    assert_int_equal(total, g->float_count);
    assert_int_equal(g->float_count - g->trained_count, 4 * 2 * 32);
    nn_graph_close(g);
}

/* nn_training binds a norm's scale and shift as one tensor: shift must follow scale. */
static void test_norm_shift_follows_scale(void **state)
{
    (void)state;
    struct nn_graph *g = parse(every_kind);

    for (int i = 0; i < g->node_count; i++) {
        const struct nn_node *node = &g->nodes[i];
        if (node->norm)
            assert_int_equal(g->parameters[node->norm_bias].offset,
                             g->parameters[node->norm_weight].offset + (size_t)node->channels);
    }
    nn_graph_close(g);
}

static void test_multiply_adds(void **state)
{
    (void)state;
    struct nn_graph *g = parse("input x channels=16 side=8\nconv a out=32 kernel=3 stride=2 norm\n"
                               "conv b kernel=3 depthwise\naverage_pool p\nlinear h out=5\n");

    assert_int_equal(nn_graph_multiply_adds(g), 4 * 4 * 32 * 16 * 9 + 4 * 4 * 32 * 9 + 32 * 5);
    nn_graph_close(g);
}

static void test_initialisation(void **state)
{
    (void)state;
    struct nn_graph *g = parse("input x channels=32 side=8\n"
                               "conv a out=64 kernel=3 norm relu\n"
                               "conv b out=64 kernel=3 norm relu\n"
                               "conv s out=64 kernel=3 norm add=a relu\n"
                               "conv c out=128 kernel=1 bias\n");
    float *values = mem_alloc(g->float_count, sizeof *values);
    struct rng rng = rng_seed(1);

    nn_graph_initialise(values, g, &rng);
    for (int i = 1; i < g->node_count; i++) {
        const struct nn_node *node = &g->nodes[i];
        const struct nn_parameter *w = &g->parameters[node->weight];
        double want = (node->norm ? 2.0 : 1.0) / ((double)w->dims[1] * node->kernel * node->kernel);
        double mean = 0;
        double variance = 0;
        for (size_t k = 0; k < w->count; k++)
            mean += (double)values[w->offset + k] / (double)w->count;
        for (size_t k = 0; k < w->count; k++)
            variance += pow((double)values[w->offset + k] - mean, 2) / (double)w->count;
        assert_true(fabs(mean) < 4 * sqrt(want / (double)w->count));
        assert_true(fabs(variance / want - 1) < 0.07);
        if (!node->norm)
            continue;
        for (int c = 0; c < node->channels; c++) {
            float scale = values[g->parameters[node->norm_weight].offset + (size_t)c];
            assert_true(scale == (node->add >= 0 ? 0.0f : 1.0f));
            assert_true(values[g->parameters[node->norm_bias].offset + (size_t)c] == 0);
            assert_true(values[g->parameters[node->norm_mean].offset + (size_t)c] == 0);
            assert_true(values[g->parameters[node->norm_variance].offset + (size_t)c] == 1);
        }
    }
    mem_free(values);
    nn_graph_close(g);
}

static void test_fold(void **state)
{
    (void)state;
    struct nn_graph *g = parse("input x channels=2 side=4\nconv a out=3 kernel=1 bias norm\n");
    float values[2 * 3 + 3 + 12];
    float weight[6];
    float bias[3];

    for (size_t i = 0; i < g->float_count; i++)
        values[i] = 0.5f + 0.25f * (float)i;
    nn_graph_fold(weight, bias, g, &g->nodes[1], values);
    for (int c = 0; c < 3; c++) {
        double factor = (double)values[9 + c] / sqrt((double)values[18 + c] + 1e-5);
        for (int k = 0; k < 2; k++)
            assert_true(fabs((double)weight[2 * c + k] - (double)values[2 * c + k] * factor) <
                        1e-5);
        assert_true(fabs((double)bias[c] - ((double)values[12 + c] +
                                            (double)(values[6 + c] - values[15 + c]) * factor)) <
                    1e-5);
    }
    nn_graph_close(g);
}

#define INPUT "input x channels=4 side=8\n"

static void test_refusals_name_the_line(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum status status;
        const char *part;
    } cases[] = {
        {"", ST_INVALID, "an input and one layer"},
        {INPUT, ST_INVALID, "an input and one layer"},
        {"conv a out=4\n", ST_INVALID, "line 1: "},
        {INPUT "input y channels=4 side=8", ST_INVALID, "line 2: the first line is"},
        {"input x side=8", ST_INVALID, "line 1: the first line is"},
        {INPUT "\n# note\nconvolution a out=4", ST_INVALID, "line 4: unknown layer 'convolution'"},
        {INPUT "conv", ST_INVALID, "line 2: a layer needs a name"},
        {INPUT "conv a.b out=4", ST_INVALID, "line 2: a layer needs a name"},
        {INPUT "conv x out=4", ST_INVALID, "line 2: a layer needs a name of its own"},
        {INPUT "conv a234567890123456789012345678901x out=4", ST_INVALID, "line 2: a layer needs"},
        {INPUT "conv a out=4 colour=3", ST_INVALID, "line 2: unknown attribute 'colour'"},
        {INPUT "conv a out=0", ST_INVALID, "line 2: out takes a whole number from 1 to 2048"},
        {INPUT "conv a out=2049", ST_INVALID, "line 2: out takes"},
        {INPUT "conv a out", ST_INVALID, "line 2: out takes"},
        {"input x channels=4 side=2049", ST_INVALID, "line 1: side takes"},
        {INPUT "conv a", ST_INVALID, "line 2: conv needs out="},
        {INPUT "conv a out=4 kernel=5", ST_UNSUPPORTED, "line 2: conv takes kernel=1 or 3"},
        {INPUT "conv a out=4 kernel=9", ST_INVALID, "line 2: kernel takes"},
        {INPUT "conv a out=4 stride=3", ST_UNSUPPORTED, "line 2: conv takes stride=1 or 2"},
        {INPUT "conv a kernel=1 depthwise", ST_UNSUPPORTED, "line 2: depthwise takes kernel=3"},
        {INPUT "table t rows=3", ST_INVALID, "line 2: table needs rows= and columns="},
        {INPUT "table t rows=65537 columns=1", ST_INVALID, "line 2: rows takes"},
        {INPUT "table x rows=3 columns=4", ST_INVALID, "line 2: a layer needs a name of its own"},
        {INPUT "table t rows=1 columns=1", ST_INVALID, "an input and one layer"},
        {INPUT "max_pool a depthwise", ST_INVALID, "line 2: only conv takes depthwise"},
        {INPUT "max_pool a relu", ST_INVALID, "line 2: only conv and linear take"},
        {INPUT "upsample a relu", ST_INVALID, "line 2: only conv and linear take"},
        {INPUT "upsample a limit=2", ST_INVALID, "line 2: only soft_clamp takes limit="},
        {INPUT "conv a out=4 groups=2", ST_INVALID, "line 2: only group_norm takes groups="},
        {INPUT "conv a out=4 height=2", ST_INVALID, "line 2: only input takes side=, height="},
        {INPUT "soft_clamp a", ST_INVALID, "line 2: soft_clamp needs limit="},
        {INPUT "group_norm a groups=3", ST_INVALID, "line 2: group_norm needs groups=, a divisor"},
        {INPUT "group_norm a", ST_INVALID, "line 2: group_norm needs groups="},
        {"input x channels=4 height=8", ST_INVALID, "line 1: the first line is"},
        {"input x channels=4 height=8 width=8 side=8", ST_INVALID, "line 1: the first line is"},
        {"input x channels=1 height=1025 width=1\nupsample a", ST_LIMIT,
         "line 2: a map of 1x1025, twice as large, is over 2048"},
        {"input x channels=4 height=8 width=6\naverage_pool a", ST_UNSUPPORTED,
         "line 2: a pool over the whole map of 6x8: not square"},
        {"input x channels=4 side=8 norm", ST_INVALID, "line 1: only conv and linear take"},
        {INPUT "conv a out=4 relu=no", ST_INVALID, "line 2: relu takes no value"},
        {INPUT "conv a out=4 from=", ST_INVALID, "line 2: from= names no layer above"},
        {INPUT "conv a out=4 from=a", ST_INVALID, "line 2: from= names no layer above"},
        {INPUT "conv a out=4 add=b", ST_INVALID, "line 2: add= names no layer above"},
        {INPUT "conv a out=4 add=", ST_INVALID, "line 2: add= names no layer above"},
        {INPUT "conv a out=4\nconv b out=4 add=a", ST_UNSUPPORTED,
         "line 3: add= takes another layer"},
        {INPUT "conv a out=4\nconv b out=8\nconv c out=8 add=a", ST_INVALID,
         "line 4: add= of 4x8x8 to 8x8x8"},
        {INPUT "conv a out=4\nmax_pool b\nmax_pool c kernel=2 add=a", ST_INVALID, "line 4: "},
        {INPUT "max_pool a kernel=3\nmax_pool b kernel=7", ST_INVALID,
         "line 3: a pool of 7 is over its input of 6"},
        {INPUT "linear a out=4", ST_INVALID, "line 2: linear needs out= and a 1x1 input"},
        {INPUT "max_pool p\nlinear a", ST_INVALID, "line 3: linear needs out="},
        {INPUT "conv a out=4\nconv b out=4\nconv c out=4 add=a\nconv d out=4 from=a",
         ST_UNSUPPORTED, "layer 'c' adds 'a', which is read again later"},
        {INPUT "conv a out=4\nconv b out=4\nconv c out=4 add=a\nconv d out=4 add=a", ST_UNSUPPORTED,
         "layer 'c' adds 'a'"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        refuse(cases[i].text, cases[i].status, cases[i].part);
}

static void test_tables_stand_behind_the_network(void **state)
{
    (void)state;
    struct nn_graph *graph = parse(INPUT "table t rows=3 columns=5\nconv a out=4 norm\n"
                                         "table u rows=1 columns=2");
    const struct nn_table *table = nn_graph_table(graph, "t");

    assert_non_null(table);
    assert_null(nn_graph_table(graph, "a"));
    assert_int_equal(graph->node_count, 2);
    assert_int_equal(graph->network_count, 4 * 4 + 4 * 4);
    assert_int_equal(graph->float_count, graph->network_count + 15 + 2);
    const struct nn_parameter *values = &graph->parameters[table->parameter];
    assert_string_equal(values->name, "t.values");
    assert_int_equal(values->offset, graph->network_count);
    assert_int_equal(values->count, 15);
    assert_false(values->trained);
    nn_graph_close(graph);
}

static void test_generator_layers(void **state)
{
    (void)state;
    struct nn_graph *graph = parse("input x channels=8 height=6 width=10\nsoft_clamp c limit=3\n"
                                   "upsample u\ngroup_norm g groups=2 relu\nconv a out=4\n");
    const struct nn_node *norm = &graph->nodes[3];

    assert_int_equal(graph->nodes[0].height, 6);
    assert_int_equal(graph->nodes[1].limit, 3);
    assert_int_equal(graph->nodes[2].height, 12);
    assert_int_equal(graph->nodes[2].width, 20);
    assert_int_equal(norm->groups, 2);
    assert_true(norm->relu && !norm->norm);
    assert_string_equal(graph->parameters[norm->norm_weight].name, "g.weight");
    assert_string_equal(graph->parameters[norm->norm_bias].name, "g.bias");
    assert_int_equal(graph->float_count, 8 + 8 + 8 * 4);
    assert_int_equal(nn_graph_multiply_adds(graph), 8 * 4 * 12 * 20);
    nn_graph_close(graph);
}

static bool fits_blocks(const char *text)
{
    struct nn_graph *graph = parse(text);
    bool fits = nn_graph_fits_blocks(graph, 16);

    nn_graph_close(graph);
    return fits;
}

#define DEEP "input x channels=16 side=8\n"

static void test_fits_blocks(void **state)
{
    (void)state;

    assert_true(fits_blocks(DEEP "conv a out=32\nconv b out=16\n"));
    assert_true(fits_blocks(DEEP "conv a out=32\naverage_pool b\nlinear c out=48\n"));
    assert_false(fits_blocks(DEEP "conv a out=24\nconv b out=16\n"));
    assert_false(fits_blocks(DEEP "conv a out=16\nconv b out=32\n")); /* deep output */
    assert_false(fits_blocks("input x channels=32 side=8\nconv a out=16\n"));
}

static void test_limits(void **state)
{
    (void)state;
    struct buf text;

    buf_init(&text, 1u << 20);
    buf_add_str(&text, INPUT);
    for (int i = 1; i <= NN_NODES_MAX; i++)
        buf_printf(&text, "conv a%d out=1\n", i);
    refuse(buf_str(&text).at, ST_LIMIT, "line 129: over 128 layers");
    buf_reset(&text);
    buf_add_str(&text, INPUT);
    for (int i = 1; i < 120; i++)
        buf_printf(&text, "conv a%d out=1 bias norm\n", i);
    refuse(buf_str(&text).at, ST_LIMIT, "over 512 parameter tensors");
    buf_reset(&text);
    buf_add_str(&text, "input x channels=2048 side=1\n");
    for (int i = 1; i < 3; i++)
        buf_printf(&text, "conv a%d out=2048 kernel=3\n", i);
    refuse(buf_str(&text).at, ST_LIMIT, "over 67108864 parameters");
    buf_reset(&text);
    buf_add_str(&text, INPUT "#");
    while (text.len < NN_TEXT_MAX)
        buf_add_str(&text, "#");
    refuse(buf_str(&text).at, ST_LIMIT, "over 16384 bytes");
    buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_last_uses),
        cmocka_unit_test(test_parameters),
        cmocka_unit_test(test_norm_shift_follows_scale),
        cmocka_unit_test(test_multiply_adds),
        cmocka_unit_test(test_initialisation),
        cmocka_unit_test(test_fold),
        cmocka_unit_test(test_refusals_name_the_line),
        cmocka_unit_test(test_tables_stand_behind_the_network),
        cmocka_unit_test(test_generator_layers),
        cmocka_unit_test(test_fits_blocks),
        cmocka_unit_test(test_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
