// Hits as tiles of one size, and moving among them by the arrow keys. Knows nothing of searching.

import { el, icon } from "/dom.js";
import { KINDS, below, corner, folder, place } from "/format.js";
import { marked } from "/words.js";

const RETRY_MS = 1500;

/** A picture in a box of a fixed shape: an icon until it is there, and if it never comes. */
export function thumbnail(part, size = 320) {
  if (!part.thumbnail) return icon(part.modality || part.partition);
  if (part.partition === "audio") return wave(part, size);
  let tries = 0;
  const address = `${part.thumbnail}?size=${size}`;
  const picture = el("img", {
    src: address,
    alt: "",
    loading: "lazy",
    decoding: "async",
    draggable: "false",
    onload: () => picture.classList.add("there"),
    onerror: () => {
      tries += 1;
      if (tries === 1) setTimeout(() => picture.setAttribute("src", `${address}&again=1`), RETRY_MS);
      else picture.replaceWith(icon(part.modality || part.partition));
    },
  });
  return picture;
}

/** The waveform of a sound in the page's own colour: the picture is its mask. */
export function wave(part, size = 320) {
  const drawn = el("span", { class: "wave", "aria-hidden": "true" });
  const address = new URL(`${part.thumbnail}?size=${size}`, location.href);
  drawn.style.maskImage = `url("${address.href}")`;
  return drawn;
}

export function badge(part) {
  if (part.missing) return el("span", { class: "badge bad", text: "gone" });
  return part.stale ? el("span", { class: "badge bad", title: "Changed since it was indexed", text: "changed" }) : null;
}

function picture(part, words) {
  if (part.modality === "text") {
    return el("span", { class: "passage" }, ...marked(part.snippet || part.name, words));
  }
  return thumbnail(part);
}

function why(part) {
  return part.relevance === undefined ? null : `relevance ${part.relevance.toFixed(2)}`;
}

/** A list entry with a link to a part of a file; `open` is called with its id on a click. */
export function tile(part, { words = [], roots = [], href, open }) {
  const at = corner(part);
  const where = [below(folder(part.path), roots), place(part), part.same ? `and ${part.same.length} alike` : ""];
  const onclick = (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    open(part.id);
  };
  return el(
    "li",
    {},
    el(
      "a",
      { class: part.relevance < 0 ? "tile unlikely" : "tile", href, "data-id": part.id, title: why(part), onclick },
      el(
        "span",
        { class: `picture ${part.modality}` },
        picture(part, words),
        at ? el("span", { class: "badge", "aria-hidden": "true", text: at }) : null,
        badge(part),
      ),
      el(
        "span",
        { class: "caption" },
        icon(part.modality),
        el("span", { class: "unseen", text: KINDS[part.modality][1] }),
        el("span", { class: "name", text: part.name }),
        el("span", { class: "where", text: where.filter(Boolean).join(" · ") }),
      ),
    ),
  );
}

/** A list entry between hits that are likely and those that are not. */
export function divider() {
  return el("li", { class: "divider", text: "less likely than not" });
}

/** Tiles in the place of those that are still looked for. */
export function placeholders(number) {
  return Array.from({ length: number }, () =>
    el("li", { "aria-hidden": "true" }, el("span", { class: "tile waiting" }, el("span", { class: "picture" }))),
  );
}

const all = (list) => [...list.querySelectorAll("a.tile")];

/** The index of the tile below or above one, in the nearest column; beyond the last row the last tile, above the first -1. */
function vertical(tiles, from, step) {
  const tops = [...new Set(tiles.map((one) => one.offsetTop))];
  const top = tops[tops.indexOf(tiles[from].offsetTop) + step];
  if (top === undefined) return step < 0 ? -1 : tiles.length - 1;
  const distance = (one) => Math.abs(one.offsetLeft - tiles[from].offsetLeft);
  const row = tiles.filter((one) => one.offsetTop === top);
  return tiles.indexOf(row.reduce((best, one) => (distance(one) < distance(best) ? one : best)));
}

export function focusFirst(list) {
  all(list)[0]?.focus();
}

export function focusOn(list, id) {
  all(list)
    .find((one) => one.dataset.id === id)
    ?.focus();
}

/** Arrow keys move among the tiles of a list; up from the first row is `above`. */
export function movable(list, above) {
  list.addEventListener("keydown", (event) => {
    const tiles = all(list);
    const from = tiles.indexOf(event.target.closest?.("a.tile"));
    if (from < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const targets = {
      Home: () => 0,
      End: () => tiles.length - 1,
      ArrowLeft: () => from - 1,
      ArrowRight: () => from + 1,
      ArrowUp: () => vertical(tiles, from, -1),
      ArrowDown: () => vertical(tiles, from, 1),
    };
    const to = targets[event.key]?.();
    if (to === undefined) return;
    event.preventDefault();
    if (to < 0) above();
    else tiles[Math.min(to, tiles.length - 1)].focus();
  });
}
