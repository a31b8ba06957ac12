"""One client's live view of one dialog, as text/event-stream (docs/api.md has the events).

frames     bytes on the wire; pure                     view      what the client has: order, gaps, partial text; pure
feed       the bounded queue between fanout and stream history   what was missed, from Postgres and from Redis
stream     the loop: replay, snapshot, live, heartbeat connection  the socket: headers, deadlines, buffer sizes
registry   how many streams a client has; the end of all at shutdown        timing    every period in one place
"""
