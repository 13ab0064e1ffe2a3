// A trace under way: the step that runs now is kept in sight, until the reader scrolls or points.

import { named } from "./behaviour.js";
import { on } from "./signal.js";

named("follow", (view) => {
  let own = false; // the reader has taken over
  const take = () => { own = true; };
  const follow = () => {
    const running = view.querySelector(".wr.now");
    if (!running || own || view.matches(":hover") || view.contains(document.activeElement)) return;
    running.scrollIntoView({ block: "nearest", inline: "nearest" });
  };
  const stop = on("frame", follow);
  for (const name of ["wheel", "touchmove", "keydown"]) view.addEventListener(name, take, { passive: true });
  follow();
  return () => {
    stop();
    for (const name of ["wheel", "touchmove", "keydown"]) view.removeEventListener(name, take);
  };
});
