"""The soak: thousands of calls with random operations, supervisors and aborts, and what is left of them."""
