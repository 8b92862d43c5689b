#include "nn/program.h"

#include <omp.h>
#include <oneapi/dnnl/dnnl.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "nn/loops.h"

#define ARGUMENTS_MAX   10
#define DESCRIPTION_MAX (64u << 10)

/* One primitive with its arguments, or one loop of ours. */
struct step {
    dnnl_primitive_t primitive; /* NULL: `loop` */
    dnnl_exec_arg_t arguments[ARGUMENTS_MAX];
    int argument_count;
    nn_loop *loop;
    float *a;
    const float *b;
    size_t count;
};

struct nn_program {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    struct arena *arena;
    struct step *steps;
    int step_count;
    dnnl_memory_t *memories; /* all that arguments refer to */
    int memory_count;
    dnnl_memory_t *scratches; /* share one block, bound by nn_program_finish */
    int scratch_count;
    size_t scratch_size;
    struct buf description;
};

size_t nn_tensor_count(const struct nn_tensor *tensor)
{
    return (size_t)tensor->n * (size_t)tensor->c * (size_t)tensor->h * (size_t)tensor->w;
}

static enum status check(dnnl_status_t status, const char *what, struct err *err)
{
    static const char *const names[] = {
        [dnnl_success] = "success",
        [dnnl_out_of_memory] = "out of memory",
        [dnnl_invalid_arguments] = "invalid arguments",
        [dnnl_unimplemented] = "not implemented on this processor",
        [dnnl_iterator_ends] = "iterator ends",
        [dnnl_runtime_error] = "run-time error",
        [dnnl_not_required] = "not required",
    };

    if (status == dnnl_success)
        return ST_OK;
    return err_set(err, status == dnnl_unimplemented ? ST_UNSUPPORTED : ST_IO, "oneDNN %s: %s",
                   what, (size_t)status < ARRAY_LEN(names) ? names[status] : "unknown status");
}

/* Appends one element of `size` bytes; capacity is the next power of two. */
static void *grow(void *items, int count, size_t size)
{
    if ((count & (count - 1)) != 0)
        return items;
    void *grown = mem_try_resize(items, count ? (size_t)count * 2 : 1, size);
    REQUIRE(grown != NULL); /* a few hundred small records: sizes we chose */
    return grown;
}

static struct step *new_step(struct nn_program *program)
{
    program->steps = grow(program->steps, program->step_count, sizeof *program->steps);
    struct step *step = &program->steps[program->step_count++];
    *step = (struct step){0};
    return step;
}

enum status nn_program_open(struct nn_program **out, struct arena *arena, struct err *err)
{
    struct nn_program *program = mem_alloc(1, sizeof *program);

    omp_set_num_threads(1); /* a worker is one thread; primitives plan for it */
    program->arena = arena;
    buf_init(&program->description, DESCRIPTION_MAX);
    enum status st = check(dnnl_engine_create(&program->engine, dnnl_cpu, 0), "engine", err);
    if (st == ST_OK)
        st = check(dnnl_stream_create(&program->stream, program->engine, dnnl_stream_in_order),
                   "stream", err);
    if (st != ST_OK) {
        nn_program_close(program);
        return st;
    }
    *out = program;
    return ST_OK;
}

void nn_program_close(struct nn_program *program)
{
    if (!program)
        return;
    for (int i = 0; i < program->step_count; i++)
        if (program->steps[i].primitive)
            (void)dnnl_primitive_destroy(program->steps[i].primitive);
    for (int i = 0; i < program->memory_count; i++)
        (void)dnnl_memory_destroy(program->memories[i]);
    if (program->stream)
        (void)dnnl_stream_destroy(program->stream);
    if (program->engine)
        (void)dnnl_engine_destroy(program->engine);
    buf_fini(&program->description);
    mem_free(program->steps);
    mem_free(program->memories);
    mem_free(program->scratches);
    mem_free(program);
}

