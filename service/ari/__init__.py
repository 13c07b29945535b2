"""ARI, one to one: a typed client, event models and the event stream. Knows no tenant and no contract."""
