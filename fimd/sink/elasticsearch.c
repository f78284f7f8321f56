/* The sink `elasticsearch`: the daemon's half. Builds requests out of its own documents and hands them to the
 * network process; believes nothing of the answers but their verdicts.
 *
 *   items ─► body ─► POST ─► network process ─► REPLY ─┬─ items     ─► suspicion ─► verdicts
 *                                                      ├─ refused   ─► two halves, each again
 *                                                      └─ the rest  ─► -errno: the whole batch again, later
 *
 * Secrets are read here, and read again when the server says that it does not like them. */
#include "fimd/rt/clock.h"
#include "fimd/sink/index.h"
#include "fimd/sink/secrets.h"
#include "fimd/sink/sender_process.h"
#include "fimd/sink/sink_classes.h"
#include "fimd/sink/suspicion.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
    RETRY_AFTER_MOST_S = 60,  /* a server's Retry-After is heeded up to here */
    RETRY_SETUP_S = 30,       /* what a person has to mend */
    RESTART_FIRST_MS = 100,   /* between two starts of the network process, doubling … */
    RESTART_MOST_S = 60,      /* … up to this */
    SPARE_S = 10,             /* for the network process, beyond the time-outs of its hosts */
};

struct sink {
    const struct output_settings *settings;
    const struct sink_context *context;
    struct sender_process sender;
    bool configured;           /* it has our hosts and secrets */
    int64_t restart_at, pause; /* ns monotonic; the pause before the next restart */
    struct suspicion suspicion;
    struct buf out, in;
    struct bulk_item *items;   /* owned, items_size of them */
    size_t items_size;
    pthread_mutex_t lock;      /* of peer */
    char peer[SENDER_PEER_SIZE];
};

/* --- the network process -------------------------------------------------------------------------------- */

static int start(struct sink *s, int64_t *retry_after, struct fault *why)
{
    int64_t now = clock_mono();

    if (s->sender.pid)
        return 0;
    if (now < s->restart_at) {
        *retry_after = s->restart_at - now;
        return fault_set(why, ECHILD, "the network process ended too often; it is started again in %lld s",
                         (long long)(*retry_after / NS_PER_S + 1));
    }
    s->configured = false;
    s->pause = s->pause ? s->pause * 2 : RESTART_FIRST_MS * (int64_t)NS_PER_MS;
    if (s->pause > RESTART_MOST_S * NS_PER_S)
        s->pause = RESTART_MOST_S * NS_PER_S;
    s->restart_at = now + s->pause;
    return sender_start(&s->sender, s->context->sender_program, why);
}

/* How long the network process may need: one time-out for each host it tries. */
static int64_t deadline(const struct sink *s)
{
    return clock_mono() + s->settings->timeout * (int64_t)(s->settings->hosts.count + 1) + SPARE_S * NS_PER_S;
}

/* Whatever went wrong between us and it: end it, and begin anew with the next batch. */
static int give_up(struct sink *s, int error, struct fault *why)
{
    if (error == -ETIMEDOUT || error == -EBADMSG || error == -ENOMEM) {
        sender_end(&s->sender);
        return fault_set(why, -error, "the network process %s; it is started again",
                         error == -ETIMEDOUT ? "did not answer in time"
                         : error == -EBADMSG ? "sent an answer that makes no sense"
                                             : "could not be talked to, memory is short");
    }
    return sender_lost(&s->sender, why);
}

static int configure(struct sink *s, struct fault *why)
{
    struct sender_config config;
    struct secrets secrets = {0};
    int error;

    if (s->configured)
        return 0;
    error = secrets_read(s->settings, &secrets, why);
    if (error)
        return error;
    error = secrets_config(&secrets, s->settings, &config, why);
    if (!error) {
        sender_account(s->context->sender_user, &config.uid, &config.gid);
        buf_reset(&s->out);
        frame_put_config(&s->out, &config);
        error = s->out.failed ? -ENOMEM : sender_write(&s->sender, &s->out, deadline(s));
        if (s->out.data)
            explicit_bzero(s->out.data, s->out.len);
        if (error)
            error = give_up(s, error, why);
    }
    secrets_fini(&secrets);
    s->configured = !error;
    return error;
}

/* --- one request ---------------------------------------------------------------------------------------- */

static int put_items(struct sink *s, const struct sink_item *items, size_t count, struct buf *body)
{
    bool dated = index_is_dated(s->settings->index);
    int error = 0;

    for (size_t i = 0; i < count && !error; i++) {
        char index[INDEX_NAME_SIZE];
        int64_t time = items[i].event->time ? items[i].event->time : items[i].event->created;

        if (dated)
            error = index_of(s->settings->index, time, index);
        if (!error)
            error = bulk_put(body, dated ? index : NULL, items[i].id, items[i].json, items[i].json_len);
    }
    return error;
}

