"""`python -m service check`: does this Asterisk fit these settings and tenants? Looks, and changes nothing."""
