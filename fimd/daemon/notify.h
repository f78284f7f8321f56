/* Tells the service manager (sd_notify); does nothing where there is none. */
#ifndef FIMD_DAEMON_NOTIFY_H
#define FIMD_DAEMON_NOTIFY_H

void notify_ready(const char *status);
void notify_reloading(void);
void notify_stopping(void);

#endif
