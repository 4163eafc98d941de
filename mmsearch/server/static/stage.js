// What is looked at, by its kind: a picture, a page, a clip, a sound or a passage. Knows nothing of the search.

import * as api from "/api.js";
import { el, icon } from "/dom.js";
import { clock, place } from "/format.js";
import { thumbnail, wave } from "/grid.js";
import { marked } from "/words.js";

/** Nodes for the stage and the strip below it. `look` is called with the id of another part of the file. */
export function staged(item, { words, hits, look, signal }) {
  const made = { image: picture, document: page, video, audio, text: passage }[item.modality];
  if (item.missing) return { stage: nothing(item, "This file is gone."), strip: [] };
  if (item.stale && item.modality !== "text") return { stage: nothing(item, "This file has changed since it was indexed."), strip: [] };
  return made(item, { words, hits, look, signal });
}

function nothing(item, words) {
  return el("div", { class: "nothing" }, item.partition === "audio" ? icon("audio") : thumbnail(item, 640), el("p", { text: words }));
}

function picture(item) {
  const { width, height } = item.facts;
  const shown = el("img", {
    src: item.media,
    alt: item.name,
    draggable: "false",
    onerror: () => {
      const whole = item.siblings.find((one) => !one.box && one.thumbnail) || item;
      if (frame.contains(shown)) frame.replaceChildren(el("img", { src: `${whole.thumbnail}?size=640`, alt: item.name }));
    },
  });
  const frame = el("div", { class: "frame" }, shown);
  if (width && height) {
    frame.style.setProperty("--w", width);
    frame.style.setProperty("--h", height);
    frame.classList.add("sized");
  }
  if (item.box && width && height) frame.append(outline(item.box, width, height));
  return { stage: frame, strip: [] };
}

function outline([x, y, w, h], width, height) {
  const box = el("div", { class: "outline", role: "img", "aria-label": "The part that was found" });
  const share = { left: x / width, top: y / height, width: w / width, height: h / height };
  for (const [side, value] of Object.entries(share)) box.style[side] = `${100 * value}%`;
  return box;
}

function page(item, { look }) {
  const shown = el("img", { src: `${item.thumbnail}?size=320`, alt: `Page ${item.page} of ${item.name}`, draggable: "false" });
  const stage = el("div", { class: "frame paper" }, shown);
  const large = new Image();
  large.addEventListener("load", () => shown.setAttribute("src", item.page_image)); // the small one stands in until then
  large.addEventListener("error", () => stage.replaceWith(nothing(item, "This page cannot be shown.")));
  large.src = item.page_image;
  return { stage, strip: strip(item, pages(item), (one) => one.page === item.page, look) };
}

export const pages = (item) => item.siblings.filter((one) => one.page !== undefined);

function strip(item, parts, isThis, onclick, isHit = () => false) {
  if (parts.length < 2) return [];
  return parts.map((part) => {
    const now = isThis(part);
    const words = part.page === undefined ? clock(part.start) : `${part.page}`;
    const entry = el(
      "button",
      { type: "button", class: `part${isHit(part) ? " hit" : ""}`, "aria-current": now ? "true" : null, "aria-label": place(part), "data-id": part.id, onclick: () => onclick(part.id, part) },
      thumbnail({ ...part, modality: item.modality }, 160),
      el("span", { text: words }),
    );
    return entry;
  });
}

/** Follow a player: mark the part of the strip that is heard or seen now. */
function follow(player, parts, buttons) {
  player.addEventListener("timeupdate", () => {
    let now = -1;
    parts.forEach((part, number) => {
      if (part.start <= player.currentTime + 0.05) now = number;
    });
    buttons.forEach((one, number) => {
      if (number === now) one.setAttribute("aria-current", "true");
      else one.removeAttribute("aria-current");
    });
  });
}

const timed = (item) => item.siblings.filter((one) => one.start !== undefined);

