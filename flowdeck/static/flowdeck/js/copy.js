// A button that copies text: data-copy holds it, or data-copy-from names the element that does.

import { named } from "./behaviour.js";
import { tell } from "./signal.js";

named("copy", (button) => {
  const copy = async () => {
    const { copy: text, copyFrom } = button.dataset;
    try {
      await navigator.clipboard.writeText(text ?? document.getElementById(copyFrom).textContent);
      tell("toast", { title: "Copied", text: button.getAttribute("aria-label") ?? "" });
    } catch {
      tell("toast", { title: "Not copied", text: "The browser did not allow it. Select the text instead.", tone: "no" });
    }
  };
  button.addEventListener("click", copy);
  return () => button.removeEventListener("click", copy);
});
