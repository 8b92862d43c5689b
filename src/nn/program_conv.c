#include "nn/dnnl_internal.h"

/* Plain (out, in, k, k), or (groups, 1, 1, k, k) when depthwise. */
static dnnl_memory_desc_t describe_weight(const struct nn_conv *conv, int in, int out, bool plain)
{
    dnnl_memory_desc_t desc;
    dnnl_dims_t dense = {out, in, conv->kernel, conv->kernel};
    dnnl_dims_t grouped = {out, 1, 1, conv->kernel, conv->kernel};
    dnnl_format_tag_t tag = conv->depthwise ? dnnl_goihw : dnnl_oihw;

    REQUIRE(dnnl_memory_desc_init_by_tag(&desc, conv->depthwise ? 5 : 4,
                                         conv->depthwise ? grouped : dense, dnnl_f32,
                                         plain ? tag : dnnl_format_tag_any) == dnnl_success);
    return desc;
}

/* The weights in the layout that a primitive wants: the plain ones themselves, or a packed copy
 * that a reorder step fills each run - or just now, when they are constant. */
static enum status pack_weight(const float **out, struct nn_program *program,
                               const dnnl_memory_desc_t *plain, const float *weight,
                               const dnnl_memory_desc_t *wanted, bool constant, struct err *err)
{
    void *packed = NULL;

    if (dnnl_memory_desc_equal(plain, wanted)) {
        *out = weight;
        return ST_OK;
    }
    enum status st = nn_dnnl_allocate(&packed, program, dnnl_memory_desc_get_size(wanted), err);
    if (st == ST_OK)
        st = nn_dnnl_add_reorder(program, plain, weight, wanted, packed, err);
    if (st != ST_OK)
        return st;
    if (constant)
        st = nn_dnnl_run_last(program, err);
    if (st == ST_OK)
        *out = packed;
    return st;
}

/* Everything that the three directions of one convolution share. */
struct conv_shape {
    dnnl_memory_desc_t in, out, weight_any, weight_plain, bias;
    dnnl_dims_t strides, pads, pads_end;
};

static struct conv_shape conv_shape_of(const struct nn_program *program, const struct nn_conv *conv,
                                       const struct nn_tensor *in, const struct nn_tensor *out)
{
    int end_h = (out->h - 1) * conv->stride + conv->kernel - in->h - conv->pad;
    int end_w = (out->w - 1) * conv->stride + conv->kernel - in->w - conv->pad;

    return (struct conv_shape){
        .in = nn_dnnl_tensor(program, in),
        .out = nn_dnnl_tensor(program, out),
        .weight_any = describe_weight(conv, in->c, out->c, false),
        .weight_plain = describe_weight(conv, in->c, out->c, true),
        .bias = nn_dnnl_vector(out->c),
        .strides = {conv->stride, conv->stride},
        .pads = {conv->pad, conv->pad},
        .pads_end = {end_h, end_w},
    };
}

static enum status conv_attributes(dnnl_primitive_attr_t *out, const struct nn_conv *conv,
                                   struct err *err)
{
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_post_ops_t post = NULL;
    enum status st = nn_dnnl_check(dnnl_primitive_attr_create(&attributes), "attributes", err);

    if (st != ST_OK)
        return st;
    st = nn_dnnl_check(
        dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user),
        "attributes", err);
    if (st == ST_OK)
        st = nn_dnnl_check(dnnl_post_ops_create(&post), "post-operations", err);
    if (st == ST_OK && conv->add)
        st = nn_dnnl_check(dnnl_post_ops_append_sum(post, 1.0f), "post-operations", err);
    if (st == ST_OK && conv->relu)
        st = nn_dnnl_check(dnnl_post_ops_append_eltwise(post, 1.0f, dnnl_eltwise_relu, 0.0f, 0.0f),
                           "post-operations", err);
    if (st == ST_OK)
        st = nn_dnnl_check(dnnl_primitive_attr_set_post_ops(attributes, post), "post-operations",
                           err);
    if (post)
        (void)dnnl_post_ops_destroy(post);
    if (st != ST_OK) {
        (void)dnnl_primitive_attr_destroy(attributes);
        return st;
    }
    *out = attributes;
    return ST_OK;
}

