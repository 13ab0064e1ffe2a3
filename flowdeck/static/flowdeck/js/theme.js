// Light or dark: a cookie, so that the server writes the attribute and nothing flashes.

import { named } from "./behaviour.js";

const root = document.documentElement;
const YEAR = 365 * 24 * 3600;

export function flipTheme() {
  const dark = root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  document.cookie = `flowdeck-theme=${root.dataset.theme}; path=/; max-age=${YEAR}; samesite=lax`;
}

named("theme", (button) => {
  button.addEventListener("click", flipTheme);
  return () => button.removeEventListener("click", flipTheme);
});
