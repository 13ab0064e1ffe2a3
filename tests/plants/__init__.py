"""Plants: each takes one mechanism out of a copy of the code; the test named for it must fail."""