function startAt(player, seconds) {
  const seek = () => {
    player.currentTime = seconds;
  };
  if (player.readyState > 0) seek();
  else player.addEventListener("loadedmetadata", seek, { once: true });
}

function video(item, { hits }) {
  const player = el("video", { src: item.media, controls: true, preload: "auto", playsinline: true, "aria-label": item.name });
  startAt(player, item.start || 0);
  const stage = el("div", { class: "frame film" }, player);
  player.addEventListener("error", () => stage.replaceWith(nothing(item, "This browser cannot play the file; open it in a player.")));
  const parts = timed(item);
  const jump = (_, part) => startAt(player, part.start);
  const buttons = strip(item, parts, (one) => one.id === item.id, jump, (one) => hits.has(one.id));
  follow(player, parts, buttons);
  return { stage, strip: buttons };
}

function audio(item, { hits }) {
  const player = el("audio", { src: item.media, controls: true, preload: "metadata", "aria-label": item.name });
  startAt(player, item.start || 0);
  const parts = timed(item);
  const length = item.facts.duration || Math.max(...parts.map((one) => one.end), 1);
  const graph = waveform(item, parts, length, player);
  const stage = el("div", { class: "sound" }, graph, player);
  player.addEventListener("error", () => stage.append(el("p", { text: "This browser cannot play the file; open it in a player." })));
  const buttons = strip(item, parts, (one) => one.id === item.id, (_, part) => startAt(player, part.start), (one) => hits.has(one.id));
  follow(player, parts, buttons);
  return { stage, strip: buttons };
}

/** The whole sound drawn from its parts, the found one tinted; a click seeks. Keys do so by the player below it. */
function waveform(item, parts, length, player) {
  const head = el("span", { class: "head" });
  const graph = el("div", { class: "waveform", "aria-hidden": "true" });
  parts.forEach((part, number) => {
    const end = Math.min(part.end, parts[number + 1]?.start ?? part.end);
    const cell = el("span", { class: "cell" }, wave(part, 640));
    cell.style.left = `${(100 * part.start) / length}%`;
    cell.style.width = `${(100 * (end - part.start)) / length}%`;
    cell.firstChild.style.width = `${(100 * (part.end - part.start)) / Math.max(end - part.start, 0.01)}%`;
    graph.append(cell);
  });
  const found = el("span", { class: "found" });
  if (item.start !== undefined && parts.length > 1) {
    found.style.left = `${(100 * item.start) / length}%`;
    found.style.width = `${(100 * (item.end - item.start)) / length}%`;
    graph.append(found);
  }
  graph.append(head);
  const show = () => {
    head.style.left = `${(100 * player.currentTime) / length}%`;
  };
  for (const name of ["timeupdate", "seeking", "loadedmetadata"]) player.addEventListener(name, show);
  graph.addEventListener("click", (event) => {
    const { left, width } = graph.getBoundingClientRect();
    startAt(player, (length * (event.clientX - left)) / width);
  });
  return graph;
}

function passage(item, { words, signal }) {
  const code = ["code", "csv", "json"].includes(item.kind) ? " code" : "";
  const here = el("div", { class: "here" }, ...marked(item.text, words));
  const before = el("div", { class: "context" });
  const after = el("div", { class: "context" });
  const at = item.siblings.findIndex((one) => one.id === item.id);
  const fill = async (place, neighbour) => {
    if (!neighbour || at < 0) return;
    const found = await api.item(neighbour.id, signal).catch(() => null);
    if (found) place.replaceChildren(...marked(found.text, words));
  };
  fill(before, item.siblings[at - 1]).then(() => {
    if (before.textContent) here.scrollIntoView({ block: "center" });
  });
  fill(after, item.siblings[at + 1]);
  return { stage: el("div", { class: `sheet${code}`, tabindex: "0", role: "group", "aria-label": "Passage" }, before, here, after), strip: [] };
}
