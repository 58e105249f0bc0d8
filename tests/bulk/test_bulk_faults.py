"""A load over a network that fails one request in twenty ends complete: nothing twice, no false failures.

`make bench-bulk` does the same with 2,000 pictures.
"""

from collections import Counter
from pathlib import Path

import cv2
import numpy as np

from arcli.bulk.add_plan import Defaults, plan_words
from arcli.bulk.identifiers import IdFrom
from arcli.bulk.plan_run import load
from arcli.bulk.report import ADDITIONS, ReportFile
from arcli.models import AddOptions
from arcli.protocols.arcloud.requests import Credentials
from arcli.remote.arcloud.gallery import ArcloudGallery
from arcli.remote.http.retry import Retry
from arcli.remote.http.transport import HttpTransport
from tests.bulk.proxy import FaultyNetwork
from tests.bulk.servers import USERNAME, KillableServer
from tests.engine.conftest import LocalGallery

PICTURES = 150


def noise(seed: int) -> bytes:
    """A small picture with enough keypoints, quick to extract."""
    pixels = np.random.default_rng(seed).integers(0, 255, (16, 16, 3), np.uint8)
    return cv2.imencode(".jpg", cv2.resize(pixels, (128, 128), interpolation=cv2.INTER_CUBIC))[1].tobytes()


def test_a_load_over_a_bad_network_is_complete(folder: Path, tmp_path: Path) -> None:
    for seed in range(PICTURES):
        (folder / f"n{seed:03}.jpg").write_bytes(noise(seed))
    plan = plan_words([str(folder)], IdFrom.STEM, Defaults(metadata='{"n": 1}'))
    with KillableServer(tmp_path / "served") as server:
        network = FaultyNetwork(server.url, rate=0.05)
        retry = Retry(attempts=20, first=0.02, longest=0.2)  # a busy machine's server answers 20015
        transport = HttpTransport(network.url)
        credentials = Credentials(username=USERNAME, secretkey=server.secret)
        with (
            ArcloudGallery(transport, credentials, retry=retry) as gallery,
            ReportFile.open(tmp_path / "report.jsonl", ADDITIONS, resume=False) as report,
        ):
            results = list(load(gallery, channel="default", plan=plan, options=AddOptions(), report=report))
        network.stop()
    assert network.struck > 3
    assert Counter(result.status.value for result in results) == {"added": PICTURES}
    with LocalGallery(server.data_dir) as stored:
        targets = stored.list(channel="default").targets
    assert [target.identifier for target in targets] == [f"n{seed:03}" for seed in range(PICTURES)]
