-- What is due, held back and dead, among millions that are done. SQLite uses a partial index only if
-- its condition stands in the query word for word (``state__among`` in flowdeck/models/delivery.py).
CREATE INDEX IF NOT EXISTS flowdeck_delivery_due ON flowdeck_delivery
  (processor, position) WHERE state IN ('pending', 'retrying');
CREATE INDEX IF NOT EXISTS flowdeck_delivery_due_slot ON flowdeck_delivery
  (processor, slot) WHERE state IN ('pending', 'retrying');
CREATE INDEX IF NOT EXISTS flowdeck_delivery_held ON flowdeck_delivery
  (processor, key) WHERE state IN ('retrying', 'dead');
CREATE INDEX IF NOT EXISTS flowdeck_delivery_dead ON flowdeck_delivery (id) WHERE state = 'dead';
CREATE INDEX IF NOT EXISTS flowdeck_delivery_open ON flowdeck_delivery
  (state, position) WHERE state IN ('retrying', 'dead', 'discarded');
