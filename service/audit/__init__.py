"""A wiretap's paper trail: what supervisors did and were refused, on disk before they hear anything."""
