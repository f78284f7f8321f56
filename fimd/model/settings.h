/* The configuration as plain values: fimd.yaml with its defaults (fimd/config reads it). Owned by whoever
 * holds the struct; settings_fini frees everything in it. Times in ns, sizes in bytes. */
#ifndef FIMD_MODEL_SETTINGS_H
#define FIMD_MODEL_SETTINGS_H

#include "baseline/check.h"
#include "baseline/digest.h"
#include "fimd/model/policy.h"

struct strings {
    char **list;
    size_t count;
};
void strings_fini(struct strings *s);
int strings_add(struct strings *s, const char *text); /* copies; 0 or -ENOMEM */

enum output_type { OUTPUT_FILE, OUTPUT_CONSOLE, OUTPUT_ELASTICSEARCH };
enum tls_verify { TLS_VERIFY_FULL, TLS_VERIFY_CERTIFICATE, TLS_VERIFY_NONE };
enum action_vocab { VOCAB_FIM, VOCAB_BOTH };

struct output_settings {
    enum output_type type;
    char *name;                 /* given, or made from the type; unique: it is the cursor's name */
    enum severity min_severity; /* the filter */
    struct strings rules, tags, actions, not_tags;
    /* file */
    char *path;
    uint64_t rotate_size; /* 0 never */
    unsigned rotate_keep;
    bool fsync; /* flush after every batch */
    /* elasticsearch */
    struct strings hosts; /* base URLs; cloud_id is already turned into one */
    char *index;          /* data stream, or a name with % conversions of strftime (from @timestamp, UTC) */
    char *pipeline;       /* NULL none */
    char *username, *password_file, *api_key_file, *bearer_token_file;
    char *ca_file, *certificate_file, *key_file, *pinned_public_key;
    enum tls_verify verify;
    bool gzip;
    unsigned batch_events;
    uint64_t batch_bytes;
    int64_t timeout;
    enum action_vocab vocab;
};
void output_settings_fini(struct output_settings *o);

enum rules_wanted { RULES_NONE, RULES_LOGINS, RULES_CRITICAL, RULES_DIRECTORIES };

struct settings {
    char *file; /* the configuration's path, NULL: built-in defaults */
    char *state_dir, *runtime_dir;
    struct strings policy_path;
    struct strings policies;
    struct digest_plan digests;
    struct strings tags;
    struct strings label_keys, label_values;
    struct policy *policy; /* compiled from policies and watch; one reference is ours */
    bool audit;            /* attribution.audit: auto */
    enum rules_wanted rules;
    int64_t grace;
    bool scan_at_start;
    enum check_depth scan_at_start_depth;
    uint64_t read_rate;
    unsigned threads; /* 0: auto */
    int64_t settle, settle_max;
    uint64_t max_file_size;
    int64_t journal_keep;
    uint64_t journal_max_size;
    unsigned queue_events; /* length of the kernel's fanotify queue, events */
    char *sender_user;     /* whom the network process becomes */
    struct output_settings *outputs;
    size_t outputs_count;
};
void settings_fini(struct settings *s);

#endif
