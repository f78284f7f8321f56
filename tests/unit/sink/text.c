#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fimd/sink/index.h"
#include "fimd/sink/os_release.h"
#include "fimd/sink/secrets.h"
#include "fimd/sink/server.h"
#include "fimd/sink/text.h"
#include "fimd/sink/writer.h"
#include "sample.h"

static const struct {
    int64_t ns;
    const char *text;
} times[] = {
    {0, "1970-01-01T00:00:00.000000000Z"},
    {-1, "1969-12-31T23:59:59.999999999Z"},
    {951782400000000000, "2000-02-29T00:00:00.000000000Z"},
    {951868800000000000, "2000-03-01T00:00:00.000000000Z"},
    {1788513330123456789, "2026-09-04T09:15:30.123456789Z"},
    {4107542400000000000, "2100-03-01T00:00:00.000000000Z"},
    {INT64_MAX, "2262-04-11T23:47:16.854775807Z"},
    {INT64_MIN, "1677-09-21T00:12:43.145224192Z"},
};

Test(text, time_is_utc_to_the_nanosecond)
{
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        char text[TEXT_TIME_SIZE];

        text_time(times[i].ns, TEXT_NS, text);
        cr_expect_str_eq(text, times[i].text);
    }
}

static const struct {
    const char *plain, *encoded;
} base64[] = {{"", ""},        {"f", "Zg=="},        {"fo", "Zm8="},
              {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"\xff\xfe", "//4="}};

Test(text, base64_there_and_back)
{
    for (size_t i = 0; i < sizeof(base64) / sizeof(base64[0]); i++) {
        struct buf to = {0}, back = {0};

        text_base64(&to, base64[i].plain, strlen(base64[i].plain));
        cr_expect_str_eq(buf_cstr(&to), base64[i].encoded);
        cr_expect_eq(text_base64_decode((char *)to.data, to.len, &back), 0);
        cr_expect_str_eq(buf_cstr(&back), base64[i].plain);
        buf_fini(&to);
        buf_fini(&back);
    }
    cr_expect_eq(text_base64_decode("a!", 2, &(struct buf){0}), -EINVAL);
}

static const struct {
    const char *bytes;
    size_t len;
    const char *json;
} strings[] = {
    {"plain", 5, "\"plain\""},         {"a\"b\\", 4, "\"a\\\"b\\\\\""},
    {"\n\t\r\b\f", 5, "\"\\n\\t\\r\\b\\f\""}, {"\0\x0b\x1f", 3, "\"\\u0000\\u000b\\u001f\""},
    {"\x7f", 1, "\"\x7f\""},           {"\xc3\xa9\xe2\x86\x90", 5, "\"\xc3\xa9\xe2\x86\x90\""},
    {"\xff", 1, "\"\xef\xbf\xbd\""},   {"\xc3", 1, "\"\xef\xbf\xbd\""},
    {"\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""}, {"", 0, "\"\""},
};

Test(writer, any_bytes_are_a_string)
{
    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
        struct buf to = {0};
        struct writer w = {&to, false};

        writer_bytes(&w, NULL, strings[i].bytes, strings[i].len);
        cr_expect_str_eq(buf_cstr(&to), strings[i].json);
        buf_fini(&to);
    }
}

Test(writer, commas_are_where_they_belong)
{
    struct buf to = {0};
    struct writer w = {&to, false};

    writer_begin_object(&w, NULL);
    writer_int(&w, "a", INT64_MIN);
    writer_begin_array(&w, "b");
    writer_end_array(&w);
    writer_begin_array(&w, "c");
    writer_bool(&w, NULL, true);
    writer_uint(&w, NULL, UINT64_MAX);
    writer_end_array(&w);
    writer_foreign_key(&w, "d\"");
    writer_id(&w, NULL, 0);
    writer_text(&w, "e", NULL);
    writer_end_object(&w);
    cr_expect_str_eq(buf_cstr(&to), "{\"a\":-9223372036854775808,\"b\":[],\"c\":[true,18446744073709551615],"
                                    "\"d\\\"\":\"0\"}");
    buf_fini(&to);
}

static const struct {
    const char *pattern, *name, *wildcard;
} indices[] = {
    {"logs-fim.event-default", "logs-fim.event-default", "logs-fim.event-default"},
    {"audit-%Y.%m.%d", "audit-2026.09.04", "audit-*"},
    {"a-%Y-b", "a-2026-b", "a-*-b"},
};

Test(index, is_named_by_the_events_own_time)
{
    for (size_t i = 0; i < sizeof(indices) / sizeof(indices[0]); i++) {
        char name[INDEX_NAME_SIZE];

        cr_assert_eq(index_of(indices[i].pattern, 1788513330123456789, name), 0);
        cr_expect_str_eq(name, indices[i].name);
        cr_assert_eq(index_wildcard(indices[i].pattern, name), 0);
        cr_expect_str_eq(name, indices[i].wildcard);
    }
}