static enum status allocate(void **out, struct nn_program *program, size_t bytes, struct err *err)
{
    void *at = arena_try(program->arena, bytes, 1);

    if (!at)
        return err_set(err, ST_NOMEM,
                       "the network's arena is full: %zu bytes used, %zu more needed",
                       arena_used(program->arena), bytes);
    *out = at;
    return ST_OK;
}

enum status nn_program_tensor(struct nn_tensor *out, struct nn_program *program, int n, int c,
                              int h, int w, struct err *err)
{
    struct nn_tensor tensor = {.n = n, .c = c, .h = h, .w = w};
    void *at = NULL;
    enum status st = allocate(&at, program, nn_tensor_count(&tensor) * sizeof(float), err);

    if (st != ST_OK)
        return st;
    tensor.at = at;
    *out = tensor;
    return ST_OK;
}

enum status nn_program_finish(struct nn_program *program, struct err *err)
{
    void *scratch = NULL;
    enum status st = allocate(&scratch, program, program->scratch_size, err);

    for (int i = 0; i < program->scratch_count && st == ST_OK; i++)
        st = check(dnnl_memory_set_data_handle(program->scratches[i], scratch), "scratch", err);
    return st;
}

void nn_program_run(struct nn_program *program)
{
    omp_set_num_threads(1); /* the calling thread's setting; costs nothing */
    for (int i = 0; i < program->step_count; i++) {
        const struct step *step = &program->steps[i];
        if (!step->primitive) {
            step->loop(step->a, step->b, step->count);
            continue;
        }
        dnnl_status_t status = dnnl_primitive_execute(step->primitive, program->stream,
                                                      step->argument_count, step->arguments);
        REQUIRE(status == dnnl_success); /* arguments were checked when the step was built */
    }
    REQUIRE(dnnl_stream_wait(program->stream) == dnnl_success);
}

const char *nn_program_describe(const struct nn_program *program)
{
    return buf_str(&program->description).at;
}

/* Memory descriptors ---------------------------------------------------------------------- */

static dnnl_memory_desc_t describe_tensor(const struct nn_tensor *tensor)
{
    dnnl_memory_desc_t desc;
    dnnl_dims_t dims = {tensor->n, tensor->c, tensor->h, tensor->w};

    REQUIRE(dnnl_memory_desc_init_by_tag(&desc, 4, dims, dnnl_f32, dnnl_nhwc) == dnnl_success);
    return desc;
}

static dnnl_memory_desc_t describe_vector(int count)
{
    dnnl_memory_desc_t desc;
    dnnl_dims_t dims = {count};

    REQUIRE(dnnl_memory_desc_init_by_tag(&desc, 1, dims, dnnl_f32, dnnl_a) == dnnl_success);
    return desc;
}

static dnnl_memory_desc_t describe_scale_shift(int channels)
{
    dnnl_memory_desc_t desc;
    dnnl_dims_t dims = {2, channels};

    REQUIRE(dnnl_memory_desc_init_by_tag(&desc, 2, dims, dnnl_f32, dnnl_ab) == dnnl_success);
    return desc;
}

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

/* Steps ----------------------------------------------------------------------------------- */

/* A memory object over `at`, owned by the program. */
static enum status bind(dnnl_memory_t *out, struct nn_program *program,
                        const dnnl_memory_desc_t *desc, const void *at, struct err *err)
{
    dnnl_memory_t memory = NULL;
    void *handle = at ? (void *)(uintptr_t)at : DNNL_MEMORY_NONE;
    enum status st =
        check(dnnl_memory_create(&memory, desc, program->engine, handle), "memory", err);

    if (st != ST_OK)
        return st;
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): the items are handles */
    program->memories = grow(program->memories, program->memory_count, sizeof *program->memories);
    program->memories[program->memory_count++] = memory;
    *out = memory;
    return ST_OK;
}

