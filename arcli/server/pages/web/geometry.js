// Planar geometry: homographies between a picture and a quad, and the matrices that CSS and WebGL need.
// A point is [x, y]; a homography is 9 numbers, row by row, that map (x, y, 1).

/** Map a point. */
export function project(h, [x, y]) {
  const w = h[6] * x + h[7] * y + h[8];
  return [(h[0] * x + h[1] * y + h[2]) / w, (h[3] * x + h[4] * y + h[5]) / w];
}

/** The homography that maps `from` to `to` (4 points or more; least squares), null if there is none. */
export function homography(from, to) {
  const a = normal(from);
  const b = normal(to);
  const rows = Array.from({ length: 8 }, () => new Float64Array(9));
  const add = (r, value) => {
    for (let i = 0; i < 8; i++) {
      for (let j = 0; j < 8; j++) rows[i][j] += r[i] * r[j];
      rows[i][8] += r[i] * value;
    }
  };
  for (let i = 0; i < from.length; i++) {
    const [x, y] = a.map(from[i]);
    const [u, v] = b.map(to[i]);
    add([x, y, 1, 0, 0, 0, -u * x, -u * y], u);
    add([0, 0, 0, x, y, 1, -v * x, -v * y], v);
  }
  const solved = solve(rows);
  if (solved === null) return null;
  const h = multiply(multiply(b.inverse, [...solved, 1]), a.matrix);
  return Math.abs(h[8]) < 1e-12 ? null : h.map((value) => value / h[8]);
}

/** A homography that agrees with most pairs: {h, inliers: indices}, or null. Deterministic. */
export function ransac(from, to, { threshold = 2, rounds = 80 } = {}) {
  let best = [];
  let seed = 12345;
  const draw = () => { // by the generator's high bits: its low ones repeat soon
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * from.length);
  };
  for (let round = 0; round < rounds && from.length >= 4; round++) {
    const four = new Set();
    for (let tries = 0; four.size < 4 && tries < 40; tries++) four.add(draw());
    if (four.size < 4) break;
    const h = homography([...four].map((i) => from[i]), [...four].map((i) => to[i]));
    if (h === null) continue;
    const agree = agreeing(h, from, to, threshold);
    if (agree.length > best.length) best = agree;
    if (best.length > 0.9 * from.length) break;
  }
  if (best.length < 4) return null;
  const h = homography(best.map((i) => from[i]), best.map((i) => to[i]));
  if (h === null) return null;
  const inliers = agreeing(h, from, to, threshold);
  return inliers.length < 4 ? null : { h, inliers };
}

/** 16 numbers, column by column, that lay a width × height rectangle upon the quad: for WebGL or CSS. */
export function quadMatrix(width, height, quad) {
  const h = homography([[0, 0], [width, 0], [width, height], [0, height]], quad);
  if (h === null) return null;
  return [h[0], h[3], 0, h[6], h[1], h[4], 0, h[7], 0, 0, 1, 0, h[2], h[5], 0, h[8]];
}

/** The CSS transform that lays an element of this size upon the quad (with `transform-origin: 0 0`). */
export function quadTransform(width, height, quad) {
  const matrix = quadMatrix(width, height, quad);
  return matrix === null ? "none" : `matrix3d(${matrix.map((n) => +n.toFixed(9)).join(",")})`;
}

/** Whether a quad is convex and goes round in one direction: others are no view of a flat thing. */
export function isConvex(quad) {
  const turns = quad.map((p, i) => {
    const [q, r] = [quad[(i + 1) % 4], quad[(i + 2) % 4]];
    return (q[0] - p[0]) * (r[1] - q[1]) - (q[1] - p[1]) * (r[0] - q[0]);
  });
  return turns.every((turn) => turn > 0) || turns.every((turn) => turn < 0);
}

/** Whether a point lies in a convex quad. */
export function inside(quad, [x, y]) {
  const sides = quad.map(([ax, ay], i) => {
    const [bx, by] = quad[(i + 1) % 4];
    return (bx - ax) * (y - ay) - (by - ay) * (x - ax);
  });
  return sides.every((side) => side >= 0) || sides.every((side) => side <= 0);
}

function agreeing(h, from, to, threshold) {
  const found = [];
  for (let i = 0; i < from.length; i++) {
    const [x, y] = project(h, from[i]);
    if (Math.hypot(x - to[i][0], y - to[i][1]) < threshold) found.push(i);
  }
  return found;
}

// Points are moved and scaled to about 1 before equations are solved: else they are badly conditioned.
function normal(points) {
  const n = points.length;
  const cx = points.reduce((sum, p) => sum + p[0], 0) / n;
  const cy = points.reduce((sum, p) => sum + p[1], 0) / n;
  const s = points.reduce((sum, p) => sum + Math.hypot(p[0] - cx, p[1] - cy), 0) / n || 1;
  return {
    map: ([x, y]) => [(x - cx) / s, (y - cy) / s],
    matrix: [1 / s, 0, -cx / s, 0, 1 / s, -cy / s, 0, 0, 1],
    inverse: [s, 0, cx, 0, s, cy, 0, 0, 1],
  };
}

function multiply(a, b) {
  const c = new Array(9).fill(0);
  for (let i = 0; i < 3; i++)
    for (let j = 0; j < 3; j++) for (let k = 0; k < 3; k++) c[3 * i + j] += a[3 * i + k] * b[3 * k + j];
  return c;
}

function solve(rows) {
  const n = rows.length;
  for (let c = 0; c < n; c++) {
    let pivot = c;
    for (let r = c + 1; r < n; r++) if (Math.abs(rows[r][c]) > Math.abs(rows[pivot][c])) pivot = r;
    if (Math.abs(rows[pivot][c]) < 1e-12) return null;
    [rows[c], rows[pivot]] = [rows[pivot], rows[c]];
    for (let r = 0; r < n; r++) {
      if (r === c) continue;
      const factor = rows[r][c] / rows[c][c];
      for (let k = c; k <= n; k++) rows[r][k] -= factor * rows[c][k];
    }
  }
  return rows.map((row, i) => row[n] / row[i]);
}
