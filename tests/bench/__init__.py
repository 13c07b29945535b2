"""`make bench`: what the service costs and how soon it reacts, beside what Asterisk alone does in the same run."""
