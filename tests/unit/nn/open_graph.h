/* tests/unit/nn/open_graph.h - a network from its text, or a failed test.  After support/unit.h. */
#pragma once

#include "nn/graph.h"

static inline struct nn_graph *open_graph(const char *text)
{
    struct nn_graph *graph = NULL;
    struct err err = {0};

    if (nn_graph_open(&graph, str_of(text), &err) != ST_OK)
        fail_msg("%s", err.msg);
    return graph;
}
