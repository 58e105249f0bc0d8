#!/bin/sh
# Install the shells and tools that some tests use, where that can be done; the tests are skipped without them.
set -u
missing=
for program in zsh fish tmux man:man-db groff; do
    command -v "${program%%:*}" >/dev/null || missing="$missing ${program##*:}"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "not here, and not installed by this script (it needs root and apt-get):$missing"
    exit 0
fi
# shellcheck disable=SC2086
{ apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $missing; } \
    >/dev/null || echo "could not be installed:$missing"
exit 0