/* Winograd's minimal filtering (Lavin and Gray 2016) does a quarter of the multiplications. */
static bool may_be_winograd(const struct nn_conv *conv)
{
    return conv->kernel == 3 && conv->stride == 1 && !conv->depthwise;
}

static enum status plan_conv(dnnl_primitive_desc_t *out, struct nn_program *program,
                             const struct nn_conv *conv, const struct conv_shape *shape, bool bias,
                             struct err *err)
{
    dnnl_convolution_desc_t operation;
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_prop_kind_t kind = conv->constant ? dnnl_forward_inference : dnnl_forward_training;
    enum status st = nn_dnnl_check(dnnl_convolution_forward_desc_init(
                                       &operation, kind, dnnl_convolution_winograd, &shape->in,
                                       &shape->weight_any, bias ? &shape->bias : NULL, &shape->out,
                                       shape->strides, shape->pads, shape->pads_end),
                                   "convolution", err);

    if (st == ST_OK)
        st = conv_attributes(&attributes, conv, err);
    if (st != ST_OK)
        return st;
    if (!may_be_winograd(conv) || !nn_dnnl_implemented(program, &operation, attributes, NULL))
        operation.alg_kind = dnnl_convolution_direct;
    st = nn_dnnl_plan(out, program, &operation, attributes, NULL, "convolution", err);
    (void)dnnl_primitive_attr_destroy(attributes);
    return st;
}

/* The same choice for a direction of the backward pass. */
static enum status plan_backward(dnnl_primitive_desc_t *out, struct nn_program *program,
                                 const struct nn_conv *conv, dnnl_convolution_desc_t *operation,
                                 const_dnnl_primitive_desc_t forward, const char *what,
                                 struct err *err)
{
    operation->alg_kind = dnnl_convolution_winograd;
    if (!may_be_winograd(conv) || !nn_dnnl_implemented(program, operation, NULL, forward))
        operation->alg_kind = dnnl_convolution_direct;
    return nn_dnnl_plan(out, program, operation, NULL, forward, what, err);
}

enum status nn_program_conv(struct nn_program *program, const struct nn_conv *conv,
                            const struct nn_tensor *in, const float *weight, const float *bias,
                            const struct nn_tensor *out, struct err *err)
{
    struct conv_shape shape = conv_shape_of(program, conv, in, out);
    dnnl_primitive_desc_t desc = NULL;
    const float *packed = NULL;
    struct step *step = NULL;
    enum status st = plan_conv(&desc, program, conv, &shape, bias != NULL, err);

    if (st != ST_OK)
        return st;
    const dnnl_memory_desc_t *wanted = dnnl_primitive_desc_query_md(desc, dnnl_query_weights_md, 0);
    st = pack_weight(&packed, program, &shape.weight_plain, weight, wanted, conv->constant, err);
    if (st == ST_OK)
        st = nn_dnnl_add_primitive(&step, program, desc, err);
    if (st == ST_OK)
        st = nn_dnnl_add_argument(program, step, DNNL_ARG_SRC, &shape.in, in->at, err);
    if (st == ST_OK)
        st = nn_dnnl_add_argument(program, step, DNNL_ARG_WEIGHTS, wanted, packed, err);
    if (st == ST_OK && bias)
        st = nn_dnnl_add_argument(program, step, DNNL_ARG_BIAS, &shape.bias, bias, err);
    if (st == ST_OK)
        st = nn_dnnl_add_argument(program, step, DNNL_ARG_DST, &shape.out, out->at, err);
    nn_dnnl_drop(desc);
    return st;
}

