// Words of a query within a text, found as the server finds them. Knows nothing of pages.

import { el, shown } from "/dom.js";

const WORD = /[\p{L}\p{N}\p{M}]+/gu;
const MOST_TERMS = 64;

/** The different words of a query; those of one or two letters, which stand everywhere, only where there are no others. */
export function terms(query) {
  const all = [...new Set((query.match(WORD) || []).map((word) => word.toLowerCase()))].slice(0, MOST_TERMS);
  const telling = all.filter((word) => word.length > 2);
  return telling.length ? telling : all;
}

function alike(token, word) {
  const [short, long] = token.length <= word.length ? [token, word] : [word, token];
  return long.startsWith(short) && long.length - short.length <= 3 && (short.length > 2 || short === long);
}

/** Nodes of a text, with a `mark` around each form of one of the words. */
export function marked(text, words) {
  if (!words.length) return [document.createTextNode(shown(text))];
  const nodes = [];
  let done = 0;
  for (const match of text.matchAll(WORD)) {
    const token = match[0].toLowerCase();
    if (!words.some((word) => alike(token, word))) continue;
    nodes.push(document.createTextNode(shown(text.slice(done, match.index))), el("mark", { text: match[0] }));
    done = match.index + match[0].length;
  }
  nodes.push(document.createTextNode(shown(text.slice(done))));
  return nodes;
}
