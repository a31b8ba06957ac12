"""The API's documentation: the OpenAPI document, and a page that shows it."""

from html import escape

import orjson
from aiohttp import web

from gateway.call import Call
from gateway.routing import Route
from gateway.services import SERVICES

OPENAPI = web.AppKey("openapi", dict)

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_SWAGGER = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>ReplyX API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/static/docs/swagger-ui.css">
</head>
<body>
<div id="docs"></div>
<script src="/static/docs/swagger-ui-bundle.js"></script>
<script src="/api/docs/start.js"></script>
</body>
</html>
"""
_START = """SwaggerUIBundle({
  url: "/api/openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  persistAuthorization: true,
  displayRequestDuration: true,
  validatorUrl: null,
});
"""
_LISTING = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>ReplyX API</title><link rel="icon" href="data:,">
<style>body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }}
td {{ padding: .2rem 1rem .2rem 0; vertical-align: top }} code {{ white-space: nowrap }}</style></head>
<body>
<h1>ReplyX API</h1>
<p>The whole description: <a href="/api/openapi.json">/api/openapi.json</a> (OpenAPI 3.1). Errors are problem JSON
(RFC 9457). Sign in with <code>POST /api/auth/login</code> and send <code>Authorization: Bearer TOKEN</code>.</p>
<table>
{rows}
</table>
</body>
</html>
"""


async def openapi(call: Call) -> web.StreamResponse:
    """The document."""
    body = orjson.dumps(call.request.app[OPENAPI])
    return web.Response(body=body, content_type="application/json", headers={"Cache-Control": "no-cache"})


async def docs(call: Call) -> web.StreamResponse:
    """Swagger UI, or a plain listing when it was not built."""
    app = call.request.app
    built = app[SERVICES].files.has("docs/swagger-ui-bundle.js")
    html = _SWAGGER if built else _LISTING.format(rows=_rows(app[OPENAPI]))
    headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"}
    return web.Response(text=html, content_type="text/html", headers=headers)


async def start(_: Call) -> web.StreamResponse:
    """The page's script; inline it would need a hole in the policy."""
    return web.Response(text=_START, content_type="text/javascript", headers={"Cache-Control": "no-cache"})


def _rows(document: dict[str, dict[str, dict[str, dict[str, str]]]]) -> str:
    return "\n".join(
        f"<tr><td><code>{escape(method.upper())} {escape(path)}</code></td><td>{escape(operation['summary'])}</td></tr>"
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    )


_TAG = "docs"
ROUTES = (
    Route("GET", "/api/openapi.json", openapi, "public", _TAG, "The OpenAPI document.", listed=False),
    Route("GET", "/api/docs", docs, "public", _TAG, "The documentation.", listed=False),
    Route("GET", "/api/docs/start.js", start, "public", _TAG, "The documentation's script.", listed=False),
)
