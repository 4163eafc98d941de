// Elements, icons and short messages. Text becomes text nodes, never markup: names and passages come from anywhere.

const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

/** An element with attributes (`on…` are listeners, `text` its text, false and null are left out) and children. */
export function el(tag, given = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "text") made.textContent = shown(value);
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : shown(String(value)));
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

export function icon(name) {
  const drawn = document.createElementNS(SVG, "svg");
  drawn.setAttribute("class", "icon");
  drawn.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `/icons.svg#${name}`);
  drawn.append(use);
  return drawn;
}

/** A button with an icon; where there is no room for words they are its label. */
export function button(name, words, onclick, { key = "", quiet = false, ...more } = {}) {
  const title = key ? `${words} (${key})` : words;
  const naming = quiet ? { "aria-label": words, title } : { title: key ? title : null };
  return el(
    "button",
    { type: "button", class: quiet ? "quiet" : "button", ...naming, onclick, ...more },
    name ? icon(name) : null,
    quiet ? null : el("span", { text: words }),
  );
}

/** Text as it may be shown: bytes of a name that are not UTF-8 arrive as lone surrogates, and become `\xNN`. */
export function shown(text) {
  return text.replace(
    /[\uD800-\uDBFF][\uDC00-\uDFFF]|[\uD800-\uDFFF]/g,
    (found) => (found.length === 2 ? found : byteOf(found)),
  );
}

export const byteOf = (surrogate) => `\\x${(surrogate.charCodeAt(0) & 0xff).toString(16).padStart(2, "0")}`;

let hiding = 0;

/** Say something for a few seconds. */
export function toast(words) {
  const place = byId("toast");
  const dialog = document.querySelector("dialog[open]");
  (dialog || document.body).append(place); // what lies below an open dialog is neither seen nor read out
  place.textContent = shown(words);
  place.classList.add("on");
  clearTimeout(hiding);
  hiding = setTimeout(() => place.classList.remove("on"), 3500);
}

/** What was kept under a name in this browser, and keeping it. Browsers without storage forget. */
export const kept = {
  get(name) {
    try {
      return localStorage.getItem(name);
    } catch {
      return null;
    }
  },
  set(name, value) {
    try {
      if (value === null) localStorage.removeItem(name);
      else localStorage.setItem(name, value);
    } catch {
      // it holds until the page is left
    }
  },
};
