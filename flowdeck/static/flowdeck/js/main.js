// What every page does. Pages with behaviours of their own load them in their `scripts` block.

import "./keys.js"; // first: what follows a g means nothing else
import "./theme.js";
import "./connection.js";
import "./live.js";
import "./time.js";
import "./zone.js";
import "./menu.js";
import "./search.js";
import "./toasts.js";
import "./copy.js";
import "./sheet.js";
import "./shown.js";
