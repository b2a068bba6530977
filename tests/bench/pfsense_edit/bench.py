#!/usr/bin/env python3
"""One option-6 edit of config.xml: pfddns against xmlstarlet, lxml, PHP DOM, augeas and cp.

    cargo build --release --example pfsense-edit --bin pfddns
    python3 tests/bench/pfsense_edit/bench.py [--runs 21] [--sizes 58,580,9400]

Peers from Debian: xmlstarlet python3-lxml php-cli php-xml augeas-tools. A peer that is missing is named, not invented.
All of them take turns in one run; the figures are medians of whole processes. Peak memory is from one more run below GNU time
(Debian: time), since a child of this program would be counted with this program's own.
"pfddns dhcp dns-servers" is the program as typed: configuration, plan with its diff, journal (six more fsyncs), recipe, proof.
"whole recipe" is what it does to config.xml alone, "bare" reads, proves and replaces the file, as the peers do.
Lines: those that differ from the original (removed + added). cp is a copy with fsync: the floor for any tool that rewrites the file.
"""

import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
NEW = "94.140.14.14"
TOML = """version = "v1"
[site]
state = "DIR/state"
[d2]
manage = false
[pfsense]
config = "DIR/config.xml"
lock = "DIR/config.lock"
cache = "DIR/config.cache"
restore-points = "DIR/backup"
php = "DIR/none"
[[server]]
name = "ns1"
type = "technitium"
dns = "127.0.0.1:9"
url = "http://127.0.0.1:9"
token-file = "/none"
[[zone]]
name = "lan.example"
sources = ["10.0.10.1"]
"""
LXML = "import sys, os; from lxml import etree\nt = etree.parse(sys.argv[1]); lan = t.find('dhcpd/lan'); e = etree.SubElement(lan, 'dnsserver'); e.text = sys.argv[2]\nt.write(sys.argv[1] + '.new'); f = os.open(sys.argv[1] + '.new', os.O_RDONLY); os.fsync(f); os.rename(sys.argv[1] + '.new', sys.argv[1])"
PHP = "$d = new DOMDocument(); $d->load($argv[1]); $x = new DOMXPath($d); $x->query('/pfsense/dhcpd/lan')[0]->appendChild($d->createElement('dnsserver', $argv[2])); $d->save($argv[1] . '.new'); $f = fopen($argv[1] . '.new', 'r+'); fsync($f); rename($argv[1] . '.new', $argv[1]);"


def document(kilobytes):
    """The fixture with its reservations repeated until it has this size."""
    text = (ROOT / "fixtures/pfsense/2.8/config.xml").read_text()
    first = text.index("\t\t\t<staticmap>")
    last = text.index("\t\t</lan>", first)
    maps = text[first:last]
    if kilobytes * 1000 < len(text):
        # Smaller than the fixture: fewer firewall rules.
        rules = text.index("\t\t<rule>")
        end = text.rindex("</rule>\n") + len("</rule>\n")
        keep = max(0, end - (len(text) - kilobytes * 1000))
        cut = text.rindex("</rule>\n", rules, keep) + len("</rule>\n")
        text = text[:cut] + text[end:]
        return text.encode()
    copies = (kilobytes * 1000 - len(text)) // len(maps)
    return (text[:last] + maps * copies + text[last:]).encode()


