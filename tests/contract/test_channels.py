"""Channels renamed and copied: the same on every gallery that has channels to administer."""

from __future__ import annotations

import datetime as dt
from typing import cast

import pytest

from arcli.errors import ChannelExists, ChannelNotFound, InvalidChannelName
from arcli.gallery import ChannelAdmin
from arcli.models import StatisticsQuery
from tests.contract.subject import Difference, Subject, photo, sample


@pytest.fixture
def channels(subject: Subject) -> ChannelAdmin:
    """The peanuts in the channel default, found once."""
    subject.gallery.add(channel="default", item=sample("peanuts.png", metadata="[1]"))
    assert found(subject, "default") == ["peanuts"]
    return cast(ChannelAdmin, subject.gallery)


def found(subject: Subject, channel: str) -> list[str]:
    result = subject.gallery.find(picture=photo("peanuts_in_clutter.png"), channels=[channel])
    return [match.identifier for match in result.matches]


def counted(subject: Subject, channel: str) -> int:
    today = dt.datetime.now(dt.UTC).date()
    query = StatisticsQuery(start=today - dt.timedelta(1), end=today, channel=channel)
    return sum(record.count for record in subject.gallery.statistics(query=query))


def test_a_renamed_channel_has_its_targets_and_counts(subject: Subject, channels: ChannelAdmin) -> None:
    with subject.unless(Difference.NO_CHANNEL_ADMIN):
        info = channels.rename_channel(name="default", new="spices & nuts")
        assert (info.name, info.targets) == ("spices & nuts", 1)
        assert sorted(channels.settings()) == ["posters", "spices & nuts"]
        assert found(subject, "spices & nuts") == ["peanuts"]
        assert counted(subject, "spices & nuts") == 2
        target = subject.gallery.get(channel="spices & nuts", identifier="peanuts")
        assert (target.channel, target.metadata) == ("spices & nuts", "[1]")
        with pytest.raises(ChannelNotFound):
            subject.gallery.list(channel="default")


def test_a_copied_channel_is_one_of_its_own(subject: Subject, channels: ChannelAdmin) -> None:
    with subject.unless(Difference.NO_CHANNEL_ADMIN):
        info = channels.copy_channel(name="default", new="copy")
        assert (info.name, info.targets) == ("copy", 1)
        assert info.settings == channels.settings_of(name="default")
        assert (counted(subject, "default"), counted(subject, "copy")) == (1, 0)
        subject.gallery.remove(channel="default", identifier="peanuts")
        assert (found(subject, "default"), found(subject, "copy")) == ([], ["peanuts"])


@pytest.mark.parametrize("verb", ["rename_channel", "copy_channel"])
def test_a_name_that_cannot_be_given(subject: Subject, channels: ChannelAdmin, verb: str) -> None:
    change = getattr(channels, verb)
    with subject.unless(Difference.NO_CHANNEL_ADMIN):
        with pytest.raises(ChannelExists):
            change(name="default", new="posters")
        with pytest.raises(ChannelNotFound):
            change(name="nobody", new="other")
        with pytest.raises(InvalidChannelName):
            change(name="default", new="a/b")
        assert sorted(channels.settings()) == ["default", "posters"]
    assert found(subject, "default") == ["peanuts"]
