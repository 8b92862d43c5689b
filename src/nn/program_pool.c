#include "nn/dnnl_internal.h"

static enum status plan_pool(dnnl_primitive_desc_t *out, struct nn_program *program,
                             const struct nn_pool *pool, const dnnl_memory_desc_t *in,
                             const dnnl_memory_desc_t *made, struct err *err)
{
    dnnl_pooling_desc_t operation;
    const dnnl_dims_t strides = {pool->stride, pool->stride};
    const dnnl_dims_t kernel = {pool->kernel, pool->kernel};
    const dnnl_dims_t pads = {0, 0};
    enum status st = nn_dnnl_check(
        dnnl_pooling_forward_desc_init(
            &operation, pool->training ? dnnl_forward_training : dnnl_forward_inference,
            pool->kind == NN_POOL_MAX ? dnnl_pooling_max : dnnl_pooling_avg_exclude_padding, in,
            made, strides, kernel, pads, pads),
        "pool", err);

    return st == ST_OK ? nn_dnnl_plan(out, program, &operation, NULL, NULL, "pool", err) : st;
}

enum status nn_program_pool(struct nn_program *program, struct nn_pool *pool,
                            const struct nn_tensor *in, const struct nn_tensor *out,
                            struct err *err)
{
    dnnl_memory_desc_t in_desc = nn_dnnl_tensor(program, in);
    dnnl_memory_desc_t out_desc = nn_dnnl_tensor(program, out);
    dnnl_primitive_desc_t desc = NULL;
    struct step *step = NULL;
    void *positions = NULL;
    enum status st = plan_pool(&desc, program, pool, &in_desc, &out_desc, err);

    if (st != ST_OK)
        return st;
    const dnnl_memory_desc_t *workspace =
        dnnl_primitive_desc_query_md(desc, dnnl_query_workspace_md, 0);
    size_t workspace_size = workspace ? dnnl_memory_desc_get_size(workspace) : 0;
    if (workspace_size)
        st = nn_dnnl_allocate(&positions, program, workspace_size, err);
    pool->positions = positions;
    if (st == ST_OK)
        st = nn_dnnl_add_primitive(&step, program, desc, err);
    if (st == ST_OK)
        st = nn_dnnl_add_argument(program, step, DNNL_ARG_SRC, &in_desc, in->at, err);
    if (st == ST_OK)
        st = nn_dnnl_add_argument(program, step, DNNL_ARG_DST, &out_desc, out->at, err);
    if (st == ST_OK && positions)
        st = nn_dnnl_add_argument(program, step, DNNL_ARG_WORKSPACE, workspace, positions, err);
    nn_dnnl_drop(desc);
    return st;
}

enum status nn_program_pool_backward(struct nn_program *program, const struct nn_pool *pool,
                                     const struct nn_tensor *in_gradient,
                                     const struct nn_tensor *out_gradient, struct err *err)
{
    dnnl_memory_desc_t in_desc = nn_dnnl_tensor(program, in_gradient);
    dnnl_memory_desc_t out_desc = nn_dnnl_tensor(program, out_gradient);
    const dnnl_dims_t strides = {pool->stride, pool->stride};
    const dnnl_dims_t kernel = {pool->kernel, pool->kernel};
    const dnnl_dims_t pads = {0, 0};
    dnnl_pooling_desc_t operation;
    dnnl_primitive_desc_t forward = NULL;
    dnnl_primitive_desc_t desc = NULL;
    struct step *step = NULL;
    enum status st = plan_pool(&forward, program, pool, &in_desc, &out_desc, err);

    if (st == ST_OK)
        st = nn_dnnl_check(
            dnnl_pooling_backward_desc_init(
                &operation,
                pool->kind == NN_POOL_MAX ? dnnl_pooling_max : dnnl_pooling_avg_exclude_padding,
                &in_desc, &out_desc, strides, kernel, pads, pads),
            "pool backward", err);
    if (st == ST_OK)
        st = nn_dnnl_plan(&desc, program, &operation, NULL, forward, "pool backward", err);
    if (st == ST_OK)
        st = nn_dnnl_add_primitive(&step, program, desc, err);
    if (st == ST_OK)
        st = nn_dnnl_add_argument(program, step, DNNL_ARG_DIFF_SRC, &in_desc, in_gradient->at, err);
    if (st == ST_OK)
        st = nn_dnnl_add_argument(program, step, DNNL_ARG_DIFF_DST, &out_desc, out_gradient->at,
                                  err);
    if (st == ST_OK && pool->positions)
        st = nn_dnnl_add_argument(program, step, DNNL_ARG_WORKSPACE,
                                  dnnl_primitive_desc_query_md(forward, dnnl_query_workspace_md, 0),
                                  pool->positions, err);
    nn_dnnl_drop(desc);
    nn_dnnl_drop(forward);
    return st;
}
