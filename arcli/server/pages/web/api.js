// The server's calls that the gallery page makes: ARCloud's, and those of /arcli/v1.
import { RecognitionError } from "./arcli.js";

export class Api {
  constructor(username, secretkey) {
    this.username = username;
    this._login = { username, secretkey };
    const bytes = new TextEncoder().encode(`${username}:${secretkey}`);
    this._authorization = `Basic ${btoa(String.fromCharCode(...bytes))}`;
  }

  channels = async () => (await this._json("channels")).channels;
  keys = async () => (await this._json("keys")).keys;
  addKey = (key) => this._json("keys", { method: "POST", body: JSON.stringify(key) });
  revokeKey = (id) => this._json(`keys/${encodeURIComponent(id)}`, { method: "DELETE" });

  /** A page of targets; query: position, limit, prefix, active, level, where. */
  targets(channel, query, signal) {
    const given = Object.entries(query).filter(([, value]) => value !== "" && value !== null && value !== undefined);
    return this._json(`${path(channel)}/targets?${new URLSearchParams(given)}`, { signal });
  }

  async picture(channel, identifier, signal) {
    const answer = await this._fetch(`/arcli/v1/${path(channel)}/targets/${encodeURIComponent(identifier)}/picture`, { signal });
    if (!answer.ok) throw await failure(answer);
    return answer.blob();
  }

  /** Remove a target; what is returned brings it back. */
  remove = (channel, identifier) =>
    this._json(`${path(channel)}/targets/${encodeURIComponent(identifier)}`, { method: "DELETE" });
  restore = (channel, removed) =>
    this._json(`${path(channel)}/restore`, { method: "POST", body: JSON.stringify({ removed }) });

  check = (channel, image) => this._json("check", { method: "POST", body: form({ channel, image }) });
  add = (channel, identifier, image, more) => this._call("AddImage", { channel, identifier, image, ...more });
  update = (channel, identifier, changes) => this._call("UpdateImageInfo", { channel, identifier, ...changes });
  find = (channel, image, more) => this._call("FindImage", { channel, image, ...more });
  statistics = async (channel, startdate, enddate) =>
    (await this._call("Statistics", { channel, startdate, enddate })).records;

  async _call(name, fields) {
    const answer = await this._fetch(`/${name}`, { method: "POST", body: form({ ...this._login, ...fields }) });
    const body = await answer.json();
    if (Number(body.returncode) === 0) return body;
    throw new RecognitionError(body.error?.code ?? `returncode ${body.returncode}`, body.error?.message, body.error?.hint);
  }

  async _json(where, options = {}) {
    const answer = await this._fetch(`/arcli/v1/${where}`, options);
    if (!answer.ok) throw await failure(answer);
    return answer.json();
  }

  async _fetch(url, options) {
    const headers = url.startsWith("/arcli/v1/") ? { authorization: this._authorization } : {};
    try {
      return await fetch(url, { ...options, headers, credentials: "omit", referrerPolicy: "no-referrer" });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new RecognitionError(navigator.onLine === false ? "offline" : "unreachable", error.message);
    }
  }
}

const path = (channel) => `channels/${encodeURIComponent(channel)}`;

function form(fields) {
  const made = new FormData();
  for (const [name, value] of Object.entries(fields))
    if (value !== null && value !== undefined) made.append(name, value);
  return made;
}

async function failure(answer) {
  const body = await answer.json().catch(() => ({}));
  return new RecognitionError(body.error?.code ?? `http ${answer.status}`, body.error?.message, body.error?.hint);
}
