/* nn/program_short.c - elements shorter than a float: which the processor multiplies, and how a
 * tensor of floats becomes one of them. */
#include "nn/dnnl_internal.h"

bool nn_program_has_elements(enum nn_element element)
{
    unsigned wanted =
        element == NN_BFLOAT16 ? dnnl_cpu_isa_avx512_core_bf16 : dnnl_cpu_isa_avx512_core_vnni;

    return element == NN_FLOAT || ((unsigned)dnnl_get_effective_cpu_isa() & wanted) == wanted;
}

dnnl_data_type_t nn_dnnl_type(enum nn_element element)
{
    static const dnnl_data_type_t types[] = {[NN_FLOAT] = dnnl_f32,
                                             [NN_BFLOAT16] = dnnl_bf16,
                                             [NN_SIGNED_BYTE] = dnnl_s8,
                                             [NN_UNSIGNED_BYTE] = dnnl_u8};

    return types[element];
}

bool nn_dnnl_is_byte(enum nn_element element)
{
    return element == NN_SIGNED_BYTE || element == NN_UNSIGNED_BYTE;
}

enum status nn_dnnl_scales(dnnl_primitive_attr_t *out, int count, int mask, const float *scales,
                           struct err *err)
{
    dnnl_primitive_attr_t attributes = NULL;
    enum status st = nn_dnnl_check(dnnl_primitive_attr_create(&attributes), "attributes", err);

    if (st != ST_OK)
        return st;
    st = nn_dnnl_check(dnnl_primitive_attr_set_output_scales(attributes, count, mask, scales),
                       "scales", err);
    if (st != ST_OK) {
        (void)dnnl_primitive_attr_destroy(attributes);
        return st;
    }
    *out = attributes;
    return ST_OK;
}

enum status nn_program_convert(struct nn_program *program, const struct nn_tensor *out,
                               const struct nn_tensor *channels_last, struct err *err)
{
    const float scale = nn_dnnl_is_byte(out->element) ? 1 / out->step : 1;
    const dnnl_dims_t dims = {out->n, out->c, out->h, out->w};
    dnnl_memory_desc_t from;
    dnnl_memory_desc_t to = nn_dnnl_tensor(program, out);
    dnnl_primitive_attr_t attributes = NULL;

    REQUIRE(dnnl_memory_desc_init_by_tag(&from, 4, dims, dnnl_f32, dnnl_nhwc) == dnnl_success);
    enum status st = nn_dnnl_scales(&attributes, 1, 0, &scale, err);
    if (st != ST_OK)
        return st;
    st = nn_dnnl_add_reorder(program, &from, channels_last->at, &to, out->at, attributes, err);
    (void)dnnl_primitive_attr_destroy(attributes);
    return st;
}
