# What the scripts share. Sourced, not run.

set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

say() { printf '==> %s\n' "$*"; }
fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# Debian packages that the build and its tests need, each with a file or command that shows it is there.
packages=(
    "clang:command:clang"
    "libelf-dev:file:/usr/include/libelf.h"
    "zlib1g-dev:file:/usr/include/zlib.h"
    "pkg-config:command:pkg-config"
    "gcc:command:cc"
    "make:command:make"
    "iproute2:command:ip"
)

missing_packages() {
    local entry name kind what
    for entry in "${packages[@]}"; do
        IFS=: read -r name kind what <<<"$entry"
        case $kind in
            command) command -v "$what" >/dev/null || echo "$name" ;;
            file) [ -e "$what" ] || echo "$name" ;;
        esac
    done
}

# Runs a command as root: as it is, or through sudo if that needs no password.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        sudo -n "$@"
    else
        return 126
    fi
}

# Installs what is missing. Sets `features` to the cargo flags that leave the probe out when its
# tools are not there and cannot be installed.
features=()
install_missing() {
    command -v cargo >/dev/null ||
        fail "cargo is not there; install Rust from https://rustup.rs or \`apt-get install cargo\`"
    local missing
    missing=$(missing_packages | tr '\n' ' ')
    if [ -z "$missing" ]; then
        return
    fi
    say "installing $missing"
    # shellcheck disable=SC2086 # one word a package
    if command -v apt-get >/dev/null &&
        as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq &&
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $missing >/dev/null; then
        return
    fi
    command -v cc >/dev/null || fail "a C compiler is missing: as root, apt-get install gcc"
    say "cannot install $missing- that needs root: as root, apt-get install $missing"
    say "going on without the probe: what needs live events will be skipped"
    features=(--no-default-features)
}
