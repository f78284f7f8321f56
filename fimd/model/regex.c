/* Regular expressions over paths: the one place that knows PCRE2.
 *
 * Owns the compiled code and its match context, both read-only after regex_new. Matching works in bytes (a
 * name need not be UTF-8; (*UTF) in a pattern is refused), a newline is a byte like any other, and '$' means
 * the very end: a name with a newline in it must not slip past a pattern. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "fimd/model/regex.h"

#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include <pcre2.h>

/* Steps before a match is given up: some milliseconds, where a sound expression takes less than a hundred. */
enum { MATCH_LIMIT = 100000 };

struct regex {
    pcre2_code *code;
    pcre2_match_context *limits;
    bool grows;
};

void regex_free(struct regex *r)
{
    if (!r)
        return;
    pcre2_match_context_free(r->limits);
    pcre2_code_free(r->code);
    free(r);
}

static int compile_fault(int code, size_t offset, struct fault *why)
{
    PCRE2_UCHAR text[200];
    pcre2_get_error_message(code, text, sizeof(text));
    return fault_set(why, EINVAL, "%s at character %zu", (const char *)text, offset + 1);
}

/* What looks at the end, or ahead, or never gives back, may be found in a text and not in a longer one. */
static bool looks_ahead(const char *pattern, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = pattern[i], next = i + 1 < len ? pattern[i + 1] : '\0';
        if (c == '$' || (c == '(' && (next == '?' || next == '*')) || (strchr("+*?}", c) && next == '+'))
            return true;
        if (c == '\\' && (!next || strchr("bBzZGKXR", next)))
            return true;
        i += c == '\\';
    }
    return false;
}

int regex_new(const char *pattern, size_t len, struct regex **ret, struct fault *why)
{
    struct regex *r = calloc(1, sizeof(*r));
    PCRE2_SIZE offset = 0;
    int code = 0;

    if (!r)
        return fault_set(why, ENOMEM, "out of memory");
    r->code = pcre2_compile((PCRE2_SPTR)pattern, len, PCRE2_DOTALL | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_UTF,
                            &code, &offset, NULL);
    if (!r->code) {
        regex_free(r);
        return compile_fault(code, offset, why);
    }
    r->limits = pcre2_match_context_create(NULL);
    if (!r->limits) {
        regex_free(r);
        return fault_set(why, ENOMEM, "out of memory");
    }
    pcre2_set_match_limit(r->limits, MATCH_LIMIT);
    r->grows = !looks_ahead(pattern, len);
    /* Without a JIT (another processor, a kernel that forbids such memory) the interpreter does the same. */
    (void)pcre2_jit_compile(r->code, PCRE2_JIT_COMPLETE);
    *ret = r;
    return 0;
}

bool regex_grows(const struct regex *r)
{
    return r->grows;
}

/* PCRE2 wants its match block from an allocator: it gets the caller's stack, and the heap only when the
 * interpreter needs frames of its own. */
struct scratch {
    size_t used;
    alignas(max_align_t) unsigned char data[1024];
};

static void *scratch_alloc(size_t size, void *ctx)
{
    struct scratch *s = ctx;
    size_t align = alignof(max_align_t), need = (size + align - 1) / align * align;
    if (need > sizeof(s->data) - s->used)
        return malloc(size);
    void *result = s->data + s->used;
    s->used += need;
    return result;
}

static void scratch_free(void *p, void *ctx)
{
    struct scratch *s = ctx;
    unsigned char *at = p;
    if (at < s->data || at >= s->data + sizeof(s->data))
        free(p);
}

int regex_find(const struct regex *r, const char *text, size_t len)
{
    struct scratch scratch;
    scratch.used = 0;
    pcre2_general_context *memory = pcre2_general_context_create(scratch_alloc, scratch_free, &scratch);
    pcre2_match_data *block = memory ? pcre2_match_data_create(1, memory) : NULL;
    int found = -1;

    if (block) {
        int code = pcre2_match(r->code, (PCRE2_SPTR)text, len, 0, 0, block, r->limits);
        found = code >= 0 ? 1 : code == PCRE2_ERROR_NOMATCH ? 0 : -1;
    }
    pcre2_match_data_free(block);
    pcre2_general_context_free(memory);
    return found;
}
