"""The script that starts the servers for all these tests, and ends them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster.servers import MILVUS, POSTGRES, STANDALONE, needs_servers


def test_sigterm_ends_the_command_and_both_servers() -> None:
    needs_servers()
    told = (
        f"import os, time; print(os.environ['{POSTGRES}'], os.environ['{MILVUS}'], os.getpid(), flush=True)"
    )
    words = ["tests.cluster.servers", sys.executable, "-c", f"{told}; time.sleep(3600)"]
    env = {name: value for name, value in os.environ.items() if name != STANDALONE}
    folder = Path(__file__).parents[2]
    with subprocess.Popen([sys.executable, "-m", *words], stdout=subprocess.PIPE, env=env, cwd=folder) as run:
        assert run.stdout is not None
        postgres, milvus, pid = run.stdout.readline().decode().split()
        ports = [int(postgres.rpartition(":")[2].partition("/")[0]), int(milvus.rpartition(":")[2])]
        for port in ports:
            socket.create_connection(("127.0.0.1", port)).close()
        run.send_signal(signal.SIGTERM)
        assert run.wait(60) == 128 + signal.SIGTERM
    for port in ports:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)
