// Dark or light: by the address, else by what was chosen on this display, else as the screen is defined.

export type Theme = "dark" | "light";

const KEY = "theme";

function known(theme: string | null): Theme | null {
  return theme === "dark" || theme === "light" ? theme : null;
}

export function chosenTheme(): Theme | null {
  const asked = known(new URLSearchParams(location.search).get("theme"));
  if (asked !== null) return asked;
  try {
    return known(localStorage.getItem(KEY));
  } catch {
    return null;
  }
}

export function applyTheme(theme: Theme): void {
  document.documentElement.dataset["theme"] = theme;
}

export function chooseTheme(theme: Theme): void {
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // Forbidden: it stands until the page is loaded again.
  }
  applyTheme(theme);
}