static int make_request(struct sink *s, const struct sink_item *items, size_t count)
{
    const char *index = index_is_dated(s->settings->index) ? NULL : s->settings->index;
    struct buf path = {0}, body = {0};
    int error = bulk_path(&path, index, s->settings->pipeline);

    if (!error)
        error = put_items(s, items, count, &body);
    if (!error && body.len > FRAME_MOST / 2)
        error = -EMSGSIZE;
    if (!error) {
        struct sender_post post = {{path.data, path.len}, {body.data, body.len}, count};

        buf_reset(&s->out);
        frame_put_post(&s->out, &post);
        error = s->out.failed ? -ENOMEM : 0;
    }
    buf_fini(&path);
    buf_fini(&body);
    return error;
}

static int grow_items(struct sink *s, size_t count)
{
    struct bulk_item *items;

    if (count <= s->items_size)
        return 0;
    items = reallocarray(s->items, count, sizeof(*items));
    if (!items)
        return -ENOMEM;
    s->items = items;
    s->items_size = count;
    return 0;
}

static void set_peer(struct sink *s, const char *peer)
{
    pthread_mutex_lock(&s->lock);
    memcpy(s->peer, peer, sizeof(s->peer));
    pthread_mutex_unlock(&s->lock);
}

/* Sends the request and takes the reply; s->items are its verdicts. */
static int exchange(struct sink *s, size_t count, struct sender_reply *reply, struct fault *why)
{
    int64_t until = deadline(s);
    int error = sender_write(&s->sender, &s->out, until);

    if (!error)
        error = sender_read(&s->sender, &s->in, frame_reply_most(count), until);
    if (!error)
        error = frame_get_reply(s->in.data, s->in.len, count, reply, s->items);
    if (error)
        return give_up(s, error, why);
    s->pause = s->restart_at = 0; /* it works */
    set_peer(s, reply->peer);
    return 0;
}

/* --- what the reply means ------------------------------------------------------------------------------- */

static void give_verdict(struct sink_item *item, const struct bulk_item *from)
{
    static const enum sink_verdict verdicts[BULK_VERDICTS] = {
        [BULK_AGAIN] = SINK_RETRY,
        [BULK_TAKEN] = SINK_DELIVERED,
        [BULK_POISON] = SINK_DEAD,
        [BULK_FORBIDDEN] = SINK_RETRY,
    };

    item->verdict = verdicts[from->verdict];
    memcpy(item->reason, from->reason, sizeof(item->reason));
}

static int setup_is_wrong(struct sink *s, size_t count, int64_t *retry_after, struct fault *why)
{
    *retry_after = RETRY_SETUP_S * NS_PER_S;
    return fault_set(
        why, EPROTO,
        "%zu of %zu documents were refused the same way, so none is given up: %s; does the index template "
        "of %s fit (`fimctl setup elasticsearch`)?",
        count, count, s->items[0].reason, s->settings->index);
}

static int is_denied(struct sink *s, const char *text, int64_t *retry_after, struct fault *why)
{
    s->configured = false; /* read the credentials again: they may have been renewed */
    *retry_after = RETRY_SETUP_S * NS_PER_S;
    return fault_set(why, EACCES, "%s; the account needs create_doc and auto_configure on %s", text,
                     s->settings->index);
}

static int settle_items(struct sink *s, struct sink_item *items, size_t count, int64_t *retry_after,
                        struct fault *why)
{
    switch (suspicion_weigh(&s->suspicion, s->items, count)) {
    case SUSPICION_SETUP:
        return setup_is_wrong(s, count, retry_after, why);
    case SUSPICION_RIGHTS:
        return is_denied(s, s->items[0].reason, retry_after, why);
    case SUSPICION_NONE:
        break;
    }
    for (size_t i = 0; i < count; i++)
        give_verdict(&items[i], &s->items[i]);
    return 0;
}

/* One document that the server turns down as a whole request: the same question as for one of a batch. */
static int refuse_one(struct sink *s, struct sink_item *item, const struct sender_reply *reply,
                      int64_t *retry_after, struct fault *why)
{
    s->items[0] = (struct bulk_item){.verdict = BULK_POISON, .status = reply->status};
    memcpy(s->items[0].reason, reply->text, BULK_REASON_SIZE - 1);
    s->items[0].reason[BULK_REASON_SIZE - 1] = '\0';
    if (reply->outcome != BULK_TOO_LARGE)
        return settle_items(s, item, 1, retry_after, why);
    give_verdict(item, &s->items[0]);
    return 0;
}

static void heed_retry_after(const struct sender_reply *reply, int64_t *retry_after)
{
    uint64_t most = RETRY_AFTER_MOST_S * 1000u;

    *retry_after = (int64_t)(reply->retry_after_ms < most ? reply->retry_after_ms : most) * NS_PER_MS;
}

static int post_all(struct sink *s, struct sink_item *items, size_t count, bool whole, int64_t *retry_after,
                    struct fault *why);

/* One of them spoils the request: the halves tell which. Either half may hold all that is refused, so that
 * one alone is never proof of a wrong set-up; both are looked at, as one batch. */
static int post_halves(struct sink *s, struct sink_item *items, size_t count, int64_t *retry_after,
                       struct fault *why)
{
    size_t half = count / 2;
    int left = post_all(s, items, half, false, retry_after, why);
    int right;

