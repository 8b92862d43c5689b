/* What a file is by its content: limits, foreign types, headers cut anywhere, EXIF. */
#include "image_fixture.h"

#define BYTES(literal) ((struct bytes){(const uint8_t *)(literal), sizeof(literal) - 1})

static void assert_probe_fails(struct bytes file, enum status wanted, const char *needle)
{
    struct image_info info = {.width = 4711};
    struct err err = {0};
    /* An exact copy on the heap: AddressSanitizer sees any read beyond it. */
    uint8_t *copy = malloc(file.len ? file.len : 1);

    assert_non_null(copy);
    if (file.len)
        memcpy(copy, file.at, file.len);
    enum status st =
        image_probe(&info, (struct bytes){copy, file.len}, &image_limits_default, &err);
    free(copy);
    if (st != wanted || !strstr(err.msg, needle))
        fail_msg("wanted %s with '%s', got %s: %s", status_name(wanted), needle, status_name(st),
                 err.msg);
    assert_int_equal(info.width, 4711);
}

static struct image_info assert_probes(struct bytes file)
{
    struct image_info info = {0};
    struct err err = {0};
    enum status st = image_probe(&info, file, &image_limits_default, &err);

    if (st)
        fail_msg("%s: %s", status_name(st), err.msg);
    return info;
}

static void test_empty_file(void **state)
{
    (void)state;
    assert_probe_fails((struct bytes){NULL, 0}, ST_INVALID, "empty (0 bytes)");
}

