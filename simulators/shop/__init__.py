"""The demo shop's web page: an invented shop whose site carries the chat widget, as a customer's site would.

Owns no state. Started by the demo (`demo-shop`) and by the browser tests; knows the gateway's address and a site key.

- `server.py`     the application: `/ru`, `/en`, `/shop.css`, `/health`; `create_app`, `running_shop`
- `words.py`      what the page says in each language, with the goods and prices of the knowledge base
- `pages/`        `shop.html`, `card.html`, `shop.css`
- `art/`          drawings, put into the page as they are (they take their colours from the style sheet)
- `__main__.py`   `python -m simulators.shop --port N --gateway URL --site-key KEY`
"""

from simulators.shop.server import create_app, running_shop

__all__ = ["create_app", "running_shop"]
