"""Personal data: sealed when stored, masked when shown, revealed for a reason, forgotten."""
