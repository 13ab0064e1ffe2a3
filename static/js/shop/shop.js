// The shop page.

import "./order.js";
import "./quantity.js";
import "./filter.js";
import "./sheet.js";
