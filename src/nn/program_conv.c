#include "nn/dnnl_internal.h"

#include <math.h>

/* Plain (out, in, k, k), or (groups, 1, 1, k, k) when depthwise. */
static dnnl_memory_desc_t describe_weight(const struct nn_conv *conv, int in, int out,
                                          dnnl_data_type_t type, bool plain)
{
    dnnl_memory_desc_t desc;
    dnnl_dims_t dense = {out, in, conv->kernel, conv->kernel};
    dnnl_dims_t grouped = {out, 1, 1, conv->kernel, conv->kernel};
    dnnl_format_tag_t tag = conv->depthwise ? dnnl_goihw : dnnl_oihw;

    REQUIRE(dnnl_memory_desc_init_by_tag(&desc, conv->depthwise ? 5 : 4,
                                         conv->depthwise ? grouped : dense, type,
                                         plain ? tag : dnnl_format_tag_any) == dnnl_success);
    return desc;
}

/* The weights in the layout that a primitive wants: the plain ones themselves, or a packed copy
 * that a reorder step fills each run - or just now, when they are constant. */
static enum status pack_weight(const float **out, struct nn_program *program,
                               const dnnl_memory_desc_t *plain, const float *weight,
                               const dnnl_memory_desc_t *wanted,
                               const_dnnl_primitive_attr_t attributes, bool constant,
                               struct err *err)
{
    void *packed = NULL;

    if (dnnl_memory_desc_equal(plain, wanted)) {
        *out = weight;
        return ST_OK;
    }
    enum status st = nn_dnnl_allocate(&packed, program, dnnl_memory_desc_get_size(wanted), err);
    if (st == ST_OK)
        st = nn_dnnl_add_reorder(program, plain, weight, wanted, packed, attributes, err);
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
    /* Bytes: a result is a sum of products in steps of input and filter; what turns them into
     * steps of the output, one for each filter.  NULL: not of bytes. */
    const float *scales;
    float added_scale;
};

static struct conv_shape conv_shape_of(const struct nn_program *program, const struct nn_conv *conv,
                                       const struct nn_tensor *in, const struct nn_tensor *out)
{
    int end_h = (out->h - 1) * conv->stride + conv->kernel - in->h - conv->pad;
    int end_w = (out->w - 1) * conv->stride + conv->kernel - in->w - conv->pad;
    dnnl_data_type_t type =
        nn_dnnl_is_byte(in->element) ? dnnl_s8 : nn_dnnl_type(in->element); /* of weights */

    return (struct conv_shape){
        .in = nn_dnnl_tensor(program, in),
        .out = nn_dnnl_tensor(program, out),
        .weight_any = describe_weight(conv, in->c, out->c, type, false),
        .weight_plain = describe_weight(conv, in->c, out->c, dnnl_f32, true),
        .bias = nn_dnnl_vector(out->c),
        .strides = {conv->stride, conv->stride},
        .pads = {conv->pad, conv->pad},
        .pads_end = {end_h, end_w},
        .added_scale = nn_dnnl_is_byte(out->element) ? conv->added_step / out->step : 1,
    };
}

static enum status conv_attributes(dnnl_primitive_attr_t *out, const struct nn_conv *conv,
                                   const struct conv_shape *shape, struct err *err)
{
    const float one = 1;
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_post_ops_t post = NULL;
    enum status st = shape->scales ? nn_dnnl_scales(&attributes, (int)shape->out.dims[1], 1 << 1,
                                                    shape->scales, err)
                                   : nn_dnnl_scales(&attributes, 1, 0, &one, err);

    if (st != ST_OK)
        return st;
    st = nn_dnnl_check(
        dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user),
        "attributes", err);
    if (st == ST_OK)
        st = nn_dnnl_check(dnnl_post_ops_create(&post), "post-operations", err);
    if (st == ST_OK && conv->add)
        st = nn_dnnl_check(dnnl_post_ops_append_sum(post, shape->added_scale), "post-operations",
                           err);
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

/* Winograd's minimal filtering (Lavin and Gray 2016) does a quarter of the multiplications; short
 * elements are faster without it. */
static bool may_be_winograd(const struct nn_conv *conv, const struct conv_shape *shape)
{
    return conv->kernel == 3 && conv->stride == 1 && !conv->depthwise &&
           shape->in.data_type == dnnl_f32;
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
        st = conv_attributes(&attributes, conv, shape, err);
    if (st != ST_OK)
        return st;
    if (!may_be_winograd(conv, shape) ||
        !nn_dnnl_implemented(program, &operation, attributes, NULL))
        operation.alg_kind = dnnl_convolution_direct;
    st = nn_dnnl_plan(out, program, &operation, attributes, NULL, "convolution", err);
    (void)dnnl_primitive_attr_destroy(attributes);
    return st;
}

