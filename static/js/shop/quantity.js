// Minus and plus beside a quantity. Without JS the number field stands alone.

import { named } from "../../flowdeck/js/behaviour.js";

named("quantity", (group) => {
  const input = group.querySelector("input");
  const step = (event) => {
    const button = event.target.closest("[data-step]");
    if (!button) return;
    const least = Number(input.min), most = Number(input.max);
    input.value = Math.min(most, Math.max(least, (Number(input.value) || 0) + Number(button.dataset.step)));
  };
  group.addEventListener("click", step);
  return () => group.removeEventListener("click", step);
});