def peers(binary, extra):
    found = {
        "pfddns, bare": lambda d: [binary, "bare", d, "10.0.10.1", NEW],
        "pfddns, whole recipe": lambda d: [binary, "recipe", d, "10.0.10.1", NEW],
        "pfddns dhcp dns-servers": lambda d: [f"{ROOT}/target/release/pfddns", "--config", f"{d}/pfddns.toml", "dhcp", "dns-servers", "lan", "10.0.10.1", NEW],
        "cp + fsync": lambda d: ["dd", f"if={d}/config.xml", f"of={d}/copy", "bs=16M", "conv=fsync", "status=none"],
        "xmlstarlet": lambda d: ["xmlstarlet", "ed", "-L", "-s", "/pfsense/dhcpd/lan", "-t", "elem", "-n", "dnsserver", "-v", NEW, f"{d}/config.xml"],
        "lxml": lambda d: ["/usr/bin/python3", "-c", LXML, f"{d}/config.xml", NEW],
        "PHP DOM": lambda d: ["php", "-r", PHP, f"{d}/config.xml", NEW],
        "augeas": lambda d: ["augtool", "--noautoload", "--autosave", "--transform", f"Xml.lns incl {d}/config.xml",
                             "set", f"/files{d}/config.xml/pfsense/dhcpd/lan/dnsserver[last()+1]/#text", NEW],
    }
    found.update({name: (lambda d, words=words: [w.replace("DIR", d) for w in words]) for name, words in extra.items()})
    missing = [name for name, make in found.items() if not shutil.which(make("/x")[0])]
    for name in missing:
        print(f"missing: {name}", file=sys.stderr)
        del found[name]
    return found


def once(argv, folder, original, limit):
    if os.path.isdir(folder):
        shutil.rmtree(folder)
    os.makedirs(f"{folder}/backup")
    with open(f"{folder}/config.xml", "wb") as out:
        out.write(original)
        os.fsync(out.fileno())
    pathlib.Path(f"{folder}/pfddns.toml").write_text(TOML.replace("DIR", folder))
    start = time.perf_counter()
    child = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    deadline = start + limit
    while True:
        pid, status, _ = os.wait4(child.pid, os.WNOHANG)
        if pid:
            break
        if time.perf_counter() > deadline:
            child.kill()
            os.wait4(child.pid, 0)
            return None
        time.sleep(0.00005)
    took = (time.perf_counter() - start) * 1000
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        return child.stderr.read().decode()[:200]
    child.stderr.close()
    return took


def peak(argv, folder, original, limit):
    """Peak memory in MB, or None."""
    if not os.access("/usr/bin/time", os.X_OK):
        return None
    note = f"{folder}.memory"
    if not isinstance(once(["/usr/bin/time", "-f", "%M", "-o", note, *argv], folder, original, limit), float):
        return None
    return int(open(note).read().split()[-1]) / 1024


def lines(folder, original):
    new = open(f"{folder}/config.xml", "rb").read()
    if new == original:
        return 0
    out = subprocess.run(["diff", "-", f"{folder}/config.xml"], input=original, capture_output=True).stdout
    return sum(line[:1] in (b"<", b">") for line in out.splitlines())


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--runs", type=int, default=21)
    options.add_argument("--sizes", default="58,580,9400", help="in KB")
    options.add_argument("--binary", default=str(ROOT / "target/release/examples/pfsense-edit"))
    options.add_argument("--limit", type=float, default=30, help="seconds for one run of one peer")
    chosen = options.parse_args()
    for size in map(int, chosen.sizes.split(",")):
        original = document(size)
        everyone = peers(chosen.binary, {})
        times = {name: [] for name in everyone}
        memory = {}
        changed = {}
        with tempfile.TemporaryDirectory(dir=ROOT / "target") as base:
            folder = os.path.join(base, "box")
            for turn in range(chosen.runs):
                for name, make in list(everyone.items()):
                    if times[name] is None:
                        continue
                    got = once(make(folder), folder, original, chosen.limit)
                    if got is None or isinstance(got, str):
                        print(f"{size} KB {name}: {got or f'no result within {chosen.limit} s'}", file=sys.stderr)
                        times[name] = None
                        continue
                    times[name].append(got)
                    if turn == 0:
                        changed[name] = lines(folder, original)
                        memory[name] = peak(make(folder), folder, original, chosen.limit)
        base_time = statistics.median(times["pfddns, bare"])
        print(f"\n{len(original)} bytes, {chosen.runs} runs each")
        print(f"{'':24} {'median ms':>10} {'ratio':>7} {'peak MB':>8} {'lines':>7}")
        for name in everyone:
            if times[name]:
                median = statistics.median(times[name])
                mega = f"{memory[name]:8.1f}" if memory[name] else f"{'-':>8}"
                print(f"{name:24} {median:10.2f} {median / base_time:7.1f} {mega} {changed[name]:7}")


if __name__ == "__main__":
    main()
