// A light planar tracker. From frame to frame corners are followed by pyramidal Lucas-Kanade; what that says is
// made exact, and checked, against the first frame, so that errors do not add up and a wrong place is not shown.
import { inside, isConvex, project, ransac } from "./geometry.js";

const LEVELS = 3; // of the pyramid: motion up to some 30 px between two frames
const RADIUS = 4; // of the window around a corner, px
const STEPS = 8; // of the search at each level
const MOST = 64; // corners of a frame: with 120 it costs twice as much and is as exact
const FEWEST = 8; // corners that must agree on a homography
const WORST = 18; // mean difference of a window (of 255): above it a corner is lost
const ALIKE = 0.7; // correlation of a corner's window with the first frame's, from which on it is the same
const SHARE = 0.4; // of the corners in view that must be the same and agree
const SPREAD = 0.35; // of the target's width and height that they must span
const AFRESH = 6; // rounds of that comparison when an answer arrives: other corners had been followed until then
const REACH = 3; // px by which a corner may be off before it is compared with the first frame

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
    this._first = this._last = frame;
    this._from = corners(frame[0], MOST, null);
    this._now = this._from.slice(); // each followed by itself until `restrict` says which belong together
    this._quad = null;
    this._h = [1, 0, 0, 0, 1, 0, 0, 0, 1];
    this.lost = false;
  }

  /** Follow only what lies in the quad (in the first frame); call it when the answer has arrived. */
  restrict(quad) {
    const kept = this._from.map((p, i) => (inside(quad, p) ? i : -1)).filter((i) => i >= 0);
    const moved = this._last !== this._first;
    const found = moved ? ransac(kept.map((i) => this._from[i]), kept.map((i) => this._now[i])) : { h: this._h };
    this._quad = quad;
    this._from = corners(this._first[0], MOST, quad).map((at) => template(this._first[0], at)).filter(Boolean);
    this._settle(found?.h ?? null, AFRESH);
  }

  /** Take the next frame. Returns false once the target is lost. */
  advance(frame) {
    if (this.lost) return false;
    const [from, now] = [[], []];
    this._from.forEach((one, i) => {
      const at = this._quad === null ? this._now[i] : project(this._h, one.at);
      const next = follow(this._last, frame, at);
      if (next === null) return;
      from.push(this._quad === null ? one : one.at);
      now.push(next);
    });
    this._last = frame;
    if (this._quad === null) [this._from, this._now] = [from, now];
    else this._settle(ransac(from, now)?.h ?? null);
    return !this.lost;
  }

  /** Where a quad of the first frame is now; null when it cannot be said. */
  locate(quad) {
    if (this.lost) return null;
    const moved = quad.map((corner) => project(this._h, corner));
    return moved.flat().every(Number.isFinite) && isConvex(moved) ? moved : null;
  }

  // Take a homography from the first frame to the last one, made exact; without one the target is lost.
  _settle(h, rounds = 2) {
    const better = h && compared(this._from, this._last[0], h, this._quad, rounds);
    this.lost = !better;
    if (better) this._h = better;
  }
}

// The window of a corner in the first frame, its gradients, and what solves for its shift; null at the edge.
function template(level, at) {
  const [x, y] = at;
  if (!fits(level, x, y)) return null;
  const size = (2 * RADIUS + 1) ** 2;
  const one = { at, patch: new Float32Array(size), gx: new Float32Array(size), gy: new Float32Array(size) };
  let [sum, xx, yy, xy] = [0, 0, 0, 0];
  for (let v = -RADIUS, i = 0; v <= RADIUS; v++)
    for (let u = -RADIUS; u <= RADIUS; u++, i++) {
      sum += one.patch[i] = sample(level, x + u, y + v);
      const gx = one.gx[i] = (sample(level, x + u + 1, y + v) - sample(level, x + u - 1, y + v)) / 2;
      const gy = one.gy[i] = (sample(level, x + u, y + v + 1) - sample(level, x + u, y + v - 1)) / 2;
      xx += gx * gx;
      yy += gy * gy;
      xy += gx * gy;
    }
  one.patch.forEach((value, i) => (one.patch[i] = value - sum / size));
  const energy = one.patch.reduce((total, value) => total + value * value, 0);
  return xx * yy - xy * xy < 1e-3 ? null : { ...one, xx, yy, xy, energy };
}

// Shift each corner until it looks as in the first frame; the homography of those that do, null if too few.
function compared(from, level, h, quad, rounds) {
  for (let round = 0; round < rounds; round++) {
    const [seen, kept, now] = [{ count: 0 }, [], []];
    for (const one of from) {
      const shift = settled(one, level, h, seen);
      if (shift === null) continue;
      kept.push(one.at);
      now.push(project(h, shift));
    }
    const found = ransac(kept, now, { threshold: 1.5 });
    if (found === null || found.inliers.length < Math.max(FEWEST, SHARE * seen.count)) return null;
    if (!spans(found.inliers.map((i) => kept[i]), quad)) return null;
    h = found.h;
  }
  return h;
}

// Where in the first frame the corner would have to be for `h` to map it to where it is seen; null if it is not.
function settled(one, level, h, seen) {
  let [x, y] = one.at;
  let alike = 0;
  for (let step = 0; step < 3; step++) {
    const now = warped(level, h, x, y);
    if (now === null) return null;
    if (step === 0) seen.count += 1;
    let [bx, by, dot, energy] = [0, 0, 0, 0];
    for (let i = 0; i < now.length; i++) {
      const d = one.patch[i] - now[i];
      bx += d * one.gx[i];
      by += d * one.gy[i];
      dot += one.patch[i] * now[i];
      energy += now[i] * now[i];
    }
    alike = dot / Math.sqrt(one.energy * energy || 1);
    const det = one.xx * one.yy - one.xy * one.xy;
    const [sx, sy] = [(one.yy * bx - one.xy * by) / det, (one.xx * by - one.xy * bx) / det];
    x += sx;
    y += sy;
    if (Math.abs(sx) + Math.abs(sy) < 0.03) break;
    if (Math.hypot(x - one.at[0], y - one.at[1]) > REACH) return null;
  }
  return alike < ALIKE ? null : [x, y];
}

// The window around (x, y) of the first frame as the homography shows it now, less its mean; null out of view.
function warped({ gray, width, height }, h, x, y) {
  const values = new Float32Array((2 * RADIUS + 1) ** 2);
  let sum = 0;
  for (let v = y - RADIUS, i = 0; v <= y + RADIUS; v++)
    for (let u = x - RADIUS; u <= x + RADIUS; u++, i++) {
      const w = h[6] * u + h[7] * v + h[8];
      const px = (h[0] * u + h[1] * v + h[2]) / w;
      const py = (h[3] * u + h[4] * v + h[5]) / w;
      if (!(px >= 0 && py >= 0 && px < width - 1 && py < height - 1)) return null;
      const [ix, iy] = [px | 0, py | 0];
      const [fx, fy, at] = [px - ix, py - iy, iy * width + ix];
      const top = gray[at] + fx * (gray[at + 1] - gray[at]);
      sum += values[i] = top + fy * (gray[at + width] + fx * (gray[at + width + 1] - gray[at + width]) - top);
    }
  const mean = sum / values.length;
  for (let i = 0; i < values.length; i++) values[i] -= mean;
  return values;
}

function spans(points, quad) {
  return [0, 1].every((axis) => {
    const [some, all] = [points, quad].map((list) => list.map((point) => point[axis]));
    return Math.max(...some) - Math.min(...some) >= SPREAD * (Math.max(...all) - Math.min(...all));
  });
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

