"""A simulated camera: a flat picture as a phone photographs it. Used to fit the level and to test geometry.

Each view places the picture on a plain background, tilted, at a distance, and degrades the photo as phones
do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from arcli.vision import geometry
from arcli.vision.opencv import cv2

Image = npt.NDArray[np.uint8]
PHOTO = (800, 600)


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """share: long side of the picture as a share of the photo's height (.1 to 1). tilt: degrees out of the
    plane (0 to 75). roll: degrees in the plane. blur: sigma in px of the photo. noise: sigma in gray levels.
    light: gain (.1 to 1.5). glare: strength of a white spot (0 to 1). quality: JPEG (5 to 95). clutter:
    shapes on the background around the picture (0 to 200)."""

    share: float = 0.7
    tilt: float = 15.0
    roll: float = 0.0
    blur: float = 0.7
    noise: float = 3.0
    light: float = 1.0
    glare: float = 0.0
    quality: int = 80
    clutter: int = 0


VIEWS = {
    "near": Camera(share=0.85, roll=5),
    "on a table": Camera(share=0.5, tilt=30, roll=-20, clutter=40),
    "distance 1": Camera(share=0.3, roll=12, clutter=40),
    "distance 2": Camera(share=0.2, roll=-8, clutter=40),
    "distance 3": Camera(share=0.12, roll=20, clutter=40),
    "tilt 1": Camera(tilt=45, roll=20),
    "tilt 2": Camera(tilt=57, roll=-25),
    "tilt 3": Camera(tilt=66, roll=35),
    "blur 1": Camera(blur=2.0, roll=-10),
    "blur 2": Camera(blur=4.0, roll=25),
    "blur 3": Camera(blur=6.0, roll=-15),
    "noise 1": Camera(noise=10, light=0.6, roll=90),
    "noise 2": Camera(noise=14, light=0.35, roll=-30),
    "noise 3": Camera(noise=18, light=0.14, roll=10),
    "glare 1": Camera(glare=0.7, roll=-5),
    "glare 2": Camera(glare=1.0, light=0.8, roll=15, share=0.5, clutter=40),
    "compression 1": Camera(quality=25, share=0.5, roll=170),
    "compression 2": Camera(quality=6, share=0.4, roll=-12, clutter=40),
    "walking by": Camera(share=0.4, tilt=40, blur=1.5, noise=6, light=0.7, quality=60, roll=-40, clutter=40),
    "in a dim room": Camera(
        share=0.35, tilt=30, blur=1.3, noise=12, light=0.25, quality=60, roll=15, clutter=40
    ),
    "across the street": Camera(share=0.15, tilt=30, blur=0.9, noise=6, quality=60, roll=-10, clutter=40),
    "through a window": Camera(share=0.5, tilt=45, blur=1.2, glare=0.9, noise=5, roll=10, clutter=40),
}
"""What the level is fitted to (docs/appendix/level.md): six difficulties at growing strength, and
mixtures."""


def photograph(picture: Image, camera: Camera, *, seed: int) -> tuple[Image, npt.NDArray[np.float64]]:
    """Return an 800 x 600 photo of (H, W, 3) BGR, and the (3, 3) homography from picture to photo."""
    rng = np.random.default_rng(seed)
    height, width = picture.shape[:2]
    homography = _placement((width, height), camera)
    reduced, smaller = _prefiltered(picture, camera)
    scene = _ground(camera, rng)
    cv2.warpPerspective(reduced, homography @ smaller, PHOTO, scene, cv2.INTER_LINEAR, cv2.BORDER_TRANSPARENT)
    photo = cv2.GaussianBlur(scene, (0, 0), max(camera.blur, 0.1)).astype(np.float32) * camera.light
    if camera.glare:
        photo += 255 * camera.glare * _spot(homography, (width, height), rng)[:, :, None]
    photo += camera.noise * rng.standard_normal(photo.shape, np.float32)
    options = [cv2.IMWRITE_JPEG_QUALITY, camera.quality]
    encoded = cv2.imencode(".jpg", photo.clip(0, 255).astype(np.uint8), options)[1]
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8), homography


def _ground(camera: Camera, rng: np.random.Generator) -> Image:
    """Return the background: a plain colour with rectangles of other colours on it."""
    ground = np.empty((PHOTO[1], PHOTO[0], 3), np.uint8)
    ground[:] = rng.integers(40, 200, 3)
    for _ in range(camera.clutter):
        (x, y), (width, height) = rng.integers((0, 0), PHOTO), rng.integers(10, 120, 2)
        ground[y : y + height, x : x + width] = rng.integers(20, 236, 3)
    return ground


def _placement(size: geometry.Size, camera: Camera) -> npt.NDArray[np.float64]:
    """Return the homography of a pinhole camera aimed at the picture's middle; focal length: photo width."""
    tilt, roll = np.deg2rad(camera.tilt), np.deg2rad(camera.roll)
    unit = camera.share * PHOTO[1] / max(size)
    about_axis = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    in_plane = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    rotation = about_axis @ in_plane
    focal = float(PHOTO[0])
    centred = np.array(
        [[unit, 0, -unit * (size[0] - 1) / 2], [0, unit, -unit * (size[1] - 1) / 2], [0, 0, 1]]
    )
    pose = np.column_stack([rotation[:, 0], rotation[:, 1], [0, 0, focal]])
    lens = np.array([[focal, 0, (PHOTO[0] - 1) / 2], [0, focal, (PHOTO[1] - 1) / 2], [0, 0, 1]])
    homography = lens @ pose @ centred
    return np.asarray(homography / homography[2, 2])


def _prefiltered(picture: Image, camera: Camera) -> tuple[Image, npt.NDArray[np.float64]]:
    """Shrink the picture to about its size in the photo, against aliasing; also return the map back to it."""
    factor = min(1.0, 1.5 * camera.share * PHOTO[1] / max(picture.shape))
    height, width = (max(1, round(side * factor)) for side in picture.shape[:2])
    reduced = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    x, y = picture.shape[1] / width, picture.shape[0] / height
    return np.asarray(reduced, np.uint8), np.array([[x, 0, x / 2 - 0.5], [0, y, y / 2 - 0.5], [0, 0, 1]])


def _spot(
    homography: npt.NDArray[np.float64], size: geometry.Size, rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Return an (H, W) bright spot of about a third of the picture, somewhere on it."""
    quad, _ = geometry.project(homography, geometry.corners(size))
    middle = quad.mean(0) + rng.uniform(-0.25, 0.25, 2) * np.ptp(quad, axis=0)
    radius = np.ptp(quad, axis=0).max() / 5
    x, y = np.meshgrid(np.arange(PHOTO[0]), np.arange(PHOTO[1]))
    return np.asarray(np.exp(-((x - middle[0]) ** 2 + (y - middle[1]) ** 2) / (2 * radius**2)), np.float32)
