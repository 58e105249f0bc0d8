// What was found: identifier, score, metadata, and what the metadata's url names.
import { linkOf } from "./arcli.js";
import { fill, make } from "./dom.js";
import { percent, t } from "./texts.js";

export class ResultCard {
  /** `lay(match, link)` puts a picture or video upon the target; link null takes it away. */
  constructor(element, lay) {
    Object.assign(this, { _element: element, _lay: lay, _shown: null, _laid: false });
  }

  clear() {
    this._shown = null;
    this._element.replaceChildren();
  }

  show(match, seconds) {
    const score = t("scan.score", { score: percent(match.score ?? 0), seconds: seconds.toFixed(1) });
    const same = this._shown !== null && this._shown.identifier === match.identifier
      && this._shown.metadata === match.metadata;
    if (same) {
      this._line.textContent = score;
      return; // a screen reader need not read the same again
    }
    if (this._laid) this._lay(match, null);
    this._shown = match;
    this._laid = false;
    this._line = make("p", { class: "quiet", "aria-live": "off" }, score);
    fill(this._element, make("h2", {}, match.name ?? match.identifier), this._line,
      match.name ? make("p", { class: "quiet" }, match.identifier) : null,
      this._links(match), this._metadata(match.metadata));
  }

  _links(match) {
    const link = linkOf(match.metadata);
    if (link === null) return null;
    const words = t(link.kind === "model" ? "scan.model" : "scan.open");
    const open = make("a", { class: "button", href: link.url, target: "_blank", rel: "noopener noreferrer" }, words);
    return make("p", { class: "bar" }, open, link.kind === "picture" || link.kind === "video" ? this._layer(match, link) : null);
  }

  _layer(match, link) {
    const button = make("button", { onclick: () => {
      this._laid = !this._laid;
      button.textContent = t(this._laid ? "scan.take" : "scan.lay");
      this._lay(match, this._laid ? link : null);
    } }, t("scan.lay"));
    return button;
  }

  _metadata(metadata) {
    if (!metadata) return null;
    let text = metadata;
    try {
      text = JSON.stringify(JSON.parse(metadata), null, 2);
    } catch { /* it is shown as it stands */ }
    return make("details", {}, make("summary", {}, t("scan.metadata")), make("pre", { tabIndex: 0 }, text));
  }
}
