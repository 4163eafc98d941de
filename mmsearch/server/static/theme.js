// Runs before anything is drawn, so that a dark page never flashes white. Knows the stored choice alone.
"use strict";
try {
  const chosen = localStorage.getItem("mmsearch-theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // without storage the system's choice holds
}
