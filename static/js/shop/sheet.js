// On narrow screens cart and orders are a sheet that peeks; a tap on its grip opens and closes it.

import { named } from "../../flowdeck/js/behaviour.js";

named("side-sheet", (sheet) => {
  const grip = sheet.querySelector(".grip");
  const flip = () => grip.setAttribute("aria-expanded", String(sheet.classList.toggle("open")));
  grip.addEventListener("click", flip);
  return () => grip.removeEventListener("click", flip);
});
