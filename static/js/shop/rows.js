// What the page remembers of its orders (which filter, what is unfolded, what is still a claim) is put
// on the rows again after every patch, and before anything is painted.

import { named } from "../../flowdeck/js/behaviour.js";

const looks = [];

/** Run `look` after every change of my orders. */
export function afterEach(look) {
  looks.push(look);
}

/** Run them all now. */
export const lookAgain = () => looks.forEach((look) => look());

named("orders", (section) => {
  const watch = new MutationObserver(() => {
    lookAgain();
    watch.takeRecords(); // of what was done just now
  });
  lookAgain();
  watch.observe(section, { subtree: true, childList: true, characterData: true, attributeFilter: ["class", "data-shown", "data-count"] });
  return () => watch.disconnect();
});
