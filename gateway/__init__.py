"""The HTTP process: REST, SSE, the widget, Telegram webhooks, health, metrics. It keeps nothing a restart would lose.

gateway -> domain <- shards. Started by supervisord, one listening socket shared by all gateways (it arrives as fd 0).
Redis keys: `{login:...}:tries` (sign-in counters). Tables: none of its own; everything goes through domain services.

__main__    settings, logs, the server                    server      listening socket, signals, phases of shutdown
app         create_app: middleware and every route        services    what a request may use, opened once a process
front       webhooks, read before aiohttp
routing     the route table: Route, how it is mounted     openapi     OpenAPI 3.1 from the same table
call        who calls and with what                       bodies      JSON and upload bodies, with limits and deadlines
problems    errors to RFC 9457 problem JSON               middleware  request id, access log, metrics, headers
tokens      JWTs of people and visitors                   limits      rate limits
paging      cursors                                       peer        the client's address
fanout      signals of Redis to this process's streams    sse/        one client's stream of a dialog
webhooks    which bot a webhook path belongs to           places      which site a public key belongs to
remembered  look-ups remembered for a few seconds         throttle    sign-ins that fail wait longer and longer
static      built files of the widget and the API docs    version     of the package
routes/     one file a noun
"""
