"""What needs a person: dead letters, alone, in groups and in bulk."""
