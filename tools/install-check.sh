#!/usr/bin/env bash
# The ways to install arcli, tried in a fresh clone: sdist and wheel, pip, pipx, and no compiler at all.
# It needs a package index, and a compiler for hnswlib where pip has no wheel of it yet. One to three minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export HNSWLIB_NO_NATIVE=1 PIP_DISABLE_PIP_VERSION_CHECK=1 XDG_CONFIG_HOME=$work/config ARCLI_DATA_DIR=$work/data
unset PYTHONPATH

step() { printf '== %s\n' "$1"; }

try() { # PROGRAM: the main job with the program that was installed
    rm -rf "$ARCLI_DATA_DIR"
    "$1" add --quiet "$work/clone/samples/gallery"
    [ "$("$1" find -f ids "$work/clone/samples/photos/peanuts_in_clutter.png")" = peanuts ]
}

step "sdist and wheel from a fresh clone, and the same wheel from the sdist"
git clone --quiet . "$work/clone"
"$python" -m venv "$work/build"
"$work/build/bin/pip" install --quiet build pipx
"$work/build/bin/python" -m build --outdir "$work/dist" "$work/clone" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
wheel=$(ls "$work"/dist/*.whl)
"$work/build/bin/pip" wheel --quiet --no-deps --wheel-dir "$work/direct" "$work/clone"
content() { "$python" -m zipfile -l "$1" | awk '{print $1, $NF}' | sort; }
diff <(content "$wheel") <(content "$work"/direct/*.whl)

step "a module for other machines: nothing in it that only newer processors have"
"$work/build/bin/pip" wheel --quiet --no-cache-dir --no-deps --wheel-dir "$work/others" "$(grep '^hnswlib==' constraints.txt)"
"$python" -m zipfile -e "$work"/others/hnswlib-*.whl "$work/module"
if [ "$(uname -m)" = x86_64 ] && command -v objdump >/dev/null; then
    objdump -d "$work"/module/hnswlib*.so >"$work/code"
    grep -q '%xmm' "$work/code"
    if grep -q '%[yz]mm' "$work/code"; then exit 1; fi
fi
export PIP_FIND_LINKS="${PIP_FIND_LINKS:-} $work/others" # what follows needs not compile it again

step "pipx install, with manual and completion"
export PIPX_HOME=$work/pipx PIPX_BIN_DIR=$work/bin PIPX_MAN_DIR=$work/man
"$work/build/bin/pipx" install --quiet --python "$(command -v "$python")" "$wheel" >/dev/null
try "$work/bin/arcli"
test -s "$work/man/man1/arcli.1"
test -s "$work"/pipx/venvs/*/share/bash-completion/completions/arcli
"$work/bin/arcli" version --verbose | grep '^hnswlib [0-9]'

step "no compiler: pip install --no-deps, and hnswlib is not there"
"$python" -m venv "$work/bare"
export CC=/nonexistent CXX=/nonexistent
"$work/bare/bin/pip" install --quiet --no-deps -r "$work/clone/deploy/without-compiler.txt"
"$work/bare/bin/pip" install --quiet --no-deps "$wheel"
try "$work/bare/bin/arcli"
"$work/bare/bin/arcli" channel compact --quiet default >/dev/null
"$work/bare/bin/arcli" version --verbose | grep '^hnswlib not installed'
"$work/bare/bin/pip" check | grep -v hnswlib && exit 1

step "all ways work"
