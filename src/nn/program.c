#include "nn/program.h"

#include <omp.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "nn/dnnl_internal.h"
#include "nn/graph.h"
#include "nn/loops.h"

#define ARGUMENTS_MAX   10
#define DESCRIPTION_MAX (64u << 10)

/* One primitive with its arguments, one loop or one piece of work of ours. */
struct step {
    dnnl_primitive_t primitive; /* NULL: `worker` or, without one, `loop` */
    dnnl_exec_arg_t arguments[ARGUMENTS_MAX];
    int argument_count;
    nn_loop *loop;
    float *a;
    const float *b;
    size_t count;
    nn_worker *worker;
    struct nn_work work;
};

struct nn_program {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    enum nn_layout layout;
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

enum status nn_dnnl_check(dnnl_status_t status, const char *what, struct err *err)
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

static bool has_wide_vectors(void)
{
    return (dnnl_get_effective_cpu_isa() & dnnl_cpu_isa_avx512_core) == dnnl_cpu_isa_avx512_core;
}

enum nn_layout nn_program_layout(const struct nn_graph *graph)
{
    return has_wide_vectors() && nn_graph_fits_blocks(graph, NN_BLOCK) ? NN_BLOCKED
                                                                       : NN_CHANNELS_LAST;
}

enum nn_layout nn_program_forward_layout(const struct nn_graph *graph)
{
    return has_wide_vectors() && nn_graph_pads_to_blocks(graph, NN_BLOCK)
               ? NN_BLOCKED
               : nn_program_layout(graph);
}

/* Floats that a tensor takes: blocks are whole. */
static size_t floats_of(const struct nn_program *program, const struct nn_tensor *tensor)
{
    struct nn_maps maps = nn_program_maps(program, tensor);

    return (size_t)maps.inputs * (size_t)maps.maps * (size_t)maps.height * (size_t)maps.width *
           (size_t)maps.lanes;
}

struct nn_maps nn_program_maps(const struct nn_program *program, const struct nn_tensor *tensor)
{
    bool blocked = program->layout == NN_BLOCKED;

    return (struct nn_maps){.at = tensor->at,
                            .inputs = tensor->n,
                            .maps = blocked ? (tensor->c + NN_BLOCK - 1) / NN_BLOCK : 1,
                            .height = tensor->h,
                            .width = tensor->w,
                            .lanes = blocked ? NN_BLOCK : tensor->c};
}

enum status nn_program_open(struct nn_program **out, enum nn_layout layout, struct arena *arena,
                            struct err *err)
{
    struct nn_program *program = mem_alloc(1, sizeof *program);

    omp_set_num_threads(1); /* a worker is one thread; primitives plan for it */
    program->arena = arena;
    program->layout = layout;
    buf_init(&program->description, DESCRIPTION_MAX);
    enum status st =
        nn_dnnl_check(dnnl_engine_create(&program->engine, dnnl_cpu, 0), "engine", err);
    if (st == ST_OK)
        st = nn_dnnl_check(
            dnnl_stream_create(&program->stream, program->engine, dnnl_stream_in_order), "stream",
            err);
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

enum status nn_dnnl_allocate(void **out, struct nn_program *program, size_t bytes, struct err *err)
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
    enum status st =
        nn_dnnl_allocate(&at, program, floats_of(program, &tensor) * sizeof(float), err);

    if (st != ST_OK)
        return st;
    tensor.at = at;
    *out = tensor;
    return ST_OK;
}

enum status nn_program_finish(struct nn_program *program, struct err *err)
{
    void *scratch = NULL;
    enum status st = nn_dnnl_allocate(&scratch, program, program->scratch_size, err);

