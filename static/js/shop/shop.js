// The shop page.

import "./cart.js";
import "./order.js";
import "./filter.js";
import "./fold.js";
import "./reveal.js";
import "./rows.js";
import "./sheet.js";
