"""From the bell to done: lanes, batches, attempts, and the sweep that misses nothing."""
