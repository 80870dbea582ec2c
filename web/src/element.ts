// HTML without templates: `element("p.note", {}, "text")`.

type Child = Node | string | null | false | undefined;

/** A new element by tag and classes. Attributes that are null are left out; text is always text. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K | `${K}.${string}`,
  attributes: Record<string, string | number | boolean | null | undefined> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const [name, ...classes] = tag.split(".") as [K, ...string[]];
  const made = document.createElement(name);
  if (classes.length > 0) made.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    // Styles by property: the page's policy allows no other way everywhere.
    if (key.startsWith("--")) made.style.setProperty(key, String(value));
    else made.setAttribute(key, value === true ? "" : String(value));
  }
  made.append(...children.filter((child): child is Node | string => child !== null && child !== undefined && child !== false && child !== ""));
  return made;
}
