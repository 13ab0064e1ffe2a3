"""``make bench-live``: what people in front of a browser feel, measured in one."""
