#!/bin/sh
# pfSense runs each /usr/local/etc/rc.d/*.sh with `start` at boot, on WAN changes and on "reload packages", and with
# `stop` at shutdown. pfddns has no daemon. At boot it only ends a bypass whose time passed while the
# firewall was off: any pfddns command honours it, and `status` changes nothing else. Safe to repeat.

program=/usr/local/bin/pfddns
settings=/usr/local/etc/pfddns/pfddns.toml

tell() { /usr/bin/logger -t pfddns -- "$1"; }

case "${1:-}" in
start)
    # Not set up yet, or the program went with a reinstall: nothing to do, nothing to complain about.
    [ -x "$program" ] && [ -f "$settings" ] || exit 0
    if ! said=$("$program" status 2>&1 >/dev/null </dev/null); then
        tell "status at start: ${said:-no reason was given}"
    fi
    ;;
stop) ;;
status) exec "$program" status ;;
*)
    echo "usage: ${0##*/} start|stop|status" >&2
    exit 2
    ;;
esac
exit 0
