"""For clients of what is not encrypted."""

import ssl

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""httpx's `verify`: of itself it reads all of the machine's certificates for each client, 25 ms of a core."""
