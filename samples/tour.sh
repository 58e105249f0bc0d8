#!/usr/bin/env bash
# A tour of arcli in a temporary data folder. Fails if a photo's answer differs from photos.csv.
set -euo pipefail
cd "$(dirname "$0")"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
drawings=${DRAWINGS:-../demo-output}
rm -rf "$drawings"
mkdir -p "$drawings"
for name in $(compgen -e ARCLI_ || true); do unset "$name"; done
export ARCLI_DATA_DIR=$folder/data XDG_CONFIG_HOME=$folder/config

step() { printf '\n\033[1m%s\033[0m\n' "$1"; }
run() {
    printf '$ %s\n' "$*"
    "$@"
}

step 'Register the pictures of a folder in the channel "default". Identifiers come from the file names.'
run arcli add gallery

step 'What is in the channel now?'
run arcli ls

step 'Which of them does a photo show, and where? A thing that is not in the channel is not found.'
run arcli find photos/peanuts_in_clutter.png photos/shoes.jpg

step 'A photo may show several targets, or one of them twice. Have them drawn.'
run arcli find photos --limit all --draw "$drawings"

step 'For a program, the same as JSON: identifier, score, and the corners in pixels of the photo.'
run arcli find photos/card_on_table.jpg --json

step 'How often was each target found?'
run arcli stats --from today

step 'Is every photo answered as samples/photos.csv says?'
expected=$(awk -F, 'NR > 1 { n = split($2, ids, ";"); if (!n) print $1 ","; for (i = 1; i <= n; i++) print $1 "," ids[i] }' photos.csv | sort)
answered=$(arcli --quiet find photos --limit all --no-count --format csv | tail -n +2 | cut -d, -f1,3 | sort -u)
diff <(printf '%s\n' "$expected") <(printf '%s\n' "$answered")
echo "Yes. The drawings are in $(cd "$drawings" && pwd)."
