/* The S3 protocol's own parts: aws-chunked bodies, signatures of chunks, XML, checksums. */
#include "support.h"

#include <stdio.h>

#include "auth/sigv4_chunks.h"
#include "core/checksum.h"
#include "core/util.h"
#include "core/xml.h"
#include "s3/chunked.h"

/* --- aws-chunked --- */

struct seen {
    struct buf text; /* data; "|SIGNATURE" at the end of a chunk; "[NAME=VALUE]" */
    bool refuses_data;
};

static bool on_data(void *ctx, struct str data)
{
    struct seen *seen = ctx;
    return buf_append_str(&seen->text, data) && !seen->refuses_data;
}

static bool on_chunk_end(void *ctx, struct str signature)
{
    struct seen *seen = ctx;
    return buf_appendf(&seen->text, "|" STR_FMT, STR_ARG(str_slice(signature, 0, 3)));
}

static bool on_trailer(void *ctx, struct str name, struct str value)
{
    struct seen *seen = ctx;
    return buf_appendf(&seen->text, "[" STR_FMT "=" STR_FMT "]", STR_ARG(name), STR_ARG(value));
}

/* Decodes at every step width; the text that came of it, or NULL when it isn't whole. */
static const char *decode(const char *body, enum s3_chunked_result expected)
{
    static char text[512];
    bool is_done = false;
    for (size_t step = 1; step <= strlen(body); step++) {
        struct seen seen = {0};
        struct s3_chunked chunked = {0};
        const struct s3_chunked_sink sink = {on_data, on_chunk_end, on_trailer, &seen};
        enum s3_chunked_result result = S3_CHUNKED_OK;
        buf_init(&seen.text, sizeof(text) - 1);
        for (size_t at = 0; at < strlen(body); at += step)
            result = s3_chunked_feed(&chunked, str_slice(str_of(body), at, at + step), &sink);
        assert_int_equal(result, expected);
        (void)snprintf(text, sizeof(text), STR_FMT, STR_ARG(buf_str(&seen.text)));
        is_done = s3_chunked_is_done(&chunked);
        buf_deinit(&seen.text);
    }
    return is_done ? text : NULL;
}

#define SIGNED ";chunk-signature=abc4567890123456789012345678901234567890123456789012345678901234"

static void chunked_bodies(void **state)
{
    (void)state;
    assert_string_equal(decode("0\r\n\r\n", S3_CHUNKED_OK), "|");
    assert_string_equal(decode("5\r\nhello\r\n0\r\n\r\n", S3_CHUNKED_OK), "hello||");
    assert_string_equal(decode("B\r\nhello\r\nworl\r\n1\r\n!\r\n0\r\n\r\n", S3_CHUNKED_OK), "hello\r\nworl|!||");
    assert_string_equal(decode("0\r\nX-Amz-Checksum-CRC32: AA== \r\na:b\r\n\r\n", S3_CHUNKED_OK),
                        "|[x-amz-checksum-crc32=AA==][a=b]");
    assert_string_equal(decode("1" SIGNED "\r\nx\r\n0" SIGNED "\r\n\r\n", S3_CHUNKED_OK), "x|abc|abc");
}

static void broken_chunked_bodies(void **state)
{
    (void)state;
    static const char *const malformed[] = {
        "\r\n", "x\r\n", "-1\r\n", " 1\r\nx\r\n", "1\nx\r\n0\r\n\r\n", "1\r\nxy\r\n", "1\r\nx0\r\n\r\n",
        "1234567890123456\r\n", "1;chunk-signature=short\r\nx", "0\r\nno colon\r\n\r\n", "0\r\n:v\r\n\r\n",
        "0\r\n\r\nmore",
    };
    for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
        assert_null(decode(malformed[i], S3_CHUNKED_MALFORMED));
    static const char *const unfinished[] = {"5", "5\r\nhel", "5\r\nhello", "5\r\nhello\r\n", "0\r\n", "0\r\na:b\r\n"};
    for (size_t i = 0; i < sizeof(unfinished) / sizeof(unfinished[0]); i++)
        assert_null(decode(unfinished[i], S3_CHUNKED_OK));
}

static void a_sink_may_refuse(void **state)
{
    (void)state;
    struct seen seen = {.refuses_data = true};
    struct s3_chunked chunked = {0};
    const struct s3_chunked_sink sink = {on_data, on_chunk_end, on_trailer, &seen};
    buf_init(&seen.text, 100);
    assert_int_equal(s3_chunked_feed(&chunked, STR("1\r\nx\r\n0\r\n\r\n"), &sink), S3_CHUNKED_REFUSED);
    assert_int_equal(s3_chunked_feed(&chunked, STR("1\r\n"), &sink), S3_CHUNKED_REFUSED);
    assert_str_equal(buf_str(&seen.text), "x");
    buf_deinit(&seen.text);
}

