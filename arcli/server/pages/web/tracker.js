// A light planar tracker: corners of a frame followed by pyramidal Lucas-Kanade, their motion a homography.
import { inside, isConvex, project, ransac } from "./geometry.js";

const LEVELS = 3; // of the pyramid: motion up to some 30 px between two frames
const RADIUS = 4; // of the window around a corner, px
const STEPS = 8; // of the search at each level
const MOST = 90; // corners of a frame
const FEWEST = 8; // corners that must agree on a homography
const WORST = 18; // mean difference of a window (of 255): above it a corner is lost

/**
 * A gray image and its smaller copies.
 * @param {ImageData|{data: Uint8ClampedArray, width: number, height: number}} image
 */
export function grayFrame(image) {
  const { data, width, height } = image;
  const gray = new Float32Array(width * height);
  for (let i = 0, j = 0; i < gray.length; i++, j += 4)
    gray[i] = 0.299 * data[j] + 0.587 * data[j + 1] + 0.114 * data[j + 2];
  const levels = [{ gray, width, height }];
  while (levels.length < LEVELS) levels.push(half(levels[levels.length - 1]));
  return levels;
}

/** Follows what one frame showed through the frames after it. */
export class Tracker {
  /** @param frame the frame that is sent for recognition, as made by `grayFrame` */
  constructor(frame) {
    this._last = frame;
    this._from = corners(frame[0], MOST, null);
    this._now = this._from.slice();
    this._h = [1, 0, 0, 0, 1, 0, 0, 0, 1];
    this._first = frame;
    this.lost = false;
  }

  /** Follow only what lies in the quad (in the first frame); call it when the answer has arrived. */
  restrict(quad) {
    const keep = this._from.map((p, i) => (inside(quad, p) ? i : -1)).filter((i) => i >= 0);
    if (keep.length >= 3 * FEWEST) {
      this._from = keep.map((i) => this._from[i]);
      this._now = keep.map((i) => this._now[i]);
    } else if (this._last === this._first) {
      const found = corners(this._first[0], MOST, quad);
      if (found.length >= FEWEST) [this._from, this._now] = [found, found.slice()];
    }
  }

  /** Take the next frame. Returns false once the target is lost. */
  advance(frame) {
    if (this.lost) return false;
    const kept = { from: [], now: [] };
    this._now.forEach((point, i) => {
      const next = follow(this._last, frame, point);
      if (next !== null) {
        kept.from.push(this._from[i]);
        kept.now.push(next);
      }
    });
    this._last = frame;
    const found = kept.now.length < FEWEST ? null : ransac(kept.from, kept.now, { threshold: 2 });
    if (found === null || found.inliers.length < FEWEST) {
      this.lost = true;
      return false;
    }
    this._h = found.h;
    this._from = found.inliers.map((i) => kept.from[i]);
    this._now = found.inliers.map((i) => kept.now[i]);
    return true;
  }

  /** Where a quad of the first frame is now; null when it cannot be said. */
  locate(quad) {
    if (this.lost) return null;
    const moved = quad.map((corner) => project(this._h, corner));
    return moved.flat().every(Number.isFinite) && isConvex(moved) ? moved : null;
  }
}

function half({ gray, width, height }) {
  const w = width >> 1;
  const h = height >> 1;
  const out = new Float32Array(w * h);
  for (let y = 0; y < h; y++)
    for (let x = 0; x < w; x++) {
      const i = 2 * y * width + 2 * x;
      out[y * w + x] = (gray[i] + gray[i + 1] + gray[i + width] + gray[i + width + 1]) / 4;
    }
  return { gray: out, width: w, height: h };
}

