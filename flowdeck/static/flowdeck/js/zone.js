// Times in the reader's zone. The server writes all of them in UTC, the same for everybody, each with
// its moment (`datetime` or data-at) and its form (data-form); here they are put into the zone that
// was chosen: the browser's, or UTC, which a cookie remembers. What a swap brings is rewritten before
// it is compared with what stands there, so nothing flickers and nothing differs that is the same.

import { behaviour, named } from "./behaviour.js";

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const QUARTER = 15 * 60_000; // ms; no zone changes its offset at another time than a full quarter
const MOST_OFFSETS = 5_000;
const YEAR = 365 * 24 * 3600;
const WALL = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d)(:\d\d(?:\.\d{1,6})?)?$/; // without a zone
const ZONED = /^\d{4}-\d\d-\d\d[ T]\d\d:\d\d.*(Z|[+-]\d\d:?\d\d)$/;

const mine = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
const parts = new Intl.DateTimeFormat("en-GB", { timeZone: mine, hourCycle: "h23", era: "short", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric" });
const offsets = new Map(); // quarter of an hour -> ms that the reader's zone is ahead of UTC
let utc = /(?:^|; )flowdeck-zone=utc(?:;|$)/.test(document.cookie);

const two = (number) => String(number).padStart(2, "0");

function ahead(at) {
  if (utc) return 0;
  const quarter = Math.floor(at / QUARTER);
  if (!offsets.has(quarter)) {
    if (offsets.size > MOST_OFFSETS) offsets.clear();
    const told = Object.fromEntries(parts.formatToParts(at).map(({ type, value }) => [type, value]));
    const year = told.era.startsWith("B") ? 1 - told.year : Number(told.year);
    const wall = new Date(0);
    wall.setUTCFullYear(year, told.month - 1, told.day);
    wall.setUTCHours(told.hour, told.minute, told.second);
    offsets.set(quarter, wall - Math.floor(at / 1000) * 1000);
  }
  return offsets.get(quarter);
}

/** A date whose UTC fields are those of the chosen zone. */
export const shifted = (at) => new Date(at + ahead(at));

function offset(at, none) {
  const minutes = Math.round(ahead(at) / 60_000);
  if (!minutes) return none;
  return `${minutes < 0 ? "-" : "+"}${two(Math.floor(Math.abs(minutes) / 60))}:${two(Math.abs(minutes) % 60)}`;
}

/** UTC, UTC+1, UTC-3:30. */
const zone = (at) => `UTC${offset(at, "").replace(/^([+-])0?(\d+):/, "$1$2:").replace(/:00$/, "")}`;

const date = (local) => `${local.getUTCDate()} ${MONTHS[local.getUTCMonth()]}`;
const seconds = (local) => `${two(local.getUTCHours())}:${two(local.getUTCMinutes())}:${two(local.getUTCSeconds())}`;
const time = (local) => seconds(local).replace(/:00$/, "");

/** The date, to stand before a time of day; nothing if that is today. */
function day(local) {
  const today = shifted(Date.now());
  if (local.toISOString().slice(0, -14) === today.toISOString().slice(0, -14)) return "";
  return `${date(local)}${local.getUTCFullYear() === today.getUTCFullYear() ? "" : ` ${local.getUTCFullYear()}`} `;
}

function moment(at) {
  const local = shifted(at);
  return `${date(local)} ${local.getUTCFullYear()}, ${seconds(local)} ${zone(at)}`;
}

// A "day" of figures stays one of UTC; an "age" is counted elsewhere. Their titles are written all the same.
const forms = {
  moment,
  hour: (at) => day(shifted(at)) + time(shifted(at)),
  time: (at) => time(shifted(at)),
};

const put = (node, text) => { if (node.textContent !== text) node.textContent = text; };

function write(element) {
  const at = Date.parse(element.getAttribute("datetime") ?? element.dataset.at);
  if (Number.isNaN(at)) return;
  const { form } = element.dataset;
  if (element.title) element.title = moment(at);
  if (form === "clock") {
    const local = shifted(at);
    put(element.firstChild, `${day(local)}${seconds(local).slice(0, 6)}`);
    put(element.lastChild, `${two(local.getUTCSeconds())}.${String(local.getUTCMilliseconds()).padStart(3, "0")}`);
  } else if (form in forms) put(element, forms[form](at));
}

const within = (root) => {
  for (const element of root.querySelectorAll("[data-form]")) write(element);
  for (const element of root.querySelectorAll("[data-zone-name]")) put(element, zone(Date.now()));
};

behaviour("[data-form]", write);
behaviour("[data-zone-name]", (element) => put(element, zone(Date.now())));
document.addEventListener("htmx:before:swap", ({ detail: { tasks } }) => tasks.forEach(({ fragment }) => within(fragment)));

/** What is typed without a zone is meant in the chosen one, and says so before it is sent. */
function zoned(text) {
  const wall = WALL.exec(text.trim());
  if (!wall) return text;
  const told = `${wall[1]}T${wall[2]}${wall[3] ?? ""}Z`;
  const guess = Date.parse(told) - ahead(Date.parse(told));
  return Number.isNaN(guess) ? text : field(Date.parse(told) - ahead(guess));
}

const field = (at) => shifted(at).toISOString().slice(0, -5).replace("T", " ") + offset(at, "Z");

named("moment", (input) => {
  const show = () => {
    const text = WALL.test(input.value) ? `${input.value}Z` : input.value; // the server's are UTC
    if (ZONED.test(text)) input.value = field(Date.parse(text.replace(" ", "T")));
  };
  const typed = () => { input.value = zoned(input.value); };
  show();
  input.addEventListener("change", typed);
  document.addEventListener("flowdeck:zone", show);
  return () => {
    input.removeEventListener("change", typed);
    document.removeEventListener("flowdeck:zone", show);
  };
});

named("zone", (button) => {
  const say = () => {
    const [now, other] = utc ? ["UTC", mine] : [mine, "UTC"];
    button.title = mine === "UTC" ? "Times are UTC, which is your zone" : `Times are ${now}; press for ${other}`;
  };
  button.addEventListener("click", () => {
    utc = !utc;
    document.cookie = `flowdeck-zone=${utc ? "utc" : "mine"}; path=/; max-age=${YEAR}; samesite=lax`;
    within(document);
    document.dispatchEvent(new Event("flowdeck:zone"));
    say();
  });
  say();
});