/* The worked example of the S3 guide: 66,560 letters a in chunks of 64 KiB, key AKIAIOSFODNN7EXAMPLE. */
static void signatures_of_chunks(void **state)
{
    (void)state;
    const struct sigv4_claim claim = {
        .date = STR("20130524"),
        .region = STR("us-east-1"),
        .service = STR("s3"),
        .timestamp = STR("20130524T000000Z"),
        .signature = STR("4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"),
    };
    static const struct {
        size_t len;
        const char *signature;
    } chunks[] = {
        {65536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"},
        {1024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"},
        {0, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"},
    };
    struct sigv4_chunks signer;
    assert_true(sigv4_chunks_init(&signer, &claim, STR("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")));
    char *letters = mem_alloc(65536);
    memset(letters, 'a', 65536);
    for (size_t i = 0; i < 3; i++) {
        uint8_t digest[SHA256_LEN];
        sha256((struct str){letters, chunks[i].len}, digest);
        assert_true(sigv4_chunks_check(&signer, digest, str_of(chunks[i].signature)));
    }
    assert_true(sigv4_chunks_init(&signer, &claim, STR("another secret")));
    uint8_t digest[SHA256_LEN];
    sha256((struct str){letters, 65536}, digest);
    assert_false(sigv4_chunks_check(&signer, digest, str_of(chunks[0].signature)));
    mem_free(letters);
}

/* --- checksums --- */

/* Check values of "123456789": catalogue of parametrised CRC algorithms, and FIPS 180's functions. */
static void checksums(void **state)
{
    (void)state;
    static const struct {
        const char *name, *base64;
    } known[] = {
        {"CRC32", "y/Q5Jg=="},
        {"crc32c", "4waSgw=="},
        {"crc64nvme", "rosUhgp5mIg="},
        {"sha1", "98O8HYCOBHMq32eZZczDTKeuNEE="},
        {"sha256", "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU="},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        enum checksum_kind kind = checksum_kind_of(str_of(known[i].name));
        uint8_t value[CHECKSUM_BYTES_MAX], parsed[CHECKSUM_BYTES_MAX];
        char text[CHECKSUM_BASE64_MAX + 1];
        for (size_t cut = 0; cut <= 9; cut++) {
            struct checksum checksum;
            assert_true(checksum_init(&checksum, kind));
            checksum_update(&checksum, "123456789", cut);
            checksum_update(&checksum, &"123456789"[cut], 9 - cut);
            checksum_final(&checksum, value);
            checksum_deinit(&checksum);
            checksum_base64(kind, value, text);
            assert_string_equal(text, known[i].base64);
        }
        assert_true(checksum_parse(kind, str_of(text), parsed));
        assert_memory_equal(parsed, value, checksum_bytes(kind));
        assert_false(checksum_parse(kind, STR("AAA="), parsed));
        assert_false(checksum_parse(kind, STR("?"), parsed));
    }
    assert_int_equal(checksum_kind_of(STR("md5")), CHECKSUM_NONE);
}

/* --- XML --- */

static bool on_element(void *ctx, struct str parent, struct str name, struct str text)
{
    return buf_appendf(ctx, STR_FMT ">" STR_FMT "=" STR_FMT ";", STR_ARG(parent), STR_ARG(name), STR_ARG(text));
}

static const char *read_xml(const char *text)
{
    static char out[512];
    struct arena arena;
    struct buf seen;
    arena_init(&arena, 0);
    buf_init(&seen, sizeof(out) - 1);
    bool is_good = xml_read(str_of(text), &arena, on_element, &seen);
    (void)snprintf(out, sizeof(out), STR_FMT, STR_ARG(buf_str(&seen)));
    buf_deinit(&seen);
    arena_deinit(&arena);
    return is_good ? out : NULL;
}

static void xml(void **state)
{
    (void)state;
    assert_string_equal(read_xml("<?xml version=\"1.0\"?>\n<a x=\"1\"><n:b>1&amp;&#x32;&#51;</n:b><c/></a>\n"),
                        "a>b=1&23;a>c=;>a=;");
    assert_string_equal(read_xml("<a><!-- <b> --><![CDATA[<&>]]></a>"), ">a=<&>;");
    static const char *const bad[] = {"", "text", "<a>", "</a>", "<a></b>", "<a>&b;</a>", "<a>&#0;</a>", "<a>&lt</a>",
                                      "<!DOCTYPE a><a/>", "<a/>text", "<a><b></a></b>", "<a>\xff</a>", "<>x</>",
                                      "<a><a><a><a><a><a><a><a><a></a></a></a></a></a></a></a></a></a>"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_null(read_xml(bad[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunked_bodies),       cmocka_unit_test(broken_chunked_bodies),
        cmocka_unit_test(a_sink_may_refuse),    cmocka_unit_test(signatures_of_chunks),
        cmocka_unit_test(checksums),            cmocka_unit_test(xml),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
