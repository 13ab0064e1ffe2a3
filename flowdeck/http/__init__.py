"""HTTP that goes out: to where it may, and within a deadline for all of a call."""
