#!/usr/bin/env bash
# Installs what the tests of the web pages need: Debian's Chromium, axe-core and Lighthouse (into .venv/axe).
# Without root or apt-get, or without npm, it says what is missing; the tests then skip with that reason.
set -u
cd "$(dirname "$0")/.."

if ! command -v chromium >/dev/null; then
    if [[ $EUID -eq 0 ]] && command -v apt-get >/dev/null; then
        export DEBIAN_FRONTEND=noninteractive
        apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-noto-cjk >/dev/null
    else
        echo "no Chromium: install the package chromium" >&2
    fi
fi
lighthouse=.venv/axe/node_modules/lighthouse/cli/index.js
if [[ ! -e .venv/axe/node_modules/axe-core/axe.min.js || ! -e $lighthouse ]]; then
    if command -v npm >/dev/null; then
        npm install --silent --no-audit --no-fund --ignore-scripts --prefix .venv/axe \
            axe-core@4.14.1 lighthouse@12.2.3 >/dev/null
    else
        echo "no npm: axe-core and Lighthouse are not installed" >&2
    fi
fi
[[ -z ${ARCLI_NEEDS_CHROMIUM:-} ]] || { command -v chromium >/dev/null && [[ -e $lighthouse ]]; }
