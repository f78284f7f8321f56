/* fimctl doctor: is this host fit, and what would make it so? What only the daemon knows it is asked; the rest is
 * looked at from here, so that it also helps where the daemon does not start. */
#include "fimd/cli/doctor.h"

#include "fimd/cli/command.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

void doctor_add(struct json *checks, const char *name, const char *verdict, const char *remedy, const char *format, ...)
{
    struct json *check = json_put_object(checks, NULL);
    char text[600];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    json_put_static(check, FIELD_NAME, name);
    json_put_static(check, FIELD_VERDICT, verdict);
    json_put_text(check, FIELD_TEXT, text);
    json_put_text(check, FIELD_REMEDY, remedy);
}

static const char *known_verdict(const char *text)
{
    static const char *const verdicts[] = {VERDICT_GOOD, VERDICT_WARNING, VERDICT_BAD};

    for (size_t i = 0; text && i < sizeof(verdicts) / sizeof(verdicts[0]); i++)
        if (strcmp(text, verdicts[i]) == 0)
            return verdicts[i];
    return VERDICT_BAD;
}

static void hear(void *ctx, const struct json *answer)
{
    struct json *checks = ctx;
    const struct json *list = json_get(answer, FIELD_CHECKS);

    for (const struct json *c = json_first(list); c; c = json_next(c)) {
        struct json *to = json_put_object(checks, NULL);

        json_put_text(to, FIELD_NAME, json_get_text(c, FIELD_NAME));
        json_put_static(to, FIELD_VERDICT, known_verdict(json_get_text(c, FIELD_VERDICT)));
        json_put_text(to, FIELD_TEXT, json_get_text(c, FIELD_TEXT));
        json_put_text(to, FIELD_REMEDY, json_get_text(c, FIELD_REMEDY));
    }
}

/* Its checks come first; false: there is none. */
static bool ask_daemon(struct cli *cli, struct json *checks)
{
    struct fault why = {0};
    int r = cli_ask_quietly(cli, cli_request(COMMAND_DOCTOR), hear, checks, &why);

    if (r < 0)
        doctor_add(checks, "daemon", VERDICT_WARNING,
                   "then ask again: it knows more than can be seen from outside", "%s", why.text);
    else
        doctor_add(checks, "daemon", VERDICT_GOOD, NULL, "fimd is running; its state: fimctl status");
    return r >= 0;
}

static enum cli_colour colour_of(const char *verdict)
{
    if (strcmp(verdict, VERDICT_GOOD) == 0)
        return CLI_GREEN;
    return strcmp(verdict, VERDICT_WARNING) == 0 ? CLI_YELLOW : CLI_RED;
}

static void tell(struct cli *cli, const struct json *checks)
{
    for (const struct json *c = json_first(checks); c; c = json_next(c)) {
        const char *verdict = known_verdict(json_get_text(c, FIELD_VERDICT));
        const char *name = json_get_text(c, FIELD_NAME), *text = json_get_text(c, FIELD_TEXT);
        const char *remedy = json_get_text(c, FIELD_REMEDY);

        fprintf(cli->out, "%s%-8s%s %-13s %s\n", cli_colour(cli, colour_of(verdict)), verdict, cli_colour(cli, CLI_PLAIN),
                name ? name : "?", text ? text : "?");
        if (remedy)
            fprintf(cli->out, "         %-13s → %s\n", "", remedy);
    }
}

static bool any_bad(const struct json *checks)
{
    for (const struct json *c = json_first(checks); c; c = json_next(c))
        if (strcmp(known_verdict(json_get_text(c, FIELD_VERDICT)), VERDICT_BAD) == 0)
            return true;
    return false;
}

static int run(struct cli *cli, const struct words *words)
{
    struct json *answer, *checks;
    bool bad, alone;
    int r = cli_settings(cli);

    (void)words;
    if (r)
        return r;
    answer = json_object();
    checks = json_put_array(answer, FIELD_CHECKS);
    doctor_add(checks, "configuration", VERDICT_GOOD, NULL, "%s: no mistakes",
               cli->settings.file ? cli->settings.file : "built-in defaults");
    alone = !ask_daemon(cli, checks);
    doctor_host(checks, alone);
    doctor_audit(checks, alone);
    doctor_files(checks, &cli->settings, alone);
    bad = any_bad(checks);
    if (cli->json) {
        r = cli_put_json(cli, answer);
    } else {
        tell(cli, checks);
        json_free(answer);
    }
    return r ? r : bad ? EXIT_NOT_SO : EXIT_WELL;
}

const struct command command_doctor = {
    .name = "doctor",
    .help = "is this host fit, and what would make it so: each with a verdict and a remedy",
    .more = "Exit code 1: something is bad; warnings alone are 0.\n",
    .run = run,
};
