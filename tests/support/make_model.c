/* tests/support/make_model.c - writes a small weights file whose verdict is fixed in advance:
 * make_model real|ai FILE.  Random weights, a calibration that drowns them. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "detect/convention.h"
#include "detect/frontend.h"
#include "nn/graph.h"
#include "nn/weights.h"

#define CROP_SIDE 64

static enum status save(const char *path, float bias, const struct nn_graph *graph, struct err *err)
{
    const struct detect_convention convention = {.version = "test-model",
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

    if (argc != 3 || (strcmp(argv[1], "real") != 0 && strcmp(argv[1], "ai") != 0)) {
        fprintf(stderr, "usage: make_model real|ai FILE\n");
        return 64;
    }
    (void)snprintf(network, sizeof(network),
                   "input x channels=%d side=%d\n"
                   "conv a out=16 kernel=3 stride=2 norm relu\n"
                   "conv b out=16 kernel=3 stride=2 norm relu\n"
                   "conv c out=1 kernel=1 bias",
                   DETECT_FRONTEND_CHANNELS, CROP_SIDE);
    enum status st = nn_graph_open(&graph, str_of(network), &err);
    if (st == ST_OK)
        st = save(argv[2], argv[1][0] == 'a' ? 8.0F : -8.0F, graph, &err);
    if (st != ST_OK)
        fprintf(stderr, "make_model: %s\n", err.msg);
    nn_graph_close(graph);
    return st == ST_OK ? 0 : 70;
}
