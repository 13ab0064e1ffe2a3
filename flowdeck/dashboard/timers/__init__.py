"""What will happen by itself, and when: timers, and what people may do about them."""
