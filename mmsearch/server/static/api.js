// Talks to the server. Knows its addresses and its ways to refuse; nothing of what is shown.

import { asParameters } from "/asked.js";

export const PAGE = 40;
const MOST_TRIES = 6;

/** The server's refusal: its status, its words, and the seconds after which to ask again where it said so. */
export class Refused extends Error {
  constructor(status, message, seconds) {
    super(message);
    this.status = status;
    this.seconds = seconds;
  }
}

/** There was no answer at all. */
export class Gone extends Error {}

async function ask(address, options = {}) {
  let answer;
  try {
    answer = await fetch(address, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Gone("the server does not answer");
  }
  const told = await answer.json().catch(() => ({}));
  if (answer.ok) return told;
  const seconds = answer.status === 503 ? Number(answer.headers.get("retry-after")) || 1 : 0;
  throw new Refused(answer.status, told.error || `the server answers ${answer.status}`, seconds);
}

function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, seconds * 1000);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("aborted", "AbortError"));
    });
  });
}

/** Ask, and ask again as often as a busy server wants it; `waiting` hears the seconds of each pause. */
async function patiently(address, options, waiting) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await ask(address, options);
    } catch (error) {
      if (!(error instanceof Refused) || !error.seconds || tries >= MOST_TRIES) throw error;
      waiting?.(error.seconds, error.message);
      await pause(error.seconds, options.signal);
    }
  }
}

export function search(asked, offset, signal, waiting) {
  const pairs = [...asParameters(asked), ["top", PAGE], ["offset", offset], ["explain", "true"]];
  if (!asked.files.length) return patiently(`/api/search?${new URLSearchParams(pairs)}`, { signal }, waiting);
  const form = new FormData();
  for (const [name, value] of pairs) form.append(name, value);
  for (const one of asked.files) form.append(one.modality, one.file, one.file.name || one.modality);
  return patiently("/api/search", { method: "POST", body: form, signal }, waiting);
}

const at = (id) => `/api/items/${encodeURIComponent(id)}`;

export const changes = () => ask("/api/changes");
export const status = () => ask("/api/status");
export const recent = (top) => ask(`/api/recent?top=${top}`);
export const item = (id, signal) => patiently(at(id), { signal });
export const duplicates = (id, signal) => patiently(`${at(id)}/duplicates`, { signal });
export const reveal = (id) => ask(`${at(id)}/reveal`, { method: "POST" });
