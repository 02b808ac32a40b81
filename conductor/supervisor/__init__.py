"""
`bin/up`: the database, the web server, the workers and the pulse, as one.

The supervisor is plain Python without Django: it prepares the database, starts the
others as children in sessions of their own, starts again what ends, and stops all of
it when it is told to. What a killed supervisor left running is ended first.
"""
