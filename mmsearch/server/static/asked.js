// What is asked for, as it stands in the address of the page. Knows neither the page nor the server.

/** Name in the address, which is the server's too, and whether it may stand there several times. */
const FIELDS = {
  q: false,
  not: false,
  like: true,
  type: true,
  after: false,
  before: false,
  in: false,
  glob: false,
  mode: false,
  min_relevance: false,
  rerank: false,
  fold: false,
  all_segments: false,
};
export const FILTERS = Object.keys(FIELDS).filter((name) => name !== "q" && name !== "like");
/** Files that were searched by are not in the address; their names are. */
const UPLOAD = "upload";
/** Fragment of the address that names what is looked at. */
const ITEM = "#item=";

export function nothing() {
  const asked = { files: [], lost: [] };
  for (const [name, several] of Object.entries(FIELDS)) asked[name] = several ? [] : "";
  return asked;
}

export function read(search, files = []) {
  const given = new URLSearchParams(search);
  const asked = nothing();
  for (const [name, several] of Object.entries(FIELDS)) {
    asked[name] = several ? given.getAll(name) : given.get(name) || "";
  }
  asked.files = files;
  asked.lost = files.length ? [] : given.getAll(UPLOAD);
  return asked;
}

/** Pairs for the server. */
export function asParameters(asked) {
  const pairs = [];
  for (const [name, several] of Object.entries(FIELDS)) {
    for (const value of several ? asked[name] : [asked[name]]) {
      if (value !== "") pairs.push([name, value]);
    }
  }
  return pairs;
}

/** The part of the address behind the path. */
export function asSearch(asked) {
  const pairs = asParameters(asked);
  for (const one of asked.files) pairs.push([UPLOAD, one.file.name || one.modality]);
  return pairs.length ? `?${new URLSearchParams(pairs)}` : "";
}

export const isSomething = (asked) => Boolean(asked.q.trim() || asked.like.length || asked.files.length);
export const filtered = (asked) => FILTERS.filter((name) => asked[name].length);

export function without(asked, names) {
  const left = { ...asked };
  for (const name of names) left[name] = FIELDS[name] ? [] : "";
  return left;
}

export const itemOf = (hash) => (hash.startsWith(ITEM) ? decodeURIComponent(hash.slice(ITEM.length)) : "");
export const hashOf = (id) => (id ? ITEM + encodeURIComponent(id) : "");

const NAMED = { image: "image", audio: "audio", video: "video" };
const SUFFIXES = {
  image: ["heic", "heif", "avif", "webp", "tif", "tiff", "jpg", "jpeg", "png", "gif", "bmp"],
  audio: ["flac", "ogg", "opus", "mp3", "wav", "m4a", "aiff"],
  video: ["mkv", "webm", "mp4", "mov", "avi", "m4v"],
};

/** What a file is to search by: image, audio or video; empty for anything else. */
export function modalityOf(file) {
  const named = NAMED[file.type.split("/")[0]];
  if (named) return named;
  const suffix = file.name.slice(file.name.lastIndexOf(".") + 1).toLowerCase();
  return Object.keys(SUFFIXES).find((kind) => SUFFIXES[kind].includes(suffix)) || "";
}
