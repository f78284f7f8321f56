#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "fimd/sink/sender_frame.h"

static struct blob blob(const char *text)
{
    return (struct blob){text, strlen(text)};
}

static bool same(const struct blob *a, const char *text)
{
    return a->len == strlen(text) && !memcmp(a->data, text, a->len);
}

static void put_sample(struct buf *frame, struct bulk_item *items, size_t count)
{
    struct sender_reply reply = {
        .outcome = BULK_ITEMS, .status = 200, .retry_after_ms = 5, .text = "t", .peer = "p"};

    for (size_t i = 0; i < count; i++)
        items[i] = (struct bulk_item){.verdict = i % BULK_VERDICTS, .status = 201, .reason = "why"};
    frame_put_reply(frame, &reply, items, count);
}

Test(frame, config_comes_back_as_it_was)
{
    struct sender_config in = {.uid = 7,
                               .gid = 8,
                               .hosts_count = 2,
                               .verify = TLS_VERIFY_CERTIFICATE,
                               .gzip = true,
                               .timeout_ms = 30000},
                         out;
    struct buf frame = {0};

    in.hosts[0] = blob("https://a");
    in.hosts[1] = blob("https://b");
    in.authorization = blob("ApiKey x");
    in.ca = blob("PEM");
    frame_put_config(&frame, &in);
    cr_assert_eq(frame_length(frame.data, 4096), (long)frame.len - 4);
    cr_assert_eq(frame_get_config(frame.data + 4, frame.len - 4, &out), 0);
    cr_expect(out.uid == 7 && out.gid == 8 && out.hosts_count == 2 && out.gzip && out.timeout_ms == 30000);
    cr_expect(same(&out.hosts[1], "https://b") && same(&out.authorization, "ApiKey x") &&
              same(&out.ca, "PEM"));
    cr_expect_eq(out.key.len, 0);
    buf_fini(&frame);
}

Test(frame, post_comes_back_as_it_was)
{
    struct sender_post in = {blob("/_bulk"), blob("{}\n"), 1}, out;
    struct buf frame = {0};

    frame_put_post(&frame, &in);
    cr_assert_eq(frame_get_post(frame.data + 4, frame.len - 4, &out), 0);
    cr_expect(out.count == 1 && same(&out.path, "/_bulk") && same(&out.body, "{}\n"));
    buf_fini(&frame);
}

Test(frame, reply_comes_back_as_it_was)
{
    struct bulk_item in[4], out[4];
    struct sender_reply reply;
    struct buf frame = {0};

    put_sample(&frame, in, 4);
    cr_assert_leq(frame.len - 4, frame_reply_most(4));
    cr_assert_eq(frame_get_reply(frame.data + 4, frame.len - 4, 4, &reply, out), 0);
    cr_expect(reply.outcome == BULK_ITEMS && reply.status == 200 && reply.retry_after_ms == 5);
    cr_expect_str_eq(reply.peer, "p");
    for (size_t i = 0; i < 4; i++)
        cr_expect(out[i].verdict == in[i].verdict && out[i].status == 201 && !strcmp(out[i].reason, "why"));
    buf_fini(&frame);
}

Test(frame, every_truncation_and_every_extra_byte_is_refused)
{
    struct bulk_item in[3], out[3];
    struct sender_reply reply;
    struct buf frame = {0};

    put_sample(&frame, in, 3);
    for (size_t len = 0; len < frame.len - 4; len++)
        cr_expect_eq(frame_get_reply(frame.data + 4, len, 3, &reply, out), -EBADMSG, "%zu bytes", len);
    buf_put_u8(&frame, 0);
    cr_expect_eq(frame_get_reply(frame.data + 4, frame.len - 4, 3, &reply, out), -EBADMSG);
    buf_fini(&frame);
}

Test(frame, another_number_of_verdicts_is_refused)
{
    struct bulk_item in[3], out[4];
    struct sender_reply reply;
    struct buf frame = {0};

    put_sample(&frame, in, 3);
    cr_expect_eq(frame_get_reply(frame.data + 4, frame.len - 4, 4, &reply, out), -EBADMSG);
    cr_expect_eq(frame_get_reply(frame.data + 4, frame.len - 4, 2, &reply, out), -EBADMSG);
    buf_fini(&frame);
}

Test(frame, words_of_the_server_are_made_harmless)
{
    struct sender_reply in = {.outcome = BULK_LATER, .text = "\033[2J\nred"}, out;
    struct buf frame = {0};

    frame_put_reply(&frame, &in, NULL, 0);
    cr_assert_eq(frame_get_reply(frame.data + 4, frame.len - 4, 9, &out, NULL), 0);
    cr_expect_str_eq(out.text, "\\x1B[2J\\nred");
    buf_fini(&frame);
}

static const struct {
    uint8_t header[4];
    size_t most;
    long length;
} lengths[] = {
    {{5, 0, 0, 0}, 100, 5},        {{0, 0, 0, 0}, 100, -EBADMSG},          {{101, 0, 0, 0}, 100, -EBADMSG},
    {{100, 0, 0, 0}, 100, 100},    {{255, 255, 255, 255}, 1 << 28, -EBADMSG},
};

Test(frame, length_is_bounded)
{
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
        cr_expect_eq(frame_length(lengths[i].header, lengths[i].most), lengths[i].length);
}
