// /scan: the camera's or a file's picture, what it shows, and media laid upon it.
import { Client, Scanner, jpeg, shrink } from "./arcli.js";
import { byId, make } from "./dom.js";
import { cameraError, openCamera } from "./camera.js";
import { Overlay } from "./overlay.js";
import { ResultCard } from "./result.js";
import { explain, t, translatePage } from "./texts.js";

const PHOTO = 1024; // long side of a chosen photo, px: more than a frame's, there is time
const video = byId("video");
const overlay = new Overlay({ stage: byId("stage"), plane: byId("plane"), quads: byId("quads"), media: byId("media") });
const card = new ResultCard(byId("result"), (match, link) => overlay.lay(match, link));
let scanner = null;
let client = null;
let turn = 0; // of what was asked for last: the answer to anything before it is not shown

function say(text, isError = false) {
  const status = byId("status");
  if (status.textContent !== text) status.textContent = text;
  status.className = isError ? "error" : "";
}

// The key comes in the fragment, which browsers send to no server: #u=ACCOUNT&k=KEY&c=CHANNEL
function readKey() {
  const given = new URLSearchParams(location.hash.slice(1));
  const [username, secretkey] = [given.get("u"), given.get("k")];
  const usable = Boolean(username && secretkey);
  client = usable ? new Client({ username, secretkey, channel: given.get("c") ?? "" }) : null;
  byId("key").hidden = usable;
  byId("scanner").hidden = !usable;
  if (usable && given.has("demo")) showDemo();
}

async function toggleCamera() {
  const mine = ++turn;
  if (scanner !== null) return stopCamera(t("scan.stopped"));
  say(t("scan.paused"));
  try {
    const stream = await openCamera();
    if (mine !== turn) return stream.getTracks().forEach((track) => track.stop());
    video.srcObject = stream;
    await video.play();
  } catch (error) {
    return mine === turn ? say(explain(cameraError(error)), true) : undefined;
  }
  if (mine !== turn) return undefined;
  show("video", video.videoWidth, video.videoHeight);
  scanner = new Scanner({ video, find: (photo, options) => client.find(photo, options) });
  scanner.addEventListener("answer", ({ detail }) => answered(detail));
  scanner.addEventListener("quads", ({ detail }) => overlay.draw(detail.matches));
  scanner.addEventListener("trouble", ({ detail }) => troubled(detail.error));
  video.srcObject.getVideoTracks()[0].addEventListener("ended", () => stopCamera(t("error.no_camera"), true));
  byId("camera").textContent = t("scan.stop");
  say(t("scan.looking"));
  scanner.start();
  return undefined;
}

function stopCamera(text, isError = false) {
  scanner?.stop();
  scanner = null;
  video.srcObject?.getTracks().forEach((track) => track.stop());
  video.srcObject = null;
  overlay.draw([]);
  byId("camera").textContent = t("scan.start");
  say(text, isError);
}

function answered({ matches, seconds }) {
  if (matches.length === 0) return say(t("scan.nothing"));
  say("");
  card.show(matches[0], seconds);
  return undefined;
}

function troubled(error) {
  if (!error.later) return stopCamera(explain(error), true);
  say(explain(error), true);
  return undefined;
}

async function lookUp(blob) {
  const mine = ++turn;
  if (scanner !== null || video.srcObject !== null) stopCamera("");
  say(t("scan.asking"));
  card.clear();
  const photo = byId("photo");
  try {
    const picture = await createImageBitmap(blob);
    if (mine !== turn) return undefined;
    shrink(picture, PHOTO, photo);
  } catch {
    return mine === turn ? say(explain({ code: "unreadable_picture" }), true) : undefined;
  }
  show("photo", photo.width, photo.height);
  overlay.draw([]);
  const begun = performance.now();
  try {
    const { matches } = await client.find(await jpeg(photo, 0.9), { limit: "all" });
    if (mine !== turn) return undefined;
    overlay.draw(matches.filter((match) => match.quad));
    answered({ matches, seconds: (performance.now() - begun) / 1000 });
  } catch (error) {
    if (mine === turn) say(explain(error), true);
  }
  return undefined;
}

function show(id, width, height) {
  for (const name of ["video", "photo"]) byId(name).hidden = name !== id;
  overlay.resize(width, height);
}

// The samples of `arcli serve --open`.
function showDemo() {
  const sample = (name) => `/pages/samples/${name}`;
  const tryIt = async (name) => lookUp(await (await fetch(sample(name))).blob());
  const photo = (name) => make("button", { class: "picture", onclick: () => tryIt(name) },
    make("img", { src: sample(name), alt: t("scan.demo.try", { name }), width: 160, height: 120 }));
  const picture = (name) => make("a", { class: "picture", href: sample(name), target: "_blank", rel: "noopener" },
    make("img", { src: sample(name), alt: t("scan.demo.show", { name }), width: 120, height: 120 }));
  const demo = byId("demo");
  demo.replaceChildren(make("p", {}, t("scan.demo")),
    make("div", { class: "pictures" }, photo("card_on_table.jpg"), ["card.png", "bear.jpg", "webcam.jpg"].map(picture)));
  demo.hidden = false;
}

translatePage();
document.title = `${t("scan.title")} · arcli`;
byId("key").addEventListener("submit", (event) => {
  event.preventDefault();
  const typed = new URLSearchParams();
  for (const [name, value] of new FormData(event.target)) if (value) typed.set(name, value);
  location.hash = typed.toString();
});
byId("camera").addEventListener("click", toggleCamera);
byId("file").addEventListener("change", ({ target }) => {
  if (target.files.length) lookUp(target.files[0]);
  target.value = "";
});
window.addEventListener("hashchange", () => {
  turn++;
  if (scanner !== null) stopCamera("");
  readKey();
});
window.addEventListener("online", () => scanner && say(t("scan.looking")));
readKey();
performance.mark("ready");
