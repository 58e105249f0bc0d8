// Try a photo against the channel: what was found, what nearly was and why not, drawn upon the photo.
import { jpeg, shrink } from "./arcli.js";
import { fill, make } from "./dom.js";
import { number, percent, t } from "./texts.js";

const SIZE = 1280; // long side of the photo that is sent, px

export function trialTab(panel, { api, channel, fail, say }) {
  const canvas = make("canvas", { role: "img", "aria-label": t("try.photo"), hidden: true });
  const found = make("div", { "aria-live": "polite" });
  let turn = 0; // of the newest photo: answers to earlier ones are not shown
  const input = make("input", { type: "file", accept: "image/*", class: "unseen", id: "photo-file",
    onchange: ({ target }) => { if (target.files.length) look(target.files[0]); target.value = ""; } });
  fill(panel, make("p", {}, t("try.how")), make("label", { class: "button" }, t("scan.file"), input), canvas, found);

  async function look(file) {
    const mine = ++turn;
    found.replaceChildren();
    say(t("scan.asking"));
    try {
      const photo = await createImageBitmap(file).catch(() => { throw { code: "unreadable_picture" }; });
      if (mine !== turn) return;
      shrink(photo, SIZE, canvas);
      const answer = await api.find(channel, await jpeg(canvas, 0.9), { limit: "all", candidates: 10, count: 0 });
      if (mine !== turn) return;
      const [matches, candidates] = [answer.matches ?? [], answer.candidates ?? []];
      canvas.hidden = false;
      candidates.forEach((one) => outline(one, "#ff8c42", [8, 8]));
      matches.forEach((one) => outline(one, "#2fd07a", []));
      fill(found, block("try.found", matches.map(matched)), block("try.candidates", candidates.map(refused)));
      say(matches.length ? "" : t("try.nothing"));
    } catch (error) {
      if (mine === turn) fail(error);
    }
  }

  function outline({ quad, identifier }, color, dashes) {
    if (!quad) return;
    const paint = canvas.getContext("2d");
    paint.lineWidth = Math.max(3, canvas.width / 250);
    paint.strokeStyle = paint.fillStyle = color;
    paint.setLineDash(dashes);
    paint.beginPath();
    quad.forEach(([x, y], i) => (i ? paint.lineTo(x, y) : paint.moveTo(x, y)));
    paint.closePath();
    paint.stroke();
    paint.font = `${Math.max(14, canvas.width / 50)}px sans-serif`;
    paint.fillText(identifier, quad[0][0] + 6, quad[0][1] - 8);
  }
}

function block(title, lines) {
  return lines.length ? [make("h2", {}, t(title)), make("ul", {}, lines)] : null;
}

const matched = (match) => make("li", {}, make("strong", {}, match.identifier), " ",
  t("try.match", { score: percent(match.score), inliers: number(match.inliers) }));

const refused = (one) => make("li", {}, make("strong", {}, one.identifier), " ", one.why ?? one.reason,
  make("span", { class: "quiet" }, one.inliers === undefined ? "" : ` · ${t("try.inliers", { inliers: number(one.inliers) })}`));