    if (left && left != -EPROTO)
        return left;
    right = post_all(s, items + half, count - half, false, retry_after, why);
    if (!left || right)
        return right;
    /* The right half was taken, so the set-up is right: now the left half's refusals are its documents'. */
    return post_all(s, items, half, false, retry_after, why);
}

static int act_on(struct sink *s, const struct sender_reply *reply, struct sink_item *items, size_t count,
                  bool whole, int64_t *retry_after, struct fault *why)
{
    heed_retry_after(reply, retry_after);
    switch (reply->outcome) {
    case BULK_ITEMS:
        return settle_items(s, items, count, retry_after, why);
    case BULK_TOO_LARGE:
    case BULK_REFUSED:
        if (count == 1)
            return refuse_one(s, items, reply, retry_after, why);
        if (whole && reply->outcome == BULK_TOO_LARGE)
            return -EMSGSIZE; /* the caller keeps its batches smaller then */
        return post_halves(s, items, count, retry_after, why);
    case BULK_DENIED:
        return is_denied(s, reply->text, retry_after, why);
    case BULK_ELSEWHERE:
        *retry_after = RETRY_SETUP_S * NS_PER_S;
        return fault_set(why, EPROTO, "%s; is this the address of an Elasticsearch?", reply->text);
    case SENDER_UNREACHABLE:
        return fault_set(why, EHOSTUNREACH, "%s", reply->text);
    default:
        return fault_set(why, EAGAIN, "%s", reply->text);
    }
}

static int post_all(struct sink *s, struct sink_item *items, size_t count, bool whole, int64_t *retry_after,
                    struct fault *why)
{
    struct sender_reply reply;
    int error = make_request(s, items, count);

    if (error == -EMSGSIZE && count == 1) {
        reply = (struct sender_reply){.outcome = BULK_TOO_LARGE, .text = "larger than any server takes"};
        return refuse_one(s, items, &reply, retry_after, why);
    }
    if (error == -EMSGSIZE)
        return whole ? error : post_halves(s, items, count, retry_after, why);
    if (error)
        return fault_set(why, -error, "the request cannot be made: %s", strerror(-error));
    error = exchange(s, count, &reply, why);
    return error ? error : act_on(s, &reply, items, count, whole, retry_after, why);
}

/* --- the class ------------------------------------------------------------------------------------------ */

static int elasticsearch_open(const struct output_settings *settings, const struct sink_context *context,
                              struct sink **ret, struct fault *why)
{
    const char *mistake = index_is_dated(settings->index) ? NULL : index_mistake(settings->index);
    struct sink *s = mistake ? NULL : calloc(1, sizeof(*s));

    if (mistake)
        return fault_set(why, EINVAL, "%s: index '%s': %s", settings->name, settings->index, mistake);
    if (!s)
        return fault_set(why, ENOMEM, "%s: %s", settings->name, strerror(ENOMEM));
    s->settings = settings;
    s->context = context;
    sender_init(&s->sender);
    pthread_mutex_init(&s->lock, NULL);
    *ret = s;
    return 0;
}

static void elasticsearch_close(struct sink *s)
{
    if (!s)
        return;
    sender_fini(&s->sender);
    buf_fini(&s->out);
    buf_fini(&s->in);
    free(s->items);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static bool any_settled(const struct sink_item *items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (items[i].verdict != SINK_RETRY)
            return true;
    return false;
}

static int elasticsearch_deliver(struct sink *s, struct sink_item *items, size_t count, int64_t *retry_after,
                                 struct fault *why)
{
    int error = start(s, retry_after, why);

    if (!count)
        return 0;
    for (size_t i = 0; i < count; i++)
        items[i].verdict = SINK_RETRY;
    if (!error)
        error = configure(s, why);
    if (!error && grow_items(s, count))
        error = fault_set(why, ENOMEM, "%s: %s", s->settings->name, strerror(ENOMEM));
    if (!error)
        error = post_all(s, items, count, true, retry_after, why);
    /* Halves that were settled before something went wrong stay so; the rest comes again and meets it again.
     */
    return error && any_settled(items, count) ? 0 : error;
}

static pid_t elasticsearch_process(struct sink *s)
{
    return s->sender.pid;
}

static void elasticsearch_interrupt(struct sink *s)
{
    sender_interrupt(&s->sender);
}

static void elasticsearch_peer(struct sink *s, char *ret, size_t size)
{
    pthread_mutex_lock(&s->lock);
    if (size) {
        strncpy(ret, s->peer, size - 1);
        ret[size - 1] = '\0';
    }
    pthread_mutex_unlock(&s->lock);
}

const struct sink_class sink_elasticsearch = {
    .name = "elasticsearch",
    .wants_json = true,
    .open = elasticsearch_open,
    .close = elasticsearch_close,
    .deliver = elasticsearch_deliver,
    .process = elasticsearch_process,
    .peer = elasticsearch_peer,
    .interrupt = elasticsearch_interrupt,
};
