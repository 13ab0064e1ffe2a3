-- Tallies live for a second: vacuum comes by their number, and what they say is not compressed, as
-- that would take longer than it lasts. Figures are written over again and again, in their pages.
ALTER TABLE flowdeck_tally ALTER told SET STORAGE EXTERNAL;
ALTER TABLE flowdeck_tally SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
ALTER TABLE flowdeck_handled SET (fillfactor = 60);
ALTER TABLE flowdeck_produced SET (fillfactor = 60);
ALTER TABLE flowdeck_trace SET (fillfactor = 80);
