// The chips and menus that narrow a search. Knows what may be asked; `changed` is told when it is.

import { FILTERS, without } from "/asked.js";
import { button, byId, el, icon } from "/dom.js";
import { KINDS, below, count, folder } from "/format.js";

const SPANS = { "": "Any time", "1d": "Past day", "7d": "Past week", "30d": "Past month", "365d": "Past year" };
const MODES = { "": "By meaning and by words", dense: "By meaning only", lexical: "By words only" };
const CHECKS = {
  rerank: ["Read the best again", "Slower, and better where the model's reranker helps"],
  fold: ["Fold near-duplicates", "Hits that are nearly the same become one"],
  all_segments: ["Each matching part", "Every page, passage and second, not only the best of a file"],
};
const MOST_FOLDERS = 100;
const MENUS = { date: ["after", "before"], folder: ["in", "glob"], more: ["not", "min_relevance", "mode", ...Object.keys(CHECKS)] };

export class Filters {
  constructor(changed) {
    this.changed = changed;
    this.asked = null;
    this.status = null;
    document.addEventListener("pointerdown", (event) => {
      for (const menu of this.menus()) if (!menu.contains(event.target)) menu.open = false;
    });
  }

  menus() {
    return byId("menus").querySelectorAll("details");
  }

  /** Show what is asked for; `folders` are those of the hits. Menus that are open stay as they are. */
  draw(asked, status, folders) {
    this.asked = asked;
    this.status = status;
    this.folders = folders;
    byId("kinds").replaceChildren(...this.kinds());
    if ([...this.menus()].some((menu) => menu.open)) return;
    byId("menus").replaceChildren(this.date(), this.folder(), this.more(), this.clear());
  }

  put(values) {
    this.changed({ ...this.asked, ...values });
  }

  kinds() {
    const counts = this.status?.modalities || {};
    const chip = (kind, words, number, pressed) =>
      el(
        "button",
        { type: "button", class: "chip", "aria-pressed": String(pressed), "data-kind": kind, onclick: () => this.toggle(kind) },
        kind ? icon(kind) : null,
        el("span", { text: words }),
        number === undefined ? null : el("span", { class: "number", text: count(number) }),
      );
    const chosen = this.asked.type;
    const there = Object.keys(KINDS).filter((kind) => !this.status || counts[kind] || chosen.includes(kind));
    return [
      chip("", "All", undefined, !chosen.length),
      ...there.map((kind) => chip(kind, KINDS[kind][0], this.status ? counts[kind] || 0 : undefined, chosen.includes(kind))),
    ];
  }

  toggle(kind) {
    const chosen = this.asked.type;
    const type = !kind ? [] : chosen.includes(kind) ? chosen.filter((one) => one !== kind) : [...chosen, kind];
    this.put({ type });
    byId("kinds").querySelector(`[data-kind="${kind}"]`)?.focus(); // it has been drawn anew
  }

