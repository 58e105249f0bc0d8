"""A shell script prints the same on a local profile and on a served one."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from arcli.engine import LocalGallery
from arcli.models import ChannelSettings
from arcli.store.accounts import Accounts
from tests.server.conftest import clean_env, serving

SAMPLES = Path(__file__).parents[2] / "samples"
SCRIPT = """
add gallery/drive_case.jpg gallery/peanuts.png --metadata '{"of": "a sample"}'
add gallery/graffiti.jpg --id graf.1 --match-ratio 0.4 --json
add gallery/graffiti.jpg --id graf.1
add gallery/graffiti.jpg --id graf.1 --on-exists skip
add gallery/no_such.jpg
ls
ls --json --prefix d
ls -f ids --where of='a sample'
get peanuts
get nobody
update peanuts --metadata '{"of": "nuts"}' --match-ratio 0.3 --json
update drive_case --rename drive --inactive
find photos/peanuts_in_clutter.png photos/shoes.jpg --json
find photos/graffiti_from_the_side.jpg
find photos/graffiti_from_the_side.jpg --limit all --candidates 2 --json
find gallery/no_such.jpg --json
rm drive --yes
rm drive --yes
stats --from today --to today -f csv
stats --json --identifier peanuts
stats --identifier nobody
ls -f jsonl
"""


def run_script(environment: dict[str, str]) -> str:
    """Return everything that the script printed, with exit statuses; moments and durations left out."""
    shell = 'arcli() { "$PYTHON" -m arcli "$@"; echo "status $?"; }\n'
    lines = [f"arcli {line}" for line in SCRIPT.strip().splitlines()]
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        ["sh", "-c", shell + "\n".join(lines)],
        cwd=SAMPLES,
        env=clean_env() | {"PYTHON": sys.executable, "PYTHONPATH": root} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
        timeout=300,
    )
    return re.sub(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ|\d\d-\d\d \d\d:\d\d|[\d.]+ m?s\b"
        r'|"elapsed_ms": [\d.]+|"timings_ms": \{[^}]*\}',
        "",
        done.stdout,
    )


def test_the_same_script_prints_the_same_on_a_local_and_a_served_profile(tmp_path: Path) -> None:
    config = {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    served_dir, local_dir = tmp_path / "served", tmp_path / "local"
    with Accounts(served_dir) as accounts, LocalGallery(served_dir) as gallery:
        secretkey = accounts.add_account(username="shop").secretkey
        gallery.create_channel(name="default", settings=ChannelSettings(owner="shop"))
    with LocalGallery(local_dir) as gallery:
        gallery.create_channel(name="default", settings=ChannelSettings(owner="shop"))
    local = run_script(config | {"ARCLI_DATA_DIR": str(local_dir)})
    with serving(served_dir) as server:
        words = ["profile", "add", "shop", "--kind", "arcloud", "--url", server.url, "--username", "shop"]
        add = [sys.executable, "-m", "arcli", *words, "--secretkey-env", "SHOP_KEY"]
        subprocess.run(add, env=clean_env() | config, check=True, capture_output=True)
        served = run_script(config | {"ARCLI_PROFILE": "shop", "SHOP_KEY": secretkey})
    assert served == local
    assert local.count("status 0") > 12
    assert secretkey not in served
