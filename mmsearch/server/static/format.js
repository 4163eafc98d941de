// Numbers, dates and places as people read them.

export const KINDS = {
  image: ["Pictures", "picture"],
  document: ["Documents", "document"],
  video: ["Videos", "video"],
  audio: ["Sounds", "sound"],
  text: ["Texts", "text"],
};

export const count = (number) => number.toLocaleString("en");

export function many(number, one, more = `${one}s`) {
  return `${count(number)} ${number === 1 ? one : more}`;
}

export function clock(seconds) {
  const whole = Math.floor(seconds);
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const [hours, minutes, rest] = parts;
  const tail = `${String(rest).padStart(2, "0")}`;
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`;
}

export function bytes(number) {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (number >= 1000 && unit < units.length - 1) {
    number /= 1000;
    unit += 1;
  }
  return `${unit && number < 10 ? number.toFixed(1) : Math.round(number)} ${units[unit]}`;
}

export function day(seconds) {
  return new Date(seconds * 1000).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

/** Where in its file a part is, in few words; empty for all of it. */
export function place(part) {
  if (part.page !== undefined) return `page ${part.page}`;
  if (part.start !== undefined) return `${clock(part.start)}–${clock(part.end)}`;
  if (part.line_start !== undefined) {
    return part.line_start === part.line_end ? `line ${part.line_start}` : `lines ${part.line_start}–${part.line_end}`;
  }
  return part.box ? "part of the picture" : "";
}

/** What stands on a thumbnail. */
export function corner(part) {
  if (part.page !== undefined) return `p. ${part.page}`;
  return part.start === undefined ? "" : clock(part.start);
}

const separator = (path) => (path.includes("/") ? "/" : "\\");

export function folder(path) {
  return path.slice(0, Math.max(path.lastIndexOf(separator(path)), 0)) || separator(path);
}

/** A path below one of the indexed folders, with the folder's own name first only where there are several. */
export function below(path, roots) {
  const root = roots.filter((one) => path === one || path.startsWith(one + separator(one))).sort((a, b) => b.length - a.length)[0];
  if (!root) return path;
  const rest = path.slice(root.length + 1);
  const own = root.slice(root.lastIndexOf(separator(root)) + 1);
  if (roots.length > 1) return rest ? `${own}${separator(root)}${rest}` : own;
  return rest || own;
}
