/* tests/support/make_model.c - writes a small weights file whose verdict is fixed in advance:
 * make_model real|ai|looking FILE.  Random weights, a calibration that drowns them; "looking":
 * real, and it gives embeddings. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "detect/convention.h"
#include "detect/frontend.h"
#include "detect/statistics.h"
#include "nn/graph.h"
#include "nn/weights.h"

#define CROP_SIDE 64

/* Statistics that are as they are and count for nothing; an embedding of random ones. */
static float fill_tables(float *values, const struct nn_graph *graph, struct rng *rng)
{
    const struct nn_table *statistics = nn_graph_table(graph, DETECT_STATISTICS_TABLE);
    const struct nn_table *embedding = nn_graph_table(graph, DETECT_EMBEDDING_TABLE);

    if (!embedding)
        return 0;
    float *table = values + graph->parameters[statistics->parameter].offset;
    float *directions = values + graph->parameters[embedding->parameter].offset;
    for (int i = 0; i < DETECT_STATISTICS_COUNT; i++)
        table[DETECT_STATISTICS_DEVIATION * DETECT_STATISTICS_COUNT + i] = 1;
    for (int i = 0; i < DETECT_EMBEDDING_SIZE * DETECT_STATISTICS_COUNT; i++)
        directions[i] = 0.1F * (float)rng_normal(rng);
    return 0.001F;
}

static enum status save(const char *path, float bias, const struct nn_graph *graph, struct err *err)
{
    struct detect_convention convention = {.version = "test-model",
                                           .crop_side = CROP_SIDE,
                                           .crop_count = 4,
                                           .scale = 0.001F,
                                           .bias = bias,
                                           .threshold = 0.5,
                                           .threshold_fpr_1 = 0.9,
                                           .threshold_fpr_5 = 0.7};
    struct nn_metadata metadata[DETECT_CONVENTION_KEYS];
    char text[DETECT_CONVENTION_KEYS][DETECT_CONVENTION_TEXT];
    struct rng rng = rng_seed(1);
    float *values = mem_alloc(graph->float_count, sizeof(*values));
    enum status st;

    nn_graph_initialise(values, graph, &rng);
    convention.statistics_scale = fill_tables(values, graph, &rng);
    int count = detect_convention_write(metadata, text, &convention);
    st = nn_weights_save(path, graph, values, metadata, count, err);
    mem_free(values);
    return st;
}

int main(int argc, char **argv)
{
    char network[512];
    struct nn_graph *graph = NULL;
    struct err err = {.code = ST_OK};

    bool looking = argc == 3 && strcmp(argv[1], "looking") == 0;
    if (argc != 3 || (!looking && strcmp(argv[1], "real") != 0 && strcmp(argv[1], "ai") != 0)) {
        fprintf(stderr, "usage: make_model real|ai|looking FILE\n");
        return 64;
    }
    (void)snprintf(network, sizeof(network),
                   "input x channels=%d side=%d\n"
                   "conv a out=16 kernel=3 stride=2 norm relu\n"
                   "conv b out=16 kernel=3 stride=2 norm relu\n"
                   "conv c out=1 kernel=1 bias\n",
                   DETECT_FRONTEND_CHANNELS, CROP_SIDE);
    if (looking)
        (void)snprintf(network + strlen(network), sizeof(network) - strlen(network),
                       "table %s rows=%d columns=%d\ntable %s rows=%d columns=%d\n",
                       DETECT_STATISTICS_TABLE, DETECT_STATISTICS_ROW_COUNT,
                       DETECT_STATISTICS_COUNT, DETECT_EMBEDDING_TABLE, DETECT_EMBEDDING_SIZE,
                       DETECT_STATISTICS_COUNT);
    enum status st = nn_graph_open(&graph, str_of(network), &err);
    if (st == ST_OK)
        st = save(argv[2], argv[1][0] == 'a' ? 8.0F : -8.0F, graph, &err);
    if (st != ST_OK)
        fprintf(stderr, "make_model: %s\n", err.msg);
    nn_graph_close(graph);
    return st == ST_OK ? 0 : 70;
}
