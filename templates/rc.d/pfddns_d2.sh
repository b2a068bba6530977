#!/bin/sh
# Put here by `pfddns kea service install`; `pfddns kea service remove` takes it away.
# Kea's DDNS daemon on pfSense, which never starts it. Run with `start` at boot, on WAN changes, by Status > Services and
# once a minute as "ensure it runs": start does nothing if it runs already, and never waits for it.
# In config.xml: <service><name>kea-dhcp-ddns</name><rcfile>pfddns_d2.sh</rcfile><executable>kea-dhcp-ddns</executable>.
# An <earlyshellcmd> with `/usr/local/etc/rc.d/pfddns_d2.sh start` has it listen before DHCP starts.

program=/usr/local/sbin/kea-dhcp-ddns
config=/usr/local/etc/kea/kea-dhcp-ddns.conf
run=/var/run/kea

tell() { logger -t pfddns -- "$1" 2>/dev/null || :; echo "$1" >&2; }

pidfile=$run/$(basename "$config" .conf).kea-dhcp-ddns.pid

# The process number if D2 runs: a pid file may be left from before a power cut and name somebody else.
running() {
    pid=$(cat "$pidfile" 2>/dev/null) || return 1
    case $pid in '' | *[!0-9]*) return 1 ;; esac
    ps -ww -o command= -p "$pid" 2>/dev/null | grep -qF "kea-dhcp-ddns -c $config"
}

case "${1:-}" in
start)
    running && exit 0
    # Not set up yet, or Kea went with a reinstall: pfddns writes the file again.
    [ -x "$program" ] && [ -f "$config" ] || exit 0
    # Kea mistakes any process that now has that number for itself, and ends.
    [ -z "$pid" ] || [ "$(cat "$pidfile" 2>/dev/null)" != "$pid" ] || rm -f "$pidfile"
    # With a RAM disk the folder is gone after a boot. Kea 2.6 wants exactly this mode.
    [ -d "$run" ] || { umask 027 && mkdir -p "$run"; }
    chmod 0750 "$run"
    if ! said=$("$program" -t "$config" 2>&1 </dev/null); then
        # Its words may hold the secret: only the place is passed on.
        place=$(printf '%s\n' "$said" | grep -Eo "$(basename "$config")[:.][0-9]+[:.][0-9]+" | head -1)
        tell "D2 was not started: its own check refuses $config (${place:-no place was given}); try: pfddns kea lint"
        exit 1
    fi
    # Nothing of the caller's stays open in it: pfSense's exec() would wait for its end.
    (cd / && exec "$program" -c "$config") </dev/null >/dev/null 2>&1 &
    ;;
stop)
    running || exit 0
    kill -TERM "$pid" 2>/dev/null
    # It finishes what it has; after ten seconds the shutdown goes on without it.
    tries=0
    while running && [ $tries -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
    running && kill -KILL "$pid" 2>/dev/null
    ;;
restart) "$0" stop && exec "$0" start ;;
status)
    running && { echo "kea-dhcp-ddns is running as pid $pid"; exit 0; }
    echo "kea-dhcp-ddns is not running"
    exit 1
    ;;
*)
    echo "usage: ${0##*/} start|stop|restart|status" >&2
    exit 2
    ;;
esac
exit 0
