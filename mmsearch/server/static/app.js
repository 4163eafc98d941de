// The page: what is asked, what was found, and what is looked at; all of it in step with the address.

import * as api from "/api.js";
import { asSearch, filtered, hashOf, isSomething, itemOf, modalityOf, nothing, read, without, FILTERS } from "/asked.js";
import { Detail } from "/detail.js";
import { byId, button, el, icon, kept, toast } from "/dom.js";
import { Filters, foldersOf } from "/filters.js";
import { count, many } from "/format.js";
import { divider, focusFirst, focusOn, movable, placeholders, thumbnail, tile } from "/grid.js";
import { letters, showKeys } from "/keys.js";
import { start } from "/start.js";
import { terms } from "/words.js";

const MOST_FILES = 8;
const RECENT = 20;
const SLOW_MS = 150;
const BACK_SECONDS = 3;
const CURRENT_MS = 3000;
const THEMES = ["system", "light", "dark"];

const box = byId("q");
const list = byId("hits");
const told = byId("told");

/** Files of searches of this visit, by the name that their entry of the history has. */
const uploads = new Map();
/** Parts of "more like this", by id, so that their chip has a picture. */
const liked = new Map();
/** Folders of all that was found in this visit. */
const folders = new Set();

let asked = nothing();
let hits = [];
let more = false;
let status = null;
let recent = [];
let ready = null;
let running = null;
let looked = -1;
let shownSearch = null;
/** Another one after each commit. */
let stamp = null;

const filters = new Filters((next) => ask(next));
const detail = new Detail({
  hits: () => hits,
  at: () => looked,
  words: () => terms(asked.q),
  canReveal: () => Boolean(status?.reveal),
  letters,
  move,
  look: (id) => look(id, true),
  like,
  closed: left,
});

// What is asked

/** Ask something: the address says so, and going back undoes it. */
function ask(next) {
  let state = null;
  if (next.files.length) {
    const name = `${Date.now()} ${uploads.size}`; // not only a number: the history outlives a reload, this does not
    uploads.set(name, next.files);
    state = { upload: name };
  }
  const search = asSearch(next);
  const isNew = search !== location.search || state;
  if (detail.open) {
    looked = -1;
    history.replaceState(state, "", `/${search}`); // going back leads to the hits, not to what was open above them
    detail.close();
  } else if (isNew) history.pushState(state, "", `/${search}`);
  asked = { ...next, lost: [] };
  run();
}

/** Take the page to what the address says. */
function follow() {
  const files = uploads.get(history.state?.upload) || [];
  const id = itemOf(location.hash);
  if (shownSearch !== key(location.search)) {
    asked = read(location.search, files);
    box.value = asked.q;
    run();
  }
  if (!id) detail.close();
  else show(id);
}

const key = (search) => `${search} ${history.state?.upload || ""}`;

function withFiles(files) {
  const good = [...files].map((file) => ({ file, modality: modalityOf(file) })).filter((one) => one.modality);
  const known = good.filter((one) => !status || status.queries.includes(one.modality));
  if (good.length < files.length) toast("Only pictures, sounds and clips can be searched by");
  else if (known.length < good.length) toast(`The model ${status.model} does not take that`);
  if (known.length) ask({ ...asked, q: box.value, files: [...asked.files, ...known].slice(0, MOST_FILES) });
}

function like(item) {
  liked.set(item.id, item);
  box.value = "";
  ask({ ...nothing(), type: asked.type, like: [item.id] });
  window.scrollTo(0, 0);
}

// What was found

async function run(offset = 0) {
  running?.abort();
  const mine = (running = new AbortController());
  shownSearch = key(location.search);
  draw();
  if (!isSomething(asked)) {
    rest();
    return;
  }
  const slow = setTimeout(() => wait(offset), SLOW_MS);
  try {
    const found = await api.search(asked, offset, mine.signal, (seconds) => say(`The server is busy; asking again in ${many(seconds, "second")}…`));
    await ready; // so that paths are shown from the indexed folders on
    if (running === mine) fill(found, offset);
  } catch (error) {
    if (error.name !== "AbortError") fail(error, offset);
  } finally {
    clearTimeout(slow);
    if (running === mine) {
      byId("progress").hidden = true;
      list.removeAttribute("aria-busy");
    }
  }
}

function say(words) {
  told.textContent = words;
}

function wait(offset) {
  byId("progress").hidden = false;
  list.setAttribute("aria-busy", "true");
  byId("start").hidden = true;
  if (offset || hits.length) return;
  list.hidden = false;
  list.replaceChildren(...placeholders(15));
  say("Searching…");
}

