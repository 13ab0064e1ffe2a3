"""The shop's processors, one module each: they hear its events and do what follows."""
