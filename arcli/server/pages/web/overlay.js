// Quads over the picture, and a picture or video laid upon a target in perspective.
import { quadTransform } from "./arcli.js";
import { make } from "./dom.js";

export class Overlay {
  /** The plane has the size of the picture in its own pixels, and is scaled into the stage. */
  constructor({ stage, plane, quads, media }) {
    Object.assign(this, { _stage: stage, _plane: plane, _quads: quads, _media: media });
    this._size = [640, 480];
    this._laid = null; // {identifier, element}
    new ResizeObserver(() => this._fit()).observe(stage);
  }

  resize(width, height) {
    this._size = [width, height];
    this._quads.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this._stage.style.aspectRatio = `${width} / ${height}`;
    this._fit();
  }

  draw(matches) {
    const lines = this._quads.children;
    while (lines.length > matches.length) lines[lines.length - 1].remove();
    matches.forEach((match, i) => {
      const line = lines[i] ?? this._quads.appendChild(make("polygon"));
      line.setAttribute("points", match.quad.map((p) => p.map((n) => n.toFixed(1)).join(",")).join(" "));
    });
    this._place(matches.find((match) => match.identifier === this._laid?.identifier));
  }

  /** Lay what the link names upon the target, or (null) take it away. Only now is it loaded. */
  lay(match, link) {
    this._media.replaceChildren();
    this._laid = null;
    if (link === null) return;
    const element = link.kind === "video"
      ? make("video", { src: link.url, loop: true, muted: true, playsInline: true, autoplay: true })
      : make("img", { src: link.url, alt: "" });
    element.referrerPolicy = "no-referrer";
    element.style.visibility = "hidden";
    this._media.append(element);
    this._laid = { identifier: match.identifier, element };
    if (match.quad) this._place(match);
  }

  _place(match) {
    if (this._laid === null) return;
    const { element } = this._laid;
    element.style.visibility = match ? "visible" : "hidden";
    // The element's box is a square of 1,000 px: the quad gives it its shape.
    if (match) element.style.transform = quadTransform(1000, 1000, match.quad);
  }

  _fit() {
    const [width, height] = this._size;
    const scale = Math.min(this._stage.clientWidth / width, this._stage.clientHeight / height);
    this._plane.style.width = `${width}px`;
    this._plane.style.height = `${height}px`;
    this._plane.style.transform = `translate(-50%, -50%) scale(${scale})`;
    this._quads.style.strokeWidth = `${3 / (scale || 1)}px`;
  }
}
