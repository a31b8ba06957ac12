"""The widget's loader, the chat page, and the built files of both."""

from html import escape

from aiohttp import web

from domain.sites import Site
from domain.sites.rules import frame_ancestors
from gateway.call import Call
from gateway.routing import Route

_CHAT = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover">
<meta name="robots" content="noindex">
<title>{title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/static/widget/chat.css?v={css}">
<script type="module" src="/static/widget/chat.js?v={js}"></script>
</head>
<body>
<div id="replyx" data-site="{site_key}" data-accent="{accent}"></div>
<noscript>This chat needs JavaScript. Этому чату нужен JavaScript.</noscript>
</body>
</html>
"""


async def home(_: Call) -> web.StreamResponse:
    """There is no page here yet: the documentation is the best there is."""
    return web.Response(status=302, headers={"Location": "/api/docs"})


async def loader(call: Call) -> web.StreamResponse:
    """The script that customers' pages include. Raises Unavailable when it was not built."""
    call.services.files.manifest("widget")
    return call.services.files.response("widget/loader.js", versioned=False)


async def chat(call: Call, site_key: str) -> web.StreamResponse:
    """The chat, alone or in the loader's frame. Raises NotFound, Forbidden, Unavailable."""
    manifest = call.services.files.manifest("widget")
    site = await call.services.places.open_site(site_key)
    html = _CHAT.format(
        title=escape(site.name),
        css=escape(manifest.get("chat.css", "")),
        js=escape(manifest.get("chat.js", "")),
        site_key=escape(site.site_key),
        accent=escape(site.theme.accent),
    )
    headers = {
        "Content-Security-Policy": _policy(site),
        "Cache-Control": "no-cache",
        "Referrer-Policy": "strict-origin-when-cross-origin",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    return web.Response(text=html, content_type="text/html", headers=headers)


async def static_file(call: Call, name: str) -> web.StreamResponse:
    """A built file; its address carries a hash, so it may be kept for ever. Raises NotFound."""
    return call.services.files.response(name, versioned="v" in call.request.query)


def _policy(site: Site) -> str:
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "font-src 'self'; base-uri 'none'; form-action 'none'; "
        f"frame-ancestors {frame_ancestors(site.allowed_origins)}"
    )


_TAG = "pages"
ROUTES = (
    Route("GET", "/", home, "public", _TAG, "The documentation.", listed=False),
    Route("GET", "/widget.js", loader, "public", _TAG, "The widget's loader.", listed=False),
    Route("GET", "/chat/{site_key}", chat, "public", _TAG, "The chat page of a site.", listed=False),
    Route("GET", "/static/{name:.+}", static_file, "public", _TAG, "A built file.", listed=False),
)
