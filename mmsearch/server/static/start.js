// The page before anything is asked: what is indexed, what one might ask, and what changed last.

import { el, icon } from "/dom.js";
import { KINDS, bytes, count, many } from "/format.js";
import { movable, tile } from "/grid.js";

const EXAMPLES = {
  image: ["a red car in the snow", "sunset on a beach"],
  document: ["quarterly revenue by region", "invoice"],
  video: ["a dog running on grass"],
  audio: ["rain", "a piano melody"],
  text: ["how to water tomatoes"],
};
const MOST_EXAMPLES = 6;

function kinds(status, pick) {
  return Object.keys(KINDS)
    .filter((kind) => status.modalities[kind])
    .map((kind) =>
      el("li", {}, el("button", { type: "button", class: "count", onclick: () => pick(kind) }, icon(kind), el("b", { text: count(status.modalities[kind]) }), el("span", { text: status.modalities[kind] === 1 ? capital(KINDS[kind][1]) : KINDS[kind][0] }))),
    );
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

function examples(status, ask) {
  const there = Object.keys(EXAMPLES).filter((kind) => status.modalities[kind]);
  const some = [...there.map((kind) => EXAMPLES[kind][0]), ...there.flatMap((kind) => EXAMPLES[kind].slice(1))];
  return some.slice(0, MOST_EXAMPLES).map((words) => el("li", {}, el("button", { type: "button", class: "chip", onclick: () => ask(words) }, icon("search"), el("span", { text: words }))));
}

/** The parts of the start page. `ask` is called with words, `pick` with a kind, `open` with an id. */
export function start(status, recent, { ask, pick, open, href, above }) {
  const total = Object.values(status.modalities).reduce((sum, one) => sum + one, 0);
  if (!total) {
    return [el("div", { class: "empty" }, icon("folder"), el("h2", { text: "Nothing is indexed yet" }), el("p", {}, "Run ", el("code", { text: "mmsearch index FOLDER" }), " and what it finds can be searched here."))];
  }
  const facts = [`model ${status.model}`, `index of ${bytes(status.bytes)}`, status.missing ? `${many(status.missing, "file")} gone` : "", status.files.failed ? `${many(status.files.failed, "file")} could not be read` : ""];
  const list = el("ol", { class: "grid small", "aria-labelledby": "recent-title" }, ...recent.map((one) => tile(one, { roots: status.roots, href: href(one.id), open })));
  movable(list, above);
  return [
    el("section", {}, el("h2", { text: `Search ${many(total, "file")} by meaning` }), el("p", { class: "lead", text: "With words, or with a picture, a sound or a clip: paste or drop one anywhere." }), el("ul", { class: "counts", "aria-label": "What is indexed" }, ...kinds(status, pick))),
    status.queries.includes("text") ? el("section", {}, el("h3", { text: "Try" }), el("ul", { class: "examples" }, ...examples(status, ask))) : null,
    recent.length ? el("section", {}, el("h3", { id: "recent-title", text: "Changed last" }), list) : null,
    el("p", { class: "foot" }, ...[...status.roots, ...facts.filter(Boolean)].map((text) => el("span", { text }))),
  ].filter(Boolean);
}
