/* What fimctl and the daemon say to each other: the names of commands and fields, in one place for both sides.
 *
 * A request is {"command": C, arguments…}; answers are objects, and the exit code ends the call (control.h).
 * Any answer may be {"error": text for people}; an answer never has a field "exit".
 * Paths travel escaped (path_escape: any bytes, nothing lost); request_put_path and request_get_path do it.
 * Times are RFC 3339 text in UTC, durations and sizes whole numbers in the unit that the name ends with.
 *
 * status   {} → one answer, exit 0 well or 1 degraded:
 *   version text · pid · since time · state "starting"|"watching"|"stopping" · config path or null · state_dir path
 *   watching {paths, entries, marks [{path, fs_type, how, limits}]}
 *   attribution {grade, audit {state, detail, rules_loaded, rules_wanted, rules_foreign, daemon_pid, records, lost},
 *                process {grade, messages, gaps, alive}, selftest [{grade, good, took_us, cost, detail}]}
 *   queues [{name, length, peak, limit}]
 *   journal {first, last, bytes}
 *   losses {name: count}
 *   outputs [{name, type, cursor, backlog, delivered, dead, last_error}]
 *   filling {running, directories, entries, bytes}   the first baseline, behind the watching
 *   scan {running, depth, directories, entries, bytes, differences, finished time}
 *   degraded [text]                                  each a reason; empty: all is well
 * sync     {delivered bool, timeout_ms} → {sequence}, exit 0, or 1 with an error when time is over
 * scan     {paths […], depth "metadata"|"content"} → {progress {directories, entries, bytes, differences, total}} …,
 *          at last {result {directories, entries, bytes, differences, took_ms}}, exit 0
 * explain  {path} → {watched bool, how text, limits text or null, covered bool, pending bool, grade}, exit 0
 * doctor   {} → {checks [{name, verdict "good"|"warning"|"bad", text, remedy}]}, exit 0
 * reload   {} → {mistakes [text]} and exit 78, or {message} and exit 0
 */
#ifndef FIMD_CONTROL_REQUESTS_H
#define FIMD_CONTROL_REQUESTS_H

#include "baseline/buf.h"
#include "fimd/rt/json.h"

#define CONTROL_SOCKET "control.sock" /* in runtime_dir */
#define VALUE_AGENT_ID "agent-id"     /* the store's value (16 bytes) that documents carry as agent.id */

#define COMMAND_STATUS "status"
#define COMMAND_SYNC "sync"
#define COMMAND_SCAN "scan"
#define COMMAND_EXPLAIN "explain"
#define COMMAND_DOCTOR "doctor"
#define COMMAND_RELOAD "reload"

#define FIELD_COMMAND "command"
#define FIELD_ERROR "error"
#define FIELD_EXIT "exit"
#define FIELD_MESSAGE "message"

/* status */
#define FIELD_VERSION "version"
#define FIELD_PID "pid"
#define FIELD_SINCE "since"
#define FIELD_STATE "state"
#define FIELD_CONFIG "config"
#define FIELD_STATE_DIR "state_dir"
#define FIELD_WATCHING "watching"
#define FIELD_PATHS "paths"
#define FIELD_ENTRIES "entries"
#define FIELD_MARKS "marks"
#define FIELD_PATH "path"
#define FIELD_FS_TYPE "fs_type"
#define FIELD_HOW "how"
#define FIELD_LIMITS "limits"
#define FIELD_ATTRIBUTION "attribution"
#define FIELD_GRADE "grade"
#define FIELD_AUDIT "audit"
#define FIELD_DETAIL "detail"
#define FIELD_RULES_LOADED "rules_loaded"
#define FIELD_RULES_WANTED "rules_wanted"
#define FIELD_RULES_FOREIGN "rules_foreign"
#define FIELD_DAEMON_PID "daemon_pid"
#define FIELD_RECORDS "records"
#define FIELD_LOST "lost"
#define FIELD_PROCESS "process"
#define FIELD_MESSAGES "messages"
#define FIELD_GAPS "gaps"
#define FIELD_ALIVE "alive"
#define FIELD_SELFTEST "selftest"
#define FIELD_GOOD "good"
#define FIELD_TOOK_US "took_us"
#define FIELD_COST "cost"
#define FIELD_QUEUES "queues"
#define FIELD_NAME "name"
#define FIELD_LENGTH "length"
#define FIELD_PEAK "peak"
#define FIELD_LIMIT "limit"
#define FIELD_JOURNAL "journal"
#define FIELD_FIRST "first"
#define FIELD_LAST "last"
#define FIELD_BYTES "bytes"
#define FIELD_LOSSES "losses"
#define FIELD_OUTPUTS "outputs"
#define FIELD_TYPE "type"
#define FIELD_CURSOR "cursor"
#define FIELD_BACKLOG "backlog"
#define FIELD_DELIVERED "delivered"
#define FIELD_DEAD "dead"
#define FIELD_LAST_ERROR "last_error"
#define FIELD_FILLING "filling"
#define FIELD_RUNNING "running"
#define FIELD_DIRECTORIES "directories"
#define FIELD_SCAN "scan"
#define FIELD_DEPTH "depth"
#define FIELD_DIFFERENCES "differences"
#define FIELD_FINISHED "finished"
#define FIELD_DEGRADED "degraded"

/* values */
#define STATE_STARTING "starting"
#define STATE_WATCHING "watching"
#define STATE_STOPPING "stopping"
#define DEPTH_METADATA "metadata"
#define DEPTH_CONTENT "content"
#define VERDICT_GOOD "good"
#define VERDICT_WARNING "warning"
#define VERDICT_BAD "bad"

/* sync, scan, explain, doctor, reload */
#define FIELD_TIMEOUT_MS "timeout_ms"
#define FIELD_SEQUENCE "sequence"
#define FIELD_PROGRESS "progress"
#define FIELD_TOTAL "total"
#define FIELD_RESULT "result"
#define FIELD_TOOK_MS "took_ms"
#define FIELD_WATCHED "watched"
#define FIELD_COVERED "covered"
#define FIELD_PENDING "pending"
#define FIELD_CHECKS "checks"
#define FIELD_VERDICT "verdict"
#define FIELD_TEXT "text"
#define FIELD_REMEDY "remedy"
#define FIELD_MISTAKES "mistakes"

enum request_exit { /* of the daemon's commands and of fimctl: sysexits' numbers */
    EXIT_WELL = 0,
    EXIT_NOT_SO = 1,        /* degraded, none known, differs, not in time */
    EXIT_BAD_USAGE = 64,
    EXIT_NO_DAEMON = 69,
    EXIT_INTERNAL = 70,     /* anything that should not happen */
    EXIT_NO_PERMISSION = 77,
    EXIT_BAD_CONFIG = 78,
};

void request_put_path(struct json *object, const char *key, const char *path, size_t len);
/* The bytes of an escaped path (a string node), appended; 0, -EINVAL when it is none or does not begin with a
 * slash or holds a NUL, -ENOMEM. Hostile text. */
int request_get_path(const struct json *string, struct buf *ret);

/* A request line, without its newline, of hostile bytes: its JSON (the caller's) and the command in it, or NULL
 * with what is wrong, static, in *ret_why. */
struct json *request_parse(const char *line, size_t len, const char **ret_command, const char **ret_why);

#endif
