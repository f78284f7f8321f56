#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "fimd/sink/mapping.h"
#include "fimd/sink/setup_bodies.h"

static char *text_of(struct json *body)
{
    struct buf text = {0};

    cr_assert(json_print(body, &text));
    cr_assert_not_null(buf_cstr(&text));
    json_free(body);
    return (char *)text.data;
}

static const struct {
    struct setup_template wanted;
    const char *has, *has_not;
} templates[] = {
    {{"logs-fim.event-default", true, true}, "\"index_patterns\":[\"logs-fim.event-default\"]", "*"},
    {{"logs-fim.event-default", true, true}, "\"data_stream\":{}", "zzz"},
    {{"logs-fim.event-default", true, true}, "\"index.lifecycle.name\":\"fimd\"", "zzz"},
    {{"logs-fim.event-default", true, false}, "\"index.lifecycle.name\":\"fimd\"", "final_pipeline"},
    {{"logs-fim.event-default", false, true}, "\"index.final_pipeline\":\"fimd\"", "lifecycle"},
    {{"audit-%Y.%m.%d", false, false}, "\"index_patterns\":[\"audit-*\"]", "\"data_stream\":{}"},
};

Test(setup, template_names_only_what_the_server_has)
{
    for (size_t i = 0; i < sizeof(templates) / sizeof(templates[0]); i++) {
        char *text = text_of(setup_template_body(&templates[i].wanted));

        cr_expect_not_null(strstr(text, templates[i].has), "%zu: no %s", i, templates[i].has);
        cr_expect_null(strstr(text, templates[i].has_not), "%zu: has %s", i, templates[i].has_not);
        free(text);
    }
}

/* A field whose inner object the builder does not know would be left out in silence. */
Test(setup, every_field_of_the_table_is_in_the_template)
{
    struct json *root = setup_template_body(&(struct setup_template){"i", false, false});
    const struct json *at = json_get(json_get(json_get(root, "template"), "mappings"), "properties");
    static const char *const fields[] = {"@timestamp", "file.Ext.original.path", "process.real_user.name",
                                         "fimd.actors.process.args_count", "fimd.previous.hash.sha256",
                                         "data_stream.namespace", "related.hosts", "host.os.kernel"};

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        const struct json *properties = at, *field = NULL;
        char path[128], *state = NULL;

        strcpy(path, fields[i]);
        for (char *part = strtok_r(path, ".", &state); part; part = strtok_r(NULL, ".", &state)) {
            field = json_get(properties, part);
            properties = json_get(field, "properties");
        }
        cr_expect_str_eq(json_get_text(field, "type"), mapping_type(fields[i]), "%s", fields[i]);
    }
    json_free(root);
}

/* Counted, so that none is missing: the leaves of the template are the fields of the table. */
static size_t leaves(const struct json *properties)
{
    size_t count = 0;

    for (const struct json *p = json_first(properties); p; p = json_next(p)) {
        const struct json *below = json_get(p, "properties");

        count += below ? leaves(below) : 1;
    }
    return count;
}

Test(setup, no_field_is_lost)
{
    struct json *mappings = json_object();

    mapping_put(mappings);
    cr_expect_eq(leaves(json_get(mappings, "properties")), mapping_count());
    json_free(mappings);
}

Test(setup, lifecycles_keep_a_year_and_more)
{
    char *ilm = text_of(setup_ilm_body(false)), *dated = text_of(setup_ilm_body(true));
    char *ism = text_of(setup_ism_body("audit-%Y"));

    cr_expect_not_null(strstr(ilm, "\"delete\":{\"min_age\":\"400d\",\"actions\":{\"delete\":{}}}"));
    cr_expect_not_null(strstr(ilm, "\"rollover\":{\"max_age\":\"30d\""));
    cr_expect_null(strstr(dated, "rollover"));
    cr_expect_not_null(strstr(ism, "\"conditions\":{\"min_index_age\":\"400d\"}"));
    cr_expect_not_null(strstr(ism, "\"index_patterns\":[\"audit-*\"]"));
    cr_expect_null(strstr(ism, "rollover"));
    free(ilm);
    free(dated);
    free(ism);
}