function fill(found, offset) {
  hits = offset ? [...hits, ...found.hits] : found.hits;
  more = found.more;
  const words = terms(asked.q);
  const unlikely = hits.findIndex((hit) => hit.relevance < 0);
  const made = found.hits.flatMap((hit, number) => [
    ...(unlikely > 0 && offset + number === unlikely ? [divider()] : []),
    tile(hit, { words, roots: status?.roots || [], href: addressOf(hit.id), open: look }),
  ]);
  if (offset) list.append(...made);
  else list.replaceChildren(...made);
  if (offset) made.find((entry) => entry.querySelector("a"))?.querySelector("a").focus();
  list.hidden = byId("hits-title").hidden = !hits.length;
  byId("start").hidden = true;
  byId("more").hidden = !more;
  byId("message").replaceChildren(...(hits.length ? [] : [advice()]));
  const lost = asked.lost.length ? [`${asked.lost.join(", ")} is not part of the address: these are hits for the rest`] : [];
  const far = unlikely === 0 ? ["Nothing here is likely to be what you asked for; these are the nearest."] : [];
  byId("notes").replaceChildren(...[...far, ...lost, ...found.notes].map((text) => el("p", { text })));
  say(hits.length ? `${more ? `The best ${count(hits.length)}` : many(hits.length, asked.all_segments ? "hit" : "file")} in ${found.seconds.toFixed(2)} s` : "Nothing found");
  looked = hits.findIndex((hit) => hit.id === itemOf(location.hash));
  draw();
}

/** What to try when there is nothing. */
function advice() {
  const used = filtered(asked);
  const tips = [
    asked.mode === "lexical" ? "Search by meaning too: words alone must match." : "",
    asked.min_relevance ? "Ask for less relevance." : "",
    used.length ? "" : "Say what is to be seen, heard or read, in plain words.",
    status && !Object.keys(status.modalities).length ? "Nothing is indexed yet: run mmsearch index." : "",
  ].filter(Boolean);
  return el(
    "div",
    { class: "empty" },
    icon("search"),
    el("h2", { text: "Nothing found" }),
    ...tips.map((text) => el("p", { text })),
    used.length ? button("close", "Search without filters", () => ask(without(asked, FILTERS))) : null,
  );
}

function fail(error, offset, again = () => run(offset)) {
  const gone = error instanceof api.Gone;
  const title = gone ? "The server does not answer" : error.status === 401 ? "A token is needed" : error.status === 503 ? "The server is busy" : "That cannot be searched";
  const words = gone ? "It may have ended: mmsearch serve starts it again. This page goes on by itself." : error.message;
  say(title);
  if (!offset) {
    hits = [];
    list.replaceChildren();
  }
  list.hidden = !hits.length;
  byId("start").hidden = true;
  byId("more").hidden = true;
  byId("message").replaceChildren(
    el("div", { class: "empty", role: "alert" }, icon("warning"), el("h2", { text: title }), el("p", { text: words }), gone || error.status === 503 ? button("", "Try again", again) : null),
  );
  if (gone) comeBack(again);
}

/** Look for a server that is gone, and go on when it is there. */
function comeBack(again) {
  const mine = running;
  const timer = setInterval(async () => {
    if (running !== mine) {
      clearInterval(timer);
      return;
    }
    try {
      status = await api.status();
    } catch {
      return;
    }
    clearInterval(timer);
    if (running === mine) {
      byId("message").replaceChildren();
      again();
    }
  }, BACK_SECONDS * 1000);
}

/** Nothing is asked: say what there is. */
function rest() {
  hits = [];
  list.replaceChildren();
  list.hidden = byId("hits-title").hidden = byId("more").hidden = true;
  byId("progress").hidden = true;
  byId("notes").replaceChildren();
  const lost = asked.lost.length;
  byId("message").replaceChildren(
    ...(lost ? [el("div", { class: "empty" }, icon("image"), el("h2", { text: asked.lost.join(", ") }), el("p", { text: "A file that was searched by is not part of the address. Choose, paste or drop it again." }), button("image", "Choose a file", () => byId("file").click()))] : []),
  );
  say("");
  byId("start").hidden = !status || lost > 0;
  if (!status) return;
  const picked = recent.filter((one) => !asked.type.length || asked.type.includes(one.modality));
  byId("start").replaceChildren(
    ...start(status, picked, {
      ask: (words) => {
        box.value = words;
        ask({ ...asked, q: words });
      },
      pick: (kind) => {
        filters.toggle(kind);
        box.focus();
      },
      open: look,
      href: addressOf,
      above: () => box.focus(),
    }),
  );
}

// What stands around it

function draw() {
  for (const one of foldersOf([...hits, ...recent].map((hit) => hit.path), status?.roots || [])) folders.add(one);
  filters.draw(asked, status, [...folders]);
  const chips = [
    ...asked.files.map((one) => attached(pictureOf(one), one.file.name || "pasted", () => ask({ ...asked, q: box.value, files: asked.files.filter((other) => other !== one) }))),
    ...asked.like.map((id) => attached(likeness(id), `like ${liked.get(id)?.name || "an indexed file"}`, () => ask({ ...asked, q: box.value, like: asked.like.filter((other) => other !== id) }))),
  ];
  const place = byId("attached");
  place.hidden = !chips.length;
  place.replaceChildren(...chips);
  box.placeholder = chips.length ? "Add words, if you like" : "Describe what you are looking for";
  const label = asked.q || [...asked.files.map((one) => one.file.name), ...asked.like.map(() => "more like this")].join(", ");
  document.title = label ? `${label} – mmsearch` : "mmsearch";
}

