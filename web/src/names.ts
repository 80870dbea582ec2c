// What the names of parts have in common need not be read with each of them.

/** `Số hồ sơ trực tuyến`, `Số hồ sơ tiếp nhận` → `Trực tuyến`, `Tiếp nhận`: without the words with which all of them begin. */
export function apart(names: string[]): string[] {
  const words = names.map((name) => name.split(" "));
  const [first = [], ...others] = words;
  if (others.length === 0) return names;
  const differ = first.findIndex((word, place) => others.some((other) => other[place] !== word));
  // A name that is all in common with the others stays whole, and so do they.
  const common = Math.min(differ < 0 ? 0 : differ, ...words.map((one) => one.length - 1));
  return common === 0 ? names : words.map((one) => capitalised(one.slice(common).join(" ")));
}

function capitalised(text: string): string {
  return text.charAt(0).toLocaleUpperCase() + text.slice(1);
}
