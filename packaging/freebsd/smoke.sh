#!/bin/sh
# What a person runs once on a real firewall after installing pfddns: does this binary work on this FreeBSD?
# Short and safe: changes nothing outside its own folder below /tmp, sends nothing but one HTTPS request.
#
#   sh smoke.sh [HTTPS-HOST[:PORT]]      a host that this firewall may ask, for example your Vault's; without one the
#                                        look-up and TLS parts are left out, and said to be
# Run it with `sh`, also where the login shell is tcsh. It ends with "N passed, N failed".

pfddns=${PFDDNS:-/usr/local/bin/pfddns}
host=${1:-}
passed=0 failed=0 skipped=0
umask 077
work=$(mktemp -d /tmp/pfddns-smoke.XXXXXX) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

ok() { passed=$((passed + 1)); echo "ok    $1"; }
bad() { failed=$((failed + 1)); echo "BAD   $1"; sed 's/^/      /' "$work/out"; }
# judge NAME CODE WANTED-CODE PATTERN: exit code and a pattern in the output
judge() {
    if [ "$2" -eq "$3" ] && { [ -z "$4" ] || grep -q -- "$4" "$work/out"; }; then ok "$1"; else echo "(exit $2)" >> "$work/out"; bad "$1"; fi
}
ask() { "$pfddns" "$@" > "$work/out" 2>&1 < /dev/null; }
settings() { # settings URL RNDC: one server by HTTP, one by a child process; both on this machine unless URL says otherwise
    cat > "$work/pfddns.toml" <<T
version = "v1"
[site]
state = "$work/state"
[d2]
manage = false
[[server]]
name = "web"
type = "technitium"
dns = "127.0.0.1:9"
url = "$1"
token-file = "$work/token"
[[server]]
name = "child"
type = "bind"
dns = "127.0.0.1:9"
include-file = "$work/include.conf"
rndc = ["$2"]
[[zone]]
name = "smoke.invalid"
sources = ["127.0.0.1"]
T
}
echo not-a-token > "$work/token"
mkdir "$work/state"

echo "pfddns smoke test on $(uname -srm)"
ask --version
judge 'starts and says its version' $? 0 '^pfddns [0-9]'

settings http://127.0.0.1:9 /usr/bin/false
ask --config "$work/pfddns.toml" config
judge 'reads a configuration' $? 0 'smoke.invalid'
sed 's/^name = "web"/nmae = "web"/' "$work/pfddns.toml" > "$work/wrong.toml"
ask --config "$work/wrong.toml" config
judge 'refuses a wrong one, with the line' $? 2 'wrong.toml:'

# A child process: an `rndc` of our own that leaves a mark.
# shellcheck disable=SC2016  # expanded by the child
printf '#!/bin/sh\necho "$PATH" > %s/child\nexit 1\n' "$work" > "$work/rndc"
chmod +x "$work/rndc"
settings http://127.0.0.1:9 "$work/rndc"
ask --config "$work/pfddns.toml" status
if [ -s "$work/child" ]; then ok 'starts a child process'; else bad 'starts a child process'; fi

if [ -n "$host" ]; then
    settings "https://$host" /usr/bin/false
    ask --config "$work/pfddns.toml" status
    # Any HTTP answer is good: this host is not a Technitium, and only name, TCP and TLS are tested.
    if grep -q ' web' "$work/out" && ! grep -q 'no HTTP answer' "$work/out"; then
        ok "looks up $host and speaks TLS with it"
    else
        bad "looks up $host and speaks TLS with it"
    fi
else
    skipped=1
    echo 'left out: look-up and TLS (name a host: sh smoke.sh vault.example:8200)'
fi

# A signal while it waits for a child that takes its time.
printf '#!/bin/sh\n: > %s/waits\nexec sleep 10\n' "$work" > "$work/rndc"
settings http://127.0.0.1:9 "$work/rndc"
"$pfddns" --config "$work/pfddns.toml" status > "$work/out" 2>&1 < /dev/null &
waiting=$!
tries=0
while [ ! -e "$work/waits" ] && [ $tries -lt 10 ] && kill -0 "$waiting" 2> /dev/null; do sleep 1; tries=$((tries + 1)); done
kill -TERM "$waiting" 2> /dev/null || echo '(it had ended before)' >> "$work/out"
wait "$waiting"
judge 'ends at a signal' $? 143 ''

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