static void test_foreign_types_are_named(void **state)
{
    static const struct {
        struct bytes file;
        const char *needle;
    } cases[] = {
        {BYTES("GIF89a\1\0\1\0"), "GIF"},
        {BYTES("GIF87a\1\0\1\0"), "GIF"},
        {BYTES("\0\0\0\x20"
               "ftypavif\0\0\0\0"),
         "AVIF"},
        {BYTES("\0\0\0\x20"
               "ftypheic\0\0\0\0"),
         "HEIC"},
        {BYTES("\0\0\0\x20"
               "ftypmif1\0\0\0\0"),
         "HEIC"},
        {BYTES("\0\0\0\x20"
               "ftypisom\0\0\0\0"),
         "MP4"},
        {BYTES("\0\0\0\x20"
               "ftypmp42\0\0\0\0"),
         "MP4"},
        {BYTES("II*\0\x08\0\0\0"), "TIFF"},
        {BYTES("MM\0*\0\0\0\x08"), "TIFF"},
        {BYTES("BM\x46\0\0\0\0\0\0\0\x36\0\0\0"), "BMP"},
        {BYTES("%PDF-1.7\n"), "PDF"},
        {BYTES("<svg xmlns='http://www.w3.org/2000/svg'/>"), "SVG"},
        {BYTES("\xEF\xBB\xBF\n <?xml version='1.0'?><svg/>"), "SVG"},
        {BYTES("<!DOCTYPE html>"), "HTML"},
        {BYTES("8BPS\0\1"), "Photoshop"},
        {BYTES("\xFF\x0A\0\0"), "JPEG XL"},
        {BYTES("\0\0\0\x0CjP  \r\n\x87\n"), "JPEG 2000"},
        {BYTES("PK\3\4\0\0"), "ZIP"},
        {BYTES("RIFF\0\1\0\0AVI LIST"), "AVI"},
        {BYTES("RIFF\0\1\0\0WAVEfmt "), "WAVE"},
        {BYTES("hello, world"), "not an image of a known type"},
        {BYTES("BMW is a car maker"), "not an image of a known type"},
        {BYTES("\xFF"), "not an image of a known type"},
        {BYTES("   "), "not an image of a known type"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_probe_fails(cases[i].file, ST_UNSUPPORTED, cases[i].needle);
}

static void test_type_is_decided_by_the_first_bytes(void **state)
{
    (void)state;
    /* A GIF that goes on like a JPEG is a GIF; a PDF with a PNG inside is a PDF. */
    assert_probe_fails(BYTES("GIF89a\xFF\xD8\xFF\xE0"), ST_UNSUPPORTED, "GIF");
    assert_probe_fails(BYTES("%PDF-1.4\x89PNG\r\n\x1a\n"), ST_UNSUPPORTED, "PDF");
    assert_probe_fails(BYTES("\xFF\xD8\xFF<html>"), ST_INVALID, "JPEG");
}

static void test_file_size_limit(void **state)
{
    struct image_limits limits = image_limits_default;
    struct image_info info;
    struct err err;

    (void)state;
    limits.bytes_max = 11;
    assert_int_equal(image_probe(&info, BYTES("hello, world"), &limits, &err), ST_LIMIT);
    assert_non_null(strstr(err.msg, "12 bytes is over the limit of 11 bytes"));
    limits.bytes_max = 12;
    assert_int_equal(image_probe(&info, BYTES("hello, world"), &limits, &err), ST_UNSUPPORTED);
}

/* A minimal JPEG header: tables are left out, the probe needs none. */
#define JPEG_FRAME(code, components)                                                               \
    "\xFF" code "\0\x11\x08\0\x30\0\x40" components "\1\x22\0\2\x11\1\3\x11\1"
#define JPEG_SCAN "\xFF\xDA\0\x0C\3\1\0\2\x11\3\x11\0\x3F\0"

static void test_jpeg_header(void **state)
{
    (void)state;
    struct image_info info = assert_probes(BYTES("\xFF\xD8" JPEG_FRAME("\xC0", "\3") JPEG_SCAN));
    assert_int_equal(info.format, IMAGE_JPEG);
    assert_int_equal(info.width, 0x40);
    assert_int_equal(info.height, 0x30);
    assert_int_equal(info.orientation, 1);
    assert_int_equal(info.components, 3);
    assert_false(info.progressive);
    assert_int_equal(info.jpeg_quality, 0);
    info = assert_probes(BYTES("\xFF\xD8" JPEG_FRAME("\xC2", "\3") JPEG_SCAN));
    assert_true(info.progressive);
}

static void test_malformed_jpeg_headers(void **state)
{
    static const struct {
        struct bytes file;
        enum status wanted;
        const char *needle;
    } cases[] = {
        {BYTES("\xFF\xD8\xFF"), ST_INVALID, "cut off: the file ends after 3 bytes"},
        {BYTES("\xFF\xD8\xFF\xFF\xFF\xFF"), ST_INVALID, "cut off"},
        {BYTES("\xFF\xD8\xFF\xD9"), ST_INVALID, "without an image"},
        {BYTES("\xFF\xD8\xFF\xD8"), ST_INVALID, "without an image"},
        {BYTES("\xFF\xD8\xFF\xE0\0\1"), ST_INVALID, "segment of 1 bytes"},
        {BYTES("\xFF\xD8\xFF\xE0\0"), ST_INVALID, "cut off"},
        {BYTES("\xFF\xD8\xFF\xE0\xFF\xFF"), ST_INVALID, "cut off"},
        {BYTES("\xFF\xD8" JPEG_SCAN), ST_INVALID, "before its frame header"},
        {BYTES("\xFF\xD8" JPEG_FRAME("\xC0", "\2") JPEG_SCAN), ST_INVALID, "malformed"},
        {BYTES("\xFF\xD8" JPEG_FRAME("\xC0", "\3") JPEG_FRAME("\xC0", "\3") JPEG_SCAN), ST_INVALID,
         "malformed"},
        {BYTES("\xFF\xD8\xFF\xC0\0\x0E\x08\0\x30\0\x40\2\1\x11\0\2\x11\0" JPEG_SCAN),
         ST_UNSUPPORTED, "2 components"},
        {BYTES("\xFF\xD8\xFF\xC0\0\2" JPEG_SCAN), ST_INVALID, "malformed"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_probe_fails(cases[i].file, cases[i].wanted, cases[i].needle);
}

/* A table segment that promises more than it holds must not be read beyond. */
static void test_short_tables_are_ignored(void **state)
{
    (void)state;
    struct image_info info =
        assert_probes(BYTES("\xFF\xD8\xFF\xDB\0\x05\0\1\2" JPEG_FRAME("\xC0", "\3") JPEG_SCAN));
    assert_int_equal(info.jpeg_quality, 0);
    info = assert_probes(BYTES("\xFF\xD8\xFF\xDB\0\x02" JPEG_FRAME("\xC0", "\3") JPEG_SCAN));
    assert_int_equal(info.jpeg_quality, 0);
}

#define EXIF(len, tiff) "\xFF\xD8\xFF\xE1\0" len "Exif\0\0" tiff JPEG_FRAME("\xC0", "\3") JPEG_SCAN

static void test_exif_orientation(void **state)
{
    static const struct {
        struct bytes file;
        int wanted;
    } cases[] = {
        {BYTES(EXIF("\x22", "MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0")), 6},
        {BYTES(EXIF("\x22", "II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\3\0\0\0\0\0\0\0")), 3},
        /* out of range, wrong type, no entry, directory beyond the end, cut entry, no TIFF */
        {BYTES(EXIF("\x22", "MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\x09\0\0\0\0\0\0")), 1},
        {BYTES(EXIF("\x22", "MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\0\0\0\0\0\0\0")), 1},
        {BYTES(EXIF("\x22", "MM\0*\0\0\0\x08\0\1\1\x12\0\2\0\0\0\1\0\6\0\0\0\0\0\0")), 1},
        {BYTES(EXIF("\x22", "MM\0*\0\0\0\x08\0\0\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0")), 1},
        {BYTES(EXIF("\x22", "MM\0*\xFF\xFF\xFF\xFF\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0")), 1},
        {BYTES(EXIF("\x15", "MM\0*\0\0\0\x08\0\1\1\x12\0")), 1},
        {BYTES(EXIF("\x12", "MM\0*\0\0\0\x08\0\1")), 1},
        {BYTES(EXIF("\x10", "MM\0*\0\0\0\x08")), 1},
        {BYTES(EXIF("\x10", "MM\0*\0\0\0\x06")), 1},
        {BYTES(EXIF("\x0B", "MM\0")), 1},
        {BYTES(EXIF("\x22", "XX\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0")), 1},
        {BYTES(EXIF("\x22", "MM\0*\0\0\0\x08\xFF\xFF\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0")), 6},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct image_info info = assert_probes(cases[i].file);

        if (info.orientation != cases[i].wanted)
            fail_msg("case %zu: orientation %d, not %d", i, info.orientation, cases[i].wanted);
        assert_int_equal(info.width, cases[i].wanted > 4 ? 0x30 : 0x40);
    }
}

/* The probe must see the TIFF directory exactly where the payload begins, however long. */
static void test_exif_cut_anywhere(void **state)
{
    static const char whole[] =
        EXIF("\x22", "MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0");

    (void)state;
    for (size_t len = 3; len < sizeof whole - 1 - 10; len++)
        assert_probe_fails((struct bytes){(const uint8_t *)whole, len}, ST_INVALID, "JPEG");
}

#define PNG_HEAD(size, depth, color)                                                               \
    "\x89PNG\r\n\x1a\n\0\0\0\x0DIHDR" size depth color "\0\0\0\0\0\0\0"
#define PNG_DATA "\0\0\0\0IDAT"

static void test_png_headers(void **state)
{
    static const struct {
        struct bytes file;
        enum status wanted;
        const char *needle;
    } cases[] = {
        {BYTES("\x89PNG\r\n\x1a\n"), ST_INVALID, "cut off"},
        {BYTES("\x89PNG\r\n\x1a\n\0\0\0\x0DIHDR\0\0\0\x40"), ST_INVALID, "cut off"},
        {BYTES("\x89PNG\r\n\x1a\n\0\0\0\x0DIDAT\0\0\0\x40\0\0\0\x40\x08\2\0\0\0\0\0\0\0"),
         ST_INVALID, "header chunk"},
        {BYTES(PNG_HEAD("\0\0\0\x40\0\0\0\x30", "\x08", "\1") PNG_DATA), ST_INVALID,
         "colour type 1"},
        {BYTES(PNG_HEAD("\0\0\0\x40\0\0\0\x30", "\4", "\2") PNG_DATA), ST_INVALID, "4 bits"},
        {BYTES(PNG_HEAD("\0\0\0\x40\0\0\0\0", "\x08", "\2") PNG_DATA), ST_INVALID, "no pixels"},
        {BYTES(PNG_HEAD("\0\0\0\x40\0\0\0\x30", "\x08", "\2")), ST_INVALID, "cut off"},
        {BYTES(PNG_HEAD("\0\0\0\x40\0\0\0\x30", "\x08", "\2") "\0\0\0\0IEND\0\0\0\0"), ST_INVALID,
         "without pixel data"},
        {BYTES(PNG_HEAD("\0\0\0\x40\0\0\0\x30", "\x08", "\2") "\xFF\xFF\xFF\xFFtEXt\0\0\0\0"),
         ST_INVALID, "cut off"},
        {BYTES(PNG_HEAD("\0\0\x40\1\0\0\0\x30", "\x08", "\2") PNG_DATA), ST_LIMIT, "16384 a side"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_probe_fails(cases[i].file, cases[i].wanted, cases[i].needle);

    struct image_info info = assert_probes(
        BYTES(PNG_HEAD("\0\0\0\x40\0\0\0\x30", "\x08", "\3") "\0\0\0\1tRNS\0\0\0\0\0" PNG_DATA));
    assert_int_equal(info.format, IMAGE_PNG);
    assert_int_equal(info.width, 0x40);
    assert_int_equal(info.height, 0x30);
    assert_int_equal(info.components, 4);
    assert_false(info.animated);
    info = assert_probes(BYTES(PNG_HEAD("\0\0\x40\0\0\0\0\1", "\x08", "\2") PNG_DATA));
    assert_int_equal(info.width, 16384);
    assert_int_equal(info.components, 3);
}

static void test_webp_headers(void **state)
{
    static const struct {
        struct bytes file;
        enum status wanted;
        const char *needle;
    } cases[] = {
        {BYTES("RIFF\x16\0\0\0WEBPVP8 "), ST_INVALID, "cut off"},
        {BYTES("RIFF\xFF\0\0\0WEBPVP8 \x0A\0\0\0\x10\0\0\x9d\x01\x2a\x40\0\x30\0"), ST_INVALID,
         "255 bytes promised, 22 present"},
        {BYTES("RIFF\x16\0\0\0WEBPVP8 \x0A\0\0\0\x11\0\0\x9d\x01\x2a\x40\0\x30\0"), ST_INVALID,
         "key frame"},
        {BYTES("RIFF\x16\0\0\0WEBPVP8 \x0A\0\0\0\x10\0\0\x9d\x01\x2b\x40\0\x30\0"), ST_INVALID,
         "key frame"},
        {BYTES("RIFF\x16\0\0\0WEBPVP8L\x0A\0\0\0\x2e\x3f\xc0\x0b\0\0\0\0\0\0"), ST_INVALID,
         "lossless"},
        {BYTES("RIFF\x16\0\0\0WEBPABCD\x0A\0\0\0\x2e\x3f\xc0\x0b\0\0\0\0\0\0"), ST_INVALID,
         "image chunk"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_probe_fails(cases[i].file, cases[i].wanted, cases[i].needle);

    struct image_info info =
        assert_probes(BYTES("RIFF\x16\0\0\0WEBPVP8 \x0A\0\0\0\x10\0\0\x9d\x01\x2a\x40\0\x30\0"));
    assert_int_equal(info.format, IMAGE_WEBP);
    assert_int_equal(info.width, 0x40);
    assert_int_equal(info.height, 0x30);
    info = assert_probes(BYTES("RIFF\x16\0\0\0WEBPVP8L\x0A\0\0\0\x2f\x3f\xc0\x0b\x10\0\0\0\0\0"));
    assert_int_equal(info.width, 0x40);
    assert_int_equal(info.height, 0x30);
    assert_int_equal(info.components, 4);
    info = assert_probes(BYTES("RIFF\x16\0\0\0WEBPVP8X\x0A\0\0\0\x12\0\0\0\x3f\0\0\x2f\0\0"));
    assert_int_equal(info.width, 0x40);
    assert_int_equal(info.height, 0x30);
    assert_true(info.animated);
    assert_int_equal(info.components, 4);
}

static void test_random_bytes(void **state)
{
    static const char *const heads[] = {"\xFF\xD8\xFF", "\x89PNG\r\n\x1a\n\0\0\0\x0DIHDR",
                                        "RIFF\0\0\0\0WEBPVP8X", ""};
    static const size_t lens[] = {3, 16, 16, 0};
    struct rng rng = rng_seed(1);
    uint8_t bytes[300];

    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        struct image_info info = {0};
        size_t len = rng_below(&rng, sizeof bytes), kind = round % 4;

        for (size_t i = 0; i < len; i++)
            bytes[i] = (uint8_t)(rng_chance(&rng, 0.2) ? 0xFF : rng_below(&rng, 256));
        memcpy(bytes, heads[kind], lens[kind]);
        enum status st =
            image_probe(&info, (struct bytes){bytes, len}, &image_limits_default, NULL);
        assert_true(st == ST_INVALID || st == ST_UNSUPPORTED || st == ST_LIMIT || st == ST_OK);
        if (!st)
            assert_true(info.width && info.height && info.width <= 16384 && info.height <= 16384);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty_file),
        cmocka_unit_test(test_foreign_types_are_named),
        cmocka_unit_test(test_type_is_decided_by_the_first_bytes),
        cmocka_unit_test(test_file_size_limit),
        cmocka_unit_test(test_jpeg_header),
        cmocka_unit_test(test_malformed_jpeg_headers),
        cmocka_unit_test(test_short_tables_are_ignored),
        cmocka_unit_test(test_exif_orientation),
        cmocka_unit_test(test_exif_cut_anywhere),
        cmocka_unit_test(test_png_headers),
        cmocka_unit_test(test_webp_headers),
        cmocka_unit_test(test_random_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
