# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_pfddns_global_optspecs
    string join \n c/config= json v/verbose h/help V/version
end

function __fish_pfddns_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_pfddns_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_pfddns_using_subcommand
    set -l cmd (__fish_pfddns_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c pfddns -n "__fish_pfddns_needs_command" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_needs_command" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_needs_command" -s v -l verbose -d 'Say what happens, on stderr; twice for every request, three times for everything'
complete -c pfddns -n "__fish_pfddns_needs_command" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_needs_command" -s V -l version -d 'Print version'
complete -c pfddns -n "__fish_pfddns_needs_command" -f -a "config" -d 'Show the configuration as it is understood, or a template with every option'
complete -c pfddns -n "__fish_pfddns_needs_command" -f -a "status" -d 'Show what stands where: keys, servers, zones, D2, bypass, unfinished runs'
complete -c pfddns -n "__fish_pfddns_needs_command" -f -a "plan" -d 'Show what would change; exit 5 if anything would'
complete -c pfddns -n "__fish_pfddns_needs_command" -f -a "apply" -d 'Do what `plan` shows, or a saved plan if nothing has changed since'
complete -c pfddns -n "__fish_pfddns_needs_command" -f -a "runs" -d 'List the runs of this site, newest last'
complete -c pfddns -n "__fish_pfddns_needs_command" -f -a "resume" -d 'Go on with the run that was cut off'
complete -c pfddns -n "__fish_pfddns_needs_command" -f -a "undo" -d 'Take back the unfinished run, or the newest one, or the one named'
complete -c pfddns -n "__fish_pfddns_needs_command" -f -a "tsig" -d 'TSIG keys'
complete -c pfddns -n "__fish_pfddns_needs_command" -f -a "kea" -d 'Kea\'s DDNS daemon'
complete -c pfddns -n "__fish_pfddns_needs_command" -f -a "verify" -d 'Prove by use: signed updates are accepted, unsigned, wrong and retired ones refused, nothing left behind'
complete -c pfddns -n "__fish_pfddns_needs_command" -f -a "bypass" -d 'Emergency: let the listed addresses update without a key, for a while'
complete -c pfddns -n "__fish_pfddns_needs_command" -f -a "completions" -d 'Print completions for a shell'
complete -c pfddns -n "__fish_pfddns_needs_command" -f -a "man" -d 'Print the man page'
complete -c pfddns -n "__fish_pfddns_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c pfddns -n "__fish_pfddns_using_subcommand config" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand config" -l template -d 'Print a commented file with every option and its default'
complete -c pfddns -n "__fish_pfddns_using_subcommand config" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand config" -s v -l verbose -d 'Say what happens, on stderr; twice for every request, three times for everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand config" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand status" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand status" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand status" -s v -l verbose -d 'Say what happens, on stderr; twice for every request, three times for everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand status" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand plan" -s o -l out -d 'Save the plan (mode 0600, no secrets in it) for `pfddns apply FILE`' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand plan" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand plan" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand plan" -s v -l verbose -d 'Say what happens, on stderr; twice for every request, three times for everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand plan" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pfddns -n "__fish_pfddns_using_subcommand apply" -l confirm -d 'Accept a danger that the plan names; may be repeated' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand apply" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand apply" -l dry-run -d 'Show the plan and stop; exit 5 if anything would change'
complete -c pfddns -n "__fish_pfddns_using_subcommand apply" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand apply" -s v -l verbose -d 'Say what happens, on stderr; twice for every request, three times for everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand apply" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand runs" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand runs" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand runs" -s v -l verbose -d 'Say what happens, on stderr; twice for every request, three times for everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand runs" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand resume" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand resume" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand resume" -s v -l verbose -d 'Say what happens, on stderr; twice for every request, three times for everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand resume" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand undo" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand undo" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand undo" -s v -l verbose -d 'Say what happens, on stderr; twice for every request, three times for everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand undo" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and not __fish_seen_subcommand_from generate rotate status help" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and not __fish_seen_subcommand_from generate rotate status help" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and not __fish_seen_subcommand_from generate rotate status help" -s v -l verbose -d 'Say what happens, on stderr; twice for every request, three times for everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and not __fish_seen_subcommand_from generate rotate status help" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and not __fish_seen_subcommand_from generate rotate status help" -f -a "generate" -d 'Make the first key, give it to every server, let it update every zone, prove it'
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and not __fish_seen_subcommand_from generate rotate status help" -f -a "rotate" -d 'Replace the key everywhere, without losing an update'
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and not __fish_seen_subcommand_from generate rotate status help" -f -a "status" -d 'Show keys with fingerprints and ages, and where they are'
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and not __fish_seen_subcommand_from generate rotate status help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and __fish_seen_subcommand_from generate" -l confirm -d 'Accept a danger that the plan names; may be repeated' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and __fish_seen_subcommand_from generate" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and __fish_seen_subcommand_from generate" -l dry-run -d 'Show the plan and stop; exit 5 if anything would change'
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and __fish_seen_subcommand_from generate" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and __fish_seen_subcommand_from generate" -s v -l verbose -d 'Say what happens, on stderr; twice for every request, three times for everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and __fish_seen_subcommand_from generate" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and __fish_seen_subcommand_from rotate" -l confirm -d 'Accept a danger that the plan names; may be repeated' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and __fish_seen_subcommand_from rotate" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and __fish_seen_subcommand_from rotate" -l dry-run -d 'Show the plan and stop; exit 5 if anything would change'
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and __fish_seen_subcommand_from rotate" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and __fish_seen_subcommand_from rotate" -s v -l verbose -d 'Say what happens, on stderr; twice for every request, three times for everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and __fish_seen_subcommand_from rotate" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and __fish_seen_subcommand_from status" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and __fish_seen_subcommand_from status" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and __fish_seen_subcommand_from status" -s v -l verbose -d 'Say what happens, on stderr; twice for every request, three times for everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and __fish_seen_subcommand_from help" -f -a "generate" -d 'Make the first key, give it to every server, let it update every zone, prove it'
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and __fish_seen_subcommand_from help" -f -a "rotate" -d 'Replace the key everywhere, without losing an update'
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and __fish_seen_subcommand_from help" -f -a "status" -d 'Show keys with fingerprints and ages, and where they are'
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and not __fish_seen_subcommand_from render help" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and not __fish_seen_subcommand_from render help" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and not __fish_seen_subcommand_from render help" -s v -l verbose -d 'Say what happens, on stderr; twice for every request, three times for everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and not __fish_seen_subcommand_from render help" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and not __fish_seen_subcommand_from render help" -f -a "render" -d 'Write kea-dhcp-ddns.conf from pfddns.toml, check it, reload D2 and read it back'
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and not __fish_seen_subcommand_from render help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from render" -l confirm -d 'Accept a danger that the plan names; may be repeated' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from render" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from render" -l dry-run -d 'Show the plan and stop; exit 5 if anything would change'
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from render" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from render" -s v -l verbose -d 'Say what happens, on stderr; twice for every request, three times for everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from render" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from help" -f -a "render" -d 'Write kea-dhcp-ddns.conf from pfddns.toml, check it, reload D2 and read it back'
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c pfddns -n "__fish_pfddns_using_subcommand verify" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand verify" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand verify" -s v -l verbose -d 'Say what happens, on stderr; twice for every request, three times for everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand verify" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and not __fish_seen_subcommand_from enable status disable help" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and not __fish_seen_subcommand_from enable status disable help" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and not __fish_seen_subcommand_from enable status disable help" -s v -l verbose -d 'Say what happens, on stderr; twice for every request, three times for everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and not __fish_seen_subcommand_from enable status disable help" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and not __fish_seen_subcommand_from enable status disable help" -f -a "enable" -d 'Open it: zones take unsigned updates from their listed addresses, and D2 sends unsigned ones'
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and not __fish_seen_subcommand_from enable status disable help" -f -a "status" -d 'Show whether it is open, since when and why'
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and not __fish_seen_subcommand_from enable status disable help" -f -a "disable" -d 'Close it: exactly the rules of before'
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and not __fish_seen_subcommand_from enable status disable help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and __fish_seen_subcommand_from enable" -l for -d 'How long, for example 30m or 2h; at most 24h. The next pfddns command after that closes it' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and __fish_seen_subcommand_from enable" -l reason -d 'Why; shown to everybody who looks' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and __fish_seen_subcommand_from enable" -l confirm -d 'Accept a danger that the plan names; may be repeated' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and __fish_seen_subcommand_from enable" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and __fish_seen_subcommand_from enable" -l dry-run -d 'Show the plan and stop; exit 5 if anything would change'
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and __fish_seen_subcommand_from enable" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and __fish_seen_subcommand_from enable" -s v -l verbose -d 'Say what happens, on stderr; twice for every request, three times for everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and __fish_seen_subcommand_from enable" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and __fish_seen_subcommand_from status" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and __fish_seen_subcommand_from status" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and __fish_seen_subcommand_from status" -s v -l verbose -d 'Say what happens, on stderr; twice for every request, three times for everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and __fish_seen_subcommand_from disable" -l confirm -d 'Accept a danger that the plan names; may be repeated' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and __fish_seen_subcommand_from disable" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and __fish_seen_subcommand_from disable" -l dry-run -d 'Show the plan and stop; exit 5 if anything would change'
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and __fish_seen_subcommand_from disable" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and __fish_seen_subcommand_from disable" -s v -l verbose -d 'Say what happens, on stderr; twice for every request, three times for everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and __fish_seen_subcommand_from disable" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and __fish_seen_subcommand_from help" -f -a "enable" -d 'Open it: zones take unsigned updates from their listed addresses, and D2 sends unsigned ones'
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and __fish_seen_subcommand_from help" -f -a "status" -d 'Show whether it is open, since when and why'
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and __fish_seen_subcommand_from help" -f -a "disable" -d 'Close it: exactly the rules of before'
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c pfddns -n "__fish_pfddns_using_subcommand completions" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand completions" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand completions" -s v -l verbose -d 'Say what happens, on stderr; twice for every request, three times for everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand completions" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand man" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand man" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand man" -s v -l verbose -d 'Say what happens, on stderr; twice for every request, three times for everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand man" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and not __fish_seen_subcommand_from config status plan apply runs resume undo tsig kea verify bypass completions man help" -f -a "config" -d 'Show the configuration as it is understood, or a template with every option'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and not __fish_seen_subcommand_from config status plan apply runs resume undo tsig kea verify bypass completions man help" -f -a "status" -d 'Show what stands where: keys, servers, zones, D2, bypass, unfinished runs'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and not __fish_seen_subcommand_from config status plan apply runs resume undo tsig kea verify bypass completions man help" -f -a "plan" -d 'Show what would change; exit 5 if anything would'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and not __fish_seen_subcommand_from config status plan apply runs resume undo tsig kea verify bypass completions man help" -f -a "apply" -d 'Do what `plan` shows, or a saved plan if nothing has changed since'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and not __fish_seen_subcommand_from config status plan apply runs resume undo tsig kea verify bypass completions man help" -f -a "runs" -d 'List the runs of this site, newest last'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and not __fish_seen_subcommand_from config status plan apply runs resume undo tsig kea verify bypass completions man help" -f -a "resume" -d 'Go on with the run that was cut off'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and not __fish_seen_subcommand_from config status plan apply runs resume undo tsig kea verify bypass completions man help" -f -a "undo" -d 'Take back the unfinished run, or the newest one, or the one named'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and not __fish_seen_subcommand_from config status plan apply runs resume undo tsig kea verify bypass completions man help" -f -a "tsig" -d 'TSIG keys'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and not __fish_seen_subcommand_from config status plan apply runs resume undo tsig kea verify bypass completions man help" -f -a "kea" -d 'Kea\'s DDNS daemon'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and not __fish_seen_subcommand_from config status plan apply runs resume undo tsig kea verify bypass completions man help" -f -a "verify" -d 'Prove by use: signed updates are accepted, unsigned, wrong and retired ones refused, nothing left behind'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and not __fish_seen_subcommand_from config status plan apply runs resume undo tsig kea verify bypass completions man help" -f -a "bypass" -d 'Emergency: let the listed addresses update without a key, for a while'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and not __fish_seen_subcommand_from config status plan apply runs resume undo tsig kea verify bypass completions man help" -f -a "completions" -d 'Print completions for a shell'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and not __fish_seen_subcommand_from config status plan apply runs resume undo tsig kea verify bypass completions man help" -f -a "man" -d 'Print the man page'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and not __fish_seen_subcommand_from config status plan apply runs resume undo tsig kea verify bypass completions man help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and __fish_seen_subcommand_from tsig" -f -a "generate" -d 'Make the first key, give it to every server, let it update every zone, prove it'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and __fish_seen_subcommand_from tsig" -f -a "rotate" -d 'Replace the key everywhere, without losing an update'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and __fish_seen_subcommand_from tsig" -f -a "status" -d 'Show keys with fingerprints and ages, and where they are'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and __fish_seen_subcommand_from kea" -f -a "render" -d 'Write kea-dhcp-ddns.conf from pfddns.toml, check it, reload D2 and read it back'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and __fish_seen_subcommand_from bypass" -f -a "enable" -d 'Open it: zones take unsigned updates from their listed addresses, and D2 sends unsigned ones'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and __fish_seen_subcommand_from bypass" -f -a "status" -d 'Show whether it is open, since when and why'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and __fish_seen_subcommand_from bypass" -f -a "disable" -d 'Close it: exactly the rules of before'