// Shi and Tomasi's corners: the smaller eigenvalue of the gradients' matrix, the best of each cell.
function corners({ gray, width, height }, most, quad) {
  const cell = Math.max(6, Math.round(Math.sqrt((width * height) / (4 * most))));
  const found = [];
  const edge = 2 * RADIUS + 2;
  for (let top = edge; top < height - edge; top += cell)
    for (let left = edge; left < width - edge; left += cell) {
      let best = null;
      for (let y = top; y < Math.min(top + cell, height - edge); y += 2)
        for (let x = left; x < Math.min(left + cell, width - edge); x += 2) {
          if (quad !== null && !inside(quad, [x, y])) continue;
          const score = cornerness(gray, width, x, y);
          if (best === null || score > best.score) best = { score, at: [x, y] };
        }
      if (best !== null && best.score > 60) found.push(best);
    }
  found.sort((a, b) => b.score - a.score);
  return found.slice(0, most).map(({ at }) => at);
}

function cornerness(gray, width, x, y) {
  let [xx, yy, xy] = [0, 0, 0];
  for (let v = y - 2; v <= y + 2; v++)
    for (let u = x - 2; u <= x + 2; u++) {
      const i = v * width + u;
      const gx = (gray[i + 1] - gray[i - 1]) / 2;
      const gy = (gray[i + width] - gray[i - width]) / 2;
      xx += gx * gx;
      yy += gy * gy;
      xy += gx * gy;
    }
  return (xx + yy - Math.sqrt((xx - yy) ** 2 + 4 * xy * xy)) / 2;
}

function follow(from, to, [x, y]) {
  let [dx, dy] = [0, 0];
  let moved = null;
  for (let level = LEVELS - 1; level >= 0; level--) {
    const scale = 2 ** level;
    moved = refine(from[level], to[level], x / scale, y / scale, 2 * dx, 2 * dy);
    if (moved === null && level === 0) return null;
    [dx, dy] = moved === null ? [2 * dx, 2 * dy] : moved;
  }
  return [x + dx, y + dy];
}

// One level of Lucas-Kanade: the shift (dx, dy) at which the window looks the same, null if it is lost.
function refine(from, to, x, y, dx, dy) {
  const size = 2 * RADIUS + 1;
  const patch = new Float32Array(size * size);
  const gx = new Float32Array(size * size);
  const gy = new Float32Array(size * size);
  if (!fits(from, x, y)) return null;
  let [xx, yy, xy] = [0, 0, 0];
  for (let v = -RADIUS, i = 0; v <= RADIUS; v++)
    for (let u = -RADIUS; u <= RADIUS; u++, i++) {
      patch[i] = sample(from, x + u, y + v);
      gx[i] = (sample(from, x + u + 1, y + v) - sample(from, x + u - 1, y + v)) / 2;
      gy[i] = (sample(from, x + u, y + v + 1) - sample(from, x + u, y + v - 1)) / 2;
      xx += gx[i] * gx[i];
      yy += gy[i] * gy[i];
      xy += gx[i] * gy[i];
    }
  const det = xx * yy - xy * xy;
  if (det < 1e-3) return null;
  let difference = Infinity;
  for (let step = 0; step < STEPS; step++) {
    if (!fits(to, x + dx, y + dy)) return null;
    let [bx, by, sum] = [0, 0, 0];
    for (let v = -RADIUS, i = 0; v <= RADIUS; v++)
      for (let u = -RADIUS; u <= RADIUS; u++, i++) {
        const d = patch[i] - sample(to, x + dx + u, y + dy + v);
        bx += d * gx[i];
        by += d * gy[i];
        sum += Math.abs(d);
      }
    difference = sum / patch.length;
    const [sx, sy] = [(yy * bx - xy * by) / det, (xx * by - xy * bx) / det];
    dx += sx;
    dy += sy;
    if (Math.abs(sx) + Math.abs(sy) < 0.02) break;
  }
  return difference > WORST || !fits(to, x + dx, y + dy) ? null : [dx, dy];
}

function fits({ width, height }, x, y) {
  const edge = RADIUS + 2;
  return x >= edge && y >= edge && x < width - edge && y < height - edge;
}

function sample({ gray, width }, x, y) {
  const [ix, iy] = [x | 0, y | 0];
  const [fx, fy] = [x - ix, y - iy];
  const i = iy * width + ix;
  const top = gray[i] + fx * (gray[i + 1] - gray[i]);
  const bottom = gray[i + width] + fx * (gray[i + width + 1] - gray[i + width]);
  return top + fy * (bottom - top);
}

