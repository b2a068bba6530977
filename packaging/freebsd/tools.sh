# shellcheck shell=sh
# What the cross builds share: the pinned tools, fetched once into a folder outside the clone. Sourced, not run.
#
# After `tools_ready`: $nightly (toolchain name), $library (std's sources), PATH with cargo-zigbuild and zig.
# Everything is stored under $PFDDNS_CACHE (default ~/.cache/pfddns), in a folder named after the versions, so that a
# new version never meets old files.

top=$(cd "$(dirname "$0")/../.." && pwd)
cache=${PFDDNS_CACHE:-${HOME:-/root}/.cache/pfddns}

rustc_wanted='1.97.0-nightly'      # the nightly that fits the sources below
source_wanted='1.97.1+dfsg1-1'     # Debian's rust-src: std's sources, for -Zbuild-std
source_sha256='d0637f8f464234ffb12baa55fc0e851f5f9dcfd0199c1a0922e4488a4f591992'

say() { printf '%s\n' "$*" >&2; }
die() { printf '%s: error: %s\n' "$(basename "$0")" "$1" >&2; [ -z "${2:-}" ] || printf '  try    %s\n' "$2" >&2; exit 1; }
need() { # need PROGRAM DEBIAN-PACKAGE
    command -v "$1" >/dev/null 2>&1 || die "$1 is not installed" "apt-get install $2"
}

# Prints the name of an installed toolchain that is rustc VERSION, under any name.
find_rustc() { # find_rustc VERSION NAME-TO-INSTALL
    need rustup rustup
    for it in $(rustup toolchain list | sed 's/ .*//'); do
        case $(rustup run "$it" rustc --version 2>/dev/null) in
            "rustc $1 "*) echo "$it"; return ;;
        esac
    done
    die "no installed toolchain is rustc $1; found: $(rustup toolchain list | tr '\n' ' ')" \
        "rustup toolchain install $2 (its rustc is $1)"
}

fetch_linker() { # zig as linker and C compiler, cargo-zigbuild around it
    [ -x "$tools/venv/bin/cargo-zigbuild" ] && return
    say "fetching the cross linker"
    need python3 'python3 python3-venv'
    # A venv can't be moved (its scripts name their interpreter), so it is made in place; a broken one is made again.
    rm -rf "$tools/venv"
    python3 -m venv "$tools/venv" || die 'python3 -m venv does not work here' 'apt-get install python3-venv'
    "$tools/venv/bin/pip" install -q --disable-pip-version-check --require-hashes --no-deps \
        -r "$top/packaging/freebsd/requirements.txt" || { rm -rf "$tools/venv"; die 'the cross linker could not be installed'; }
}

fetch_source() { # std's sources out of Debian's package, without touching the system's apt configuration
    [ -d "$library" ] && return
    say "fetching std's sources"
    rm -rf "$tools/src.new" && mkdir -p "$tools/src.new/lists/partial" "$tools/src.new/archives/partial"
    deb=${PFDDNS_RUST_SRC_DEB:-}
    if [ -z "$deb" ]; then
        apt_folder=$tools/src.new
        mirror=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/debian.sources 2>/dev/null | head -n 1)
        [ -n "$mirror" ] || mirror=$(sed -n 's/^deb \(\[[^]]*\] \)\{0,1\}\([^ ]*\) .*/\2/p' /etc/apt/sources.list 2>/dev/null | head -n 1)
        [ -n "$mirror" ] || die "no Debian mirror is configured on this machine" "PFDDNS_RUST_SRC_DEB=FILE with rust-src $source_wanted"
        : > "$apt_folder/status"
        for suite in forky sid; do
            echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main"
        done > "$apt_folder/sources.list"
        apt_() {
            apt-get -qq -o Dir::Etc::sourcelist="$apt_folder/sources.list" -o Dir::Etc::sourceparts=- -o APT::Sandbox::User= \
                -o Dir::State="$apt_folder" -o Dir::State::status="$apt_folder/status" -o Dir::Cache="$apt_folder" "$@"
        }
        apt_ update || die "Debian's package lists could not be read"
        (cd "$apt_folder" && apt_ download "rust-src=$source_wanted") ||
            die "Debian no longer has rust-src $source_wanted" "PFDDNS_RUST_SRC_DEB=FILE with a kept copy of it"
        deb=$(echo "$apt_folder"/rust-src_*.deb)
    fi
    echo "$source_sha256  $deb" | sha256sum -c --quiet >&2 || die "$deb is not the rust-src that is pinned here"
    dpkg -x "$deb" "$tools/src.new/unpacked"
    unpacked=$(echo "$tools"/src.new/unpacked/usr/src/rustc-*/library)
    # std 1.96 and later look `environ` up with dlsym on FreeBSD, which is null in a static program; back to the symbol.
    environ=$unpacked/std/src/sys/env/unix.rs
    sed -i -e '/^#\[cfg(target_os = "freebsd")\]$/,/^}$/d' \
        -e 's/not(any(target_os = "freebsd", target_vendor = "apple"))/not(target_vendor = "apple")/' "$environ"
    ! grep -q freebsd "$environ" || die "std's environ() still has a FreeBSD case" "read $environ"
    mv "$unpacked" "$library"
    rm -rf "$tools/src.new"
}

tools_ready() {
    need cargo rustup && need flock util-linux && need readelf binutils && need file file
    nightly=$(find_rustc "$rustc_wanted" nightly-2026-05-20)
    tools=$cache/$rustc_wanted+src-${source_wanted%%+*}+$(sed '/^#/d' "$top/packaging/freebsd/requirements.txt" | sha256sum | cut -c1-12)
    library=$tools/library
    mkdir -p "$tools"
    # Two builds at once would fetch into the same folder and write the same target folder: one waits for the other.
    exec 9> "$tools/lock"
    flock 9
    fetch_linker
    fetch_source
    export PATH="$tools/venv/bin:$PATH" __CARGO_TESTS_ONLY_SRC_ROOT="$library"
    export ZIG_GLOBAL_CACHE_DIR="$tools/zig" ZIG_LOCAL_CACHE_DIR="$tools/zig" CARGO_ZIGBUILD_CACHE_DIR="$tools/zigbuild"
    # PFDDNS_BUILD: another folder to build in (packaging/ci/reproducible).
    export CARGO_TARGET_DIR="${PFDDNS_BUILD:-$tools/target}"
}

# Flags that keep this machine's paths out of the binary, so that one commit gives one binary anywhere.
plain_paths() {
    home=${CARGO_HOME:-$HOME/.cargo}
    for folder in "$home"/registry/src/*/; do
        [ -d "$folder" ] && printf -- '--remap-path-prefix=%s=/crates/ ' "$folder"
    done
    printf -- '--remap-path-prefix=%s=/std' "$library"
}
