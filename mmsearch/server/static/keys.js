// The list of keyboard shortcuts, and whether single letters are any.

import { byId, button, el, kept } from "/dom.js";

const KEYS = [
  ["Everywhere", [["/", "Go to the search box"], ["Enter", "Search"], ["?", "This list"]]],
  ["Among the hits", [["← → ↑ ↓", "Move; ↓ from the search box goes to the first"], ["Home End", "First and last"], ["Enter", "Open"]]],
  ["In an open hit", [["← →", "Previous and next hit"], ["PgUp PgDn", "Previous and next page"], ["m", "More like this"], ["c", "Copy the path"], ["r", "Reveal in its folder"], ["z", "Zoom"], ["o", "Open the file"], ["Esc", "Close"]]],
];
const STORED = "mmsearch-letters";

/** Whether keys of a single letter do something; who speaks to the computer may want them not to. */
export const letters = () => kept.get(STORED) !== "off";

export function showKeys() {
  const dialog = byId("keys");
  if (dialog.open) return;
  const check = el("input", { type: "checkbox", checked: letters(), onchange: () => kept.set(STORED, check.checked ? null : "off") });
  const rows = (list) => list.map(([keys, words]) => el("div", {}, el("dt", {}, ...keys.split(" ").map((text) => el("kbd", { text }))), el("dd", { text: words })));
  dialog.replaceChildren(
    el("header", {}, el("h2", { id: "keys-title", text: "Keyboard shortcuts" }), button("close", "Close", () => dialog.close(), { quiet: true, key: "Esc" })),
    ...KEYS.map(([title, list]) => el("section", {}, el("h3", { text: title }), el("dl", {}, ...rows(list)))),
    el("label", { class: "check" }, check, el("span", { text: "Single keys work" })),
  );
  dialog.showModal();
}
