/* utmp has no sessions without a terminal (`ssh host command`, sftp, tunnels), and newer systems have no utmp at
 * all. But as long as a session lasts, an sshd with its audit session holds its connection:
 *
 *   /proc/PID ─► is it root's sshd, with a session? ─► its lowest descriptor of a TCP socket ─► inode
 *             ─► /proc/PID/net/tcp, tcp6 (of its own network namespace) ─► the address at the other end
 *
 * Only root's: another user's program may call itself sshd and connect to where it likes. */
#include "fimd/audit/before_ssh.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ESTABLISHED = 1, WORDS = 4, DESCRIPTORS_MOST = 64 };

static const char *const programs[] = {"sshd", "sshd-session", "dropbear"};

static FILE *open_of(const char *pid, const char *name)
{
    char path[300];
    snprintf(path, sizeof(path), "/proc/%s/%s", pid, name);
    return fopen(path, "re");
}

static bool line_of(const char *pid, const char *name, char *ret, int size)
{
    FILE *f = open_of(pid, name);
    if (!f) {
        return false;
    }
    bool got = fgets(ret, size, f) != NULL;
    fclose(f);
    if (got) {
        ret[strcspn(ret, "\n")] = '\0';
    }
    return got;
}

/* The kernel prints an address as words in the host's order: as they are in memory, so none is turned. */
static bool words_parse(const char *hex, uint32_t ret[WORDS], size_t *ret_count)
{
    size_t count = 0;
    for (; count < WORDS && strlen(hex) >= 8; hex += 8, count++) {
        char word[9] = "";
        memcpy(word, hex, 8);
        ret[count] = (uint32_t)strtoul(word, NULL, 16);
    }
    *ret_count = count;
    return !*hex && (count == 1 || count == WORDS);
}

static bool address_format(const uint32_t *words, size_t count, char *ret, size_t size)
{
    const uint32_t mapped[3] = {0, 0, htonl(0xffff)}; /* ::ffff:a.b.c.d is what a person calls a.b.c.d */
    if (count == WORDS && !memcmp(words, mapped, sizeof(mapped))) {
        words += 3;
        count = 1;
    }
    return inet_ntop(count == 1 ? AF_INET : AF_INET6, words, ret, (socklen_t)size) != NULL;
}

bool socket_address(FILE *table, uint64_t inode, char *ret, size_t size)
{
    char line[512], remote[64];
    while (fgets(line, sizeof(line), table)) {
        uint64_t of;
        unsigned state;
        uint32_t words[WORDS];
        size_t count;
        if (sscanf(line, " %*u: %*s %63[0-9A-F]:%*x %x %*s %*s %*s %*u %*u %" SCNu64, remote, &state, &of) ==
                3 &&
            of == inode && state == ESTABLISHED && words_parse(remote, words, &count)) {
            return address_format(words, count, ret, size);
        }
    }
    return false;
}

static bool inode_address(const char *pid, uint64_t inode, char *ret, size_t size)
{
    static const char *const tables[] = {"net/tcp", "net/tcp6"};
    bool found = false;
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]) && !found; i++) {
        FILE *f = open_of(pid, tables[i]);
        if (f) {
            found = socket_address(f, inode, ret, size);
            fclose(f);
        }
    }
    return found;
}

/* The lowest first: what is forwarded later has a higher one. */
static bool connection_address(const char *pid, char *ret, size_t size)
{
    for (int fd = 0; fd < DESCRIPTORS_MOST; fd++) {
        char path[300], target[64] = "";
        uint64_t inode;
        snprintf(path, sizeof(path), "/proc/%s/fd/%d", pid, fd);
        if (readlink(path, target, sizeof(target) - 1) > 0 &&
            sscanf(target, "socket:[%" SCNu64 "]", &inode) == 1 && inode_address(pid, inode, ret, size)) {
            return true;
        }
    }
    return false;
}

static bool is_roots(const char *pid)
{
    char path[300];
    struct stat st;
    snprintf(path, sizeof(path), "/proc/%s", pid);
    return stat(path, &st) == 0 && st.st_uid == 0;
}

static bool is_ssh(const char *pid, char *ret_method, int size)
{
    if (!line_of(pid, "comm", ret_method, size)) {
        return false;
    }
    for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
        if (!strcmp(ret_method, programs[i])) {
            return is_roots(pid);
        }
    }
    return false;
}

static int one_read(struct sessions *s, const char *pid)
{
    struct audit_session session = {.address = ""};
    char text[32];
    if (!is_ssh(pid, session.method, sizeof(session.method)) ||
        !line_of(pid, "sessionid", text, sizeof(text))) {
        return 0;
    }
    uint32_t id = (uint32_t)strtoul(text, NULL, 10);
    if (id == UINT32_MAX || !connection_address(pid, session.address, sizeof(session.address))) {
        return 0;
    }
    return sessions_put(s, id, &session);
}

int sessions_read_ssh(struct sessions *s)
{
    DIR *proc = opendir("/proc");
    int rc = 0;
    if (!proc) {
        return errno == ENOMEM ? -ENOMEM : 0;
    }
    for (struct dirent *e; !rc && (e = readdir(proc));) {
        if (e->d_name[0] >= '1' && e->d_name[0] <= '9') {
            rc = one_read(s, e->d_name);
        }
    }
    closedir(proc);
    return rc;
}
