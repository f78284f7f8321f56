/* Credentials and certificates, read by the process that may read them. */
#ifndef FIMD_SINK_SECRETS_H
#define FIMD_SINK_SECRETS_H

#include "baseline/buf.h"
#include "baseline/fault.h"
#include "fimd/model/settings.h"
#include "fimd/sink/sender_frame.h"

struct secrets { /* owned */
    struct buf authorization; /* "ApiKey …", "Basic …", "Bearer …"; empty: none */
    struct buf ca, certificate, key;
    struct buf pinned;        /* "sha256//…" */
};

/* Reads every file that the settings name. -errno with the file's name in the fault. */
int secrets_read(const struct output_settings *settings, struct secrets *ret, struct fault *why);
void secrets_fini(struct secrets *s); /* overwrites them */
/* Points a configuration at them and at the settings' own values. -E2BIG: too many hosts. */
int secrets_config(const struct secrets *s, const struct output_settings *settings, struct sender_config *ret,
                   struct fault *why);
/* An API key's header value: "id:key" is encoded, anything else is taken to be encoded. 0 or -ENOMEM. */
int secrets_api_key(const char *key, size_t len, struct buf *to);
/* A PEM public key → "sha256//" and the base64 of its DER's SHA-256. 0, -EINVAL, -ENOMEM. */
int secrets_pin(const char *pem, size_t len, struct buf *to);

#endif
