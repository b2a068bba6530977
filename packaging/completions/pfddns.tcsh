# Completions of pfddns for tcsh: `source` this file in ~/.tcshrc. Written by packaging/ci/generated.
complete pfddns \
    'c/--/(config confirm dry-run for help json out reason template verbose version)/' \
    'n/tsig/(generate rotate status)/' \
    'n/kea/(render)/' \
    'n/bypass/(enable status disable)/' \
    'p/1/(config status plan apply runs resume undo tsig kea verify bypass completions man help)/'
