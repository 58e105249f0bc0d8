// arcli.js: recognise pictures from a web page. No dependencies; types in arcli.d.ts.
//
//   import { Client, Scanner } from "https://your-server/pages/arcli.js";
//   const client = new Client({ url: "https://your-server", username: "shop", secretkey: FIND_ONLY_KEY });
//   const scanner = new Scanner({ video, find: (photo, options) => client.find(photo, options) });
//   scanner.addEventListener("quads", (event) => draw(event.detail.matches));
//   scanner.start();
import { homography, inside, isConvex, project, quadMatrix, quadTransform } from "./geometry.js";
import { Tracker, grayFrame } from "./tracker.js";

export { Tracker, grayFrame, homography, inside, isConvex, project, quadMatrix, quadTransform };

const CODES = {
  20001: "wrong_credentials", 20003: "channel_not_found", 20004: "not_your_channel", 20006: "picture_too_large",
  20007: "unreadable_picture", 20013: "too_few_features", 20014: "target_not_found", 20015: "busy",
  20016: "target_exists",
};
const LATER = new Set(["busy", "rate_limited", "offline", "unreachable", "timeout"]);

/** What went wrong: `code` is one of arcli's error names, or offline, unreachable, timeout. */
export class RecognitionError extends Error {
  constructor(code, message = code, hint = "") {
    super(message);
    this.name = "RecognitionError";
    this.code = code;
    this.hint = hint;
    /** Whether the same request may succeed later. */
    this.later = LATER.has(code);
  }
}

/** Calls one server's FindImage. A find-only key (`arcli account add NAME --scan-only`) may be published. */
export class Client {
  constructor({ url = "", username, secretkey, channel = "", timeout = 15000 }) {
    this._url = url.replace(/\/$/, "");
    this._fields = { username, secretkey, ...(channel ? { channel } : {}) };
    this._timeout = timeout;
  }

  /** Look a photo (a JPEG or PNG blob) up. Returns {matches, candidates}; throws a RecognitionError. */
  async find(photo, { signal, ...more } = {}) {
    const form = new FormData();
    for (const [name, value] of Object.entries({ ...this._fields, ...more })) form.append(name, String(value));
    form.append("image", photo, "photo.jpg");
    const body = await this._post(`${this._url}/FindImage`, form, signal);
    const code = Number(body.returncode);
    if (code !== 0) {
      const error = body.error ?? {};
      throw new RecognitionError(error.code ?? CODES[code] ?? `returncode ${code}`, error.message, error.hint);
    }
    const first = body.identifier === undefined ? [] : [body];
    return { matches: body.matches ?? first, candidates: body.candidates ?? [] };
  }

  async _post(url, body, signal) {
    const limit = AbortSignal.timeout(this._timeout);
    const until = signal === undefined ? limit : anyOf([signal, limit]);
    let answer;
    try {
      answer = await fetch(url, { method: "POST", body, signal: until, credentials: "omit", referrerPolicy: "no-referrer" });
    } catch (error) {
      if (signal?.aborted) throw error;
      if (limit.aborted) throw new RecognitionError("timeout");
      throw new RecognitionError(navigator.onLine === false ? "offline" : "unreachable", error.message);
    }
    if (answer.status === 429 || answer.status === 503) throw new RecognitionError("busy");
    try {
      return await answer.json();
    } catch {
      throw new RecognitionError("bad_answer", `the server answered ${answer.status}, not JSON`);
    }
  }
}

/** Shrink a picture or video to a long side of `size` px; returns the canvas. */
export function shrink(source, size, canvas = document.createElement("canvas")) {
  const [width, height] = sizeOf(source);
  const scale = Math.min(1, size / Math.max(width, height));
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  canvas.getContext("2d", { willReadFrequently: true }).drawImage(source, 0, 0, canvas.width, canvas.height);
  return canvas;
}

/** Encode a canvas as JPEG. */
export function jpeg(canvas, quality = 0.8) {
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new RecognitionError("no_frame"))), "image/jpeg", quality);
  });
}

/**
 * Looks the pictures of a video up, one request at a time, and follows what was found between answers.
 *
 * Events: "quads" (each frame: detail.matches with their quads in pixels of the video, detail.frame),
 * "answer" (detail.matches, detail.seconds), "trouble" (detail.error). While the page is hidden it pauses.
 */
export class Scanner extends EventTarget {
  constructor({ video, find, size = 640, trackSize = 320, pause = 300, rest = 1200, longest = 15000 }) {
    super();
    Object.assign(this, { video, _find: find, _size: size, _trackSize: trackSize });
    /** ms: after an answer; while something is followed; at most, after trouble. */
    this._waits = { pause, rest, longest };
    this._small = document.createElement("canvas");
    this._large = document.createElement("canvas");
    this._wake = () => document.hidden || this._woken?.();
  }

