"""Looking photos up at an ARCloud service: what the document offers, and more if it is our server."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial

from arcli.errors import ChannelNotFound, TargetNotFound
from arcli.models import Effort, FindOptions, FindResult, Match, Picture
from arcli.protocols.arcloud import requests
from arcli.protocols.extensions import Feature
from arcli.remote.arcloud.calls import ArcloudClient
from arcli.remote.arcloud.service import ArcloudService
from arcli.remote.pictures import upload


def find(
    service: ArcloudService,
    picture: Picture,
    channels: Sequence[str] | None,
    options: FindOptions = FindOptions(),
) -> FindResult:
    """Look one photo up. Raises NotSupported for options that the service has no field for."""
    beyond = _beyond_the_document(options)
    several = channels is not None and len(channels) > 1
    if beyond:
        service.require(Feature.FIND_OPTIONS, f"look up with {beyond}")
    sent = upload(picture)
    if beyond or (several and service.offers(Feature.FIND_OPTIONS)):
        fields = requests.find_fields(channels) | requests.find_extension_fields(channels, options)
        result = service.calls.find(picture.name, sent.data, fields)
    elif channels is not None and several:
        result = _one_by_one(service.calls, picture.name, sent.data, channels, options)
    else:
        result = _one(service.calls, picture.name, sent.data, channels, options)
    return dataclasses.replace(
        result,
        matches=tuple(dataclasses.replace(match, quad=sent.in_whole(match.quad)) for match in result.matches),
        candidates=tuple(
            dataclasses.replace(other, quad=sent.in_whole(other.quad)) for other in result.candidates
        ),
    )


def _one_by_one(
    calls: ArcloudClient, name: str, data: bytes, channels: Sequence[str], options: FindOptions
) -> FindResult:
    """Search the channels one by one; the service gives no score, so the first match is the answer."""
    elapsed = 0.0
    for channel in channels:
        result = _one(calls, name, data, (channel,), options)
        elapsed += result.elapsed_ms
        if result.matched:
            return dataclasses.replace(result, elapsed_ms=elapsed)
    return FindResult(image=name, elapsed_ms=elapsed)


def _one(
    calls: ArcloudClient, name: str, data: bytes, channels: Sequence[str] | None, options: FindOptions
) -> FindResult:
    result = calls.find(name, data, requests.find_fields(channels))
    complete = partial(_completed, calls) if options.metadata else _without_metadata
    return dataclasses.replace(result, matches=tuple(complete(match) for match in result.matches))


def _completed(calls: ArcloudClient, match: Match) -> Match:
    """Fetch metadata and level, which the vendor's answer lacks; ours (which has a score) includes them."""
    if match.score is not None or match.channel is None:
        return match
    try:
        target = calls.get(match.channel, match.identifier)
    except (TargetNotFound, ChannelNotFound):  # removed since it was found
        return match
    level = target.level if match.level is None else match.level
    return dataclasses.replace(match, metadata=target.metadata, level=level)


def _without_metadata(match: Match) -> Match:
    """Drop the metadata, which our server sends unless a field of its own says otherwise."""
    return dataclasses.replace(match, metadata=None)


def _beyond_the_document(options: FindOptions) -> str | None:
    """Name the first option that FindImage has no field for."""
    asked = {
        "--limit": options.limit != 1,
        "--candidates": options.candidates > 0,
        "--threshold": options.threshold is not None,
        "--effort": options.effort is not Effort.NORMAL,
        "--no-count": not options.count,
    }
    return next((name for name, beyond in asked.items() if beyond), None)