static enum status add_argument(struct nn_program *program, struct step *step, int kind,
                                const dnnl_memory_desc_t *desc, const void *at, struct err *err)
{
    dnnl_memory_t memory = NULL;
    enum status st = bind(&memory, program, desc, at, err);

    if (st != ST_OK)
        return st;
    REQUIRE(step->argument_count < ARGUMENTS_MAX);
    step->arguments[step->argument_count++] = (dnnl_exec_arg_t){kind, memory};
    return ST_OK;
}

/* Refuses the silent reference implementations: correct, and 100 to 1000 times slower. */
static enum status refuse_reference(const_dnnl_primitive_desc_t desc, const char *what,
                                    struct nn_program *program, struct err *err)
{
    const char *info = NULL;
    enum status st =
        check(dnnl_primitive_desc_query(desc, dnnl_query_impl_info_str, 0, (void *)&info),
              "implementation query", err);

    if (st != ST_OK)
        return st;
    if (strncmp(info, "ref", 3) == 0)
        return err_set(err, ST_UNSUPPORTED,
                       "%s has only the slow reference implementation '%s' on this processor", what,
                       info);
    buf_printf(&program->description, "%s %s\n", what, info);
    return ST_OK;
}

static enum status add_scratch(struct nn_program *program, struct step *step,
                               const_dnnl_primitive_desc_t desc, struct err *err)
{
    const dnnl_memory_desc_t *scratch =
        dnnl_primitive_desc_query_md(desc, dnnl_query_scratchpad_md, 0);
    size_t size = scratch ? dnnl_memory_desc_get_size(scratch) : 0;

    if (!size)
        return ST_OK;
    enum status st = add_argument(program, step, DNNL_ARG_SCRATCHPAD, scratch, NULL, err);
    if (st != ST_OK)
        return st;
    program->scratches = grow(program->scratches, program->scratch_count, sizeof(dnnl_memory_t));
    program->scratches[program->scratch_count++] = step->arguments[step->argument_count - 1].memory;
    program->scratch_size = MAX_OF(program->scratch_size, size);
    return ST_OK;
}

/* A primitive descriptor from an operation descriptor, reference implementations refused. */
static enum status plan(dnnl_primitive_desc_t *out, struct nn_program *program,
                        const_dnnl_op_desc_t operation, const_dnnl_primitive_attr_t attributes,
                        const_dnnl_primitive_desc_t forward, const char *what, struct err *err)
{
    dnnl_primitive_attr_t own = NULL;
    dnnl_primitive_desc_t desc = NULL;
    enum status st = ST_OK;

    if (!attributes) {
        st = check(dnnl_primitive_attr_create(&own), what, err);
        if (st == ST_OK)
            st = check(dnnl_primitive_attr_set_scratchpad_mode(own, dnnl_scratchpad_mode_user),
                       what, err);
        attributes = own;
    }
    if (st == ST_OK)
        st = check(
            dnnl_primitive_desc_create(&desc, operation, attributes, program->engine, forward),
            what, err);
    if (st == ST_OK)
        st = refuse_reference(desc, what, program, err);
    if (own)
        (void)dnnl_primitive_attr_destroy(own);
    if (st != ST_OK) {
        if (desc)
            (void)dnnl_primitive_desc_destroy(desc);
        return st;
    }
    *out = desc;
    return ST_OK;
}

/* Turns a planned primitive into the next step; arguments follow. */
static enum status add_primitive(struct step **out, struct nn_program *program,
                                 const_dnnl_primitive_desc_t desc, struct err *err)
{
    struct step *step = new_step(program);
    enum status st = check(dnnl_primitive_create(&step->primitive, desc), "primitive", err);

    if (st == ST_OK)
        st = add_scratch(program, step, desc, err);
    if (st == ST_OK)
        *out = step;
    return st;
}

