#!/usr/bin/env python3
"""Rendering a D2 document against jinja2, and leases with their diff against Python's csv, side by side in one run.

    cargo build --release --example kea-bench
    python3 tests/bench/kea/bench.py

Best of seven each, in one process per tool, so that start-up does not count. The peer, python3-jinja2, comes with packaging/ci/peers.
"""

import csv
import json
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
BINARY = ROOT / "target/release/examples/kea-bench"
TEMPLATE = """{ "DhcpDdns": {
  "ip-address": "127.0.0.1", "port": 53001, "dns-server-timeout": 1000,
  "control-socket": { "socket-type": "unix", "socket-name": "/run/kea/kea-ddns-ctrl-socket" },
  "tsig-keys": [ { "name": {{ key|tojson }}, "algorithm": "HMAC-SHA256", "secret": {{ secret|tojson }} } ],
{%- for member, domains in halves %}
  "{{ member }}": { "ddns-domains": [
{%- for domain in domains %}
    { "name": {{ domain.name|tojson }}, "key-name": {{ key|tojson }}, "dns-servers": [
      {%- for server in domain.servers %} { "ip-address": {{ server|tojson }}, "port": 53 }{{ "," if not loop.last }}{% endfor %} ] }{{ "," if not loop.last }}
{%- endfor %}
  ] }{{ "," if not loop.last }}
{%- endfor %}
} }
"""


def best(work):
    times = []
    for _ in range(7):
        start = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - start)
    return min(times) * 1000, result


def ours(*arguments):
    words = subprocess.run([BINARY, *map(str, arguments)], check=True, capture_output=True, text=True).stdout.split()
    return dict(zip(words[::2], map(int, words[1::2])))


def render_with_jinja2(count):
    import jinja2

    servers = ["192.0.2.53", "192.0.2.54", "192.0.2.55"]
    forward = [{"name": f"z{n}.lan.example.", "servers": servers} for n in range(0, count, 2)]
    reverse = [{"name": f"{n % 256}.{n // 256}.10.in-addr.arpa.", "servers": servers} for n in range(1, count, 2)]
    template = jinja2.Environment(autoescape=False).from_string(TEMPLATE)
    halves = [("forward-ddns", forward), ("reverse-ddns", reverse)]
    text = lambda: template.render(key="ddns-2026a", secret="MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=", halves=halves)
    spent, made = best(text)
    json.loads(made)
    return spent


def write_leases(path, count):
    with open(path, "w") as out:
        out.write("address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context,pool_id\n")
        for n in range(count):
            ip = f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}"
            mac = f"02:00:00:{n >> 16 & 255:02x}:{n >> 8 & 255:02x}:{n & 255:02x}"
            out.write(f"{ip},{mac},01:{mac},7200,2000000000,1,1,1,host{n}.lan.example,0,,0\n")


def diff_with_csv(path):
    def read():
        leases = {}
        with open(path, newline="") as file:
            for row in csv.DictReader(file):
                leases[row["address"]] = row
        return leases

    leases = read()
    addresses, names = {}, {}
    for index, (ip, row) in enumerate(leases.items()):
        if index % 100:
            addresses[row["hostname"]] = {ip}
            names[ip] = {row["hostname"]}

    def diff():
        missing = 0
        for ip, row in read().items():
            if row["state"] != "0" or int(row["expire"]) <= 0 or not row["hostname"]:
                continue
            name = row["hostname"].lower()
            missing += ip not in addresses.get(name, ()) or name not in names.get(ip, ())
        return missing

    return best(read)[0], *best(diff)


def main():
    if not BINARY.exists():
        sys.exit("build it first: cargo build --release --example kea-bench")
    print(f"{'render, domains':<24}{'pfddns ms':>12}{'jinja2 ms':>12}{'parse back ms':>16}")
    for count in (200, 5000, 50000):
        mine = ours("render", count)
        try:
            theirs = f"{render_with_jinja2(count):.2f}"
        except ImportError:
            theirs = "missing"
        print(f"{count:<24}{mine['render'] / 1000:>12.3f}{theirs:>12}{mine['read'] / 1000:>16.3f}")
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/leases.csv"
        write_leases(path, 100_000)
        mine = ours("leases", path)
        read, spent, missing = diff_with_csv(path)
        assert missing == mine["missing"], (missing, mine)
        print(f"\n{'100,000 leases':<24}{'pfddns ms':>12}{'csv ms':>12}")
        print(f"{'read':<24}{mine['leases'] / 1000:>12.1f}{read:>12.1f}")
        print(f"{'read and diff':<24}{mine['diff'] / 1000:>12.1f}{spent:>12.1f}   ({missing} missing in both)")


main()
