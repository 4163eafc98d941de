"use strict";
const form = document.getElementById("search");
const told = document.getElementById("told");
const list = document.getElementById("hits");

function shown(hit) {
  const entry = document.createElement("li");
  const link = document.createElement("a");
  link.href = hit.media;
  if (hit.thumbnail) {
    const picture = document.createElement("img");
    picture.src = hit.thumbnail;
    picture.alt = "";
    picture.loading = "lazy";
    link.append(picture);
  }
  const name = document.createElement("div");
  name.textContent = hit.where ? `${hit.name} ${hit.where}` : hit.name;
  link.append(name);
  entry.append(link);
  if (hit.snippet) {
    const snippet = document.createElement("p");
    snippet.textContent = hit.snippet;
    entry.append(snippet);
  }
  return entry;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const query = new URLSearchParams({ q: form.elements.q.value, top: "40" });
  const answer = await fetch(`/api/search?${query}`);
  const found = await answer.json();
  list.replaceChildren(...(found.hits || []).map(shown));
  told.textContent = found.error || `${found.hits.length} found`;
});