/* One reorder step; `from` and `to` are different layouts of the same tensor. */
static enum status add_reorder(struct nn_program *program, const dnnl_memory_desc_t *from,
                               const void *from_at, const dnnl_memory_desc_t *to, const void *to_at,
                               struct err *err)
{
    dnnl_primitive_desc_t desc = NULL;
    struct step *step = NULL;
    enum status st = check(
        dnnl_reorder_primitive_desc_create(&desc, from, program->engine, to, program->engine, NULL),
        "reorder", err);

    if (st != ST_OK)
        return st;
    st = add_primitive(&step, program, desc, err);
    (void)dnnl_primitive_desc_destroy(desc);
    if (st == ST_OK)
        st = add_argument(program, step, DNNL_ARG_FROM, from, from_at, err);
    if (st == ST_OK)
        st = add_argument(program, step, DNNL_ARG_TO, to, to_at, err);
    return st;
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
    enum status st = allocate(&packed, program, dnnl_memory_desc_get_size(wanted), err);
    if (st == ST_OK)
        st = add_reorder(program, plain, weight, wanted, packed, err);
    if (st != ST_OK)
        return st;
    if (constant) {
        struct step *step = &program->steps[--program->step_count];
        st = check(dnnl_primitive_execute(step->primitive, program->stream, step->argument_count,
                                          step->arguments),
                   "weight packing", err);
        (void)dnnl_stream_wait(program->stream);
        (void)dnnl_primitive_destroy(step->primitive);
    }
    if (st == ST_OK)
        *out = packed;
    return st;
}

/* Convolution ----------------------------------------------------------------------------- */

/* Everything that the three directions of one convolution share. */
struct conv_shape {
    dnnl_memory_desc_t in, out, weight_any, weight_plain, bias;
    dnnl_dims_t strides, pads, pads_end;
};

static struct conv_shape conv_shape_of(const struct nn_conv *conv, const struct nn_tensor *in,
                                       const struct nn_tensor *out)
{
    int end_h = (out->h - 1) * conv->stride + conv->kernel - in->h - conv->pad;
    int end_w = (out->w - 1) * conv->stride + conv->kernel - in->w - conv->pad;

    return (struct conv_shape){
        .in = describe_tensor(in),
        .out = describe_tensor(out),
        .weight_any = describe_weight(conv, in->c, out->c, false),
        .weight_plain = describe_weight(conv, in->c, out->c, true),
        .bias = describe_vector(out->c),
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
    enum status st = check(dnnl_primitive_attr_create(&attributes), "attributes", err);

    if (st != ST_OK)
        return st;
    st = check(dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user),
               "attributes", err);
    if (st == ST_OK)
        st = check(dnnl_post_ops_create(&post), "post-operations", err);
    if (st == ST_OK && conv->add)
        st = check(dnnl_post_ops_append_sum(post, 1.0f), "post-operations", err);
    if (st == ST_OK && conv->relu)
        st = check(dnnl_post_ops_append_eltwise(post, 1.0f, dnnl_eltwise_relu, 0.0f, 0.0f),
                   "post-operations", err);
    if (st == ST_OK)
        st = check(dnnl_primitive_attr_set_post_ops(attributes, post), "post-operations", err);
    if (post)
        (void)dnnl_post_ops_destroy(post);
    if (st != ST_OK) {
        (void)dnnl_primitive_attr_destroy(attributes);
        return st;
    }
    *out = attributes;
    return ST_OK;
}

static enum status plan_conv(dnnl_primitive_desc_t *out, struct nn_program *program,
                             const struct nn_conv *conv, const struct conv_shape *shape, bool bias,
                             struct err *err)
{
    dnnl_convolution_desc_t operation;
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_prop_kind_t kind = conv->constant ? dnnl_forward_inference : dnnl_forward_training;
    enum status st = check(dnnl_convolution_forward_desc_init(
                               &operation, kind, dnnl_convolution_direct, &shape->in,
                               &shape->weight_any, bias ? &shape->bias : NULL, &shape->out,
                               shape->strides, shape->pads, shape->pads_end),
                           "convolution", err);