  start() {
    if (this._stop) return;
    this._stop = new AbortController();
    this._shown = null; // {tracker, matches}: what the last answer found
    this._pending = null; // the tracker that began at the frame which was sent
    document.addEventListener("visibilitychange", this._wake);
    this._watch(this._stop.signal);
    this._ask(this._stop.signal);
  }

  stop() {
    this._stop?.abort();
    this._stop = null;
    this._woken?.();
    document.removeEventListener("visibilitychange", this._wake);
  }

  async _ask(signal) {
    let wait = this._waits.pause;
    while (!signal.aborted) {
      if (document.hidden || !this._ready()) {
        await this._sleep(document.hidden ? this._waits.longest : 50);
        continue;
      }
      try {
        await this._once(signal);
        wait = this._shown === null ? this._waits.pause : this._waits.rest;
      } catch (error) {
        this._pending = null;
        if (signal.aborted) return;
        this._tell("trouble", { error });
        if (!error.later) return this.stop();
        wait = Math.min(this._waits.longest, Math.max(1000, 2 * wait));
      }
      await this._sleep(wait);
    }
  }

  async _once(signal) {
    const canvas = shrink(this.video, this._size, this._large);
    const tracker = new Tracker(this._frame(canvas)); // the video may show its next frame already
    this._pending = tracker;
    const begun = performance.now();
    const matches = await this._look(await jpeg(canvas), signal);
    if (signal.aborted) return;
    const up = this.video.videoWidth / canvas.width;
    const quads = matches.map((match) => ({ ...match, quad: match.quad?.map(([x, y]) => [x * up, y * up]) }));
    this._pending = null;
    if (quads.length && quads[0].quad) tracker.restrict(this._scaled(quads[0].quad, 1 / this._up));
    this._shown = quads.length ? { tracker, matches: quads } : null;
    this._tell("answer", { matches: quads, seconds: (performance.now() - begun) / 1000 });
  }

  async _look(photo, signal) {
    try {
      return (await this._find(photo, { signal })).matches;
    } catch (error) {
      if (error.code === "too_few_features") return []; // a wall, or a hand before the lens
      throw error;
    }
  }

  // Each new frame of the video: move both trackers, tell where the quads are.
  _watch(signal) {
    const next = () => {
      if (signal.aborted) return;
      if (!document.hidden && this._ready() && (this._shown || this._pending)) this._follow();
      if (this.video.requestVideoFrameCallback) this.video.requestVideoFrameCallback(next);
      else requestAnimationFrame(next);
    };
    next();
  }

  _follow() {
    const frame = this._frame();
    this._pending?.advance(frame);
    const shown = this._shown;
    const moves = shown !== null && shown.tracker.advance(frame);
    if (shown !== null && !moves) {
      this._shown = null;
      this._woken?.(); // ask again at once
    }
    const matches = moves ? shown.matches.map((match) => ({ ...match, quad: this._located(shown, match) })) : [];
    this._tell("quads", { matches: matches.filter((match) => match.quad), frame: frame[0] });
  }

  _located({ tracker }, match) {
    if (!match.quad) return null;
    const moved = tracker.locate(this._scaled(match.quad, 1 / this._up));
    return moved && this._scaled(moved, this._up);
  }

  _frame(source = this.video) {
    const canvas = shrink(source, this._trackSize, this._small);
    this._up = this.video.videoWidth / canvas.width;
    return grayFrame(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height));
  }

  _scaled(quad, factor) {
    return quad.map(([x, y]) => [x * factor, y * factor]);
  }

  _ready() {
    return this.video.readyState >= 2 && this.video.videoWidth > 0 && !this.video.paused;
  }

  _sleep(ms) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this._woken = () => (clearTimeout(timer), resolve());
    });
  }

  _tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

/** The http(s) address that a target's metadata names as `url`, with its kind; null if there is none. */
export function linkOf(metadata) {
  let value;
  try {
    value = typeof metadata === "string" ? JSON.parse(metadata) : metadata;
    const url = new URL(value.url);
    if (url.protocol !== "http:" && url.protocol !== "https:") return null;
    const ending = /\.([a-z0-9]+)$/i.exec(url.pathname)?.[1].toLowerCase() ?? "";
    const kind = Object.entries(KINDS).find(([, endings]) => endings.includes(ending))?.[0] ?? "page";
    return { url: url.href, kind };
  } catch {
    return null; // no JSON, no object, no url, or none that is an address
  }
}

const KINDS = {
  picture: ["jpg", "jpeg", "png", "webp", "gif", "avif", "svg"],
  video: ["mp4", "webm", "mov", "m4v", "ogv"],
  model: ["glb", "gltf", "usdz"],
};

function sizeOf(source) {
  return [
    source.videoWidth || source.naturalWidth || source.width,
    source.videoHeight || source.naturalHeight || source.height,
  ];
}

// AbortSignal.any is missing in browsers before 2024.
function anyOf(signals) {
  if (AbortSignal.any) return AbortSignal.any(signals);
  const both = new AbortController();
  for (const signal of signals) signal.addEventListener("abort", () => both.abort(signal.reason));
  return both.signal;
}
