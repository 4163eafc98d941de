// The view of one hit: what it looks like, what is known of it, and what can be done with it.
// Knows items; which hit comes next, and what the address says, is the page's matter.

import * as api from "/api.js";
import { byId, button, byteOf, el, icon, toast } from "/dom.js";
import { KINDS, bytes, clock, count, day, place } from "/format.js";
import { badge, thumbnail } from "/grid.js";
import { pages, staged } from "/stage.js";
import { marked } from "/words.js";

const STAGES = {
  dense: "By meaning",
  passages: "By words in texts",
  names: "By words in names",
  fused: "Together",
  rerank: "Read again",
};

/** A path as a shell takes it, where bytes that are no UTF-8 would not survive the clipboard otherwise. */
export function copied(path) {
  const lone = /[\uD800-\uDBFF][\uDC00-\uDFFF]|[\uD800-\uDFFF]/g;
  if (!path.match(lone)?.some((one) => one.length === 1)) return path;
  const quoted = path.replace(/[\\']/g, "\\$&").replace(lone, (one) => (one.length === 2 ? one : byteOf(one)));
  return `$'${quoted}'`;
}

export class Detail {
  /** `page` has: hits(), words(), canReveal(), move(step), look(id), like(item), closed(). */
  constructor(page) {
    this.page = page;
    this.dialog = byId("detail");
    this.item = null;
    this.hit = null;
    this.looking = null;
    this.dialog.addEventListener("close", () => {
      this.quiet();
      this.page.closed();
    });
    this.dialog.addEventListener("keydown", (event) => this.key(event));
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog) this.dialog.close();
    });
  }

  get open() {
    return this.dialog.open;
  }

  close() {
    if (this.open) this.dialog.close();
  }

  /** Stop what plays and what is still fetched. */
  quiet() {
    this.looking?.abort();
    for (const player of this.dialog.querySelectorAll("video, audio")) {
      player.pause();
      player.removeAttribute("src");
      player.load();
    }
    this.item = null;
    this.dialog.replaceChildren();
  }

  async show(id) {
    const focused = this.open && this.dialog.contains(document.activeElement) ? document.activeElement.dataset.act : null;
    this.looking?.abort();
    this.looking = new AbortController();
    const { signal } = this.looking;
    this.hit = this.page.hits().find((one) => one.id === id) || null;
    if (!this.open) {
      this.dialog.replaceChildren(el("p", { class: "nothing", id: "detail-name", text: "Loading…" }));
      this.dialog.showModal();
      document.documentElement.classList.add("covered");
    }
    try {
      const item = await api.item(id, signal);
      this.draw(item, signal, focused);
    } catch (error) {
      if (error.name !== "AbortError") this.fail(error);
    }
  }

  fail(error) {
    const words = error.status === 404 ? "This is not in the index any more." : `It cannot be shown: ${error.message}.`;
    this.dialog.replaceChildren(
      el("div", { class: "nothing" }, icon("warning"), el("h2", { id: "detail-name", text: words }), button("close", "Close", () => this.dialog.close(), { "data-act": "close" })),
    );
    this.dialog.querySelector("button").focus();
  }

  draw(item, signal, focused) {
    for (const player of this.dialog.querySelectorAll("video, audio")) player.pause();
    this.item = item;
    const hits = new Set(this.page.hits().map((one) => one.id));
    const { stage, strip } = staged(item, { words: this.page.words(), hits, look: this.page.look, signal });
    const shown = el("div", { class: `stage ${item.modality}` }, stage);
    const bar = strip.length ? el("div", { class: "strip", role: "group", "aria-label": item.modality === "document" ? "Pages" : "Parts" }, ...strip) : null;
    this.dialog.replaceChildren(
      el("div", { class: "left" }, shown, this.steps(), bar),
      el("div", { class: "side" }, this.head(item), this.actions(item), this.turn(item), this.words(item), this.facts(item), this.same(), this.near(item, signal), this.explain()),
    );
    (this.dialog.querySelector(`[data-act="${focused}"]:not(:disabled)`) || this.dialog.querySelector('[data-act="close"]')).focus();
    const current = bar?.querySelector("[aria-current]");
    if (current) bar.scrollLeft = current.offsetLeft - bar.clientWidth / 2;
  }

  /** To the hits before and after it. */
  steps() {
    const hits = this.page.hits();
    const at = this.page.at();
    if (at < 0 || hits.length < 2) return null;
    const step = (by, name, words, key) =>
      button(name, words, () => this.page.move(by), { quiet: true, key, "data-act": words, disabled: !hits[at + by], class: `step ${name}` });
    return el("div", { class: "steps" }, step(-1, "left", "Previous hit", "←"), step(1, "right", "Next hit", "→"));
  }

  head(item) {
    const at = this.page.at();
    const total = this.page.hits().length;
    return el(
      "header",
      {},
      el("p", { class: "position" }, el("span", { class: "kind" }, icon(item.modality), el("span", { text: capital(KINDS[item.modality][1]) })), at >= 0 ? el("span", { text: `${at + 1} of ${count(total)}` }) : null, badge(item)),
      button("close", "Close", () => this.dialog.close(), { quiet: true, key: "Esc", "data-act": "close" }),
      el("h2", { id: "detail-name", text: item.name }),
      place(item) ? el("p", { class: "place", text: capital(place(item)) }) : null,
    );
  }

  actions(item) {
    const act = (name, words, key, done, more = {}) => button(name, words, done, { key, "data-act": words, ...more });
    const at = item.page !== undefined ? `#page=${item.page}` : item.start !== undefined ? `#t=${item.start}` : "";
    const zooms = ["image", "document"].includes(item.modality);
    return el(
      "div",
      { class: "actions" },
      act("similar", "More like this", "m", () => this.like()),
      act("copy", "Copy path", "c", () => this.copy()),
      this.page.canReveal() ? act("folder", "Reveal", "r", () => this.reveal()) : null,
      zooms ? act("zoom", "Zoom", "z", () => this.zoom(), { "aria-pressed": "false" }) : null,
      item.missing || item.stale ? null : opening(item, item.media + at),
    );
  }

  like() {
    this.page.like(this.item);
  }

  async copy() {
    const text = copied(this.item.path);
    toast((await written(text, this.dialog)) ? `Copied ${text}` : "The browser did not let the path be copied");
  }

  async reveal() {
    try {
      await api.reveal(this.item.id);
    } catch (error) {
      toast(error.message);
    }
  }

  zoom() {
    const stage = this.dialog.querySelector(".stage");
    const is = stage.classList.toggle("zoomed");
    stage.tabIndex = is ? 0 : -1;
    this.dialog.querySelector('[data-act="Zoom"]')?.setAttribute("aria-pressed", String(is));
  }

  /** Buttons that page through a document. */
  turn(item) {
    const all = pages(item);
    if (item.modality !== "document" || all.length < 2) return null;
    const at = all.findIndex((one) => one.page === item.page);
    const go = (by, name, words, key) =>
      button(name, words, () => this.page.look(all[at + by].id), { quiet: true, key, "data-act": words, disabled: !all[at + by] });
    return el("div", { class: "turn" }, go(-1, "left", "Previous page", "PgUp"), el("span", { text: `Page ${item.page} of ${all.length}` }), go(1, "right", "Next page", "PgDn"));
  }

  words(item) {
    if (item.modality === "text" || !item.text) return null;
    return el("section", { class: "words" }, el("h3", { text: "Text" }), el("p", { class: "body" }, ...marked(item.text, this.page.words())));
  }

  facts(item) {
    const { width, height, duration, taken } = item.facts;
    const rows = [
      ["Path", item.path],
      ["Size", bytes(item.size)],
      ["Dimensions", width && height ? `${count(width)} × ${count(height)} pixels` : ""],
      ["Length", duration ? clock(duration) : ""],
      ["Found at", item.box ? `x ${item.box[0]}, y ${item.box[1]}, ${item.box[2]} × ${item.box[3]} pixels` : ""],
      ["Taken", taken ? day(Date.parse(taken) / 1000) : ""],
      ["Changed", day(item.modified)],
      ["State", item.missing ? "gone since it was indexed" : item.stale ? "changed since it was indexed" : ""],
    ];
    const list = rows.filter(([, value]) => value).map(([name, value]) => el("div", {}, el("dt", { text: name }), el("dd", { text: value, class: name === "Path" ? "path" : null })));
    return el("section", {}, el("h3", { text: "File" }), el("dl", {}, ...list));
  }

  /** Hits that were folded into this one. */
  same() {
    if (!this.hit?.same) return null;
    return el("section", {}, el("h3", { text: "Alike, and folded into this one" }), el("ul", { class: "paths" }, ...this.hit.same.map((path) => el("li", { text: path }))));
  }

  near(item, signal) {
    const section = el("section", { class: "near", hidden: true }, el("h3", { text: "Near-duplicates" }));
    api
      .duplicates(item.id, signal)
      .then(({ duplicates }) => {
        section.hidden = !duplicates.length;
        section.append(el("ul", { class: "copies" }, ...duplicates.map((one) => this.twin(one, item.modality))));
      })
      .catch(() => {}); // the view is complete without them
    return section;
  }

  twin(one, modality) {
    const words = one.match === "exact" ? "the same bytes" : `${Math.floor(100 * one.likeness)} % alike`;
    return el(
      "li",
      {},
      el("button", { type: "button", title: one.path, onclick: () => this.page.look(one.id) }, thumbnail({ ...one, modality }, 160), el("span", { class: "name", text: one.name }), el("small", { text: words })),
    );
  }

  explain() {
    if (!this.hit) return null;
    const { relevance, score, rerank_score: second, stages = {}, model, rank } = this.hit;
    const cells = (...values) => el("tr", {}, ...values.map((value, at) => el(at ? "td" : "th", { scope: at ? null : "row", text: String(value) })));
    const head = el("tr", {}, ...["Stage", "Rank", "Score"].map((text) => el("th", { scope: "col", text })));
    const rows = Object.entries(stages).map(([name, one]) => cells(STAGES[name] || name, one.rank, precise(one.score)));
    const sums = [`Rank ${rank}`, `relevance ${relevance.toFixed(2)}`, `score ${precise(score)}`, second === null ? "" : `reranker ${precise(second)}`];
    return el(
      "details",
      { class: "explain" },
      el("summary", { text: "Why it was found" }),
      el("p", { text: `${sums.filter(Boolean).join(" · ")} · model ${model}` }),
      el("table", {}, el("thead", {}, head), el("tbody", {}, ...rows)),
    );
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.item) return;
    const within = event.target.closest("video, audio, input, select, textarea, .zoomed, .strip");
    const acts = { c: "Copy path", m: "More like this", r: "Reveal", z: "Zoom", o: "open", PageUp: "Previous page", PageDown: "Next page" };
    if (acts[event.key] && (event.key.length > 1 || this.page.letters())) {
      const target = this.dialog.querySelector(`[data-act="${acts[event.key]}"]:not(:disabled)`);
      if (!target) return;
      event.preventDefault();
      target.click();
    } else if (!within && (event.key === "ArrowLeft" || event.key === "ArrowRight")) {
      event.preventDefault();
      this.page.move(event.key === "ArrowLeft" ? -1 : 1);
    }
  }
}

/** The file in a tab of its own. PDFs are saved: in a browser their scripts would run. */
function opening(item, href) {
  const [text, title] = item.modality === "document" ? ["Download", "Save the file (o)"] : ["Open", "Open the file in a new tab (o)"];
  return el("a", { class: "button", href, target: "_blank", rel: "noopener", title, "data-act": "open" }, icon("open"), el("span", { text }));
}

const precise = (number) => String(Number(number.toPrecision(4)));
const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** Whether a text is on the clipboard now; without a secure context by the old way, from within `dialog`. */
async function written(text, dialog) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = el("textarea", { class: "unseen", "aria-label": "Path" });
    const before = document.activeElement;
    area.value = text;
    dialog.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    before?.focus();
    return done;
  }
}
