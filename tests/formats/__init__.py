"""Languages whose numbers can't be overlooked: each digit is set apart from the next."""
