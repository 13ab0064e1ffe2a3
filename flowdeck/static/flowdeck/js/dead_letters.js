// Retry and discard show at once as a claim, and are sent without leaving the page: the answer, the
// page as the server has it now, is morphed in. Without script the forms work as forms do.

import { named } from "./behaviour.js";

const WORDS = { retry: "retry asked", discard: "discard asked" };

/** The rows that the form speaks of. */
function rowsOf(form) {
  const one = document.getElementById(form.dataset.claim);
  if (one) return [one];
  return [...form.querySelectorAll("[name=letter]:checked")].map((box) => box.closest("tr"));
}

function claim(form, action) {
  const rows = rowsOf(form);
  for (const row of rows) {
    row.dataset.claimed = action;
    const state = row.querySelector(".st");
    state.dataset.before = state.innerHTML;
    state.textContent = WORDS[action] ?? "asked";
  }
  return rows;
}

/** The form stays and may be sent again, which is then another action. */
function renew(form) {
  const key = form.elements.once;
  const [given, times] = key.value.split("+");
  key.value = `${given}+${Number(times ?? 0) + 1}`;
}

function takeBack(page) {
  for (const row of page.querySelectorAll("tr[data-claimed]")) {
    row.removeAttribute("data-claimed");
    const state = row.querySelector(".st");
    state.innerHTML = state.dataset.before; // what the server had sent
  }
}

named("dead-letters", (page) => {
  const submit = async (event) => {
    const form = event.target.closest("form[data-claim]");
    if (!form) return;
    event.preventDefault();
    const body = new FormData(form, event.submitter);
    const rows = claim(form, body.get("action"));
    try {
      const to = event.submitter?.getAttribute("formaction") ?? form.getAttribute("action");
      const answer = await fetch(to, { method: "POST", body, headers: { Accept: "text/html" } });
      if (!answer.ok && answer.status !== 422) throw new Error(String(answer.status));
      const sent = new DOMParser().parseFromString(await answer.text(), "text/html");
      // One letter: its row and its drawer stay, and live views tell there what becomes of it.
      if ((rows.length === 1 || form.dataset.claim) && answer.redirected && !sent.querySelector("#main > .banner")) {
        return renew(form);
      }
      if (answer.redirected) history.replaceState(history.state, "", answer.url);
      for (const part of ["#main", "#drawer"]) {
        document.querySelector(part).replaceWith(document.adoptNode(sent.querySelector(part)));
        htmx.process(document.querySelector(part));
      }
      document.querySelector(".dl-ask [name=reason]")?.focus();
    } catch {
      takeBack(page);
      form.insertAdjacentHTML("beforeend", '<p class="ferr" role="alert">No answer came, so nothing may have been done. Try again.</p>');
    }
  };

  const close = (event) => {
    const closes = event.type === "keydown" ? event.key === "Escape" : event.target.closest("#drawer [data-close]");
    const drawer = document.querySelector("#drawer");
    if (!closes || !drawer.childElementCount) return;
    event.preventDefault();
    drawer.replaceChildren();
  };

  document.addEventListener("submit", submit);
  document.addEventListener("click", close);
  document.addEventListener("keydown", close);
  return () => {
    document.removeEventListener("submit", submit);
    document.removeEventListener("click", close);
    document.removeEventListener("keydown", close);
  };
});