function attached(picture, words, remove) {
  const taken = () => {
    remove();
    box.focus();
  };
  return el("li", { class: "chip" }, picture, el("span", { text: words }), button("close", `Remove ${words}`, taken, { quiet: true }));
}

function pictureOf(one) {
  if (one.modality !== "image") return icon(one.modality);
  one.url ||= URL.createObjectURL(one.file);
  return el("img", { src: one.url, alt: "" });
}

function likeness(id) {
  const item = liked.get(id);
  return item ? thumbnail(item) : icon("similar");
}

// What is looked at

const addressOf = (id) => `/${location.search}${hashOf(id)}`;

/** Open a part of a file; from within the view it takes the place of what is there. */
function look(id, within = detail.open) {
  if (within) history.replaceState(history.state, "", hashOf(id));
  else history.pushState({ ...history.state, above: true }, "", hashOf(id));
  show(id);
}

function show(id) {
  const at = hits.findIndex((hit) => hit.id === id);
  if (at >= 0 || !detail.open) looked = at;
  detail.show(id);
}

function move(step) {
  const next = hits[looked + step];
  if (next) look(next.id, true);
}

/** The view was closed: the address and the focus go back to where it was opened. */
function left() {
  document.documentElement.classList.remove("covered");
  const id = itemOf(location.hash);
  const last = hits[looked]?.id || id;
  if (id && history.state?.above) history.back();
  else if (id) history.replaceState(history.state, "", `/${location.search}`);
  focusOn(list.hidden ? byId("start") : list, last);
}

// What the user does

byId("search").addEventListener("submit", (event) => {
  event.preventDefault();
  ask({ ...asked, q: box.value.trim() });
});
byId("choose").addEventListener("click", () => byId("file").click());
byId("file").addEventListener("change", (event) => {
  withFiles(event.target.files);
  event.target.value = "";
});
byId("more").addEventListener("click", () => run(hits.length));
byId("help").addEventListener("click", showKeys);
byId("skip").addEventListener("click", (event) => {
  event.preventDefault();
  focusFirst(list.hidden ? byId("start") : list);
});
box.addEventListener("keydown", (event) => {
  if (event.key !== "ArrowDown") return;
  event.preventDefault();
  focusFirst(list.hidden ? byId("start") : list);
});
movable(list, () => box.focus());

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, select, textarea, dialog");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || !letters()) return;
  if (event.key === "/") {
    event.preventDefault();
    box.focus();
    box.select();
  } else if (event.key === "?") {
    event.preventDefault();
    showKeys();
  }
});
document.addEventListener("paste", (event) => {
  if (!event.clipboardData?.files.length || detail.open) return;
  event.preventDefault();
  withFiles(event.clipboardData.files);
});

const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
let over = 0;

document.addEventListener("dragenter", (event) => {
  if (!hasFiles(event)) return;
  over += 1;
  byId("drop").hidden = false;
});
document.addEventListener("dragover", (event) => {
  if (hasFiles(event)) event.preventDefault();
});
document.addEventListener("dragleave", (event) => {
  if (!hasFiles(event)) return;
  over = Math.max(0, over - 1);
  byId("drop").hidden = over === 0;
});
document.addEventListener("drop", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  over = 0;
  byId("drop").hidden = true;
  withFiles(event.dataTransfer.files);
});
window.addEventListener("popstate", follow);

// Light and dark

function theme() {
  const chosen = kept.get("mmsearch-theme");
  return THEMES.includes(chosen) ? chosen : "system";
}

function drawTheme() {
  const now = theme();
  if (now === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = now;
  const place = byId("theme");
  place.replaceChildren(icon(now));
  place.title = `Colours: ${{ system: "as the system", light: "light", dark: "dark" }[now]}`;
  place.setAttribute("aria-label", place.title);
}

byId("theme").addEventListener("click", () => {
  const next = THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length];
  kept.set("mmsearch-theme", next === "system" ? null : next);
  drawTheme();
});

async function learn() {
  try {
    ({ stamp } = await api.changes()); // before all that it stands for
    [status, { files: recent }] = await Promise.all([api.status(), api.recent(RECENT)]);
    draw();
    if (!isSomething(asked)) rest();
  } catch (error) {
    if (!isSomething(asked)) fail(error, 0, learn);
  }
}

// What changes meanwhile

/** Shows what has been indexed since, where that moves nothing under somebody's eyes: the first page, and no open hit. */
async function keepCurrent() {
  if (document.hidden || looked >= 0 || hits.length > api.PAGE || asked.files.length) return;
  if (stamp === null || (await api.changes()).stamp === stamp) return;
  await learn();
  if (isSomething(asked)) await run();
}

setInterval(() => keepCurrent().catch(() => {}), CURRENT_MS); // a server that is gone is told by what is asked of it

drawTheme();
ready = learn();
follow();