    for (int i = 0; i < program->scratch_count && st == ST_OK; i++)
        st = nn_dnnl_check(dnnl_memory_set_data_handle(program->scratches[i], scratch), "scratch",
                           err);
    return st;
}

void nn_program_run(struct nn_program *program)
{
    omp_set_num_threads(1); /* the calling thread's setting; costs nothing */
    for (int i = 0; i < program->step_count; i++) {
        const struct step *step = &program->steps[i];
        if (step->worker) {
            step->worker(&step->work);
            continue;
        }
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

dnnl_memory_desc_t nn_dnnl_tensor(const struct nn_program *program, const struct nn_tensor *tensor)
{
    dnnl_memory_desc_t desc;
    dnnl_dims_t dims = {tensor->n, tensor->c, tensor->h, tensor->w};
    dnnl_format_tag_t tag = program->layout == NN_BLOCKED ? dnnl_nChw16c : dnnl_nhwc;

    REQUIRE(dnnl_memory_desc_init_by_tag(&desc, 4, dims, nn_dnnl_type(tensor->element), tag) ==
            dnnl_success);
    return desc;
}

dnnl_memory_desc_t nn_dnnl_vector(int count)
{
    dnnl_memory_desc_t desc;
    dnnl_dims_t dims = {count};

    REQUIRE(dnnl_memory_desc_init_by_tag(&desc, 1, dims, dnnl_f32, dnnl_a) == dnnl_success);
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
        nn_dnnl_check(dnnl_memory_create(&memory, desc, program->engine, handle), "memory", err);

    if (st != ST_OK)
        return st;
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): the items are handles */
    program->memories = grow(program->memories, program->memory_count, sizeof *program->memories);
    program->memories[program->memory_count++] = memory;
    *out = memory;
    return ST_OK;
}

enum status nn_dnnl_add_argument(struct nn_program *program, struct step *step, int kind,
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
        nn_dnnl_check(dnnl_primitive_desc_query(desc, dnnl_query_impl_info_str, 0, (void *)&info),
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
    enum status st = nn_dnnl_add_argument(program, step, DNNL_ARG_SCRATCHPAD, scratch, NULL, err);
    if (st != ST_OK)
        return st;
    program->scratches = grow(program->scratches, program->scratch_count, sizeof(dnnl_memory_t));
    program->scratches[program->scratch_count++] = step->arguments[step->argument_count - 1].memory;
    program->scratch_size = MAX_OF(program->scratch_size, size);
    return ST_OK;
}

bool nn_dnnl_implemented(const struct nn_program *program, const_dnnl_op_desc_t operation,
                         const_dnnl_primitive_attr_t attributes,
                         const_dnnl_primitive_desc_t forward)
{
    dnnl_primitive_desc_t desc = NULL;
    bool implemented = dnnl_primitive_desc_create(&desc, operation, attributes, program->engine,
                                                  forward) == dnnl_success;

    nn_dnnl_drop(desc);
    return implemented;
}

void nn_dnnl_drop(dnnl_primitive_desc_t desc)
{
    if (desc)
        (void)dnnl_primitive_desc_destroy(desc);
}

enum status nn_dnnl_plan(dnnl_primitive_desc_t *out, struct nn_program *program,
                         const_dnnl_op_desc_t operation, const_dnnl_primitive_attr_t attributes,
                         const_dnnl_primitive_desc_t forward, const char *what, struct err *err)
{
    dnnl_primitive_attr_t own = NULL;
    dnnl_primitive_desc_t desc = NULL;
    enum status st = ST_OK;

    if (!attributes) {
        st = nn_dnnl_check(dnnl_primitive_attr_create(&own), what, err);
        if (st == ST_OK)
            st = nn_dnnl_check(
                dnnl_primitive_attr_set_scratchpad_mode(own, dnnl_scratchpad_mode_user), what, err);
        attributes = own;
    }
    if (st == ST_OK)
        st = nn_dnnl_check(
            dnnl_primitive_desc_create(&desc, operation, attributes, program->engine, forward),
            what, err);
    if (st == ST_OK)
        st = refuse_reference(desc, what, program, err);
    if (own)
        (void)dnnl_primitive_attr_destroy(own);
    if (st != ST_OK) {
        nn_dnnl_drop(desc);
        return st;
    }
    *out = desc;
    return ST_OK;
}

enum status nn_dnnl_add_primitive(struct step **out, struct nn_program *program,
                                  const_dnnl_primitive_desc_t desc, struct err *err)
{
    struct step *step = new_step(program);
    enum status st = nn_dnnl_check(dnnl_primitive_create(&step->primitive, desc), "primitive", err);

    if (st == ST_OK)
        st = add_scratch(program, step, desc, err);
    if (st == ST_OK)
        *out = step;
    return st;
}

enum status nn_dnnl_add_reorder(struct nn_program *program, const dnnl_memory_desc_t *from,
                                const void *from_at, const dnnl_memory_desc_t *to,
                                const void *to_at, const_dnnl_primitive_attr_t attributes,
                                struct err *err)
{
    dnnl_primitive_desc_t desc = NULL;
    struct step *step = NULL;
    enum status st =
        nn_dnnl_check(dnnl_reorder_primitive_desc_create(&desc, from, program->engine, to,
                                                         program->engine, attributes),
                      "reorder", err);

    if (st != ST_OK)
        return st;
    st = nn_dnnl_add_primitive(&step, program, desc, err);
    nn_dnnl_drop(desc);
    if (st == ST_OK)
        st = nn_dnnl_add_argument(program, step, DNNL_ARG_FROM, from, from_at, err);
    if (st == ST_OK)
        st = nn_dnnl_add_argument(program, step, DNNL_ARG_TO, to, to_at, err);
    return st;
}

enum status nn_dnnl_run_last(struct nn_program *program, struct err *err)
{
    REQUIRE(program->step_count > 0);
    struct step *step = &program->steps[--program->step_count];
    enum status st = nn_dnnl_check(dnnl_primitive_execute(step->primitive, program->stream,
                                                          step->argument_count, step->arguments),
                                   "first run", err);

    (void)dnnl_stream_wait(program->stream);
    (void)dnnl_primitive_destroy(step->primitive);
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
    step->count = floats_of(program, a);
    return ST_OK;
}

void nn_program_work(struct nn_program *program, nn_worker *worker, const struct nn_work *work)
{
    struct step *step = new_step(program);

    step->worker = worker;
    step->work = *work;
}

enum status nn_program_doubles(double **out, struct nn_program *program, size_t count,
                               struct err *err)
{
    void *at = NULL;
    enum status st = nn_dnnl_allocate(&at, program, count * sizeof(double), err);

    if (st == ST_OK)
        *out = at;
    return st;
}
