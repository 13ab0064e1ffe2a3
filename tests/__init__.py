"""The tests mirror the code; ``guarantees/`` has one file per invariant."""