static const char *const bad_indices[] = {"",    ".",    "_a",  "-a", "A",  "a b",
                                          "a/b", "a\"b", "a,b", "a*", "a#", "a:b"};

Test(index, impossible_names_are_told)
{
    struct index_stream parts;

    for (size_t i = 0; i < sizeof(bad_indices) / sizeof(bad_indices[0]); i++)
        cr_expect_not_null(index_mistake(bad_indices[i]), "%s", bad_indices[i]);
    cr_expect_null(index_mistake("logs-fim.event-default"));
    cr_expect(index_stream_parse("logs-a.b-c-d", &parts));
    cr_expect_str_eq(parts.namespace, "c-d");
    cr_expect_not(index_stream_parse("audit-%Y-x", &parts));
    cr_expect_not(index_stream_parse("audit", &parts));
}

Test(os_release, is_read_as_the_shell_would)
{
    static const char text[] =
        "# c\nID=raspbian\nID_LIKE='foo debian'\nNAME=\"A \\\"B\\\"\"\nVERSION_ID=\"12\"\nBROKEN\nX=";
    struct os_release r = {0};

    os_release_parse(text, sizeof(text) - 1, &r);
    cr_expect_str_eq(r.id, "raspbian");
    cr_expect_str_eq(r.name, "A \"B\"");
    cr_expect_str_eq(r.version_id, "12");
    cr_expect_str_eq(os_release_family(&r), "debian");
}

static const struct {
    const char *body, *described;
} roots[] = {
    {"{\"version\":{\"number\":\"8.19.21\"}}", "Elasticsearch 8.19.21"},
    {"{\"version\":{\"distribution\":\"opensearch\",\"number\":\"2.19.6\"}}", "OpenSearch 2.19.6"},
    {"{\"version\":{\"number\":\"none\"}}", ""},
    {"<html>", ""},
};

Test(server, says_what_it_is)
{
    static const char nodes[] = "{\"nodes\":{\"x\":{\"version\":\"8.1.2\"}}}";
    struct server s = {0};
    char text[80];

    for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
        s = (struct server){0};
        server_parse_root(roots[i].body, strlen(roots[i].body), &s);
        server_describe(&s, text, sizeof(text));
        cr_expect_str_eq(text, roots[i].described);
    }
    cr_expect_eq(server_parse_nodes(nodes, sizeof(nodes) - 1, true, &s), 0);
    cr_expect(s.major == 8 && s.minor == 1 && !s.opensearch);
}

static void write_file(const char *directory, const char *name, const char *text, char ret[256])
{
    FILE *f;

    snprintf(ret, 256, "%s/%s", directory, name);
    f = fopen(ret, "w");
    cr_assert_not_null(f);
    fputs(text, f);
    fclose(f);
}

static const struct {
    const char *name, *content, *header; /* header NULL: refused */
    int kind;                            /* 0 API key, 1 bearer, 2 password */
} credentials[] = {
    {"API key as id:key", "id:key\n", "ApiKey aWQ6a2V5", 0},
    {"API key encoded", "aWQ6a2V5  \n", "ApiKey aWQ6a2V5", 0},
    {"bearer", "token\r\n", "Bearer token", 1},
    {"password", "p w", "Basic YWxpY2U6cCB3", 2},
    {"two lines", "a\nb\n", NULL, 0},
    {"empty", "\n", NULL, 1},
};

Test(secrets, become_one_header)
{
    char *directory = sample_directory();

    for (size_t i = 0; i < sizeof(credentials) / sizeof(credentials[0]); i++) {
        struct output_settings o = {0};
        struct secrets s = {0};
        struct fault why = {0};
        char path[256];
        int r;

        write_file(directory, "secret", credentials[i].content, path);
        o.username = (char *)"alice";
        *(credentials[i].kind == 0 ? &o.api_key_file : credentials[i].kind == 1 ? &o.bearer_token_file
                                                                                 : &o.password_file) = path;
        r = secrets_read(&o, &s, &why);
        cr_expect_eq(r, credentials[i].header ? 0 : -EINVAL, "%s: %s", credentials[i].name, why.text);
        if (!r)
            cr_expect_str_eq(buf_cstr(&s.authorization), credentials[i].header);
        else
            cr_expect_not_null(strstr(why.text, path));
        secrets_fini(&s);
    }
    sample_remove(directory);
}

/* The digest is openssl's: `openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64`. */
Test(secrets, public_key_file_becomes_a_pin)
{
    static const char pem[] = "-----BEGIN PUBLIC KEY-----\n"
                              "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"
                              "-----END PUBLIC KEY-----\n";
    struct buf pin = {0};

    cr_assert_eq(secrets_pin(pem, sizeof(pem) - 1, &pin), 0);
    cr_expect_str_eq(buf_cstr(&pin), "sha256//oekVYFTgT6yJmunydRMs3Ael28TqLCrTof/G4NJTaB8=");
    cr_expect_eq(secrets_pin("x", 1, &pin), -EINVAL);
    buf_fini(&pin);
}
