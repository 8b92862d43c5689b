#include "nn/dnnl_internal.h"

static dnnl_memory_desc_t describe_scale_shift(int channels)
{
    dnnl_memory_desc_t desc;
    dnnl_dims_t dims = {2, channels};

    REQUIRE(dnnl_memory_desc_init_by_tag(&desc, 2, dims, dnnl_f32, dnnl_ab) == dnnl_success);
    return desc;
}

static unsigned norm_flags(const struct nn_norm *norm)
{
    return dnnl_use_scaleshift | (norm->relu ? dnnl_fuse_norm_relu : 0u);
}

static enum status plan_norm(dnnl_primitive_desc_t *out, struct nn_program *program,
                             const struct nn_norm *norm, const dnnl_memory_desc_t *data,
                             struct err *err)
{
    dnnl_batch_normalization_desc_t operation;
    enum status st =
        nn_dnnl_check(dnnl_batch_normalization_forward_desc_init(
                          &operation, dnnl_forward_training, data, norm->epsilon, norm_flags(norm)),
                      "batch norm", err);

    return st == ST_OK ? nn_dnnl_plan(out, program, &operation, NULL, NULL, "batch norm", err) : st;
}

/* The arguments that both directions share. */
static enum status add_norm_arguments(struct nn_program *program, struct step *step,
                                      const struct nn_norm *norm, const struct nn_tensor *in,
                                      const_dnnl_primitive_desc_t forward, struct err *err)
{
    dnnl_memory_desc_t data = nn_dnnl_tensor(program, in);
    dnnl_memory_desc_t statistics = nn_dnnl_vector(in->c);
    dnnl_memory_desc_t scale_shift = describe_scale_shift(in->c);
    enum status st = nn_dnnl_add_argument(program, step, DNNL_ARG_SRC, &data, in->at, err);

    if (st == ST_OK)
        st = nn_dnnl_add_argument(program, step, DNNL_ARG_SCALE_SHIFT, &scale_shift,
                                  norm->scale_shift, err);
    if (st == ST_OK)
        st = nn_dnnl_add_argument(program, step, DNNL_ARG_MEAN, &statistics, norm->mean, err);
    if (st == ST_OK)
        st = nn_dnnl_add_argument(program, step, DNNL_ARG_VARIANCE, &statistics, norm->variance,
                                  err);
    if (st == ST_OK && norm->relu)
        st = nn_dnnl_add_argument(program, step, DNNL_ARG_WORKSPACE,
                                  dnnl_primitive_desc_query_md(forward, dnnl_query_workspace_md, 0),
                                  norm->mask, err);
    return st;
}

enum status nn_program_norm(struct nn_program *program, struct nn_norm *norm,
                            const struct nn_tensor *in, const struct nn_tensor *out,
                            struct err *err)
{
    dnnl_memory_desc_t data = nn_dnnl_tensor(program, in);
    dnnl_primitive_desc_t desc = NULL;
    struct step *step = NULL;
    void *mask = NULL;
    enum status st = plan_norm(&desc, program, norm, &data, err);

    if (st != ST_OK)
        return st;
    if (norm->relu) {
        const dnnl_memory_desc_t *workspace =
            dnnl_primitive_desc_query_md(desc, dnnl_query_workspace_md, 0);
        st = nn_dnnl_allocate(&mask, program, dnnl_memory_desc_get_size(workspace), err);
        norm->mask = mask;
    }
    if (st == ST_OK)
        st = nn_dnnl_add_primitive(&step, program, desc, err);
    if (st == ST_OK)
        st = add_norm_arguments(program, step, norm, in, desc, err);
    if (st == ST_OK)
        st = nn_dnnl_add_argument(program, step, DNNL_ARG_DST, &data, out->at, err);
    nn_dnnl_drop(desc);
    return st;
}

enum status nn_program_norm_backward(struct nn_program *program, const struct nn_norm *norm,
                                     const struct nn_tensor *in,
                                     const struct nn_tensor *in_gradient,
                                     float *scale_shift_gradient,
                                     const struct nn_tensor *out_gradient, struct err *err)
{
    dnnl_memory_desc_t data = nn_dnnl_tensor(program, in);
    dnnl_memory_desc_t scale_shift = describe_scale_shift(in->c);
    dnnl_batch_normalization_desc_t operation;
    dnnl_primitive_desc_t forward = NULL;
    dnnl_primitive_desc_t desc = NULL;
    struct step *step = NULL;
    enum status st = plan_norm(&forward, program, norm, &data, err);

    if (st == ST_OK)
        st = nn_dnnl_check(dnnl_batch_normalization_backward_desc_init(&operation, dnnl_backward,
                                                                       &data, &data, norm->epsilon,
                                                                       norm_flags(norm)),
                           "batch norm backward", err);
    if (st == ST_OK)
        st = nn_dnnl_plan(&desc, program, &operation, NULL, forward, "batch norm backward", err);
    if (st == ST_OK)
        st = nn_dnnl_add_primitive(&step, program, desc, err);
    if (st == ST_OK)
        st = add_norm_arguments(program, step, norm, in, forward, err);
    if (st == ST_OK)
        st = nn_dnnl_add_argument(program, step, DNNL_ARG_DIFF_DST, &data, out_gradient->at, err);
    if (st == ST_OK)
        st = nn_dnnl_add_argument(program, step, DNNL_ARG_DIFF_SRC, &data, in_gradient->at, err);
    if (st == ST_OK)
        st = nn_dnnl_add_argument(program, step, DNNL_ARG_DIFF_SCALE_SHIFT, &scale_shift,
                                  scale_shift_gradient, err);
    nn_dnnl_drop(desc);
    nn_dnnl_drop(forward);
    return st;
}