    if (st == ST_OK)
        st = conv_attributes(&attributes, conv, err);
    if (st != ST_OK)
        return st;
    st = plan(out, program, &operation, attributes, NULL, "convolution", err);
    (void)dnnl_primitive_attr_destroy(attributes);
    return st;
}

enum status nn_program_conv(struct nn_program *program, const struct nn_conv *conv,
                            const struct nn_tensor *in, const float *weight, const float *bias,
                            const struct nn_tensor *out, struct err *err)
{
    struct conv_shape shape = conv_shape_of(conv, in, out);
    dnnl_primitive_desc_t desc = NULL;
    const float *packed = NULL;
    struct step *step = NULL;
    enum status st = plan_conv(&desc, program, conv, &shape, bias != NULL, err);

    if (st != ST_OK)
        return st;
    const dnnl_memory_desc_t *wanted = dnnl_primitive_desc_query_md(desc, dnnl_query_weights_md, 0);
    st = pack_weight(&packed, program, &shape.weight_plain, weight, wanted, conv->constant, err);
    if (st == ST_OK)
        st = add_primitive(&step, program, desc, err);
    if (st == ST_OK)
        st = add_argument(program, step, DNNL_ARG_SRC, &shape.in, in->at, err);
    if (st == ST_OK)
        st = add_argument(program, step, DNNL_ARG_WEIGHTS, wanted, packed, err);
    if (st == ST_OK && bias)
        st = add_argument(program, step, DNNL_ARG_BIAS, &shape.bias, bias, err);
    if (st == ST_OK)
        st = add_argument(program, step, DNNL_ARG_DST, &shape.out, out->at, err);
    (void)dnnl_primitive_desc_destroy(desc);
    return st;
}

enum status nn_program_conv_backward_data(struct nn_program *program, const struct nn_conv *conv,
                                          const struct nn_tensor *in_gradient, const float *weight,
                                          const struct nn_tensor *out_gradient, struct err *err)
{
    struct conv_shape shape = conv_shape_of(conv, in_gradient, out_gradient);
    const struct nn_conv plain = {.kernel = conv->kernel, .stride = conv->stride, .pad = conv->pad};
    dnnl_primitive_desc_t forward = NULL;
    dnnl_primitive_desc_t desc = NULL;
    dnnl_convolution_desc_t operation;
    const float *packed = NULL;
    struct step *step = NULL;
    enum status st = plan_conv(&forward, program, &plain, &shape, false, err);

    if (st == ST_OK)
        st = check(dnnl_convolution_backward_data_desc_init(
                       &operation, dnnl_convolution_direct, &shape.in, &shape.weight_any,
                       &shape.out, shape.strides, shape.pads, shape.pads_end),
                   "convolution backward data", err);
    if (st == ST_OK)
        st = plan(&desc, program, &operation, NULL, forward, "convolution backward data", err);
    if (st != ST_OK)
        goto out;
    const dnnl_memory_desc_t *wanted = dnnl_primitive_desc_query_md(desc, dnnl_query_weights_md, 0);
    st = pack_weight(&packed, program, &shape.weight_plain, weight, wanted, false, err);
    if (st == ST_OK)
        st = add_primitive(&step, program, desc, err);
    if (st == ST_OK)
        st = add_argument(program, step, DNNL_ARG_DIFF_SRC, &shape.in, in_gradient->at, err);
    if (st == ST_OK)
        st = add_argument(program, step, DNNL_ARG_WEIGHTS, wanted, packed, err);
    if (st == ST_OK)
        st = add_argument(program, step, DNNL_ARG_DIFF_DST, &shape.out, out_gradient->at, err);
out:
    if (desc)
        (void)dnnl_primitive_desc_destroy(desc);
    if (forward)
        (void)dnnl_primitive_desc_destroy(forward);
    return st;
}

