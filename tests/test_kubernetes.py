"""The manifests, alert rules and dashboard of a cluster: their form, and that they name what exists."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "deploy" / "kubernetes"
METRICS = (ROOT / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
KNOWN = set(re.findall(r"^\| `(arcli_\w+)`", METRICS, re.MULTILINE))


def documents(name: str) -> list[Any]:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    return list(yaml.safe_load_all((FOLDER / name).read_text(encoding="utf-8")))


def named(expressions: str) -> set[str]:
    return {re.sub(r"_bucket$", "", name) for name in re.findall(r"arcli_\w+", expressions)}


def test_alerts_and_dashboard_use_metrics_that_exist() -> None:
    (rules,) = documents("alerts.yaml")
    expressions = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    board = json.loads((ROOT / "docs/how-to/cluster/dashboard.json").read_text(encoding="utf-8"))
    shown = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    for used in (expressions, shown):
        assert used
        assert named(" ".join(used)) <= KNOWN
    assert {"arcli_pending_rows", "arcli_postgres_connections"} <= named(" ".join(shown))
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_manifests_start_commands_that_exist_and_name_what_they_contain() -> None:
    found = {f"{one['kind']}/{one['metadata']['name']}": one for one in documents("arcli.yaml")}
    server = found["Deployment/arcli"]["spec"]["template"]["spec"]
    tables = found["Job/arcli-tables"]["spec"]["template"]["spec"]
    cli = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    for spec in (server, tables):
        (container,) = spec["containers"]
        command, *words = container["args"]
        section = cli[cli.index(f"arcli {command}") :]
        assert all(word in section for word in words if word.startswith("--"))
        volumes = {volume["name"] for volume in spec["volumes"]}
        assert {mount["name"] for mount in container["volumeMounts"]} == volumes
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
    (container,) = server["containers"]
    ports = {port["name"] for port in container["ports"]}
    probes = [container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")]
    assert {probe["port"] for probe in probes} <= ports
    source = (ROOT / "arcli" / "server" / "app.py").read_text(encoding="utf-8")
    assert all(f'"{probe["path"]}"' in source for probe in probes)
    assert found["Service/arcli"]["spec"]["ports"][0]["targetPort"] in ports


def test_the_profile_in_the_manifest_is_one_that_arcli_reads(tmp_path: Path) -> None:
    from arcli.settings import ProfileFile, resolve

    (config,) = [one for one in documents("arcli.yaml") if one["kind"] == "ConfigMap"]
    path = tmp_path / "profiles.toml"
    path.write_text(config["data"]["profiles.toml"], encoding="utf-8")
    settings = resolve(flags={}, environ={}, profiles=ProfileFile(path))
    assert (settings.kind.value, settings.need("milvus")) == ("cluster", "http://milvus:19530")
