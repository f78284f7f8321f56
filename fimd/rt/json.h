/* JSON, made and read: the one place that knows cJSON. A node belongs to its parent; only a root is freed.
 * Strings are given as bytes and are made valid UTF-8 (an invalid byte becomes U+FFFD), so that no document can
 * be refused for a file's name. Keys are static strings that outlive the node, and are never added twice.
 * Out of memory: constructors return NULL, every put on NULL does nothing and json_print fails: check once. */
#ifndef FIMD_RT_JSON_H
#define FIMD_RT_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "baseline/buf.h"

struct json;

struct json *json_object(void);
struct json *json_array(void);
void json_free(struct json *root);

/* Into an object by key, or (key NULL) at the end of an array. */
void json_put_text(struct json *parent, const char *key, const char *text); /* NULL text: nothing is put */
void json_put_bytes(struct json *parent, const char *key, const char *bytes, size_t len);
void json_put_int(struct json *parent, const char *key, int64_t value);   /* all 64 bits, unlike a double */
void json_put_uint(struct json *parent, const char *key, uint64_t value);
void json_put_real(struct json *parent, const char *key, double value);
void json_put_bool(struct json *parent, const char *key, bool value);
void json_put_null(struct json *parent, const char *key);
void json_put_raw(struct json *parent, const char *key, const char *json); /* ready-made, trusted JSON; copied */
void json_put_static(struct json *parent, const char *key, const char *text); /* valid UTF-8 that outlives the node: no copy */
struct json *json_put_object(struct json *parent, const char *key);
struct json *json_put_array(struct json *parent, const char *key);
/* The object at key, made when missing. */
struct json *json_ensure_object(struct json *parent, const char *key);

/* Appends the compact text to `to`; false when memory ran out anywhere. */
bool json_print(const struct json *root, struct buf *to);
bool json_print_pretty(const struct json *root, struct buf *to);

/* Reading: hostile bytes; NULL when it is no JSON, has more than 64 levels or bytes after its end. */
struct json *json_parse(const char *text, size_t len);
const struct json *json_get(const struct json *object, const char *key); /* NULL when missing or no object */
const struct json *json_at(const struct json *array, size_t index);
size_t json_count(const struct json *array_or_object);
const struct json *json_first(const struct json *array_or_object); /* for walking: first, then next */
const struct json *json_next(const struct json *item);
const char *json_key(const struct json *item);
const char *json_text(const struct json *string); /* NULL when it is no string */
const char *json_get_text(const struct json *object, const char *key);
int64_t json_get_int(const struct json *object, const char *key, int64_t otherwise);
bool json_get_bool(const struct json *object, const char *key, bool otherwise);

#endif