enum status nn_program_conv_backward_weights(struct nn_program *program, const struct nn_conv *conv,
                                             const struct nn_tensor *in, float *weight_gradient,
                                             float *bias_gradient,
                                             const struct nn_tensor *out_gradient, struct err *err)
{
    struct conv_shape shape = conv_shape_of(conv, in, out_gradient);
    const struct nn_conv plain = {.kernel = conv->kernel, .stride = conv->stride, .pad = conv->pad};
    dnnl_primitive_desc_t forward = NULL;
    dnnl_primitive_desc_t desc = NULL;
    dnnl_convolution_desc_t operation;
    void *packed = weight_gradient;
    struct step *step = NULL;
    enum status st = plan_conv(&forward, program, &plain, &shape, bias_gradient != NULL, err);

    if (st == ST_OK)
        st = check(dnnl_convolution_backward_weights_desc_init(
                       &operation, dnnl_convolution_direct, &shape.in, &shape.weight_any,
                       bias_gradient ? &shape.bias : NULL, &shape.out, shape.strides, shape.pads,
                       shape.pads_end),
                   "convolution backward weights", err);
    if (st == ST_OK)
        st = plan(&desc, program, &operation, NULL, forward, "convolution backward weights", err);
    if (st != ST_OK)
        goto out;
    const dnnl_memory_desc_t *made =
        dnnl_primitive_desc_query_md(desc, dnnl_query_diff_weights_md, 0);
    bool differs = !dnnl_memory_desc_equal(made, &shape.weight_plain);
    if (differs)
        st = allocate(&packed, program, dnnl_memory_desc_get_size(made), err);
    if (st == ST_OK)
        st = add_primitive(&step, program, desc, err);
    if (st == ST_OK)
        st = add_argument(program, step, DNNL_ARG_SRC, &shape.in, in->at, err);
    if (st == ST_OK)
        st = add_argument(program, step, DNNL_ARG_DIFF_DST, &shape.out, out_gradient->at, err);
    if (st == ST_OK)
        st = add_argument(program, step, DNNL_ARG_DIFF_WEIGHTS, made, packed, err);
    if (st == ST_OK && bias_gradient)
        st = add_argument(program, step, DNNL_ARG_DIFF_BIAS, &shape.bias, bias_gradient, err);
    if (st == ST_OK && differs)
        st = add_reorder(program, made, packed, &shape.weight_plain, weight_gradient, err);
out:
    if (desc)
        (void)dnnl_primitive_desc_destroy(desc);
    if (forward)
        (void)dnnl_primitive_desc_destroy(forward);
    return st;
}

/* Batch norm ------------------------------------------------------------------------------ */

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
        check(dnnl_batch_normalization_forward_desc_init(&operation, dnnl_forward_training, data,
                                                         norm->epsilon, norm_flags(norm)),
              "batch norm", err);

    return st == ST_OK ? plan(out, program, &operation, NULL, NULL, "batch norm", err) : st;
}

/* The arguments that both directions share. */
static enum status add_norm_arguments(struct nn_program *program, struct step *step,
                                      const struct nn_norm *norm, const struct nn_tensor *in,
                                      const_dnnl_primitive_desc_t forward, struct err *err)
{
    dnnl_memory_desc_t data = describe_tensor(in);
    dnnl_memory_desc_t statistics = describe_vector(in->c);
    dnnl_memory_desc_t scale_shift = describe_scale_shift(in->c);
    enum status st = add_argument(program, step, DNNL_ARG_SRC, &data, in->at, err);

    if (st == ST_OK)
        st =
            add_argument(program, step, DNNL_ARG_SCALE_SHIFT, &scale_shift, norm->scale_shift, err);
    if (st == ST_OK)
        st = add_argument(program, step, DNNL_ARG_MEAN, &statistics, norm->mean, err);
    if (st == ST_OK)
        st = add_argument(program, step, DNNL_ARG_VARIANCE, &statistics, norm->variance, err);
    if (st == ST_OK && norm->relu)
        st = add_argument(program, step, DNNL_ARG_WORKSPACE,
                          dnnl_primitive_desc_query_md(forward, dnnl_query_workspace_md, 0),
                          norm->mask, err);
    return st;
}