  menu(name, words, shape, ...content) {
    const used = MENUS[name].filter((field) => this.asked[field].length).length;
    const menu = el(
      "details",
      { class: "menu", "data-menu": name },
      el("summary", { class: `chip${used ? " used" : ""}` }, icon(shape), el("span", { text: words }), used && name === "more" ? el("span", { class: "number", text: String(used) }) : null, icon("down")),
      el("div", { class: "panel", role: "group", "aria-label": words }, ...content),
    );
    menu.addEventListener("toggle", () => {
      if (menu.open) for (const other of this.menus()) if (other !== menu) other.open = false;
    });
    menu.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !menu.open) return;
      event.stopPropagation();
      menu.open = false;
      menu.querySelector("summary").focus();
    });
    return menu;
  }

  /** Close a menu and ask anew, with the focus where it was. */
  take(name, values) {
    for (const menu of this.menus()) menu.open = false;
    this.put(values);
    byId("menus").querySelector(`[data-menu="${name}"] summary`)?.focus();
  }

  choice(name, words, pressed, values, title = null) {
    return el("button", { type: "button", class: "choice", "aria-pressed": String(pressed), title, onclick: () => this.take(name, values) }, el("span", { text: words }));
  }

  date() {
    const { after, before } = this.asked;
    const known = !before && after in SPANS;
    const spans = Object.entries(SPANS).map(([value, words]) =>
      this.choice("date", words, known && after === value, { after: value, before: "" }),
    );
    const from = field("From", { type: "date", value: dated(after) });
    const to = field("Before", { type: "date", value: dated(before) });
    const set = button("", "Set dates", () => this.take("date", { after: from.input.value, before: to.input.value }));
    const words = known ? (after ? SPANS[after] : "Date") : [after, before].join("–");
    return this.menu("date", words, "calendar", ...spans, el("div", { class: "pair" }, from, to), set);
  }

  folder() {
    const roots = this.status?.roots || [];
    const inside = this.asked.in;
    const known = [...new Set([...roots, ...this.folders, ...(inside ? [inside] : [])])].sort();
    const choices = known.slice(0, MOST_FOLDERS).map((one) => this.choice("folder", below(one, roots), inside === one, { in: one }, one));
    const glob = field("Paths that match", { type: "text", value: this.asked.glob, placeholder: "holidays/**" });
    const set = button("", "Set pattern", () => this.take("folder", { glob: glob.input.value.trim() }));
    onEnter(glob, set);
    const words = inside ? below(inside, roots) : "Folder";
    return this.menu("folder", words, "folder", this.choice("folder", "Any folder", !inside, { in: "" }), ...choices, glob, set);
  }

  more() {
    const asked = this.asked;
    const none = field("Not this", { type: "text", value: asked.not, placeholder: "snow" });
    const least = field("Least relevance", { type: "number", step: "any", value: asked.min_relevance, placeholder: "any" });
    const mode = el("select", {}, ...Object.entries(MODES).map(([value, text]) => el("option", { value, text, selected: asked.mode === value })));
    const checks = Object.entries(CHECKS).map(([name, [words, hint]]) =>
      el("label", { class: "check" }, el("input", { type: "checkbox", name, checked: asked[name] === "true" }), el("span", { text: words }), el("small", { text: hint })),
    );
    const values = () => ({
      not: none.input.value.trim(),
      min_relevance: least.input.value,
      mode: mode.value,
      ...Object.fromEntries(checks.map((one) => [one.firstChild.name, one.firstChild.checked ? "true" : ""])),
    });
    const set = button("", "Apply", () => this.take("more", values()));
    onEnter(none, set);
    onEnter(least, set);
    least.append(el("small", { text: "0 keeps what is more likely right than not" }));
    return this.menu("more", "More", "sliders", none, least, el("label", { class: "field" }, el("span", { text: "Search" }), mode), ...checks, set);
  }

  clear() {
    const used = FILTERS.some((name) => this.asked[name].length);
    return button("close", "Clear filters", () => {
      this.changed(without(this.asked, FILTERS));
      byId("kinds").firstChild.focus();
    }, { hidden: !used, class: "chip plain" });
  }
}

/** The folders of some paths, and those above them below the roots. */
export function foldersOf(paths, roots) {
  const found = new Set();
  for (const path of paths) {
    for (let at = folder(path); roots.some((root) => at.length > root.length && at.startsWith(root)) && !found.has(at); at = folder(at)) {
      found.add(at);
    }
  }
  return [...found];
}

function field(words, given) {
  const input = el("input", given);
  const label = el("label", { class: "field" }, el("span", { text: words }), input);
  label.input = input;
  return label;
}

function onEnter(label, set) {
  label.input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") set.click();
  });
}

/** What a date field can show of a date. */
const dated = (text) => (/^\d{4}-\d\d-\d\d$/.test(text) ? text : "");