/* The same choice for a direction of the backward pass. */
static enum status plan_backward(dnnl_primitive_desc_t *out, struct nn_program *program,
                                 const struct nn_conv *conv, const struct conv_shape *shape,
                                 dnnl_convolution_desc_t *operation,
                                 const_dnnl_primitive_desc_t forward, const char *what,
                                 struct err *err)
{
    operation->alg_kind = dnnl_convolution_winograd;
    if (!may_be_winograd(conv, shape) || !nn_dnnl_implemented(program, operation, NULL, forward))
        operation->alg_kind = dnnl_convolution_direct;
    return nn_dnnl_plan(out, program, operation, NULL, forward, what, err);
}

#define BYTE_MAX 127.0f /* largest weight, in steps of its filter */

/* What a convolution of bytes needs beside its weights; `count` floats each, of the program. */
struct rounding {
    float *packing;                   /* steps a unit of weight */
    float *scales;                    /* see struct conv_shape */
    float *bias;                      /* in the unit of the sums; NULL without one */
    dnnl_primitive_attr_t attributes; /* of the reorder step that rounds the weights */
};

/* A filter whose largest weight is 127 steps loses least. */
static enum status round_filters(struct rounding *out, struct nn_program *program,
                                 const struct nn_tensor *in, const float *weight, size_t each,
                                 const float *bias, const struct nn_tensor *made, struct err *err)
{
    size_t count = (size_t)made->c;
    void *at = NULL;
    enum status st = nn_dnnl_allocate(&at, program, 3 * count * sizeof(float), err);

    if (st != ST_OK)
        return st;
    struct rounding rounding = {.packing = at, .scales = (float *)at + count};
    rounding.bias = bias ? rounding.scales + count : NULL;
    for (size_t f = 0; f < count; f++) {
        float top = 0;
        for (size_t i = 0; i < each; i++)
            top = MAX_OF(top, fabsf(weight[f * each + i]));
        float unit = in->step * (top > 0 ? top : 1) / BYTE_MAX; /* of the sums */
        rounding.packing[f] = BYTE_MAX / (top > 0 ? top : 1);
        rounding.scales[f] = unit / (made->element == NN_FLOAT ? 1 : made->step);
        if (bias)
            rounding.bias[f] = bias[f] / unit;
    }
    st = nn_dnnl_scales(&rounding.attributes, made->c, 1 << 0, rounding.packing, err);
    if (st == ST_OK)
        *out = rounding;
    return st;
}

enum status nn_program_conv(struct nn_program *program, const struct nn_conv *conv,
                            const struct nn_tensor *in, const float *weight, const float *bias,
                            const struct nn_tensor *out, struct err *err)
{
    struct conv_shape shape = conv_shape_of(program, conv, in, out);
    struct rounding rounding = {0};
    dnnl_primitive_desc_t desc = NULL;
    const float *packed = NULL;
    struct step *step = NULL;
    enum status st = ST_OK;

    REQUIRE(in->element == NN_FLOAT || (conv->constant && !conv->depthwise));
    if (nn_dnnl_is_byte(in->element)) {
        size_t each = (size_t)in->c * (size_t)conv->kernel * (size_t)conv->kernel;
        st = round_filters(&rounding, program, in, weight, each, bias, out, err);
        shape.scales = rounding.scales;
        bias = rounding.bias;
    }
    if (st == ST_OK)
        st = plan_conv(&desc, program, conv, &shape, bias != NULL, err);
    if (st != ST_OK)
        goto out;
    const dnnl_memory_desc_t *wanted = dnnl_primitive_desc_query_md(desc, dnnl_query_weights_md, 0);
    st = pack_weight(&packed, program, &shape.weight_plain, weight, wanted, rounding.attributes,
                     conv->constant, err);
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
out:
    nn_dnnl_drop(desc);
    if (rounding.attributes)
        (void)dnnl_primitive_attr_destroy(rounding.attributes);
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
        st = plan_backward(&desc, program, conv, &shape, &operation, forward,
                           "convolution backward data", err);
    if (st != ST_OK)
        goto out;
    const dnnl_memory_desc_t *wanted = dnnl_primitive_desc_query_md(desc, dnnl_query_weights_md, 0);
    st = pack_weight(&packed, program, &shape.weight_plain, weight, wanted, NULL, false, err);
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
        st = plan_backward(&desc, program, conv, &shape, &operation, forward,
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
        st = nn_dnnl_add_reorder(program, made, packed, &shape.weight_plain, weight_gradient, NULL,
                                 err);
out:
    nn_dnnl_drop(desc);
    nn_dnnl_drop(forward);
    return st;
}