enum status nn_program_norm(struct nn_program *program, struct nn_norm *norm,
                            const struct nn_tensor *in, const struct nn_tensor *out,
                            struct err *err)
{
    dnnl_memory_desc_t data = describe_tensor(in);
    dnnl_primitive_desc_t desc = NULL;
    struct step *step = NULL;
    void *mask = NULL;
    enum status st = plan_norm(&desc, program, norm, &data, err);

    if (st != ST_OK)
        return st;
    if (norm->relu) {
        const dnnl_memory_desc_t *workspace =
            dnnl_primitive_desc_query_md(desc, dnnl_query_workspace_md, 0);
        st = allocate(&mask, program, dnnl_memory_desc_get_size(workspace), err);
        norm->mask = mask;
    }
    if (st == ST_OK)
        st = add_primitive(&step, program, desc, err);
    if (st == ST_OK)
        st = add_norm_arguments(program, step, norm, in, desc, err);
    if (st == ST_OK)
        st = add_argument(program, step, DNNL_ARG_DST, &data, out->at, err);
    (void)dnnl_primitive_desc_destroy(desc);
    return st;
}

enum status nn_program_norm_backward(struct nn_program *program, const struct nn_norm *norm,
                                     const struct nn_tensor *in,
                                     const struct nn_tensor *in_gradient,
                                     float *scale_shift_gradient,
                                     const struct nn_tensor *out_gradient, struct err *err)
{
    dnnl_memory_desc_t data = describe_tensor(in);
    dnnl_memory_desc_t scale_shift = describe_scale_shift(in->c);
    dnnl_batch_normalization_desc_t operation;
    dnnl_primitive_desc_t forward = NULL;
    dnnl_primitive_desc_t desc = NULL;
    struct step *step = NULL;
    enum status st = plan_norm(&forward, program, norm, &data, err);

    if (st == ST_OK)
        st = check(dnnl_batch_normalization_backward_desc_init(
                       &operation, dnnl_backward, &data, &data, norm->epsilon, norm_flags(norm)),
                   "batch norm backward", err);
    if (st == ST_OK)
        st = plan(&desc, program, &operation, NULL, forward, "batch norm backward", err);
    if (st == ST_OK)
        st = add_primitive(&step, program, desc, err);
    if (st == ST_OK)
        st = add_norm_arguments(program, step, norm, in, forward, err);
    if (st == ST_OK)
        st = add_argument(program, step, DNNL_ARG_DIFF_DST, &data, out_gradient->at, err);
    if (st == ST_OK)
        st = add_argument(program, step, DNNL_ARG_DIFF_SRC, &data, in_gradient->at, err);
    if (st == ST_OK)
        st = add_argument(program, step, DNNL_ARG_DIFF_SCALE_SHIFT, &scale_shift,
                          scale_shift_gradient, err);
    if (desc)
        (void)dnnl_primitive_desc_destroy(desc);
    if (forward)
        (void)dnnl_primitive_desc_destroy(forward);
    return st;
}

/* Pooling --------------------------------------------------------------------------------- */

static enum status plan_pool(dnnl_primitive_desc_t *out, struct nn_program *program,
                             const struct nn_pool *pool, const dnnl_memory_desc_t *in,
                             const dnnl_memory_desc_t *made, struct err *err)
{
    dnnl_pooling_desc_t operation;
    const dnnl_dims_t strides = {pool->stride, pool->stride};
    const dnnl_dims_t kernel = {pool->kernel, pool->kernel};
    const dnnl_dims_t pads = {0, 0};
    enum status st =
        check(dnnl_pooling_forward_desc_init(
                  &operation, pool->training ? dnnl_forward_training : dnnl_forward_inference,
                  pool->kind == NN_POOL_MAX ? dnnl_pooling_max : dnnl_pooling_avg_exclude_padding,
                  in, made, strides, kernel, pads, pads),
              "pool", err);

    return st == ST_OK ? plan(out, program, &operation, NULL, NULL, "pool", err) : st;
}

