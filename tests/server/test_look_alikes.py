"""FindImage where two targets cannot be told apart."""

from pathlib import Path

import pytest

from arcli.models import AddItem, Picture
from tests.engine.conftest import poster
from tests.engine.test_look_alikes import hung, look_alike_pixels

from .conftest import populate, serving
from .places import engine
from .raw import call

pytestmark = pytest.mark.cluster


def test_an_ambiguous_match_comes_with_its_rival_unasked(tmp_path: Path) -> None:
    secrets = populate(tmp_path / "data")
    with engine(tmp_path / "data") as gallery:
        for name in ("red", "blue"):
            picture = Picture(name=f"{name}.png", data=poster(20))
            gallery.add(channel="posters", item=AddItem(picture=picture, identifier=name))
    photo = hung(look_alike_pixels(20, 20)).read()
    with serving(tmp_path / "data") as server:
        server.secrets = secrets
        answer = call(server.url, "FindImage", server.login(channel="posters"), photo)
    [rival] = answer["candidates"]
    assert (answer["returncode"], answer["ambiguous"], rival["reason"]) == (0, True, "rival")
    assert {answer["identifier"], rival["identifier"]} == {"red", "blue"}