enum status nn_program_conv_backward_data(struct nn_program *program, const struct nn_conv *conv,
                                          const struct nn_tensor *in_gradient, const float *weight,
                                          const struct nn_tensor *out_gradient, struct err *err)
{
    struct conv_shape shape = conv_shape_of(program, conv, in_gradient, out_gradient);
    const struct nn_conv plain = {.kernel = conv->kernel, .stride = conv->stride, .pad = conv->pad};
    dnnl_primitive_desc_t forward = NULL;
    dnnl_primitive_desc_t desc = NULL;
    dnnl_convolution_desc_t operation;
    const float *packed = NULL;
    struct step *step = NULL;
    enum status st = plan_conv(&forward, program, &plain, &shape, false, err);

    if (st == ST_OK)
        st = nn_dnnl_check(dnnl_convolution_backward_data_desc_init(
                               &operation, dnnl_convolution_direct, &shape.in, &shape.weight_any,
                               &shape.out, shape.strides, shape.pads, shape.pads_end),
                           "convolution backward data", err);
    if (st == ST_OK)
        st = plan_backward(&desc, program, conv, &operation, forward, "convolution backward data",
                           err);
    if (st != ST_OK)
        goto out;
    const dnnl_memory_desc_t *wanted = dnnl_primitive_desc_query_md(desc, dnnl_query_weights_md, 0);
    st = pack_weight(&packed, program, &shape.weight_plain, weight, wanted, false, err);
    if (st == ST_OK)
        st = nn_dnnl_add_primitive(&step, program, desc, err);
    if (st == ST_OK)
        st =
            nn_dnnl_add_argument(program, step, DNNL_ARG_DIFF_SRC, &shape.in, in_gradient->at, err);
    if (st == ST_OK)
        st = nn_dnnl_add_argument(program, step, DNNL_ARG_WEIGHTS, wanted, packed, err);
    if (st == ST_OK)
        st = nn_dnnl_add_argument(program, step, DNNL_ARG_DIFF_DST, &shape.out, out_gradient->at,
                                  err);
out:
    nn_dnnl_drop(desc);
    nn_dnnl_drop(forward);
    return st;
}

enum status nn_program_conv_backward_weights(struct nn_program *program, const struct nn_conv *conv,
                                             const struct nn_tensor *in, float *weight_gradient,
                                             float *bias_gradient,
                                             const struct nn_tensor *out_gradient, struct err *err)
{
    struct conv_shape shape = conv_shape_of(program, conv, in, out_gradient);
    const struct nn_conv plain = {.kernel = conv->kernel, .stride = conv->stride, .pad = conv->pad};
    dnnl_primitive_desc_t forward = NULL;
    dnnl_primitive_desc_t desc = NULL;
    dnnl_convolution_desc_t operation;
    void *packed = weight_gradient;
    struct step *step = NULL;
    enum status st = plan_conv(&forward, program, &plain, &shape, bias_gradient != NULL, err);

    if (st == ST_OK)
        st = nn_dnnl_check(dnnl_convolution_backward_weights_desc_init(
                               &operation, dnnl_convolution_direct, &shape.in, &shape.weight_any,
                               bias_gradient ? &shape.bias : NULL, &shape.out, shape.strides,
                               shape.pads, shape.pads_end),
                           "convolution backward weights", err);
    if (st == ST_OK)
        st = plan_backward(&desc, program, conv, &operation, forward,
                           "convolution backward weights", err);
    if (st != ST_OK)
        goto out;
    const dnnl_memory_desc_t *made =
        dnnl_primitive_desc_query_md(desc, dnnl_query_diff_weights_md, 0);
    bool differs = !dnnl_memory_desc_equal(made, &shape.weight_plain);
    if (differs)
        st = nn_dnnl_allocate(&packed, program, dnnl_memory_desc_get_size(made), err);
    if (st == ST_OK)
        st = nn_dnnl_add_primitive(&step, program, desc, err);
    if (st == ST_OK)
        st = nn_dnnl_add_argument(program, step, DNNL_ARG_SRC, &shape.in, in->at, err);
    if (st == ST_OK)
        st = nn_dnnl_add_argument(program, step, DNNL_ARG_DIFF_DST, &shape.out, out_gradient->at,
                                  err);
    if (st == ST_OK)
        st = nn_dnnl_add_argument(program, step, DNNL_ARG_DIFF_WEIGHTS, made, packed, err);
    if (st == ST_OK && bias_gradient)
        st = nn_dnnl_add_argument(program, step, DNNL_ARG_DIFF_BIAS, &shape.bias, bias_gradient,
                                  err);
    if (st == ST_OK && differs)
        st = nn_dnnl_add_reorder(program, made, packed, &shape.weight_plain, weight_gradient, err);
out:
    nn_dnnl_drop(desc);
    nn_dnnl_drop(forward);
    return st;
}
