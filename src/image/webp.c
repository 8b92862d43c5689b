/* image/webp.c - WebP in and out by libwebp; of an animation the first frame.
 * Owns the codec object for the length of one call; pixels go to the caller's arena.
 * Thread-safe. */
#include "image/image_internal.h"

#include <string.h>

#include <webp/decode.h>
#include <webp/demux.h>
#include <webp/encode.h>

/* Effort 0..6: half the time of the usual 4 for files 3 % larger; training encodes every crop. */
#define ENCODER_METHOD 2

/* ---- decoding ---- */

static enum status describe(VP8StatusCode code, struct err *err)
{
    switch (code) {
    case VP8_STATUS_OUT_OF_MEMORY:
        return err_set(err, ST_NOMEM, "no memory for this WebP");
    case VP8_STATUS_UNSUPPORTED_FEATURE:
        return err_set(err, ST_UNSUPPORTED, "WebP uses a feature that is not supported");
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
        return err_set(err, ST_INVALID, "WebP is cut off");
    case VP8_STATUS_OK:
    case VP8_STATUS_INVALID_PARAM:
    case VP8_STATUS_BITSTREAM_ERROR:
    case VP8_STATUS_USER_ABORT:
    default:
        return err_set(err, ST_INVALID, "WebP is damaged");
    }
}

/* Decodes one bitstream of exactly width x height pixels into `at`, RGB or RGBA. */
static enum status decode_bitstream(uint8_t *at, struct bytes data, uint32_t width, uint32_t height,
                                    bool alpha, struct err *err)
{
    WebPDecoderConfig config;
    size_t pixel = alpha ? 4 : 3;

    REQUIRE(WebPInitDecoderConfig(&config));
    VP8StatusCode code = WebPGetFeatures(data.at, data.len, &config.input);
    if (code != VP8_STATUS_OK)
        return describe(code, err);
    if ((uint32_t)config.input.width != width || (uint32_t)config.input.height != height)
        return err_set(err, ST_INVALID, "WebP has two headers that differ");

    config.output.colorspace = alpha ? MODE_RGBA : MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = at;
    config.output.u.RGBA.stride = (int)(pixel * width);
    config.output.u.RGBA.size = pixel * width * height;
    code = WebPDecode(data.at, data.len, &config);
    WebPFreeDecBuffer(&config.output);
    return code == VP8_STATUS_OK ? ST_OK : describe(code, err);
}

static enum status decode_opaque(struct image *out, const struct image_info *info,
                                 struct bytes file, struct arena *arena, struct err *err)
{
    enum status st = image_new(out, info->width, info->height, arena, err);

    return st ? st : decode_bitstream(out->rgb, file, info->width, info->height, false, err);
}

static enum status decode_alpha(struct image *out, const struct image_info *info, struct bytes file,
                                struct arena *arena, struct err *err)
{
    size_t mark = arena_mark(arena);
    uint8_t *rgba = NULL;

    enum status st = image_new_rgba(&rgba, info->width, info->height, arena, err);
    if (st)
        return st;
    st = decode_bitstream(rgba, file, info->width, info->height, true, err);
    if (st)
        return st;
    *out = image_squeeze(rgba, info->width, info->height, arena, mark);
    return ST_OK;
}

/* A frame covers a part of the canvas; the rest of it is white. */
static enum status place_frame(const struct image *canvas, const WebPIterator *frame,
                               struct arena *arena, struct err *err)
{
    size_t width = (size_t)frame->width, mark = arena_mark(arena);
    struct bytes data = {.at = frame->fragment.bytes, .len = frame->fragment.size};

    if (frame->width < 1 || frame->height < 1 || frame->x_offset < 0 || frame->y_offset < 0 ||
        (uint32_t)frame->width > canvas->width || (uint32_t)frame->height > canvas->height ||
        (uint32_t)frame->x_offset > canvas->width - (uint32_t)frame->width ||
        (uint32_t)frame->y_offset > canvas->height - (uint32_t)frame->height)
        return err_set(err, ST_INVALID, "WebP frame lies outside its canvas");

    uint8_t *rgba = arena_try(arena, width * (size_t)frame->height, 4);
    if (!rgba)
        return err_set(err, ST_NOMEM, "no room for a WebP frame of %dx%d pixels", frame->width,
                       frame->height);
    enum status st =
        decode_bitstream(rgba, data, (uint32_t)frame->width, (uint32_t)frame->height, true, err);
    if (st)
        return st;
    for (size_t row = 0; row < (size_t)frame->height; row++) {
        size_t at = ((size_t)frame->y_offset + row) * canvas->width + (size_t)frame->x_offset;
        image_flatten(canvas->rgb + 3 * at, rgba + 4 * width * row, width);
    }
    arena_release(arena, mark);
    return ST_OK;
}

static enum status decode_animation(struct image *out, const struct image_info *info,
                                    struct bytes file, struct arena *arena, struct err *err)
{
    WebPData data = {.bytes = file.at, .size = file.len};
    WebPIterator frame;

    memset(&frame, 0, sizeof frame);
    enum status st = image_new(out, info->width, info->height, arena, err);
    if (st)
        return st;
    memset(out->rgb, 255, (size_t)3 * info->width * info->height);

    WebPDemuxer *demuxer = WebPDemux(&data);
    if (!demuxer || !WebPDemuxGetFrame(demuxer, 1, &frame))
        st = err_set(err, ST_INVALID, "WebP animation is damaged or cut off");
    else
        st = place_frame(out, &frame, arena, err);
    WebPDemuxReleaseIterator(&frame);
    WebPDemuxDelete(demuxer);
    return st;
}

enum status image_decode_webp(struct image *out, const struct image_info *info, struct bytes file,
                              struct arena *arena, struct err *err)
{
    if (info->animated)
        return decode_animation(out, info, file, arena, err);
    if (info->components == 4)
        return decode_alpha(out, info, file, arena, err);
    return decode_opaque(out, info, file, arena, err);
}

/* ---- encoding ---- */

static int on_write(const uint8_t *at, size_t len, const WebPPicture *picture)
{
    return image_sink_add(picture->custom_ptr, at, len);
}

enum status image_encode_webp(struct bytes *out, const struct image *in, int quality,
                              struct arena *arena, struct err *err)
{
    WebPConfig config;
    WebPPicture picture;
    struct image_sink sink;

    if (in->width > WEBP_MAX_DIMENSION || in->height > WEBP_MAX_DIMENSION)
        return err_set(err, ST_LIMIT, "WebP cannot hold %ux%u pixels: %d a side", in->width,
                       in->height, WEBP_MAX_DIMENSION);
    REQUIRE(WebPConfigPreset(&config, WEBP_PRESET_DEFAULT, (float)CLAMP(quality, 1, 100)) &&
            WebPPictureInit(&picture));
    config.method = ENCODER_METHOD;
    picture.width = (int)in->width;
    picture.height = (int)in->height;
    picture.writer = on_write;
    picture.custom_ptr = &sink;
    image_sink_open(&sink, arena);
    bool done = WebPPictureImportRGB(&picture, in->rgb, (int)(3 * in->width)) &&
                WebPEncode(&config, &picture);
    WebPPictureFree(&picture);
    if (!done) {
        arena_release(arena, sink.mark);
        return err_set(err, ST_NOMEM, "no room for an encoded WebP of %ux%u pixels (code %d)",
                       in->width, in->height, (int)picture.error_code);
    }
    *out = image_sink_close(&sink);
    return ST_OK;
}
