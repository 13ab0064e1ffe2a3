// On narrow screens my orders are a sheet that peeks; a tap on its head opens and closes it.

import { named } from "../../flowdeck/js/behaviour.js";

named("sheet", (sheet) => {
  const head = sheet.querySelector(".bar");
  const flip = (event) => {
    if (!event.target.closest("button")) sheet.classList.toggle("open");
  };
  head.addEventListener("click", flip);
  return () => head.removeEventListener("click", flip);
});
