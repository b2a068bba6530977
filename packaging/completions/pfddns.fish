# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_pfddns_global_optspecs
    string join \n c/config= host= json v/verbose h/help V/version
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
complete -c pfddns -n "__fish_pfddns_needs_command" -l host -d 'Work on this firewall by ssh instead of those in the configuration; give two for an HA pair, the primary first' -r
complete -c pfddns -n "__fish_pfddns_needs_command" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_needs_command" -s v -l verbose -d 'Log to stderr; -vv logs requests, -vvv everything'
complete -c pfddns -n "__fish_pfddns_needs_command" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_needs_command" -s V -l version -d 'Print version'
complete -c pfddns -n "__fish_pfddns_needs_command" -f -a "config" -d 'Show the configuration as pfddns reads it, or a template with every option'
complete -c pfddns -n "__fish_pfddns_needs_command" -f -a "status" -d 'Show the current state: keys, servers, zones, D2, bypass, unfinished runs'
complete -c pfddns -n "__fish_pfddns_needs_command" -f -a "plan" -d 'Show what would change; exit 5 if anything would'
complete -c pfddns -n "__fish_pfddns_needs_command" -f -a "apply" -d 'Do what `plan` shows, or a saved plan if nothing has changed since'
complete -c pfddns -n "__fish_pfddns_needs_command" -f -a "runs" -d 'List the runs of this site, newest last'
complete -c pfddns -n "__fish_pfddns_needs_command" -f -a "resume" -d 'Continue the run that was cut off'
complete -c pfddns -n "__fish_pfddns_needs_command" -f -a "undo" -d 'Undo the unfinished run, the newest run, or the named run'
complete -c pfddns -n "__fish_pfddns_needs_command" -f -a "tsig" -d 'TSIG keys'
complete -c pfddns -n "__fish_pfddns_needs_command" -f -a "kea" -d 'Kea\'s DDNS daemon'
complete -c pfddns -n "__fish_pfddns_needs_command" -f -a "verify" -d 'Prove by use that signed updates are accepted and all others refused; leaves nothing behind'
complete -c pfddns -n "__fish_pfddns_needs_command" -f -a "bypass" -d 'Emergency: let the listed addresses send updates without a key for a limited time'
complete -c pfddns -n "__fish_pfddns_needs_command" -f -a "dhcp" -d 'pfSense\'s DHCP server: the settings that clients get, and its switch for DDNS'
complete -c pfddns -n "__fish_pfddns_needs_command" -f -a "unbound" -d 'pfSense\'s DNS Resolver: the internal zone and its reverse zones'
complete -c pfddns -n "__fish_pfddns_needs_command" -f -a "backup" -d 'Backups of config.xml and D2\'s file from before each change, and the journals of runs'
complete -c pfddns -n "__fish_pfddns_needs_command" -f -a "hands" -d 'Serve a pfddns on another machine, which starts this through ssh (--host); not for typing'
complete -c pfddns -n "__fish_pfddns_needs_command" -f -a "completions" -d 'Print completions for a shell; on a firewall the package installs them'
complete -c pfddns -n "__fish_pfddns_needs_command" -f -a "schema" -d 'Print the JSON schema of pfddns.toml or of what --json answers; without a name, list them'
complete -c pfddns -n "__fish_pfddns_needs_command" -f -a "man" -d 'Print the man page; on a firewall the package installs it'
complete -c pfddns -n "__fish_pfddns_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c pfddns -n "__fish_pfddns_using_subcommand config" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand config" -l host -d 'Work on this firewall by ssh instead of those in the configuration; give two for an HA pair, the primary first' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand config" -l template -d 'Print a commented file with every option and its default'
complete -c pfddns -n "__fish_pfddns_using_subcommand config" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand config" -s v -l verbose -d 'Log to stderr; -vv logs requests, -vvv everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand config" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand status" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand status" -l host -d 'Work on this firewall by ssh instead of those in the configuration; give two for an HA pair, the primary first' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand status" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand status" -s v -l verbose -d 'Log to stderr; -vv logs requests, -vvv everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand status" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand plan" -s o -l out -d 'Save the plan (mode 0600, no secrets in it) for `pfddns apply FILE`' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand plan" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand plan" -l host -d 'Work on this firewall by ssh instead of those in the configuration; give two for an HA pair, the primary first' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand plan" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand plan" -s v -l verbose -d 'Log to stderr; -vv logs requests, -vvv everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand plan" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pfddns -n "__fish_pfddns_using_subcommand apply" -l confirm -d 'Accept a danger by the name that the plan gives it; can be repeated' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand apply" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand apply" -l host -d 'Work on this firewall by ssh instead of those in the configuration; give two for an HA pair, the primary first' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand apply" -l no-pause -d 'Don\'t pause DHCP while D2 reloads: works when kea-dhcp4 does not answer, but requests of that moment can be lost'
complete -c pfddns -n "__fish_pfddns_using_subcommand apply" -l dry-run -d 'Show the plan and stop; exit 5 if anything would change'
complete -c pfddns -n "__fish_pfddns_using_subcommand apply" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand apply" -s v -l verbose -d 'Log to stderr; -vv logs requests, -vvv everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand apply" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand runs" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand runs" -l host -d 'Work on this firewall by ssh instead of those in the configuration; give two for an HA pair, the primary first' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand runs" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand runs" -s v -l verbose -d 'Log to stderr; -vv logs requests, -vvv everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand runs" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand resume" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand resume" -l host -d 'Work on this firewall by ssh instead of those in the configuration; give two for an HA pair, the primary first' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand resume" -l dry-run -d 'Show what would be done and stop; exit 5 if anything would'
complete -c pfddns -n "__fish_pfddns_using_subcommand resume" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand resume" -s v -l verbose -d 'Log to stderr; -vv logs requests, -vvv everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand resume" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand undo" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand undo" -l host -d 'Work on this firewall by ssh instead of those in the configuration; give two for an HA pair, the primary first' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand undo" -l dry-run -d 'Show what would be done and stop; exit 5 if anything would'
complete -c pfddns -n "__fish_pfddns_using_subcommand undo" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand undo" -s v -l verbose -d 'Log to stderr; -vv logs requests, -vvv everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand undo" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and not __fish_seen_subcommand_from generate rotate status help" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and not __fish_seen_subcommand_from generate rotate status help" -l host -d 'Work on this firewall by ssh instead of those in the configuration; give two for an HA pair, the primary first' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and not __fish_seen_subcommand_from generate rotate status help" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and not __fish_seen_subcommand_from generate rotate status help" -s v -l verbose -d 'Log to stderr; -vv logs requests, -vvv everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and not __fish_seen_subcommand_from generate rotate status help" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and not __fish_seen_subcommand_from generate rotate status help" -f -a "generate" -d 'Make the first key, add it to every server, allow it in every zone, and prove it'
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and not __fish_seen_subcommand_from generate rotate status help" -f -a "rotate" -d 'Replace the key everywhere, without losing an update'
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and not __fish_seen_subcommand_from generate rotate status help" -f -a "status" -d 'Show keys with fingerprints and ages, and where they are'
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and not __fish_seen_subcommand_from generate rotate status help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and __fish_seen_subcommand_from generate" -l confirm -d 'Accept a danger by the name that the plan gives it; can be repeated' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and __fish_seen_subcommand_from generate" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and __fish_seen_subcommand_from generate" -l host -d 'Work on this firewall by ssh instead of those in the configuration; give two for an HA pair, the primary first' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and __fish_seen_subcommand_from generate" -l dry-run -d 'Show the plan and stop; exit 5 if anything would change'
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and __fish_seen_subcommand_from generate" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and __fish_seen_subcommand_from generate" -s v -l verbose -d 'Log to stderr; -vv logs requests, -vvv everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and __fish_seen_subcommand_from generate" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and __fish_seen_subcommand_from rotate" -l confirm -d 'Accept a danger by the name that the plan gives it; can be repeated' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and __fish_seen_subcommand_from rotate" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and __fish_seen_subcommand_from rotate" -l host -d 'Work on this firewall by ssh instead of those in the configuration; give two for an HA pair, the primary first' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and __fish_seen_subcommand_from rotate" -l no-pause -d 'Don\'t pause DHCP while D2 reloads: works when kea-dhcp4 does not answer, but requests of that moment can be lost'
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and __fish_seen_subcommand_from rotate" -l dry-run -d 'Show the plan and stop; exit 5 if anything would change'
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and __fish_seen_subcommand_from rotate" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and __fish_seen_subcommand_from rotate" -s v -l verbose -d 'Log to stderr; -vv logs requests, -vvv everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and __fish_seen_subcommand_from rotate" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and __fish_seen_subcommand_from status" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and __fish_seen_subcommand_from status" -l host -d 'Work on this firewall by ssh instead of those in the configuration; give two for an HA pair, the primary first' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and __fish_seen_subcommand_from status" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and __fish_seen_subcommand_from status" -s v -l verbose -d 'Log to stderr; -vv logs requests, -vvv everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and __fish_seen_subcommand_from help" -f -a "generate" -d 'Make the first key, add it to every server, allow it in every zone, and prove it'
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and __fish_seen_subcommand_from help" -f -a "rotate" -d 'Replace the key everywhere, without losing an update'
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and __fish_seen_subcommand_from help" -f -a "status" -d 'Show keys with fingerprints and ages, and where they are'
complete -c pfddns -n "__fish_pfddns_using_subcommand tsig; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and not __fish_seen_subcommand_from render lint explain service heal help" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and not __fish_seen_subcommand_from render lint explain service heal help" -l host -d 'Work on this firewall by ssh instead of those in the configuration; give two for an HA pair, the primary first' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and not __fish_seen_subcommand_from render lint explain service heal help" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and not __fish_seen_subcommand_from render lint explain service heal help" -s v -l verbose -d 'Log to stderr; -vv logs requests, -vvv everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and not __fish_seen_subcommand_from render lint explain service heal help" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and not __fish_seen_subcommand_from render lint explain service heal help" -f -a "render" -d 'Write kea-dhcp-ddns.conf from pfddns.toml, check it, reload D2 and read it back'
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and not __fish_seen_subcommand_from render lint explain service heal help" -f -a "lint" -d 'Check D2\'s and the DHCP server\'s files for mistakes that Kea does not report; exit 1 on an error or a missing answer'
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and not __fish_seen_subcommand_from render lint explain service heal help" -f -a "explain" -d 'Show which domain, server and key an update for a name or an address would use, and why'
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and not __fish_seen_subcommand_from render lint explain service heal help" -f -a "service" -d 'D2 as a service of pfSense, which never starts it by itself'
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and not __fish_seen_subcommand_from render lint explain service heal help" -f -a "heal" -d 'Send again the names of active leases that are missing in DNS'
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and not __fish_seen_subcommand_from render lint explain service heal help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from render" -l confirm -d 'Accept a danger by the name that the plan gives it; can be repeated' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from render" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from render" -l host -d 'Work on this firewall by ssh instead of those in the configuration; give two for an HA pair, the primary first' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from render" -l no-pause -d 'Don\'t pause DHCP while D2 reloads: works when kea-dhcp4 does not answer, but requests of that moment can be lost'
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from render" -l dry-run -d 'Show the plan and stop; exit 5 if anything would change'
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from render" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from render" -s v -l verbose -d 'Log to stderr; -vv logs requests, -vvv everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from render" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from lint" -l kea -d 'The version that will read them [default: the installed one]' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from lint" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from lint" -l host -d 'Work on this firewall by ssh instead of those in the configuration; give two for an HA pair, the primary first' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from lint" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from lint" -s v -l verbose -d 'Log to stderr; -vv logs requests, -vvv everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from lint" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from explain" -l file -d 'Files to look at [default: those of pfddns.toml]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from explain" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from explain" -l host -d 'Work on this firewall by ssh instead of those in the configuration; give two for an HA pair, the primary first' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from explain" -l running -d 'Ask the running D2 instead of its file'
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from explain" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from explain" -s v -l verbose -d 'Log to stderr; -vv logs requests, -vvv everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from explain" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from service" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from service" -l host -d 'Work on this firewall by ssh instead of those in the configuration; give two for an HA pair, the primary first' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from service" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from service" -s v -l verbose -d 'Log to stderr; -vv logs requests, -vvv everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from service" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from service" -f -a "install" -d 'Install its start script, add it to Status > Services, and start it at boot before DHCP'
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from service" -f -a "remove" -d 'Remove exactly what `install` added; a running D2 keeps running'
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from service" -f -a "status" -d 'Show script, entries and daemon; exit 5 if one is missing, 1 if D2 should run and does not'
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from service" -f -a "ensure" -d 'Start D2 if it should run and does not; made for cron'
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from service" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from heal" -l leases -d 'A lease file of Kea [default: the leases of the running DHCP servers, from their files or lease commands]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from heal" -l max-percent -d 'Stop if more than this share of the active leases is missing in DNS' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from heal" -l confirm -d 'Accept a danger by the name that the plan gives it; can be repeated' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from heal" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from heal" -l host -d 'Work on this firewall by ssh instead of those in the configuration; give two for an HA pair, the primary first' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from heal" -l dry-run -d 'Show the plan and stop; exit 5 if anything would change'
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from heal" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from heal" -s v -l verbose -d 'Log to stderr; -vv logs requests, -vvv everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from heal" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from help" -f -a "render" -d 'Write kea-dhcp-ddns.conf from pfddns.toml, check it, reload D2 and read it back'
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from help" -f -a "lint" -d 'Check D2\'s and the DHCP server\'s files for mistakes that Kea does not report; exit 1 on an error or a missing answer'
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from help" -f -a "explain" -d 'Show which domain, server and key an update for a name or an address would use, and why'
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from help" -f -a "service" -d 'D2 as a service of pfSense, which never starts it by itself'
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from help" -f -a "heal" -d 'Send again the names of active leases that are missing in DNS'
complete -c pfddns -n "__fish_pfddns_using_subcommand kea; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c pfddns -n "__fish_pfddns_using_subcommand verify" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand verify" -l host -d 'Work on this firewall by ssh instead of those in the configuration; give two for an HA pair, the primary first' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand verify" -l dry-run -d 'Show what would be done and stop; exit 5 if anything would'
complete -c pfddns -n "__fish_pfddns_using_subcommand verify" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand verify" -s v -l verbose -d 'Log to stderr; -vv logs requests, -vvv everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand verify" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and not __fish_seen_subcommand_from enable status disable help" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and not __fish_seen_subcommand_from enable status disable help" -l host -d 'Work on this firewall by ssh instead of those in the configuration; give two for an HA pair, the primary first' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and not __fish_seen_subcommand_from enable status disable help" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and not __fish_seen_subcommand_from enable status disable help" -s v -l verbose -d 'Log to stderr; -vv logs requests, -vvv everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and not __fish_seen_subcommand_from enable status disable help" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and not __fish_seen_subcommand_from enable status disable help" -f -a "enable" -d 'Start it: zones accept unsigned updates from their listed addresses, and D2 sends unsigned updates'
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and not __fish_seen_subcommand_from enable status disable help" -f -a "status" -d 'Show whether a bypass is active, since when and why'
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and not __fish_seen_subcommand_from enable status disable help" -f -a "disable" -d 'End it: restore exactly the old rules'
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and not __fish_seen_subcommand_from enable status disable help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and __fish_seen_subcommand_from enable" -l for -d 'How long, for example 30m or 2h; at most 24h. The first pfddns command after that time ends it' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and __fish_seen_subcommand_from enable" -l reason -d 'Why; `bypass status` and `status` show it' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and __fish_seen_subcommand_from enable" -l without -d 'Leave out a server that can\'t be reached; its zones need another server. Can be repeated' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and __fish_seen_subcommand_from enable" -l confirm -d 'Accept a danger by the name that the plan gives it; can be repeated' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and __fish_seen_subcommand_from enable" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and __fish_seen_subcommand_from enable" -l host -d 'Work on this firewall by ssh instead of those in the configuration; give two for an HA pair, the primary first' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and __fish_seen_subcommand_from enable" -l dry-run -d 'Show the plan and stop; exit 5 if anything would change'
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and __fish_seen_subcommand_from enable" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and __fish_seen_subcommand_from enable" -s v -l verbose -d 'Log to stderr; -vv logs requests, -vvv everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and __fish_seen_subcommand_from enable" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and __fish_seen_subcommand_from status" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and __fish_seen_subcommand_from status" -l host -d 'Work on this firewall by ssh instead of those in the configuration; give two for an HA pair, the primary first' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and __fish_seen_subcommand_from status" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and __fish_seen_subcommand_from status" -s v -l verbose -d 'Log to stderr; -vv logs requests, -vvv everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and __fish_seen_subcommand_from disable" -l confirm -d 'Accept a danger by the name that the plan gives it; can be repeated' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and __fish_seen_subcommand_from disable" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and __fish_seen_subcommand_from disable" -l host -d 'Work on this firewall by ssh instead of those in the configuration; give two for an HA pair, the primary first' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and __fish_seen_subcommand_from disable" -l dry-run -d 'Show the plan and stop; exit 5 if anything would change'
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and __fish_seen_subcommand_from disable" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and __fish_seen_subcommand_from disable" -s v -l verbose -d 'Log to stderr; -vv logs requests, -vvv everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and __fish_seen_subcommand_from disable" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and __fish_seen_subcommand_from help" -f -a "enable" -d 'Start it: zones accept unsigned updates from their listed addresses, and D2 sends unsigned updates'
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and __fish_seen_subcommand_from help" -f -a "status" -d 'Show whether a bypass is active, since when and why'
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and __fish_seen_subcommand_from help" -f -a "disable" -d 'End it: restore exactly the old rules'
complete -c pfddns -n "__fish_pfddns_using_subcommand bypass; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c pfddns -n "__fish_pfddns_using_subcommand dhcp; and not __fish_seen_subcommand_from show dns-servers ddns help" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand dhcp; and not __fish_seen_subcommand_from show dns-servers ddns help" -l host -d 'Work on this firewall by ssh instead of those in the configuration; give two for an HA pair, the primary first' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand dhcp; and not __fish_seen_subcommand_from show dns-servers ddns help" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand dhcp; and not __fish_seen_subcommand_from show dns-servers ddns help" -s v -l verbose -d 'Log to stderr; -vv logs requests, -vvv everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand dhcp; and not __fish_seen_subcommand_from show dns-servers ddns help" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand dhcp; and not __fish_seen_subcommand_from show dns-servers ddns help" -f -a "show" -d 'Show interfaces, ranges, DNS servers, pools and static maps'
complete -c pfddns -n "__fish_pfddns_using_subcommand dhcp; and not __fish_seen_subcommand_from show dns-servers ddns help" -f -a "dns-servers" -d 'Set the DNS servers that clients of an interface get (option 6)'
complete -c pfddns -n "__fish_pfddns_using_subcommand dhcp; and not __fish_seen_subcommand_from show dns-servers ddns help" -f -a "ddns" -d 'The switch that makes kea-dhcp4 send clients\' names to D2'
complete -c pfddns -n "__fish_pfddns_using_subcommand dhcp; and not __fish_seen_subcommand_from show dns-servers ddns help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c pfddns -n "__fish_pfddns_using_subcommand dhcp; and __fish_seen_subcommand_from show" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand dhcp; and __fish_seen_subcommand_from show" -l host -d 'Work on this firewall by ssh instead of those in the configuration; give two for an HA pair, the primary first' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand dhcp; and __fish_seen_subcommand_from show" -l check -d 'Ask each DNS server whether it answers and knows our names'
complete -c pfddns -n "__fish_pfddns_using_subcommand dhcp; and __fish_seen_subcommand_from show" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand dhcp; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Log to stderr; -vv logs requests, -vvv everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand dhcp; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand dhcp; and __fish_seen_subcommand_from dns-servers" -l confirm -d 'Accept a danger by the name that the plan gives it; can be repeated' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand dhcp; and __fish_seen_subcommand_from dns-servers" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand dhcp; and __fish_seen_subcommand_from dns-servers" -l host -d 'Work on this firewall by ssh instead of those in the configuration; give two for an HA pair, the primary first' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand dhcp; and __fish_seen_subcommand_from dns-servers" -l default -d 'Let pfSense choose again: the interface\'s own address, or the system\'s servers'
complete -c pfddns -n "__fish_pfddns_using_subcommand dhcp; and __fish_seen_subcommand_from dns-servers" -l check -d 'Ask each of them first whether it answers and knows our names'
complete -c pfddns -n "__fish_pfddns_using_subcommand dhcp; and __fish_seen_subcommand_from dns-servers" -l dry-run -d 'Show the plan and stop; exit 5 if anything would change'
complete -c pfddns -n "__fish_pfddns_using_subcommand dhcp; and __fish_seen_subcommand_from dns-servers" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand dhcp; and __fish_seen_subcommand_from dns-servers" -s v -l verbose -d 'Log to stderr; -vv logs requests, -vvv everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand dhcp; and __fish_seen_subcommand_from dns-servers" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand dhcp; and __fish_seen_subcommand_from ddns" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand dhcp; and __fish_seen_subcommand_from ddns" -l host -d 'Work on this firewall by ssh instead of those in the configuration; give two for an HA pair, the primary first' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand dhcp; and __fish_seen_subcommand_from ddns" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand dhcp; and __fish_seen_subcommand_from ddns" -s v -l verbose -d 'Log to stderr; -vv logs requests, -vvv everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand dhcp; and __fish_seen_subcommand_from ddns" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand dhcp; and __fish_seen_subcommand_from ddns" -f -a "enable" -d 'Turn it on for the interfaces whose subnet is in pfddns.toml'
complete -c pfddns -n "__fish_pfddns_using_subcommand dhcp; and __fish_seen_subcommand_from ddns" -f -a "disable" -d 'Remove exactly what `enable` added'
complete -c pfddns -n "__fish_pfddns_using_subcommand dhcp; and __fish_seen_subcommand_from ddns" -f -a "status" -d 'Show whether it is in config.xml and in the running daemon; exit 5 if not'
complete -c pfddns -n "__fish_pfddns_using_subcommand dhcp; and __fish_seen_subcommand_from ddns" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c pfddns -n "__fish_pfddns_using_subcommand dhcp; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show interfaces, ranges, DNS servers, pools and static maps'
complete -c pfddns -n "__fish_pfddns_using_subcommand dhcp; and __fish_seen_subcommand_from help" -f -a "dns-servers" -d 'Set the DNS servers that clients of an interface get (option 6)'
complete -c pfddns -n "__fish_pfddns_using_subcommand dhcp; and __fish_seen_subcommand_from help" -f -a "ddns" -d 'The switch that makes kea-dhcp4 send clients\' names to D2'
complete -c pfddns -n "__fish_pfddns_using_subcommand dhcp; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c pfddns -n "__fish_pfddns_using_subcommand unbound; and not __fish_seen_subcommand_from show forward auth-zone help" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand unbound; and not __fish_seen_subcommand_from show forward auth-zone help" -l host -d 'Work on this firewall by ssh instead of those in the configuration; give two for an HA pair, the primary first' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand unbound; and not __fish_seen_subcommand_from show forward auth-zone help" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand unbound; and not __fish_seen_subcommand_from show forward auth-zone help" -s v -l verbose -d 'Log to stderr; -vv logs requests, -vvv everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand unbound; and not __fish_seen_subcommand_from show forward auth-zone help" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand unbound; and not __fish_seen_subcommand_from show forward auth-zone help" -f -a "show" -d 'Show domain overrides and custom options'
complete -c pfddns -n "__fish_pfddns_using_subcommand unbound; and not __fish_seen_subcommand_from show forward auth-zone help" -f -a "forward" -d 'Make it ask these servers for zones (domain overrides)'
complete -c pfddns -n "__fish_pfddns_using_subcommand unbound; and not __fish_seen_subcommand_from show forward auth-zone help" -f -a "auth-zone" -d 'Make it keep a copy of zones, so that names resolve when the servers are down (auth-zone)'
complete -c pfddns -n "__fish_pfddns_using_subcommand unbound; and not __fish_seen_subcommand_from show forward auth-zone help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c pfddns -n "__fish_pfddns_using_subcommand unbound; and __fish_seen_subcommand_from show" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand unbound; and __fish_seen_subcommand_from show" -l host -d 'Work on this firewall by ssh instead of those in the configuration; give two for an HA pair, the primary first' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand unbound; and __fish_seen_subcommand_from show" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand unbound; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Log to stderr; -vv logs requests, -vvv everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand unbound; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand unbound; and __fish_seen_subcommand_from forward" -l to -d 'Servers' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand unbound; and __fish_seen_subcommand_from forward" -l confirm -d 'Accept a danger by the name that the plan gives it; can be repeated' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand unbound; and __fish_seen_subcommand_from forward" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand unbound; and __fish_seen_subcommand_from forward" -l host -d 'Work on this firewall by ssh instead of those in the configuration; give two for an HA pair, the primary first' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand unbound; and __fish_seen_subcommand_from forward" -l remove -d 'Remove what pfddns added'
complete -c pfddns -n "__fish_pfddns_using_subcommand unbound; and __fish_seen_subcommand_from forward" -l dry-run -d 'Show the plan and stop; exit 5 if anything would change'
complete -c pfddns -n "__fish_pfddns_using_subcommand unbound; and __fish_seen_subcommand_from forward" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand unbound; and __fish_seen_subcommand_from forward" -s v -l verbose -d 'Log to stderr; -vv logs requests, -vvv everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand unbound; and __fish_seen_subcommand_from forward" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand unbound; and __fish_seen_subcommand_from auth-zone" -l from -d 'Servers to transfer from; they must allow it' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand unbound; and __fish_seen_subcommand_from auth-zone" -l confirm -d 'Accept a danger by the name that the plan gives it; can be repeated' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand unbound; and __fish_seen_subcommand_from auth-zone" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand unbound; and __fish_seen_subcommand_from auth-zone" -l host -d 'Work on this firewall by ssh instead of those in the configuration; give two for an HA pair, the primary first' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand unbound; and __fish_seen_subcommand_from auth-zone" -l remove -d 'Remove what pfddns added'
complete -c pfddns -n "__fish_pfddns_using_subcommand unbound; and __fish_seen_subcommand_from auth-zone" -l dry-run -d 'Show the plan and stop; exit 5 if anything would change'
complete -c pfddns -n "__fish_pfddns_using_subcommand unbound; and __fish_seen_subcommand_from auth-zone" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand unbound; and __fish_seen_subcommand_from auth-zone" -s v -l verbose -d 'Log to stderr; -vv logs requests, -vvv everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand unbound; and __fish_seen_subcommand_from auth-zone" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand unbound; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show domain overrides and custom options'
complete -c pfddns -n "__fish_pfddns_using_subcommand unbound; and __fish_seen_subcommand_from help" -f -a "forward" -d 'Make it ask these servers for zones (domain overrides)'
complete -c pfddns -n "__fish_pfddns_using_subcommand unbound; and __fish_seen_subcommand_from help" -f -a "auth-zone" -d 'Make it keep a copy of zones, so that names resolve when the servers are down (auth-zone)'
complete -c pfddns -n "__fish_pfddns_using_subcommand unbound; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c pfddns -n "__fish_pfddns_using_subcommand backup; and not __fish_seen_subcommand_from list diff restore prune help" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand backup; and not __fish_seen_subcommand_from list diff restore prune help" -l host -d 'Work on this firewall by ssh instead of those in the configuration; give two for an HA pair, the primary first' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand backup; and not __fish_seen_subcommand_from list diff restore prune help" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand backup; and not __fish_seen_subcommand_from list diff restore prune help" -s v -l verbose -d 'Log to stderr; -vv logs requests, -vvv everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand backup; and not __fish_seen_subcommand_from list diff restore prune help" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand backup; and not __fish_seen_subcommand_from list diff restore prune help" -f -a "list" -d 'List them, oldest first'
complete -c pfddns -n "__fish_pfddns_using_subcommand backup; and not __fish_seen_subcommand_from list diff restore prune help" -f -a "diff" -d 'Show what differs between a backup and the file in use, secrets hidden'
complete -c pfddns -n "__fish_pfddns_using_subcommand backup; and not __fish_seen_subcommand_from list diff restore prune help" -f -a "restore" -d 'Restore one; pfSense uses it from its next rebuild or reboot'
complete -c pfddns -n "__fish_pfddns_using_subcommand backup; and not __fish_seen_subcommand_from list diff restore prune help" -f -a "prune" -d 'Remove old backups and journals; the newest good one of each file and unfinished runs always stay'
complete -c pfddns -n "__fish_pfddns_using_subcommand backup; and not __fish_seen_subcommand_from list diff restore prune help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c pfddns -n "__fish_pfddns_using_subcommand backup; and __fish_seen_subcommand_from list" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand backup; and __fish_seen_subcommand_from list" -l host -d 'Work on this firewall by ssh instead of those in the configuration; give two for an HA pair, the primary first' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand backup; and __fish_seen_subcommand_from list" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand backup; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Log to stderr; -vv logs requests, -vvv everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand backup; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand backup; and __fish_seen_subcommand_from diff" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand backup; and __fish_seen_subcommand_from diff" -l host -d 'Work on this firewall by ssh instead of those in the configuration; give two for an HA pair, the primary first' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand backup; and __fish_seen_subcommand_from diff" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand backup; and __fish_seen_subcommand_from diff" -s v -l verbose -d 'Log to stderr; -vv logs requests, -vvv everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand backup; and __fish_seen_subcommand_from diff" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand backup; and __fish_seen_subcommand_from restore" -l confirm -d 'Accept a danger by the name that the plan gives it; can be repeated' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand backup; and __fish_seen_subcommand_from restore" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand backup; and __fish_seen_subcommand_from restore" -l host -d 'Work on this firewall by ssh instead of those in the configuration; give two for an HA pair, the primary first' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand backup; and __fish_seen_subcommand_from restore" -l dry-run -d 'Show the plan and stop; exit 5 if anything would change'
complete -c pfddns -n "__fish_pfddns_using_subcommand backup; and __fish_seen_subcommand_from restore" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand backup; and __fish_seen_subcommand_from restore" -s v -l verbose -d 'Log to stderr; -vv logs requests, -vvv everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand backup; and __fish_seen_subcommand_from restore" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand backup; and __fish_seen_subcommand_from prune" -l keep -d 'Keep at least this many of each file' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand backup; and __fish_seen_subcommand_from prune" -l older-than-days -d 'Only those older than this' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand backup; and __fish_seen_subcommand_from prune" -l confirm -d 'Accept a danger by the name that the plan gives it; can be repeated' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand backup; and __fish_seen_subcommand_from prune" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand backup; and __fish_seen_subcommand_from prune" -l host -d 'Work on this firewall by ssh instead of those in the configuration; give two for an HA pair, the primary first' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand backup; and __fish_seen_subcommand_from prune" -l dry-run -d 'Show the plan and stop; exit 5 if anything would change'
complete -c pfddns -n "__fish_pfddns_using_subcommand backup; and __fish_seen_subcommand_from prune" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand backup; and __fish_seen_subcommand_from prune" -s v -l verbose -d 'Log to stderr; -vv logs requests, -vvv everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand backup; and __fish_seen_subcommand_from prune" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand backup; and __fish_seen_subcommand_from help" -f -a "list" -d 'List them, oldest first'
complete -c pfddns -n "__fish_pfddns_using_subcommand backup; and __fish_seen_subcommand_from help" -f -a "diff" -d 'Show what differs between a backup and the file in use, secrets hidden'
complete -c pfddns -n "__fish_pfddns_using_subcommand backup; and __fish_seen_subcommand_from help" -f -a "restore" -d 'Restore one; pfSense uses it from its next rebuild or reboot'
complete -c pfddns -n "__fish_pfddns_using_subcommand backup; and __fish_seen_subcommand_from help" -f -a "prune" -d 'Remove old backups and journals; the newest good one of each file and unfinished runs always stay'
complete -c pfddns -n "__fish_pfddns_using_subcommand backup; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c pfddns -n "__fish_pfddns_using_subcommand hands" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand hands" -l host -d 'Work on this firewall by ssh instead of those in the configuration; give two for an HA pair, the primary first' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand hands" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand hands" -s v -l verbose -d 'Log to stderr; -vv logs requests, -vvv everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand hands" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand completions" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand completions" -l host -d 'Work on this firewall by ssh instead of those in the configuration; give two for an HA pair, the primary first' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand completions" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand completions" -s v -l verbose -d 'Log to stderr; -vv logs requests, -vvv everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand completions" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand schema" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand schema" -l host -d 'Work on this firewall by ssh instead of those in the configuration; give two for an HA pair, the primary first' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand schema" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand schema" -s v -l verbose -d 'Log to stderr; -vv logs requests, -vvv everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand schema" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand man" -s c -l config -d 'Configuration file [default: the platform\'s; environment: PFDDNS_CONFIG]' -r -F
complete -c pfddns -n "__fish_pfddns_using_subcommand man" -l host -d 'Work on this firewall by ssh instead of those in the configuration; give two for an HA pair, the primary first' -r
complete -c pfddns -n "__fish_pfddns_using_subcommand man" -l json -d 'One JSON document on stdout instead of text'
complete -c pfddns -n "__fish_pfddns_using_subcommand man" -s v -l verbose -d 'Log to stderr; -vv logs requests, -vvv everything'
complete -c pfddns -n "__fish_pfddns_using_subcommand man" -s h -l help -d 'Print help'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and not __fish_seen_subcommand_from config status plan apply runs resume undo tsig kea verify bypass dhcp unbound backup hands completions schema man help" -f -a "config" -d 'Show the configuration as pfddns reads it, or a template with every option'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and not __fish_seen_subcommand_from config status plan apply runs resume undo tsig kea verify bypass dhcp unbound backup hands completions schema man help" -f -a "status" -d 'Show the current state: keys, servers, zones, D2, bypass, unfinished runs'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and not __fish_seen_subcommand_from config status plan apply runs resume undo tsig kea verify bypass dhcp unbound backup hands completions schema man help" -f -a "plan" -d 'Show what would change; exit 5 if anything would'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and not __fish_seen_subcommand_from config status plan apply runs resume undo tsig kea verify bypass dhcp unbound backup hands completions schema man help" -f -a "apply" -d 'Do what `plan` shows, or a saved plan if nothing has changed since'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and not __fish_seen_subcommand_from config status plan apply runs resume undo tsig kea verify bypass dhcp unbound backup hands completions schema man help" -f -a "runs" -d 'List the runs of this site, newest last'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and not __fish_seen_subcommand_from config status plan apply runs resume undo tsig kea verify bypass dhcp unbound backup hands completions schema man help" -f -a "resume" -d 'Continue the run that was cut off'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and not __fish_seen_subcommand_from config status plan apply runs resume undo tsig kea verify bypass dhcp unbound backup hands completions schema man help" -f -a "undo" -d 'Undo the unfinished run, the newest run, or the named run'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and not __fish_seen_subcommand_from config status plan apply runs resume undo tsig kea verify bypass dhcp unbound backup hands completions schema man help" -f -a "tsig" -d 'TSIG keys'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and not __fish_seen_subcommand_from config status plan apply runs resume undo tsig kea verify bypass dhcp unbound backup hands completions schema man help" -f -a "kea" -d 'Kea\'s DDNS daemon'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and not __fish_seen_subcommand_from config status plan apply runs resume undo tsig kea verify bypass dhcp unbound backup hands completions schema man help" -f -a "verify" -d 'Prove by use that signed updates are accepted and all others refused; leaves nothing behind'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and not __fish_seen_subcommand_from config status plan apply runs resume undo tsig kea verify bypass dhcp unbound backup hands completions schema man help" -f -a "bypass" -d 'Emergency: let the listed addresses send updates without a key for a limited time'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and not __fish_seen_subcommand_from config status plan apply runs resume undo tsig kea verify bypass dhcp unbound backup hands completions schema man help" -f -a "dhcp" -d 'pfSense\'s DHCP server: the settings that clients get, and its switch for DDNS'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and not __fish_seen_subcommand_from config status plan apply runs resume undo tsig kea verify bypass dhcp unbound backup hands completions schema man help" -f -a "unbound" -d 'pfSense\'s DNS Resolver: the internal zone and its reverse zones'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and not __fish_seen_subcommand_from config status plan apply runs resume undo tsig kea verify bypass dhcp unbound backup hands completions schema man help" -f -a "backup" -d 'Backups of config.xml and D2\'s file from before each change, and the journals of runs'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and not __fish_seen_subcommand_from config status plan apply runs resume undo tsig kea verify bypass dhcp unbound backup hands completions schema man help" -f -a "hands" -d 'Serve a pfddns on another machine, which starts this through ssh (--host); not for typing'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and not __fish_seen_subcommand_from config status plan apply runs resume undo tsig kea verify bypass dhcp unbound backup hands completions schema man help" -f -a "completions" -d 'Print completions for a shell; on a firewall the package installs them'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and not __fish_seen_subcommand_from config status plan apply runs resume undo tsig kea verify bypass dhcp unbound backup hands completions schema man help" -f -a "schema" -d 'Print the JSON schema of pfddns.toml or of what --json answers; without a name, list them'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and not __fish_seen_subcommand_from config status plan apply runs resume undo tsig kea verify bypass dhcp unbound backup hands completions schema man help" -f -a "man" -d 'Print the man page; on a firewall the package installs it'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and not __fish_seen_subcommand_from config status plan apply runs resume undo tsig kea verify bypass dhcp unbound backup hands completions schema man help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and __fish_seen_subcommand_from tsig" -f -a "generate" -d 'Make the first key, add it to every server, allow it in every zone, and prove it'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and __fish_seen_subcommand_from tsig" -f -a "rotate" -d 'Replace the key everywhere, without losing an update'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and __fish_seen_subcommand_from tsig" -f -a "status" -d 'Show keys with fingerprints and ages, and where they are'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and __fish_seen_subcommand_from kea" -f -a "render" -d 'Write kea-dhcp-ddns.conf from pfddns.toml, check it, reload D2 and read it back'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and __fish_seen_subcommand_from kea" -f -a "lint" -d 'Check D2\'s and the DHCP server\'s files for mistakes that Kea does not report; exit 1 on an error or a missing answer'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and __fish_seen_subcommand_from kea" -f -a "explain" -d 'Show which domain, server and key an update for a name or an address would use, and why'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and __fish_seen_subcommand_from kea" -f -a "service" -d 'D2 as a service of pfSense, which never starts it by itself'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and __fish_seen_subcommand_from kea" -f -a "heal" -d 'Send again the names of active leases that are missing in DNS'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and __fish_seen_subcommand_from bypass" -f -a "enable" -d 'Start it: zones accept unsigned updates from their listed addresses, and D2 sends unsigned updates'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and __fish_seen_subcommand_from bypass" -f -a "status" -d 'Show whether a bypass is active, since when and why'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and __fish_seen_subcommand_from bypass" -f -a "disable" -d 'End it: restore exactly the old rules'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and __fish_seen_subcommand_from dhcp" -f -a "show" -d 'Show interfaces, ranges, DNS servers, pools and static maps'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and __fish_seen_subcommand_from dhcp" -f -a "dns-servers" -d 'Set the DNS servers that clients of an interface get (option 6)'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and __fish_seen_subcommand_from dhcp" -f -a "ddns" -d 'The switch that makes kea-dhcp4 send clients\' names to D2'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and __fish_seen_subcommand_from unbound" -f -a "show" -d 'Show domain overrides and custom options'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and __fish_seen_subcommand_from unbound" -f -a "forward" -d 'Make it ask these servers for zones (domain overrides)'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and __fish_seen_subcommand_from unbound" -f -a "auth-zone" -d 'Make it keep a copy of zones, so that names resolve when the servers are down (auth-zone)'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and __fish_seen_subcommand_from backup" -f -a "list" -d 'List them, oldest first'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and __fish_seen_subcommand_from backup" -f -a "diff" -d 'Show what differs between a backup and the file in use, secrets hidden'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and __fish_seen_subcommand_from backup" -f -a "restore" -d 'Restore one; pfSense uses it from its next rebuild or reboot'
complete -c pfddns -n "__fish_pfddns_using_subcommand help; and __fish_seen_subcommand_from backup" -f -a "prune" -d 'Remove old backups and journals; the newest good one of each file and unfinished runs always stay'
