/* Fuzz target: a network description.  What is accepted has sound indices, shapes and a parameter
 * block without gaps; what is refused says why. */
#include <stddef.h>
#include <stdint.h>

#include "nn/graph.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_node(const struct nn_graph *graph, int i)
{
    const struct nn_node *node = &graph->nodes[i];

    REQUIRE(node->from >= (i ? 0 : -1) && node->from < i && node->add < i);
    REQUIRE(node->last_use >= i && node->last_use < graph->node_count);
    REQUIRE(node->channels >= 1 && node->channels <= NN_CHANNELS_MAX);
    REQUIRE(node->height >= 1 && node->height <= NN_SIDE_MAX);
    REQUIRE(node->width >= 1 && node->width <= NN_SIDE_MAX);
    REQUIRE(node->weight < graph->parameter_count && node->offset < graph->parameter_count);
    REQUIRE((node->norm_weight >= 0) == (node->norm || node->op == NN_GROUP_NORM));
    REQUIRE((node->norm_variance >= 0) == node->norm);
    REQUIRE(node->op != NN_GROUP_NORM || node->channels % node->groups == 0);
    REQUIRE((node->op == NN_INPUT) == (i == 0));
    if (node->add >= 0)
        REQUIRE(graph->nodes[node->add].channels == node->channels &&
                graph->nodes[node->add].last_use == i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nn_graph *graph = NULL;
    struct err err = {0};
    size_t floats = 0;

    if (nn_graph_open(&graph, (struct str){.at = (const char *)data, .len = size}, &err) != ST_OK) {
        REQUIRE(graph == NULL && err.msg[0] != '\0');
        return 0;
    }
    REQUIRE(graph->node_count >= 2 && graph->node_count <= NN_NODES_MAX);
    for (int i = 0; i < graph->node_count; i++)
        check_node(graph, i);
    for (int i = 0; i < graph->parameter_count; i++) {
        REQUIRE(graph->parameters[i].offset + graph->parameters[i].count <= graph->float_count);
        floats += graph->parameters[i].count;
    }
    REQUIRE(floats == graph->float_count && floats <= NN_FLOATS_MAX);
    nn_graph_close(graph);
    return 0;
}
