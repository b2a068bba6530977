# Completions of pfddns for tcsh: `source` this file in ~/.tcshrc. Written by packaging/ci/generated.
complete pfddns \
    'c/--/(check config confirm default dry-run file for from help host json kea keep leases max-percent no-pause older-than-days out reason remove running template to verbose version without)/' \
    'n/tsig/(generate rotate status)/' \
    'n/kea/(render lint explain service heal)/' \
    'n/bypass/(enable status disable)/' \
    'n/dhcp/(show dns-servers ddns)/' \
    'n/unbound/(show forward auth-zone)/' \
    'n/backup/(list diff restore prune)/' \
    'p/1/(config status plan apply runs resume undo tsig kea verify bypass dhcp unbound backup hands completions schema man help)/'