enum status nn_program_pool(struct nn_program *program, struct nn_pool *pool,
                            const struct nn_tensor *in, const struct nn_tensor *out,
                            struct err *err)
{
    dnnl_memory_desc_t in_desc = describe_tensor(in);
    dnnl_memory_desc_t out_desc = describe_tensor(out);
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
        st = allocate(&positions, program, workspace_size, err);
    pool->positions = positions;
    if (st == ST_OK)
        st = add_primitive(&step, program, desc, err);
    if (st == ST_OK)
        st = add_argument(program, step, DNNL_ARG_SRC, &in_desc, in->at, err);
    if (st == ST_OK)
        st = add_argument(program, step, DNNL_ARG_DST, &out_desc, out->at, err);
    if (st == ST_OK && positions)
        st = add_argument(program, step, DNNL_ARG_WORKSPACE, workspace, positions, err);
    (void)dnnl_primitive_desc_destroy(desc);
    return st;
}

enum status nn_program_pool_backward(struct nn_program *program, const struct nn_pool *pool,
                                     const struct nn_tensor *in_gradient,
                                     const struct nn_tensor *out_gradient, struct err *err)
{
    dnnl_memory_desc_t in_desc = describe_tensor(in_gradient);
    dnnl_memory_desc_t out_desc = describe_tensor(out_gradient);
    const dnnl_dims_t strides = {pool->stride, pool->stride};
    const dnnl_dims_t kernel = {pool->kernel, pool->kernel};
    const dnnl_dims_t pads = {0, 0};
    dnnl_pooling_desc_t operation;
    dnnl_primitive_desc_t forward = NULL;
    dnnl_primitive_desc_t desc = NULL;
    struct step *step = NULL;
    enum status st = plan_pool(&forward, program, pool, &in_desc, &out_desc, err);

    if (st == ST_OK)
        st = check(
            dnnl_pooling_backward_desc_init(
                &operation,
                pool->kind == NN_POOL_MAX ? dnnl_pooling_max : dnnl_pooling_avg_exclude_padding,
                &in_desc, &out_desc, strides, kernel, pads, pads),
            "pool backward", err);
    if (st == ST_OK)
        st = plan(&desc, program, &operation, NULL, forward, "pool backward", err);
    if (st == ST_OK)
        st = add_primitive(&step, program, desc, err);
    if (st == ST_OK)
        st = add_argument(program, step, DNNL_ARG_DIFF_SRC, &in_desc, in_gradient->at, err);
    if (st == ST_OK)
        st = add_argument(program, step, DNNL_ARG_DIFF_DST, &out_desc, out_gradient->at, err);
    if (st == ST_OK && pool->positions)
        st = add_argument(program, step, DNNL_ARG_WORKSPACE,
                          dnnl_primitive_desc_query_md(forward, dnnl_query_workspace_md, 0),
                          pool->positions, err);
    if (desc)
        (void)dnnl_primitive_desc_destroy(desc);
    if (forward)
        (void)dnnl_primitive_desc_destroy(forward);
    return st;
}

enum status nn_program_loop(struct nn_program *program, nn_loop *loop, const struct nn_tensor *a,
                            const struct nn_tensor *b, struct err *err)
{
    if (b && nn_tensor_count(a) != nn_tensor_count(b))
        return err_set(err, ST_INVALID, "tensors of %zu and %zu floats", nn_tensor_count(a),
                       nn_tensor_count(b));
    struct step *step = new_step(program);
    step->loop = loop;
    step->a = a->at;
    step->b = b ? b->at : NULL;
    step->count = nn_tensor_count(a);
    return ST_OK;
}
